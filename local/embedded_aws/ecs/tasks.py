# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one task, from PROVISIONING to STOPPED."""

from __future__ import annotations

import contextlib
import copy
import functools
import threading
import time
import uuid
from collections.abc import Iterator
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

from embedded_aws.ecs import deployments
from embedded_aws.ecs.runtime import Container
from embedded_aws.ecs.runtime import ForeignImage
from embedded_aws.ecs.runtime import HealthCheck
from embedded_aws.ecs.runtime import PullError
from embedded_aws.ecs.runtime import StartError
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import Store
from embedded_aws.ecs.store import image_at
from embedded_aws.ecs.store import option
from embedded_aws.ecs.store import scope_of
from embedded_aws.ecs.store import short

if TYPE_CHECKING:
    from embedded_aws.ecs.scheduler import Ecs

EXITED = "Essential container in task exited"
AGENT = "ExecuteCommandAgent"
NO_SECRET = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "unable to retrieve {}: service call has been retried 1 time(s): {}"
)
NO_LOG_GROUP = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to "
    "create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"
)


class Failed(Exception):
    """The task ends: why, with which stop code, and the container that this is the reason of too."""

    def __init__(self, reason: str, code: str = "TaskFailedToStart", container: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.container = container


def new(store: Store, cluster: Record, definition: Record, data: Record, now: float) -> Record:
    """A task record. `data` is a RunTask request, or what a service asks for in the same words."""
    identity = uuid.uuid4().hex
    path = (cluster["clusterName"], identity)
    arn = store.arn("task", *path)
    subnets = option(data, "networkConfiguration", "awsvpcConfiguration", "subnets", default=[])
    subnet = subnets[int(identity, 16) % len(subnets)] if subnets else ""
    fargate = data.get("launchType") == "FARGATE" or data.get("capacityProviderName")
    arm = option(definition, "runtimePlatform", "cpuArchitecture") == "ARM64"
    shell = data.get("enableExecuteCommand", False)
    storage = definition.get("ephemeralStorage") or {"sizeInGiB": 20}
    interface = {
        "id": str(uuid.uuid4()), "type": "ElasticNetworkInterface", "status": "PRECREATED",
        "details": [{"name": "subnetId", "value": subnet}],
    }  # fmt: skip
    return {
        "taskArn": arn,
        "clusterArn": cluster["clusterArn"],
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": data.get("group") or f"family:{definition['family']}",
        "startedBy": data.get("startedBy", ""),
        "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING", "healthStatus": "UNKNOWN", "version": 1,
        "createdAt": now,
        "launchType": data.get("launchType"),
        "capacityProviderName": data.get("capacityProviderName"),
        "platformVersion": "1.4.0" if fargate else None,
        "platformFamily": "Linux" if fargate else None,
        "cpu": definition.get("cpu"), "memory": definition.get("memory"),
        "ephemeralStorage": storage, "fargateEphemeralStorage": storage,
        "availabilityZone": (store.subnets.get(subnet) or {}).get("AvailabilityZone", f"{store.region()}a"),
        "connectivity": "CONNECTED",
        "enableExecuteCommand": shell,
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **(data.get("overrides") or {})},
        "attributes": [{"name": "ecs.cpu-architecture", "value": "arm64" if arm else "x86_64"}],
        "tags": list(data.get("tags") or ()),
        "attachments": [interface] if subnets else [],
        "containers": [
            {
                "containerArn": store.arn("container", *path, str(uuid.uuid4())), "taskArn": arn, "name": item["name"],
                "image": item["image"], "lastStatus": "PENDING", "healthStatus": "UNKNOWN", "networkInterfaces": [],
                **{name: str(item[name]) for name in ("cpu", "memory", "memoryReservation") if name in item},
                **({"managedAgents": [{"name": AGENT, "lastStatus": "PENDING"}]} if shell else {}),
            }
            for item in definition["containerDefinitions"]
        ],
        "_targets": [], "_left": False, "_address": "", "_started": 0.0, "_failed": False, "_terminate": False,
        "_definition": copy.deepcopy(definition),
    }  # fmt: skip


def health(task: Record) -> str:
    """The task's health as its containers' checks give it: empty without any check."""
    checked = {item["name"] for item in task["_definition"]["containerDefinitions"] if item.get("healthCheck")}
    states = {item["healthStatus"] for item in task["containers"] if item["name"] in checked}
    return next((state for state in ("UNHEALTHY", "UNKNOWN", "HEALTHY") if state in states), "")


def advance(task: Record, status: str, **fields: object) -> None:
    task.update(lastStatus=status, version=task["version"] + 1, **fields)


def end(task: Record, code: str, reason: str) -> bool:
    """Ask for the task's end; the first reason given stays. False when it was already ending."""
    if task["desiredStatus"] == "STOPPED":
        return False
    advance(task, task["lastStatus"], desiredStatus="STOPPED", stopCode=code, stoppedReason=reason)
    return True


def in_order(definitions: list[Record]) -> list[Record]:
    """The containers, each after those that it depends on."""
    ordered: list[Record] = []
    while waiting := [item for item in definitions if item not in ordered]:
        there = {item["name"] for item in ordered}
        free = [item for item in waiting if {one["containerName"] for one in item.get("dependsOn", ())} <= there]
        ordered += free or waiting
    return ordered


class Life:
    """Takes a task through its states. `steps` may block in the runtime; it yields where it only waits."""

    def __init__(self, ecs: Ecs, task: Record) -> None:
        self.ecs = ecs
        self.task = task
        self.id = short(task["taskArn"])
        self.scope = functools.partial(ecs.store.scope, *scope_of(task["taskArn"]))
        self.definitions = in_order(task["_definition"]["containerDefinitions"])
        self.records: dict[str, Record] = {item["name"]: item for item in task["containers"]}
        self.started: list[str] = []
        self.thread: threading.Thread | None = None

    def steps(self) -> Iterator[None]:
        try:
            yield from self._provision()
            prepared = [(item, self._environment(item), self._log(item)) for item in self.definitions]
            left_out = self._pull({item["name"]: log for item, _environment, log in prepared})
            self._start([self._container(*parts) for parts in prepared if parts[0]["name"] not in left_out])
            while not self._over():
                yield
        except Failed as failed:
            self._fail(failed)
        except Exception as problem:
            self._fail(Failed(f"ResourceInitializationError: {problem}"))
        self._stop()

    def _provision(self) -> Iterator[None]:
        """Wait for the place to run in."""
        clock = self.ecs.context.clock
        ready = clock.now() + self.ecs.context.delays.get("deployment", 0)
        while clock.now() < ready and self.task["desiredStatus"] != "STOPPED":
            yield

    def _environment(self, item: Record) -> dict[str, str]:
        """What Fargate sets, the definition's variables, its secrets, the task's overrides."""
        region = scope_of(self.task["taskArn"])[1]
        found = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}
        found |= {variable["name"]: variable.get("value", "") for variable in item["environment"]}
        for secret in item.get("secrets", ()):
            try:
                with self.scope():
                    found[secret["name"]] = self.ecs.context.read_secret(secret["valueFrom"])
            except LookupError as problem:
                why, arn = str(problem.args[0]), secret["valueFrom"]
                if ":secretsmanager:" in arn:
                    fetched = f"failed to fetch secret {arn} from secrets manager: {why}"
                    raise Failed(NO_SECRET.format("secret from asm", fetched)) from None
                raise Failed(NO_SECRET.format("secrets from ssm", why)) from None
        return found | {variable["name"]: variable.get("value", "") for variable in self._override(item, "environment")}

    def _override(self, item: Record, member: str) -> list[Any]:
        overrides = self.task["overrides"]["containerOverrides"]
        return next((o.get(member) or [] for o in overrides if o.get("name") == item["name"]), [])

    def _log(self, item: Record) -> functools.partial[None]:
        """Where the container's lines go; the log group must exist, and the stream is made before the start."""
        options = option(item, "logConfiguration", "options", default={})
        driver, prefix = option(item, "logConfiguration", "logDriver"), options.get("awslogs-stream-prefix")
        group = options.get("awslogs-group", "") if driver == "awslogs" else ""
        stream = f"{prefix}/{item['name']}/{self.id}" if prefix else self.id
        try:
            if group:
                with self.scope():
                    self.ecs.context.put_log_lines(group, stream, [])
        except LookupError:
            raise Failed(NO_LOG_GROUP) from None
        return functools.partial(self._write, group, stream)

    def _write(self, group: str, stream: str, line: str, time: float) -> None:
        # A log group that somebody deletes later takes the lines with it; the task goes on.
        if group:
            with contextlib.suppress(LookupError), self.scope():
                self.ecs.context.put_log_lines(group, stream, [(line, time)])

    def _pull(self, logs: Mapping[str, functools.partial[None]]) -> set[str]:
        """Have all images. A deployment's tag means to the end what it meant to its first task.

        Answers the containers that the task goes without, as they are not essential and their images are of a kind that
        the runtime cannot run; their logs say so.
        """
        left_out: set[str] = set()
        self._advance("PENDING", pullStartedAt=self.ecs.wall())
        for item in self.definitions:
            name, image = item["name"], item["image"]
            with self.ecs.lock:
                pinned = option(self.ecs.owner(self.task)[1] or {}, "_images", name)
            try:
                digest = self.ecs.runtime.pull(image_at(image, pinned) if pinned else image)
            except PullError as problem:
                if isinstance(problem, ForeignImage) and not item.get("essential", True):
                    logs[name](f"This container does not run here: {problem}", time.time())
                    with self.ecs.lock:
                        self.records[name].update(lastStatus="STOPPED", reason=str(problem))
                    left_out.add(name)
                    continue
                raise Failed(f"CannotPullContainerError: {problem}", container=name) from None
            with self.ecs.lock:
                self.records[name]["imageDigest"] = digest
                service, deployment = self.ecs.owner(self.task)
                if service and deployment:
                    deployments.pin(service, deployment, name, image, digest)
        self._advance("PENDING", pullStoppedAt=self.ecs.wall())
        return left_out

    def _container(self, item: Record, environment: dict[str, str], log: functools.partial[None]) -> Container:
        check, real = item.get("healthCheck"), self.ecs.context.clock.real
        memory = item.get("memory") or self.task["_definition"].get("memory") or 0
        mounts = [mount["containerPath"] for mount in item["mountPoints"] if not mount.get("readOnly")]
        mounts += [mount["containerPath"] for mount in option(item, "linuxParameters", "tmpfs", default=())]
        return Container(
            task=self.id, name=item["name"], image=image_at(item["image"], self.records[item["name"]]["imageDigest"]),
            log=log, environment=environment, memory=int(memory), volumes=tuple(mounts), user=item.get("user", ""),
            entry_point=tuple(item.get("entryPoint") or ()), working_directory=item.get("workingDirectory", ""),
            command=tuple(self._override(item, "command") or item.get("command") or ()),
            read_only_root=item.get("readonlyRootFilesystem", False), stop_timeout=item.get("stopTimeout", 30),
            init=option(item, "linuxParameters", "initProcessEnabled", default=False),
            # Only the interval follows the clock: no clock makes programs faster.
            health_check=HealthCheck(tuple(check["command"]), real(check["interval"]), check["timeout"],
                                     check["retries"], check.get("startPeriod", 0)) if check else None,
        )  # fmt: skip

    def _start(self, containers: list[Container]) -> None:
        for container in containers:
            try:
                self.ecs.runtime.start(container)
            except StartError as problem:
                raise Failed(f"CannotStartContainerError: {problem}", container=container.name) from None
            self.started.append(container.name)
        address = self.ecs.runtime.address(self.id)
        host = f"ip-{address.replace('.', '-')}.{scope_of(self.task['taskArn'])[1]}.compute.internal"
        with self.ecs.lock:
            interfaces = []
            for attachment in self.task["attachments"]:
                attachment["status"] = "ATTACHED"
                attachment["details"] += [
                    {"name": "networkInterfaceId", "value": f"eni-{self.id[:17]}"},
                    {"name": "macAddress", "value": ":".join(["02", *(self.id[i : i + 2] for i in range(0, 10, 2))])},
                    {"name": "privateDnsName", "value": host},
                    {"name": "privateIPv4Address", "value": address},
                ]
                interfaces.append({"attachmentId": attachment["id"], "privateIpv4Address": address})
            for item in (self.records[name] for name in self.started):
                runtime_id = f"{self.id}-{item['containerArn'][-10:]}"
                item.update(lastStatus="RUNNING", runtimeId=runtime_id, networkInterfaces=interfaces)
                for agent in item.get("managedAgents", ()):
                    agent.update(lastStatus="RUNNING", lastStartedAt=self.ecs.wall())
            self.task.update(_address=address, _started=self.ecs.context.clock.now())
            self._advance("RUNNING", startedAt=self.ecs.wall(), connectivityAt=self.ecs.wall())

    def _over(self) -> bool:
        """Look at the containers; whether the task is to be stopped now."""
        states = {name: self.ecs.runtime.state(self.id, name) for name in self.started}
        with self.ecs.lock:
            before = self.task["healthStatus"]
            for name, state in states.items():
                self.records[name]["healthStatus"] = state.health or "UNKNOWN"
                if not state.running:
                    self.records[name].update(
                        lastStatus="STOPPED", exitCode=state.exit_code, reason=state.reason or None
                    )
            self.task["healthStatus"] = health(self.task) or "UNKNOWN"
            if self.task["healthStatus"] != before:
                self.ecs.wake()
        ended = [name for name, state in states.items() if not state.running]
        if any(item["name"] in ended and item.get("essential", True) for item in self.definitions):
            raise Failed(EXITED, "EssentialContainerExited")
        return self.task["_terminate"] or len(ended) == len(states)

    def _advance(self, status: str, **fields: object) -> None:
        """The next state on the way up, unless the task is to stop."""
        with self.ecs.lock:
            if self.task["desiredStatus"] == "STOPPED":
                raise Failed(self.task["stoppedReason"])
            advance(self.task, status, **fields)
        self.ecs.wake()

    def _fail(self, failed: Failed) -> None:
        with self.ecs.lock:
            self.task["_failed"] = end(self.task, failed.code, str(failed)) and bool(self.ecs.owner(self.task)[0])
            if failed.container:
                self.records[failed.container]["reason"] = str(failed)

    def _stop(self) -> None:
        """Stop what still runs. The task leaves its target groups at once if it did not drain before."""
        with self.ecs.lock, self.scope():
            self.ecs.leave_targets(self.task)
            end(self.task, "EssentialContainerExited", EXITED)
            advance(self.task, "STOPPING", stoppingAt=self.ecs.wall())
        for name in reversed(self.started):
            self.ecs.runtime.stop(self.id, name)
        states = {name: self.ecs.runtime.state(self.id, name) for name in self.started}
        with self.ecs.lock:
            advance(self.task, "DEPROVISIONING", executionStoppedAt=self.ecs.wall())
        self.ecs.runtime.remove(self.id)
        with self.ecs.lock, self.scope():
            for name, item in self.records.items():
                item["lastStatus"] = "STOPPED"
                for agent in item.get("managedAgents", ()):
                    agent["lastStatus"] = "STOPPED"
                if name in states:
                    item["exitCode"] = states[name].exit_code
                    item["reason"] = item.get("reason") or states[name].reason or None
            for attachment in self.task["attachments"]:
                attachment["status"] = "DELETED"
            advance(self.task, "STOPPED", stoppedAt=self.ecs.wall(), connectivity="DISCONNECTED")
            self.ecs.stopped(self.task)
        self.ecs.wake()
