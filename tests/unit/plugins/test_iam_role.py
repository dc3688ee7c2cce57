# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._iam_role import canonical
from ansible_collections.amica.stack.plugins.module_utils._iam_role import delete
from ansible_collections.amica.stack.plugins.module_utils._iam_role import problems
from ansible_collections.amica.stack.plugins.module_utils._iam_role import wanted_role
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.exceptions import ClientError
from support.fake_clock import FakeClock

ALLOW = {"Effect": "Allow", "Action": ["a:One", "a:Two"], "Resource": ["x", "y"]}
DENY = {"Effect": "Deny", "NotAction": ["a:One"], "Resource": ["*"]}
TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}


def policy(*statements: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **members}


def options(**given: Any) -> dict[str, Any]:
    names = ("description", "inline_policies", "managed_policies", "path", "tags")
    return {"name": "role", "assume_role_policy_document": policy(TRUST), **dict.fromkeys(names), **given}


def where(condition: Any) -> dict[str, Any]:
    return {**ALLOW, "Condition": condition}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy(ALLOW, DENY), policy(DENY, ALLOW)),
        (policy(DENY), {"Version": "2012-10-17", "Statement": DENY}),
        (policy(ALLOW), policy({**ALLOW, "Action": ["a:Two", "a:One", "a:One"], "Resource": ["y", "x"]})),
        (policy(DENY), policy({**DENY, "NotAction": "a:One", "Resource": "*"})),
        (policy({**TRUST, "Principal": "*"}), policy({**TRUST, "Principal": {"AWS": ["*"]}})),
        (
            policy({**TRUST, "Principal": {"AWS": "123456789012"}}),
            policy({**TRUST, "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}),
        ),
        (policy(where({"Bool": {"a:b": True}})), policy(where({"Bool": {"a:b": ["true"]}}))),
        (policy(where({"NumericEquals": {"a:b": [2, 1]}})), policy(where({"NumericEquals": {"a:b": ["1", "2"]}}))),
        ({"Statement": [ALLOW]}, policy(ALLOW, Version="2008-10-17")),
    ],
)
def test_policies_that_mean_the_same_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    "other",
    [
        policy(ALLOW, Version="2008-10-17"),
        policy(ALLOW, Id="x"),
        policy({**ALLOW, "Sid": "X"}),
        policy({**ALLOW, "Effect": "Deny"}),
        policy({**ALLOW, "Action": "a:One"}),
        policy({"Effect": "Allow", "NotAction": ALLOW["Action"], "Resource": ALLOW["Resource"]}),
        policy(where({"Bool": {"a:b": "true"}})),
        policy(ALLOW, ALLOW),
    ],
)
def test_policies_that_mean_something_else_differ(other: dict[str, Any]) -> None:
    assert canonical(policy(ALLOW)) != canonical(other)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "a role"}, "name: 'a role' is no name of a role"),
        ({"name": "r" * 65}, "is no name of a role"),
        ({"path": "service"}, "path: 'service' does not begin and end with a slash"),
        ({"description": "x" * 1001}, "description: is longer than 1000 characters"),
        ({"assume_role_policy_document": {}}, "assume_role_policy_document has no Statement"),
        ({"assume_role_policy_document": policy(ALLOW)}, "has a statement (1.) without Principal"),
        ({"inline_policies": {"p": "{}"}}, "inline_policies.p is not a policy document"),
        ({"inline_policies": {"p": policy()}}, "inline_policies.p has no Statement"),
        ({"inline_policies": {"p": policy(ALLOW, {"Action": "*"})}}, "has a statement (2.) without Effect"),
        ({"inline_policies": {"p": policy({"Effect": "Allow"})}}, "Write Action or NotAction"),
        ({"inline_policies": {"p": policy(TRUST)}}, "Write Resource or NotResource"),
        (
            {"inline_policies": {name: policy({**ALLOW, "Resource": "x" * 5100}) for name in "pq"}},
            "inline_policies: have 10396 characters together, and IAM takes 10240",
        ),
        ({"managed_policies": ["ReadOnlyAccess"]}, "Write for example arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ],
)
def test_what_iam_would_refuse_is_said_with_what_to_write(given: dict[str, Any], problem: str) -> None:
    (said,) = problems(options(**given))
    assert problem in said


def test_what_is_not_set_stays_or_is_as_iam_makes_it() -> None:
    made = wanted_role(options(), None)
    assert made == {
        "name": "role",
        "path": "/",
        "description": "",
        "assume_role_policy_document": canonical(policy(TRUST)),
        "tags": {},
    }
    stands = {**made, "arn": "arn", "path": "/service/", "description": "Old", "tags": {"a": "1"}}
    assert wanted_role(options(), stands) == {key: value for key, value in stands.items() if key != "arn"}
    assert wanted_role(options(description="", tags={"b": 2}), stands)["tags"] == {"b": "2"}


class Stubborn:
    """Answers as IAM does while it has not yet heard everywhere that the policies are off."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def delete_role(self, **_role: str) -> dict[str, Any]:
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "DeleteConflict"}}, "DeleteRole")
        return {}


def test_a_role_goes_once_iam_knows_that_its_policies_are_off() -> None:
    clock = FakeClock()
    delete(Stubborn(3), "role", clock.wait(60, 2))
    assert clock.naps == [2, 2, 2]
    with pytest.raises(Refused, match="still has policies 60 s after all were taken off it"):
        delete(Stubborn(100), "role", clock.wait(60, 2))
