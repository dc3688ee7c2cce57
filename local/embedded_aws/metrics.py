# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What load balancers and ECS services tell CloudWatch once in each minute of the clock.

Names, dimensions and units are AWS's: "CloudWatch metrics for your Application Load Balancer" and "Amazon ECS service
utilization metrics".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MINUTE = 60.0
BALANCER, ECS = "AWS/ApplicationELB", "AWS/ECS"
# CPU units of a core.
CORE = 1024


@dataclass(frozen=True)
class Request:
    """One that a load balancer answered. `group`: ARN of the target group that a rule chose, if one did.

    `of_target`: whether a target gave the status; `seconds`: until it did.
    """

    balancer: str
    group: str
    status: int
    of_target: bool
    seconds: float


@dataclass(frozen=True)
class Datum:
    """One value of a metric; `place` is an ARN in whose account and region it lies."""

    place: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    value: float
    unit: str


def balancer_name(arn: str) -> str:
    return arn.partition(":loadbalancer/")[2]


def group_name(arn: str) -> str:
    return arn.rpartition(":")[2]


def of_requests(requests: Iterable[Request]) -> Iterator[Datum]:
    """What was asked, by load balancer, and by target group."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for one in requests:
        places = [(one.balancer, "")] + ([(one.balancer, one.group)] if one.group else [])
        # A request that no target could take is only an error of the load balancer.
        if one.of_target:
            names = ["RequestCount", f"HTTPCode_Target_{one.status // 100}XX_Count"]
        else:
            names = [f"HTTPCode_ELB_{one.status // 100}XX_Count"]
        sums.update((*place, name) for place in places for name in names)
        if one.of_target:
            for place in places:
                yield Datum(one.balancer, BALANCER, "TargetResponseTime", dimensions(*place), one.seconds, "Seconds")
    for (balancer, group, name), count in sums.items():
        yield Datum(balancer, BALANCER, name, dimensions(balancer, group), count, "Count")


def of_targets(balancer: str, group: str, states: Iterable[str], requests: Iterable[Request]) -> Iterator[Datum]:
    """How the targets of a group are, and what each of the healthy ones had to answer."""
    counts = Counter(states)
    place = dimensions(balancer, group)
    yield Datum(balancer, BALANCER, "HealthyHostCount", place, counts["healthy"], "Count")
    yield Datum(balancer, BALANCER, "UnHealthyHostCount", place, counts["unhealthy"], "Count")
    if counts["healthy"]:
        asked = sum(one.of_target and (one.balancer, one.group) == (balancer, group) for one in requests)
        yield Datum(balancer, BALANCER, "RequestCountPerTarget", place, asked / counts["healthy"], "Count")


def of_task(service: Mapping[str, Any], task: Mapping[str, Any], cores: float, memory: int) -> Iterator[Datum]:
    """What a task uses of what it has, in percent; `memory` in bytes."""
    place = service_dimensions(service["clusterArn"], service["serviceName"])
    cpu = 100 * cores * CORE / float(task["cpu"])
    # A process has no limit, and a task of Fargate can use no more than it has.
    yield Datum(service["serviceArn"], ECS, "CPUUtilization", place, min(cpu, 100.0), "Percent")
    used = 100 * memory / (float(task["memory"]) * 2**20)
    yield Datum(service["serviceArn"], ECS, "MemoryUtilization", place, min(used, 100.0), "Percent")


def dimensions(balancer: str, group: str = "") -> dict[str, str]:
    found = {"LoadBalancer": balancer_name(balancer)}
    return {**found, "TargetGroup": group_name(group)} if group else found


def service_dimensions(cluster: str, service: str) -> dict[str, str]:
    """:param cluster: its ARN or name."""
    return {"ClusterName": cluster.rpartition("/")[2], "ServiceName": service}
