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
from dataclasses import field
from dataclasses import replace
from typing import Protocol

from ansible_collections.amica.stack.plugins.module_utils._deployment.explain import dead_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.explain import explain
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import judge
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import spell
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import timed_out
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Action
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Dossier
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import LastWords
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Outcome
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Standing
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Verdict
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Wanted
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import redact
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import brought_to
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import changes
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import elapsed_time
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble

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
# More calls than a look at a usual service makes; a look waits until as many can be made, or the most that any made.
A_LOOK = 10
ON_THE_WAY = (State.IN_PROGRESS, State.ROLLING_BACK, State.STOPPING)
# Outcomes with nothing that this run could end: it may not, there is nothing, or it is another run's.
UNTOUCHABLE = (Outcome.CREDENTIALS, Outcome.DENIED, Outcome.NOT_FOUND, Outcome.SERVICE_GONE, Outcome.SUPERSEDED)


class Looker(Protocol):
    """What the watch needs of an observer."""

    def look(self, now: float) -> Snapshot: ...

    def last_words(self, tasks: Iterable[Task], lines: int) -> tuple[LastWords, ...]: ...

    def act(self, kind: str, deployment: Deployment) -> tuple[bool, str]: ...


@dataclass(frozen=True)
class Patience:
    """How long to wait (seconds; 0: one look), what to do at a failure, lines of log to read.

    `action_timeout`: seconds to wait until ECS has done what `on_failure` says; 0 does not wait.
    """

    wait_timeout: float = 1800
    on_failure: str = "report"
    action_timeout: float = 600
    log_lines: int = 20


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Watched:
    """The end of a watch: the dossier, what changed on the way, and how often was looked."""

    dossier: Dossier
    progress: tuple[str, ...]
    looks: int


class Budget:
    """As many calls to AWS in any minute as this, whoever makes them and for what."""

    def __init__(self, calls_per_minute: int, clock: Clock) -> None:
        self._most = calls_per_minute
        self._clock = clock
        self._made: deque[float] = deque(maxlen=calls_per_minute)

    def take(self) -> None:
        """Returns when a call may be made; it is then counted."""
        wait = self.seconds_until(1)
        if wait:
            self._clock.sleep(wait)
        self._made.append(self._clock.now())

    def seconds_until(self, calls: int) -> float:
        """How long until so many calls may be made one after the other; a whole budget, if it is more than one."""
        surplus = len(self._made) + min(calls, self._most) - self._most
        return max(0.0, self._made[surplus - 1] + MINUTE - self._clock.now()) if surplus > 0 else 0.0


class Pace:
    """When to look again: soon while things happen, calmly in between, and not before a whole look can be afforded."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._most = A_LOOK

    def pause(self, history: Sequence[Snapshot], now: float) -> float:
        self._most = max(self._most, history[-1].calls)
        return max(wished_pause(history, now), self._budget.seconds_until(self._most))


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
    return QUICK if near_the_end and item.stage != "BAKE_TIME" else CALM


@dataclass
class _Watch:
    """A watch that goes on: what it has seen and told so far. `detailed`: it also tells what is still missing."""

    looker: Looker
    clock: Clock
    tell: Callable[[str], None]
    pace: Pace
    detailed: bool
    start: float
    history: list[Snapshot] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    looks: int = 0
    missing: tuple[str, ...] = ()

    def look(self) -> Snapshot:
        look = self.looker.look(self.clock.now())
        self.looks += 1
        for line in changes(self.history, look, look.at - self.start):
            self.progress.append(line)
            self.tell(line)
        remember(self.history, look)
        return look

    def tell_missing(self, verdict: Verdict) -> None:
        if self.detailed and verdict.missing != self.missing:
            self.missing = verdict.missing
            if verdict.missing:
                self.tell(redact(f"{elapsed_time(self.waited)} still missing: {'; '.join(verdict.missing)}"))

    @property
    def waited(self) -> float:
        return self.clock.now() - self.start

    def pause(self, left: float) -> None:
        """Until it is time for the next look, at most the seconds that are left."""
        self.clock.sleep(min(self.pace.pause(self.history, self.clock.now()), max(0.0, left)))


def watch(
    looker: Looker,
    wanted: Wanted,
    patience: Patience,
    clock: Clock,
    budget: Budget,
    tell: Callable[[str], None] = lambda line: None,
    *,
    detailed: bool = False,
) -> Watched:
    """Look until the verdict is certain or patience ends, explain it, and do about a failure what patience says.

    `budget` is the one that the looker's calls are taken from; `tell` gets each line of progress.
    """
    going = _Watch(looker, clock, tell, Pace(budget), detailed, clock.now())
    while True:
        going.look()
        verdict = judge(going.history, wanted)
        waited = going.waited
        if not verdict.certain and waited >= patience.wait_timeout:
            verdict = timed_out(verdict, waited)
        if verdict.certain:
            break
        going.tell_missing(verdict)
        going.pause(patience.wait_timeout - waited)
    words = dying_words(looker, verdict, going.history, patience, clock)
    dossier = replace(explain(verdict, going.history, words), waited=waited)
    action = answer_failure(going, verdict, patience)
    dossier = replace(dossier, action=action, standing=action.standing or dossier.standing)
    return Watched(dossier, tuple(going.progress), going.looks)


def remember(history: list[Snapshot], look: Snapshot) -> None:
    """Append, but of a run of looks that saw the same keep only the first and the last: a long wait stays small."""
    if len(history) > 1 and all(
        replace(item, at=0.0, calls=0) == replace(look, at=0.0, calls=0) for item in history[-2:]
    ):
        history.pop()
    history.append(look)


def current(history: Sequence[Snapshot]) -> Deployment | None:
    return next((look.deployment for look in reversed(history) if look.deployment), None)


def answer_failure(going: _Watch, verdict: Verdict, patience: Patience) -> Action:
    """What `on_failure` asks for, and how it ended. Nothing is to be done where ECS has ended the deployment itself."""
    item = current(going.history)
    if not verdict.failure or patience.on_failure == "report" or item is None or verdict.outcome in UNTOUCHABLE:
        return Action()
    if item.state in (State.ROLLING_BACK, State.STOPPING):
        told = Action(f"ECS is {item.state.value} already")
    elif item.state in (State.IN_PROGRESS, State.SUCCEEDED):
        known = [look.deployment.previous_task_definition for look in going.history if look.deployment]
        previous = next(filter(None, reversed(known)), None)
        changed, sentence = going.looker.act(patience.on_failure, replace(item, previous_task_definition=previous))
        if not changed:
            return Action(sentence)
        told = Action(sentence, changed=True)
    else:
        return Action()
    going.tell(f"{elapsed_time(going.waited)} {told.sentence}")
    return await_end(going, told, item, patience)


def await_end(going: _Watch, told: Action, item: Deployment, patience: Patience) -> Action:
    """Look until the service has come to rest after an action."""
    timeout = patience.action_timeout
    if not timeout:
        return replace(told, sentence=f"{told.sentence}; its end was not waited for.")
    until = going.clock.now() + timeout
    while True:
        going.pause(until - going.clock.now())
        look = going.look()
        if not look.exists or look.trouble is Trouble.EXPIRED:
            return replace(told, sentence=f"{told.sentence}; its end could not be seen: {look.note}")
        now, stands = look.deployment, look.standing
        if now and stands and now.state not in ON_THE_WAY and at_rest(now, stands, item):
            end, how = brought_to(patience.on_failure, now, stands)
            return replace(told, sentence=f"{told.sentence}; {how}", end=end, standing=stands)
        if going.clock.now() >= until:
            late = f"{told.sentence}; that was not done after {spell(timeout)}, and goes on."
            return replace(told, sentence=late, standing=stands)


def at_rest(now: Deployment, stands: Standing, judged: Deployment) -> bool:
    """Whether nothing goes on any more. A completed deployment that is sent back still says so for a moment."""
    if now.state is State.SUCCEEDED and judged.state is State.SUCCEEDED and stands.deployment == now.id:
        return False
    return stands.state is not State.IN_PROGRESS


def dying_words(
    looker: Looker, verdict: Verdict, history: Sequence[Snapshot], patience: Patience, clock: Clock
) -> tuple[LastWords, ...]:
    item = current(history)
    if not verdict.failure or item is None or verdict.outcome in (Outcome.CREDENTIALS, Outcome.DENIED):
        return ()
    tasks = dead_tasks(history, item.id, MOST_DEAD_TASKS)
    words = looker.last_words(tasks, patience.log_lines)
    if tasks and patience.log_lines and not any(said.lines for said in words):
        clock.sleep(LOG_DELAY)
        words = looker.last_words(tasks, patience.log_lines)
    return words
