# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stack on its way through the profiles and back, while people chat.

Each step is foretold by `--check --diff` without a single writing call, does what was foretold and nothing else, and
loses nobody beyond the drain.
"""

from __future__ import annotations

from typing import Any

import pytest
from e2e.foretold import carry_out
from e2e.foretold import done
from e2e.playbooks import Workspace
from support.census import census
from support.chat_crowd import Crowd
from support.waiting import eventually

pytestmark = pytest.mark.long

SECRET = "amica/CHAINLIT_AUTH_SECRET"
ERROR_PAGE = "amica-error-page-123456789012"
ACCESS_LOGS = ["amica-access-123456789012-ap-southeast-1", "amica-edge-access-123456789012"]
SHAPES: dict[str, dict[str, Any]] = {
    "dev": {
        "task": ("256", "512", 20),
        "tasks": 1,
        "bounds": [],
        "zones": 2,
        "public address": "ENABLED",
        "NAT gateways": 0,
        "network ACLs": 0,
        "insights": "disabled",
        "days of the log": 14,
        "alarm at": {"cpu": 95, "memory": 90, "server-errors": 10, "few-tasks": 1},
        "rollback by alarms": False,
        "web ACLs": 0,
        "buckets": [],
        "store": "ssm",
    },
    "rag": {
        "task": ("1024", "2048", 30),
        "tasks": 2,
        "bounds": [(2, 4)],
        "zones": 2,
        "public address": "DISABLED",
        "NAT gateways": 1,
        "network ACLs": 0,
        "insights": "disabled",
        "days of the log": 14,
        "alarm at": {"cpu": 90, "memory": 85, "server-errors": 5, "few-tasks": 2},
        "rollback by alarms": True,
        "web ACLs": 0,
        "buckets": [ERROR_PAGE],
        "store": "secretsmanager",
    },
    "enterprise": {
        "task": ("2048", "4096", 50),
        "tasks": 5,
        "bounds": [(5, 10)],
        "zones": 3,
        "public address": "DISABLED",
        "NAT gateways": 3,
        "network ACLs": 2,
        "insights": "enabled",
        "days of the log": 90,
        "alarm at": {"cpu": 85, "memory": 85, "server-errors": 2, "few-tasks": 0},
        "rollback by alarms": True,
        "web ACLs": 1,
        "buckets": [*ACCESS_LOGS, ERROR_PAGE],
        "store": "secretsmanager",
    },
}


def shape(workspace: Workspace) -> dict[str, Any]:
    """What AWS says of the things in which the profiles differ."""
    client = workspace.embedded_aws.client
    ecs, stands = client("ecs"), census(workspace.embedded_aws)
    (service,) = ecs.describe_services(cluster="amica-cluster", services=["amica-service"])["services"]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    (cluster,) = ecs.describe_clusters(clusters=["amica-cluster"], include=["SETTINGS"])["clusters"]
    (balancer,) = client("elbv2").describe_load_balancers(Names=["amica-alb"])["LoadBalancers"]
    targets = client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix="/ecs/amica-stack")["logGroups"]
    acls = client("ec2").describe_network_acls(Filters=[{"Name": "default", "Values": ["false"]}])["NetworkAcls"]
    alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix="amica/app/")["MetricAlarms"]
    (secret,) = definition["containerDefinitions"][0]["secrets"]
    compared = SHAPES["dev"]["alarm at"]
    return {
        "task": (
            definition["cpu"],
            definition["memory"],
            definition.get("ephemeralStorage", {}).get("sizeInGiB", 20),
        ),
        "tasks": service["runningCount"],
        "bounds": [(target["MinCapacity"], target["MaxCapacity"]) for target in targets],
        "zones": len(balancer["AvailabilityZones"]),
        "public address": service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"],
        "NAT gateways": len(stands.get("ec2 describe_nat_gateways", ())),
        "network ACLs": len(acls),
        "insights": {setting["name"]: setting["value"] for setting in cluster["settings"]}["containerInsights"],
        "days of the log": group["retentionInDays"],
        "alarm at": {
            name: alarm["Threshold"]
            for alarm in alarms
            if (name := alarm["AlarmName"].removeprefix("amica/app/")) in compared
        },
        "rollback by alarms": service["deploymentConfiguration"].get("alarms", {}).get("enable", False),
        "web ACLs": len(stands.get("wafv2 list_web_acls CLOUDFRONT us-east-1", ())),
        "buckets": stands.get("s3 list_buckets", []),
        "store": secret["valueFrom"].split(":")[2],
    }


def secret_values(workspace: Workspace) -> list[str]:
    """The value of the secret that was made up, once for each store that has it."""
    client = workspace.embedded_aws.client
    parameters = client("ssm").get_parameters(Names=[f"/{SECRET}"], WithDecryption=True)["Parameters"]
    secrets = client("secretsmanager").batch_get_secret_value(Filters=[{"Key": "name", "Values": [SECRET]}])
    return [one["Value"] for one in parameters] + [one["SecretString"] for one in secrets["SecretValues"]]


def switch(workspace: Workspace, profile: str) -> None:
    """To a profile, and once more, which changes nothing."""
    run = carry_out(workspace, "site.yml", profile)
    assert run.stack["health"] == "healthy"
    assert shape(workspace) == SHAPES[profile]
    assert done(workspace.play("site.yml", inventory=profile)).changed == []


def everybody_is_answered(crowd: Crowd) -> None:
    """From now on, each of them once more; and until now nobody was lost."""
    before = crowd.answered.copy()
    eventually(lambda: crowd.refused or all(crowd.answered[one] > before[one] for one in range(crowd.size)))
    assert (crowd.lost, crowd.refused) == ([], [])


def test_a_stack_goes_through_the_profiles_and_back_and_nobody_is_lost(workspace: Workspace) -> None:
    aws = workspace.embedded_aws
    aws.start()
    empty = census(aws)
    done(workspace.play("site.yml", inventory="dev"))
    dev, (secret,) = census(aws), secret_values(workspace)
    with Crowd(f"http://127.0.0.1:{workspace.http_port}", 10) as crowd:
        everybody_is_answered(crowd)
        for profile in ("rag", "enterprise", "dev"):
            before = crowd.returned.copy()
            switch(workspace, profile)
            everybody_is_answered(crowd)
            assert len(crowd.returned - before) == crowd.size, "the task of each was replaced"
            assert secret_values(workspace) == [secret]
    assert (crowd.lost, crowd.refused) == ([], [])
    assert census(aws) == dev
    carry_out(workspace, "playbooks/destroy.yml", "dev", destroy_confirm="amica")
    assert census(aws) == empty
