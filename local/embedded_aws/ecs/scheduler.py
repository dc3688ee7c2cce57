# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler's loop: hands what is to the plan, and does what the plan says."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable

from embedded_aws.context import Context
from embedded_aws.ecs import definitions
from embedded_aws.ecs import deployments
from embedded_aws.ecs import mesh
from embedded_aws.ecs import plan
from embedded_aws.ecs import shift
from embedded_aws.ecs import tasks
from embedded_aws.ecs.runtime import Runtime
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import Store
from embedded_aws.ecs.store import scope_of
from embedded_aws.ecs.store import serving
from embedded_aws.ecs.store import short

TICK_SECONDS = 0.2
LOOK_SECONDS = 0.3
# Stopped tasks stay describable for an hour (AWS: "at least one hour").
KEEP_SECONDS = 3600.0
EVENTS = 100
# A reset waits this long for each task.
RESET_SECONDS = 40.0
log = logging.getLogger("embedded_aws.ecs")


class Ecs:
    """All records change under `lock`, which nobody holds while a container is waited for.

    :param wall: the time that people see, in seconds since 1970; the context's clock only paces.
    :param threads: whether each task lives on a thread; else the caller takes the steps of `lives`.
    """

    def __init__(
        self, context: Context, store: Store, wall: Callable[[], float] = time.time, *, threads: bool = True
    ) -> None:
        self.context = context
        self.runtime: Runtime = context.runtime
        self.store = store
        self.wall = wall
        self.lock = threading.RLock()
        self.lives: dict[str, tasks.Life] = {}
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._threads = threads

    # The loop

    def start(self) -> None:
        """Begin to schedule, once all services have their records back."""
        threading.Thread(target=self._loop, daemon=True, name="ecs-scheduler").start()

    def wake(self) -> None:
        self._wake.set()

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()
            self.tick()

    def tick(self) -> None:
        """One round over all services."""
        with self.lock:
            for (account, region, _), service in self.store.services.all_items():
                if service["status"] == "INACTIVE":
                    continue
                try:
                    with self.store.scope(account, region):
                        self._schedule(service)
                except Exception:
                    log.exception("The service %s could not be scheduled.", service["serviceName"])
            self._forget()

    def _schedule(self, service: Record) -> None:
        release = deployments.current_release(service)
        if release["status"] == "PENDING":
            release.update(status="IN_PROGRESS", startedAt=self.wall(), updatedAt=self.wall())
        mine = self.store.tasks_of(service)
        for task in mine:
            if task["lastStatus"] == "STOPPED":
                self.leave_targets(task)
        pace = 1 / self.context.clock.real(1)
        listed = [
            plan.Deployment(
                item["id"], item["status"], item["rolloutState"], item["failedTasks"], item["_retry_at"],
                item["_ended"], item["_rolls_back"],
            )
            for item in service["deployments"]
        ]  # fmt: skip
        seen = [self._seen(service, task) for task in mine]
        by_id = {short(task["taskArn"]): task for task in mine}
        now, clock, target = self.wall(), self.context.clock.now(), release["_deployment"]
        new = [task for task in seen if task.deployment == target and plan.ready(task, clock, pace)]
        if why := shift.step(self.store, service, now, clock, pace, ready=len(new) >= service["desiredCount"]):
            if service["_good"]:
                deployments.roll_back(self.store, service, why, now, clock, "lifecycle hook")
            else:
                deployments.abort(self.store, service, why, now, clock)
            return
        settings = deployments.settings(service, pace, deployments.raised(self.store, service))
        for action in plan.plan(settings, listed, seen, clock):
            self._apply(service, by_id, action)
        mesh.keep(self.store, service, mine)

    def _seen(self, service: Record, task: Record) -> plan.Task:
        """The task as the plan sees it."""
        alive = task["_address"] and task["lastStatus"] != "STOPPED"
        targets = [
            plan.Target(group, port, *self.context.target_state(group, task["_address"], port))
            for group, port in (self._targets(service, task) if alive else ())
        ]
        return plan.Task(
            short(task["taskArn"]), task["startedBy"], task["lastStatus"], task["createdAt"], task["_started"],
            tasks.health(task), tuple(targets), task["_failed"],
        )  # fmt: skip

    def _targets(self, service: Record, task: Record) -> list[tuple[str, int]]:
        """The target groups and ports of the task: those it is in, else those its service revision asks for."""
        if task["_targets"] or task["desiredStatus"] == "STOPPED":
            return [(group, port) for group, port in task["_targets"]]
        _, deployment = self.owner(task)
        return shift.targets(service["_revisions"][deployment["_revision"]]) if deployment else []

    def _apply(self, service: Record, mine: dict[str, Record], action: plan.Action) -> None:
        now, clock = self.wall(), self.context.clock.now()
        everyone = list(mine.values())
        match action:
            case plan.Start(deployment, count):
                service["_steady"] = False
                started = [self._launch(service, deployments.find(service, deployment)) for _ in range(count)]
                self.say(service, f"has started {count} tasks: {_named(started)}.")
            case plan.Register(task, group, port):
                self.context.register_target(group, mine[task]["_address"], port)
                if [group, port] not in mine[task]["_targets"]:
                    mine[task]["_targets"].append([group, port])
                    self.say(service, f"registered 1 targets in (target-group {group})")
            case plan.Drain(task, reason, code):
                self._drain(service, mine[task], code, reason)
            case plan.Terminate(task):
                mine[task]["_terminate"] = True
            case plan.Count(deployment, failures, retry_at, counted):
                for task in counted:
                    mine[task]["_failed"] = False
                deployments.find(service, deployment).update(failedTasks=failures, _retry_at=retry_at, updatedAt=now)
            case plan.Complete(deployment):
                deployments.complete(service, deployments.find(service, deployment), everyone, now)
            case plan.Fail(deployment):
                deployments.fail(service, deployments.find(service, deployment), action, everyone, now, clock)
            case plan.RollBack(_, alarms):
                by = "alarm" if alarms else "circuit breaker"
                back = deployments.roll_back(self.store, service, deployments.why(alarms), now, clock, by)
                self.say(service, f"rolling back to deployment {back}.")
            case plan.Forget(deployment):
                service["deployments"].remove(deployments.find(service, deployment))
            case plan.Steady():
                service["_steady"] = True
            case plan.Say(message):
                self._event(service, message)
            case plan.Retire():
                service.update(status="INACTIVE", deployments=[])
                self.store.tags.pop(service["serviceArn"], None)

    def say(self, service: Record, text: str) -> None:
        self._event(service, f"(service {service['serviceName']}) {text}")

    def _event(self, service: Record, message: str) -> None:
        event = {"id": str(uuid.uuid4()), "createdAt": self.wall(), "message": message}
        service["events"] = [event, *service["events"]][:EVENTS]

    # The embedded AWS itself

    def resume(self) -> None:
        """Take up the records of an earlier run: its tasks are gone, which is nobody's failure."""
        for _, task in self.store.tasks.all_items():
            task["lastStatus"] = "STOPPED"
            if task["desiredStatus"] != "STOPPED":
                tasks.end(task, "TerminationNotice", "The embedded AWS was restarted.")
            task.update(stoppedAt=task.get("stoppedAt") or self.wall(), _failed=False)
        for _, service in self.store.services.all_items():
            service["_steady"] = False
            for item in service["deployments"]:
                item.update(_retry_at=0.0, _ended=self.context.clock.now())
        self.wake()

    def clear(self) -> None:
        """End all tasks and forget all services, and wait for it."""
        with self.lock:
            for _, service in self.store.services.all_items():
                service["status"] = "INACTIVE"
            running = list(self.lives.values())
            for life in running:
                tasks.end(life.task, "UserInitiated", "The embedded AWS was reset.")
                life.task["_terminate"] = True
        for life in running:
            if life.thread:
                life.thread.join(RESET_SECONDS)

    def close(self) -> None:
        """End the loop and all tasks; the records stay as they are."""
        self._closing.set()
        self.runtime.close()

    # Tasks

    def _launch(self, service: Record, deployment: Record) -> Record:
        definition = self.store.definition(deployment["taskDefinition"])
        cluster = self.store.cluster(service["clusterArn"])
        sources = {"SERVICE": service["serviceArn"], "TASK_DEFINITION": definition["taskDefinitionArn"]}
        tags = self.store.tags.get(sources.get(service["propagateTags"], ""), [])
        places = [
            task["capacityProviderName"]
            for task in self.store.tasks_of(service)
            if task["startedBy"] == deployment["id"] and serving(task)
        ]
        return self.run(cluster, definition, {
            "group": f"service:{service['serviceName']}",
            "startedBy": deployment["id"],
            "launchType": service.get("launchType") or "FARGATE",
            "capacityProviderName": plan.provider(service.get("capacityProviderStrategy") or (), places),
            "networkConfiguration": service.get("networkConfiguration"),
            "enableExecuteCommand": service["enableExecuteCommand"],
            "tags": tags,
        })  # fmt: skip

    def run(self, cluster: Record, definition: Record, data: Record) -> Record:
        """Start one task."""
        task = tasks.new(self.store, cluster, definition, data, self.wall())
        self.store.tasks[task["taskArn"]] = task
        if task["tags"]:
            self.store.tags[task["taskArn"]] = list(task["tags"])
        life = tasks.Life(self, task)
        self.lives[life.id] = life
        if self._threads:
            life.thread = threading.Thread(target=self._live, args=(life,), daemon=True, name=f"ecs-task-{life.id[:8]}")
            life.thread.start()
        return task

    def _live(self, life: tasks.Life) -> None:
        for _ in life.steps():
            if self._closing.wait(LOOK_SECONDS):
                return

    def owner(self, task: Record) -> tuple[Record | None, Record | None]:
        """The service and the deployment that started the task."""
        if not task["group"].startswith("service:"):
            return None, None
        with self.store.scope(*scope_of(task["taskArn"])):
            key = f"{short(task['clusterArn'])}/{task['group'].removeprefix('service:')}"
            service = self.store.services.get(key)
        found = [item for item in (service or {}).get("deployments", ()) if item["id"] == task["startedBy"]]
        return (service, found[0]) if found else (None, None)

    def _drain(self, service: Record, task: Record, code: str, reason: str) -> None:
        service["_steady"] = False
        if not tasks.end(task, code, reason):
            return
        if task["_targets"]:
            self.say(service, "has begun draining connections on 1 tasks.")
            for group, _ in task["_targets"]:
                self.say(service, f"deregistered 1 targets in (target-group {group})")
        self.leave_targets(task)
        if serving(task):
            tasks.advance(task, "DEACTIVATING")
        self.say(service, f"has stopped 1 running tasks: {_named([task])}.")

    def leave_targets(self, task: Record) -> None:
        if not task["_left"]:
            task["_left"] = True
            for group, port in task["_targets"]:
                self.context.deregister_target(group, task["_address"], port)

    def stop(self, task: Record, reason: str) -> None:
        """StopTask: as the user asks, after its targets have drained."""
        service, _ = self.owner(task)
        if service:
            self._drain(service, task, "UserInitiated", reason)
        elif tasks.end(task, "UserInitiated", reason):
            task["_terminate"] = True
        self.wake()

    def interrupt(self, identity: str) -> bool:
        """AWS takes the capacity of a Spot task back: it is told to stop at once. False where no such task runs."""
        with self.lock:
            life = self.lives.get(identity)
            if not life or life.task["capacityProviderName"] != "FARGATE_SPOT":
                return False
            tasks.end(life.task, "SpotInterruption", "Your Spot Task was interrupted.")
            life.task["_terminate"] = True
        self.wake()
        return True

    def stopped(self, task: Record) -> None:
        self.lives.pop(short(task["taskArn"]), None)
        self.store.tags.pop(task["taskArn"], None)

    def _forget(self) -> None:
        """Stopped tasks of an hour ago, and deleted task definitions that nothing uses."""
        limit = self.wall() - KEEP_SECONDS
        for (account, region, arn), task in self.store.tasks.all_items():
            if task["lastStatus"] == "STOPPED" and task.get("stoppedAt", 0) < limit:
                with self.store.scope(account, region):
                    self.store.tasks.pop(arn, None)
        definitions.sweep(self.store)


def _named(started: list[Record]) -> str:
    return " ".join(f"(task {short(task['taskArn'])})" for task in started)
