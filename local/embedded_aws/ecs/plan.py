# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ECS service scheduler does next: one snapshot in, a list of actions out.

No I/O and no clock: every time is a number of seconds on one clock that the caller chooses. Sources of behaviour: the
ECS developer guide on rolling deployments, the deployment circuit breaker, and service event messages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

SCHEDULER = "ServiceSchedulerInitiated"
# Without a health check a task must stay up this long (real seconds) to count, so that a crash on start is seen.
SETTLE_SECONDS = 2.0
# A failed deployment stays listed at least this long (real seconds), so that a client which polls sees the failure.
FAILED_LINGER_SECONDS = 15.0
FREE_FAILURES = 3
MAX_BACKOFF_SECONDS = 900.0


@dataclass(frozen=True)
class Target:
    """A target group the task belongs in. `state` is empty while the task is not registered there."""

    group: str
    port: int
    state: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Task:
    """A task of the service. `health` is empty without a container check; `failed` marks an end not yet counted."""

    id: str
    deployment: str
    status: str = "RUNNING"
    created: float = 0.0
    started: float = 0.0
    health: str = ""
    targets: tuple[Target, ...] = ()
    failed: bool = False

    @property
    def live(self) -> bool:
        return self.status != "STOPPED"

    @property
    def serving(self) -> bool:
        return self.status in ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")


@dataclass(frozen=True)
class Deployment:
    """`failures` are consecutive ones; `ended` is when the roll-out failed."""

    id: str
    status: str = "PRIMARY"
    rollout: str = "IN_PROGRESS"
    failures: int = 0
    retry_at: float = 0.0
    ended: float = 0.0
    rolls_back: bool = False


@dataclass(frozen=True)
class Service:
    """`recoverable`: a completed deployment exists that a failed one can be rolled back to.

    `alarms`: those that went off since the current deployment began; `alarm_rollback`: whether it then goes back.
    `early_percent`: of the desired tasks, which must be healthy for the deployment to have succeeded.
    `holds`: the tasks of earlier deployments stay, and the new ones all come up beside them.
    `pace`: how many of the clock's seconds pass in a real one, for what the tasks and clients themselves take.
    """

    name: str
    desired: int = 1
    status: str = "ACTIVE"
    minimum_percent: int = 100
    maximum_percent: int = 200
    breaker: bool = False
    rollback: bool = False
    threshold_type: str = "BOUNDED_PERCENT"
    threshold_value: int = 50
    reset_on_healthy: bool = True
    grace: float = 0.0
    alarms: tuple[str, ...] = ()
    alarm_rollback: bool = False
    early_percent: int = 100
    holds: bool = False
    recoverable: bool = False
    steady: bool = False
    pace: float = 1.0


@dataclass(frozen=True)
class Start:
    deployment: str
    count: int


@dataclass(frozen=True)
class Register:
    task: str
    group: str
    port: int


@dataclass(frozen=True)
class Drain:
    """Take the task out of service; it is ended once its targets have drained."""

    task: str
    reason: str
    code: str = SCHEDULER


@dataclass(frozen=True)
class Terminate:
    task: str


@dataclass(frozen=True)
class Count:
    """The deployment's consecutive failures are now this many; the next start waits until `retry_at`."""

    deployment: str
    failures: int
    retry_at: float = 0.0
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Complete:
    deployment: str


@dataclass(frozen=True)
class Fail:
    """`alarms` are the reason, where there are any; else it is the circuit breaker."""

    deployment: str
    reason: str
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class RollBack:
    deployment: str
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forget:
    deployment: str


@dataclass(frozen=True)
class Steady:
    pass


@dataclass(frozen=True)
class Retire:
    """The deleted service has no tasks left: DRAINING becomes INACTIVE."""


@dataclass(frozen=True)
class Say:
    message: str


Action = Start | Register | Drain | Terminate | Count | Complete | Fail | RollBack | Forget | Steady | Retire | Say


def threshold(service: Service) -> int:
    """Failures that trip the circuit breaker: 50 % of the desired count, at least 3, at most 200, unless configured."""
    if service.threshold_type == "COUNT":
        return max(1, service.threshold_value)
    share = math.ceil(service.threshold_value * service.desired / 100)
    return max(1, share) if service.threshold_type == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def backoff(failures: int) -> float:
    """Seconds until the next start after this many consecutive failures: none at first, then doubling to 15 minutes."""
    return 0.0 if failures < FREE_FAILURES else min(MAX_BACKOFF_SECONDS, 5.0 * 2 ** (failures - FREE_FAILURES))


def provider(strategy: Sequence[Mapping[str, Any]], places: Sequence[str | None]) -> str | None:
    """The capacity provider of the next task: bases first, then whose share is furthest behind its weight.

    :param strategy: a service's `capacityProviderStrategy`.
    :param places: the capacity providers of the tasks that the deployment has.
    """
    counts = {item["capacityProvider"]: places.count(item["capacityProvider"]) for item in strategy}
    short = [item for item in strategy if counts[item["capacityProvider"]] < item.get("base", 0)]
    if short:
        return str(short[0]["capacityProvider"])

    def fullness(item: Mapping[str, Any]) -> float:
        beyond = counts[item["capacityProvider"]] - item.get("base", 0)
        return float((beyond + 1) / item["weight"])

    weighed = [item for item in strategy if item.get("weight")]
    return str(min(weighed, key=fullness)["capacityProvider"]) if weighed else None


def ready(task: Task, now: float, pace: float = 1.0) -> bool:
    """Whether the task counts as healthy: container check, then target health, else a short stay in RUNNING."""
    if task.status != "RUNNING" or task.health not in ("", "HEALTHY"):
        return False
    if task.targets:
        return all(target.state in ("healthy", "unused") for target in task.targets)
    return bool(task.health) or now - task.started >= SETTLE_SECONDS * pace


def plan(service: Service, deployments: Sequence[Deployment], tasks: Sequence[Task], now: float) -> list[Action]:
    """The scheduler's next actions, in the order in which they are to be applied."""
    step = _Step(service, deployments, tasks, now)
    step.end_drained()
    if service.status != "ACTIVE":
        reason = f"Scaling activity initiated by (deployment {step.primary.id})" if step.primary else "Service deleted"
        step.drain([task for task in tasks if task.serving], reason)
        return step.actions if step.live else [Retire()]
    if not step.primary:
        return step.actions
    step.register()
    step.stop_unhealthy()
    if step.alarmed() or step.count_failures():
        return step.actions
    step.scale()
    step.settle()
    step.forget()
    return step.actions


@dataclass
class _Step:
    service: Service
    deployments: Sequence[Deployment]
    tasks: Sequence[Task]
    now: float
    actions: list[Action] = field(default_factory=list)
    moved: bool = False

    def __post_init__(self) -> None:
        self.primary = next((item for item in self.deployments if item.status == "PRIMARY"), None)
        self.live = [task for task in self.tasks if task.live]
        self.sick: list[Task] = []

    def ready(self, task: Task) -> bool:
        return ready(task, self.now, self.service.pace)

    def say(self, text: str) -> None:
        self.actions.append(Say(f"(service {self.service.name}) {text}"))

    def drain(self, tasks: Sequence[Task], reason: str) -> None:
        self.moved = self.moved or bool(tasks)
        self.actions.extend(Drain(task.id, reason) for task in tasks)

    def end_drained(self) -> None:
        for task in self.live:
            if task.status == "DEACTIVATING" and not any(target.state for target in task.targets):
                self.actions.append(Terminate(task.id))

    def register(self) -> None:
        for task in self.live:
            if task.status == "RUNNING":
                self.actions.extend(
                    Register(task.id, target.group, target.port) for target in task.targets if not target.state
                )

    def stop_unhealthy(self) -> None:
        for task in self.live:
            if task.status != "RUNNING":
                continue
            if task.health == "UNHEALTHY":
                self.say(f"(task {task.id}) failed container health checks.")
                self.drain([task], "Task failed container health checks")
                self.sick.append(task)
                continue
            bad = next((target for target in task.targets if target.state == "unhealthy"), None)
            if bad and self.now - task.started >= self.service.grace:
                where = f"(target-group {bad.group})"
                self.say(f"(port {bad.port}) is unhealthy in {where} due to (reason {bad.reason}).")
                self.drain([task], f"Task failed ELB health checks in {where}")
                self.sick.append(task)

    def alarmed(self) -> bool:
        """Whether an alarm ends the current deployment. A rollback is not watched by alarms."""
        current, alarms = self.primary, self.service.alarms
        assert current is not None
        if not alarms or current.rollout != "IN_PROGRESS" or current.rolls_back:
            return False
        self.actions.append(Fail(current.id, "ECS deployment alarm: alarm detected.", alarms))
        self.say(f"(deployment {current.id}) deployment failed: alarm detected.")
        if self.service.alarm_rollback and self.service.recoverable:
            self.actions.append(RollBack(current.id, alarms))
        return True

    def count_failures(self) -> bool:
        """Counts the failures of the current deployment; true when that ended the deployment."""
        current = self.primary
        assert current is not None
        ended = [task for task in self.tasks if task.failed]
        mine = [task for task in (*ended, *self.sick) if task.deployment == current.id]
        healthy = any(self.ready(task) for task in self.live if task.deployment == current.id)
        failures = current.failures + len(mine)
        if self.service.reset_on_healthy and healthy and not mine:
            failures = 0
        if failures != current.failures or ended:
            retry = self.now + backoff(failures) if mine else current.retry_at
            self.actions.append(Count(current.id, failures, retry, tuple(task.id for task in ended)))
            if current.failures < FREE_FAILURES <= failures:
                self.say(
                    "is unable to consistently start tasks successfully. For more information, see the "
                    "Troubleshooting section of the Amazon ECS Developer Guide."
                )
        tripped = self.service.breaker and failures >= threshold(self.service)
        if current.rollout != "IN_PROGRESS" or not tripped:
            return False
        self.actions.append(Fail(current.id, "ECS deployment circuit breaker: tasks failed to start."))
        self.say(f"(deployment {current.id}) deployment failed: tasks failed to start.")
        if self.service.rollback and self.service.recoverable and not current.rolls_back:
            self.actions.append(RollBack(current.id))
        return True

    def scale(self) -> None:
        current = self.primary
        assert current is not None
        desired = self.service.desired
        serving = [task for task in self.live if task.serving and task not in self.sick]
        new = [task for task in serving if task.deployment == current.id]
        dead = {item.id for item in self.deployments if item.rollout == "FAILED" and item.status != "PRIMARY"}
        reason = f"Scaling activity initiated by (deployment {current.id})"
        self.drain([task for task in serving if task.deployment in dead], reason)
        old = [task for task in serving if task.deployment != current.id and task.deployment not in dead]

        if len(new) > desired:
            spare = sorted(new, key=lambda task: (self.ready(task), -task.created))[: len(new) - desired]
            self.drain(spare, reason)
            new = [task for task in new if task not in spare]

        wanted = desired - len(new)
        if self.service.holds:
            old = []
        room = max(1, desired * self.service.maximum_percent // 100) - len(new) - len(old)
        blocked = max(0, wanted - max(0, room))
        count = min(wanted, room)
        if current.rollout != "FAILED" and current.retry_at <= self.now and count > 0:
            self.moved = True
            self.actions.append(Start(current.id, count))

        healthy_new = [task for task in new if self.ready(task)]
        healthy_old = [task for task in old if self.ready(task)]
        floor = math.ceil(desired * self.service.minimum_percent / 100)
        spare_healthy = max(0, len(healthy_new) + len(healthy_old) - floor)
        surplus = max(len(healthy_new) + len(old) - desired, blocked)
        if current.rollout == "FAILED":
            surplus = 0
        useless = [task for task in old if task not in healthy_old][:surplus]
        self.drain([*useless, *healthy_old[: min(spare_healthy, surplus - len(useless))]], reason)

    def settle(self) -> None:
        current = self.primary
        assert current is not None
        whole = [task for task in self.live if task.deployment == current.id and self.ready(task)]
        alone = all(task.deployment == current.id for task in self.live)
        if self.service.holds:
            return
        early = math.ceil(self.service.desired * self.service.early_percent / 100)
        if current.rollout == "IN_PROGRESS" and early < self.service.desired and alone and len(whole) >= early:
            self.actions.append(Complete(current.id))
            self.say(f"(deployment {current.id}) deployment completed.")
            return
        if self.moved or len(whole) != self.service.desired or len(self.live) != len(whole):
            return
        if current.rollout == "IN_PROGRESS":
            self.actions.append(Complete(current.id))
            self.say(f"(deployment {current.id}) deployment completed.")
        if current.rollout == "IN_PROGRESS" or (not self.service.steady and current.rollout == "COMPLETED"):
            self.actions.append(Steady())
            self.say("has reached a steady state.")

    def forget(self) -> None:
        used = {task.deployment for task in self.live}
        for item in self.deployments:
            if (
                item.status != "PRIMARY"
                and item.id not in used
                and (item.rollout != "FAILED" or self.now - item.ended >= FAILED_LINGER_SECONDS * self.service.pace)
            ):
                self.actions.append(Forget(item.id))
