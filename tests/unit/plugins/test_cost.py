"""Bills that were added up by hand, and what else must hold of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.amica.stack.plugins.filter.monthly_cost import monthly_cost
from ansible_collections.amica.stack.plugins.module_utils._cost import Shape
from ansible_collections.amica.stack.plugins.module_utils._cost import Traffic
from ansible_collections.amica.stack.plugins.module_utils._cost import estimate
from ansible_collections.amica.stack.plugins.module_utils._cost import lines
from ansible_collections.amica.stack.plugins.module_utils._cost import planned
from ansible_collections.amica.stack.plugins.module_utils._cost import price_book
from ansible_collections.amica.stack.plugins.module_utils._cost import running
from ansible_collections.amica.stack.plugins.module_utils._prices import is_usage
from ansible_collections.amica.stack.plugins.module_utils._prices import look_up
from ansible_collections.amica.stack.plugins.module_utils._prices import price_in
from ansible_collections.amica.stack.plugins.module_utils._prices import query
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_of
from jinja2 import Environment

ROLES = Path(__file__).parents[3] / "roles"
FILE = yaml.safe_load((ROLES / "cost" / "vars" / "main" / "prices.yml").read_text())
PRICES: dict[str, Any] = FILE["cost_prices"]
SINGAPORE = price_book(PRICES, "ap-southeast-1", {}, {})
VIRGINIA = price_book(PRICES, "us-east-1", {}, {})

DEV: dict[str, Any] = {
    "cpu": 256,
    "memory": 512,
    "storage": 20,
    "architecture": "x86_64",
    "spot_percent": 0,
    "on_demand_base": 0,
    "tasks": 1,
    "min_tasks": 1,
    "max_tasks": 1,
    "variant_tasks": 0,
    "strategy": strategy_of({}),
    "task_addresses": True,
    "zones": 2,
    "load_balancer": "internet-facing",
    "distribution": True,
    "insights": "disabled",
    "nat_gateways": 0,
    "endpoints": 0,
    "alarms": 0,
    "dashboards": 0,
    "web_acl_rules": 0,
    "secrets": 0,
    "retention_days": 30,
    "access_log_days": 0,
    "log_metrics": 0,
    "tracing": 0,
    "flow_logs": 0,
    "copies": 0,
    "trail": 0,
    "config": 0,
    "recorder": 0,
    "security_hub": 0,
}
MONTH: dict[str, Any] = {
    "tasks": 1,
    "deployments": 20,
    "requests": 100000,
    "data_gb": 10,
    "connections": 10,
    "fetched_gb": 5,
    "log_gb": 1,
    "image_gb": 1,
    "flow_log_gb": 2,
    "traces": 500000,
    "trail_events": 50000,
    "config_items": 100,
    "config_evaluations": 150,
    "security_checks": 6000,
}
TRAFFIC = Traffic(**{name: Decimal(value) for name, value in MONTH.items()})


def shape(**changes: Any) -> Shape:
    return planned({**DEV, **changes})


def amounts(of: Shape, traffic: Traffic = TRAFFIC, price: Any = SINGAPORE) -> dict[str, str]:
    return {line.label: str(line.amount) for line in lines(of, traffic, price)}


def test_the_compute_of_dev_at_the_prices_of_virginia_is_nine_dollars_and_a_cent() -> None:
    # 0.25 x 730 x 0.04048 = 7.3876 and 0.5 x 730 x 0.004445 = 1.6224
    found = amounts(shape(), price=VIRGINIA)
    assert (found["Fargate vCPU"], found["Fargate memory"]) == ("7.39", "1.62")


def test_dev_in_singapore() -> None:
    assert amounts(shape()) == {
        "Fargate vCPU": "9.23",  # 182.5 x 0.05056 = 9.2272
        "Fargate memory": "2.02",  # 365 x 0.00553 = 2.01845
        "Load balancer": "18.40",  # 730 x 0.0252 = 18.396
        "Load balancer capacity": "0.08",  # 10 GB are 10 LCU hours, more than connections and requests
        "IPv4 of the load balancer": "7.30",  # 2 x 730 x 0.005
        "IPv4 of the tasks": "3.65",
        "Log lines": "0.70",
        "Log storage": "0.03",
        "Images": "0.10",
    }
    bill = estimate(shape(), TRAFFIC, SINGAPORE)
    assert (str(bill.total), str(bill.floor), str(bill.ceiling)) == ("41.51", "40.70", "41.51")


def test_the_first_traces_are_free() -> None:
    assert amounts(shape(tracing=100))["Traces"] == "2.00"  # 400,000 x 0.000005
    assert amounts(shape(tracing="50"))["Traces"] == "0.75"
    assert "Traces" not in amounts(shape(tracing=20))


def test_arm_is_cheaper_and_spot_is_a_share() -> None:
    found = amounts(shape(architecture="arm64", cpu="1024", memory="2048", spot_percent="50", tasks="4"))
    assert found["Fargate vCPU"] == "59.06"  # 4 x 730 x 0.5 x 0.04045 = 59.057
    assert found["Fargate Spot vCPU"] == "17.72"  # 0.3 of it
    assert found["Fargate memory"] == "12.91"  # 4 x 2 x 730 x 0.5 x 0.00442 = 12.9064


def test_what_the_bake_time_of_both_versions_costs() -> None:
    blue_green = {"name": "blue_green", "bake_minutes": "30", "step_percent": 100, "step_minutes": 0}
    found = amounts(shape(cpu=1024, memory=2048, tasks=2, strategy=blue_green))
    assert found["Bake time vCPU"] == "1.01"  # 2 tasks x 20 deployments x 0.5 h x 0.05056 = 1.0112
    assert found["Bake time memory"] == "0.22"  # 2 x 20 x 0.5 x 2 x 0.00553 = 0.2212
    assert shape(strategy=blue_green) == running(
        {**STACK, "service": {**STACK["service"], "strategy": blue_green}}, shape()
    )


def test_tasks_that_stay_on_demand_take_no_part_in_the_share() -> None:
    found = amounts(shape(tasks="4", spot_percent="50", on_demand_base="2"))
    assert found["Fargate vCPU"] == "27.68"  # 3 x 182.5 x 0.05056
    assert found["Fargate Spot vCPU"] == "2.77"  # 182.5 x 0.05056 x 0.3
    assert "Fargate Spot vCPU" not in amounts(shape(spot_percent="50", on_demand_base="2"))


def test_the_first_twenty_gb_of_storage_are_free() -> None:
    assert "Fargate storage over 20 GB" not in amounts(shape())
    assert amounts(shape(storage=30))["Fargate storage over 20 GB"] == "0.97"  # 10 x 730 x 0.000133


def test_what_rag_and_enterprise_add() -> None:
    found = amounts(
        shape(
            task_addresses="false",
            load_balancer="internal",
            nat_gateways=1,
            endpoints=4,
            alarms=8,
            dashboards=1,
            web_acl_rules=3,
            secrets=2,
            access_log_days=90,
            insights="enabled",
        )
    )
    assert not [label for label in found if label.startswith("IPv4") and label != "IPv4 of NAT"]
    assert "Access logs" in found
    assert found["NAT gateways"] == "43.07"  # 730 x 0.059
    assert found["NAT data"] == "0.30"
    assert found["VPC endpoints"] == "75.92"  # 4 x 2 x 730 x 0.013
    assert found["Web ACL"] == "5.00"
    assert found["Web ACL rules"] == "3.00"
    assert found["Web ACL requests"] == "0.06"
    assert (found["Alarms"], found["Dashboards"], found["Secrets"]) == ("0.80", "3.00", "0.80")
    assert found["Container Insights"] == "7.50"


def test_what_governance_flow_logs_and_metrics_of_the_log_add() -> None:
    governed = shape(log_metrics=3, flow_logs=1, copies=2, trail=1, config=1, recorder="1", security_hub=1)
    plain, found = amounts(shape()), amounts(governed)
    assert {label: amount for label, amount in found.items() if label not in plain} == {
        "Flow logs": "1.40",  # 2 x 0.70
        "Log metrics": "0.90",
        "Copied images": "0.20",
        "Trail events": "1.00",  # 50000 x 0.00002
        "Config items": "0.30",  # 100 x 0.003
        "Config evaluations": "0.15",
        "Security Hub checks": "6.00",
    }
    bill = estimate(governed, TRAFFIC, SINGAPORE)
    assert bill.floor - estimate(shape(), TRAFFIC, SINGAPORE).floor == Decimal("8.55"), "all but the flow logs"
    stands: dict[str, Any] = {
        **STACK,
        "dashboard": {"name": "amica"},
        "log_group": {"retention_days": 30, "metric_filters": 3},
        "vpc": {"flow_logs": [{"destination": "/vpc/amica"}]},
        "governance": {
            "image_replication": ["eu-west-1", "us-east-1"],
            "trail": "arn",
            "config_rules": ["arn"],
            "config_bucket": True,
            "security_hub": "arn",
        },
    }
    assert running(stands, governed) == replace(governed, dashboards=Decimal(1))


def test_cloudfront_is_free_up_to_its_allowance() -> None:
    busy = replace(TRAFFIC, data_gb=Decimal(1124), requests=Decimal(11_000_000))
    found = amounts(shape(), busy)
    assert (found["CloudFront data"], found["CloudFront requests"]) == ("12.00", "1.20")
    assert amounts(shape(distribution=False), busy)["Data to the internet"] == "134.88"


def test_the_tasks_stay_between_their_bounds() -> None:
    scaled = shape(min_tasks=2, max_tasks=4, tasks=2)
    bill = estimate(scaled, replace(TRAFFIC, tasks=Decimal(3)), SINGAPORE)
    hours = {line.label: line.quantity for line in bill.lines}
    assert hours["Fargate memory"] == Decimal("0.5") * 3 * 730
    assert amounts(scaled, replace(TRAFFIC, tasks=Decimal(9)))["Fargate vCPU"] == "36.91"
    assert bill.floor < bill.total < bill.ceiling


def test_variants_run_beside_all_that_scales() -> None:
    scaled = shape(min_tasks=2, max_tasks=4, tasks=2, variant_tasks=3)
    bill = estimate(scaled, replace(TRAFFIC, tasks=Decimal(9)), SINGAPORE)
    hours = {line.label: line.quantity for line in bill.lines}
    assert (hours["Fargate memory"], hours["IPv4 of the tasks"]) == (Decimal("0.5") * 7 * 730, Decimal(7 * 730))
    variants = {"short": {"service": {"desired_count": 3}}, "half": {"service": None}}
    assert running({**STACK, "variants": variants}, shape(variant_tasks=3)) == shape(variant_tasks=3)


def test_a_service_of_no_tasks_still_costs() -> None:
    found = amounts(shape(tasks=0))
    assert not [label for label in found if "Fargate" in label]
    assert found["Load balancer"] == "18.40"


STACK: dict[str, Any] = {
    "task_definition": {"cpu": 256, "memory": 512, "ephemeral_storage": 20, "architecture": "X86_64"},
    "service": {"desired_count": 1, "assign_public_ip": True, "strategy": strategy_of({})},
    "scaling": None,
    "load_balancer": {"scheme": "internet-facing", "zones": ["a", "b"]},
    "cluster": {"container_insights": "disabled"},
    "distribution": {"id": "E1"},
    "log_group": {"retention_days": 30},
    "tagged_resources": [],
}


def test_what_stands_as_planned_costs_the_same() -> None:
    assert running(STACK, shape()) == shape()
    logged = {**STACK, "edge": {"load_balancer_logs": True}}
    assert running(logged, shape(access_log_days=60)) == shape(access_log_days=60)


def test_access_logs_cost_their_place() -> None:
    busy = replace(TRAFFIC, requests=Decimal(100_000_000))
    found = amounts(shape(access_log_days=90), busy)
    assert found["Access logs"] == "3.00"  # 2 x 100,000,000 x 0.0000002 x 3 x 0.025


def test_what_else_stands_is_counted_by_its_tags() -> None:
    arns = [
        "arn:aws:ec2:x:1:natgateway/nat-1",
        "arn:aws:cloudwatch:x:1:alarm:a",
        "arn:aws:cloudwatch:x:1:alarm:b",
        "arn:aws:secretsmanager:x:1:secret:s",
        "arn:aws:wafv2:us-east-1:1:global/webacl/amica/1",
    ]
    stands = {
        **STACK,
        "tagged_resources": arns,
        "scaling": {"min": 2, "max": 4},
        "vpc": {"endpoints": [{"service": "s3"}, {"service": "ecr.api"}]},
    }
    found = running(stands, shape(web_acl_rules=3))
    counts = (found.nat_gateways, found.alarms, found.secrets, found.web_acl_rules, found.endpoints)
    assert [int(count) for count in counts] == [1, 2, 1, 3, 1], "a gateway endpoint is free"
    assert (found.min_tasks, found.max_tasks) == (Decimal(2), Decimal(4))


def test_nothing_stands_and_nothing_costs() -> None:
    nothing: dict[str, Any] = {**dict.fromkeys(STACK), "tagged_resources": []}
    assert (
        lines(running(nothing, shape(alarms=8)), replace(TRAFFIC, log_gb=Decimal(0), image_gb=Decimal(0)), SINGAPORE)
        == []
    )


def bill(**options: Any) -> dict[str, Any]:
    return monthly_cost(DEV, MONTH, PRICES, options.pop("region", "ap-southeast-1"), **options)


def test_the_tables_fit_into_eighty_characters() -> None:
    large = {**DEV, "cpu": 16384, "memory": 122880, "storage": 200, "tasks": 5000, "max_tasks": 5000}
    for table in (
        bill()["table"],
        bill(running=STACK)["table"],
        monthly_cost(large, {**MONTH, "tasks": 5000}, PRICES, "ap-southeast-1")["table"],
    ):
        assert max(map(len, table)) <= 80
    assert any(line.endswith("#" * 10) for line in bill()["table"])


def test_the_lines_add_up_to_the_total() -> None:
    found = bill()
    assert sum(Decimal(line["amount"]) for line in found["lines"]) == Decimal(found["total"])


def test_a_change_is_told_line_by_line() -> None:
    found = bill(running={**STACK, "service": {**STACK["service"], "desired_count": 2}})
    (line,) = [line for line in found["table"] if line.startswith("Fargate vCPU")]
    assert line.split()[2:5] == ["18.45", "9.23", "-9.22"]
    assert found["running_total"] == "56.40"


def test_one_s_own_price_comes_first_then_what_was_looked_up() -> None:
    found = price_book(PRICES, "eu-west-1", {"nat_hour": "0.01"}, {"nat_hour": "0.02", "nat_gb": "0.03"})
    assert (found("nat_hour"), found("nat_gb")) == (Decimal("0.01"), Decimal("0.03"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"region": "eu-west-1"}, "no fargate_vcpu_hour of eu-west-1 is on file"),
        ({"overrides": {"nat": "1"}}, "cost_price_overrides: nat is no price. Write one of"),
        ({"overrides": {"ipv4_hour": "cheap"}}, "cost_price_overrides.ipv4_hour: 'cheap' is not a number from 0"),
    ],
)
def test_what_cannot_be_priced_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AnsibleFilterError, match=sentence):
        bill(**options)


@pytest.mark.parametrize("value", ["many", -1, "NaN", None, ""])
def test_traffic_is_a_number(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"cost_requests: .* is not a number from 0"):
        monthly_cost(DEV, {**MONTH, "requests": value}, PRICES, "ap-southeast-1")


def test_no_price_is_a_float_and_each_has_a_source() -> None:
    for name, entry in PRICES.items():
        values = [value for key, value in entry.items() if key not in ("source", "usage")]
        assert values, name
        assert all(isinstance(value, str) and Decimal(value) > 0 for value in values), name
        assert entry["source"], name


def test_the_roles_own_defaults_are_the_plan_s() -> None:
    defaults = {
        name: value
        for role in ROLES.iterdir()
        for name, value in yaml.safe_load((role / "defaults" / "main.yml").read_text()).items()
    }
    text = (ROLES / "cost" / "vars" / "main" / "stack.yml").read_text()
    stack = yaml.safe_load(text)["cost_stack"]
    plain = (re.fullmatch(r"\{\{ (\w+) \| default\(([^()|]*)\) \}\}", str(value)) for value in stack.values())
    assumed = [match.groups() for match in plain if match]
    assert len(assumed) > 9
    for name, default in assumed:
        assert yaml.safe_load(default) == defaults[name], name


def product(usage: str, *tiers: tuple[str, str]) -> str:
    dimensions = {str(n): {"beginRange": start, "pricePerUnit": {"USD": usd}} for n, (start, usd) in enumerate(tiers)}
    terms = {"OnDemand": {"T": {"priceDimensions": dimensions}}}
    return json.dumps({"product": {"attributes": {"usagetype": usage}}, "terms": terms})


def test_a_price_is_found_by_its_exact_usage_and_its_first_tier_that_costs() -> None:
    products = [
        product("APS1-TS-LCUUsage", ("0", "9")),
        product("APS1-LCUUsage", ("5", "0.0070000000"), ("0", "0.0000000000"), ("1", "0.0080000000")),
    ]
    assert price_in(products, {"type": "LCUUsage"}) == "0.008"
    assert price_in(products, {"type": "NatGateway-Hours"}) is None


@pytest.mark.parametrize(
    ("found", "matches"),
    [
        ("NatGateway-Hours", True),
        ("APS1-NatGateway-Hours", True),
        ("EU-NatGateway-Hours", True),
        ("APS1-RegionalNatGateway-Hours", False),
        ("APS1-NatGateway-Hours-Extra", False),
    ],
)
def test_a_usage_type_carries_its_region(found: str, matches: bool) -> None:
    assert is_usage(found, "NatGateway-Hours") is matches


def test_the_query_names_region_and_what_narrows_it() -> None:
    usage = {"service": "AWSELB", "type": "LCUUsage", "operation": "LoadBalancing:Application"}
    assert query(usage, "eu-west-1") == {
        "ServiceCode": "AWSELB",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
            {"Type": "TERM_MATCH", "Field": "operation", "Value": "LoadBalancing:Application"},
        ],
    }


class Catalogue:
    """The Pricing API with one load balancer's prices, over two pages."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Catalogue:
        assert operation == "get_products"
        return self

    def paginate(self, **question: Any) -> list[dict[str, Any]]:
        self.asked.append(question)
        return [
            {"PriceList": [product("APS1-LCUUsage", ("0", "0.0080000000"))]},
            {"PriceList": [product("APS1-LoadBalancerUsage", ("0", "0.0252000000"))]},
        ]


def test_what_answers_together_is_asked_once_and_what_is_unknown_left_out() -> None:
    wanted = {name: PRICES[name] for name in ("load_balancer_hour", "load_balancer_lcu_hour", "dashboard_month")}
    catalogue = Catalogue()
    prices = look_up(
        catalogue, {**wanted, "other": {"usage": {"service": "AWSELB", "type": "Other"}}}, "ap-southeast-1"
    )
    assert prices == {"load_balancer_hour": "0.0252", "load_balancer_lcu_hour": "0.008"}
    assert len(catalogue.asked) == 2


def test_a_refusal_is_the_collection_s_own() -> None:
    with pytest.raises(Refused):
        price_book(PRICES, "eu-west-1", {}, {})("nat_hour")


def watched_metrics(place: str, **variables: Any) -> int:
    """How many metrics the alarms of the role `monitoring` watch at this place."""
    template = Environment(autoescape=False)
    template.filters["to_json"] = json.dumps
    source = (ROLES / "monitoring" / "templates" / f"{place}_alarms.yml.j2").read_text()
    names = set(re.findall(r"monitoring_\w+", source))
    alarms = yaml.safe_load(template.from_string(source).render({**dict.fromkeys(names, ""), **variables}))
    metrics = [metric for alarm in alarms.values() for metric in alarm.get("Metrics", [{}])]
    return len([metric for metric in metrics if "Expression" not in metric])


def test_the_alarms_of_the_plan_watch_as_many_metrics_as_those_of_the_stack() -> None:
    usual = watched_metrics("app", monitoring_container_insights="disabled")
    insights = watched_metrics("app", monitoring_container_insights="enabled")
    shifting = watched_metrics("app", monitoring_container_insights="disabled", monitoring_other_targets="green")
    default = yaml.safe_load((ROLES / "cost" / "defaults" / "main.yml").read_text())["cost_alarms"]
    assert (watched_metrics("edge"), insights - usual, shifting - usual) == (2, 1, 1)
    assert default.startswith(f"{{{{ ({usual} + 2 * ")
