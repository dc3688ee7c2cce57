# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with a stack's variables, found before the first call to AWS.

Each check looks at plain values, as they come from an inventory, the command line or a survey (so numbers may be
strings), and yields problems. A variable that is not set is the roles' default and is not looked at.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from ansible_collections.amica.stack.plugins.module_utils._ecs_fargate import fargate_problem
from ansible_collections.amica.stack.plugins.module_utils._names import LONGEST_BALANCER
from ansible_collections.amica.stack.plugins.module_utils._names import NAME
from ansible_collections.amica.stack.plugins.module_utils._names import name_problems
from ansible_collections.amica.stack.plugins.module_utils._names import names as stack_names
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import STORES
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import reference
from ansible_collections.amica.stack.plugins.module_utils._strategy import PAUSE_STAGES
from ansible_collections.amica.stack.plugins.module_utils._strategy import ROLLING
from ansible_collections.amica.stack.plugins.module_utils._strategy import SHIFTING

Settings = Mapping[str, Any]

# The roles whose part of the stack can be left out or taken away.
PARTS = (
    "alb",
    "build",
    "cloudfront",
    "cloudwatch",
    "ecr",
    "ecs_fargate",
    "governance",
    "monitoring",
    "secrets",
    "security_groups",
    "vpc",
)
ENVIRONMENTS = ("local", "dev", "rag", "enterprise")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# When AWS scans images.
SCAN_FREQUENCIES = ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")
# Identifiers of managed rules, types of resources, and standards, as AWS writes them.
RULE_IDENTIFIER = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)+")
RESOURCE_TYPE = re.compile(r"AWS::\w+::\w+")
STANDARD = re.compile(r"[a-z0-9-]+/v/\d+\.\d+\.\d+")
SCHEDULE = re.compile(
    r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
    r"|rate\([1-9]\d* (minute|hour|day)s?\)"
    # Six fields, of which the day of the month or that of the week is left open.
    r"|cron\(\S+ \S+ (\? \S+ [^? ]\S*|[^? ]\S* \S+ \?) \S+\)"
)
CERTIFICATE_ARN = re.compile(r"arn:aws[a-z-]*:acm:(?P<region>[a-z0-9-]+):\d{12}:certificate/\S+")
KMS_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/\S+")
# Lower case, as Route 53 and CloudFront keep it; at most 64 characters in a certificate.
DOMAIN = re.compile(r"(?=.{4,64}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# Of CloudFront; perhaps of everything under a domain.
ALIAS = re.compile(r"(?=.{4,253}$)(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
DOMAINS = {"amica_domain": "chat.example.com", "alb_domain": "alb.example.com"}
# What says by hand what is made for a domain.
MADE_FOR = {
    "amica_domain": ("cloudfront_aliases", "cloudfront_certificate_arn"),
    "alb_domain": ("alb_certificate_arn",),
}
PORTS = {"amica_http_port": 80, "amica_https_port": 443}
NAMESPACE_ARN = re.compile(r"arn:aws[a-z-]*:servicediscovery:(?P<region>[a-z0-9-]+):\d{12}:namespace/ns-[a-z0-9]+")
# A host as another service writes it; it need not have a domain.
HOST = re.compile(r"(?=.{1,127}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What is made up unless secrets_generated says otherwise.
GENERATED = ("CHAINLIT_AUTH_SECRET",)
# The variables that hold secrets by name, and what stands behind each name.
SECRET_MAPPINGS = {
    "ecs_fargate_secrets": "ARN of the secret or parameter",
    "secrets_arns": "ARN of the secret or parameter",
    "secrets_values": "value",
}
# What is written where there are none: a role counts what is in it, which it cannot of nothing.
NONE = {
    **dict.fromkeys(
        (
            "amica_edge_secrets",
            "amica_variants",
            "cloudfront_aliases",
            "cloudfront_cached_paths",
            "cloudfront_waf_allowed_networks",
            "cloudfront_waf_denied_networks",
            "ecs_fargate_deployment_alarms",
            "ecs_fargate_pause_at",
            "ecs_fargate_scaling_schedules",
            "governance_config_resource_types",
            "governance_image_replication",
            "governance_security_hub_standards",
            "monitoring_emails",
            "monitoring_phone_numbers",
            "monitoring_webhooks",
            "secrets_generated",
            "security_groups_test_networks",
        ),
        "[]",
    ),
    **dict.fromkeys((*SECRET_MAPPINGS, "ecs_fargate_environment", "governance_config_rules"), "{}"),
    **dict.fromkeys(
        (
            "alb_certificate_arn",
            "alb_domain",
            "amica_domain",
            "amica_hosted_zone",
            "cloudfront_certificate_arn",
            "cloudfront_response_headers_policy_id",
            "ecs_fargate_service_connect_namespace_arn",
            "secrets_kms_key_arn",
        ),
        '""',
    ),
}
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


# The condition of a listener rule takes it to the letter, without a wildcard, and of five values one.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HttpHeaderConditionConfig.html
EDGE_SECRET = re.compile(r"[A-Za-z0-9+/=_.~-]{16,128}")
MOST_EDGE_SECRETS = 5
# https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CacheBehavior.html
CACHED_PATH = re.compile(r"""(?!/?\*$)[/*][A-Za-z0-9_.*$/~"'@:+&?-]{0,254}""")
AFTER_TESTS = "POST_TEST_TRAFFIC_SHIFT"
# With CloudFront's prefix list, which counts 55, as many rules as a security group may have.
MOST_TEST_NETWORKS = 5
STRATEGIES = (*ROLLING, *SHIFTING)
THRESHOLDS = ("COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT")
EDGES = ("open", "cloudfront_only", "private")
# The variables that have a few values; those of CloudFront with TLS from 1.2 on:
# https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html
CHOICES = {
    **{f"{part}_state": ("present", "absent") for part in PARTS},
    "amica_edge": EDGES,
    "amica_environment": ENVIRONMENTS,
    "build_fallback": ("none", "artifact"),
    "ecr_encryption_type": ("AES256", "KMS"),
    "ecs_fargate_architecture": ("x86_64", "arm64"),
    "ecs_fargate_container_insights": ("disabled", "enabled", "enhanced"),
    "cloudfront_http_version": ("http1.1", "http2", "http3", "http2and3"),
    "cloudfront_minimum_tls": ("TLSv1.2_2018", "TLSv1.2_2019", "TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"),
    "cloudfront_price_class": ("PriceClass_100", "PriceClass_200", "PriceClass_All"),
    "verify_mode": ("auto", "always", "never"),
    "vpc_flow_logs": ("none", "cloudwatch", "s3"),
    "vpc_flow_logs_traffic": ("ALL", "ACCEPT", "REJECT"),
    "vpc_network_mode": ("public", "nat", "nat_per_zone", "endpoints"),
}
# Those whose floor is TLS 1.2 or 1.3.
SSL_POLICY = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)-\S+")
SWITCHES = (
    "amica_access_logs",
    "cloudfront_error_page",
    "cloudfront_ipv6",
    "cloudfront_wait",
    "cloudfront_waf",
    "ecs_fargate_circuit_breaker",
    "ecs_fargate_circuit_breaker_rollback",
    "ecs_fargate_execute_command",
    "ecs_fargate_service_connect",
    "ecs_fargate_tracing",
    "governance_config",
    "governance_security_hub",
    "governance_trail",
    "monitoring_alarms",
    "monitoring_dashboard",
    "vpc_network_acls",
)
SWITCH = re.compile(r"true|false|yes|no|on|off|1|0", re.IGNORECASE)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Problem:
    """One wrong value: which variable, what it holds, why that is wrong and what to write instead."""

    variable: str
    value: Any
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.value!r} {self.reason}. {self.remedy}"


@dataclass(frozen=True)
class Range:
    """The whole numbers that AWS takes for one variable."""

    lowest: int
    highest: int
    example: int


# Limits: the AWS API references of ELBv2, EC2 and ECS.
RANGES = {
    "alb_deregistration_delay": Range(0, 3600, 60),
    "alb_health_check_interval": Range(5, 300, 30),
    "alb_health_check_timeout": Range(2, 120, 5),
    "alb_healthy_threshold": Range(2, 10, 2),
    "amica_http_port": Range(1, 65535, 80),
    "amica_https_port": Range(1, 65535, 443),
    "alb_idle_timeout": Range(1, 4000, 300),
    "alb_stickiness_duration": Range(1, 604800, 86400),
    "alb_test_port": Range(0, 65535, 8081),
    "alb_unhealthy_threshold": Range(2, 10, 2),
    "amica_access_logs_days": Range(1, 3650, 90),
    "amica_container_port": Range(1, 65535, 8080),
    "cost_requests": Range(0, 10**12, 100000),
    "ecs_fargate_desired_count": Range(0, 5000, 1),
    "ecs_fargate_bake_minutes": Range(0, 1440, 5),
    "ecs_fargate_canary_minutes": Range(0, 1440, 5),
    "ecs_fargate_canary_percent": Range(1, 99, 10),
    "ecs_fargate_early_success_percent": Range(0, 100, 0),
    "ecs_fargate_linear_minutes": Range(0, 1440, 3),
    "ecs_fargate_linear_percent": Range(3, 100, 25),
    "ecs_fargate_max_count": Range(1, 5000, 1),
    "ecs_fargate_maximum_percent": Range(100, 200, 200),
    "ecs_fargate_min_count": Range(0, 5000, 1),
    "ecs_fargate_minimum_healthy_percent": Range(0, 100, 100),
    "ecs_fargate_on_demand_base": Range(0, 5000, 1),
    "ecs_fargate_pause_minutes": Range(1, 20160, 1440),
    "ecs_fargate_scaling_cpu": Range(0, 100, 60),
    "ecs_fargate_scaling_memory": Range(0, 100, 75),
    "ecs_fargate_scaling_requests": Range(0, 1000000, 1000),
    "ecs_fargate_spot_percent": Range(0, 100, 50),
    "ecs_fargate_stop_timeout": Range(2, 120, 30),
    "ecs_fargate_tracing_cpu": Range(1, 1024, 32),
    "ecs_fargate_tracing_memory": Range(64, 4096, 256),
    "ecs_fargate_tracing_percent": Range(1, 100, 100),
    "embedded_aws_port": Range(1024, 65535, 4566),
    "governance_config_days": Range(1, 3650, 365),
    "governance_trail_days": Range(1, 3650, 365),
    "monitoring_cpu_percent": Range(1, 100, 90),
    "monitoring_error_percent": Range(0, 100, 5),
    "monitoring_latency_seconds": Range(1, 3600, 10),
    "monitoring_log_errors": Range(0, 1000000, 5),
    "monitoring_memory_percent": Range(1, 100, 90),
    "monitoring_minimum_requests": Range(1, 1000000, 20),
    "vpc_availability_zone_count": Range(2, 6, 2),
}


def whole_number(value: Any) -> int | None:
    """The whole number that a value stands for, also when a survey handed it over as text; else None."""
    if isinstance(value, bool):
        return None
    try:
        return int(str(value))
    except ValueError:
        return None


def none_problems(settings: Settings) -> Iterator[Problem]:
    """Of an inventory's `name:` without a value, and of a survey's answer that was left empty."""
    for variable, none in NONE.items():
        value = settings.get(variable, none)
        if not value and str(value) != none.strip('"'):
            yield Problem(variable, value, "is nothing", f"Write {none} for none, or leave the variable out")


def range_problems(settings: Settings) -> Iterator[Problem]:
    for variable, limits in RANGES.items():
        if variable not in settings:
            continue
        number = whole_number(settings[variable])
        if number is None or not limits.lowest <= number <= limits.highest:
            yield Problem(
                variable,
                settings[variable],
                f"is not a whole number from {limits.lowest} to {limits.highest}",
                f"Write for example {variable}: {limits.example}",
            )


def choice_problems(settings: Settings) -> Iterator[Problem]:
    for variable, choices in CHOICES.items():
        if variable in settings and settings[variable] not in choices:
            yield Problem(variable, settings[variable], "is none of the choices", f"Write one of {', '.join(choices)}")
    region = settings.get("amica_region")
    if "amica_region" in settings and not REGION.fullmatch(str(region or "")):
        yield Problem("amica_region", region, "is not an AWS region", "Write for example amica_region: ap-southeast-1")
    for variable in ("cloudwatch_retention_days", "vpc_flow_logs_retention_days"):
        if variable in settings and whole_number(settings[variable]) not in RETENTION_DAYS:
            yield Problem(
                variable,
                settings[variable],
                "is not a retention that CloudWatch Logs knows",
                f"Write one of {', '.join(str(days) for days in RETENTION_DAYS)}",
            )
    path = settings.get("amica_health_path")
    if "amica_health_path" in settings and not str(path).startswith("/"):
        yield Problem("amica_health_path", path, "is not a path", "Write for example amica_health_path: /health")


def service_connect_problems(settings: Settings) -> Iterator[Problem]:
    variable, region = "ecs_fargate_service_connect_namespace_arn", settings.get("amica_region", "ap-southeast-1")
    arn = str(settings.get(variable) or "")
    match = NAMESPACE_ARN.fullmatch(arn)
    if arn and (match is None or match["region"] != region):
        yield Problem(
            variable,
            arn,
            f"is not the ARN of a Cloud Map namespace in {region}",
            f"Write arn:aws:servicediscovery:{region}:ACCOUNT:namespace/ns-ID, or nothing for one of the stack's own",
        )
    variable = "ecs_fargate_service_connect_aliases"
    aliases = settings.get(variable, [{"dns_name": "chat", "port": 80}])
    if not isinstance(aliases, list) or not aliases or not all(map(is_alias, aliases)):
        remedy = f"Write for example {variable}: [{{dns_name: chat, port: 80}}]"
        yield Problem(variable, aliases, "is not a list of addresses, each with dns_name and port", remedy)


def is_alias(alias: Any) -> bool:
    if not isinstance(alias, Mapping) or set(alias) != {"dns_name", "port"}:
        return False
    return bool(HOST.fullmatch(str(alias["dns_name"]))) and (whole_number(alias["port"]) or 0) in range(1, 65536)


def strategy_problems(settings: Settings) -> Iterator[Problem]:
    """Problems of how a new version takes over."""
    strategy = settings.get("ecs_fargate_strategy", "rolling")
    if strategy not in STRATEGIES:
        yield Problem("ecs_fargate_strategy", strategy, "is not a strategy", f"Write one of {', '.join(STRATEGIES)}")
    requests = settings.get("ecs_fargate_scaling_requests", 0)
    if strategy in SHIFTING and whole_number(requests):
        yield Problem(
            "ecs_fargate_scaling_requests",
            requests,
            f"counts the requests of one target group, and {strategy} moves them to another",
            "Write 0, and let ecs_fargate_scaling_cpu scale",
        )
    early = settings.get("ecs_fargate_early_success_percent", 0)
    if strategy in SHIFTING and whole_number(early):
        yield Problem(
            "ecs_fargate_early_success_percent",
            early,
            f"is of tasks that are replaced one after the other, which {strategy} does not do",
            f"Write 0, or set ecs_fargate_strategy to one of {', '.join(ROLLING)}",
        )
    percents = {name: settings.get(f"ecs_fargate_{name}_percent") for name in ("minimum_healthy", "maximum")}
    least, most = (whole_number(percent) for percent in percents.values())
    if least == most == 100:
        yield Problem(
            "ecs_fargate_maximum_percent",
            percents["maximum"],
            "leaves no room for a new task while ecs_fargate_minimum_healthy_percent keeps every old one",
            "Write more than 100, or less than 100 for the other",
        )
    threshold = settings.get("ecs_fargate_circuit_breaker_threshold")
    if threshold is not None:
        known = (
            isinstance(threshold, Mapping)
            and threshold.get("type") in THRESHOLDS
            and set(threshold) == {"type", "value"}
        )
        number = whole_number(threshold["value"]) if known else None
        if number is None or not 1 <= number <= (10_000 if threshold["type"] == "COUNT" else 100):
            yield Problem(
                "ecs_fargate_circuit_breaker_threshold",
                threshold,
                f"is not a type ({', '.join(THRESHOLDS)}) with a value: a number of tasks, or percent from 1 to 100",
                "Write for example ecs_fargate_circuit_breaker_threshold: {type: COUNT, value: 3}",
            )
    alarms = settings.get("ecs_fargate_deployment_alarms") or []
    if not isinstance(alarms, list) or not all(isinstance(name, str) and name.strip() for name in alarms):
        yield Problem(
            "ecs_fargate_deployment_alarms",
            alarms,
            "is not a list of names of alarms",
            "Write for example ecs_fargate_deployment_alarms: [amica-5xx]",
        )


def pause_problems(settings: Settings) -> Iterator[Problem]:
    """Problems of where a deployment waits for a person."""
    variable, stages = "ecs_fargate_pause_at", settings.get("ecs_fargate_pause_at") or []
    if not isinstance(stages, list) or not all(stage in PAUSE_STAGES for stage in stages):
        remedy = f"Write a list of {', '.join(PAUSE_STAGES)}"
        yield Problem(variable, stages, "is not a list of stages at which a deployment can wait for a person", remedy)
    elif stages and settings.get("ecs_fargate_strategy", "rolling") in ROLLING:
        how = settings.get("ecs_fargate_strategy", "rolling")
        remedy = f"Set ecs_fargate_strategy to one of {', '.join(SHIFTING)}, or leave it out"
        yield Problem(variable, stages, f"names stages that a deployment by {how} does not have", remedy)
    elif AFTER_TESTS in stages and not whole_number(settings.get("alb_test_port", 0)):
        remedy = "Set alb_test_port, or pause at POST_SCALE_UP"
        yield Problem(variable, stages, f"names {AFTER_TESTS}, and there is no listener for tests", remedy)


VARIANT_FIELDS = {"name", "weight", "header", "environment", "image", "desired_count"}
# A forward action takes five target groups:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
MOST_VARIANTS = 4
# Those of all conditions of a rule together.
MOST_HEADER_VALUES = 5
HEADER = re.compile(r"(?!(?i:host)$)[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}")
HEADER_VALUE = re.compile(r"[ -~]{1,128}")


def variant_problems(settings: Settings) -> Iterator[Problem]:
    """Problems of what runs beside the application."""
    variable, variants = "amica_variants", settings.get("amica_variants") or []
    example = f"Write for example {variable}: [{{name: short, weight: 20, environment: {{ANSWERS: short}}}}]"
    if not isinstance(variants, list) or not all(isinstance(one, Mapping) for one in variants):
        yield Problem(variable, variants, "is not a list of mappings", example)
        return
    strategy = settings.get("ecs_fargate_strategy", "rolling")
    if variants and strategy in SHIFTING:
        remedy = f"Set ecs_fargate_strategy to one of {', '.join(ROLLING)}, or leave the variants out"
        shown = [one.get("name") for one in variants]
        yield Problem(variable, shown, f"cannot run beside {strategy}, for which ECS writes the weights", remedy)
    if len(variants) > MOST_VARIANTS:
        remedy = f"Leave out {len(variants) - MOST_VARIANTS}"
        what = f"are more than the {MOST_VARIANTS} among which a load balancer shares beside the application"
        yield Problem(variable, len(variants), what, remedy)
    names = [str(one.get("name")) for one in variants]
    if len(names) != len(set(names)):
        yield Problem(variable, names, "has a name twice", "Give each variant its own name")
    headers = [asked for one in variants if (asked := asked_header(one)) is not None]
    twice = sorted({value for value in headers if headers.count(value) > 1})
    if twice:
        yield Problem(variable, twice, "leads to two variants", "Give each variant a header's values of its own")
    total = sum(whole_number(one.get("weight")) or 0 for one in variants)
    if total >= 100:
        yield Problem(variable, total, "percent of the visitors leave none to the application", "Write less than 100")
    for variant in variants:
        for reason, remedy in variant_reasons(settings, variant):
            yield Problem(f"{variable}.{variant.get('name', '')}".rstrip("."), shown_variant(variant), reason, remedy)


def asked_header(variant: Mapping[str, Any]) -> str | None:
    """A header in one line, such as `x-variant: short`."""
    header = variant.get("header")
    if not isinstance(header, Mapping) or not isinstance(header.get("values"), list):
        return None
    return f"{str(header.get('name')).lower()}: {', '.join(sorted(map(str, header['values'])))}"


def shown_variant(variant: Mapping[str, Any]) -> dict[str, Any]:
    """Without the values of variables, which may be secret."""
    environment = variant.get("environment")
    return {
        name: sorted(map(str, environment)) if name == "environment" and isinstance(environment, Mapping) else value
        for name, value in variant.items()
    }


def variant_reasons(settings: Settings, variant: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with one variant, and what to write instead."""
    name, stack = str(variant.get("name") or ""), str(settings.get("amica_name") or "amica")
    room = LONGEST_BALANCER - len(f"{stack_names(stack).target_group}-")
    if not NAME.fullmatch(name) or len(name) > room:
        remedy = f"Write at most {room} characters, since a target group's name has {LONGEST_BALANCER}"
        yield (
            "has no name of lower-case letters, digits and single hyphens that fits behind the stack's",
            remedy if room > 0 else "Choose a shorter amica_name, whose target groups leave room for it",
        )
    if unknown := sorted(map(str, variant.keys() - VARIANT_FIELDS)):
        yield f"has {', '.join(unknown)}, which no variant has", f"Write of {', '.join(sorted(VARIANT_FIELDS))}"
    weight, header = variant.get("weight"), variant.get("header")
    if weight is None and header is None:
        yield "has neither weight nor header, so nobody comes there", "Write for example weight: 20"
    if weight is not None and (whole_number(weight) or 0) not in range(1, 100):
        yield "has a weight that is no percent of the visitors", "Write a whole number from 1 to 99"
    secrets = settings.get("amica_edge_secrets") or []
    if header is not None and not is_header(header, len(secrets) if isinstance(secrets, list) else 0):
        yield (
            f"has no header with a name and at most {MOST_HEADER_VALUES} values, with those of amica_edge_secrets",
            f"Write for example header: {{name: X-Chat-Variant, values: [{name or 'short'}]}}",
        )
    environment = variant.get("environment", {})
    if not is_environment(environment):
        yield "has an environment that is not a mapping of variables", "Write for example environment: {ANSWERS: short}"
    else:
        kept = [*(settings.get(one) or {} for one in SECRET_MAPPINGS), settings.get("secrets_generated", GENERATED)]
        hidden = {str(one) for secrets in kept if isinstance(secrets, (Mapping, list, tuple)) for one in secrets}
        if both := sorted(hidden & {*map(str, environment)}):
            yield f"has {', '.join(both)}, which is a secret", "Leave it out: secrets are the same for all variants"
    if "image" in variant and not IMAGE.fullmatch(str(variant["image"])):
        yield "has an image without its registry or without a tag or digest", "Write REGISTRY/NAME:TAG"
    if whole_number(variant.get("desired_count", 1)) not in range(1, 5001):
        yield "has a desired_count that is no number of tasks", "Write a whole number from 1"


def is_header(header: Any, other_values: int) -> bool:
    if not isinstance(header, Mapping) or set(header) != {"name", "values"} or not isinstance(header["values"], list):
        return False
    named = HEADER.fullmatch(str(header["name"])) and all(HEADER_VALUE.fullmatch(str(one)) for one in header["values"])
    return bool(named) and 0 < len(header["values"]) <= MOST_HEADER_VALUES - other_values


def test_listener_problems(settings: Settings) -> Iterator[Problem]:
    """Problems of the listener on which tests reach a new version."""
    port, networks = settings.get("alb_test_port", 0), settings.get("security_groups_test_networks") or []
    number, strategy = whole_number(port) or 0, settings.get("ecs_fargate_strategy", "rolling")
    if number > 0 and strategy in ROLLING:
        remedy = f"Set ecs_fargate_strategy to one of {', '.join(SHIFTING)}, or write 0"
        yield Problem("alb_test_port", port, f"has nothing to show, because {strategy} shifts no traffic", remedy)
    if number > 0 and number in (whole_number(settings.get(name, usual)) for name, usual in PORTS.items()):
        yield Problem("alb_test_port", port, "is the chat's own port", "Write another, for example alb_test_port: 8081")
    if not isinstance(networks, list) or len(networks) > MOST_TEST_NETWORKS or not all(map(is_network, networks)):
        remedy = "Write for example security_groups_test_networks: [203.0.113.0/24]"
        what = f"is not a list of at most {MOST_TEST_NETWORKS} networks"
        yield Problem("security_groups_test_networks", networks, what, remedy)
    elif number > 0 and not networks:
        remedy = "Write who does: security_groups_test_networks: [203.0.113.0/24]"
        yield Problem("alb_test_port", port, "is a port that nobody reaches", remedy)


def is_network(value: Any) -> bool:
    try:
        return bool(ipaddress.IPv4Network(str(value)))
    except ValueError:
        return False


def network_problems(settings: Settings) -> Iterator[Problem]:
    if "vpc_cidr" not in settings:
        return
    cidr = settings["vpc_cidr"]
    try:
        network = ipaddress.IPv4Network(str(cidr))
    except ValueError as error:
        yield Problem("vpc_cidr", cidr, f"is not an IPv4 network ({error})", "Write for example vpc_cidr: 10.0.0.0/16")
        return
    if not 16 <= network.prefixlen <= 24:
        yield Problem(
            "vpc_cidr",
            cidr,
            "cannot hold the stack: AWS takes /16 to /28, and the subnets need room",
            "Write a network from /16 to /24, for example vpc_cidr: 10.0.0.0/16",
        )


def viewer_problems(settings: Settings) -> Iterator[Problem]:
    """Problems of what viewers are offered and of what is kept of their requests."""
    for variable in SWITCHES:
        if variable in settings and not SWITCH.fullmatch(str(settings[variable])):
            yield Problem(variable, settings[variable], "is neither true nor false", f"Write {variable}: true or false")
    policy = settings.get("alb_ssl_policy")
    if policy is not None and not SSL_POLICY.fullmatch(str(policy)):
        yield Problem(
            "alb_ssl_policy",
            policy,
            "is not a policy of TLS 1.2 or newer",
            "Write for example alb_ssl_policy: ELBSecurityPolicy-TLS13-1-2-2021-06",
        )
    headers = settings.get("cloudfront_response_headers_policy_id")
    if headers and not UUID.fullmatch(str(headers)):
        remedy = "Write its id, such as 67f7725c-6f97-4210-82d7-5512b31e9d03, or nothing"
        yield Problem("cloudfront_response_headers_policy_id", headers, "is not the id of a policy", remedy)
    paths = settings.get("cloudfront_cached_paths") or []
    if not isinstance(paths, (list, tuple)) or not all(CACHED_PATH.fullmatch(str(path)) for path in paths):
        remedy = "Write for example cloudfront_cached_paths: [/assets/*]"
        yield Problem("cloudfront_cached_paths", paths, "is not a list of paths, of which none is every path", remedy)


def edge_problems(settings: Settings) -> Iterator[Problem]:
    for variable in ("cloudfront_waf_allowed_networks", "cloudfront_waf_denied_networks"):
        networks = settings.get(variable) or []
        if not isinstance(networks, list):
            yield Problem(variable, networks, "is not a list", f"Write for example {variable}: [203.0.113.0/24]")
            continue
        for network in networks:
            try:
                size = ipaddress.ip_network(str(network)).prefixlen
            except ValueError as error:
                yield Problem(variable, network, f"is not a network ({error})", "Write for example 203.0.113.0/24")
                continue
            if not size:
                yield Problem(variable, network, "is every address, which AWS WAF does not take", "Leave it out")
    rate = settings.get("cloudfront_waf_rate_limit", 0)
    number = whole_number(rate)
    if number is None or (number and not 10 <= number <= 2_000_000_000):
        yield Problem(
            "cloudfront_waf_rate_limit",
            rate,
            "is not 0 or a number of requests that AWS WAF counts",
            "Write 10 or more, for example cloudfront_waf_rate_limit: 2000, or 0 for no limit",
        )
    secrets = settings.get("amica_edge_secrets") or []
    if not isinstance(secrets, list):
        yield Problem("amica_edge_secrets", "(not shown)", "is not a list", "Write the newest secret first")
        secrets = []
    if not all(EDGE_SECRET.fullmatch(str(secret)) for secret in secrets):
        yield Problem(
            "amica_edge_secrets",
            "(not shown)",
            "holds a secret that is not 16 to 128 letters, digits and + / = _ . ~ -",
            "Write one that nobody guesses, for example the output of: openssl rand -hex 32",
        )
    if len(secrets) > MOST_EDGE_SECRETS:
        yield Problem(
            "amica_edge_secrets",
            "(not shown)",
            f"holds {len(secrets)} secrets, and a listener rule takes {MOST_EDGE_SECRETS}",
            "Leave the oldest out",
        )
    edge, gone = settings.get("amica_edge", "open"), settings.get("cloudfront_state") == "absent"
    if edge in EDGES[1:] and gone and settings.get("alb_state") != "absent":
        yield Problem(
            "cloudfront_state",
            "absent",
            f"leaves nobody who reaches the chat, which amica_edge: {edge} lets only CloudFront do",
            "Write present, or amica_edge: open",
        )


# What follows `com.amazonaws.REGION.` in the name of an endpoint's service, each word with a letter.
ENDPOINT = re.compile(r"(?!com\.)([a-z0-9-]*[a-z][a-z0-9-]*)(\.[a-z0-9-]+)*")
# What a task cannot start without where there is no way to the internet.
NEEDED_ENDPOINTS = ("s3", "ecr.api", "ecr.dkr", "logs")
PUBLIC_REGISTRY = "public.ecr.aws/"
COLLECTOR_IMAGE = f"{PUBLIC_REGISTRY}aws-observability/aws-otel-collector:v0.48.0"
# A registry's host has a dot or a port.
IMAGE = re.compile(r"[a-z0-9-]+[.:][a-z0-9.:-]+(/[a-z0-9._-]+)+(?=[:@])(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")
BUCKET_ARN = re.compile(r"arn:aws[a-z-]*:s3:::\S+")


def way_out_problems(settings: Settings) -> Iterator[Problem]:
    bucket = settings.get("vpc_flow_logs_bucket_arn", "")
    if settings.get("vpc_flow_logs") == "s3" and not BUCKET_ARN.fullmatch(str(bucket)):
        remedy = "Write the bucket's, arn:aws:s3:::NAME, or vpc_flow_logs: cloudwatch"
        yield Problem("vpc_flow_logs_bucket_arn", bucket, "is not the ARN of a bucket", remedy)
    if "vpc_endpoints" not in settings:
        return
    endpoints = settings["vpc_endpoints"]
    if not isinstance(endpoints, (list, tuple)):
        yield Problem("vpc_endpoints", endpoints, "is not a list", f"Write for example [{', '.join(NEEDED_ENDPOINTS)}]")
        return
    if not all(ENDPOINT.fullmatch(str(service)) for service in endpoints):
        remedy = f"Write the end of their names, for example [{', '.join(NEEDED_ENDPOINTS)}]"
        yield Problem("vpc_endpoints", endpoints, "holds what is no service of AWS with an endpoint", remedy)
        return
    missing = [service for service in needed_endpoints(settings) if service not in endpoints]
    if settings.get("vpc_network_mode") == "endpoints" and missing:
        yield Problem(
            "vpc_endpoints",
            endpoints,
            f"lacks {', '.join(missing)}, without which no task starts where nothing else leads out",
            "Add it, or choose another vpc_network_mode",
        )


def needed_endpoints(settings: Settings) -> Iterator[str]:
    """What a task must reach to start: its image, its log, and where its secrets are."""
    yield from NEEDED_ENDPOINTS
    if truth(settings.get("ecs_fargate_tracing")):
        yield "xray"
    given = [settings.get(variable) or {} for variable in ("ecs_fargate_secrets", "secrets_arns")]
    arns = [str(arn) for mapping in given if isinstance(mapping, Mapping) for arn in mapping.values()]
    kept = settings.get("secrets_values") or settings.get("secrets_generated", GENERATED)
    own = settings.get("secrets_store", "secretsmanager") if kept and settings.get("secrets_state") != "absent" else ""
    for service in STORES:
        if service == own or any(f":{service}:" in arn for arn in arns):
            yield service


def tracing_problems(settings: Settings) -> Iterator[Problem]:
    image = settings.get("ecs_fargate_tracing_image", COLLECTOR_IMAGE)
    if not IMAGE.fullmatch(str(image)):
        yield Problem(
            "ecs_fargate_tracing_image",
            image,
            "is not an image with its registry and a tag or digest",
            f"Write for example ecs_fargate_tracing_image: {COLLECTOR_IMAGE}",
        )
    if not truth(settings.get("ecs_fargate_tracing")):
        return
    if settings.get("vpc_network_mode") == "endpoints" and str(image).startswith(PUBLIC_REGISTRY):
        yield Problem(
            "ecs_fargate_tracing_image",
            image,
            "cannot be pulled with vpc_network_mode: endpoints, which leads to ECR and to no public registry",
            "Copy it into a repository of your own and write that, or choose another vpc_network_mode",
        )
    taken, memory = (
        whole_number(settings.get(variable, usual))
        for variable, usual in (("ecs_fargate_tracing_memory", 256), ("ecs_fargate_memory", 512))
    )
    if taken is not None and memory is not None and taken > memory // 2:
        yield Problem(
            "ecs_fargate_tracing_memory",
            taken,
            f"is more than half of a task's, ecs_fargate_memory: {memory}",
            f"Write {memory // 2} or less, or raise the other",
        )
    given = settings.get("ecs_fargate_environment") or {}
    if isinstance(given, Mapping) and "OTEL_EXPORTER_OTLP_ENDPOINT" in given:
        yield Problem(
            "ecs_fargate_environment.OTEL_EXPORTER_OTLP_ENDPOINT",
            given["OTEL_EXPORTER_OTLP_ENDPOINT"],
            "sends the traces past the collector that ecs_fargate_tracing sets up",
            "Leave it out, or write ecs_fargate_tracing: false",
        )


def truth(value: Any) -> bool:
    """What a switch says, also when a survey handed it over as text."""
    return str(value).lower() in ("true", "yes", "on", "1")


def fargate_problems(settings: Settings) -> Iterator[Problem]:
    defaults = {"cpu": 256, "memory": 512, "ephemeral_storage": 20}
    size = {name: settings.get(f"ecs_fargate_{name}", default) for name, default in defaults.items()}
    numbers = {name: number for name, value in size.items() if (number := whole_number(value)) is not None}
    for name in size.keys() - numbers.keys():
        remedy = f"Write for example ecs_fargate_{name}: {defaults[name]}"
        yield Problem(f"ecs_fargate_{name}", size[name], "is not a whole number", remedy)
    sentence = fargate_problem(**numbers) if len(numbers) == len(size) else None
    if sentence:
        variables = " / ".join(f"ecs_fargate_{name}" for name in size)
        yield Problem(variables, tuple(numbers.values()), "is not a size that Fargate offers", sentence)


def count_problems(settings: Settings) -> Iterator[Problem]:
    counts = {name: whole_number(settings.get(f"ecs_fargate_{name}_count", 1)) for name in ("min", "desired", "max")}
    least, wanted, most = counts["min"], counts["desired"], counts["max"]
    if least is None or wanted is None or most is None:
        return
    if least > most:
        yield Problem(
            "ecs_fargate_min_count",
            least,
            f"is more than ecs_fargate_max_count, {most}",
            f"Write ecs_fargate_min_count: {most} or less, or raise the other",
        )
    elif not least <= wanted <= most:
        yield Problem(
            "ecs_fargate_desired_count",
            wanted,
            f"is not between ecs_fargate_min_count, {least}, and ecs_fargate_max_count, {most}",
            f"Write a number from {least} to {most}",
        )


def spot_problems(settings: Settings) -> Iterator[Problem]:
    base = whole_number(settings.get("ecs_fargate_on_demand_base", 0))
    if base and whole_number(settings.get("ecs_fargate_spot_percent", 0)) == 100:
        yield Problem(
            "ecs_fargate_on_demand_base",
            base,
            "keeps tasks on demand, and ecs_fargate_spot_percent, 100, leaves none there",
            "Write 0, or ecs_fargate_spot_percent: 99 or less",
        )


SCHEDULE_FIELDS = {"name", "schedule", "timezone", "min_capacity", "max_capacity"}


def schedule_problems(settings: Settings) -> Iterator[Problem]:
    schedules = settings.get("ecs_fargate_scaling_schedules") or []
    example = "Write for example {name: evening, schedule: cron(0 20 * * ? *), min_capacity: 1}"
    if not isinstance(schedules, list) or not all(isinstance(schedule, Mapping) for schedule in schedules):
        yield Problem("ecs_fargate_scaling_schedules", schedules, "is not a list of mappings", example)
        return
    names = [str(schedule.get("name")) for schedule in schedules]
    if len(names) != len(set(names)):
        yield Problem("ecs_fargate_scaling_schedules", names, "has a name twice", "Give each schedule its own name")
    for schedule in schedules:
        reason = schedule_reason(schedule)
        if reason:
            yield Problem("ecs_fargate_scaling_schedules", dict(schedule), reason, example)


def schedule_reason(schedule: Mapping[str, Any]) -> str | None:
    """What is wrong with one scheduled change of the bounds; None if nothing is."""
    if unknown := sorted(map(str, schedule.keys() - SCHEDULE_FIELDS)):
        return f"has {', '.join(unknown)}, which no schedule has"
    if not schedule.get("name"):
        return "has no name"
    if not SCHEDULE.fullmatch(str(schedule.get("schedule"))):
        return "has no schedule of at(yyyy-mm-ddThh:mm:ss), rate(number unit) or cron(six fields, one of the days ?)"
    if "timezone" in schedule and schedule["timezone"] not in (available_timezones() or {schedule["timezone"]}):
        return "has no timezone of the IANA database"
    given = [schedule[name] for name in ("min_capacity", "max_capacity") if name in schedule]
    bounds = [number for value in given if (number := whole_number(value)) is not None and number >= 0]
    if not given or len(bounds) < len(given):
        return "has no min_capacity or max_capacity that is a whole number"
    return "has more tasks at least than at most" if bounds[0] > bounds[-1] else None


def certificate_problems(settings: Settings) -> Iterator[Problem]:
    wanted_regions = {
        "alb_certificate_arn": settings.get("amica_region", "ap-southeast-1"),
        "cloudfront_certificate_arn": "us-east-1",
    }
    for variable, region in wanted_regions.items():
        arn = settings.get(variable)
        if not arn:
            continue
        match = CERTIFICATE_ARN.fullmatch(str(arn))
        if match is None:
            yield Problem(
                variable,
                arn,
                "is not the ARN of an ACM certificate",
                f"Write arn:aws:acm:{region}:ACCOUNT:certificate/ID",
            )
        elif match["region"] != region:
            yield Problem(
                variable,
                arn,
                f"lies in {match['region']}, but this certificate must lie in {region}",
                f"Request or import the certificate in {region}",
            )


def health_check_problems(settings: Settings) -> Iterator[Problem]:
    interval = whole_number(settings.get("alb_health_check_interval", 30))
    timeout = whole_number(settings.get("alb_health_check_timeout", 5))
    if interval is not None and timeout is not None and timeout >= interval:
        yield Problem(
            "alb_health_check_timeout",
            timeout,
            f"is not less than alb_health_check_interval, {interval}",
            "Write for example 5, with an interval of 30",
        )


def secret_problems(settings: Settings) -> Iterator[Problem]:
    """Never shows what stands where a value or an ARN should."""
    places: dict[str, list[str]] = {}
    for variable in (*SECRET_MAPPINGS, "ecs_fargate_environment"):
        entries = settings.get(variable) or {}
        if not isinstance(entries, Mapping):
            remedy = f"Write NAME: {SECRET_MAPPINGS.get(variable, 'value')}"
            yield Problem(variable, "(not shown)", "is not a mapping", remedy)
            continue
        for name in entries:
            places.setdefault(str(name), []).append(variable)
        if variable in SECRET_MAPPINGS:
            yield from secret_entry_problems(variable, entries)
        elif not is_environment(entries):
            remedy = f"Write for example {variable}: {{LOG_LEVEL: info}}"
            yield Problem(
                variable, sorted(map(str, entries)), "are not all names of variables with one value each", remedy
            )
    for name, variables in places.items():
        if len(variables) > 1:
            yield Problem(
                name, "(not shown)", f"stands in {' and in '.join(variables)}", "A variable has one place: keep one"
            )
    generated = settings.get("secrets_generated", GENERATED)
    for name in generated if isinstance(generated, (list, tuple)) else ():
        if "ecs_fargate_environment" in places.get(str(name), ()):
            yield Problem(
                str(name),
                "(not shown)",
                "stands in ecs_fargate_environment and is a secret that is made up",
                "A variable has one place: leave it out of secrets_generated, or of ecs_fargate_environment",
            )


def is_environment(variables: Any) -> bool:
    """Whether these are environment variables, each with one value."""
    return isinstance(variables, Mapping) and not any(
        value is None or isinstance(value, (Mapping, list, tuple)) or not VARIABLE_NAME.fullmatch(str(name))
        for name, value in variables.items()
    )


def secret_entry_problems(variable: str, entries: Mapping[Any, Any]) -> Iterator[Problem]:
    for name, entry in entries.items():
        place = f"{variable}.{name}"
        if not VARIABLE_NAME.fullmatch(str(name)):
            yield Problem(
                place, "(not shown)", "is not the name of an environment variable", "Write for example OPENAI_API_KEY"
            )
        elif variable != "secrets_values" and reference(str(entry)) is None:
            yield Problem(
                place,
                "(not shown)",
                "is not the ARN of a secret or a parameter",
                "Write its ARN, for one key of a secret's JSON ARN:KEY::, or put the value into secrets_values",
            )
        elif variable == "secrets_values" and (isinstance(entry, (Mapping, list)) or not str(entry or "").strip()):
            yield Problem(place, "(not shown)", "is empty or not text", "Give it a value, or leave the variable out")


def secret_store_problems(settings: Settings) -> Iterator[Problem]:
    store = settings.get("secrets_store")
    if "secrets_store" in settings and store not in STORES:
        yield Problem("secrets_store", store, "is not a store of secrets", f"Write one of {', '.join(STORES)}")
    days = settings.get("secrets_recovery_days")
    if "secrets_recovery_days" in settings and whole_number(days) not in (0, *range(7, 31)):
        yield Problem(
            "secrets_recovery_days",
            days,
            "is neither 0 nor from 7 to 30",
            "Write for example secrets_recovery_days: 30",
        )
    generated = settings.get("secrets_generated") or []
    if not isinstance(generated, list) or not all(
        isinstance(name, str) and VARIABLE_NAME.fullmatch(name) for name in generated
    ):
        yield Problem(
            "secrets_generated",
            generated,
            "is not a list of names of environment variables",
            "Write for example secrets_generated: [CHAINLIT_AUTH_SECRET]",
        )
    key = settings.get("secrets_kms_key_arn")
    if key and not KMS_KEY_ARN.fullmatch(str(key)):
        yield Problem(
            "secrets_kms_key_arn",
            key,
            "is not the ARN of a KMS key, which the policy that lets tasks decrypt has to name",
            "Write arn:aws:kms:REGION:ACCOUNT:key/ID",
        )


def domain_problems(settings: Settings) -> Iterator[Problem]:
    for variable, example in {**DOMAINS, "amica_hosted_zone": "example.com"}.items():
        domain = settings.get(variable)
        if domain and not DOMAIN.fullmatch(str(domain)):
            yield Problem(variable, domain, "is not a domain", f"Write for example {variable}: {example}")
    zone = str(settings.get("amica_hosted_zone") or "")
    aliases = settings.get("cloudfront_aliases") or []
    if not isinstance(aliases, list) or not all(ALIAS.fullmatch(str(alias)) for alias in aliases):
        remedy = "Write for example cloudfront_aliases: [chat.example.com]"
        yield Problem("cloudfront_aliases", aliases, "is not a list of domains", remedy)
        aliases = []
    elif len(set(aliases)) < len(aliases):
        yield Problem("cloudfront_aliases", aliases, "has a domain twice", "Write each once")
    given = {variable: str(settings[variable]) for variable in DOMAINS if settings.get(variable)}
    if aliases and not (settings.get("cloudfront_certificate_arn") or "amica_domain" in given):
        yield Problem(
            "cloudfront_aliases",
            aliases,
            "have no certificate, without which CloudFront takes no domain",
            "Write cloudfront_certificate_arn too, or one of them as amica_domain, which gets its own",
        )
    for variable, domain in (given or {"amica_domain": ""}).items():
        if zone and not f".{domain}".endswith(f".{zone}"):
            reason = f"is no zone of {variable}, {domain!r}"
            yield Problem("amica_hosted_zone", zone, reason, "Write the part of it that Route 53 has a zone for")
    for variable, domain in given.items():
        for other in filter(settings.get, MADE_FOR[variable]):
            reason = f"stands beside {variable}, {domain!r}, for which a certificate is made"
            yield Problem(other, settings[other], reason, "Keep one of them")
    if given.get("alb_domain") in (given.get("amica_domain", ""), *aliases):
        yield Problem(
            "alb_domain",
            given["alb_domain"],
            "leads to CloudFront already",
            "Write another, by which CloudFront reaches the load balancer, for example alb_domain: alb.example.com",
        )
    http, https = (whole_number(settings.get(variable, usual)) for variable, usual in PORTS.items())
    if http == https:
        yield Problem("amica_https_port", https, "is amica_http_port too", "Write another, for example 443")


@dataclass(frozen=True)
class Address:
    """How one kind of subscriber is written; what is `secret` is not shown."""

    pattern: re.Pattern[str]
    reason: str
    example: str
    secret: bool = False


ADDRESSES = {
    "monitoring_emails": Address(re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "is not a mail address", "ops@example.com"),
    "monitoring_phone_numbers": Address(
        re.compile(r"\+[1-9]\d{6,14}"), "is not a number with its country's code", "+6512345678"
    ),
    "monitoring_webhooks": Address(
        re.compile(r"https://\S+"), "is not an https address", "https://events.pagerduty.com/...", secret=True
    ),
}


def subscriber_problems(settings: Settings) -> Iterator[Problem]:
    for variable, address in ADDRESSES.items():
        values = settings.get(variable) or []
        if not isinstance(values, (list, tuple)):
            yield Problem(
                variable, type(values).__name__, "is not a list", f'Write for example {variable}: ["{address.example}"]'
            )
            continue
        for value in values:
            if not address.pattern.fullmatch(str(value)):
                shown = "(not shown)" if address.secret else value
                yield Problem(variable, shown, address.reason, f"Write for example {address.example}")


def governance_problems(settings: Settings) -> Iterator[Problem]:
    scanning = settings.get("governance_image_scanning", "")
    if scanning not in ("", *SCAN_FREQUENCIES):
        yield Problem(
            "governance_image_scanning",
            scanning,
            "is no time at which AWS scans",
            f"Write one of {', '.join(SCAN_FREQUENCIES)}, or nothing",
        )
    regions = settings.get("governance_image_replication") or []
    listed = isinstance(regions, (list, tuple))
    if not listed or not all(REGION.fullmatch(str(region)) for region in regions):
        yield Problem(
            "governance_image_replication",
            regions,
            "is not a list of AWS regions",
            "Write for example governance_image_replication: [eu-west-1]",
        )
    elif (region := settings.get("amica_region", "ap-southeast-1")) in regions:
        what = "is the region that the images are in"
        yield Problem("governance_image_replication", region, what, "Leave it out")
    elif len(set(regions)) < len(regions):
        yield Problem("governance_image_replication", regions, "has a region twice", "Write each once")


def compliance_problems(settings: Settings) -> Iterator[Problem]:
    rules = settings.get("governance_config_rules") or {}
    known = isinstance(rules, Mapping) and all(
        RULE_IDENTIFIER.fullmatch(str(name)) and isinstance(parameters or {}, Mapping)
        for name, parameters in rules.items()
    )
    if not known:
        yield Problem(
            "governance_config_rules",
            rules,
            "is not a mapping of AWS's identifiers of managed rules to their parameters",
            "Write for example governance_config_rules: {ECS_CONTAINERS_NONPRIVILEGED: {}}",
        )
    for variable, pattern, example in (
        ("governance_config_resource_types", RESOURCE_TYPE, "AWS::ECS::TaskDefinition"),
        ("governance_security_hub_standards", STANDARD, "aws-foundational-security-best-practices/v/1.0.0"),
    ):
        values = settings.get(variable) or []
        if not isinstance(values, (list, tuple)) or not all(pattern.fullmatch(str(value)) for value in values):
            yield Problem(
                variable,
                values,
                "is not a list of names as AWS writes them",
                f"Write for example {variable}: [{example}]",
            )


def endpoint_problems(settings: Settings) -> Iterator[Problem]:
    """The embedded AWS is this machine; an endpoint elsewhere would hand a test run to somebody's account."""
    if not truth(settings.get("amica_embedded_aws")) and settings.get("amica_environment") != "local":
        return
    endpoint = settings.get("amica_endpoint_url")
    host = urlsplit(str(endpoint or "")).hostname or ""
    if not is_loopback(host):
        yield Problem(
            "amica_endpoint_url",
            endpoint,
            "is not this machine, and the local inventory talks to no other",
            "Write http://127.0.0.1:4566, or choose another inventory with -i",
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def stack_name_problems(settings: Settings) -> Iterator[Problem]:
    if "amica_name" in settings:
        name = settings["amica_name"]
        for sentence in name_problems(str(name or "")):
            yield Problem("amica_name", name, "cannot name the stack's resources", sentence)


def twin_problems(settings: Settings, neighbours: Iterable[Settings]) -> Iterator[Problem]:
    """Two stacks of one name in one account and region are one, which two hosts of a run would both change."""

    def identity(variables: Settings) -> tuple[Any, ...]:
        account = variables.get("amica_aws_environment") or {}
        return variables.get("amica_name", "amica"), variables.get("amica_region"), account

    for other in neighbours:
        if identity(other) == identity(settings):
            yield Problem(
                "amica_name",
                identity(settings)[0],
                f"is the name of {other.get('inventory_hostname')} too",
                'Name them in the inventory, or write -e \'amica_name={{ inventory_hostname | replace("_", "-") }}\'',
            )


CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    stack_name_problems,
    none_problems,
    choice_problems,
    endpoint_problems,
    network_problems,
    edge_problems,
    viewer_problems,
    way_out_problems,
    range_problems,
    health_check_problems,
    fargate_problems,
    tracing_problems,
    count_problems,
    spot_problems,
    schedule_problems,
    strategy_problems,
    pause_problems,
    test_listener_problems,
    variant_problems,
    service_connect_problems,
    certificate_problems,
    domain_problems,
    secret_problems,
    secret_store_problems,
    subscriber_problems,
    governance_problems,
    compliance_problems,
)


def setting_problems(settings: Settings, neighbours: Iterable[Settings] = ()) -> list[Problem]:
    """Every problem of a stack's variables, in the order of the roles; empty when all are fine.

    :param neighbours: the variables of the run's other stacks.
    """
    return [*twin_problems(settings, neighbours), *(problem for check in CHECKS for problem in check(settings))]
