# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ECS scheduler decides on a snapshot."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_aws.ecs import plan
from embedded_aws.ecs.plan import Complete
from embedded_aws.ecs.plan import Count
from embedded_aws.ecs.plan import Deployment
from embedded_aws.ecs.plan import Drain
from embedded_aws.ecs.plan import Fail
from embedded_aws.ecs.plan import Forget
from embedded_aws.ecs.plan import Register
from embedded_aws.ecs.plan import Retire
from embedded_aws.ecs.plan import RollBack
from embedded_aws.ecs.plan import Say
from embedded_aws.ecs.plan import Service
from embedded_aws.ecs.plan import Start
from embedded_aws.ecs.plan import Steady
from embedded_aws.ecs.plan import Target
from embedded_aws.ecs.plan import Task
from embedded_aws.ecs.plan import Terminate
from hypothesis import given
from hypothesis import strategies

NOW = 1000.0
NEW, OLD = Deployment("new"), Deployment("old", "ACTIVE", "COMPLETED")
DONE = Deployment("new", rollout="COMPLETED")


def task(name: str, deployment: str = "new", **options: Any) -> Task:
    return Task(name, deployment, **options)


def decided(
    service: Service, deployments: list[Deployment], tasks: list[Task] | None = None, *, talk: bool = False
) -> list[plan.Action]:
    actions = plan.plan(service, deployments, tasks or [], NOW)
    return [action for action in actions if talk or not isinstance(action, Say)]


def drained(actions: list[plan.Action]) -> list[str]:
    return [action.task for action in actions if isinstance(action, Drain)]


def test_missing_tasks_are_started() -> None:
    assert decided(Service("s", desired=3), [NEW], [task("1", status="PENDING")]) == [Start("new", 2)]


def test_a_task_counts_after_a_short_stay() -> None:
    service = Service("s")
    assert decided(service, [NEW], [task("1", started=NOW - 1)]) == []
    assert decided(service, [NEW], [task("1", started=NOW - 2)]) == [Complete("new"), Steady()]
    assert decided(Service("s", pace=10), [NEW], [task("1", started=NOW - 19)]) == []


def test_a_task_joins_its_target_groups_once_it_runs() -> None:
    target = Target("tg", 8080)
    assert decided(Service("s"), [NEW], [task("1", status="PENDING", targets=(target,))]) == []
    assert decided(Service("s"), [NEW], [task("1", targets=(target,))]) == [Register("1", "tg", 8080)]


@pytest.mark.parametrize("state", ["healthy", "unused"])
def test_targets_decide_when_there_are_some(state: str) -> None:
    waiting = [task("1", targets=(Target("tg", 8080, "initial"),))]
    assert decided(Service("s"), [NEW], waiting) == []
    assert Complete("new") in decided(Service("s"), [NEW], [task("1", targets=(Target("tg", 8080, state),))])


def test_container_health_decides_when_it_is_checked() -> None:
    assert decided(Service("s"), [NEW], [task("1", health="UNKNOWN")]) == []
    assert Complete("new") in decided(Service("s"), [NEW], [task("1", health="HEALTHY", started=NOW)])
    actions = decided(Service("s"), [NEW], [task("1", health="UNHEALTHY")])
    assert Drain("1", "Task failed container health checks") in actions
    assert Start("new", 1) in actions


def test_a_roll_out_starts_all_new_before_old_ones_leave() -> None:
    service = Service("s", desired=2)
    old = [task("1", "old"), task("2", "old")]
    assert decided(service, [NEW, OLD], old) == [Start("new", 2)]
    half = [*old, task("3"), task("4", started=NOW)]
    assert drained(decided(service, [NEW, OLD], half)) == ["1"]


def test_without_head_room_old_ones_leave_first() -> None:
    service = Service("s", desired=2, minimum_percent=50, maximum_percent=100)
    actions = decided(service, [NEW, OLD], [task("1", "old"), task("2", "old")])
    assert drained(actions) == ["1"]
    assert not any(isinstance(action, Start) for action in actions)


def test_a_draining_task_ends_when_its_targets_have_gone() -> None:
    leaving = task("1", "old", status="DEACTIVATING", targets=(Target("tg", 8080, "draining"),))
    assert decided(Service("s"), [DONE, OLD], [leaving, task("2")]) == []
    gone = task("1", "old", status="DEACTIVATING")
    assert decided(Service("s"), [DONE, OLD], [gone, task("2")]) == [Terminate("1")]


def test_a_deployment_without_tasks_is_forgotten() -> None:
    assert Forget("old") in decided(Service("s"), [DONE, OLD], [task("2")])


def test_a_failed_deployment_lingers() -> None:
    service = Service("s", steady=True)
    recent = Deployment("old", "ACTIVE", "FAILED", ended=NOW - 14)
    assert decided(service, [DONE, recent], [task("2")]) == []
    assert decided(service, [DONE, Deployment("old", "ACTIVE", "FAILED", ended=NOW - 15)], [task("2")]) == [
        Forget("old")
    ]


def test_scaling_in_keeps_the_healthy_and_the_oldest() -> None:
    tasks = [task("old", created=1), task("young", created=2), task("starting", status="PENDING", created=0)]
    actions = decided(Service("s", desired=1), [DONE], tasks)
    assert sorted(drained(actions)) == ["starting", "young"]
    assert actions[0] == Drain("starting", "Scaling activity initiated by (deployment new)")


def test_a_sick_target_waits_for_the_grace_period() -> None:
    sick = task("1", started=NOW - 10, targets=(Target("tg", 8080, "unhealthy", "Request timed out"),))
    assert decided(Service("s", grace=11), [NEW], [sick]) == []
    actions = decided(Service("s", grace=10), [NEW], [sick], talk=True)
    assert (
        Say("(service s) (port 8080) is unhealthy in (target-group tg) due to (reason Request timed out).") in actions
    )
    assert Drain("1", "Task failed ELB health checks in (target-group tg)") in actions
    assert Count("new", 1, NOW) in actions


def test_failures_are_counted_once_and_starts_back_off() -> None:
    ended = [task("1", status="STOPPED", failed=True), task("2", status="STOPPED", failed=True)]
    assert decided(Service("s"), [Deployment("new", failures=1)], ended)[0] == Count("new", 3, NOW + 5, ("1", "2"))
    waiting = Deployment("new", failures=3, retry_at=NOW + 1)
    assert decided(Service("s"), [waiting]) == []
    assert decided(Service("s"), [Deployment("new", failures=3, retry_at=NOW)]) == [Start("new", 1)]
    assert [plan.backoff(count) for count in (2, 3, 4, 20)] == [0, 5, 10, 900]


def test_a_healthy_task_resets_the_count() -> None:
    tasks = [task("1", started=0)]
    assert Count("new", 0) in decided(Service("s"), [Deployment("new", failures=2)], tasks)
    stubborn = Service("s", reset_on_healthy=False)
    assert not any(isinstance(a, Count) for a in decided(stubborn, [Deployment("new", failures=2)], tasks))


def test_failures_of_another_deployment_do_not_count() -> None:
    ended = [task("1", "old", status="STOPPED", failed=True)]
    assert decided(Service("s"), [NEW, OLD], ended)[0] == Count("new", 0, 0, ("1",))


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (Service("s", desired=1), 3),
        (Service("s", desired=7), 4),
        (Service("s", desired=1000), 200),
        (Service("s", desired=1, threshold_type="UNBOUNDED_PERCENT"), 1),
        (Service("s", desired=1000, threshold_type="UNBOUNDED_PERCENT"), 500),
        (Service("s", threshold_type="COUNT", threshold_value=5), 5),
    ],
)
def test_the_threshold(service: Service, expected: int) -> None:
    assert plan.threshold(service) == expected


def test_the_breaker_fails_and_rolls_back() -> None:
    service = Service("s", breaker=True, rollback=True, recoverable=True)
    ended = [task("1", status="STOPPED", failed=True)]
    actions = decided(service, [Deployment("new", failures=2), OLD], ended)
    assert [type(action) for action in actions] == [Count, Fail, RollBack]
    back = Deployment("new", failures=2, rolls_back=True)
    assert RollBack("new") not in decided(service, [back, OLD], ended), "a rollback that fails is the end"
    first = Service("s", breaker=True, rollback=True)
    assert RollBack("new") not in decided(first, [Deployment("new", failures=2)], ended)


def test_without_a_breaker_it_goes_on_trying() -> None:
    ended = [task("1", status="STOPPED", failed=True)]
    actions = decided(Service("s"), [Deployment("new", failures=2)], ended, talk=True)
    assert not any(isinstance(action, Fail) for action in actions)
    assert any("unable to consistently start tasks" in action.message for action in actions if isinstance(action, Say))


def test_a_failed_deployment_starts_nothing_and_old_tasks_stay() -> None:
    failed = Deployment("new", rollout="FAILED")
    assert decided(Service("s", desired=2), [failed, OLD], [task("1", "old"), task("2", "old")]) == []


def test_a_deleted_service_ends() -> None:
    service = Service("s", status="DRAINING", desired=0)
    assert drained(decided(service, [DONE], [task("1")])) == ["1"]
    assert decided(service, [DONE], [task("1", status="STOPPED")]) == [Retire()]


def test_steady_is_said_once() -> None:
    assert decided(Service("s", steady=True), [DONE], [task("1")]) == []
    assert decided(Service("s"), [DONE], [task("1")]) == [Steady()]


STATES = strategies.sampled_from(["PENDING", "RUNNING", "DEACTIVATING", "STOPPED"])
TARGETS = strategies.sampled_from(["", "initial", "healthy", "unhealthy", "draining"])
TASKS = strategies.lists(
    strategies.tuples(STATES, strategies.sampled_from(["new", "old"]), TARGETS, strategies.booleans()), max_size=12
)


@given(
    desired=strategies.integers(0, 5), drawn=TASKS, percents=strategies.sampled_from([(100, 200), (50, 100), (0, 100)])
)
def test_any_snapshot(desired: int, drawn: list[tuple[str, str, str, bool]], percents: tuple[int, int]) -> None:
    """Never starts more tasks than the maximum allows, never takes healthy ones away below the minimum."""
    tasks = [
        Task(str(i), owner, state, targets=(Target("tg", 8080, target),), failed=failed and state == "STOPPED")
        for i, (state, owner, target, failed) in enumerate(drawn)
    ]
    service = Service("s", desired=desired, minimum_percent=percents[0], maximum_percent=percents[1], breaker=True)
    actions = plan.plan(service, [NEW, OLD], tasks, NOW)
    leaving = drained(actions)
    assert len(leaving) == len(set(leaving))
    serving = [item for item in tasks if item.serving]
    started = sum(action.count for action in actions if isinstance(action, Start))
    if started:
        assert len(serving) - len(leaving) + started <= max(1, desired * percents[1] // 100)
    healthy = [item.id for item in serving if plan.ready(item, NOW)]
    floor = min(len(healthy), -(-desired * percents[0] // 100))
    assert len([name for name in healthy if name not in leaving]) >= floor
