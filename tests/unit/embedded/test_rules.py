# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward actions and the stickiness cookie."""

from __future__ import annotations

import pytest
from embedded_aws.rules import action_groups
from embedded_aws.rules import choose
from embedded_aws.rules import choose_group
from embedded_aws.rules import decode_target
from embedded_aws.rules import encode
from embedded_aws.rules import encode_target


def test_the_cookie_names_the_target() -> None:
    cookie = f"a=b; AWSALB={encode_target(('127.3.4.5', 8080))}; AWSALBCORS=x"
    assert decode_target(cookie) == ("127.3.4.5", 8080)


@pytest.mark.parametrize("cookies", ["", "AWSALB=", "AWSALB=%%%", "AWSALB=bm90aGluZw", "OTHER=MTI3LjAuMC4xOjgw"])
def test_other_cookies_name_none(cookies: str) -> None:
    assert decode_target(cookies) is None


def test_both_forms_of_an_action() -> None:
    config = {"TargetGroups": [{"TargetGroupArn": "a", "Weight": 3}, {"TargetGroupArn": "b", "Weight": 0}]}
    assert action_groups([{"Type": "forward", "ForwardConfig": config}]) == {"a": 3, "b": 0}
    assert action_groups([{"Type": "forward", "TargetGroupArn": "c"}]) == {"c": 1}


def test_weights_choose() -> None:
    assert {choose({"a": 1, "b": 0}) for _ in range(20)} == {"a"}
    assert {choose({"a": 1, "b": 1}) for _ in range(200)} == {"a", "b"}
    assert choose({"a": 0}) == choose({}) == ""


@pytest.mark.parametrize(
    ("sticky", "named", "expected"), [(True, "a", "a"), (True, "gone", "b"), (True, "", "b"), (False, "a", "b")]
)
def test_a_sticky_action_keeps_a_client_at_its_group(sticky: bool, named: str, expected: str) -> None:
    config = {
        "TargetGroups": [{"TargetGroupArn": "a", "Weight": 0}, {"TargetGroupArn": "b", "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": sticky, "DurationSeconds": 60},
    }
    cookies = f"AWSALB=x; AWSALBTG={encode(named)}"
    assert choose_group({"Type": "forward", "ForwardConfig": config}, cookies) == expected
