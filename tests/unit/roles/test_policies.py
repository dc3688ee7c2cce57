# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies that the roles write allow single actions, on what AWS lets one name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"
# Actions for which AWS knows no resource, by the Service Authorization Reference.
NAMELESS = {
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

# ECS documents the trust of a role for load balancers without a condition, and not what it would send for one.
UNCONDITIONAL = "ecs.amazonaws.com"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every statement that stands anywhere in a role's variables or tasks."""
    if isinstance(value, dict):
        if value.get("Effect") in ("Allow", "Deny"):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from statements(item)


WRITTEN = [
    pytest.param(statement, id=f"{path.relative_to(ROLES)}-{number}")
    for path in sorted(ROLES.glob("*/*/*.yml"))
    for number, statement in enumerate(statements(yaml.safe_load(path.read_text())))
]


def test_there_are_policies() -> None:
    assert len(WRITTEN) > 5


@pytest.mark.parametrize("statement", WRITTEN)
def test_a_statement_names_its_actions_and_resources(statement: dict[str, Any]) -> None:
    actions = listed(statement["Action"])
    assert [action for action in actions if "*" in action] == []
    if "*" in listed(statement.get("Resource")):
        assert set(actions) <= NAMELESS


@pytest.mark.parametrize("statement", WRITTEN)
def test_a_service_is_trusted_for_this_account_alone(statement: dict[str, Any]) -> None:
    principal = statement.get("Principal", {"Service": UNCONDITIONAL})
    assert set(principal) == {"Service"}
    if principal["Service"] != UNCONDITIONAL:
        assert "{{" in statement["Condition"]["StringEquals"]["aws:SourceAccount"]
