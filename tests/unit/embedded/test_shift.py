# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blue/green, canary and linear deployments of the embedded ECS."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from embedded_aws.ecs.course import Course
from embedded_aws.ecs.course import State
from embedded_aws.ecs.course import after
from embedded_aws.ecs.course import course
from embedded_aws.ecs.store import ApiError
from support.fake_ecs import ALTERNATE
from support.fake_ecs import GROUP
from support.fake_ecs import RULE
from support.fake_ecs import World

ADVANCED = {"alternateTargetGroupArn": ALTERNATE, "productionListenerRule": RULE, "roleArn": "arn:role"}
BALANCER = {"targetGroupArn": GROUP, "containerName": "amica", "containerPort": 8080}
TEST_RULE = f"{RULE}-tests"
BLUE_GREEN: dict[str, Any] = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}


@pytest.fixture
def world() -> World:
    return World()


def made(world: World, **configuration: Any) -> str:
    """A service that shifts, with its first version up; that version's id."""
    world.create(
        world.register(),
        loadBalancers=[{**BALANCER, "advancedConfiguration": ADVANCED}],
        deploymentConfiguration={**BLUE_GREEN, **configuration},
    )
    world.after(15)
    assert (world.release["status"], world.weights) == ("SUCCESSFUL", [100, 0])
    return str(world.service["deployments"][0]["id"])


def deploy(world: World) -> None:
    world.update(taskDefinition=world.register("app:2"))


def groups(world: World) -> set[str]:
    """The target groups that have targets which do not drain."""
    return {key[0] for key, until in world.targets.items() if until is None}


def test_blue_green_shifts_bakes_and_only_then_ends_the_old_tasks(world: World) -> None:
    made(world)
    deploy(world)
    world.after(20)
    release = world.release
    assert (release["status"], release["lifecycleStage"], world.weights) == ("IN_PROGRESS", "BAKE_TIME", [0, 100])
    assert release["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100
    assert groups(world) == {GROUP, ALTERNATE}
    assert len(world.tasks()) == 2
    world.after(80)
    assert (world.release["status"], groups(world), len(world.tasks())) == ("SUCCESSFUL", {ALTERNATE}, 1)
    deploy(world)
    world.after(100)
    assert (world.release["status"], groups(world), world.weights) == ("SUCCESSFUL", {GROUP}, [100, 0])


def test_stages_come_in_order(world: World) -> None:
    made(world)
    deploy(world)
    seen: list[str] = []
    while world.release["status"] != "SUCCESSFUL":
        world.after(1)
        stage = world.release.get("lifecycleStage", "")
        if stage and stage not in seen:
            seen.append(stage)
    assert seen == [
        "PRE_SCALE_UP",
        "SCALE_UP",
        "POST_SCALE_UP",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
        "BAKE_TIME",
        "CLEAN_UP",
    ]


@pytest.mark.parametrize(
    ("configuration", "steps"),
    [
        (
            {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 1}},
            [(80, 20), (0, 100)],
        ),
        (
            {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}},
            [(60, 40), (20, 80), (0, 100)],
        ),
    ],
    ids=["canary", "linear"],
)
def test_traffic_moves_in_steps(world: World, configuration: Any, steps: Any) -> None:
    made(world, **configuration)
    deploy(world)
    seen = [tuple(world.weights)]
    since = [world.clock.time]
    while world.release["status"] != "SUCCESSFUL":
        world.after(1)
        if tuple(world.weights) != seen[-1]:
            seen.append((world.weights[0], world.weights[1]))
            since.append(world.clock.time)
    assert seen == [(100, 0), *steps]
    assert all(later - earlier >= 60 for earlier, later in pairwise(since[1:]))


def test_an_alarm_gives_the_traffic_back_at_once(world: World) -> None:
    first = made(world, alarms={"alarmNames": ["slow"], "enable": True, "rollback": True})
    world.alarms["slow"] = "OK"
    deploy(world)
    world.after(20)
    assert world.weights == [0, 100]
    world.alarms["slow"] = "ALARM"
    world.after(1)
    assert world.weights == [100, 0]
    world.after(15)
    assert (world.release["status"], groups(world)) == ("ROLLBACK_SUCCESSFUL", {GROUP})
    assert world.release["alarms"]["triggeredAlarmNames"] == ["slow"]
    assert world.service["deployments"][0]["id"] == first


def test_stopped_by_hand_while_it_bakes(world: World) -> None:
    made(world)
    deploy(world)
    world.after(20)
    world("StopServiceDeployment", serviceDeploymentArn=world.release["serviceDeploymentArn"], stopType="ROLLBACK")
    assert world.weights == [100, 0]
    world.after(15)
    assert (world.release["status"], groups(world), len(world.tasks())) == ("ROLLBACK_SUCCESSFUL", {GROUP}, 1)


def test_a_newer_deployment_ends_one_that_shifts(world: World) -> None:
    made(world)
    deploy(world)
    world.after(20)
    deploy(world)
    assert world.weights == [100, 0]
    world.after(100)
    assert (world.release["status"], groups(world), len(world.tasks())) == ("SUCCESSFUL", {ALTERNATE}, 1)


HOOK = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}


ENDS = pytest.mark.parametrize(
    ("action", "status", "hook"),
    [("CONTINUE", "SUCCESSFUL", "SUCCEEDED"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL", "FAILED")],
)


def paused(world: World, *, hook: dict[str, Any]) -> None:
    """A deployment of a service that has not paused before."""
    made(world)
    configuration = {**BLUE_GREEN, "lifecycleHooks": [hook]}
    world.update(taskDefinition=world.register("app:2"), deploymentConfiguration=configuration)


def answer(world: World, action: str) -> None:
    hook = world.release["lifecycleHookDetails"][-1]["hookId"]
    arn = world.release["serviceDeploymentArn"]
    world("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=hook, action=action)


@ENDS
def test_a_pause_waits_for_an_answer(world: World, action: str, status: str, hook: str) -> None:
    paused(world, hook=HOOK)
    world.after(300)
    (waiting,) = world.release["lifecycleHookDetails"]
    assert (waiting["status"], world.release["lifecycleStage"]) == ("AWAITING_ACTION", "POST_SCALE_UP")
    assert world.weights == [100, 0]
    answer(world, action)
    world.after(100)
    assert (world.release["status"], world.release["lifecycleHookDetails"][0]["status"]) == (status, hook)
    with pytest.raises(ApiError, match="not awaiting"):
        answer(world, action)


@ENDS
def test_a_pause_without_an_answer_times_out(world: World, action: str, status: str, hook: str) -> None:
    paused(world, hook={**HOOK, "timeoutConfiguration": {"timeoutInMinutes": 1, "action": action}})
    world.after(170)
    assert (world.release["status"], world.release["lifecycleHookDetails"][0]["status"]) == (status, "TIMED_OUT")


def test_each_step_of_canary_wants_an_answer(world: World) -> None:
    made(world)
    configuration = {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 0},
        "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}],
    }
    world.update(taskDefinition=world.register("app:2"), deploymentConfiguration=configuration)
    seen = []
    for _step in range(2):
        world.after(30)
        seen.append(tuple(world.weights))
        answer(world, "CONTINUE")
    world.after(90)
    assert (seen, world.weights, world.release["status"]) == ([(100, 0), (80, 20)], [0, 100], "SUCCESSFUL")


def test_a_first_deployment_pauses_and_has_nothing_to_go_back_to(world: World) -> None:
    hook = {**HOOK, "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "ROLLBACK"}}
    world.create(
        world.register(),
        loadBalancers=[{**BALANCER, "advancedConfiguration": ADVANCED}],
        deploymentConfiguration={**BLUE_GREEN, "lifecycleHooks": [hook]},
    )
    world.after(100)
    assert world.release["lifecycleStage"] == "POST_SCALE_UP"
    with pytest.raises(ApiError, match="no completed service deployment"):
        answer(world, "ROLLBACK")
    world.after(300)
    assert (world.release["status"], world.release["statusReason"][-27:]) == ("STOPPED", "a lifecycle hook timed out.")


def test_tests_reach_the_new_tasks_before_the_traffic_does(world: World) -> None:
    world.store.rules[TEST_RULE] = {"Actions": world.store.rules.get(RULE)["Actions"]}
    balancer = {**BALANCER, "advancedConfiguration": {**ADVANCED, "testListenerRule": TEST_RULE}}
    world.create(world.register(), loadBalancers=[balancer], deploymentConfiguration=BLUE_GREEN)
    world.after(15)
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}
    world.update(
        taskDefinition=world.register("app:2"), deploymentConfiguration={**BLUE_GREEN, "lifecycleHooks": [hook]}
    )
    world.after(60)
    assert (world.weights, world.weights_of(TEST_RULE)) == ([100, 0], [0, 100])
    assert world.release["targetServiceRevision"]["requestedTestTrafficWeight"] == 100
    answer(world, "ROLLBACK")
    assert (world.weights, world.weights_of(TEST_RULE)) == ([100, 0], [100, 0])
    other = {**balancer, "advancedConfiguration": {**ADVANCED, "testListenerRule": "arn:none"}}
    with pytest.raises(ApiError, match="test listener rule does not exist"):
        world.update(loadBalancers=[other])


def test_rolling_does_not_act_them(world: World) -> None:
    with pytest.raises(ApiError, match="does not act"):
        world.create(world.register(), deploymentConfiguration={"strategy": "ROLLING", "lifecycleHooks": [HOOK]})


def test_from_rolling_to_blue_green_and_back(world: World) -> None:
    world.create(world.register())
    world.after(15)
    world.update(loadBalancers=[{**BALANCER, "advancedConfiguration": ADVANCED}], deploymentConfiguration=BLUE_GREEN)
    world.after(100)
    assert (world.release["status"], groups(world), world.weights) == ("SUCCESSFUL", {ALTERNATE}, [0, 100])
    world.update(
        loadBalancers=[{**BALANCER, "targetGroupArn": ALTERNATE}], deploymentConfiguration={"strategy": "ROLLING"}
    )
    world.after(30)
    assert (world.release["status"], groups(world), world.weights) == ("SUCCESSFUL", {ALTERNATE}, [0, 100])


def test_what_it_needs_is_said(world: World) -> None:
    definition = world.register()
    with pytest.raises(ApiError, match="Advanced configuration is required"):
        world.create(definition, deploymentConfiguration=BLUE_GREEN)
    other = {**BALANCER, "advancedConfiguration": {**ADVANCED, "productionListenerRule": "arn:none"}}
    with pytest.raises(ApiError, match="rule does not exist"):
        world.create(definition, deploymentConfiguration=BLUE_GREEN, loadBalancers=[other])


def test_a_test_listener_has_the_new_tasks_before_production() -> None:
    state = State("POST_SCALE_UP")
    state = after(state, Course(test=True), 1.0, ready=True)
    assert (state.stage, state.test, state.production) == ("TEST_TRAFFIC_SHIFT", 100, 0)


def test_linear_steps_end_at_everything() -> None:
    linear = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.0, "stepBakeTimeInMinutes": 2}}
    assert course(linear, test=False, first=False).steps == (33.0, 66.0, 99.0, 100.0)
    assert course(linear, test=False, first=True).steps == (100.0,)
