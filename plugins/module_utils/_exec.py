# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell in a task needs, what of it is missing, and the command that opens it. The judgement is pure.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import short
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
AGENT = "ExecuteCommandAgent"
# Where the agent writes; a root filesystem that cannot be written to has to have these from elsewhere.
AGENT_FOLDERS = ("/var/lib/amazon", "/var/log/amazon")
PROGRAMS = ("aws", "session-manager-plugin")


@dataclass(frozen=True)
class Seen:
    """What could be read. `task`: None where none runs; `statements`: of the task role, None where unreadable."""

    service: Document
    task: Document | None
    definition: Document
    statements: Sequence[Document] | None
    programs: frozenset[str]


@dataclass(frozen=True)
class Problem:
    """What is missing, a sentence without a stop, and what to do about it. `name` is stable, for playbooks."""

    name: str
    sentence: str
    remedy: str


def container_of(definition: Document, wanted: str | None) -> str:
    """The container to enter: the wanted one, else the first essential one.

    :raises Refused: when the definition has no such container.
    """
    containers = definition["containerDefinitions"]
    known = [str(box["name"]) for box in containers]
    if wanted is None:
        return str(next((box["name"] for box in containers if box.get("essential", True)), known[0]))
    if wanted not in known:
        raise Refused(f"There is no container {wanted} in the task: name one of {', '.join(known)}")
    return wanted


def problems(seen: Seen, container: str) -> Iterator[Problem]:
    """What stands in the way of a shell in this container."""
    allowed = bool(seen.service.get("enableExecuteCommand"))
    name = seen.service["serviceName"]
    if not allowed:
        yield Problem("service", f"The service {name} does not allow it", "set enable_execute_command on the service")
    if seen.task is None:
        yield Problem("task", f"No task of {name} runs", "look at its last deployment")
    elif allowed:
        yield from task_problems(seen.task, container)
    (box,) = (item for item in seen.definition["containerDefinitions"] if item["name"] == container)
    if box.get("readonlyRootFilesystem") and not writable(box):
        yield Problem(
            "read_only",
            f"The root filesystem of {container} is read-only, and the agent writes to {' and '.join(AGENT_FOLDERS)}",
            "deploy the container with readonlyRootFilesystem: false, or with volumes there",
        )
    yield from role_problems(seen)
    for program in PROGRAMS:
        if program not in seen.programs:
            yield Problem(program, f"{program} is not installed on this machine", f"install {program} and run again")


def task_problems(task: Document, container: str) -> Iterator[Problem]:
    identity = short(str(task["taskArn"]))
    if not task.get("enableExecuteCommand"):
        yield Problem(
            "task", f"The task {identity} was started before the service allowed it", "restart the service's tasks"
        )
        return
    boxes = (box for box in task.get("containers", ()) if box.get("name") == container)
    agents = [agent for box in boxes for agent in box.get("managedAgents", ()) if agent.get("name") == AGENT]
    for agent in agents:
        if agent.get("lastStatus") != "RUNNING":
            reason = f" ({agent['reason']})" if agent.get("reason") else ""
            yield Problem(
                "agent",
                f"The agent in {container} of task {identity} is {str(agent.get('lastStatus')).lower()}{reason}",
                "wait a moment; if it stays so, restart the service's tasks",
            )


def writable(box: Document) -> bool:
    places = [str(mount.get("containerPath", "")) for mount in box.get("mountPoints", ()) if not mount.get("readOnly")]
    return all(any(folder == place or folder.startswith(f"{place}/") for place in places) for folder in AGENT_FOLDERS)


def role_problems(seen: Seen) -> Iterator[Problem]:
    role = seen.definition.get("taskRoleArn")
    if not role:
        yield Problem("role", "The task has no task role", f"give it one that allows {', '.join(ACTIONS)}")
    elif seen.statements is not None:
        missing = [action for action in ACTIONS if not allows(seen.statements, action)]
        if missing:
            yield Problem("role", f"The task role {short(role)} does not allow {', '.join(missing)}", "allow them")


def allows(statements: Iterable[Document], action: str) -> bool:
    """Whether the statements allow an action on everything, and none denies it. Conditions are taken as met."""
    effects = {
        str(statement.get("Effect"))
        for statement in statements
        if covers(statement.get("Action"), action) and "*" in listed(statement.get("Resource"))
    }
    return effects == {"Allow"}


def covers(patterns: Any, action: str) -> bool:
    return any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in listed(patterns))


def listed(value: Any) -> list[Any]:
    """IAM writes one of something without a list."""
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def command(cluster: str, task: str, container: str, program: str, connection: Mapping[str, str | None]) -> str:
    """The exact command for a shell; `connection`: options of `aws` and their values, those without one left out."""
    words = ["aws", "ecs", "execute-command", "--cluster", cluster, "--task", task, "--container", container]
    words += ["--interactive", "--command", program]
    for option, value in connection.items():
        if value:
            words += [f"--{option}", value]
    return shlex.join(words)


class Reader:
    """Reads what a shell needs, in AWS."""

    def __init__(self, ecs: Any, iam: Any, cluster: str, service: str) -> None:
        self.ecs = ecs
        self.iam = iam
        self.cluster = cluster
        self.service = service

    def read(self, wanted: str | None, programs: frozenset[str]) -> Seen:
        """:raises Refused: when there is no such service, or no such task of it runs."""
        service = self._service()
        task = self._task(wanted)
        arn = task["taskDefinitionArn"] if task else service["taskDefinition"]
        definition = self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        role = definition.get("taskRoleArn")
        return Seen(service, task, definition, self.statements(short(role)) if role else None, programs)

    def _service(self) -> dict[str, Any]:
        try:
            found = self.ecs.describe_services(cluster=self.cluster, services=[self.service])["services"]
        except ClientError as error:
            if error_code(error) != "ClusterNotFoundException":
                raise
            found = []
        for service in found:
            if service["status"] == "ACTIVE":
                return dict(service)
        raise Refused(f"There is no service {self.service} in cluster {self.cluster}")

    def _task(self, wanted: str | None) -> dict[str, Any] | None:
        """The wanted task (id, its beginning, or ARN), else the one that a shell can enter and that started last."""
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=self.service, desiredStatus="RUNNING")["taskArns"]
        running = []
        if arns:
            tasks = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns[:100])["tasks"]
            running = [task for task in tasks if task["lastStatus"] == "RUNNING"]
        if wanted is None:
            order = sorted(running, key=lambda task: (bool(task.get("enableExecuteCommand")), task["createdAt"]))
            return order[-1] if order else None
        for task in running:
            if short(task["taskArn"]).startswith(short(wanted)):
                return dict(task)
        known = ", ".join(short(task["taskArn"]) for task in running) or "none"
        raise Refused(f"No task {short(wanted)} of {self.service} runs: these do: {known}")

    def statements(self, role: str) -> list[dict[str, Any]] | None:
        """The statements of a role's policies; None where they may not be read."""
        try:
            documents = [
                self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for page in self.iam.get_paginator("list_role_policies").paginate(RoleName=role)
                for name in page["PolicyNames"]
            ]
            for page in self.iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
                for attached in page["AttachedPolicies"]:
                    arn = attached["PolicyArn"]
                    version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                    answer = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)
                    documents.append(answer["PolicyVersion"]["Document"])
        except ClientError:
            return None
        return [statement for document in documents for statement in listed(document.get("Statement"))]
