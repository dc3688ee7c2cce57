# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups that name one another, on the embedded AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils import _security_groups
from ansible_collections.amica.stack.plugins.module_utils._security_groups import absent
from ansible_collections.amica.stack.plugins.module_utils._security_groups import present
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait
from support.run_module import ModuleFailed
from support.run_module import run_module

GROUPS: list[dict[str, Any]] = [
    {
        "name": "front",
        "description": "Load balancer",
        "ingress": [{"protocol": "tcp", "ports": ["80", "443"], "peers": ["0.0.0.0/0"], "description": "HTTP"}],
        "egress": [{"protocol": "tcp", "ports": ["8080"], "peers": ["back"]}],
    },
    {
        "name": "back",
        "description": "Tasks",
        "ingress": [{"protocol": "tcp", "ports": ["8080"], "peers": ["front"]}],
        "egress": [{"protocol": "tcp", "ports": ["443"], "peers": ["0.0.0.0/0"], "description": "HTTPS"}],
    },
]
TAGS = {"amica:stack": "contract"}
NOTHING: dict[str, Any] = {"before": {}, "after": {}}
WAIT = Wait(1, 0.1)


@pytest.fixture
def vpc(clients: Any) -> Iterator[str]:
    ec2 = clients("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    yield vpc_id
    with suppress(Exception):
        absent(ec2, vpc_id, ["front", "back"], False, WAIT)
    ec2.delete_vpc(VpcId=vpc_id)


def test_groups_are_made_as_asked_then_left_alone_and_go(embedded_aws: Any, clients: Any, vpc: str) -> None:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**embedded_aws.options, "vpc_id": vpc, "groups": GROUPS, "tags": TAGS, **options}
        return run_module("security_groups", given, check=check, diff=True)

    predicted, made = run(check=True), run()
    assert (predicted["changed"], predicted["diff"]) == (True, made["diff"])
    assert {*predicted["group_ids"].values()} == {"sg-00000000000000000"}
    for check in (False, True):
        again = run(check=check)
        assert (again["changed"], again["diff"], again["group_ids"]) == (False, NOTHING, made["group_ids"])
    listed = clients("ec2").describe_security_groups(GroupIds=[*made["group_ids"].values()])["SecurityGroups"]
    back = next(group for group in listed if group["GroupName"] == "back")
    (entry,) = back["IpPermissions"]
    assert (entry["FromPort"], entry["UserIdGroupPairs"][0]["GroupId"]) == (8080, made["group_ids"]["front"])
    assert [one["FromPort"] for one in back["IpPermissionsEgress"]] == [443]
    assert {"Key": "Name", "Value": "back"} in back["Tags"]
    with pytest.raises(ModuleFailed, match="AWS cannot change the description of the security group front"):
        run(groups=[{**GROUPS[0], "description": "Other"}])
    assert run(check=True, state="absent")["changed"]
    assert run(state="absent")["changed"]
    assert not run(state="absent")["changed"]


CHANGES: list[dict[str, Any]] = [
    {"ingress": [{"protocol": "tcp", "ports": ["80"], "peers": ["0.0.0.0/0"], "description": "HTTP"}]},
    {"ingress": [{"protocol": "tcp", "ports": ["80"], "peers": ["0.0.0.0/0"], "description": "Plain"}]},
    {"ingress": [{"protocol": "tcp", "ports": ["80-90"], "peers": ["10.0.0.0/8", "192.168.0.0/16"]}]},
    {"ingress": [{"protocol": "tcp", "ports": ["80"], "peers": ["com.amazonaws.global.cloudfront.origin-facing"]}]},
    {"egress": [{"protocol": "all", "peers": ["0.0.0.0/0"]}]},
    {"egress": []},
]


def test_each_change_alone_is_one_change_then_none(clients: Any, vpc: str) -> None:
    ec2, group = clients("ec2"), dict(GROUPS[0])
    present(ec2, vpc, _security_groups.wanted(GROUPS, TAGS), check=False)
    for change in CHANGES:
        group |= change
        wants = _security_groups.wanted([group, GROUPS[1]], TAGS)
        runs = [present(ec2, vpc, wants, check) for check in (True, False, False)]
        assert [run.changed for run in runs] == [True, True, False], change
        assert runs[0].diff == runs[1].diff
    for tags in ({"other": "1"}, {}):
        wants = _security_groups.wanted([group, GROUPS[1]], tags)
        assert [present(ec2, vpc, wants, False).changed for _ in range(2)] == [True, False]
    assert not present(ec2, vpc, _security_groups.wanted([group, GROUPS[1]], None), False).changed


def test_a_group_in_use_is_named(clients: Any, vpc: str) -> None:
    ec2 = clients("ec2")
    present(ec2, vpc, _security_groups.wanted(GROUPS, TAGS), check=False)
    user = ec2.create_security_group(GroupName="user", Description="user", VpcId=vpc)["GroupId"]
    (front,) = _security_groups.find(ec2, vpc, ["front"]).values()
    pair = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": front["GroupId"]}]}]
    ec2.authorize_security_group_ingress(GroupId=user, IpPermissions=pair)
    with pytest.raises(_security_groups.SecurityGroupError, match="The security group front is still in use after 0"):
        absent(ec2, vpc, ["front", "back"], False, Wait(0, 0))
    ec2.delete_security_group(GroupId=user)
    assert absent(ec2, vpc, ["front", "back"], False, WAIT).changed


@pytest.mark.parametrize("place", ["description", "ingress"])
def test_a_description_that_ec2_refuses_is_refused_before_any_call(embedded_aws: Any, place: str) -> None:
    text = "The application's port"
    rule = {"protocol": "tcp", "peers": ["0.0.0.0/0"], "description": text}
    group = {"name": "front", "description": "Load balancer", place: text if place == "description" else [rule]}
    # Nobody listens there.
    given = {**embedded_aws.options, "endpoint_url": "http://127.0.0.1:1", "vpc_id": "vpc-1", "groups": [group]}
    with pytest.raises(ModuleFailed, match="front: EC2 does not take the description"):
        run_module("security_groups", given)
