# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell in a task needs, what of it is missing, and the command that opens it. The judgement is pure.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec-troubleshooting.html
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

from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import short
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._verify import Decision
from ansible_collections.amica.stack.plugins.module_utils._verify import Subnet
from ansible_collections.amica.stack.plugins.module_utils._verify import Unseen
from ansible_collections.amica.stack.plugins.module_utils._verify import no_way_out
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import or_unseen
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import principal
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import simulated
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import subnets_of

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
# What the command line asks of AWS: the container's id, then the session.
CALLER_ACTIONS = ("ecs:DescribeTasks", "ecs:ExecuteCommand")
# The service that agent and terminal meet in.
ENDPOINT = "ssmmessages"
AGENT = "ExecuteCommandAgent"
# Where the agent writes; a root filesystem that cannot be written to has to have these from elsewhere.
AGENT_FOLDERS = ("/var/lib/amazon", "/var/log/amazon")
PATIENCE = "wait a moment; if it stays so, restart the service's tasks"
PROGRAMS = ("aws", "session-manager-plugin")
# Files that another terminal may not name, without which it finds neither the profile nor its keys.
FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


@dataclass(frozen=True)
class Seen:
    """What could be read. `task`: None where none runs.

    `statements` are the task role's, `decisions` are on what the caller may do, `subnet` is the task's. What could not
    be read is `Unseen`; what there is nothing to know of is empty or None.
    """

    service: Document
    task: Document | None
    definition: Document
    statements: Sequence[Document] | Unseen
    decisions: Sequence[Decision] | Unseen
    subnet: Subnet | Unseen | None
    programs: frozenset[str]

    def not_checked(self) -> Iterator[str]:
        """What could not be looked at, and why: sentences without their stops."""
        looked_at = {"the task role": self.statements, "your own rights": self.decisions, "the network": self.subnet}
        for what, found in looked_at.items():
            if isinstance(found, Unseen):
                yield f"{what}: {found.why}"


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
    yield from caller_problems(seen)
    yield from network_problems(seen)
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
    if not agents:
        yield Problem("agent", f"No agent runs in {container} of task {identity} yet", PATIENCE)
    for agent in agents:
        if agent.get("lastStatus") != "RUNNING":
            reason = f" ({agent['reason']})" if agent.get("reason") else ""
            yield Problem(
                "agent",
                f"The agent in {container} of task {identity} is {str(agent.get('lastStatus')).lower()}{reason}",
                PATIENCE,
            )


def writable(box: Document) -> bool:
    places = [str(mount.get("containerPath", "")) for mount in box.get("mountPoints", ()) if not mount.get("readOnly")]
    return all(any(folder == place or folder.startswith(f"{place}/") for place in places) for folder in AGENT_FOLDERS)


def role_problems(seen: Seen) -> Iterator[Problem]:
    role = seen.definition.get("taskRoleArn")
    if not role:
        yield Problem("role", "The task has no task role", f"give it one that allows {', '.join(ACTIONS)}")
    elif not isinstance(seen.statements, Unseen):
        missing = [action for action in ACTIONS if not allows(seen.statements, action)]
        if missing:
            yield Problem("role", f"The task role {short(role)} does not allow {', '.join(missing)}", "allow them")


def caller_problems(seen: Seen) -> Iterator[Problem]:
    """Decisions that hang on a key of a condition which only a real call has count as met."""
    if isinstance(seen.decisions, Unseen):
        return
    denied = [one.action for one in seen.decisions if not one.allowed and not one.missing]
    if denied:
        actions = ", ".join(dict.fromkeys(denied))
        yield Problem("caller", f"These credentials may not {actions} there", "allow them to, or use others")


def network_problems(seen: Seen) -> Iterator[Problem]:
    """Whether the agent reaches the service in which the terminal meets it."""
    if not isinstance(seen.subnet, Subnet) or ENDPOINT in seen.subnet.endpoints:
        return
    network = (seen.service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    closed = no_way_out(seen.subnet, network.get("assignPublicIp") == "ENABLED")
    if closed:
        yield Problem(
            "network",
            f"The agent does not reach {ENDPOINT} from {seen.subnet.id}: {closed[0]}",
            f"add {ENDPOINT} to the VPC's endpoints (vpc_endpoints), or a NAT gateway",
        )


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


def command(
    cluster: str,
    task: str,
    container: str,
    program: str,
    connection: Mapping[str, str | None],
    environment: Mapping[str, str],
) -> str:
    """The exact command for a shell, in a terminal that has nothing of this run's environment but its path.

    `connection`: options of `aws` and their values, those without one left out.
    """
    files = [f"{name}={environment[name]}" for name in FILES if environment.get(name)]
    words = [*(["env", *files] if files else []), "aws", "ecs", "execute-command"]
    words += ["--cluster", cluster, "--task", task, "--container", container, "--interactive", "--command", program]
    for option, value in connection.items():
        if value:
            words += [f"--{option}", value]
    return shlex.join(words)


class Reader:
    """Reads what a shell needs, in AWS."""

    def __init__(self, aws: Clients, cluster: str, service: str) -> None:
        self.aws = aws
        self.ecs = aws("ecs")
        self.iam = aws("iam")
        self.cluster = cluster
        self.service = service

    def read(self, wanted: str | None, programs: frozenset[str]) -> Seen:
        """:raises Refused: when there is no such service, or no such task of it runs."""
        service = self._service()
        task = self._task(wanted)
        arn = task["taskDefinitionArn"] if task else service["taskDefinition"]
        definition = self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        role = definition.get("taskRoleArn")
        return Seen(
            service,
            task,
            definition,
            or_unseen(lambda: self.statements(short(role))) if role else (),
            or_unseen(lambda: self.decisions(task)) if task else (),
            or_unseen(lambda: self.subnet(task)) if task else None,
            programs,
        )

    def decisions(self, task: Document) -> list[Decision]:
        caller = principal(self.aws("sts"), self.iam)
        keys = {"aws:RequestedRegion": self.aws.region, "ecs:cluster": str(task["clusterArn"])}
        return simulated(self.iam, caller, CALLER_ACTIONS, str(task["taskArn"]), keys) if caller else []

    def subnet(self, task: Document) -> Subnet | None:
        details = [detail for item in task.get("attachments", ()) for detail in item.get("details", ())]
        identities = [detail["value"] for detail in details if detail.get("name") == "subnetId" and detail["value"]]
        found = subnets_of(self.aws("ec2"), self.aws.region, identities) if identities else []
        return found[0] if found else None

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

    def statements(self, role: str) -> list[dict[str, Any]]:
        """The statements of a role's policies."""
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
        return [statement for document in documents for statement in listed(document.get("Statement"))]
