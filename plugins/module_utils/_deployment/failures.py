# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stopped tasks speak against a deployment, and which of them ended alike. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence

from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Failure
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task

# ECS ends tasks for good reasons too: fewer are wanted, or the next deployment takes over.
ORDERLY = ("Scaling activity initiated by", "Service deleted", "deployment draining")
# The platform or a person took the task away: told, but not the deployment's fault.
FOREIGN_CODES = ("UserInitiated", "SpotInterruption", "TerminationNotice", "InfrastructureHealth")
# What differs between two tasks that ended alike: ids, addresses, ARNs' last parts, request ids, times.
_NOISE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\(?request ?id:? [0-9a-f-]{16,}\)?,?", re.IGNORECASE), ""),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "..."),
    (re.compile(r"(?<!sha256:)\b[0-9a-f]{32}\b"), "..."),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(->)?"), ""),
    (re.compile(r"\(task [^)]*\)"), "(task)"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"), "..."),
    (re.compile(r"\s+"), " "),
)


def all_tasks(history: Iterable[Snapshot]) -> dict[str, Task]:
    """The last that is known of every task, by id: one that has ended stays ended, however the looks are ordered."""
    known: dict[str, Task] = {}
    for look in sorted(history, key=lambda item: item.at):
        for task in look.tasks or ():
            before = known.get(task.id)
            if before is None or task.ended or not before.ended:
                known[task.id] = task
    return known


def is_failure(task: Task) -> bool:
    """Whether the task ended in a way that its deployment has to answer for."""
    if not task.ended or task.stop_code in FOREIGN_CODES:
        return False
    return not any(words in task.stopped_reason for words in ORDERLY) and bool(task.stop_code or task.stopped_reason)


def is_interruption(task: Task) -> bool:
    return task.ended and task.stop_code in FOREIGN_CODES


def failed_tasks(history: Iterable[Snapshot], deployment_id: str) -> list[Task]:
    """The failed tasks of one deployment, oldest first."""
    tasks = (task for task in all_tasks(history).values() if task.started_by == deployment_id and is_failure(task))
    return sorted(tasks, key=lambda task: (task.stopped_at or task.stopping_at or 0.0, task.id))


def interrupted_tasks(history: Iterable[Snapshot], deployment_id: str) -> list[Task]:
    return [task for task in all_tasks(history).values() if task.started_by == deployment_id and is_interruption(task)]


def failures_of(tasks: Sequence[Task]) -> tuple[Failure, ...]:
    """Tasks that ended alike together, the most frequent end first.

    A task that is still stopping has no exit code yet: it goes with those that ended for the same reason.
    """
    ends = [(task.stop_code, reason_of(task), exit_code_of(task)) for task in tasks]
    known = {(code, reason): exit_code for code, reason, exit_code in ends if exit_code is not None}
    groups: dict[tuple[str, str, int | None], list[str]] = {}
    for task, (code, reason, exit_code) in zip(tasks, ends, strict=True):
        told = known.get((code, reason)) if exit_code is None else exit_code
        groups.setdefault((code, reason, told), []).append(task.id)
    found = [Failure(code, reason, exit_code, tuple(ids)) for (code, reason, exit_code), ids in groups.items()]
    return tuple(sorted(found, key=lambda item: -len(item.tasks)))


def reason_of(task: Task) -> str:
    """What ended the task, without what differs from task to task. A container's own reason says more."""
    reasons = [box.reason for box in task.containers if box.reason]
    words = task.stopped_reason
    if reasons and (not words or words.startswith(("Essential container", "Task failed to start"))):
        words = reasons[0]
    for pattern, replacement in _NOISE:
        words = pattern.sub(replacement, words)
    return words.strip()


def exit_code_of(task: Task) -> int | None:
    codes = [box.exit_code for box in task.containers if box.exit_code is not None]
    return next((code for code in codes if code != 0), codes[0] if codes else None)
