# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each variable of the README's table of capabilities a value that switches it on, and another one.

Without a value it is switched off. Two sets, since some exclude each other.
"""

from __future__ import annotations

from typing import Any

ZONE = "switched.example"
BUCKET = "elsewhere-flow-logs"
PARAMETER = "/elsewhere/tavily"

FIRST: dict[str, tuple[Any, Any]] = {
    "ecs_fargate_cpu": (512, 1024),
    "ecs_fargate_memory": (1024, 2048),
    "ecs_fargate_ephemeral_storage": (30, 40),
    "ecs_fargate_desired_count": (2, 1),
    "ecs_fargate_min_count": (2, 1),
    "ecs_fargate_max_count": (4, 3),
    "ecs_fargate_scaling_cpu": (50, 0),
    "ecs_fargate_scaling_memory": (70, 75),
    "ecs_fargate_scaling_requests": (500, 600),
    "ecs_fargate_scaling_schedules": (
        [{"name": "morning", "schedule": "cron(0 7 * * ? *)", "min_capacity": 2, "max_capacity": 4}],
        [{"name": "evening", "schedule": "cron(0 19 * * ? *)", "min_capacity": 1, "timezone": "Asia/Singapore"}],
    ),
    "ecs_fargate_spot_percent": (50, 100),
    "ecs_fargate_on_demand_base": (1, 0),
    "ecs_fargate_environment": ({"ANSWERS": "long"}, {"ANSWERS": "short", "LANGUAGE": "en"}),
    "alb_stickiness_duration": (3600, 7200),
    "alb_deregistration_delay": (10, 5),
    "vpc_network_mode": ("nat", "nat_per_zone"),
    "vpc_availability_zone_count": (3, 3),
    "vpc_network_acls": (True, True),
    "vpc_flow_logs": ("cloudwatch", "s3"),
    "vpc_flow_logs_bucket_arn": ("", f"arn:aws:s3:::{BUCKET}"),
    "amica_edge": ("cloudfront_only", "cloudfront_only"),
    "amica_edge_secrets": (
        ["the-first-secret-of-the-edge"],
        ["the-second-secret-of-the-edge", "the-first-secret-of-the-edge"],
    ),
    "amica_domain": (f"chat.{ZONE}", f"talk.{ZONE}"),
    "amica_hosted_zone": (ZONE, ZONE),
    "alb_domain": (f"origin.{ZONE}", f"source.{ZONE}"),
    "cloudfront_waf": (True, True),
    "cloudfront_waf_rate_limit": (1000, 1500),
    "cloudfront_waf_allowed_networks": (["192.0.2.0/24"], ["192.0.2.0/25"]),
    "cloudfront_waf_denied_networks": (["198.51.100.0/24", "2001:db8::/32"], ["198.51.100.0/25"]),
    "cloudfront_error_page": (True, True),
    "cloudfront_response_headers_policy_id": (
        "60669652-455b-4ae9-85a4-c4c02393f86c",
        "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
    ),
    "cloudfront_cached_paths": (["/assets/*", "/public/*"], []),
    "cloudfront_ipv6": (False, False),
    "cloudfront_http_version": ("http2", "http3"),
    "cloudfront_minimum_tls": ("TLSv1.2_2019", "TLSv1.2_2018"),
    "amica_access_logs": (True, True),
    "amica_access_logs_days": (30, 60),
    "secrets_store": ("secretsmanager", "secretsmanager"),
    "secrets_values": ({"OPENAI_API_KEY": "one"}, {"OPENAI_API_KEY": "two", "COHERE_API_KEY": "three"}),
    "secrets_generated": (["CHAINLIT_AUTH_SECRET", "SESSION_KEY"], ["CHAINLIT_AUTH_SECRET"]),
    "secrets_recovery_days": (7, 10),
    "amica_variants": (
        [{"name": "short", "weight": 20, "environment": {"ANSWERS": "short"}}],
        [{"name": "beta", "header": {"name": "X-Chat-Variant", "values": ["beta"]}, "environment": {"ANSWERS": "b"}}],
    ),
    "ecs_fargate_circuit_breaker": (False, False),
    "ecs_fargate_early_success_percent": (50, 60),
    "ecs_fargate_service_connect": (True, True),
    "ecs_fargate_tracing": (True, True),
    "ecs_fargate_tracing_percent": (50, 10),
    "ecs_fargate_container_insights": ("enabled", "enhanced"),
    "monitoring_emails": (["team@example.com"], ["others@example.com"]),
    "monitoring_phone_numbers": (["+6512345678"], []),
    "monitoring_webhooks": ([], ["https://events.pagerduty.com/integration/0123456789abcdef/enqueue"]),
    "cloudwatch_retention_days": (30, 60),
    "governance_image_scanning": ("SCAN_ON_PUSH", "SCAN_ON_PUSH"),
    "governance_image_replication": (["us-west-2"], ["us-west-2", "eu-west-1"]),
    "governance_trail": (True, True),
    "governance_trail_days": (30, 60),
    "governance_config": (True, True),
    "governance_config_days": (30, 60),
    "governance_security_hub": (True, True),
}


def second(
    edge_certificate: str, certificate: str, namespace: str, parameter: str, test_port: int
) -> dict[str, tuple[Any, Any]]:
    """:param edge_certificate: ARN of one in us-east-1; the others' ARNs are of the stack's region."""
    return {
        "vpc_network_mode": ("endpoints", "public"),
        "vpc_endpoints": (["s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"], ["s3"]),
        "cloudfront_aliases": ([f"chat.{ZONE}"], [f"talk.{ZONE}"]),
        "cloudfront_certificate_arn": (edge_certificate, edge_certificate),
        "alb_certificate_arn": (certificate, certificate),
        "secrets_arns": ({"TAVILY_API_KEY": parameter}, {"OTHER_API_KEY": parameter}),
        "ecs_fargate_strategy": ("blue_green", "linear"),
        "ecs_fargate_canary_percent": (20, 20),
        "ecs_fargate_linear_percent": (50, 40),
        "ecs_fargate_linear_minutes": (1, 1),
        "ecs_fargate_bake_minutes": (1, 0),
        "alb_test_port": (test_port, 0),
        "security_groups_test_networks": (["192.0.2.0/24"], []),
        "ecs_fargate_deployment_alarms": (["amica/app/server-errors"], []),
        "ecs_fargate_service_connect": (True, True),
        "ecs_fargate_service_connect_namespace_arn": (namespace, namespace),
        "ecs_fargate_cpu": (512, 512),
        "ecs_fargate_memory": (1024, 1024),
        "ecs_fargate_architecture": ("arm64", "x86_64"),
        "monitoring_alarms": (True, False),
        "monitoring_dashboard": (False, False),
    }
