# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS says of a stack's parts, put together into one dictionary with a verdict. Nothing here calls AWS."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import replication_regions
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import scan_frequency
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import headers
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import weights
from ansible_collections.amica.stack.plugins.module_utils._names import StackNames
from ansible_collections.amica.stack.plugins.module_utils._pause import pause_of
from ansible_collections.amica.stack.plugins.module_utils._stack_health import GONE
from ansible_collections.amica.stack.plugins.module_utils._stack_health import judge
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_of

Answer = Mapping[str, Any]

LAST_EVENTS = 5
# Of the listener rule for tests, as the role alb makes it.
TEST_PRIORITY = "2"
DEFAULT_STORAGE = 20
SECRETS_VERSION_LABEL = "amica.secrets-version"
# The domain that a certificate was made for.
DOMAIN_TAG = "amica:domain"
# By which the load balancer knows CloudFront, as the role alb makes it.
EDGE_HEADER = "X-Amica-Edge"
# The variant of the application that a thing is of.
VARIANT_TAG = "amica:variant"
# What Secrets Manager adds to a secret's name in its ARN.
SECRET_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")
# What a deployment can be to blame for.
ROLLBACK_ALARMS = ("app/server-errors", "app/unhealthy-targets")


@dataclass(frozen=True)
class Answers:
    """The parts as AWS describes them, found by name; None or empty where there is none."""

    account_id: str
    region: str
    partition: str
    vpc: Answer | None = None
    subnets: Sequence[Answer] = ()
    nat_gateways: Sequence[Answer] = ()
    endpoints: Sequence[Answer] = ()
    network_acls: Sequence[Answer] = ()
    flow_logs: Sequence[Answer] = ()
    security_groups: Sequence[Answer] = ()
    repository: Answer | None = None
    scanning_rules: Sequence[Answer] = ()
    replication_rules: Sequence[Answer] = ()
    log_group: Answer | None = None
    saved_queries: Sequence[Answer] = ()
    load_balancer: Answer | None = None
    listeners: Sequence[Answer] = ()
    target_group: Answer | None = None
    targets: Sequence[Answer] = ()
    # Of the target group: what is set, by AWS's name of it.
    attributes: Mapping[str, str] = field(default_factory=dict)
    alternate_target_group: Answer | None = None
    alternate_targets: Sequence[Answer] = ()
    rules: Sequence[Answer] = ()
    # By the variant's name: its service, its target group, and the health of that one's targets.
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    execution_role: Answer | None = None
    task_role: Answer | None = None
    infrastructure_role: Answer | None = None
    cluster: Answer | None = None
    service: Answer | None = None
    service_deployment: Answer | None = None
    task_definition: Answer | None = None
    running_digest: str | None = None
    scalable_target: Answer | None = None
    scaling_policies: Sequence[Answer] = ()
    scheduled_actions: Sequence[Answer] = ()
    distribution: Answer | None = None
    alarms: Sequence[Answer] = ()
    dashboard: Answer | None = None
    # By the topic's ARN.
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Of the stack's rules of Config and the resources that do not meet them.
    violations: Sequence[Answer] = ()
    # Everything with the stack's tag that still exists: ARN -> tags.
    tagged: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def named(thing: Answer) -> str | None:
    return tags_to_dict(thing.get("Tags")).get("Name")


def of_stack(candidates: Iterable[Answer], stack: str) -> Answer | None:
    """The one that carries the stack's tag, else the first: names of networks are not unique in AWS."""
    listed = list(candidates)
    tagged = (thing for thing in listed if tags_to_dict(thing.get("Tags")).get("amica:stack") == stack)
    return next(tagged, listed[0] if listed else None)


def vpc_part(answers: Answers) -> dict[str, Any] | None:
    if answers.vpc is None:
        return None
    subnets = sorted(answers.subnets, key=lambda subnet: (subnet["AvailabilityZone"], subnet["CidrBlock"]))
    return {
        "id": answers.vpc["VpcId"],
        "cidr": answers.vpc["CidrBlock"],
        "name": named(answers.vpc),
        "public_subnet_ids": [subnet["SubnetId"] for subnet in subnets if subnet.get("MapPublicIpOnLaunch")],
        "private_subnet_ids": [subnet["SubnetId"] for subnet in subnets if "-private-" in (named(subnet) or "")],
        "nat_gateways": [
            {"id": gateway["NatGatewayId"], "state": gateway["State"], "subnet_id": gateway["SubnetId"]}
            for gateway in answers.nat_gateways
            if gateway["State"] in ("pending", "available")
        ],
        "endpoints": [
            {"id": one["VpcEndpointId"], "service": one["ServiceName"].split(".", 3)[3], "state": one["State"].lower()}
            for one in answers.endpoints
            if one["State"].lower() in ("pending", "available")
        ],
        "network_acl_ids": [acl["NetworkAclId"] for acl in answers.network_acls if not acl.get("IsDefault")],
        "flow_logs": [
            {"id": log["FlowLogId"], "destination": log.get("LogDestination") or log.get("LogGroupName")}
            for log in answers.flow_logs
        ],
        "subnets": [
            {
                "id": subnet["SubnetId"],
                "cidr": subnet["CidrBlock"],
                "zone": subnet["AvailabilityZone"],
                "name": named(subnet),
            }
            for subnet in subnets
        ],
    }


def security_group_part(answers: Answers, name: str) -> dict[str, Any] | None:
    vpc_id = answers.vpc["VpcId"] if answers.vpc else None
    for group in answers.security_groups:
        if group["GroupName"] == name and vpc_id in (None, group.get("VpcId")):
            return {"id": group["GroupId"], "name": name}
    return None


def load_balancer_part(answers: Answers) -> dict[str, Any] | None:
    balancer = answers.load_balancer
    if balancer is None:
        return None
    shown = [one["CertificateArn"] for listener in answers.listeners for one in listener.get("Certificates") or ()]
    tests = [listener_of(rule) for rule in shared_rules(answers, tests=True)]
    return {
        "name": balancer["LoadBalancerName"],
        "arn": balancer["LoadBalancerArn"],
        "dns_name": balancer["DNSName"],
        "hosted_zone_id": balancer.get("CanonicalHostedZoneId"),
        "domain": next((one["domain"] for one in certificate_parts(answers, "alb") if one["arn"] in shown), None),
        "scheme": balancer.get("Scheme"),
        "open": is_open(
            balancer,
            answers.security_groups,
            {int(listener["Port"]) for listener in answers.listeners if listener["ListenerArn"] in tests},
        ),
        "state": balancer.get("State", {}).get("Code"),
        "zones": sorted(zone["ZoneName"] for zone in balancer.get("AvailabilityZones") or ()),
        "listeners": [
            {"port": int(listener["Port"]), "protocol": listener["Protocol"], "test": listener["ListenerArn"] in tests}
            for listener in sorted(answers.listeners, key=lambda listener: int(listener["Port"]))
        ],
    }


def is_open(balancer: Answer, groups: Iterable[Answer], test_ports: Collection[int]) -> bool:
    """Whether a browser reaches the chat: it has an internet address, and its groups let networks in."""
    own = [group for group in groups if group["GroupId"] in balancer.get("SecurityGroups", ())]
    entries = [entry for group in own for entry in group.get("IpPermissions", ())]
    public = [entry for entry in entries if entry.get("FromPort") not in test_ports]
    networks = any(entry.get("IpRanges") or entry.get("Ipv6Ranges") for entry in public)
    return balancer.get("Scheme") != "internal" and (networks or not own)


def shared_rules(answers: Answers, *, tests: bool) -> list[Answer]:
    """The rules that forward to both target groups: that of the traffic, or that of the listener for tests."""
    both = {(group or {}).get("TargetGroupArn") for group in (answers.target_group, answers.alternate_target_group)}
    shared = [rule for rule in answers.rules if weights(rule).keys() == both]
    return [rule for rule in shared if (rule.get("Priority") == TEST_PRIORITY) is tests]


def listener_of(rule: Answer) -> str:
    """The ARN of the listener that a rule belongs to."""
    return str(rule["RuleArn"]).replace(":listener-rule/", ":listener/").rpartition("/")[0]


def alternate_target_group_part(answers: Answers) -> dict[str, Any] | None:
    """The target group beside the other, the rules that forward to both, and which percent of the traffic goes here.

    `serving`: it is most of it.
    """
    part = target_group_part(answers.alternate_target_group, answers.alternate_targets)
    if part is None or answers.target_group is None:
        return part
    test = next((rule["RuleArn"] for rule in shared_rules(answers, tests=True)), None)
    part |= {"rule_arn": None, "test_rule_arn": test, "percent": 0, "serving": False}
    for rule in shared_rules(answers, tests=False)[:1]:
        shares = weights(rule)
        percent = round(100 * shares[part["arn"]] / (sum(shares.values()) or 1))
        part |= {"rule_arn": rule["RuleArn"], "percent": percent, "serving": percent > 50}
    return part


def variant_parts(answers: Answers) -> dict[str, dict[str, Any]]:
    """What runs beside the application, by name, and who comes there: percent of new visitors, and a header's."""
    found = {}
    for name, variant in answers.variants.items():
        service, group = variant["service"], target_group_part(variant["target_group"], variant["targets"])
        part: dict[str, Any] = {"service": None, "target_group": group, "percent": 0, "header": None}
        part["serves"] = any(target["state"] == "healthy" for target in (group or {"targets": ()})["targets"])
        if service and service["status"] not in GONE:
            primary: Answer = next((one for one in service.get("deployments", ()) if one["status"] == "PRIMARY"), {})
            part["service"] = {
                "name": service["serviceName"],
                "arn": service["serviceArn"],
                "desired_count": service["desiredCount"],
                "running_count": service["runningCount"],
                "task_definition": service["taskDefinition"],
                "rollout_state": primary.get("rolloutState"),
                "rollout_state_reason": primary.get("rolloutStateReason"),
            }
        for rule in answers.rules:
            shares = weights(rule)
            if group and group["arn"] in shares:
                if len(shares) == 1:
                    part["header"] = next((one for one in headers(rule) if one["name"] != EDGE_HEADER), None)
                else:
                    part["percent"] = round(100 * shares[group["arn"]] / (sum(shares.values()) or 1))
        found[name] = part
    return found


def target_group_part(group: Answer | None, targets: Sequence[Answer]) -> dict[str, Any] | None:
    if group is None:
        return None
    return {
        "name": group["TargetGroupName"],
        "arn": group["TargetGroupArn"],
        "targets": [
            {
                "id": target["Target"]["Id"],
                "port": target["Target"].get("Port"),
                "state": target["TargetHealth"]["State"],
                "reason": target["TargetHealth"].get("Reason"),
            }
            for target in targets
        ],
    }


def stickiness(attributes: Mapping[str, str]) -> int:
    """Seconds for which a client stays with its task; 0 where it does not."""
    if attributes.get("stickiness.enabled") != "true":
        return 0
    return int(attributes[f"stickiness.{attributes['stickiness.type']}.duration_seconds"])


def main_target_group_part(answers: Answers) -> dict[str, Any] | None:
    part = target_group_part(answers.target_group, answers.targets)
    if part is None:
        return None
    delay = whole(answers.attributes.get("deregistration_delay.timeout_seconds"))
    return {**part, "stickiness_duration": stickiness(answers.attributes), "deregistration_delay": delay}


def role_part(role: Answer | None) -> dict[str, Any] | None:
    return {"name": role["RoleName"], "arn": role["Arn"]} if role else None


def deployment_part(deployment: Answer) -> dict[str, Any]:
    return {
        "id": deployment["id"],
        "status": deployment["status"],
        "rollout_state": deployment.get("rolloutState"),
        "rollout_state_reason": deployment.get("rolloutStateReason"),
        "task_definition": deployment["taskDefinition"],
        "desired_count": deployment.get("desiredCount", 0),
        "running_count": deployment.get("runningCount", 0),
        "pending_count": deployment.get("pendingCount", 0),
        "failed_tasks": deployment.get("failedTasks", 0),
        "created_at": moment(deployment.get("createdAt")),
        "updated_at": moment(deployment.get("updatedAt")),
    }


def service_connect_part(service: Answer) -> dict[str, Any] | None:
    """The namespace of Service Connect, and the addresses under which its services reach this one."""
    primary: Answer = next((one for one in service.get("deployments", ()) if one["status"] == "PRIMARY"), {})
    connect = primary.get("serviceConnectConfiguration") or {}
    if not connect.get("enabled"):
        return None
    aliases = [alias for one in connect.get("services", ()) for alias in one.get("clientAliases", ())]
    return {
        "namespace": connect.get("namespace"),
        "addresses": [f"{alias.get('dnsName', '')}:{alias['port']}" for alias in aliases],
    }


def placement(strategy: Sequence[Answer]) -> dict[str, int]:
    """The percent of the tasks that run on Fargate Spot, beyond those that stay on demand."""
    weighed = {item["capacityProvider"]: item.get("weight") or 0 for item in strategy}
    return {
        "spot_percent": round(100 * weighed.get("FARGATE_SPOT", 0) / (sum(weighed.values()) or 1)),
        "on_demand_base": sum(item.get("base") or 0 for item in strategy if item["capacityProvider"] == "FARGATE"),
    }


def pause_part(release: Answer) -> dict[str, Any] | None:
    """Where a service deployment waits for a person."""
    pause = pause_of(release)
    return {"stage": pause.stage, "sentence": pause.sentence} if pause else None


def service_part(answers: Answers) -> dict[str, Any] | None:
    service = answers.service
    if service is None:
        return None
    vpc = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return {
        "name": service["serviceName"],
        "arn": service["serviceArn"],
        "status": service["status"],
        "desired_count": service["desiredCount"],
        "running_count": service["runningCount"],
        "pending_count": service["pendingCount"],
        "task_definition": service["taskDefinition"],
        "target_group_arn": next((one.get("targetGroupArn") for one in service.get("loadBalancers", ())), None),
        "strategy": strategy_of(service),
        "paused": pause_part(answers.service_deployment or {}),
        "assign_public_ip": vpc.get("assignPublicIp") == "ENABLED",
        "service_connect": service_connect_part(service),
        **placement(service.get("capacityProviderStrategy") or ()),
        "deployments": [deployment_part(deployment) for deployment in service.get("deployments", ())],
        "events": [
            {"created_at": moment(event.get("createdAt")), "message": event["message"]}
            for event in service.get("events", ())[:LAST_EVENTS]
        ],
    }


def application(definition: Answer, names: StackNames) -> Answer:
    """The container of the application; others may stand beside it."""
    containers = definition.get("containerDefinitions") or [{}]
    return next((one for one in containers if one.get("name") == names.container), containers[0])


def traced_percent(variables: Mapping[str, str]) -> int:
    """Percent of the traces that the application keeps; what is no number it takes for all, as OpenTelemetry says."""
    try:
        return round(100 * float(variables.get("OTEL_TRACES_SAMPLER_ARG", 1)))
    except ValueError:
        return 100


def task_definition_part(answers: Answers, names: StackNames) -> dict[str, Any] | None:
    definition = answers.task_definition
    if definition is None:
        return None
    container = application(definition, names)
    image = container.get("image", "")
    variables = {one["name"]: one["value"] for one in container.get("environment", ())}
    platform = definition.get("runtimePlatform") or {}
    boxes = definition.get("containerDefinitions", ())
    collector = next((one["image"] for one in boxes if one.get("name") == names.collector), None)
    return {
        "family": definition["family"],
        "revision": int(definition["revision"]),
        "arn": definition["taskDefinitionArn"],
        "status": definition.get("status"),
        "cpu": whole(definition.get("cpu")),
        "memory": whole(definition.get("memory")),
        "ephemeral_storage": (definition.get("ephemeralStorage") or {}).get("sizeInGiB", DEFAULT_STORAGE),
        "architecture": platform.get("cpuArchitecture") or "X86_64",
        "container": container.get("name"),
        "image": image,
        "image_digest": image.partition("@")[2] or answers.running_digest,
        "collector": collector,
        "tracing_percent": traced_percent(variables) if collector else 0,
        "environment": sorted(variables),
        "secrets": {secret["name"]: secret["valueFrom"] for secret in container.get("secrets", ())},
        "secrets_version": (container.get("dockerLabels") or {}).get(SECRETS_VERSION_LABEL),
    }


def distribution_part(answers: Answers) -> dict[str, Any] | None:
    distribution = answers.distribution
    if distribution is None:
        return None
    usual = distribution.get("DefaultCacheBehavior") or {}
    others = (distribution.get("CacheBehaviors") or {}).get("Items") or ()
    return {
        "id": distribution["Id"],
        "arn": distribution["ARN"],
        "domain_name": distribution["DomainName"],
        "origins": [origin["DomainName"] for origin in (distribution.get("Origins") or {}).get("Items") or ()],
        "status": distribution["Status"],
        "enabled": distribution.get("Enabled"),
        "http_version": str(distribution.get("HttpVersion", "")).lower(),
        "ipv6": distribution.get("IsIPV6Enabled"),
        "minimum_tls": (distribution.get("ViewerCertificate") or {}).get("MinimumProtocolVersion"),
        "aliases": list((distribution.get("Aliases") or {}).get("Items") or []),
        "response_headers_policy_id": usual.get("ResponseHeadersPolicyId"),
        # What the load balancer does not answer is the error page.
        "cached_paths": [one["PathPattern"] for one in others if one["TargetOriginId"] == usual["TargetOriginId"]],
    }


def repository_part(answers: Answers) -> dict[str, Any] | None:
    repository = answers.repository
    if repository is None:
        return None
    return {
        "name": repository["repositoryName"],
        "arn": repository["repositoryArn"],
        "uri": repository["repositoryUri"],
    }


def log_group_part(answers: Answers) -> dict[str, Any] | None:
    group = answers.log_group
    if group is None:
        return None
    return {
        "name": group["logGroupName"],
        "arn": group["arn"].removesuffix(":*"),
        "retention_days": group.get("retentionInDays"),
        "metric_filters": group.get("metricFilterCount", 0),
    }


def namespace_part(answers: Answers, names: StackNames) -> dict[str, Any] | None:
    """The stack's own namespace of Service Connect, which its cluster names; without a cluster by its tag."""
    tagged = next((arn for arn in answers.tagged if arn.split(":")[2] == "servicediscovery"), None)
    arn = ((answers.cluster or {}).get("serviceConnectDefaults") or {}).get("namespace") or tagged
    return {"name": names.namespace, "arn": arn} if arn else None


def cluster_part(answers: Answers) -> dict[str, Any] | None:
    cluster = answers.cluster
    if cluster is None:
        return None
    settings = {setting["name"]: setting["value"] for setting in cluster.get("settings") or ()}
    return {
        "name": cluster["clusterName"],
        "arn": cluster["clusterArn"],
        "status": cluster["status"],
        "container_insights": settings.get("containerInsights", "disabled"),
    }


def scaling_part(answers: Answers) -> dict[str, Any] | None:
    target = answers.scalable_target
    if target is None:
        return None
    return {
        "min": target["MinCapacity"],
        "max": target["MaxCapacity"],
        "policies": [policy_part(policy) for policy in answers.scaling_policies],
        "schedules": [
            {
                "name": action["ScheduledActionName"],
                "schedule": action["Schedule"],
                "timezone": action.get("Timezone") or "UTC",
                "min": action["ScalableTargetAction"].get("MinCapacity"),
                "max": action["ScalableTargetAction"].get("MaxCapacity"),
            }
            for action in answers.scheduled_actions
        ],
    }


def policy_part(policy: Answer) -> dict[str, Any]:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = (tracking.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    return {"name": policy["PolicyName"], "metric": metric, "target": tracking.get("TargetValue")}


def secret_parts(stack: str, tagged: Iterable[str]) -> list[dict[str, Any]]:
    """The secrets and parameters that the stack keeps, each with the variable that it is for."""
    stores = {f":secret:{stack}/": "secretsmanager", f":parameter/{stack}/": "ssm"}
    found = (
        {"name": SECRET_SUFFIX.sub("", tail) if store == "secretsmanager" else tail, "arn": arn, "store": store}
        for arn in tagged
        for mark, store in stores.items()
        for _head, separator, tail in [arn.partition(mark)]
        if separator
    )
    return sorted(found, key=lambda secret: (secret["name"], secret["arn"]))


def edge_part(answers: Answers, names: StackNames) -> dict[str, Any]:
    """Which of the parts around distribution and load balancer stand; all of them carry the stack's tag."""

    def stands(*ends: str) -> bool:
        return any(end in arn for arn in answers.tagged for end in ends)

    return {
        "web_acl": stands(f":global/webacl/{names.distribution}/", f":global/ipset/{names.distribution}-"),
        "allowed_networks": stands(f":global/ipset/{names.distribution}-allowed-"),
        "denied_networks": stands(f":global/ipset/{names.distribution}-denied-"),
        "secret_header": any(
            header["HeaderName"] == EDGE_HEADER
            for origin in ((answers.distribution or {}).get("Origins") or {}).get("Items") or ()
            for header in (origin.get("CustomHeaders") or {}).get("Items") or ()
        ),
        "error_page": stands(f":s3:::{names.error_page_bucket}-"),
        "vpc_origin": stands(":vpcorigin/"),
        "load_balancer_logs": stands(f":s3:::{names.load_balancer_logs_bucket}-"),
        "distribution_logs": stands(
            f":s3:::{names.distribution_logs_bucket}-", f":delivery-source:{names.distribution}"
        ),
        "certificates": certificate_parts(answers, "cloudfront"),
        "load_balancer_certificates": certificate_parts(answers, "alb"),
    }


def certificate_parts(answers: Answers, role: str) -> list[dict[str, str]]:
    """The certificates that a role has had made, each with its domain."""
    return [
        {"arn": arn, "domain": tags[DOMAIN_TAG]}
        for arn, tags in sorted(answers.tagged.items())
        if arn.split(":")[2] == "acm" and DOMAIN_TAG in tags and tags.get("amica:role") == role
    ]


def alarm_parts(answers: Answers) -> list[dict[str, Any]]:
    return [
        {
            "name": alarm["AlarmName"],
            "arn": alarm["AlarmArn"],
            "state": alarm["StateValue"],
            "reason": alarm.get("StateReason"),
        }
        for alarm in sorted(answers.alarms, key=lambda alarm: str(alarm["AlarmName"]))
    ]


def rollback_alarms(answers: Answers, names: StackNames) -> list[str]:
    wanted = {f"{names.alarms}{end}" for end in ROLLBACK_ALARMS}
    return sorted(alarm["AlarmName"] for alarm in answers.alarms if alarm["AlarmName"] in wanted)


def dashboard_part(answers: Answers) -> dict[str, Any] | None:
    board = answers.dashboard
    return {"name": board["DashboardName"], "arn": board["DashboardArn"]} if board else None


def governance_part(answers: Answers, names: StackNames) -> dict[str, Any]:
    """What the stack has set in settings that hold for the whole account."""
    return {
        "image_scanning": scan_frequency(answers.scanning_rules, names.repository),
        "image_replication": replication_regions(answers.replication_rules, names.repository),
        "trail": next((arn for arn in answers.tagged if ":cloudtrail:" in arn), None),
        "audit_bucket": any(f":s3:::{names.audit_bucket}-" in arn for arn in answers.tagged),
        "config_rules": sorted(arn for arn in answers.tagged if ":config-rule/" in arn),
        "violations": [
            {"rule": one["ConfigRuleName"], "type": one["ResourceType"], "resource": one["ResourceId"]}
            for one in answers.violations
        ],
        "config_bucket": any(f":s3:::{names.config_bucket}-" in arn for arn in answers.tagged),
        "security_hub": next((arn for arn in answers.tagged if arn.split(":")[2] == "securityhub"), None),
    }


def topic_parts(answers: Answers) -> list[dict[str, Any]]:
    """The topics that the alarms notify, with how many hear of it and how many have not confirmed."""
    return [
        {
            "arn": arn,
            "subscribers": int(attributes["SubscriptionsConfirmed"]),
            "unconfirmed": int(attributes["SubscriptionsPending"]),
        }
        for arn, attributes in sorted(answers.topics.items())
    ]


def moment(value: Any) -> str | None:
    """A time as text; botocore gives datetime."""
    if value is None:
        return None
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def whole(value: Any) -> int | None:
    return int(value) if value not in (None, "") else None


def balancer_url(balancer: Mapping[str, Any] | None, *, tests: bool = False) -> str | None:
    """Where the load balancer answers people, or tests: over HTTPS if it can, without the port of the scheme's own."""
    listeners = [one for one in (balancer or {}).get("listeners", ()) if one["test"] is tests]
    if not balancer or not listeners or not (balancer["open"] or tests):
        return None
    ranked = sorted(listeners, key=lambda listener: (listener["protocol"] != "HTTPS", listener["port"]))
    scheme, usual = ("https", 443) if ranked[0]["protocol"] == "HTTPS" else ("http", 80)
    port = "" if ranked[0]["port"] == usual else f":{ranked[0]['port']}"
    return f"{scheme}://{balancer['domain'] or balancer['dns_name']}{port}"


# The parts that are one thing with a name or an id, and an ARN.
KINDS = (
    "repository",
    "log_group",
    "load_balancer",
    "target_group",
    "alternate_target_group",
    "namespace",
    "cluster",
    "service",
    "distribution",
)


def existing(stack: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """(kind, name, ARN) of every part that exists; what ECS merely remembers does not."""
    vpc = stack["vpc"]
    if vpc:
        yield "vpc", vpc["name"], arn_of(stack, "ec2", f"vpc/{vpc['id']}")
    for group in stack["security_groups"].values():
        if group:
            yield "security group", group["name"], arn_of(stack, "ec2", f"security-group/{group['id']}")
    for kind in KINDS:
        part = stack[kind]
        if part and part.get("status") not in GONE:
            yield kind.replace("_", " "), part.get("name") or part["id"], part["arn"]
    for name, variant in stack["variants"].items():
        for kind in ("target_group", "service"):
            if variant[kind]:
                yield f"{kind.replace('_', ' ')} of variant", name, variant[kind]["arn"]
    for role in stack["roles"].values():
        if role:
            yield "role", role["name"], role["arn"]
    definition = stack["task_definition"]
    if definition and definition["status"] not in GONE:
        yield "task definition", f"{definition['family']}:{definition['revision']}", definition["arn"]
    for alarm in stack["alarms"]:
        yield "alarm", alarm["name"], alarm["arn"]
    if stack["dashboard"]:
        yield "dashboard", stack["dashboard"]["name"], stack["dashboard"]["arn"]
    for topic in stack["topics"]:
        yield "topic", topic["arn"].rpartition(":")[2], topic["arn"]
    for query in stack["saved_queries"]:
        yield "saved query", query, None
    if stack["governance"]["image_scanning"]:
        yield "scanning rule", stack["governance"]["image_scanning"], None
    for region in stack["governance"]["image_replication"]:
        yield "replication rule", region, None
    if stack["scaling"]:
        yield "scaling", stack["name"], None
    for secret in stack["secrets"]:
        yield "secret", secret["name"], secret["arn"]


def arn_of(stack: Mapping[str, Any], service: str, resource: str) -> str:
    return f"arn:{stack['partition']}:{service}:{stack['region']}:{stack['account_id']}:{resource}"


def parts(name: str, names: StackNames, answers: Answers) -> dict[str, Any]:
    """Every part of the stack, None where it is absent."""
    return {
        "name": name,
        "region": answers.region,
        "partition": answers.partition,
        "account_id": answers.account_id,
        "vpc": vpc_part(answers),
        "security_groups": {
            "alb": security_group_part(answers, names.alb_security_group),
            "tasks": security_group_part(answers, names.tasks_security_group),
        },
        "repository": repository_part(answers),
        "log_group": log_group_part(answers),
        "saved_queries": sorted(query["name"] for query in answers.saved_queries),
        "load_balancer": load_balancer_part(answers),
        "target_group": main_target_group_part(answers),
        "alternate_target_group": alternate_target_group_part(answers),
        "variants": variant_parts(answers),
        "roles": {
            "execution": role_part(answers.execution_role),
            "task": role_part(answers.task_role),
            "infrastructure": role_part(answers.infrastructure_role),
        },
        "namespace": namespace_part(answers, names),
        "cluster": cluster_part(answers),
        "service": service_part(answers),
        "task_definition": task_definition_part(answers, names),
        "distribution": distribution_part(answers),
        "edge": edge_part(answers, names),
        "scaling": scaling_part(answers),
        "secrets": secret_parts(name, answers.tagged),
        "alarms": alarm_parts(answers),
        "rollback_alarms": rollback_alarms(answers, names),
        "topics": topic_parts(answers),
        "dashboard": dashboard_part(answers),
        "governance": governance_part(answers, names),
    }


def assemble(name: str, names: StackNames, answers: Answers) -> dict[str, Any]:
    """The whole stack: its parts, where it answers, what exists of it, and the verdict."""
    stack = parts(name, names, answers)
    environments = sorted(
        {tags["amica:environment"] for tags in answers.tagged.values() if "amica:environment" in tags}
    )
    distribution = stack["distribution"]
    stack |= {
        "environment": environments[0] if environments else None,
        "urls": {
            "load_balancer": balancer_url(stack["load_balancer"]),
            "test": balancer_url(stack["load_balancer"], tests=True),
            "cloudfront": f"https://{distribution['domain_name']}" if distribution else None,
            "domain": f"https://{distribution['aliases'][0]}" if distribution and distribution["aliases"] else None,
        },
        "exists": [f"{kind} {called}" for kind, called, arn in existing(stack)],
        "tagged_resources": sorted(answers.tagged),
    }
    stack["absent"] = not stack["exists"] and not stack["tagged_resources"]
    stack["health"], stack["summary"] = judge(stack)
    return stack
