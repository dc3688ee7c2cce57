# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service on the embedded AWS gets more tasks while it is asked much, and fewer when that is over."""

from __future__ import annotations

import functools
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.module import Module
from support.small_service import SmallService
from support.waiting import eventually

NAME = "contract-scaling"
# Fifteen quiet minutes go by in as many seconds.
CLOCK_SPEED = 60


@pytest.fixture(scope="module")
def service(embedded_aws: EmbeddedAws) -> SmallService:
    made = SmallService(embedded_aws, NAME)
    # A task may take some seconds to start, and each of them is a minute here.
    made.make({}, healthCheckGracePeriodSeconds=1800)
    eventually(lambda: healthy(made) == 1)
    return made


def healthy(service: SmallService) -> int:
    health = service.client("elbv2").describe_target_health(TargetGroupArn=service.target_group)
    return sum(item["TargetHealth"]["State"] == "healthy" for item in health["TargetHealthDescriptions"])


@contextmanager
def asking(service: SmallService) -> Iterator[None]:
    """Someone asks without a pause; a request that is refused ends the test."""
    over, refused = threading.Event(), []

    def ask() -> None:
        while not over.wait(0.02):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{service.port}/health", timeout=30).close()
            except OSError as problem:
                refused.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not refused


def statistics(service: SmallService, namespace: str, metric: str, **dimensions: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    answer = service.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Average", "Maximum", "SampleCount"],
    )
    points: list[dict[str, Any]] = answer["Datapoints"]
    return max(points, key=lambda point: point["SampleCount"], default={})


def test_tasks_come_with_the_requests_and_go_with_them(service: SmallService) -> None:
    (group,) = service.client("elbv2").describe_target_groups(TargetGroupArns=[service.target_group])["TargetGroups"]
    (balancer,) = group["LoadBalancerArns"]
    label = f"{balancer.partition(':loadbalancer/')[2]}/{group['TargetGroupArn'].rpartition(':')[2]}"
    policy = {
        "name": "requests",
        "metric": "ALBRequestCountPerTarget",
        "target_value": 5,
        "resource_label": label,
        "scale_out_cooldown": 60,
        "scale_in_cooldown": 60,
    }
    module = Module(
        "ecs_service_scaling",
        {
            **service.aws.options,
            "cluster": NAME,
            "service": NAME,
            "min_capacity": 1,
            "max_capacity": 2,
            "target_tracking": [policy],
        },
    )
    module.comes_and_goes()
    module()
    with asking(service):
        eventually(lambda: healthy(service) == 2)
    eventually(lambda: len(service.running()) == 1)
    scaling = service.client("application-autoscaling")
    told = scaling.describe_scaling_activities(ServiceNamespace="ecs", ResourceId=f"service/{NAME}/{NAME}")
    assert [item["Description"] for item in told["ScalingActivities"]] == [
        "Setting desired count to 1.",
        "Setting desired count to 2.",
    ]
    module(state="absent")


def test_what_the_tasks_use_and_the_load_balancer_sees_is_in_cloudwatch(service: SmallService) -> None:
    name = service.client("elbv2").describe_load_balancers(Names=[f"{NAME}-alb"])["LoadBalancers"][0]
    balancer = name["LoadBalancerArn"].partition(":loadbalancer/")[2]
    group = service.target_group.rpartition(":")[2]
    used = functools.partial(statistics, service, "AWS/ECS", ClusterName=NAME, ServiceName=NAME)
    seen = functools.partial(statistics, service, "AWS/ApplicationELB", LoadBalancer=balancer)
    urllib.request.urlopen(f"http://127.0.0.1:{service.port}/health", timeout=30).close()
    eventually(lambda: seen("HTTPCode_Target_2XX_Count"))
    assert 0 < eventually(lambda: used("MemoryUtilization"))["Average"] < 100
    assert 0 < used("CPUUtilization")["Maximum"] <= 100
    assert 0 < seen("TargetResponseTime")["Average"] < 30
    assert seen("HealthyHostCount", TargetGroup=group)["Maximum"] >= 1
    assert not seen("HTTPCode_ELB_5XX_Count")

    inside = functools.partial(statistics, service, "ECS/ContainerInsights", ClusterName=NAME)
    assert not inside("TaskCount")
    settings = [{"name": "containerInsights", "value": "enabled"}]
    service.client("ecs").update_cluster_settings(cluster=NAME, settings=settings)
    assert eventually(lambda: inside("RunningTaskCount", ServiceName=NAME))["Maximum"] == 1
    assert inside("DesiredTaskCount", ServiceName=NAME)["Maximum"] == inside("TaskCount")["Maximum"] == 1
    assert 0 < inside("MemoryUtilized", TaskDefinitionFamily=NAME)["Average"] < 512
