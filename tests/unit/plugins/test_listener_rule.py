# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule whose weights belong to somebody else."""

from __future__ import annotations

from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._listener_rule import conditions
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import forward
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import view
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import wanted_view

OPTIONS: dict[str, Any] = {"paths": ["*"], "header": {"name": "X-A", "values": ["b", "a"]}, "target_groups": ["2", "1"]}


def test_what_aws_returns_is_what_was_asked_for() -> None:
    listed = conditions(OPTIONS)
    listed[0]["Values"] = ["*"]
    rule = {"Conditions": listed, "Actions": forward(["1", "2"], {})}
    assert view(rule) == wanted_view(OPTIONS)
    other = {"Field": "host-header", "Values": ["a"]}
    assert view({**rule, "Conditions": [*listed, other]}) != wanted_view(OPTIONS)


def test_a_new_rule_has_all_traffic_in_its_first_group() -> None:
    assert forward(["1", "2"], {}) == [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": "1", "Weight": 1}, {"TargetGroupArn": "2", "Weight": 0}]
            },
        }
    ]


def test_groups_that_are_there_keep_their_weights() -> None:
    groups = forward(["1", "2", "3"], {"1": 20, "2": 80})[0]["ForwardConfig"]["TargetGroups"]
    assert [group["Weight"] for group in groups] == [20, 80, 0]
