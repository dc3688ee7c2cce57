# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles `alb` and `ecs_fargate` take a live service from one strategy to each other, with a listener for tests."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.role import Role
from support.run_module import stack_told
from support.small_service import SmallService
from support.small_service import foundations

pytestmark = pytest.mark.long

CLOCK_SPEED = 30
NAME = "shifted"
AFTERWARDS = ("amica/ready", "ecs_fargate/purge", "alb/purge")
QUICK = {"ecs_fargate_bake_minutes": 1, "ecs_fargate_canary_minutes": 1, "ecs_fargate_linear_minutes": 1}
STRATEGIES = ["blue_green", "canary", "linear", "recreate", "rolling"]


@pytest.fixture(scope="module")
def parts(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    with foundations(embedded_aws, "contract-strategy-roles") as made:
        yield made


@pytest.fixture(scope="module")
def stack(embedded_aws: EmbeddedAws, parts: SmallService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Role]:
    """A service that came up by rolling."""
    given, folder = {**parts.stack(NAME), **QUICK}, tmp_path_factory.mktemp("stack")
    made = Role("alb ecs_fargate", embedded_aws, folder, given, afterwards=AFTERWARDS)
    made()
    yield made
    Role("ecs_fargate alb", embedded_aws, folder, given)({"amica_state": "absent"})
    assert told(embedded_aws)["absent"]


def told(embedded_aws: EmbeddedAws) -> dict[str, Any]:
    return stack_told(embedded_aws.options, NAME)


def answer(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answered:
        return str(answered.read().decode())


def test_a_live_service_goes_through_all_strategies(
    stack: Role, parts: SmallService, embedded_aws: EmbeddedAws
) -> None:
    first, second = free_port(), free_port()
    tests = {"blue_green": first, "canary": second, "linear": second}
    for strategy in STRATEGIES:
        given: dict[str, Any] = {"ecs_fargate_strategy": strategy, "ecs_fargate_environment": {"VERSION": strategy}}
        if strategy in tests:
            given |= {"alb_test_port": tests[strategy], "security_groups_test_networks": ["10.0.0.0/8"]}
        foreseen = stack(given, check=True)
        assert (strategy, stack(given)) == (strategy, foreseen)
        assert (strategy, stack(given)) == (strategy, [])
        stands = told(embedded_aws)
        assert stands["service"]["strategy"]["name"] == strategy
        assert {one["port"] for one in stands["load_balancer"]["listeners"] if one["test"]} == (
            {tests[strategy]} if strategy in tests else set()
        )
        for port in filter(None, (parts.port, tests.get(strategy))):
            assert answer(port) == strategy
