# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack costs in a month of 730 hours, line by line. Money is USD, in Decimal; nothing here calls AWS.

Each line is rounded to cents and totals are sums of lines, so that a person who adds them up finds the same.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from decimal import ROUND_HALF_UP
from decimal import Decimal
from decimal import InvalidOperation
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._settings import truth
from ansible_collections.amica.stack.plugins.module_utils._strategy import minutes_of_both

Price = Callable[[str], Decimal]

ZERO = Decimal(0)
HOURS = Decimal(730)
CENT = Decimal("0.01")
FREE_STORAGE = Decimal(20)
# Gateway endpoints.
FREE_ENDPOINTS = ("s3", "dynamodb")
# A request's line in an access log, compressed.
ACCESS_LOG_GB = Decimal("0.0000002")
# https://aws.amazon.com/elasticloadbalancing/pricing/: one LCU is the largest of these.
LCU_REQUESTS_PER_SECOND = Decimal(25)
LCU_CONNECTIONS = Decimal(3000)
LCU_GB_PER_HOUR = Decimal(1)
# https://aws.amazon.com/cloudwatch/pricing/, Container Insights for ECS: a cluster, a service, a task definition.
INSIGHTS_METRICS = Decimal(8 + 11 + 6)

TEXT_WIDTH, BAR_WIDTH = 68, 10


def decimal(name: str, value: Any) -> Decimal:
    """A number as it stands in an inventory or a survey.

    :raises Refused: if it is none, or less than nothing.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        raise Refused(f"{name}: {value!r} is not a number from 0. Write for example {name}: 1")
    return number


@dataclass(frozen=True)
class Shape:
    """What a stack consists of, as far as it costs money."""

    cpu: Decimal
    memory: Decimal
    storage: Decimal
    architecture: str
    min_tasks: Decimal
    max_tasks: Decimal
    # Of variants that run beside the application.
    variant_tasks: Decimal
    # For which each deployment keeps all tasks of both versions.
    minutes_of_both: Decimal
    spot_percent: Decimal
    on_demand_base: Decimal
    task_addresses: bool
    zones: Decimal
    load_balancer: str
    distribution: bool
    insights: bool
    nat_gateways: Decimal
    endpoints: Decimal
    alarms: Decimal
    dashboards: Decimal
    web_acl_rules: Decimal
    secrets: Decimal
    retention_days: Decimal
    access_log_days: Decimal
    log_metrics: Decimal
    # Percent of the traces that are kept; 0: nothing is traced.
    tracing: Decimal
    # The rest is 0 or 1, but the regions to which images are copied.
    flow_logs: Decimal
    copies: Decimal
    trail: Decimal
    config: Decimal
    recorder: Decimal
    security_hub: Decimal


@dataclass(frozen=True)
class Traffic:
    """What a month brings: tasks and open connections on average, the others in all."""

    tasks: Decimal = ZERO
    deployments: Decimal = ZERO
    requests: Decimal = ZERO
    data_gb: Decimal = ZERO
    connections: Decimal = ZERO
    fetched_gb: Decimal = ZERO
    log_gb: Decimal = ZERO
    image_gb: Decimal = ZERO
    flow_log_gb: Decimal = ZERO
    traces: Decimal = ZERO
    trail_events: Decimal = ZERO
    config_items: Decimal = ZERO
    config_evaluations: Decimal = ZERO
    security_checks: Decimal = ZERO


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    label: str
    quantity: Decimal
    unit: str
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return (self.quantity * self.price).quantize(CENT, ROUND_HALF_UP)


def traffic_of(values: Mapping[str, Any]) -> Traffic:
    return Traffic(
        **{
            field.name: decimal(f"cost_{'average_' if field.name == 'tasks' else ''}{field.name}", values[field.name])
            for field in fields(Traffic)
        }
    )


def planned(values: Mapping[str, Any]) -> Shape:
    """The stack that the variables describe; numbers may be text."""
    numbers = {
        field.name: decimal(field.name, values[field.name])
        for field in fields(Shape)
        if field.type == "Decimal" and field.name not in ("min_tasks", "max_tasks", "minutes_of_both")
    }
    least, most = (decimal(name, values[name]) for name in ("min_tasks", "max_tasks"))
    if most <= least:  # Nothing scales.
        least = most = decimal("tasks", values["tasks"])
    return Shape(
        **numbers,
        min_tasks=least,
        max_tasks=most,
        minutes_of_both=both(values["strategy"]),
        architecture=str(values["architecture"]).lower(),
        task_addresses=truth(values["task_addresses"]),
        load_balancer=str(values["load_balancer"]),
        distribution=truth(values["distribution"]),
        insights=values["insights"] != "disabled",
    )


def both(strategy: Mapping[str, Any]) -> Decimal:
    """Minutes of both versions by the parts of a strategy; numbers may be text."""
    parts = ("bake_minutes", "step_percent", "step_minutes")
    return minutes_of_both(strategy["name"], *(decimal(part, strategy[part]) for part in parts))


def running(stack: Mapping[str, Any], plan: Shape) -> Shape:
    """The stack that stands, as stack_info tells it. What alarms, web ACL and access logs hold is the plan's."""
    definition, service = stack.get("task_definition") or {}, stack.get("service") or {}
    balancer, cluster = stack.get("load_balancer") or {}, stack.get("cluster") or {}
    vpc, log_group = stack.get("vpc") or {}, stack.get("log_group") or {}
    bounds = stack.get("scaling") or {name: service.get("desired_count", 0) for name in ("min", "max")}
    variants = stack.get("variants") or {}
    arns, edge, governed = stack["tagged_resources"], stack.get("edge") or {}, stack.get("governance") or {}

    def count(*marks: str) -> Decimal:
        return Decimal(sum(any(mark in arn for mark in marks) for arn in arns))

    return Shape(
        cpu=Decimal(definition.get("cpu") or 0),
        memory=Decimal(definition.get("memory") or 0),
        storage=Decimal(definition.get("ephemeral_storage") or FREE_STORAGE),
        architecture=str(definition.get("architecture", "x86_64")).lower(),
        min_tasks=Decimal(bounds["min"]),
        max_tasks=Decimal(bounds["max"]),
        variant_tasks=Decimal(sum((one["service"] or {}).get("desired_count", 0) for one in variants.values())),
        minutes_of_both=both(service["strategy"]) if service else ZERO,
        spot_percent=Decimal(service.get("spot_percent") or 0),
        on_demand_base=Decimal(service.get("on_demand_base") or 0),
        task_addresses=bool(service.get("assign_public_ip")),
        zones=Decimal(len(balancer.get("zones") or ())),
        load_balancer=balancer.get("scheme") or "",
        distribution=bool(stack.get("distribution")),
        insights=cluster.get("container_insights", "disabled") != "disabled",
        nat_gateways=count(":natgateway/"),
        endpoints=Decimal(sum(one["service"] not in FREE_ENDPOINTS for one in vpc.get("endpoints", ()))),
        alarms=(plan.alarms or count(":alarm:")) if count(":alarm:") else ZERO,
        dashboards=Decimal(bool(stack.get("dashboard"))),
        web_acl_rules=(plan.web_acl_rules or Decimal(1)) if count("/webacl/") else ZERO,
        secrets=count(":secretsmanager:"),
        retention_days=Decimal(log_group.get("retention_days") or plan.retention_days),
        access_log_days=(plan.access_log_days or Decimal(30)) if edge.get("load_balancer_logs") else ZERO,
        log_metrics=Decimal(log_group.get("metric_filters") or 0),
        tracing=Decimal(definition.get("tracing_percent") or 0),
        flow_logs=Decimal(any(":s3:::" not in log["destination"] for log in vpc.get("flow_logs", ()))),
        copies=Decimal(len(governed.get("image_replication", ()))),
        trail=Decimal(bool(governed.get("trail"))),
        config=Decimal(bool(governed.get("config_rules"))),
        recorder=Decimal(bool(governed.get("config_bucket"))),
        security_hub=Decimal(bool(governed.get("security_hub"))),
    )


def lines(shape: Shape, traffic: Traffic, price: Price) -> list[Line]:
    """The lines of the bill that are not nothing.

    :param traffic: its tasks are those of the application, and taken into the shape's bounds.
    :param price: the price of a name.
    """
    tasks = min(max(traffic.tasks, shape.min_tasks), shape.max_tasks) + shape.variant_tasks
    found = (
        *fargate_lines(shape, tasks, traffic, price),
        *network_lines(shape, tasks, traffic, price),
        *edge_lines(shape, traffic, price),
        *watch_lines(shape, traffic, price),
        *governance_lines(shape, traffic, price),
    )
    return [line for line in found if line.quantity]


def fargate_lines(shape: Shape, tasks: Decimal, traffic: Traffic, price: Price) -> Iterator[Line]:
    arm = "arm_" if shape.architecture == "arm64" else ""
    spot = max(tasks - shape.on_demand_base, ZERO) * shape.spot_percent / 100
    spans = (("Fargate", HOURS), ("Bake time", traffic.deployments * shape.minutes_of_both / 60))
    sizes = (("vCPU", shape.cpu / 1024, "vcpu"), ("memory", shape.memory / 1024, "gb"))
    for span, hours in spans:
        for kind, number in (("", tasks - spot), (" Spot", spot)):
            for label, size, unit in sizes:
                if not hours * number * size:
                    continue
                each = price(f"fargate_{arm}{unit}_hour") * (price("fargate_spot_share") if kind else 1)
                quantity = hours * number * size
                yield Line(f"{span}{kind} {label}", quantity, f"{'vCPU' if unit == 'vcpu' else 'GB'} h", each)
    extra = max(shape.storage - FREE_STORAGE, ZERO) * tasks * HOURS
    if extra:
        yield Line("Fargate storage over 20 GB", extra, "GB h", price("fargate_storage_gb_hour"))


def network_lines(shape: Shape, tasks: Decimal, traffic: Traffic, price: Price) -> Iterator[Line]:
    public = shape.load_balancer == "internet-facing"
    if shape.load_balancer:
        yield Line("Load balancer", HOURS, "h", price("load_balancer_hour"))
        units = max(
            traffic.requests / (HOURS * 3600) / LCU_REQUESTS_PER_SECOND,
            traffic.connections / LCU_CONNECTIONS,
            traffic.data_gb / HOURS / LCU_GB_PER_HOUR,
        )
        yield Line("Load balancer capacity", units * HOURS, "LCU h", price("load_balancer_lcu_hour"))
    if public and not shape.distribution:
        yield Line("Data to the internet", traffic.data_gb, "GB", price("internet_gb"))
    addresses = (
        ("the load balancer", shape.zones if public else ZERO),
        ("the tasks", tasks if shape.task_addresses else ZERO),
        ("NAT", shape.nat_gateways),
    )
    for owner, number in addresses:
        yield Line(f"IPv4 of {owner}", number * HOURS, "h", price("ipv4_hour"))
    if shape.nat_gateways:
        yield Line("NAT gateways", shape.nat_gateways * HOURS, "h", price("nat_hour"))
        yield Line("NAT data", traffic.fetched_gb, "GB", price("nat_gb"))
    if shape.endpoints:
        yield Line("VPC endpoints", shape.endpoints * shape.zones * HOURS, "zone h", price("endpoint_hour"))
        yield Line("VPC endpoint data", traffic.fetched_gb, "GB", price("endpoint_gb"))


def edge_lines(shape: Shape, traffic: Traffic, price: Price) -> Iterator[Line]:
    if shape.distribution:
        data = max(traffic.data_gb - price("cloudfront_free_gb"), ZERO)
        requests = max(traffic.requests - price("cloudfront_free_requests"), ZERO)
        yield Line("CloudFront data", data, "GB", price("cloudfront_gb"))
        yield Line("CloudFront requests", requests, "", price("cloudfront_request"))
    if shape.web_acl_rules:
        yield Line("Web ACL", Decimal(1), "", price("web_acl_month"))
        yield Line("Web ACL rules", shape.web_acl_rules, "", price("web_acl_rule_month"))
        yield Line("Web ACL requests", traffic.requests, "", price("web_acl_request"))


def watch_lines(shape: Shape, traffic: Traffic, price: Price) -> Iterator[Line]:
    yield Line("Log lines", traffic.log_gb, "GB", price("log_gb"))
    yield Line("Log storage", traffic.log_gb * shape.retention_days / 30, "GB", price("log_storage_gb_month"))
    logs = Decimal(bool(shape.load_balancer) + shape.distribution) * traffic.requests * ACCESS_LOG_GB
    yield Line("Access logs", logs * shape.access_log_days / 30, "GB", price("object_gb_month"))
    # What AWS writes by itself costs as much to take in, up to 10 TB.
    yield Line("Flow logs", shape.flow_logs * traffic.flow_log_gb, "GB", price("log_gb"))
    yield Line("Log metrics", shape.log_metrics, "metrics", price("metric_month"))
    traces = max(traffic.traces * shape.tracing / 100 - price("free_traces"), ZERO) if shape.tracing else ZERO
    yield Line("Traces", traces, "", price("trace"))
    yield Line("Images", traffic.image_gb, "GB", price("image_gb_month"))
    if shape.insights:
        yield Line("Container Insights", INSIGHTS_METRICS, "metrics", price("metric_month"))
    yield Line("Alarms", shape.alarms, "metrics", price("alarm_month"))
    yield Line("Dashboards", shape.dashboards, "", price("dashboard_month"))
    yield Line("Secrets", shape.secrets, "", price("secret_month"))


def governance_lines(shape: Shape, traffic: Traffic, price: Price) -> Iterator[Line]:
    yield Line("Copied images", shape.copies * traffic.image_gb, "GB", price("image_gb_month"))
    yield Line("Trail events", shape.trail * traffic.trail_events, "", price("trail_event"))
    yield Line("Config items", shape.recorder * traffic.config_items, "", price("config_item"))
    yield Line("Config evaluations", shape.config * traffic.config_evaluations, "", price("config_evaluation"))
    yield Line("Security Hub checks", shape.security_hub * traffic.security_checks, "", price("security_check"))


def total(bill: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in bill), ZERO)


def price_book(
    prices: Mapping[str, Mapping[str, Any]],
    region: str,
    overrides: Mapping[str, Any],
    looked_up: Mapping[str, Any],
) -> Price:
    """Prices by name: one's own, else one that was looked up, else the region's on file.

    :raises Refused: for an override of no known name; and when a price is asked for that is nowhere.
    """
    unknown = sorted(set(overrides) - set(prices))
    if unknown:
        raise Refused(
            f"cost_price_overrides: {', '.join(unknown)} is no price. Write one of {', '.join(sorted(prices))}"
        )

    def price(name: str) -> Decimal:
        on_file = prices[name]
        sources = (overrides.get(name), looked_up.get(name), on_file.get(region), on_file.get("everywhere"))
        value = next((value for value in sources if value is not None), None)
        if value is None:
            raise Refused(
                f"amica_region: no {name} of {region} is on file, and it was not looked up. Run with credentials that "
                f"allow pricing:GetProducts and -e cost_live=true, or write it into cost_price_overrides"
            )
        return decimal(f"cost_price_overrides.{name}", value)

    return price


@dataclass(frozen=True)
class Estimate:
    """A bill with what brackets it: nobody comes, and the most tasks run all month."""

    lines: list[Line]
    floor: Decimal
    ceiling: Decimal

    @property
    def total(self) -> Decimal:
        return total(self.lines)


# What chats and changes bring; the rest of a month comes also when nobody comes.
BUSY = ("tasks", "deployments", "requests", "data_gb", "connections", "fetched_gb", "log_gb", "flow_log_gb", "traces")


def estimate(shape: Shape, traffic: Traffic, price: Price) -> Estimate:
    return Estimate(
        lines(shape, traffic, price),
        floor=total(lines(shape, replace(traffic, **dict.fromkeys(BUSY, ZERO)), price)),
        ceiling=total(lines(shape, replace(traffic, tasks=shape.max_tasks), price)),
    )


def number(value: Decimal, digits: int = 1) -> str:
    """A quantity without needless zeros: `182.5`, `100,000`."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: Decimal) -> str:
    """A price with every digit that it has, never as 6E-7."""
    text = f"{value.normalize():f}"
    return text if len(text.partition(".")[2]) >= 2 else f"{value:.2f}"


def marks(amount: Decimal, largest: Decimal) -> str:
    """At least one mark for what costs anything."""
    if amount <= 0 or largest <= 0:
        return ""
    return "#" * max(1, int((amount / largest * BAR_WIDTH).to_integral_value(ROUND_HALF_UP)))


def plan_table(found: Estimate) -> list[str]:
    """The bill at most 80 characters wide, with a bar for each line."""
    largest = max((line.amount for line in found.lines), default=ZERO)
    rows = []
    for line in found.lines:
        how = f"{number(line.quantity)}{f' {line.unit}' if line.unit else ''} x {plain(line.price)}"
        rows.append(f"{line.label:<28}{how:<27}{line.amount:>13,.2f}  {marks(line.amount, largest)}".rstrip())
    rule = "-" * TEXT_WIDTH
    sums = (
        ("Total", found.total),
        ("Without traffic, fewest tasks", found.floor),
        ("Most tasks all month", found.ceiling),
    )
    return [*rows, rule, *(f"{label:<55}{amount:>13,.2f}" for label, amount in sums)]


def change_table(before: Estimate, after: Estimate) -> list[str]:
    """What each line costs as it runs and as planned, and the difference."""
    old = {line.label: line.amount for line in before.lines}
    new = {line.label: line.amount for line in after.lines}
    labels = [*new, *(label for label in old if label not in new)]
    largest = max((*old.values(), *new.values()), default=ZERO)
    rows = [
        (label, old.get(label, ZERO), new.get(label, ZERO))
        for label in labels
        if old.get(label, ZERO) or new.get(label, ZERO)
    ]
    sums = (
        ("Total", before.total, after.total),
        ("Without traffic, fewest tasks", before.floor, after.floor),
        ("Most tasks all month", before.ceiling, after.ceiling),
    )

    def row(label: str, left: Decimal, right: Decimal) -> str:
        change = f"{right - left:+,.2f}" if left != right else "="
        return f"{label:<29}{left:>13,.2f}{right:>13,.2f}{change:>13}"

    return [
        f"{'':<29}{'running':>13}{'plan':>13}{'change':>13}",
        *(f"{row(*cells)}  {marks(cells[2], largest)}".rstrip() for cells in rows),
        "-" * TEXT_WIDTH,
        *(row(*cells) for cells in sums),
    ]
