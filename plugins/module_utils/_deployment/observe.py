# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at AWS: the only place of the package that reads from it, and (in `act`) writes to it.

What every poll needs is asked every poll; what cannot change (stopped tasks, the revision's images, task definitions)
is asked once and remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

try:
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError
except ImportError:
    pass  # AnsibleAWSModule has said so by the time anything here runs.

from ansible_collections.amica.stack.plugins.module_utils import _aws
from ansible_collections.amica.stack.plugins.module_utils._aws import seconds
from ansible_collections.amica.stack.plugins.module_utils._deployment import reading
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import LastWords
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Probe
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Target
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import redact
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import redacted_lines
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble
from ansible_collections.amica.stack.plugins.module_utils._trouble import trouble_of

Answer = Mapping[str, Any]

GONE = frozenset({"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"})
# Retries inside one call; more would hide from the watch that AWS is in trouble.
ATTEMPTS = 2
PAGE = 100
# A service that dies in a loop leaves hundreds of stopped tasks; the newest kinds are among the first.
MOST_PAGES = 5
# An API that knows no service deployment after so many looks will not know one later.
TRIES = 5


class Observer:
    """Looks at one deployment of one service, always the same one once it is known which.

    :param clients: gives the boto3 client of a service by name.
    :param deployment_id: `ecs-svc/...`, the ARN of a service deployment, or None for the service's current one.
    :param probe: asks the application's own address; only when everything else is well.
    """

    def __init__(
        self,
        clients: Callable[..., Any],
        cluster: str,
        service: str,
        deployment_id: str | None = None,
        probe: Callable[[], Probe] | None = None,
        region: str = "",
    ) -> None:
        self._clients = clients
        self._cluster = cluster
        self._service = service
        self._arn = deployment_id if deployment_id and deployment_id.startswith("arn:") else None
        self._id = None if self._arn else deployment_id
        self._probe = probe
        self._where = f"cluster {cluster}" + (f" in {region}" if region else "")
        self._tries = TRIES
        self._ended: dict[str, Task] = {}
        self._digests: dict[str, frozenset[str]] = {}
        self._definitions: dict[str, Answer] = {}
        self._notes: list[str] = []
        self._container = ""
        self.calls = 0

    def look(self, now: float) -> Snapshot:
        """What AWS says now. Trouble on the way is part of the answer; only a mistake of the caller is raised."""
        self.calls, self._notes = 0, []
        try:
            look = self._look(now)
        except (ClientError, BotoCoreError) as error:
            if _aws.error_code(error) in GONE:
                look = Snapshot(now, exists=False, note=self._absent(_aws.error_code(error)))
            elif (trouble := trouble_of(error)) is not None:
                look = Snapshot(now, trouble=trouble, note=redact(_aws.sentence(error)))
            else:
                raise
        return replace(look, calls=self.calls)

    def _look(self, now: float) -> Snapshot:
        answer = self._call("ecs", "describe_services", cluster=self._cluster, services=[self._service])
        service = next(iter(answer.get("services", ())), None)
        if service is None or service.get("status", "ACTIVE") != "ACTIVE":
            return Snapshot(now, exists=False, note=self._absent(service["status"] if service else ""))
        told = self._told(service)
        identity = self._identity(service, told)
        if identity is None:
            return Snapshot(now, note=f"the service {self._service} has no deployment")
        self._id = identity
        deployment = reading.read_deployment(service, identity, told)
        self._container = deployment.container
        groups = reading.target_groups(service)
        look = Snapshot(
            now,
            deployment=replace(deployment, digests=self._images(told, deployment)),
            tasks=self._tasks(),
            targets=self._targets(groups),
            balanced=bool(groups),
            events=reading.read_events(service, deployment.created_at),
            standing=reading.read_standing(service),
            note="; ".join(self._notes),
        )
        if self._probe and deployment.state is State.SUCCEEDED:
            look = replace(look, probe=self._probe())
        return look

    def _absent(self, status: str) -> str:
        if status == "ClusterNotFoundException":
            return f"There is no {self._where}, and so no service {self._service}."
        if status in ("DRAINING", "INACTIVE", "ServiceNotActiveException"):
            return f"The service {self._service} in {self._where} is deleted (status {status})."
        return f"There is no service {self._service} in {self._where}."

    def _identity(self, service: Answer, told: Answer | None) -> str | None:
        if self._id:
            return self._id
        if told is not None:
            listed = [item for item in service.get("deployments", ()) if reading.is_same(item, told)]
            if listed:
                return str(listed[0]["id"])
            if self._arn:
                revision = (told.get("targetServiceRevision") or {}).get("arn", self._arn)
                return f"ecs-svc/{reading.last_part(str(revision))}"
        primary = reading.primary_of(service)
        return reading.left_for(service, primary) or str(primary["id"]) if primary else None

    def _told(self, service: Answer) -> Answer | None:
        """The service deployment, where that API answers and knows it."""
        if self._arn is None and self._tries:
            self._tries -= 1
            self._arn = self._find_arn(service)
        if self._arn is None:
            return None
        with self._optional("The service deployment cannot be read"):
            answer = self._call("ecs", "describe_service_deployments", serviceDeploymentArns=[self._arn])
            return next(iter(answer.get("serviceDeployments", ())), None)
        return None

    def _find_arn(self, service: Answer) -> str | None:
        with self._optional("Service deployments cannot be listed, so ECS's list of deployments has to do"):
            answer = self._call("ecs", "list_service_deployments", cluster=self._cluster, service=self._service)
            candidates = answer.get("serviceDeployments", ())
            if self._id:
                listed = reading.deployment_of(service, self._id) or {"id": self._id}
                found = reading.matching(listed, candidates)
            else:
                current = service.get("currentServiceDeployment")
                newest = max(candidates, key=lambda item: seconds(item.get("createdAt")) or 0.0, default=None)
                found = next((item for item in candidates if item.get("serviceDeploymentArn") == current), newest)
            return str(found["serviceDeploymentArn"]) if found else None
        self._tries = 0
        return None

    @contextmanager
    def _optional(self, what: str) -> Iterator[None]:
        """A read that the verdict can do without for once. Expired credentials are not such a thing."""
        try:
            yield
        except AttributeError:
            self._notes.append(f"{what}: this botocore does not know the call")
        except (ClientError, BotoCoreError) as error:
            trouble = trouble_of(error)
            if trouble is Trouble.EXPIRED:
                raise
            if trouble not in (Trouble.THROTTLED, Trouble.OUTAGE):
                self._notes.append(f"{what}: {redact(_aws.sentence(error))}")

    def _images(self, told: Answer | None, deployment: Deployment) -> frozenset[str]:
        """The application's digests to which the deployment's revision is pinned; else those of its task definition."""
        revision = str(((told or {}).get("targetServiceRevision") or {}).get("arn", ""))
        source = revision or deployment.task_definition
        if source and source not in self._digests:
            with self._optional("The deployment's images cannot be read"):
                if revision:
                    answer = self._call("ecs", "describe_service_revisions", serviceRevisionArns=[revision])
                    images = [
                        image
                        for item in answer.get("serviceRevisions", ())
                        for image in item.get("containerImages", ())
                    ]
                    named = [(image.get("containerName"), str(image.get("imageDigest") or "")) for image in images]
                else:
                    containers = self._definition(source).get("containerDefinitions", ())
                    named = [(box.get("name"), reading.digest_in(str(box.get("image", "")))) for box in containers]
                self._digests[source] = frozenset(
                    digest for name, digest in named if digest and deployment.container in ("", name)
                )
        return self._digests.get(source, frozenset())

    def _tasks(self) -> tuple[Task, ...] | None:
        with self._optional("The tasks cannot be read"):
            arns = list(dict.fromkeys([*self._task_arns("RUNNING"), *self._task_arns("STOPPED")]))
            unknown = [arn for arn in arns if arn not in self._ended]
            current = []
            for chunk in (unknown[start : start + PAGE] for start in range(0, len(unknown), PAGE)):
                answer = self._call("ecs", "describe_tasks", cluster=self._cluster, tasks=chunk)
                for item in answer.get("tasks", ()):
                    task = reading.read_task(item)
                    current.append(task)
                    if task.status == "STOPPED":
                        self._ended[str(item["taskArn"])] = task
            return (*current, *(self._ended[arn] for arn in arns if arn in self._ended and arn not in unknown))
        return None

    def _task_arns(self, status: str) -> Iterator[str]:
        request: dict[str, Any] = {"cluster": self._cluster, "serviceName": self._service, "desiredStatus": status}
        for _page in range(MOST_PAGES):
            answer = self._call("ecs", "list_tasks", **request)
            yield from answer.get("taskArns", ())
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]

    def _targets(self, groups: Iterable[str]) -> tuple[Target, ...] | None:
        found: list[Target] = []
        for group in groups:
            with self._optional("The targets' health cannot be read"):
                found += reading.read_targets(
                    group, self._call("elbv2", "describe_target_health", TargetGroupArn=group)
                )
                continue
            return None
        return tuple(found)

    def _definition(self, arn: str) -> Answer:
        if arn not in self._definitions:
            answer = self._call("ecs", "describe_task_definition", taskDefinition=arn)
            self._definitions[arn] = answer["taskDefinition"]
        return self._definitions[arn]

    def _call(self, client: str, operation: str, /, **request: Any) -> Any:
        self.calls += 1
        return getattr(self._clients(client, attempts=ATTEMPTS), operation)(**request)

    def last_words(self, tasks: Iterable[Task], lines: int) -> tuple[LastWords, ...]:
        """The newest log lines of dead tasks, from where their task definition sends them."""
        return tuple(self._words_of(task, lines) for task in tasks) if lines else ()

    def _words_of(self, task: Task, lines: int) -> LastWords:
        # AWS lists containers in any order, and what stands beside the application ends with it.
        boxes = sorted(task.containers, key=lambda box: (box.name != self._container, not box.exit_code))
        name = boxes[0].name if boxes else ""
        try:
            containers = self._definition(task.task_definition).get("containerDefinitions", ())
            place = log_place(containers, name, task.id)
            if place is None:
                return LastWords(task.id, name, note="the container's log does not go to CloudWatch Logs")
            group, stream = place
            request = {"logGroupName": group, "logStreamName": stream, "limit": lines, "startFromHead": False}
            events = self._call("logs", "get_log_events", **request).get("events", ())
        except (ClientError, BotoCoreError) as error:
            if _aws.error_code(error) == "ResourceNotFoundException":
                return LastWords(task.id, name, note="it wrote nothing to its log")
            return LastWords(task.id, name, note=f"its log cannot be read: {redact(_aws.sentence(error))}")
        if not events:
            return LastWords(task.id, name, note="it wrote nothing to its log")
        said = redacted_lines(str(event.get("message", "")).rstrip() for event in events)
        return LastWords(task.id, name, tuple(said[-lines:]))

    def act(self, kind: str, deployment: Deployment) -> tuple[bool, str]:
        """Roll back or stop a deployment. (whether AWS was told so, a sentence)."""
        verb = "roll it back" if kind == "rollback" else "stop it"
        try:
            if deployment.state is State.IN_PROGRESS and deployment.arn:
                stop_type = "ROLLBACK" if kind == "rollback" else "ABORT"
                self._call("ecs", "stop_service_deployment", serviceDeploymentArn=deployment.arn, stopType=stop_type)
                return True, f"ECS was told to {verb}"
            if kind == "rollback":
                return self._go_back(deployment)
        except (ClientError, BotoCoreError) as error:
            return False, f"ECS would not {verb}: {redact(_aws.sentence(error))}"
        if deployment.state is State.SUCCEEDED:
            return False, "There is nothing to stop: ECS has completed the deployment."
        return False, "ECS cannot be told to stop it: it tells of no service deployment."

    def _go_back(self, deployment: Deployment) -> tuple[bool, str]:
        """To what ran before, for a deployment that is done and one of which ECS tells no service deployment."""
        previous = deployment.previous_task_definition or self._source_of(deployment)
        if previous in (None, deployment.task_definition):
            return False, "There is no earlier revision to go back to."
        self._call("ecs", "update_service", cluster=self._cluster, service=self._service, taskDefinition=previous)
        return True, f"The service was sent back to {reading.last_part(str(previous))}"

    def _source_of(self, deployment: Deployment) -> str | None:
        """The task definition that a service deployment replaced."""
        if not deployment.arn:
            return None
        answer = self._call("ecs", "describe_service_deployments", serviceDeploymentArns=[deployment.arn])
        sources = [
            source["arn"] for item in answer["serviceDeployments"] for source in item.get("sourceServiceRevisions", ())
        ]
        if not sources:
            return None
        answer = self._call("ecs", "describe_service_revisions", serviceRevisionArns=sources[:1])
        return next((str(item["taskDefinition"]) for item in answer["serviceRevisions"]), None)


def log_place(containers: Iterable[Answer], name: str, task_id: str) -> tuple[str, str] | None:
    """(log group, stream) of a task's container by its awslogs configuration, None where it logs elsewhere.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html: prefix/container/task.
    """
    definition = next((box for box in containers if box.get("name") == name), None) or {}
    configuration = definition.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return None
    prefix = options.get("awslogs-stream-prefix", "")
    return options["awslogs-group"], f"{prefix}/{name}/{task_id}" if prefix else task_id
