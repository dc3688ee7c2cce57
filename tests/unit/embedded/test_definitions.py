# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task definitions: what ECS keeps, what it adds, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_aws.ecs.store import ApiError
from support.fake_ecs import World

ROLE = "arn:aws:iam::123456789012:role/x"
GIVEN: dict[str, Any] = {
    "family": "amica-task",
    "cpu": "256",
    "memory": "1024",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "executionRoleArn": ROLE,
    "taskRoleArn": ROLE,
    "ephemeralStorage": {"sizeInGiB": 30},
    "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
    "volumes": [{"name": "tmp"}],
    "containerDefinitions": [
        {
            "name": "amica",
            "image": "app:1",
            "portMappings": [{"containerPort": 8080}],
            "stopTimeout": 60,
            "linuxParameters": {"initProcessEnabled": True},
            "healthCheck": {"command": ["CMD", "true"]},
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/amica-stack"}},
        }
    ],
    "tags": [{"key": "a", "value": "b"}],
}
TWICE = {"environment": [{"name": "KEY", "value": "x"}], "secrets": [{"name": "KEY", "valueFrom": "arn:x"}]}


def test_everything_given_is_kept_and_defaults_are_added() -> None:
    world = World()
    answer = world("RegisterTaskDefinition", **GIVEN)
    kept = answer["taskDefinition"]
    for name in set(GIVEN) - {"tags", "volumes", "containerDefinitions"}:
        assert kept[name] == GIVEN[name]
    assert (kept["revision"], kept["status"], kept["volumes"]) == (1, "ACTIVE", [{"name": "tmp", "host": {}}])
    (container,) = kept["containerDefinitions"]
    assert container == {
        **GIVEN["containerDefinitions"][0],
        "cpu": 0,
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
    }
    assert "tags" not in world("DescribeTaskDefinition", taskDefinition="amica-task")
    assert world("DescribeTaskDefinition", taskDefinition="amica-task", include=["TAGS"])["tags"] == GIVEN["tags"]


def test_revisions_are_listed_deregistered_and_deleted() -> None:
    world = World()
    first, second = (world("RegisterTaskDefinition", **GIVEN)["taskDefinition"]["taskDefinitionArn"] for _ in "ab")
    assert world("ListTaskDefinitions", familyPrefix="amica-task", sort="DESC")["taskDefinitionArns"] == [second, first]
    assert world("ListTaskDefinitions", familyPrefix="amica")["taskDefinitionArns"] == []
    assert world("DeleteTaskDefinitions", taskDefinitions=[first])["failures"][0]["reason"].startswith("The specified")
    world("DeregisterTaskDefinition", taskDefinition=second)
    assert world("DescribeTaskDefinition", taskDefinition="amica-task")["taskDefinition"]["revision"] == 1
    assert world("ListTaskDefinitions", status="INACTIVE")["taskDefinitionArns"] == [second]
    (gone,) = world("DeleteTaskDefinitions", taskDefinitions=[second])["taskDefinitions"]
    assert gone["status"] == "DELETE_IN_PROGRESS"
    world.after(1)
    with pytest.raises(ApiError):
        world("DescribeTaskDefinition", taskDefinition=second)
    assert world.store.tags.get(second) is None
    assert world("RegisterTaskDefinition", **GIVEN)["taskDefinition"]["revision"] == 3, "numbers are never reused"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"memory": "4096"}, "No Fargate configuration exists for given values: 256 CPU, 4096 memory"),
        ({"cpu": "300"}, "Invalid 'cpu' setting for task"),
        ({"networkMode": "bridge"}, "Fargate only supports network mode"),
        ({"ephemeralStorage": {"sizeInGiB": 20}}, "ephemeralStorage"),
        ({"executionRoleArn": None}, "execution role ARN to support log driver awslogs"),
        ({"containerDefinitions": []}, "Container list cannot be empty"),
        ({"containerDefinitions": [{"name": "a", "image": "b", **TWICE}]}, "must be unique .*, such as 'KEY'"),
        ({"family": ""}, "Family should not be null or empty"),
    ],
)
def test_what_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError, match=text) as refused:
        World()("RegisterTaskDefinition", **{**GIVEN, **change})
    assert refused.value.code == "ClientException"
