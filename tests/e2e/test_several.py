# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several stacks in one run: each with its name, and never two with one."""

from __future__ import annotations

from typing import Any

from e2e.playbooks import Workspace
from support.machine import free_port

BOTH = ("-i", "inventories/rag.yml")
NAMES = "{{ inventory_hostname | replace('_', '-') }}"
# No tasks: what runs in a stack is other tests' business.
EMPTY = {"ecs_fargate_desired_count": 0, "ecs_fargate_min_count": 0, "ecs_fargate_max_count": 1}


def test_two_stacks_of_one_name_are_refused_before_any_call(workspace: Workspace) -> None:
    run = workspace.play("site.yml", *BOTH, inventory="dev")
    assert run.code != 0
    assert "amica_name: 'amica' is the name of amica_rag too" in run.failure
    assert "What stands in AWS is known" not in [name for name, result in run.tasks]


def test_two_stacks_stand_side_by_side(workspace: Workspace) -> None:
    workspace.embedded_aws.start()
    ports = {"amica-dev": free_port(), "amica-rag": free_port()}
    each: dict[str, Any] = {"amica_name": NAMES, "ports": ports, "amica_http_port": "{{ ports[amica_name] }}", **EMPTY}
    first = workspace.play("site.yml", *BOTH, inventory="dev", **each)
    assert first.code == 0, first.failure
    clusters = workspace.aws("ecs", "list-clusters")["clusterArns"]
    assert {arn.rpartition("/")[2] for arn in clusters} == {"amica-dev-cluster", "amica-rag-cluster"}
    listed = workspace.aws("ec2", "describe-nat-gateways")["NatGateways"]
    assert [one["State"] for one in listed] == ["available"]
    second = workspace.play("site.yml", *BOTH, inventory="dev", **each)
    assert (second.code, second.changed) == (0, [])
