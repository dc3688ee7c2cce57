# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a deployment, as plain values. Times are seconds since 1970; those of AWS by AWS's clock."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ansible_collections.amica.stack.plugins.module_utils._pause import Pause
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble


class State(enum.Enum):
    """Where a deployment stands, in one vocabulary for both of ECS's ways to tell it."""

    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    ROLLBACK_FAILED = "rollback failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Breaker:
    """ECS's deployment circuit breaker. Counts are None where AWS does not tell them."""

    enabled: bool = False
    rollback: bool = False
    tripped: bool = False
    failures: int | None = None
    threshold: int | None = None


@dataclass(frozen=True)
class Deployment:
    """The deployment under judgement. `id` is ecs-svc/...; `arn` the service deployment's, where that API answers.

    `recoverable`: something exists that ECS could roll back to. `successor`: the deployment that took its place.
    """

    id: str
    state: State
    arn: str | None = None
    reason: str = ""
    rollback_reason: str = ""
    stage: str = ""
    desired: int = 0
    running: int = 0
    pending: int = 0
    failed: int = 0
    breaker: Breaker = Breaker()
    alarms: tuple[str, ...] = ()
    pause: Pause | None = None
    created_at: float | None = None
    task_definition: str = ""
    previous_task_definition: str | None = None
    strategy: str = "ROLLING"
    digests: frozenset[str] = frozenset()
    recoverable: bool = True
    successor: str = ""
    # The container that the load balancer asks; empty where none does. Others stand beside it.
    container: str = ""


@dataclass(frozen=True)
class Standing:
    """Where the service itself stands: the deployment that it works towards or has reached, whichever is judged."""

    deployment: str
    state: State
    task_definition: str = ""
    desired: int = 0
    running: int = 0


@dataclass(frozen=True)
class Event:
    """A sentence of the service about itself."""

    id: str
    at: float
    message: str


@dataclass(frozen=True)
class Container:
    name: str
    image: str = ""
    digest: str = ""
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Task:
    """A task of the service, of this deployment (`started_by` is its id) or another."""

    id: str
    status: str
    started_by: str = ""
    task_definition: str = ""
    stop_code: str = ""
    stopped_reason: str = ""
    health: str = ""
    address: str = ""
    containers: tuple[Container, ...] = ()
    created_at: float | None = None
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None

    @property
    def ended(self) -> bool:
        return bool(self.stop_code) or self.status in ("STOPPED", "STOPPING", "DEPROVISIONING")


@dataclass(frozen=True)
class Target:
    """A registered address of a target group. `state` and `reason` are ELB's words."""

    address: str
    port: int
    state: str
    reason: str = ""
    description: str = ""
    group: str = ""


@dataclass(frozen=True)
class Probe:
    """What the chat's own address answered from here."""

    url: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Snapshot:
    """One look. `at` is the looker's clock. With `trouble` the look failed, and `note` is AWS's sentence.

    `exists`: False when the service, or its cluster, is not there or is being deleted (`note` says which).
    `targets` and `tasks` are None where they could not be read this time; `balanced`: there are target groups.
    """

    at: float
    exists: bool = True
    deployment: Deployment | None = None
    tasks: tuple[Task, ...] | None = None
    targets: tuple[Target, ...] | None = None
    balanced: bool = False
    events: tuple[Event, ...] = ()
    standing: Standing | None = None
    probe: Probe | None = None
    trouble: Trouble | None = None
    note: str = ""
    calls: int = 0


@dataclass(frozen=True)
class Wanted:
    """What success means, and how patient to be. `identical_failures`: as many make a hopeless deployment certain."""

    service: str
    cluster: str
    image_digests: tuple[str, ...] = ()
    identical_failures: int = 3
    probe: bool = False


class Outcome(enum.Enum):
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    STOPPED = "stopped"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    ALARM = "alarm"
    CANNOT_START = "cannot_start"
    STALLED = "stalled"
    WRONG_IMAGE = "wrong_image"
    SERVICE_GONE = "service_gone"
    NOT_FOUND = "not_found"
    CREDENTIALS = "credentials"
    DENIED = "denied"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class Verdict:
    """The judgement. `certain` ends the wait. `missing`: what a success still lacks, a sentence each.

    A deployment that waits for a person is neither a success nor a failure.
    """

    outcome: Outcome
    sentence: str
    missing: tuple[str, ...] = ()

    @property
    def certain(self) -> bool:
        return self.outcome is not Outcome.WAITING

    @property
    def success(self) -> bool:
        return self.outcome is Outcome.SUCCEEDED

    @property
    def failure(self) -> bool:
        return self.outcome not in (Outcome.SUCCEEDED, Outcome.PAUSED, Outcome.WAITING)


@dataclass(frozen=True)
class Failure:
    """Stopped tasks that ended alike."""

    code: str
    reason: str
    exit_code: int | None
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class LastWords:
    """The newest log lines of a dead task, oldest first; `note` says why there are none."""

    task: str
    container: str
    lines: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Phase:
    """How long one phase took over all tasks it is known of, in seconds."""

    name: str
    shortest: float
    longest: float
    tasks: int


@dataclass(frozen=True)
class Cause:
    """A likely cause and what to do about it. `name` is stable, for playbooks to look at."""

    name: str
    sentence: str
    remedy: str


@dataclass(frozen=True)
class Action:
    """What `on_failure` led to. `changed`: AWS was told to do something; `end`: how that ended, empty if unknown.

    `standing`: where the service stands afterwards.
    """

    sentence: str = ""
    changed: bool = False
    end: State | None = None
    standing: Standing | None = None


@dataclass(frozen=True)
class Dossier:
    """All that a person wants to know about the verdict. `standing` is of now, all else of when it became certain."""

    verdict: Verdict
    cause: Cause | None
    deployment: Deployment | None
    waited: float
    events: tuple[Event, ...] = ()
    failures: tuple[Failure, ...] = ()
    interruptions: tuple[Failure, ...] = ()
    unhealthy: tuple[Target, ...] = ()
    healthy: int = 0
    last_words: tuple[LastWords, ...] = ()
    phases: tuple[Phase, ...] = ()
    digests: tuple[str, ...] = ()
    probe: Probe | None = None
    notes: tuple[str, ...] = ()
    standing: Standing | None = None
    action: Action = Action()
