"""A target group as the module makes it on the embedded AWS and as ELBv2's API shows it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._target_group import present
from support.run_module import ModuleFailed
from support.run_module import run_module

HEALTH_CHECK = {
    "protocol": "HTTP",
    "port": "traffic-port",
    "path": "/health",
    "interval": 30,
    "timeout": 5,
    "healthy_threshold": 2,
    "unhealthy_threshold": 2,
    "codes": "200",
}
NOTHING: dict[str, Any] = {"before": {}, "after": {}}


class Group:
    """One target group's name on the embedded AWS, and the module with the options that reach it."""

    def __init__(self, connection: dict[str, str], elb: Any, vpc_id: str) -> None:
        self.connection, self.elb, self.name = connection, elb, f"group-{uuid.uuid4().hex[:8]}"
        self.options: dict[str, Any] = {
            "vpc_id": vpc_id,
            "target_type": "ip",
            "protocol": "HTTP",
            "port": 8080,
            "health_check": HEALTH_CHECK,
            "deregistration_delay": 60,
            "stickiness": {"enabled": True, "type": "lb_cookie", "duration": 86400},
            "tags": {"amica:stack": "contract"},
        }

    def __call__(self, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**self.connection, "name": self.name, **options}
        return run_module("elb_target_group", given, check=check, diff=True)

    def attributes(self, arn: str) -> dict[str, str]:
        listed = self.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return {attribute["Key"]: attribute["Value"] for attribute in listed}


@pytest.fixture
def vpc(clients: Any) -> Iterator[str]:
    vpc_id = clients("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    yield vpc_id
    clients("ec2").delete_vpc(VpcId=vpc_id)


@pytest.fixture
def group(embedded_aws: Any, clients: Any, vpc: str) -> Iterator[Group]:
    made = Group(embedded_aws.options, clients("elbv2"), vpc)
    yield made
    with suppress(made.elb.exceptions.TargetGroupNotFoundException):
        (found,) = made.elb.describe_target_groups(Names=[made.name])["TargetGroups"]
        made.elb.delete_target_group(TargetGroupArn=found["TargetGroupArn"])


def test_a_group_is_made_as_asked_then_left_alone(group: Group) -> None:
    predicted = group(check=True, **group.options)
    assert (predicted["changed"], predicted["target_group_arn"]) == (True, None)
    made = group(**group.options)
    assert made["diff"] == predicted["diff"]
    for check in (False, True):
        again = group(check=check, **group.options)
        assert (again["changed"], again["diff"]) == (False, NOTHING)
    (found,) = group.elb.describe_target_groups(Names=[group.name])["TargetGroups"]
    assert found["TargetGroupArn"] == made["target_group_arn"]
    assert (found["HealthCheckPath"], found["Matcher"]) == ("/health", {"HttpCode": "200"})
    attributes = group.attributes(found["TargetGroupArn"])
    assert attributes["deregistration_delay.timeout_seconds"] == "60"
    assert attributes["stickiness.enabled"] == "true"


CHANGES: list[dict[str, Any]] = [
    {"health_check": {"path": "/ready"}},
    {"health_check": {"interval": 10, "codes": "200-299"}},
    {"deregistration_delay": 1},
    {"stickiness": {"enabled": False}},
    {"tags": {"other": "1"}},
    {"tags": {}},
]


def test_each_change_alone_is_one_change_then_none(group: Group) -> None:
    arn = group(**group.options)["target_group_arn"]
    for change in CHANGES:
        runs = [present(group.elb, group.name, change, check) for check in (True, False)]
        assert [run.changed for run in runs] == [True, True], change
        assert runs[0].diff == runs[1].diff
        assert runs[1].target_group and runs[1].target_group.arn == arn
        again = present(group.elb, group.name, change, check=False)
        assert (again.changed, again.diff) == (False, NOTHING), change


@pytest.mark.parametrize("check", [True, False])
def test_what_aws_cannot_change_is_said(group: Group, check: bool) -> None:
    group(**group.options)
    with pytest.raises(ModuleFailed, match="AWS cannot change port from 8080 to 9090"):
        group(check=check, port=9090)


def test_the_end_and_after_it(group: Group) -> None:
    group(**group.options)
    assert group(check=True, state="absent")["changed"]
    assert group(state="absent")["changed"]
    assert not group(state="absent")["changed"]
