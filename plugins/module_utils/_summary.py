# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few lines that a person reads at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._secret_reference import reference
from ansible_collections.amica.stack.plugins.module_utils._stack_health import variant_health
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_text

NEXT_COMMANDS = (
    ("see what runs", "ansible-playbook playbooks/status.yml"),
    ("read the log", "ansible-playbook playbooks/logs.yml -e logs_since=10m"),
    ("roll out an edit of app/", "ansible-playbook site.yml --tags redeploy"),
)

CONTINUE = "ansible-playbook playbooks/continue.yml   # or, to send it back, with -e continue_action=rollback"


def part(stack: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of the stack, empty where it is absent."""
    return stack.get(name) or {}


METRICS = {
    "ECSServiceAverageCPUUtilization": "CPU at {} %",
    "ECSServiceAverageMemoryUtilization": "memory at {} %",
    "ALBRequestCountPerTarget": "{} requests a minute and task",
}


def scaling_text(scaling: Mapping[str, Any]) -> str:
    """Such as `2 to 4 tasks, CPU at 60 %, amica-evening`."""
    policies = (
        METRICS[policy["metric"]].format(f"{policy['target']:g}") if policy["metric"] in METRICS else policy["name"]
        for policy in scaling.get("policies", ())
    )
    schedules = (schedule["name"] for schedule in scaling.get("schedules", ()))
    return ", ".join((f"{scaling['min']} to {scaling['max']} tasks", *policies, *schedules))


def network(vpc: Mapping[str, Any]) -> str:
    """Where the tasks run and how they get out, in one line."""
    reach = "private" if vpc.get("private_subnet_ids") else "public"
    words = [f"{len(vpc.get(f'{reach}_subnet_ids') or ())} {reach} subnets"]
    counted = {"nat_gateways": "NAT gateways", "endpoints": "endpoints", "network_acl_ids": "network ACLs"}
    words += [f"{len(vpc[name])} {title}" for name, title in counted.items() if vpc.get(name)]
    if vpc.get("flow_logs"):
        words.append(f"flow logs to {vpc['flow_logs'][0]['destination']}")
    return ", ".join(words)


def traffic(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Which target group has it, or how two share it."""
    shares = {first["name"]: 100 - second["percent"], second["name"]: second["percent"]}
    return ", ".join(f"{percent} % to {name}" for name, percent in shares.items() if percent)


# Resources that are named of those that do not meet a rule.
MOST_RESOURCES = 3
EDGE = {
    "web_acl": "web ACL",
    "allowed_networks": "allowed networks",
    "denied_networks": "denied networks",
    "error_page": "error page",
    "vpc_origin": "VPC origin",
    "secret_header": "secret header",
}
STORES = {"secretsmanager": "Secrets Manager", "ssm": "Parameter Store"}
ACCESS_LOGS = {"load_balancer_logs": "load balancer", "distribution_logs": "CloudFront"}
HTTP_VERSIONS = {"http1.1": "HTTP/1.1", "http2": "HTTP/2", "http3": "HTTP/3", "http2and3": "HTTP/2 and 3"}


def edge_text(distribution: Mapping[str, Any], edge: Mapping[str, Any], is_open: bool) -> str:
    """What viewers are offered and what stands around the distribution, such as `HTTP/2 and 3, IPv6, web ACL`."""
    http = str(distribution.get("http_version") or "")
    words = [HTTP_VERSIONS.get(http, http), "IPv6" if distribution.get("ipv6") else "", distribution.get("minimum_tls")]
    words += [title for name, title in EDGE.items() if edge.get(name)]
    words.append("security headers" if distribution.get("response_headers_policy_id") else "")
    words += [f"keeps {path}" for path in distribution.get("cached_paths", ())]
    words.append("" if is_open else "the only way to the load balancer")
    return ", ".join(word for word in words if word)


def clients_text(target_group: Mapping[str, Any]) -> str:
    """For how long a client has its task; empty where each request may go to another."""
    seconds, delay = target_group.get("stickiness_duration"), target_group.get("deregistration_delay")
    return f"stay with their task for {seconds} s, and {delay} s when it leaves" if seconds else ""


def size_text(definition: Mapping[str, Any]) -> str:
    """Such as `256 CPU units, 512 MiB, 20 GiB, X86_64`."""
    size = f"{definition['cpu']} CPU units, {definition['memory']} MiB, {definition['ephemeral_storage']} GiB"
    return f"{size}, {definition['architecture']}"


def secrets_text(secrets: Mapping[str, str]) -> str:
    """Such as `CHAINLIT_AUTH_SECRET (Parameter Store)`."""
    places = {name: reference(arn) for name, arn in secrets.items()}
    return ", ".join(f"{name} ({STORES[place.store]})" if place else name for name, place in places.items())


def share_on_spot(service: Mapping[str, Any]) -> str:
    """Such as `, 50 % on Fargate Spot`."""
    percent, base = service.get("spot_percent"), service.get("on_demand_base")
    beyond = f" beyond {base} on demand" if base else ""
    return f", {percent} %{beyond} on Fargate Spot" if percent else ""


def rows(stack: Mapping[str, Any], embedded: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    urls, service, definition = part(stack, "urls"), part(stack, "service"), part(stack, "task_definition")
    yield "Stack", f"{stack['name']} ({stack.get('environment') or 'no profile'}) in {stack['region']}"
    if chat := urls.get("domain") or urls.get("load_balancer") or urls.get("cloudfront"):
        yield "Chat", chat
    if urls.get("cloudfront"):
        yield "CloudFront", f"{urls['cloudfront']} ({part(stack, 'distribution').get('status')})"
        is_open = part(stack, "load_balancer").get("open", True)
        yield "Edge", edge_text(part(stack, "distribution"), part(stack, "edge"), is_open)
    if part(stack, "load_balancer").get("domain") and urls.get("load_balancer") not in (None, chat):
        yield "Load balancer", urls["load_balancer"]
    yield "Health", f"{stack['health']}: {stack['summary']}"
    if part(stack, "vpc"):
        yield "Network", network(part(stack, "vpc"))
    if service:
        yield "Tasks", f"{service['running_count']} of {service['desired_count']} running{share_on_spot(service)}"
        yield "Strategy", strategy_text(service["strategy"])
        if service.get("paused"):
            yield "Paused", f"at {service['paused']['stage']}: {CONTINUE}"
    if clients := clients_text(part(stack, "target_group")):
        yield "Clients", clients
    if part(stack, "alternate_target_group").get("rule_arn"):
        yield "Traffic", traffic(stack["target_group"], stack["alternate_target_group"])
    yield from variant_rows(part(stack, "variants"))
    if urls.get("test"):
        yield "Tests", f"{urls['test']}, where a new version answers before it has traffic"
    if service.get("service_connect"):
        yield "Service Connect", ", ".join(service["service_connect"]["addresses"])
    if part(stack, "scaling"):
        yield "Scaling", scaling_text(part(stack, "scaling"))
    if definition:
        yield "Image", definition.get("image_digest") or definition.get("image") or "unknown"
        yield "Revision", f"{definition['family']}:{definition['revision']}, {size_text(definition)}"
        yield "Variables", ", ".join(definition["environment"])
    if definition.get("collector"):
        yield "Traces", f"{definition['tracing_percent']} % to X-Ray, by {definition['collector']}"
    if definition.get("secrets"):
        yield "Secrets", secrets_text(definition["secrets"])
    if part(stack, "log_group"):
        days = part(stack, "log_group")["retention_days"]
        yield "Logs", f"{part(stack, 'log_group')['name']}, kept {f'{days} days' if days else 'for ever'}"
    if logged := [title for name, title in ACCESS_LOGS.items() if part(stack, "edge").get(name)]:
        yield "Access logs", ", ".join(logged)
    yield from alarm_rows(stack)
    if watched := monitoring(stack):
        yield "Monitoring", watched
    if governed := governance(part(stack, "governance")):
        yield "Governance", governed
    yield from violation_rows(part(stack, "governance"))
    if embedded:
        yield "Runtime", f"{embedded['runtime']}, on the embedded AWS at {embedded['endpoint']}"


def governance(found: Mapping[str, Any]) -> str:
    """What the account does for the stack, in one line; empty where it does nothing."""
    words = []
    if found.get("image_scanning"):
        words.append(f"images scanned ({found['image_scanning']})")
    if found.get("image_replication"):
        words.append(f"images copied to {', '.join(found['image_replication'])}")
    if found.get("trail"):
        words.append("a trail")
    if found.get("config_rules"):
        recorder = " with a recorder" if found.get("config_bucket") else ""
        words.append(f"{len(found['config_rules'])} Config rules{recorder}")
    if found.get("security_hub"):
        words.append("Security Hub")
    return ", ".join(words)


def violation_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each rule of Config that is not met, with what does not meet it."""
    failing: dict[str, list[str]] = {}
    for one in found.get("violations") or ():
        failing.setdefault(one["rule"], []).append(one["resource"].rpartition("/")[2])
    for index, (rule, resources) in enumerate(failing.items()):
        more = f" and {len(resources) - MOST_RESOURCES} more" if len(resources) > MOST_RESOURCES else ""
        yield "" if index else "Config", f"{rule} is not met by {', '.join(resources[:MOST_RESOURCES])}{more}"


def variant_rows(variants: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each variant: who comes there, and how it is."""
    for index, (name, variant) in enumerate(variants.items()):
        words = [f"{variant['percent']} % of new visitors"] if variant["percent"] else []
        if header := variant["header"]:
            words.append(f"{header['name']}: {' or '.join(header['values'])}")
        health, how = variant_health(variant)
        yield "" if index else "Variants", f"{name}: {', '.join(words) or 'no visitors'}; {health}: {how}"


def monitoring(stack: Mapping[str, Any]) -> str:
    """What watches the stack beside its alarms, in one line; empty where nothing does."""
    words = [part(stack, "dashboard")["name"]] if part(stack, "dashboard") else []
    if filters := part(stack, "log_group").get("metric_filters"):
        words.append(f"{filters} metrics of the log")
    if queries := stack.get("saved_queries"):
        words.append(f"{len(queries)} saved queries")
    words += [topic_text(topic) for topic in stack.get("topics") or ()]
    insights = part(stack, "cluster").get("container_insights", "disabled")
    if insights != "disabled":
        words.append("enhanced Container Insights" if insights == "enhanced" else "Container Insights")
    return ", ".join(words)


def topic_text(topic: Mapping[str, Any]) -> str:
    """Such as `alarms to 2 by amica-alerts (1 has not confirmed)`."""
    name, waiting = topic["arn"].rpartition(":")[2], topic["unconfirmed"]
    return f"alarms to {topic['subscribers']} by {name}{f' ({waiting} unconfirmed)' if waiting else ''}"


def alarm_rows(stack: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One line that all is quiet, or one for each alarm that speaks."""
    alarms = stack.get("alarms") or ()
    speaking = [alarm for alarm in alarms if alarm["state"] == "ALARM"]
    if alarms and not speaking:
        yield "Alarms", f"none of {len(alarms)} speaks"
    for index, alarm in enumerate(speaking):
        yield "" if index else "Alarms", f"{alarm['name']}: {alarm['reason']}"


def summary(stack: Mapping[str, Any], embedded: Mapping[str, Any]) -> list[str]:
    """Lines that say what stands, how to reach it and what to do next.

    `stack` is the answer of stack_info, `embedded` the embedded AWS's own account of itself, empty for AWS.
    """
    table = list(rows(stack, embedded))
    width = max(len(label) for label, text in table)
    lines = [f"{label:<{width}}  {text}" for label, text in table]
    if stack.get("absent"):
        return lines
    return lines + [
        f"{'Next' if not index else '':<{width}}  {command}   # {purpose}"
        for index, (purpose, command) in enumerate(NEXT_COMMANDS)
    ]
