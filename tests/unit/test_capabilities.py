"""The README's table of capabilities says what is: variables, what each profile sets, and the tests."""

from __future__ import annotations

import re
from dataclasses import fields
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._cost import CENT
from ansible_collections.amica.stack.plugins.module_utils._cost import Shape
from ansible_collections.amica.stack.plugins.module_utils._cost import Traffic
from ansible_collections.amica.stack.plugins.module_utils._cost import lines
from ansible_collections.amica.stack.plugins.module_utils._cost import price_book
from ansible_collections.amica.stack.plugins.module_utils._cost import total
from ansible_collections.amica.stack.plugins.module_utils._settings import setting_problems
from e2e import switches
from support.machine import ROOT

PROFILES = ("dev", "rag", "enterprise")
NAMED = {"67f7725c-6f97-4210-82d7-5512b31e9d03": "AWS's own"}


def rows() -> list[list[str]]:
    section = (ROOT / "README.md").read_text().partition("## Capabilities")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [row for row in cells[2:] if not row[0].startswith("**")]


def variables(row: list[str]) -> list[str]:
    return re.findall(r"`(\w+)`", row[1])


def settings(profile: str) -> dict[str, Any]:
    files = [*sorted((ROOT / "roles").glob("*/defaults/main.yml"))]
    files += [ROOT / "inventories" / "group_vars" / f"{name}.yml" for name in ("all", profile)]
    return {name: value for file in files for name, value in yaml.safe_load(file.read_text()).items()}


def word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in ("", [], {}):
        return "none"
    return " ".join(value) if isinstance(value, list) else NAMED.get(value, str(value))


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_profile_sets_is_what_the_table_says(profile: str) -> None:
    have = settings(profile)
    wrong = []
    for row in rows():
        said = row[2 + PROFILES.index(profile)].split(", ")
        values = [have[name] for name in variables(row)]
        if not any("{{" in str(value) for value in values) and said != [word(value) for value in values]:
            wrong.append((variables(row), said, values))
    assert wrong == []


def table() -> list[str]:
    return [name for row in rows() for name in variables(row)]


# What is not switched on and off in one run of the playbook, and the test that shows it.
ELSEWHERE = {
    "cost_requests": "tests/unit/plugins/test_cost.py",
    "ecs_fargate_pause_at": "molecule/strategies/tasks/pause.yml",
    "ecs_fargate_pause_minutes": "tests/unit/plugins/test_settings.py",
    "verify_mode": "tests/contract/test_edge_roles.py",
}


def test_each_variable_is_switched_on_changed_and_off_somewhere() -> None:
    switched = {*switches.FIRST, *switches.second("", "", "", "", 0)}
    assert {*table()} - switched == {*ELSEWHERE}
    for variable, path in ELSEWHERE.items():
        assert variable in (ROOT / path).read_text(), path


# Of each variable what it cannot hold, and what is to be written instead. A new capability brings its own.
WRONG: dict[str, tuple[Any, str]] = {
    "alb_certificate_arn": ("my-certificate", "Write arn:aws:acm:ap-southeast-1:ACCOUNT:certificate/ID"),
    "alb_deregistration_delay": ("3601", "Write for example alb_deregistration_delay: 60"),
    "alb_domain": ("https://alb.example.com", "Write for example alb_domain: alb.example.com"),
    "alb_stickiness_duration": (604801, "Write for example alb_stickiness_duration: 86400"),
    "alb_test_port": ("-1", "Write for example alb_test_port: 8081"),
    "amica_access_logs": ("s3", "Write amica_access_logs: true or false"),
    "amica_access_logs_days": (0, "Write for example amica_access_logs_days: 90"),
    "amica_domain": ("Chat.Example.Com", "Write for example amica_domain: chat.example.com"),
    "amica_edge": ("closed", "Write one of open, cloudfront_only, private"),
    "amica_edge_secrets": (["*" * 16], "openssl rand -hex 32"),
    "amica_hosted_zone": ("example.com", "Write the part of it that Route 53 has a zone for"),
    "amica_variants": ([{"name": "short"}], "Write for example weight: 20"),
    "cloudfront_aliases": (["chat.example.com"], "Write cloudfront_certificate_arn too"),
    "cloudfront_cached_paths": (["/*"], "Write for example cloudfront_cached_paths: [/assets/*]"),
    "cloudfront_certificate_arn": ("my-certificate", "Write arn:aws:acm:us-east-1:ACCOUNT:certificate/ID"),
    "cloudfront_error_page": ("page.html", "Write cloudfront_error_page: true or false"),
    "cloudfront_http_version": ("2", "Write one of http1.1, http2, http3, http2and3"),
    "cloudfront_ipv6": ("dual", "Write cloudfront_ipv6: true or false"),
    "cloudfront_minimum_tls": ("TLSv1.1_2016", "TLSv1.2_2021"),
    "cloudfront_response_headers_policy_id": ("mine", "Write its id, such as"),
    "cloudfront_waf": ("COUNT", "Write cloudfront_waf: true or false"),
    "cloudfront_waf_allowed_networks": ("10.0.0.0/8", "Write for example cloudfront_waf_allowed_networks: ["),
    "cloudfront_waf_denied_networks": (["0.0.0.0/0"], "Leave it out"),
    "cloudfront_waf_rate_limit": (9, "cloudfront_waf_rate_limit: 2000, or 0 for no limit"),
    "cloudwatch_retention_days": ("15", "Write one of 1, 3, 5, 7, 14"),
    "cost_requests": ("many", "Write for example cost_requests: 100000"),
    "ecs_fargate_architecture": ("amd64", "Write one of x86_64, arm64"),
    "ecs_fargate_bake_minutes": (1441, "Write for example ecs_fargate_bake_minutes: 5"),
    "ecs_fargate_canary_percent": (100, "Write for example ecs_fargate_canary_percent: 10"),
    "ecs_fargate_circuit_breaker": ("maybe", "Write ecs_fargate_circuit_breaker: true or false"),
    "ecs_fargate_container_insights": (True, "Write one of disabled, enabled, enhanced"),
    "ecs_fargate_cpu": ("300", "256"),
    "ecs_fargate_deployment_alarms": ("amica-5xx", "Write for example ecs_fargate_deployment_alarms: [amica-5xx]"),
    "ecs_fargate_desired_count": (2, "Write a number from 1 to 1"),
    "ecs_fargate_early_success_percent": (101, "Write for example ecs_fargate_early_success_percent: 0"),
    "ecs_fargate_environment": ({"LOG-LEVEL": "info"}, "Write for example ecs_fargate_environment: {LOG_LEVEL: info}"),
    "ecs_fargate_ephemeral_storage": (500, "200"),
    "ecs_fargate_linear_percent": (2, "Write for example ecs_fargate_linear_percent: 25"),
    "ecs_fargate_max_count": (5001, "Write for example ecs_fargate_max_count: 1"),
    "ecs_fargate_memory": ("8192", "512"),
    "ecs_fargate_min_count": (2, "Write ecs_fargate_min_count: 1 or less, or raise the other"),
    "ecs_fargate_on_demand_base": (-1, "Write for example ecs_fargate_on_demand_base: 1"),
    "ecs_fargate_pause_at": (["POST_SCALE_UP"], "Set ecs_fargate_strategy to one of blue_green, canary, linear"),
    "ecs_fargate_pause_minutes": (20161, "Write for example ecs_fargate_pause_minutes: 1440"),
    "ecs_fargate_scaling_cpu": ("101", "Write for example ecs_fargate_scaling_cpu: 60"),
    "ecs_fargate_scaling_memory": (7.5, "Write for example ecs_fargate_scaling_memory: 75"),
    "ecs_fargate_scaling_requests": (-1, "Write for example ecs_fargate_scaling_requests: 1000"),
    "ecs_fargate_scaling_schedules": ([{"name": "evening", "at": "20:00"}], "Write for example {name: evening"),
    "ecs_fargate_service_connect": ("chat", "Write ecs_fargate_service_connect: true or false"),
    "ecs_fargate_service_connect_namespace_arn": ("chat.local", "Write arn:aws:servicediscovery:ap-southeast-1:"),
    "ecs_fargate_spot_percent": (101, "Write for example ecs_fargate_spot_percent: 50"),
    "ecs_fargate_strategy": ("bluegreen", "Write one of rolling, recreate, blue_green, canary, linear"),
    "ecs_fargate_tracing": ("x-ray", "Write ecs_fargate_tracing: true or false"),
    "ecs_fargate_tracing_percent": (0, "Write for example ecs_fargate_tracing_percent: 100"),
    "governance_config": ("rules", "Write governance_config: true or false"),
    "governance_config_days": ("3651", "Write for example governance_config_days: 365"),
    "governance_image_replication": (["ap-southeast-1"], "Leave it out"),
    "governance_image_scanning": ("daily", "Write one of SCAN_ON_PUSH, CONTINUOUS_SCAN, or nothing"),
    "governance_security_hub": ("cis", "Write governance_security_hub: true or false"),
    "governance_trail": ("all", "Write governance_trail: true or false"),
    "governance_trail_days": (0, "Write for example governance_trail_days: 365"),
    "monitoring_alarms": ("some", "Write monitoring_alarms: true or false"),
    "monitoring_dashboard": ("none", "Write monitoring_dashboard: true or false"),
    "monitoring_emails": (["ops"], "Write for example ops@example.com"),
    "monitoring_phone_numbers": ("+6512345678", 'Write for example monitoring_phone_numbers: ["+6512345678"]'),
    "monitoring_webhooks": (["http://events.example.com"], "Write for example https://"),
    "secrets_arns": ({"TOKEN": "sk-12345"}, "Write its ARN"),
    "secrets_generated": ("CHAINLIT_AUTH_SECRET", "Write for example secrets_generated: [CHAINLIT_AUTH_SECRET]"),
    "secrets_recovery_days": ("3", "Write for example secrets_recovery_days: 30"),
    "secrets_store": ("vault", "Write one of secretsmanager, ssm"),
    "secrets_values": ({"TOKEN": ""}, "Give it a value, or leave the variable out"),
    "security_groups_test_networks": ("10.0.0.0/8", "Write for example security_groups_test_networks: ["),
    "verify_mode": (True, "Write one of auto, always, never"),
    "vpc_availability_zone_count": (1, "Write for example vpc_availability_zone_count: 2"),
    "vpc_endpoints": (["com.amazonaws.ap-southeast-1.s3"], "Write the end of their names"),
    "vpc_flow_logs": (True, "Write one of none, cloudwatch, s3"),
    "vpc_network_acls": ("strict", "Write vpc_network_acls: true or false"),
    "vpc_network_mode": ("private", "Write one of public, nat, nat_per_zone, endpoints"),
}


def test_each_variable_has_a_value_that_is_refused() -> None:
    assert set(WRONG) == set(table())


@pytest.mark.parametrize("variable", WRONG)
def test_a_wrong_value_is_refused_before_any_call_with_what_to_write_instead(variable: str) -> None:
    value, remedy = WRONG[variable]
    (problem,) = setting_problems({variable: value})
    assert variable in problem.variable
    assert remedy in problem.remedy


def validated() -> list[str]:
    names: list[str] = yaml.safe_load((ROOT / "roles" / "amica" / "vars" / "main.yml").read_text())[
        "amica_validated_variables"
    ]
    return names


@pytest.mark.parametrize("variable", table())
@pytest.mark.parametrize("value", ["???", -5, None], ids=["text", "number", "nothing"])
def test_what_no_variable_can_hold_is_refused(variable: str, value: Any) -> None:
    assert variable in validated()
    assert [problem for problem in setting_problems({variable: value}) if variable in problem.variable]


def test_each_row_names_variables_and_tests_that_there_are() -> None:
    have = settings("dev")
    for row in rows():
        assert len(row) == 7, row
        assert variables(row) and [name for name in variables(row) if name not in have] == [], row
        tests = re.findall(r"\]\((tests/\S+)\)", row[6])
        assert tests and [name for name in tests if not (ROOT / name).is_file()] == [], row


PRICE = price_book(
    yaml.safe_load((ROOT / "roles" / "cost" / "vars" / "main" / "prices.yml").read_text())["cost_prices"],
    "ap-southeast-1",
    {},
    {},
)
# A stack of nothing.
NOTHING: Any = {field.name: Decimal(0) for field in fields(Shape) if field.type == "Decimal"}
EMPTY = Shape(
    **NOTHING, architecture="x86_64", task_addresses=False, load_balancer="", distribution=False, insights=False
)
MILLION, ONE = Decimal(1_000_000), Decimal(1)


def bill(month: Traffic | None = None, **parts: Any) -> Decimal:
    return total(lines(replace(EMPTY, **parts), month or Traffic(), PRICE))


def each(brought: str, **parts: Any) -> Decimal:
    """What one of a million of something that a month brings adds to the bill of these parts."""
    return (bill(Traffic(**{brought: MILLION}), **parts) - bill(**parts)) / MILLION


def task(profile: str, *kinds: str, **more: Any) -> Decimal:
    """What a task costs with these of its sizes as the profile has them."""
    have, names = settings(profile), {"storage": "ephemeral_storage"}
    sizes: dict[str, Any] = {kind: Decimal(have[f"ecs_fargate_{names.get(kind, kind)}"]) for kind in kinds}
    return bill(min_tasks=ONE, max_tasks=ONE, **sizes, **more)


# By the first variable of a row, as the bill has them; what the bill rounds to nothing is under a cent.
PRICES: dict[str, list[Decimal]] = {
    "ecs_fargate_cpu": [task(profile, "cpu", "memory") for profile in PROFILES],
    "ecs_fargate_ephemeral_storage": [task(profile, "storage") for profile in PROFILES[1:]],
    "ecs_fargate_spot_percent": [task(profile, "cpu", "memory", spot_percent=100 * ONE) for profile in PROFILES],
    "vpc_network_mode": [bill(nat_gateways=ONE), each("fetched_gb", nat_gateways=ONE)],
    "vpc_endpoints": [bill(endpoints=ONE, zones=ONE)],
    "vpc_flow_logs": [each("flow_log_gb", flow_logs=ONE)],
    "amica_edge": [bill(load_balancer="internet-facing", zones=ONE) - bill(load_balancer="internal", zones=ONE)],
    "cloudfront_waf": [bill(web_acl_rules=4 * ONE), MILLION * each("requests", web_acl_rules=ONE)],
    "cloudfront_waf_allowed_networks": [bill(web_acl_rules=2 * ONE) - bill(web_acl_rules=ONE)],
    "cloudfront_error_page": [CENT],
    "amica_access_logs": [
        MILLION * each("requests", load_balancer="internal", distribution=True, access_log_days=90 * ONE)
        - MILLION * each("requests", load_balancer="internal", distribution=True)
    ],
    "secrets_store": [bill(secrets=ONE)],
    "monitoring_alarms": [bill(alarms=ONE)],
    "monitoring_dashboard": [bill(dashboards=ONE), bill(log_metrics=3 * ONE)],
    "cloudwatch_retention_days": [each("log_gb", retention_days=30 * ONE) - each("log_gb"), each("log_gb")],
    "ecs_fargate_container_insights": [bill(insights=True)],
    "ecs_fargate_tracing": [bill(Traffic(traces=MILLION + 100_000), tracing=100 * ONE)],
    "governance_image_replication": [each("image_gb", copies=ONE) - each("image_gb")],
    "governance_config": [each("config_items", recorder=ONE), each("config_evaluations", config=ONE)],
    "governance_security_hub": [each("security_checks", security_hub=ONE)],
}


def test_a_row_s_prices_are_the_bill_s() -> None:
    told = {variables(row)[0]: [Decimal(price) for price in re.findall(r"\d+\.\d+", row[5])] for row in rows()}
    assert {variable: prices for variable, prices in told.items() if prices} == PRICES
