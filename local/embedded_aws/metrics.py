# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What load balancers, distributions and ECS tell CloudWatch once in each minute of the clock.

Names, dimensions and units are AWS's: "CloudWatch metrics for your Application Load Balancer", "Types of metrics for
CloudFront", "Amazon ECS service utilization metrics" and "Amazon ECS Container Insights metrics".
"""

from __future__ import annotations

from collections import Counter
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MINUTE = 60.0
BALANCER, ECS = "AWS/ApplicationELB", "AWS/ECS"
CLOUDFRONT, INSIGHTS = "AWS/CloudFront", "ECS/ContainerInsights"
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
class View:
    """A viewer's request that CloudFront answered. `distribution`: its ARN."""

    distribution: str
    status: int


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


def of_views(views: Iterable[View]) -> Iterator[Datum]:
    """What was asked of each distribution, and the percent of it that failed; all of it lies in us-east-1."""
    statuses: defaultdict[str, list[int]] = defaultdict(list)
    for one in views:
        statuses[one.distribution].append(one.status)
    for arn, found in statuses.items():
        where, place = {"DistributionId": name_of(arn), "Region": "Global"}, arn.replace("::", ":us-east-1:", 1)
        yield Datum(place, CLOUDFRONT, "Requests", where, len(found), "None")
        for name, kinds in (("4xxErrorRate", (4,)), ("5xxErrorRate", (5,)), ("TotalErrorRate", (4, 5))):
            percent = 100 * sum(status // 100 in kinds for status in found) / len(found)
            yield Datum(place, CLOUDFRONT, name, where, percent, "Percent")


def of_task(service: Mapping[str, Any], task: Mapping[str, Any], cores: float, memory: int) -> Iterator[Datum]:
    """What a task uses of what it has, in percent; `memory` in bytes."""
    place = service_dimensions(service["clusterArn"], service["serviceName"])
    cpu = 100 * cores * CORE / float(task["cpu"])
    # A process has no limit, and a task of Fargate can use no more than it has.
    yield Datum(service["serviceArn"], ECS, "CPUUtilization", place, min(cpu, 100.0), "Percent")
    used = 100 * memory / (float(task["memory"]) * 2**20)
    yield Datum(service["serviceArn"], ECS, "MemoryUtilization", place, min(used, 100.0), "Percent")


def of_task_insights(
    service: Mapping[str, Any] | None, task: Mapping[str, Any], cores: float, memory: int
) -> Iterator[Datum]:
    """What Container Insights tells of a task: what it has and uses, by its cluster, its family and its service."""
    cluster = {"ClusterName": name_of(task["clusterArn"])}
    family = name_of(task["taskDefinitionArn"]).rpartition(":")[0]
    places = [cluster, {**cluster, "TaskDefinitionFamily": family}]
    if service:
        places.append({**cluster, "ServiceName": service["serviceName"]})
    for place in places:
        for name, value, unit in (
            ("CpuReserved", float(task["cpu"]), "None"),
            ("CpuUtilized", cores * CORE, "None"),
            ("MemoryReserved", float(task["memory"]), "Megabytes"),
            ("MemoryUtilized", memory / 2**20, "Megabytes"),
        ):
            yield Datum(task["taskArn"], INSIGHTS, name, place, value, unit)


def of_service_insights(service: Mapping[str, Any]) -> Iterator[Datum]:
    """What it tells of a service, as DescribeServices shows it."""
    place = service_dimensions(service["clusterArn"], service["serviceName"])
    for name, value in (
        ("DesiredTaskCount", service["desiredCount"]),
        ("RunningTaskCount", service["runningCount"]),
        ("PendingTaskCount", service["pendingCount"]),
        ("DeploymentCount", len(service["deployments"])),
    ):
        yield Datum(service["serviceArn"], INSIGHTS, name, place, value, "Count")


def of_cluster_insights(cluster: str, services: int, tasks: int) -> Iterator[Datum]:
    """What it tells of a cluster. :param cluster: its ARN."""
    for name, value in (("ServiceCount", services), ("TaskCount", tasks)):
        yield Datum(cluster, INSIGHTS, name, {"ClusterName": name_of(cluster)}, value, "Count")


def dimensions(balancer: str, group: str = "") -> dict[str, str]:
    found = {"LoadBalancer": balancer_name(balancer)}
    return {**found, "TargetGroup": group_name(group)} if group else found


def service_dimensions(cluster: str, service: str) -> dict[str, str]:
    """:param cluster: its ARN or name."""
    return {"ClusterName": name_of(cluster), "ServiceName": service}


def name_of(arn: str) -> str:
    return arn.rpartition("/")[2]
