# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the embedded AWS's services tell CloudWatch, and how many tasks target tracking wants for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from embedded_aws.ecs.containers import usage_of
from embedded_aws.ecs.runtime import Usage
from embedded_aws.metrics import Datum
from embedded_aws.metrics import Request
from embedded_aws.metrics import View
from embedded_aws.metrics import of_cluster_insights
from embedded_aws.metrics import of_requests
from embedded_aws.metrics import of_service_insights
from embedded_aws.metrics import of_targets
from embedded_aws.metrics import of_task
from embedded_aws.metrics import of_task_insights
from embedded_aws.metrics import of_views
from embedded_aws.tracking import Decision
from embedded_aws.tracking import Policy
from embedded_aws.tracking import decide

BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/amica-alb/1"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/amica-tg/2"
HERE = {"LoadBalancer": "app/amica-alb/1"}
THERE = {**HERE, "TargetGroup": "targetgroup/amica-tg/2"}
CPU, MEMORY = Policy("cpu", 60), Policy("memory", 75)
LONG = 1e6


def values(data: Sequence[Datum], metric: str, dimensions: dict[str, str]) -> list[float]:
    return [one.value for one in data if one.metric == metric and one.dimensions == dimensions]


def test_requests_are_counted_by_load_balancer_and_by_target_group() -> None:
    data = [
        *of_requests(
            [
                Request(BALANCER, GROUP, 200, True, 0.1),
                Request(BALANCER, GROUP, 503, True, 0.2),
                Request(BALANCER, GROUP, 504, False, 60.0),
                Request(BALANCER, "", 301, False, 0.0),
            ]
        )
    ]
    for place in (HERE, THERE):
        assert values(data, "RequestCount", place) == [2]
        assert values(data, "HTTPCode_Target_5XX_Count", place) == [1]
        assert values(data, "HTTPCode_ELB_5XX_Count", place) == [1]
        assert values(data, "TargetResponseTime", place) == [0.1, 0.2]
    assert values(data, "HTTPCode_ELB_3XX_Count", HERE) == [1]
    assert values(data, "HTTPCode_ELB_3XX_Count", THERE) == []


def test_requests_a_target_are_those_of_the_healthy() -> None:
    asked = [Request(BALANCER, GROUP, 200, True, 0.1)] * 6 + [Request(BALANCER, GROUP, 503, False, 0.1)]
    data = [*of_targets(BALANCER, GROUP, ["healthy", "healthy", "unhealthy", "draining"], asked)]
    found = {one.metric: one.value for one in data}
    assert found == {"HealthyHostCount": 2, "UnHealthyHostCount": 1, "RequestCountPerTarget": 3}
    assert {one.metric for one in of_targets(BALANCER, GROUP, [], asked)} == {"HealthyHostCount", "UnHealthyHostCount"}


@pytest.mark.parametrize(("cores", "percent"), [(0.125, 50.0), (0.25, 100.0), (2.0, 100.0)])
def test_use_is_percent_of_what_the_task_has(cores: float, percent: float) -> None:
    service = {"clusterArn": "arn:x:cluster/c", "serviceName": "s", "serviceArn": "arn:aws:ecs:eu-west-1:1:service/c/s"}
    data = [*of_task(service, {"cpu": "256", "memory": "512"}, cores, 128 << 20)]
    assert {one.metric: one.value for one in data} == {"CPUUtilization": percent, "MemoryUtilization": 25.0}
    assert data[0].dimensions == {"ClusterName": "c", "ServiceName": "s"}


def test_of_a_distribution_the_percent_of_answers_that_failed_is_told_in_us_east_1() -> None:
    arns = [f"arn:aws:cloudfront::123456789012:distribution/{name}" for name in ("E1", "E2")]
    data = [*of_views([*(View(arns[0], status) for status in (200, 200, 101, 404, 502)), View(arns[1], 200)])]
    there = {"DistributionId": "E1", "Region": "Global"}
    assert {one.place for one in data if one.dimensions == there} == {
        "arn:aws:cloudfront:us-east-1:123456789012:distribution/E1"
    }
    assert {one.metric: one.value for one in data if one.dimensions == there} == {
        "Requests": 5,
        "4xxErrorRate": 20,
        "5xxErrorRate": 20,
        "TotalErrorRate": 40,
    }
    assert values(data, "TotalErrorRate", {**there, "DistributionId": "E2"}) == [0]


def test_container_insights_tell_of_tasks_by_cluster_family_and_service() -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012"
    service = {"clusterArn": f"{arn}:cluster/c", "serviceName": "s", "serviceArn": f"{arn}:service/c/s"}
    definition = f"{arn}:task-definition/f:7"
    task = {"clusterArn": f"{arn}:cluster/c", "taskArn": f"{arn}:task/c/1", "taskDefinitionArn": definition}
    task |= {"cpu": "256", "memory": "512"}
    places: list[dict[str, str]] = [{}, {"TaskDefinitionFamily": "f"}, {"ServiceName": "s"}]
    data = [*of_task_insights(service, task, 0.125, 128 << 20)]
    for place in places:
        found = {one.metric: one.value for one in data if one.dimensions == {"ClusterName": "c", **place}}
        assert found == {"CpuReserved": 256, "CpuUtilized": 128, "MemoryReserved": 512, "MemoryUtilized": 128}
    assert not any("ServiceName" in one.dimensions for one in of_task_insights(None, task, 0, 0))

    shown = {**service, "desiredCount": 3, "runningCount": 1, "pendingCount": 2, "deployments": [{}, {}]}
    assert {one.metric: one.value for one in of_service_insights(shown)} == {
        "DesiredTaskCount": 3,
        "RunningTaskCount": 1,
        "PendingTaskCount": 2,
        "DeploymentCount": 2,
    }
    told = {one.metric: one.value for one in of_cluster_insights(f"{arn}:cluster/c", 2, 5)}
    assert told == {"ServiceCount": 2, "TaskCount": 5}


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        ("12.50%", "85.5MiB / 512MiB", Usage(0.125, 89653248)),
        ("150.00%", "1.5GB / 2GB", Usage(1.5, 1500000000)),
        ("--", "-- / --", Usage(0.0, 0)),
    ],
)
def test_what_the_engine_measures(cpu: str, memory: str, expected: Usage) -> None:
    assert usage_of(cpu, memory) == expected


def decided(
    cpu: Sequence[float],
    memory: Sequence[float] | None = None,
    capacity: int = 2,
    since: tuple[float, float] = (LONG,) * 2,
) -> Decision | None:
    given = {CPU: cpu} if memory is None else {CPU: cpu, MEMORY: memory}
    return decide(given, capacity, 2, 10, *since)


def test_out_is_by_proportion_after_three_minutes() -> None:
    assert decided([90, 90]) is None
    assert decided([50, 90, 90]) is None
    assert decided([70, 80, 90]) == Decision(3, "cpu")
    assert decided([90] * 3, capacity=8) == Decision(10, "cpu"), "not above the most"
    assert decided([90] * 3, capacity=10) is None


def test_out_is_what_the_most_demanding_policy_wants() -> None:
    assert decided([70] * 3, [100] * 3, capacity=4) == Decision(6, "memory")
    assert decided([10] * 3, [100] * 3, capacity=4) == Decision(6, "memory")
    assert decided([100] * 3, [], capacity=4) == Decision(7, "cpu"), "one that knows nothing does not hinder it"


def test_in_is_one_task_at_a_time_after_fifteen_minutes_of_all_policies() -> None:
    assert decided([10] * 14, capacity=5) is None
    assert decided([10] * 15, capacity=5) == Decision(4, "cpu")
    assert decided([10] * 14 + [54], capacity=5) is None, "90 percent of the target is none too few"
    assert decided([10] * 15, [70] * 15, capacity=5) is None
    assert decided([10] * 15, [], capacity=5) is None, "one that knows nothing hinders it"
    assert decided([10] * 15) is None, "not below the least"


def test_what_was_done_has_time_to_show() -> None:
    assert decided([90] * 3, since=(299, LONG)) is None
    assert decided([90] * 3, since=(300, 0)) == Decision(3, "cpu")
    assert decided([10] * 15, capacity=5, since=(299, LONG)) is None
    assert decided([10] * 15, capacity=5, since=(LONG, 299)) is None


def test_a_policy_that_does_not_scale_in_has_no_say_in_it() -> None:
    settings = {"TargetValue": 75.0, "DisableScaleIn": True, "ScaleOutCooldown": 60}
    only_out = Policy.of("memory", settings)
    assert (only_out.cooldown_out, only_out.cooldown_in) == (60, 300)
    assert decide({CPU: [10] * 15, only_out: [74] * 15}, 5, 2, 10, LONG, LONG) == Decision(4, "cpu")
    assert decide({only_out: [10] * 15}, 5, 2, 10, LONG, LONG) is None
