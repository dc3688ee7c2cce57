"""Each inventory that is meant for AWS, on the embedded AWS: deployed as foretold, then nothing left to do, then gone.

The calls of the first run are all among those that the check before it asks the credentials' rights for, also where
all is on that the profiles leave off.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from e2e.foretold import foretell
from e2e.foretold import fulfil
from e2e.playbooks import Run
from e2e.playbooks import Workspace
from support.census import census
from support.machine import free_port

pytestmark = pytest.mark.long

COUNTS = {"dev": 1, "rag": 2, "enterprise": 5}
# What the check before a run looks at for its own sake, and does without; who one is everybody may ask.
LOOKS = {
    "ec2:DescribeRegions",
    "ec2:DescribeVpcEndpointServices",
    "route53:ListHostedZones",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "sts:GetCallerIdentity",
}
# What AWS checks for a call of another name.
ACTIONS = {"cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution"}

LEFT_OFF: dict[str, dict[str, Any]] = {
    "shifting": {
        "amica_domain": "chat.example.com",
        "amica_edge": "private",
        "amica_edge_secrets": ["s" * 32],
        "ecs_fargate_max_count": 2,
        "ecs_fargate_pause_at": ["POST_SCALE_UP"],
        "ecs_fargate_scaling_schedules": [{"name": "night", "schedule": "cron(0 20 * * ? *)", "max_capacity": 1}],
        "ecs_fargate_service_connect": True,
        "ecs_fargate_spot_percent": 50,
        "ecs_fargate_strategy": "canary",
        "alb_test_port": free_port(),
        "security_groups_test_networks": ["127.0.0.0/8"],
        "amica_access_logs": True,
        "cloudfront_error_page": True,
        "cloudfront_waf": True,
        "cloudfront_waf_allowed_networks": ["203.0.113.0/24"],
        "governance_config": True,
        "governance_image_replication": ["us-east-1"],
        "governance_image_scanning": "SCAN_ON_PUSH",
        "governance_security_hub": True,
        "governance_trail": True,
        "monitoring_emails": ["ops@example.com"],
        "secrets_store": "secretsmanager",
        "vpc_flow_logs": "cloudwatch",
        "vpc_network_acls": True,
        "vpc_network_mode": "endpoints",
    },
    "variants": {
        "alb_domain": "alb.example.com",
        "amica_edge": "cloudfront_only",
        "amica_variants": [{"name": "short", "weight": 20, "environment": {"ANSWERS": "short"}}],
        "amica_https_port": free_port(),
        "cloudfront_waf": True,
        "cloudfront_waf_denied_networks": ["203.0.113.0/24"],
        "ecs_fargate_tracing": True,
        "vpc_flow_logs": "s3",
        "vpc_flow_logs_bucket_arn": "arn:aws:s3:::records",
        "vpc_network_mode": "nat",
    },
}


def not_asked_for(workspace: Workspace, before: Counter[str], run: Run) -> set[str]:
    """The actions of a run that the check before it did not ask the credentials' rights for."""
    done = {ACTIONS.get(action, action) for action in workspace.embedded_aws.actions() - before}
    return done - LOOKS - {*run.result("Nothing stands in the way")["actions"]}


@pytest.mark.parametrize("profile", COUNTS)
def test_a_profile_converges_and_goes(workspace: Workspace, profile: str) -> None:
    workspace.embedded_aws.start()
    empty = census(workspace.embedded_aws)
    check = foretell(workspace, "site.yml", profile)
    before = workspace.embedded_aws.actions()
    first = fulfil(check, workspace, "site.yml", profile)
    assert not_asked_for(workspace, before, first) == set()
    assert first.stack["health"] == "healthy"
    assert first.stack["service"]["running_count"] == COUNTS[profile]
    second = workspace.play("site.yml", inventory=profile)
    assert (second.code, second.changed) == (0, [])
    gone = workspace.play("playbooks/destroy.yml", inventory=profile, destroy_confirm="amica")
    assert gone.code == 0, gone.failure
    assert gone.stack["absent"]
    assert census(workspace.embedded_aws) == empty


@pytest.mark.parametrize("name", LEFT_OFF)
def test_what_the_profiles_leave_off_is_foretold_and_has_its_rights_asked_for_too(
    workspace: Workspace, name: str
) -> None:
    workspace.embedded_aws.start()
    workspace.embedded_aws.client("route53").create_hosted_zone(Name="example.com", CallerReference=name)
    stack = {"amica_name": f"amica-{name}", "amica_http_port": free_port(), **LEFT_OFF[name]}
    check = foretell(workspace, "site.yml", "dev", **stack)
    before = workspace.embedded_aws.actions()
    run = workspace.play("site.yml", inventory="dev", **stack)
    assert run.code == 0, run.failure
    assert run.changed == check.changed
    assert not_asked_for(workspace, before, run) == set()
