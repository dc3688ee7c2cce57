# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a deployment until its verdict is certain: look, judge, pause, and again. Clock and sleep are given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Protocol

from ansible_collections.amica.stack.plugins.module_utils._deployment.explain import dead_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.explain import explain
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import judge
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import timed_out
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Dossier
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import LastWords
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Outcome
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Verdict
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Wanted
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import changes

# Seconds between two looks: while things happen, in between, and while AWS is in trouble.
QUICK = 2.0
CALM = 6.0
TROUBLED = 5.0
# At first a look a second, for what is done or fails at once; quickly for a while after that.
FIRST = 1.0
FIRST_LOOKS = 10.0
OPENING = 30.0
# AWS writes the last lines of a dead task a little after its death.
LOG_DELAY = 2.0
MOST_DEAD_TASKS = 3
MINUTE = 60.0


class Looker(Protocol):
    """What the watch needs of an observer."""

    def look(self, now: float) -> Snapshot: ...

    def last_words(self, tasks: Iterable[Task], lines: int) -> tuple[LastWords, ...]: ...

    def act(self, kind: str, deployment: Deployment) -> tuple[bool, str]: ...


@dataclass(frozen=True)
class Patience:
    """How long to wait (seconds; 0: one look), calls a minute, what to do at a failure, lines of log to read."""

    wait_timeout: float = 1800
    calls_per_minute: int = 240
    on_failure: str = "report"
    log_lines: int = 20


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Watched:
    """The end of a watch: the dossier, what changed on the way, and whether AWS was told to do something."""

    dossier: Dossier
    progress: tuple[str, ...]
    changed: bool
    looks: int


class Pace:
    """When to look again: soon while things happen, calmly in between, and never above the budget of calls."""

    def __init__(self, calls_per_minute: int) -> None:
        self._budget = calls_per_minute
        self._spent: deque[tuple[float, int]] = deque()

    def pause(self, history: Sequence[Snapshot], now: float) -> float:
        look = history[-1]
        self._spent.append((now, look.calls))
        while self._spent and self._spent[0][0] <= now - MINUTE:
            self._spent.popleft()
        return max(wished_pause(history, now), self._until_affordable(now, look.calls))

    def _until_affordable(self, now: float, next_calls: int) -> float:
        """Seconds until another look keeps the calls of any minute within the budget."""
        total = sum(calls for _at, calls in self._spent) + next_calls
        for at, calls in self._spent:
            if total <= self._budget:
                return 0.0
            total -= calls
            if total <= self._budget:
                return max(0.0, at + MINUTE - now)
        return MINUTE


def wished_pause(history: Sequence[Snapshot], now: float) -> float:
    look = history[-1]
    if look.trouble:
        return TROUBLED
    item = look.deployment
    if now - history[0].at < FIRST_LOOKS:
        return FIRST
    if item is None or now - history[0].at < OPENING:
        return QUICK
    near_the_end = item.running >= item.desired or item.failed or item.state is not State.IN_PROGRESS
    baking = item.stage == "BAKE_TIME" or item.waiting_hooks
    return QUICK if near_the_end and not baking else CALM


def watch(
    looker: Looker,
    wanted: Wanted,
    patience: Patience,
    clock: Clock,
    tell: Callable[[str], None] = lambda line: None,
) -> Watched:
    """Look until the verdict is certain or patience ends, then explain it. `tell` gets each line of progress."""
    start = clock.now()
    pace = Pace(patience.calls_per_minute)
    history: list[Snapshot] = []
    progress: list[str] = []
    looks = 0
    while True:
        look = looker.look(clock.now())
        looks += 1
        for line in changes(history, look, look.at - start):
            progress.append(line)
            tell(line)
        remember(history, look)
        verdict = judge(history, wanted)
        waited = clock.now() - start
        if not verdict.certain and waited >= patience.wait_timeout:
            verdict = timed_out(verdict, waited)
        if verdict.certain:
            break
        clock.sleep(min(pace.pause(history, clock.now()), max(0.0, patience.wait_timeout - waited)))
    action, changed = answer_failure(looker, verdict, history, patience)
    dossier = explain(verdict, history, dying_words(looker, verdict, history, patience, clock))
    return Watched(replace(dossier, action=action, waited=clock.now() - start), tuple(progress), changed, looks)


def remember(history: list[Snapshot], look: Snapshot) -> None:
    """Append, but of a run of looks that saw the same keep only the first and the last: a long wait stays small."""
    if len(history) > 1 and all(
        replace(item, at=0.0, calls=0) == replace(look, at=0.0, calls=0) for item in history[-2:]
    ):
        history.pop()
    history.append(look)


def current(history: Sequence[Snapshot]) -> Deployment | None:
    return next((look.deployment for look in reversed(history) if look.deployment), None)


def answer_failure(
    looker: Looker, verdict: Verdict, history: Sequence[Snapshot], patience: Patience
) -> tuple[str, bool]:
    """What `on_failure` asks for. A failure that ECS has ended itself, or that is another run's, needs nothing."""
    item = current(history)
    untouchable = (Outcome.CREDENTIALS, Outcome.DENIED, Outcome.NOT_FOUND, Outcome.SERVICE_GONE, Outcome.SUPERSEDED)
    if verdict.success or patience.on_failure == "report" or item is None or verdict.outcome in untouchable:
        return "", False
    if item.state is not State.IN_PROGRESS:
        return "", False
    changed, sentence = looker.act(patience.on_failure, item)
    return sentence, changed


def dying_words(
    looker: Looker, verdict: Verdict, history: Sequence[Snapshot], patience: Patience, clock: Clock
) -> tuple[LastWords, ...]:
    item = current(history)
    if verdict.success or item is None or verdict.outcome in (Outcome.CREDENTIALS, Outcome.DENIED):
        return ()
    tasks = dead_tasks(history, item.id, MOST_DEAD_TASKS)
    words = looker.last_words(tasks, patience.log_lines)
    if tasks and patience.log_lines and not any(said.lines for said in words):
        clock.sleep(LOG_DELAY)
        words = looker.last_words(tasks, patience.log_lines)
    return words
