# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing waits in a row: AWS is asked first for what takes minutes, and one task waits for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.critical_path import HEALTH_CHECK
from benchmarks.critical_path import Bar
from benchmarks.critical_path import Run
from benchmarks.critical_path import picture

ROOT = Path(__file__).parents[3]
WAITING = {"amica.stack.stack_ready", "amica.stack.ecs_service_health"}
SLEEPING = {"amazon.aws.ec2_vpc_route_table", "amazon.aws.ec2_security_group", "ansible.builtin.pause"}


def tasks(part: Any) -> Iterator[dict[str, Any]]:
    for task in part or ():
        yield task
        for name in ("block", "rescue", "always"):
            yield from tasks(task.get(name))


PRESENT = [
    (file, task)
    for file in sorted(ROOT.glob("roles/*/tasks/*.yml"))
    if file.stem != "absent"
    for task in tasks(yaml.safe_load(file.read_text()))
]


def roles() -> list[str]:
    (play,) = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    imports = [
        task["ansible.builtin.import_role"] for task in tasks(play["tasks"]) if "ansible.builtin.import_role" in task
    ]
    return [role["name"].rpartition(".")[2] for role in imports if "tasks_from" not in role]


def test_what_cannot_be_is_refused_before_the_first_change() -> None:
    assert roles()[:2] == ["amica", "verify"]


def test_what_takes_minutes_is_asked_for_before_the_image_builds() -> None:
    order = roles()
    slow = [order.index(name) for name in ("vpc", "security_groups", "alb", "cloudfront")]
    assert slow == sorted(slow)
    assert slow[-1] < order.index("build") < order.index("ecs_fargate")


def test_no_task_waits_but_the_join_and_what_the_next_task_needs() -> None:
    waits = [
        task["name"]
        for _file, task in PRESENT
        for module, options in task.items()
        if module in SLEEPING or (isinstance(options, dict) and str(options.get("wait", False)).lower() == "true")
        if not (isinstance(options, dict) and options.get("state") == "absent")
    ]
    # A distribution cannot name a VPC origin that is not deployed.
    assert waits == ["CloudFront reaches the internal load balancer"]


def test_what_waits_is_a_join() -> None:
    joins = {file.parent.parent.name for file, task in PRESENT if WAITING & task.keys()}
    # cloudfront: a VPC origin needs an active load balancer; ecs_fargate: tasks in private subnets need a way out.
    assert joins == {"amica", "cloudfront", "ecs_fargate"}


@pytest.mark.parametrize(
    ("names", "chain"),
    [
        (["load balancer", "CloudFront", "deployment"], 240),
        (["load balancer", "deployment"], 150 + HEALTH_CHECK),
        (["load balancer", "VPC origin", "CloudFront", "deployment"], 690),
        (["NAT gateway", "load balancer", "deployment"], 180),
    ],
)
def test_the_slowest_chain_is_of_what_needs_one_another(names: list[str], chain: float) -> None:
    run = Run(300, [], [Bar(name, 0, 1) for name in names], speed=1)
    assert run.chain == chain
    assert Run(300, [], run.resources, speed=10).chain == chain / 10


def test_the_picture_holds_every_bar() -> None:
    run = Run(261, [Bar("vpc", 1, 9), Bar("ready", 30, 260)], [Bar("CloudFront", 20, 259)], speed=1)
    text = picture(run)
    assert all(f">{name}</text>" in text for name in ("vpc", "ready", "CloudFront"))
    assert "1.09 times the slowest chain (240 s)" in text
