# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategies that move traffic, on a running embedded AWS: one live service goes from one to the other and back."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests
from support.embedded import EmbeddedAws
from support.module import Module
from support.run_module import ModuleFailed
from support.run_module import run_module
from support.small_service import SmallService

pytestmark = pytest.mark.long

BLUE_GREEN = {"strategy": "BLUE_GREEN", "bake_time": 1}
ALARM = "contract-strategies"


@pytest.fixture(scope="module")
def service(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    """A service whose first version is up, by rolling."""
    made = SmallService(embedded_aws, "contract-strategies")
    health(made, made.make({"VERSION": "one"}))
    yield made
    made.remove()


@pytest.fixture(scope="module")
def module(service: SmallService) -> Module:
    advanced = {
        "alternate_target_group_arn": service.shifting["alternateTargetGroupArn"],
        "production_listener_rule": service.shifting["productionListenerRule"],
        "role_arn": service.shifting["roleArn"],
    }
    balancer = {"target_group_arn": service.target_group, "container_name": "chat", "container_port": 8080}
    return Module(
        "ecs_service",
        {
            **service.aws.options,
            "cluster": service.name,
            "name": service.name,
            "task_definition": service.name,
            "load_balancers": [{**balancer, "advanced_configuration": advanced}],
            "deployment_configuration": BLUE_GREEN,
        },
    )


def health(service: SmallService, deployment: str, **options: Any) -> dict[str, Any]:
    asked = {"cluster": service.name, "service": service.name, "deployment_id": deployment, "wait_timeout": 90}
    return run_module("ecs_service_health", {**asked, **service.aws.options, **options})


def version(service: SmallService) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/", timeout=10) as answer:
        return str(answer.read().decode())


def test_from_rolling_to_blue_green(service: SmallService, module: Module) -> None:
    service.definition({"VERSION": "two"})
    foreseen, done = module(check=True), module()
    assert foreseen["deployment_started"] and done["deployment_started"]
    assert foreseen["diff"] == done["diff"]
    assert not module(check=True)["changed"] and not module()["changed"]
    result = health(service, done["deployment_id"])
    assert result["outcome"] == "succeeded"
    assert service.weights == {service.target_group: 0, service.shifting["alternateTargetGroupArn"]: 100}
    assert "two" in version(service)


@contextmanager
def asking(service: SmallService) -> Iterator[set[int]]:
    """Someone asks all the time; the statuses of the answers."""
    over, statuses = threading.Event(), set[int]()

    def ask() -> None:
        while not over.wait(0.1):
            statuses.add(requests.get(f"http://127.0.0.1:{service.port}/", timeout=10).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def test_errors_while_it_bakes_ring_an_alarm_which_gives_the_traffic_back(
    service: SmallService, module: Module
) -> None:
    balancer = service.client("elbv2").describe_load_balancers(Names=[f"{service.name}-alb"])["LoadBalancers"][0]
    label = balancer["LoadBalancerArn"].partition(":loadbalancer/")[2]
    watch = service.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName=ALARM, Namespace="AWS/ApplicationELB", MetricName="HTTPCode_Target_5XX_Count", Statistic="Sum",
        Dimensions=[{"Name": "LoadBalancer", "Value": label}], Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    service.definition({"VERSION": "three", "STATUS": "500", "WELL": "1"})
    alarms = {"names": [ALARM], "enable": True, "rollback": True}
    done = module(deployment_configuration={**BLUE_GREEN, "bake_time": 30, "alarms": alarms})
    with asking(service) as statuses, pytest.raises(ModuleFailed) as caught:
        health(service, done["deployment_id"])
    assert statuses == {200, 500}
    assert caught.value.result["cause"]["name"] == "alarm"
    assert "two" in version(service)
    watch.delete_alarms(AlarmNames=[ALARM])


def test_a_pause_waits_for_an_answer(service: SmallService, module: Module) -> None:
    hook = {"type": "PAUSE", "stages": ["POST_SCALE_UP"], "timeout": 600, "timeout_action": "ROLLBACK"}
    pauses = replace(
        module, options={**module.options, "deployment_configuration": {**BLUE_GREEN, "lifecycle_hooks": [hook]}}
    )
    answer = Module("ecs_service_continue", {"cluster": service.name, "service": service.name, **service.aws.options})
    service.definition({"VERSION": "three"})
    assert health(service, module()["deployment_id"])["outcome"] == "succeeded"
    # A hook that comes or goes is no new deployment.
    assert not module.changes_once(**pauses.options)["deployment_started"]
    with pytest.raises(ModuleFailed, match="is SUCCESSFUL, and does not wait"):
        answer()

    service.definition({"VERSION": "four"})
    deployment = pauses()["deployment_id"]
    result = health(service, deployment)
    assert (result["outcome"], result["deployment"]["stage"], result["cause"]) == ("paused", "POST_SCALE_UP", None)
    assert "paused at POST_SCALE_UP, waiting for continue until" in " ".join(result["progress"])
    assert not pauses()["changed"]
    assert answer(check=True)["stage"] == "POST_SCALE_UP"
    assert "three" in version(service)
    assert answer()["changed"]
    assert health(service, deployment)["outcome"] == "succeeded"
    assert "four" in version(service)

    service.definition({"VERSION": "five"})
    assert health(service, pauses()["deployment_id"])["outcome"] == "paused"
    sent_back = answer(action="ROLLBACK", wait_timeout=60)
    with pytest.raises(ModuleFailed) as caught:
        health(service, sent_back["deployment_id"])
    assert caught.value.result["outcome"] == "rolled_back"
    assert "four" in version(service)

    # What was sent back is the newest revision again, and has nothing to wait for.
    done = module(deployment_configuration={**BLUE_GREEN, "lifecycle_hooks": []})
    assert done["deployment_started"]
    assert health(service, done["deployment_id"])["outcome"] == "succeeded"
    assert "five" in version(service)


def test_the_rule_comes_and_goes_and_keeps_its_weights(service: SmallService) -> None:
    groups = [service.target_group, service.shifting["alternateTargetGroupArn"]]
    listener = {"load_balancer": f"{service.name}-alb", "port": service.port, "priority": 7}
    rule = Module(
        "elb_listener_rule", {**service.aws.options, **listener, "paths": ["/seven"], "target_groups": groups}
    )
    rule.comes_and_goes()
    rule.changes_once(paths=["/seven", "/eight"])
    rule.changes_once(header={"name": "X-Seven", "values": ["yes"]})
    arn = rule()["rule_arn"]
    listed = [{"TargetGroupArn": group, "Weight": weight} for group, weight in zip(groups, (30, 70), strict=True)]
    service.client("elbv2").modify_rule(
        RuleArn=arn, Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": listed}}]
    )
    assert not rule()["changed"]
    assert rule(state="absent")["changed"]
