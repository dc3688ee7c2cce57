from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._settings import GENERATED
from ansible_collections.amica.stack.plugins.module_utils._settings import setting_problems
from support.machine import ROOT

NAMESPACE = "arn:aws:servicediscovery:eu-west-1:111122223333:namespace/ns-1"
ALIASED = {
    "cloudfront_aliases": ["a.example.com"],
    "cloudfront_certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/1",
}
GOOD: dict[str, Any] = {
    "amica_name": "amica",
    "amica_environment": "dev",
    "amica_region": "ap-southeast-1",
    "vpc_cidr": "10.0.0.0/16",
    "ecs_fargate_cpu": 256,
    "ecs_fargate_memory": 512,
}


def test_defaults_and_good_values_are_fine() -> None:
    assert setting_problems({}) == []
    assert setting_problems(GOOD) == []


def test_two_stacks_of_one_run_have_two_names() -> None:
    other = {"inventory_hostname": "amica_rag", "amica_name": "amica", "amica_region": "ap-southeast-1"}
    (problem,) = setting_problems(GOOD, [other])
    assert str(problem).startswith("amica_name: 'amica' is the name of amica_rag too. Name them in the inventory")
    for different in ({"amica_name": "rag"}, {"amica_region": "eu-west-1"}, {"amica_aws_environment": {"A": "b"}}):
        assert setting_problems(GOOD, [other | different]) == []


@pytest.mark.parametrize("number", ["1024", 1024])
def test_numbers_may_come_as_text_from_a_survey(number: Any) -> None:
    assert setting_problems(GOOD | {"ecs_fargate_cpu": number, "ecs_fargate_memory": "2048"}) == []


@pytest.mark.parametrize(
    ("settings", "variable", "hint"),
    [
        ({"vpc_cidr": "10.0.0.0/33"}, "vpc_cidr", "10.0.0.0/16"),
        ({"vpc_cidr": "10.0.0.5/16"}, "vpc_cidr", "host bits"),
        ({"vpc_cidr": "10.0.0.0/28"}, "vpc_cidr", "/16 to /24"),
        ({"ecs_fargate_cpu": 256, "ecs_fargate_memory": 4096}, "ecs_fargate_cpu", "512"),
        ({"ecs_fargate_cpu": 300}, "ecs_fargate_cpu", "256"),
        ({"ecs_fargate_ephemeral_storage": 500}, "ecs_fargate_ephemeral_storage", "200"),
        ({"ecs_fargate_cpu": ""}, "ecs_fargate_cpu", "256"),
        ({"ecs_fargate_memory": "lots"}, "ecs_fargate_memory", "512"),
        ({"amica_environment": "staging"}, "amica_environment", "enterprise"),
        ({"amica_container_port": 70000}, "amica_container_port", "65535"),
        ({"amica_container_port": "http"}, "amica_container_port", "8080"),
        ({"amica_container_port": True}, "amica_container_port", "8080"),
        ({"amica_name": "a" * 40}, "amica_name", ""),
        ({"amica_name": ""}, "amica_name", ""),
        ({"amica_region": ""}, "amica_region", "ap-southeast-1"),
        ({"cloudwatch_retention_days": 10}, "cloudwatch_retention_days", "14"),
        ({"vpc_flow_logs_retention_days": "15"}, "vpc_flow_logs_retention_days", "14"),
        ({"amica_health_path": "health"}, "amica_health_path", "/health"),
        ({"ecs_fargate_min_count": 4, "ecs_fargate_max_count": 2}, "ecs_fargate_min_count", "2"),
        ({"ecs_fargate_desired_count": 5, "ecs_fargate_max_count": 2}, "ecs_fargate_desired_count", "from 1 to 2"),
        ({"ecs_fargate_strategy": "bluegreen"}, "ecs_fargate_strategy", "rolling"),
        (
            {"ecs_fargate_minimum_healthy_percent": 100, "ecs_fargate_maximum_percent": "100"},
            "ecs_fargate_maximum_percent",
            "more than 100",
        ),
        ({"ecs_fargate_circuit_breaker_threshold": 3}, "ecs_fargate_circuit_breaker_threshold", "type: COUNT"),
        (
            {"ecs_fargate_circuit_breaker_threshold": {"type": "BOUNDED_PERCENT", "value": 101}},
            "ecs_fargate_circuit_breaker_threshold",
            "1 to 100",
        ),
        ({"ecs_fargate_early_success_percent": 101}, "ecs_fargate_early_success_percent", "0 to 100"),
        (
            {"ecs_fargate_early_success_percent": 50, "ecs_fargate_strategy": "linear"},
            "ecs_fargate_early_success_percent",
            "one of rolling, recreate",
        ),
        (
            {"ecs_fargate_strategy": "canary", "ecs_fargate_scaling_requests": "100"},
            "ecs_fargate_scaling_requests",
            "scaling_cpu",
        ),
        (
            {"ecs_fargate_pause_at": "POST_SCALE_UP", "ecs_fargate_strategy": "canary"},
            "ecs_fargate_pause_at",
            "Write a list of PRE_SCALE_UP, POST_SCALE_UP",
        ),
        (
            {"ecs_fargate_pause_at": ["PRODUCTION_TRAFFIC_SHIFT"], "ecs_fargate_strategy": "canary"},
            "ecs_fargate_pause_at",
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
        ),
        ({"ecs_fargate_pause_at": ["POST_SCALE_UP"]}, "ecs_fargate_pause_at", "blue_green, canary, linear"),
        (
            {"ecs_fargate_pause_at": ["POST_TEST_TRAFFIC_SHIFT"], "ecs_fargate_strategy": "canary"},
            "ecs_fargate_pause_at",
            "Set alb_test_port",
        ),
        ({"alb_test_port": 8081, "security_groups_test_networks": ["10.0.0.0/8"]}, "alb_test_port", "or write 0"),
        ({"alb_test_port": "8081", "ecs_fargate_strategy": "canary"}, "alb_test_port", "[203.0.113.0/24]"),
        (
            {
                "alb_test_port": 8088,
                "amica_http_port": "8088",
                "ecs_fargate_strategy": "canary",
                "security_groups_test_networks": ["10.0.0.0/8"],
            },
            "alb_test_port",
            "8081",
        ),
        ({"alb_test_port": -1}, "alb_test_port", "from 0 to 65535"),
        ({"security_groups_test_networks": "10.0.0.0/8"}, "security_groups_test_networks", "[203.0.113.0/24]"),
        ({"security_groups_test_networks": ["everybody"]}, "security_groups_test_networks", "at most 5"),
        ({"ecs_fargate_pause_minutes": 0}, "ecs_fargate_pause_minutes", "from 1 to 20160"),
        ({"ecs_fargate_deployment_alarms": "amica-5xx"}, "ecs_fargate_deployment_alarms", "[amica-5xx]"),
        ({"ecs_fargate_service_connect": "maybe"}, "ecs_fargate_service_connect", "true or false"),
        (
            {"ecs_fargate_service_connect_namespace_arn": "chat.local"},
            "ecs_fargate_service_connect_namespace_arn",
            "arn:aws:servicediscovery:ap-southeast-1:ACCOUNT:namespace/ns-ID",
        ),
        (
            {
                "ecs_fargate_service_connect_namespace_arn": NAMESPACE,
                "amica_region": "us-east-1",
            },
            "ecs_fargate_service_connect_namespace_arn",
            "in us-east-1",
        ),
        ({"ecs_fargate_service_connect_aliases": []}, "ecs_fargate_service_connect_aliases", "dns_name: chat"),
        (
            {"ecs_fargate_service_connect_aliases": [{"dns_name": "chat", "port": 0}]},
            "ecs_fargate_service_connect_aliases",
            "port: 80",
        ),
        ({"ecs_fargate_service_connect_aliases": [{"dns_name": "a b", "port": 80}]}, "aliases", "port: 80"),
        ({"alb_health_check_timeout": 40}, "alb_health_check_timeout", "30"),
        ({"governance_image_scanning": "daily"}, "governance_image_scanning", "SCAN_ON_PUSH"),
        ({"governance_image_replication": "eu-west-1"}, "governance_image_replication", "[eu-west-1]"),
        ({"governance_image_replication": ["Ireland"]}, "governance_image_replication", "[eu-west-1]"),
        (
            {"governance_image_replication": ["eu-west-1"], "amica_region": "eu-west-1"},
            "governance_image_replication",
            "Leave it out",
        ),
        ({"governance_image_replication": ["eu-west-1"] * 2}, "governance_image_replication", "Write each once"),
        ({"governance_config_days": 0}, "governance_config_days", "from 1 to 3650"),
        ({"governance_config_rules": ["ECS_CONTAINERS_NONPRIVILEGED"]}, "governance_config_rules", "PRIVILEGED: {}"),
        ({"governance_config_rules": {"ecs-containers": {}}}, "governance_config_rules", "PRIVILEGED: {}"),
        ({"governance_config_rules": {"ECS_CONTAINERS_X": "80"}}, "governance_config_rules", "PRIVILEGED: {}"),
        ({"governance_config_resource_types": ["Bucket"]}, "governance_config_resource_types", "AWS::ECS"),
        ({"governance_security_hub_standards": ["cis"]}, "governance_security_hub_standards", "/v/1.0.0"),
        ({"monitoring_error_percent": 101}, "monitoring_error_percent", "from 0 to 100"),
        ({"monitoring_emails": ["ops"]}, "monitoring_emails", "ops@example.com"),
        ({"monitoring_emails": "ops@example.com"}, "monitoring_emails", '["ops@example.com"]'),
        ({"monitoring_phone_numbers": ["6512345678"]}, "monitoring_phone_numbers", "+6512345678"),
        ({"monitoring_webhooks": ["http://example.com/geheim"]}, "monitoring_webhooks", "(not shown)"),
        ({"amica_edge": "closed"}, "amica_edge", "private"),
        ({"amica_edge_secrets": ["short"]}, "amica_edge_secrets", "openssl rand"),
        ({"cloudfront_waf_denied_networks": ["10.0.0.1/8"]}, "cloudfront_waf_denied_networks", "203.0.113.0/24"),
        ({"amica_edge_secrets": ["s" * 16] * 6}, "amica_edge_secrets", "Leave the oldest out"),
        ({"amica_edge": "private", "cloudfront_state": "absent"}, "cloudfront_state", "amica_edge: open"),
        ({"amica_access_logs": "s3"}, "amica_access_logs", "true or false"),
        ({"amica_access_logs_days": "0"}, "amica_access_logs_days", "90"),
        ({"cloudfront_http_version": "http4"}, "cloudfront_http_version", "http2and3"),
        ({"cloudfront_price_class": "cheap"}, "cloudfront_price_class", "PriceClass_200"),
        ({"cloudfront_minimum_tls": "TLSv1.1_2016"}, "cloudfront_minimum_tls", "TLSv1.2_2021"),
        ({"alb_ssl_policy": "ELBSecurityPolicy-2016-08"}, "alb_ssl_policy", "ELBSecurityPolicy-TLS13-1-2-2021-06"),
        ({"cloudfront_response_headers_policy_id": "mine"}, "cloudfront_response_headers_policy_id", "67f7725c"),
        ({"cloudfront_cached_paths": "/assets/*"}, "cloudfront_cached_paths", "[/assets/*]"),
        ({"cloudfront_waf_rate_limit": "9"}, "cloudfront_waf_rate_limit", "2000"),
        ({"vpc_network_mode": "private"}, "vpc_network_mode", "nat_per_zone"),
        ({"vpc_flow_logs": True}, "vpc_flow_logs", "cloudwatch"),
        ({"vpc_flow_logs": "s3"}, "vpc_flow_logs_bucket_arn", "arn:aws:s3:::NAME"),
        ({"vpc_endpoints": "s3"}, "vpc_endpoints", "ecr.dkr"),
        ({"vpc_network_mode": "endpoints", "vpc_endpoints": ["s3"]}, "vpc_endpoints", "ecr.api, ecr.dkr, logs"),
        (
            {"vpc_network_mode": "endpoints", "vpc_endpoints": ["s3", "ecr.api", "ecr.dkr", "logs"]},
            "vpc_endpoints",
            "lacks secretsmanager",
        ),
        ({"vpc_availability_zone_count": 1}, "vpc_availability_zone_count", "from 2 to 6"),
        (
            {"cloudfront_certificate_arn": "arn:aws:acm:ap-southeast-1:111122223333:certificate/1"},
            "cloudfront_certificate_arn",
            "us-east-1",
        ),
        (
            {"alb_certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/1"},
            "alb_certificate_arn",
            "ap-southeast-1",
        ),
        ({"amica_domain": "https://chat.example.com"}, "amica_domain", "chat.example.com"),
        ({"amica_domain": "chat.example.com", "amica_hosted_zone": "ample.com"}, "amica_hosted_zone", "part of it"),
        ({"amica_hosted_zone": "example.com"}, "amica_hosted_zone", "amica_domain"),
        ({"amica_domain": "chat.example.com", "cloudfront_aliases": ["a.com"]}, "cloudfront_aliases", "Keep one"),
        (ALIASED | {"cloudfront_aliases": ["a.com", "a.com"]}, "cloudfront_aliases", "Write each once"),
        ({"monitoring_alarms": "some"}, "monitoring_alarms", "true or false"),
        ({"monitoring_dashboard": "none"}, "monitoring_dashboard", "true or false"),
        ({"ecs_fargate_tracing": "x-ray"}, "ecs_fargate_tracing", "true or false"),
        ({"ecs_fargate_tracing_percent": "0"}, "ecs_fargate_tracing_percent", "ecs_fargate_tracing_percent: 100"),
        ({"ecs_fargate_tracing_cpu": 0}, "ecs_fargate_tracing_cpu", "ecs_fargate_tracing_cpu: 32"),
        ({"ecs_fargate_tracing_image": "aws-otel-collector"}, "ecs_fargate_tracing_image", "public.ecr.aws/"),
        ({"ecs_fargate_tracing_image": "public.ecr.aws/otel"}, "ecs_fargate_tracing_image", ":v0.48.0"),
        (
            {"ecs_fargate_tracing": "true", "ecs_fargate_tracing_memory": 512},
            "ecs_fargate_tracing_memory",
            "Write 256 or less",
        ),
        (
            {"ecs_fargate_tracing": True, "vpc_network_mode": "endpoints"},
            "ecs_fargate_tracing_image",
            "Copy it into a repository of your own",
        ),
        (
            {
                "ecs_fargate_tracing": True,
                "ecs_fargate_tracing_image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/otel:v1",
                "vpc_network_mode": "endpoints",
                "vpc_endpoints": ["s3", "ecr.api", "ecr.dkr", "logs", "ssm"],
                "secrets_store": "ssm",
            },
            "vpc_endpoints",
            "lacks xray",
        ),
        (
            {"ecs_fargate_tracing": True, "ecs_fargate_environment": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}},
            "ecs_fargate_environment.OTEL_EXPORTER_OTLP_ENDPOINT",
            "Leave it out",
        ),
        ({"alb_domain": "alb.example.com."}, "alb_domain", "alb.example.com"),
        ({"alb_domain": "alb.example.com", "amica_hosted_zone": "other.com"}, "amica_hosted_zone", "alb_domain"),
        ({"alb_domain": "a.example.com", "amica_domain": "a.example.com"}, "alb_domain", "Write another"),
        (ALIASED | {"alb_domain": "a.example.com"}, "alb_domain", "Write another"),
        (
            {"alb_domain": "a.com", "alb_certificate_arn": "arn:aws:acm:ap-southeast-1:111122223333:certificate/1"},
            "alb_certificate_arn",
            "Keep one",
        ),
        ({"amica_https_port": "8088", "amica_http_port": 8088}, "amica_https_port", "Write another"),
        ({"amica_https_port": 0}, "amica_https_port", "amica_https_port: 443"),
        ({"alb_certificate_arn": "my-certificate"}, "alb_certificate_arn", "arn:aws:acm"),
        ({"ecs_fargate_secrets": {"TOKEN": "sk-12345"}}, "ecs_fargate_secrets.TOKEN", "ARN"),
        ({"secrets_arns": {"TOKEN": "arn:aws:ssm:eu-west-1:111122223333:secret:x"}}, "secrets_arns.TOKEN", "ARN"),
        ({"secrets_values": ["sk-12345"]}, "secrets_values", "NAME: value"),
        ({"secrets_values": {"TOKEN": " "}}, "secrets_values.TOKEN", "leave the variable out"),
        ({"secrets_values": {"MY-TOKEN": "x"}}, "secrets_values.MY-TOKEN", "OPENAI_API_KEY"),
        (
            {"secrets_values": {"TOKEN": "sk-12345"}, "ecs_fargate_environment": {"TOKEN": "sk-12345"}},
            "TOKEN",
            "secrets_values and in ecs_fargate_environment",
        ),
        (
            {"ecs_fargate_environment": {"CHAINLIT_AUTH_SECRET": "x"}},
            "CHAINLIT_AUTH_SECRET",
            "leave it out of secrets_generated",
        ),
        (
            {"secrets_generated": ["TOKEN"], "ecs_fargate_environment": {"TOKEN": "x", "CHAINLIT_AUTH_SECRET": "y"}},
            "TOKEN",
            "is a secret that is made up",
        ),
        ({"secrets_store": "vault"}, "secrets_store", "secretsmanager, ssm"),
        ({"secrets_recovery_days": "3"}, "secrets_recovery_days", "30"),
        ({"secrets_kms_key_arn": "alias/chat"}, "secrets_kms_key_arn", "arn:aws:kms"),
        (
            {"amica_environment": "local", "amica_endpoint_url": "https://ecs.ap-southeast-1.amazonaws.com"},
            "amica_endpoint_url",
            "127.0.0.1",
        ),
        ({"amica_embedded_aws": "true", "amica_endpoint_url": ""}, "amica_endpoint_url", "127.0.0.1"),
    ],
)
def test_each_wrong_value_names_variable_and_remedy(settings: dict[str, Any], variable: str, hint: str) -> None:
    problems = setting_problems(settings)
    assert len(problems) == 1
    assert variable in problems[0].variable
    assert hint in str(problems[0])


@pytest.mark.parametrize("variable", ["ecs_fargate_secrets", "secrets_arns", "secrets_values"])
def test_the_value_of_a_secret_is_not_shown(variable: str) -> None:
    for wrong in ({"TOKEN": "sk-12345"}, {"MY-TOKEN": "sk-12345"}, ["sk-12345"], "sk-12345"):
        assert "sk-12345" not in str(setting_problems({variable: wrong, "ecs_fargate_environment": {"TOKEN": ""}}))


def test_what_is_made_up_by_default_is_what_the_role_says() -> None:
    defaults = yaml.safe_load((ROOT / "roles" / "secrets" / "defaults" / "main.yml").read_text())
    assert list(GENERATED) == defaults["secrets_generated"]
    settings = {"secrets_generated": [], "ecs_fargate_environment": dict.fromkeys(GENERATED, "x")}
    assert setting_problems(settings) == []


def test_every_problem_is_said_at_once() -> None:
    assert len(setting_problems({"vpc_cidr": "x", "amica_environment": "y", "amica_container_port": 0})) == 3


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566", "http://127.0.0.9:1"]
)
def test_the_local_inventory_may_talk_to_this_machine(endpoint: str) -> None:
    assert setting_problems({"amica_environment": "local", "amica_endpoint_url": endpoint}) == []


@pytest.mark.parametrize(
    ("schedules", "reason"),
    [
        ("nightly", "is not a list of mappings"),
        ([{"schedule": "rate(1 day)", "min_capacity": 1}], "has no name"),
        *(
            ([{"name": "a", "schedule": schedule, "min_capacity": 1}], "has no schedule")
            for schedule in (
                "20:00",
                "at(tomorrow)",
                "rate(0 days)",
                "rate(1 week)",
                "cron(0 20 * *)",
                "cron(0 20 * * * *)",
                "cron(0 20 ? * ? *)",
            )
        ),
        (
            [{"name": "a", "schedule": "rate(1 day)", "min_capacity": 1, "timezone": "Singapur"}],
            "has no timezone",
        ),
        ([{"name": "a", "schedule": "rate(1 day)"}], "has no min_capacity or max_capacity"),
        ([{"name": "a", "schedule": "rate(1 day)", "min_capacity": "few"}], "has no min_capacity or max_capacity"),
        ([{"name": "a", "schedule": "rate(1 day)", "min_capacity": 3, "max_capacity": "2"}], "more tasks at least"),
        ([{"name": "a", "schedule": "rate(1 day)", "min_capacity": 1}] * 2, "has a name twice"),
    ],
)
def test_schedules_that_cannot_be(schedules: Any, reason: str) -> None:
    found = [str(problem) for problem in setting_problems({"ecs_fargate_scaling_schedules": schedules})]
    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    "schedule", ["cron(0 20 * * ? *)", "cron(0 8 ? * MON-FRI *)", "rate(12 hours)", "at(2027-01-01T00:00:00)"]
)
def test_a_schedule_that_can_be(schedule: str) -> None:
    action = {"name": "evening", "schedule": schedule, "min_capacity": "1", "timezone": "Asia/Singapore"}
    assert setting_problems({"ecs_fargate_scaling_schedules": [action]}) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ecs_fargate_spot_percent": "half"}, "ecs_fargate_spot_percent: 'half' is not a whole number from 0 to 100"),
        ({"ecs_fargate_spot_percent": 101}, "ecs_fargate_spot_percent: 101 is not a whole number from 0 to 100"),
        ({"ecs_fargate_on_demand_base": -1}, "ecs_fargate_on_demand_base: -1 is not a whole number from 0 to 5000"),
        ({"ecs_fargate_on_demand_base": 1, "ecs_fargate_spot_percent": "100"}, "leaves none there"),
        ({"ecs_fargate_architecture": "ppc64"}, "Write one of x86_64, arm64"),
        ({"ecs_fargate_container_insights": True}, "Write one of disabled, enabled, enhanced"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_where_tasks_cannot_run(settings: dict[str, Any], said: str) -> None:
    (problem,) = setting_problems(settings)
    assert said in str(problem)


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_spot_has_both_architectures(architecture: str) -> None:
    settings = {"ecs_fargate_architecture": architecture, "ecs_fargate_spot_percent": "50"}
    assert setting_problems({**settings, "ecs_fargate_on_demand_base": 2}) == []


VARIANT: dict[str, Any] = {"name": "short", "weight": "20", "environment": {"ANSWERS": "short"}, "desired_count": "2"}
HEADER: dict[str, Any] = {"name": "X-Chat-Variant", "values": ["short"]}


def test_variants_that_can_be() -> None:
    beta = {"name": "beta-2", "header": HEADER, "image": "registry.example.com/chat:2"}
    settings = GOOD | {"amica_variants": [VARIANT, beta], "ecs_fargate_strategy": "recreate"}
    assert setting_problems(settings | {"amica_edge_secrets": ["s" * 20, "t" * 20]}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Short"}, "has no name of lower-case letters"),
        ({"name": "s" * 24}, "Write at most 23 characters"),
        ({"name": None}, "has no name"),
        ({"weight": 0}, "no percent of the visitors"),
        ({"weight": "many"}, "no percent of the visitors"),
        ({"weight": None}, "neither weight nor header"),
        ({"header": "X-Chat-Variant"}, "has no header with a name"),
        ({"header": HEADER | {"name": "Host"}}, "has no header with a name"),
        ({"header": HEADER | {"name": "X Chat"}}, "has no header with a name"),
        ({"header": HEADER | {"values": []}}, "has no header with a name"),
        ({"header": HEADER | {"values": list("abcde")}}, "at most 5 values"),
        ({"environment": ["ANSWERS"]}, "not a mapping of variables"),
        ({"environment": {"A-B": 1}}, "not a mapping of variables"),
        ({"environment": {"OPENAI_API_KEY": "x"}}, "OPENAI_API_KEY, which is a secret"),
        ({"environment": {"CHAINLIT_AUTH_SECRET": "x"}}, "CHAINLIT_AUTH_SECRET, which is a secret"),
        ({"image": "chat"}, "Write REGISTRY/NAME:TAG"),
        ({"desired_count": 0}, "Write a whole number from 1"),
        ({"cpu": 512}, "has cpu, which no variant has"),
    ],
)
def test_a_variant_that_cannot_be(change: dict[str, Any], said: str) -> None:
    secrets = {"amica_edge_secrets": ["s" * 20], "secrets_values": {"OPENAI_API_KEY": "k"}}
    (problem,) = setting_problems(GOOD | secrets | {"amica_variants": [VARIANT | change]})
    assert problem.variable.startswith("amica_variants")
    assert said in str(problem)
    assert "'ANSWERS': 'short'" not in str(problem), "a value may be secret"


@pytest.mark.parametrize(
    ("variants", "settings", "said"),
    [
        ([VARIANT], {"ecs_fargate_strategy": "canary"}, "cannot run beside canary"),
        ([VARIANT, VARIANT], {}, "has a name twice"),
        ([VARIANT | {"weight": 60}, VARIANT | {"name": "b", "weight": 40}], {}, "leave none to the application"),
        ([VARIANT | {"name": f"v{number}", "weight": 1} for number in range(5)], {}, "Leave out 1"),
        ([{"name": name, "header": HEADER} for name in "ab"], {}, "leads to two variants"),
        ({"name": "short"}, {}, "is not a list of mappings"),
    ],
)
def test_variants_that_cannot_be_together(variants: Any, settings: dict[str, Any], said: str) -> None:
    (problem,) = setting_problems(GOOD | settings | {"amica_variants": variants})
    assert said in str(problem)
