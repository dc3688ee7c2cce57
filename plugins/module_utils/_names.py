# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a stack are called, all from one name, and which names AWS takes for all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A load balancer's name has at most 32 characters, and `-alb` is the longest suffix of those with that limit.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
LONGEST_BALANCER = 32
LONGEST_NAME = LONGEST_BALANCER - len("-alb")
# Repositories know neither capitals nor two hyphens in a row, load balancers no underscores.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
NAME = re.compile(r"[a-z](-?[a-z0-9])*")
# The first words of a name that AWS keeps for itself: security groups `sg-`, load balancers `internal-`, tags `aws`.
RESERVED_WORDS = ("aws", "internal", "sg")


@dataclass(frozen=True)
class StackNames:
    """The name of each part of one stack."""

    vpc: str
    alb_security_group: str
    tasks_security_group: str
    load_balancer: str
    target_group: str
    alternate_target_group: str
    repository: str
    log_group: str
    namespace: str
    cluster: str
    service: str
    family: str
    container: str
    collector: str
    execution_role: str
    task_role: str
    infrastructure_role: str
    distribution: str
    error_page_bucket: str
    audit_bucket: str
    config_bucket: str
    load_balancer_logs_bucket: str
    distribution_logs_bucket: str
    # No stack's name has a slash, so this is the start of no other stack's alarms.
    alarms: str
    edge_alarms: str
    edge_topic: str
    dashboard: str


def names(name: str) -> StackNames:
    """The names of a stack's parts; `name` is the stack's own, as in `amica`."""
    return StackNames(
        vpc=f"{name}-vpc",
        alb_security_group=f"{name}-alb-sg",
        tasks_security_group=f"{name}-tasks-sg",
        load_balancer=f"{name}-alb",
        target_group=f"{name}-tg",
        alternate_target_group=f"{name}-tg2",
        repository=f"{name}-stack",
        log_group=f"/ecs/{name}-stack",
        namespace=name,
        cluster=f"{name}-cluster",
        service=f"{name}-service",
        family=f"{name}-task",
        container=name,
        collector=f"{name}-collector",
        execution_role=f"{name}-execution-role",
        task_role=f"{name}-task-role",
        infrastructure_role=f"{name}-infrastructure-role",
        distribution=f"{name}-distribution",
        error_page_bucket=f"{name}-error-page",
        audit_bucket=f"{name}-audit",
        config_bucket=f"{name}-config",
        load_balancer_logs_bucket=f"{name}-access",
        distribution_logs_bucket=f"{name}-edge-access",
        alarms=f"{name}/",
        edge_alarms=f"{name}/edge/",
        edge_topic=f"{name}-edge-alerts",
        dashboard=f"{name}-dashboard",
    )


def name_problems(name: str) -> list[str]:
    """Why AWS would refuse resources with this name, and what to write instead; one sentence each, empty when fine."""
    if not name:
        return ["Write a name, for example amica"]
    problems = []
    if len(name) > LONGEST_NAME:
        problems.append(
            f"Write at most {LONGEST_NAME} characters, not {len(name)}: "
            f"a load balancer's name has at most 32, and here it is {name}-alb"
        )
    word = name.partition("-")[0]
    if not NAME.fullmatch(name):
        problems.append(
            "Write lower-case letters, digits and single hyphens, beginning with a letter and not ending with a hyphen"
        )
    elif word in RESERVED_WORDS:
        problems.append(f"Begin with another word: AWS keeps names that begin with {word}- for itself")
    return problems
