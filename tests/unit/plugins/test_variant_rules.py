# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules lead visitors to variants."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._variant_rules import arguments
from ansible_collections.amica.stack.plugins.module_utils._variant_rules import view
from ansible_collections.amica.stack.plugins.module_utils._variant_rules import wanted_rules

SHORT = {"name": "X-Chat-Variant", "values": ["short", "brief"]}
EDGE = {"name": "X-Amica-Edge", "values": ["new", "old"]}


def rules(**options: Any) -> dict[int, Any]:
    given = {"target_group": "main", "variants": {"short": "s", "long": "l"}, "stickiness_duration": 60}
    return wanted_rules({**given, **options})


def test_a_header_comes_before_the_shares_which_leave_the_rest_to_the_application() -> None:
    # Weights may come from a survey.
    found = rules(weights={"short": "20", "long": 5}, headers={"short": SHORT})
    assert found == {
        11: {
            "paths": [],
            "headers": {"X-Chat-Variant": ["brief", "short"]},
            "target_groups": {"s": 1},
            "stickiness": 0,
        },
        20: {"paths": ["*"], "headers": {}, "target_groups": {"main": 75, "s": 20, "l": 5}, "stickiness": 60},
    }


def test_each_rule_asks_for_the_header_that_every_request_has() -> None:
    found = rules(weights={"long": 5}, headers={"short": SHORT}, required_header=EDGE)
    edge = {"X-Amica-Edge": ["new", "old"]}
    assert [rule["headers"] for rule in found.values()] == [{**edge, "X-Chat-Variant": ["brief", "short"]}, edge]
    assert [rule["paths"] for rule in found.values()] == [[], []]


def test_without_shares_nothing_is_shared_out() -> None:
    assert list(rules(headers={"short": SHORT})) == [11]
    assert rules() == {}


def test_what_is_of_no_variant_is_refused() -> None:
    with pytest.raises(Refused, match="name other, and variants does not"):
        rules(weights={"other": 5})


@pytest.mark.parametrize("options", [{"headers": {"short": SHORT}, "required_header": EDGE}, {"weights": {"long": 5}}])
def test_a_rule_reads_back_as_it_was_written(options: dict[str, Any]) -> None:
    for rule in rules(**options).values():
        assert view(arguments(rule)) == rule
