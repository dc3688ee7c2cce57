# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role with its policies on a running embedded AWS: each change is one change, and check mode writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.module import Module
from support.run_module import ModuleFailed

NAME = "contract-role"
TASKS = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
READ = {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::a"]}
MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def role(embedded_aws: EmbeddedAws) -> Iterator[Module]:
    options = {
        **embedded_aws.options,
        "name": NAME,
        "description": "What the contract says, 100 % of it",
        "assume_role_policy_document": policy(TASKS),
        "inline_policies": {"read": policy(READ), "rest": policy({**READ, "Effect": "Deny"})},
        "managed_policies": [MANAGED],
        "tags": {"amica:stack": "contract", "stage": "dev"},
    }
    module = Module("iam_role", options)
    yield module
    module(state="absent")


def test_a_role_comes_with_its_policies_as_foretold_and_goes_with_them(role: Module, clients: Any) -> None:
    role.comes_and_goes()
    foretold, made = role(check=True), role()
    assert foretold["diff"] == made["diff"]
    assert foretold["diff"]["after"]["inline_policies"]["read"]["Statement"] == [READ]
    assert made["role"] == {**foretold["role"], "arn": clients("iam").get_role(RoleName=NAME)["Role"]["Arn"]}
    assert role(check=True, state="absent")["diff"]["before"] == foretold["diff"]["after"]


CHANGES: list[dict[str, Any]] = [
    {"description": "Less"},
    {"description": ""},
    {"tags": {"Stage": "dev"}},
    {"tags": {}},
    {"assume_role_policy_document": policy({**TASKS, "Sid": "Tasks"})},
    {"inline_policies": {"read": policy(READ)}},
    {"inline_policies": {"write": policy({**READ, "Action": "s3:PutObject"})}},
    {"inline_policies": {}},
    {"managed_policies": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
    {"managed_policies": []},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_each_change_is_one_and_aws_has_it(role: Module, clients: Any, changes: dict[str, Any]) -> None:
    done = role.changes_once(**changes)
    assert set(done["diff"]["after"]) == set(changes)
    iam = clients("iam")
    found = iam.get_role(RoleName=NAME)["Role"]
    wanted = {**role.options, **changes}
    assert found.get("Description", "") == wanted["description"]
    assert found["AssumeRolePolicyDocument"] == wanted["assume_role_policy_document"]
    assert {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])} == wanted["tags"]
    names = iam.list_role_policies(RoleName=NAME)["PolicyNames"]
    documents = {name: iam.get_role_policy(RoleName=NAME, PolicyName=name)["PolicyDocument"] for name in names}
    assert documents == wanted["inline_policies"]
    attached = iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == wanted["managed_policies"]


def test_the_same_in_another_spelling_is_no_change(role: Module) -> None:
    role()
    denied = {**READ, "Effect": "Deny", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "arn:aws:s3:::a"}
    rest = {"Version": "2012-10-17", "Statement": denied}
    trust = policy({**TASKS, "Action": ["sts:AssumeRole"]})
    same: dict[str, Any] = {
        "assume_role_policy_document": trust,
        "inline_policies": {"rest": rest, "read": policy(READ)},
    }
    assert not role(**same)["changed"]


def test_what_is_not_set_stays_and_is_not_read(role: Module, embedded_aws: EmbeddedAws) -> None:
    role()
    before = embedded_aws.calls()
    bare = {**embedded_aws.options, "name": NAME, "assume_role_policy_document": policy(TASKS)}
    assert not Module("iam_role", bare)()["changed"]
    assert embedded_aws.calls() - before == 1
    assert not role()["changed"]


def test_a_role_goes_out_of_an_instance_profile_which_stays(role: Module, clients: Any) -> None:
    role()
    iam = clients("iam")
    iam.create_instance_profile(InstanceProfileName="somebodys")
    iam.add_role_to_instance_profile(InstanceProfileName="somebodys", RoleName=NAME)
    assert role(state="absent")["changed"]
    assert iam.get_instance_profile(InstanceProfileName="somebodys")["InstanceProfile"]["Roles"] == []
    iam.delete_instance_profile(InstanceProfileName="somebodys")


def test_a_role_is_not_moved_to_another_path(role: Module) -> None:
    made = role(path="/service/")
    assert made["role"]["arn"].endswith(f":role/service/{NAME}")
    assert not role()["changed"]
    with pytest.raises(ModuleFailed, match=r"is in /service/, and AWS cannot move it to /other/\. Leave out path"):
        role(check=True, path="/other/")
