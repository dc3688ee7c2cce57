# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dossier: all that speaks for the verdict, gathered from what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.amica.stack.plugins.module_utils._deployment.causes import Clues
from ansible_collections.amica.stack.plugins.module_utils._deployment.causes import likely_cause
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import all_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import failed_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import failures_of
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import interrupted_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import running_digests
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Dossier
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Event
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import LastWords
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Phase
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Target
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Verdict

UNWELL = ("unhealthy", "initial", "unavailable", "unused")


def explain(verdict: Verdict, history: Sequence[Snapshot], last_words: Sequence[LastWords] = ()) -> Dossier:
    """What the snapshots tell about the verdict, with the log lines that the dead tasks left."""
    looks = sorted(history, key=lambda look: look.at)
    seen = [look for look in looks if look.deployment]
    deployment = best_known([look.deployment for look in seen if look.deployment])
    events = distinct_events(looks)
    identity = deployment.id if deployment else ""
    failed = failed_tasks(looks, identity)
    # ECS counts them as long as it lists the deployment.
    deployment = replace(deployment, failed=max(deployment.failed, len(failed))) if deployment else None
    failures = failures_of(failed)
    targets = next((look.targets for look in reversed(looks) if look.targets is not None), ())
    troubled = troubled_targets(looks, identity)
    clues = Clues(
        outcome=verdict.outcome,
        said=(
            *(f"{item.code}: {item.reason}" for item in failures),
            *([deployment.rollback_reason, deployment.reason] if deployment else ()),
            *(event.message for event in events),
            *verdict.missing,
            verdict.sentence,
        ),
        logged=tuple(line for words in last_words for line in words.lines),
        exit_codes=tuple(item.exit_code for item in failures if item.exit_code is not None),
        targets=tuple(f"{target.reason}: {target.description}" for target in troubled),
    )
    return Dossier(
        verdict=verdict,
        cause=likely_cause(clues),
        deployment=deployment,
        waited=looks[-1].at - looks[0].at if looks else 0.0,
        events=events,
        failures=failures,
        interruptions=failures_of(interrupted_tasks(looks, identity)),
        unhealthy=troubled,
        healthy=sum(target.state == "healthy" for target in targets or ()),
        last_words=tuple(last_words),
        phases=phases(looks, identity),
        digests=tuple(sorted(running_digests(seen[-1], deployment))) if deployment else (),
        probe=next((look.probe for look in reversed(looks) if look.probe), None),
        notes=notes(looks),
        standing=next((look.standing for look in reversed(looks) if look.standing), None),
    )


def best_known(deployments: Sequence[Deployment]) -> Deployment | None:
    """The deployment as last seen with a reason: one that has left the list has nothing more to say."""
    if not deployments:
        return None
    last = deployments[-1]
    told = [item for item in deployments if item.state is last.state and (item.reason or item.rollback_reason)]
    return told[-1] if told else last


def distinct_events(looks: Iterable[Snapshot]) -> tuple[Event, ...]:
    """Every event once, oldest first; the same sentence in a row is told once, when it was first said."""
    known = {event.id or (event.at, event.message): event for look in looks for event in look.events}
    told: list[Event] = []
    for event in sorted(known.values(), key=lambda item: (item.at, item.id)):
        if not told or told[-1].message != event.message:
            told.append(event)
    return tuple(told)


def troubled_targets(looks: Sequence[Snapshot], deployment_id: str) -> tuple[Target, ...]:
    """The targets of this deployment's tasks as they were last seen unwell. A healthy end is no trouble.

    ECS takes a failing target away at once, so the reason has to be remembered from an earlier look.
    """
    own = {task.address for task in all_tasks(looks).values() if task.started_by == deployment_id and task.address}
    last: dict[tuple[str, int, str], Target] = {}
    for look in looks:
        for target in look.targets or ():
            key = (target.address, target.port, target.group)
            if own and target.address not in own:
                continue
            if target.state in UNWELL and target.reason != "Elb.RegistrationInProgress":
                before = last.get(key)
                # What failed says more than that the first check has not been made yet.
                if before is None or before.state != "unhealthy" or target.state == "unhealthy":
                    last[key] = target
            elif target.state == "healthy":
                last.pop(key, None)
    failed = tuple(target for target in last.values() if target.state == "unhealthy")
    return failed or tuple(last.values())


def phases(looks: Sequence[Snapshot], deployment_id: str) -> tuple[Phase, ...]:
    """Where the time went. Queue, pull and start are of this deployment's tasks, the drain of those it replaced.

    The first three come from AWS's clock. `first healthy` is seen, not told: it is as exact as the polls are close.
    """
    tasks = all_tasks(looks).values()
    own = [task for task in tasks if task.started_by == deployment_id]
    replaced = [task for task in tasks if task.started_by != deployment_id]
    rows: tuple[tuple[str, Sequence[Task], Callable[[Task], tuple[float | None, float | None]]], ...] = (
        ("queued", own, lambda task: (task.created_at, task.pull_started_at)),
        ("pull", own, lambda task: (task.pull_started_at, task.pull_stopped_at)),
        ("start", own, lambda task: (task.pull_stopped_at or task.created_at, task.started_at)),
        ("drain", replaced, lambda task: (task.stopping_at, task.stopped_at)),
    )
    table = [phase(name, [span(ends(task)) for task in chosen]) for name, chosen, ends in rows]
    table.insert(3, phase("first healthy", list(healthy_after(looks, own))))
    return tuple(row for row in table if row is not None)


def span(ends: tuple[float | None, float | None]) -> float | None:
    start, end = ends
    return None if start is None or end is None or end < start else end - start


def phase(name: str, lengths: Iterable[float | None]) -> Phase | None:
    known = [length for length in lengths if length is not None]
    return Phase(name, min(known), max(known), len(known)) if known else None


def healthy_after(looks: Sequence[Snapshot], tasks: Iterable[Task]) -> Iterable[float | None]:
    """Between the first look that saw the task run and the first that saw its target healthy."""
    for task in tasks:
        ran = next(
            (look.at for look in looks for item in look.tasks or () if item.id == task.id and item.status == "RUNNING"),
            None,
        )
        well = next(
            (
                look.at
                for look in looks
                for target in look.targets or ()
                if target.address == task.address and target.state == "healthy"
            ),
            None,
        )
        if task.address:
            yield span((ran, well))


def notes(looks: Sequence[Snapshot]) -> tuple[str, ...]:
    """What this run could not see, each once."""
    return tuple(dict.fromkeys(look.note for look in looks if look.note and look.exists and not look.trouble))


def dead_tasks(history: Sequence[Snapshot], deployment_id: str, most: int) -> list[Task]:
    """Whose last words to read: the newest of each kind of failure, the most frequent kind first."""
    failed = {task.id: task for task in failed_tasks(history, deployment_id)}
    newest = [failed[failure.tasks[-1]] for failure in failures_of(list(failed.values()))]
    return [
        task
        for task in newest
        if task.started_at is not None or any(box.exit_code is not None for box in task.containers)
    ][:most]
