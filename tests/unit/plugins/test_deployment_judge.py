# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no order, repetition or loss of looks may do, and the judge's small parts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._deployment import causes
from ansible_collections.amica.stack.plugins.module_utils._deployment import explain
from ansible_collections.amica.stack.plugins.module_utils._deployment import failures
from ansible_collections.amica.stack.plugins.module_utils._deployment import judge
from ansible_collections.amica.stack.plugins.module_utils._deployment import reading
from ansible_collections.amica.stack.plugins.module_utils._deployment import report
from ansible_collections.amica.stack.plugins.module_utils._deployment import watch
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Container
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Event
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import LastWords
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Outcome
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Probe
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Target
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Verdict
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Wanted
from ansible_collections.amica.stack.plugins.module_utils._deployment.observe import Observer
from ansible_collections.amica.stack.plugins.module_utils._deployment.observe import log_place
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support.fake_clock import FakeClock
from support.scripted_aws import START
from support.scripted_aws import ScriptedAws
from support.scripted_aws import digest

WANTED = Wanted("amica-service", "amica-cluster")
STORIES = Path(__file__).parent / "stories"
BAD_ENDS = [state for state in State if state not in (State.IN_PROGRESS, State.SUCCEEDED)]

tasks = st.builds(
    Task,
    id=st.sampled_from(["t1", "t2", "t3"]),
    status=st.sampled_from(["PENDING", "RUNNING", "STOPPED"]),
    started_by=st.sampled_from(["ecs-svc/new", "ecs-svc/old"]),
    stop_code=st.sampled_from(["", "EssentialContainerExited", "ServiceSchedulerInitiated"]),
    address=st.sampled_from(["10.0.0.1", "10.0.0.2"]),
)
targets = st.builds(
    Target,
    address=st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    port=st.just(8080),
    state=st.sampled_from(["healthy", "initial", "unhealthy"]),
)


# Looks that saw no deployment: trouble on the way, or nothing listed yet.
blind = st.builds(
    Snapshot, at=st.floats(0, 1000), trouble=st.sampled_from([None, *Trouble]), note=st.sampled_from(["", "no answer"])
)


def looks(states: Sequence[State]) -> st.SearchStrategy[Snapshot]:
    return st.builds(
        Snapshot,
        at=st.floats(0, 1000),
        deployment=st.builds(
            Deployment,
            id=st.just("ecs-svc/new"),
            state=st.sampled_from(states),
            desired=st.integers(0, 2),
            running=st.integers(0, 2),
        ),
        tasks=st.one_of(st.none(), st.lists(tasks, max_size=3).map(tuple)),
        targets=st.one_of(st.none(), st.lists(targets, max_size=3).map(tuple)),
        balanced=st.booleans(),
    )


@settings(max_examples=150)
@given(
    good=st.lists(st.one_of(looks([State.IN_PROGRESS, State.SUCCEEDED]), blind), max_size=6),
    bad=st.lists(looks(BAD_ENDS), min_size=1, max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_no_order_or_repetition_makes_a_bad_end_a_success(
    good: list[Snapshot], bad: list[Snapshot], order: random.Random
) -> None:
    history = [*good, *bad, *good]
    order.shuffle(history)
    verdict = judge.judge(history, WANTED)
    assert verdict.certain
    assert not verdict.success


@given(history=st.lists(looks([State.IN_PROGRESS]), max_size=8))
def test_nothing_but_a_completed_deployment_is_a_success(history: list[Snapshot]) -> None:
    assert not judge.judge(history, WANTED).success


@given(history=st.lists(looks(list(State)), min_size=1, max_size=8), order=st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order_in_which_looks_are_kept(
    history: list[Snapshot], order: random.Random
) -> None:
    ordered = [replace(look, at=float(number)) for number, look in enumerate(history)]
    shuffled = [*ordered, *ordered]
    order.shuffle(shuffled)
    assert judge.judge(shuffled, WANTED).outcome is judge.judge(ordered, WANTED).outcome


@given(history=st.lists(looks(list(State)), min_size=1, max_size=8))
def test_whatever_was_seen_can_be_explained(history: list[Snapshot]) -> None:
    verdict = judge.judge(history, WANTED)
    dossier = explain.explain(verdict, history)
    assert dossier.verdict is verdict
    assert (dossier.cause is None) or not verdict.success


ROLLOUTS = st.sampled_from([None, "IN_PROGRESS", "COMPLETED", "FAILED"])


@settings(max_examples=200)
@given(
    status=st.sampled_from(sorted(reading.STATUSES)),
    rollouts=st.tuples(ROLLOUTS, ROLLOUTS),
    primary=st.sampled_from(["ecs-svc/new", "ecs-svc/old"]),
    listed=st.booleans(),
    said=st.booleans(),
)
def test_what_either_api_calls_a_failure_is_never_read_as_a_success(
    status: str, rollouts: tuple[str | None, str | None], primary: str, listed: bool, said: bool
) -> None:
    """Whatever else the two ways of telling say, together or against each other."""
    items = [
        {
            "id": identity,
            "status": "PRIMARY" if identity == primary else "ACTIVE",
            "createdAt": 10.0 if identity == "ecs-svc/new" else 0.0,
            **({"rolloutState": rollout} if rollout else {}),
        }
        for identity, rollout in zip(("ecs-svc/new", "ecs-svc/old"), rollouts, strict=True)
        if listed or identity == "ecs-svc/old"
    ]
    text = "(service s) (deployment ecs-svc/new) deployment failed: tasks failed to start."
    service = {"deployments": items, "events": [{"createdAt": 20.0, "message": text}] if said else []}
    state = reading.read_deployment(service, "ecs-svc/new", {"status": status}).state
    failed = (listed and rollouts[0] == "FAILED") or reading.STATUSES[status] in BAD_ENDS
    if failed or (listed and primary == "ecs-svc/old"):
        assert state in BAD_ENDS


def rolled_back_stories() -> list[str]:
    ends = {"rolling_back", "rolled_back", "rollback_failed"}
    told = ((path.stem, yaml.safe_load(path.read_text())) for path in sorted(STORIES.glob("*.yml")))
    return [name for name, story in told if story["expect"]["outcome"] in ends]


@pytest.mark.parametrize("releases", [True, False])
@pytest.mark.parametrize("name", rolled_back_stories())
def test_a_rolled_back_story_is_no_success_however_it_is_looked_at(name: str, releases: bool) -> None:
    """Each single look, and every look after the end, in any order, with the deployment's id given."""
    story: dict[str, Any] = yaml.safe_load((STORIES / f"{name}.yml").read_text())
    clock = FakeClock(START)
    observer = Observer(ScriptedAws(story, clock, releases=releases), "amica-cluster", "amica-service", "ecs-svc/new")
    seen = []
    for _look in range(120):
        seen.append(observer.look(clock.now()))
        clock.sleep(3)
    wanted = replace(WANTED, image_digests=(digest("new"),))
    chance = random.Random(name)
    for _round in range(20):
        chance.shuffle(seen)
        assert not judge.judge(seen, wanted).success
    assert not any(judge.judge([look], wanted).success for look in seen)


def test_nothing_seen_yet_is_no_verdict() -> None:
    assert judge.judge([], WANTED).outcome is Outcome.WAITING


def completed(**more: Any) -> Snapshot:
    task = Task("t1", "RUNNING", "ecs-svc/new", containers=(Container("amica", digest="sha256:a"),))
    return replace(
        Snapshot(
            0.0,
            deployment=Deployment(
                "ecs-svc/new", State.SUCCEEDED, desired=1, running=1, digests=frozenset({"sha256:r"})
            ),
            tasks=(task,),
        ),
        **more,
    )


def test_what_runs_counts_more_than_what_the_revision_says() -> None:
    assert judge.judge([completed()], replace(WANTED, image_digests=("sha256:a",))).success
    assert judge.judge([completed()], replace(WANTED, image_digests=("sha256:r",))).outcome is Outcome.WRONG_IMAGE


def test_what_stands_beside_the_application_is_not_what_was_pushed() -> None:
    boxes = (Container("collector", digest="sha256:c"), Container("amica", digest="sha256:a"))
    served = Deployment("ecs-svc/new", State.SUCCEEDED, desired=1, running=1, container="amica")
    seen = completed(deployment=served, tasks=(Task("t1", "RUNNING", "ecs-svc/new", containers=boxes),))
    assert judge.running_digests(seen, served) == {"sha256:a"}
    assert judge.judge([seen], replace(WANTED, image_digests=("sha256:a",))).success
    assert judge.judge([seen], replace(WANTED, image_digests=("sha256:c",))).outcome is Outcome.WRONG_IMAGE


def test_the_pushed_image_is_that_of_every_task() -> None:
    served = Deployment("ecs-svc/new", State.SUCCEEDED, desired=2, running=2, container="amica")
    seen = completed(
        deployment=served,
        tasks=tuple(
            Task(name, "RUNNING", "ecs-svc/new", containers=(Container("amica", digest=f"sha256:{name}"),))
            for name in ("a", "b")
        ),
    )
    verdict = judge.judge([seen], replace(WANTED, image_digests=("sha256:a",)))
    assert verdict.outcome is Outcome.WRONG_IMAGE
    assert "runs sha256:a, sha256:b instead of sha256:a" in verdict.sentence


def test_the_revision_counts_where_tasks_cannot_be_read() -> None:
    assert judge.judge([completed(tasks=None)], replace(WANTED, image_digests=("sha256:r",))).success


def test_an_image_that_nobody_tells_is_no_success() -> None:
    silent = completed(tasks=(Task("t1", "RUNNING", "ecs-svc/new"),))
    silent = replace(silent, deployment=replace(silent.deployment or Deployment("", State.FAILED), digests=frozenset()))
    verdict = judge.judge([silent], replace(WANTED, image_digests=("sha256:a",)))
    assert verdict.missing == ("AWS has not said which image runs",)


def test_targets_of_other_tasks_do_not_count() -> None:
    task = Task("t1", "RUNNING", "ecs-svc/new", address="10.0.0.1")
    other = Target("10.0.0.9", 8080, "healthy")
    verdict = judge.judge([completed(tasks=(task,), targets=(other,), balanced=True)], WANTED)
    assert verdict.missing == ("1 of 1 targets are not healthy",)


def test_a_time_out_says_what_was_missing() -> None:
    verdict = judge.timed_out(judge.judge([Snapshot(0.0, note="nothing listed")], WANTED), 1800)
    assert verdict.sentence == "The deployment was not done after 30 min. Still missing: nothing listed."


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (125, "2 min 5 s")])
def test_durations(seconds: float, words: str) -> None:
    assert judge.spell(seconds) == words


def ended(code: str, reason: str = "", **more: Any) -> Task:
    return Task(more.pop("id", "t"), "STOPPED", "ecs-svc/new", stop_code=code, stopped_reason=reason, **more)


@pytest.mark.parametrize(
    ("task", "is_failure"),
    [
        (ended("EssentialContainerExited", "Essential container in task exited"), True),
        (ended("TaskFailedToStart", "CannotPullContainerError: x"), True),
        (ended("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)"), True),
        (ended("ServiceSchedulerInitiated", "Task failed container health checks"), True),
        (ended("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"), False),
        (ended("UserInitiated", "Task stopped by user"), False),
        (ended("SpotInterruption"), False),
        (Task("t", "RUNNING", "ecs-svc/new"), False),
    ],
)
def test_which_ends_are_failures(task: Task, is_failure: bool) -> None:
    assert failures.is_failure(task) is is_failure


def test_tasks_that_ended_alike_are_one_group_whatever_their_ids() -> None:
    reason = "CannotPullContainerError: r/amica@sha256:{} (request id: {}): dial tcp 10.0.0.{}:443: i/o timeout"
    ids = ("0a1b2c3d-1111-2222-3333-444455556666", "0a1b2c3d-9999-2222-3333-444455556666")
    same = [
        ended("TaskFailedToStart", reason.format("a" * 64, ids[number], number), id=str(number)) for number in (0, 1)
    ]
    other = ended("TaskFailedToStart", reason.format("b" * 64, ids[0], 1), id="2")
    groups = failures.failures_of([*same, other])
    assert [len(group.tasks) for group in groups] == [2, 1]
    assert "a" * 64 in groups[0].reason


def test_a_containers_own_reason_says_more() -> None:
    boxes = (Container("log", exit_code=0), Container("amica", exit_code=137, reason="OutOfMemoryError: killed"))
    (group,) = failures.failures_of(
        [ended("EssentialContainerExited", "Essential container in task exited", containers=boxes)]
    )
    assert (group.reason, group.exit_code) == ("OutOfMemoryError: killed", 137)


def test_a_task_that_has_ended_does_not_come_back() -> None:
    dead, alive = ended("TaskFailedToStart"), Task("t", "RUNNING", "ecs-svc/new")
    known = failures.all_tasks([Snapshot(2.0, tasks=(alive,)), Snapshot(1.0, tasks=(dead,))])
    assert known["t"].ended


def test_every_row_of_the_table_of_causes_can_be_found() -> None:
    """A row behind a broader one would never speak."""
    for number, row in enumerate(causes.CAUSES):
        earlier = causes.CAUSES[:number]
        assert not any(
            all(
                getattr(other, name) == getattr(row, name)
                for name in ("said", "logged", "exit_code", "target", "outcome")
            )
            for other in earlier
        ), row


def test_a_success_has_no_cause() -> None:
    assert causes.likely_cause(causes.Clues(Outcome.SUCCEEDED, said=("CannotPull",))) is None


@given(
    text=st.text(st.sampled_from(" \t\nab-é"), max_size=400),
    lead=st.integers(0, 200),
)
def test_no_line_of_the_dossier_is_longer_than_80_columns(text: str, lead: int) -> None:
    words = (LastWords("t", "amica", (" " * lead + text,)),)
    dossier = explain.explain(Verdict(Outcome.FAILED, text), [], words)
    assert all(len(line) <= 80 for line in report.prose(dossier))


def dying(*reasons: str) -> Snapshot:
    """A service's first deployment whose tasks ended so."""
    first = Deployment("ecs-svc/new", State.IN_PROGRESS, desired=1, recoverable=False)
    return Snapshot(
        0.0,
        deployment=first,
        tasks=tuple(ended("EssentialContainerExited", reason, id=str(number)) for number, reason in enumerate(reasons)),
    )


@pytest.mark.parametrize(
    ("reasons", "identical_failures", "outcome"),
    [
        (["x"] * 2, 3, Outcome.WAITING),
        (["x"] * 3, 3, Outcome.STALLED),
        (["x"] * 3, 4, Outcome.WAITING),
        (["x", "y", "x", "y"], 3, Outcome.WAITING),
        (["x"], 1, Outcome.STALLED),
    ],
)
def test_so_many_tasks_that_end_alike_make_it_hopeless(
    reasons: list[str], identical_failures: int, outcome: Outcome
) -> None:
    assert judge.judge([dying(*reasons)], replace(WANTED, identical_failures=identical_failures)).outcome is outcome


def test_a_secret_is_in_no_part_of_the_dossier() -> None:
    said = "see https://chat/?token=hunter22"
    seen = Snapshot(
        0.0,
        deployment=Deployment("ecs-svc/new", State.FAILED, desired=1, reason=said, rollback_reason=said),
        tasks=(ended("EssentialContainerExited", said),),
        targets=(Target("10.0.0.1", 8080, "unhealthy", description=said),),
        balanced=True,
        events=(Event("1", 0.0, said),),
        probe=Probe(said, ok=False, detail=said),
        note=said,
    )
    verdict = Verdict(Outcome.TIMED_OUT, said, (said,))
    dossier = explain.explain(verdict, [seen])
    assert "see https://chat/?token=" in str(report.as_result(dossier))
    assert "hunter22" not in str([report.as_result(dossier), report.prose(dossier), report.message(dossier)])


def test_events_are_told_once() -> None:
    first, again = Event("1", 1.0, "is unhealthy"), Event("2", 2.0, "is unhealthy")
    last = Event("3", 3.0, "steady")
    told = explain.distinct_events([Snapshot(0.0, events=(last, again)), Snapshot(1.0, events=(first, again))])
    assert told == (first, last)


def look(calls: int, at: float = 0.0) -> Snapshot:
    return Snapshot(at, calls=calls)


def budget_of(calls: int) -> tuple[watch.Budget, FakeClock]:
    clock = FakeClock(1000.0)
    return watch.Budget(calls, watch.Clock(clock.now, clock.sleep)), clock


@given(pauses=st.lists(st.integers(0, 30), max_size=200), most=st.integers(1, 20))
def test_no_minute_holds_more_calls_than_the_budget(pauses: list[int], most: int) -> None:
    budget, clock = budget_of(most)
    made: list[float] = []
    for pause in pauses:
        clock.sleep(pause)
        budget.take()
        made.append(clock.now())
    for end in made:
        assert sum(end - watch.MINUTE < at <= end for at in made) <= most


@given(calls=st.lists(st.integers(1, watch.A_LOOK), min_size=2, max_size=100), most=st.integers(watch.A_LOOK, 100))
def test_a_look_begins_when_it_can_be_made_in_one_go(calls: list[int], most: int) -> None:
    budget, clock = budget_of(most)
    pace = watch.Pace(budget)
    history: list[Snapshot] = []
    for number in calls:
        began = clock.now()
        for _call in range(number):
            budget.take()
        assert clock.now() == began
        history.append(look(number, began))
        clock.sleep(pace.pause(history, began))


def test_a_long_wait_in_which_nothing_changes_stays_small() -> None:
    history: list[Snapshot] = []
    for number in range(1000):
        watch.remember(history, look(6, float(number)))
    assert [item.at for item in history] == [0.0, 999.0]


def test_the_log_of_a_container() -> None:
    options = {"awslogs-group": "/ecs/a", "awslogs-stream-prefix": "ecs"}
    boxes = [
        {"name": "amica", "logConfiguration": {"logDriver": "awslogs", "options": options}},
        {"name": "plain", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/a"}}},
        {"name": "other", "logConfiguration": {"logDriver": "awsfirelens"}},
    ]
    assert log_place(boxes, "amica", "t1") == ("/ecs/a", "ecs/amica/t1")
    assert log_place(boxes, "plain", "t1") == ("/ecs/a", "t1")
    assert log_place(boxes, "other", "t1") is None
    assert log_place(boxes, "none", "t1") is None


def test_a_service_deployment_is_found_by_revision_or_by_moment() -> None:
    listed = {"id": "ecs-svc/42", "createdAt": 1000.0}
    by_revision = {"targetServiceRevisionArn": "arn:x/42", "createdAt": 5.0}
    by_moment = {"targetServiceRevisionArn": "arn:x/77", "createdAt": 1003.0}
    neither = {"targetServiceRevisionArn": "arn:x/88", "createdAt": 1100.0}
    assert reading.matching(listed, [neither, by_moment, by_revision]) is by_revision
    assert reading.matching(listed, [neither, by_moment]) is by_moment
    assert reading.matching(listed, [neither]) is None


def test_partitions_without_rollout_state() -> None:
    old, new = {"id": "a", "status": "ACTIVE"}, {"id": "b", "status": "PRIMARY", "desiredCount": 1, "runningCount": 1}
    assert reading.listed_state({"deployments": [new, old]}, "b") is State.IN_PROGRESS
    assert reading.listed_state({"deployments": [new]}, "b") is State.SUCCEEDED
    assert reading.listed_state({"deployments": [new]}, "a") is State.SUPERSEDED
