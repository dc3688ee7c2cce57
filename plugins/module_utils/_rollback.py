# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ECS service goes back to, and how: the choice is pure, the calls around it are few.

A deployment that is going on is stopped with a rollback where ECS has service deployments, else overtaken by what ran
before. Without one the service gets the newest earlier revision that ECS has deployed with success.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import DENIED_CODES
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import short
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import Services
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import primary
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import TaskDefinitions
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import family_of
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import revision_of
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

RUNNING = ("PENDING", "IN_PROGRESS")
GOING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
OPEN = (*RUNNING, *GOING_BACK, "STOP_REQUESTED")
# What partitions and emulators without service deployments answer to their calls.
UNKNOWN_CODES = ("UnknownOperationException", "InvalidAction", "UnsupportedFeatureException")
# A history of more deployments than this is not looked into.
MOST_PAGES = 5
DESCRIBED_AT_ONCE = 20
PAUSE = 2.0  # seconds


@dataclass(frozen=True)
class Standing:
    """What is known before anything is done.

    `release` is the service's newest service deployment, None where ECS tells of none. `succeeded` are the task
    definitions of those that succeeded, newest first; `active` the family's revisions that can still be run.
    """

    service: Document
    release: Document | None
    succeeded: Sequence[str]
    active: Sequence[str]


@dataclass(frozen=True)
class Plan:
    """What to do. `action`: stop, update, wait (ECS goes back already) or none; `task_definition`: to what, an ARN.

    `proven`: ECS has deployed it with success before. `why` is a sentence.
    """

    action: str
    task_definition: str
    why: str
    proven: bool = True


def in_progress(standing: Standing) -> bool:
    if standing.release is not None:
        return standing.release["status"] in OPEN
    return primary(standing.service).get("rolloutState") == "IN_PROGRESS"


def plan(standing: Standing, to: str | None = None) -> Plan:
    """What to do so that the service runs what it ran before, or the revision `to` (an ARN).

    :raises Refused: when there is nothing to go back to.
    """
    name, now = standing.service["serviceName"], str(standing.service["taskDefinition"])
    if to is not None:
        return _to(standing, to)
    if not in_progress(standing):
        return _earlier(standing)
    if standing.release is None:
        return _overtake(standing)
    if standing.release["status"] in GOING_BACK:
        return Plan("wait", now, f"ECS is already rolling {name} back to {short(now)}.")
    if standing.release["status"] == "STOP_REQUESTED":
        raise Refused(f"The deployment of {name} is being stopped: run again when it has stopped")
    if not standing.succeeded:
        raise Refused(
            f"The deployment of {short(now)} is the first of {name}, so there is nothing to go back to: "
            "deploy a version that works, or delete the service"
        )
    back = standing.succeeded[0]
    why = f"The deployment of {short(now)} is in progress; ECS stops it and goes back to {short(back)}."
    return Plan("stop", back, why)


def _to(standing: Standing, to: str) -> Plan:
    name, now = standing.service["serviceName"], str(standing.service["taskDefinition"])
    if to == now:
        return Plan("none", now, f"{name} runs {short(now)} already.")
    if to not in standing.active:
        known = ", ".join(short(arn) for arn in standing.active) or "none"
        raise Refused(f"{short(to)} is not an active revision of {family_of(now)}: name one of {known}")
    proven = to in standing.succeeded
    doubt = "" if proven else " ECS does not know of a deployment of it that succeeded."
    return Plan("update", to, f"{name} goes from {short(now)} to {short(to)}, which was asked for.{doubt}", proven)


def _overtake(standing: Standing) -> Plan:
    """Without service deployments: to the deployment that the one in progress was to replace."""
    name, now = standing.service["serviceName"], str(standing.service["taskDefinition"])
    others = (item for item in standing.service.get("deployments", ()) if item is not primary(standing.service))
    before = next((item["taskDefinition"] for item in others if item.get("rolloutState") == "COMPLETED"), None)
    if before is None:
        raise Refused(
            f"The deployment of {short(now)} is in progress and nothing else of {name} runs, so there is nothing to go "
            "back to: deploy a version that works, or name a revision"
        )
    why = f"The deployment of {short(now)} is in progress; {short(before)}, which still runs, is deployed instead."
    return Plan("update", before, why)


def _earlier(standing: Standing) -> Plan:
    """No deployment is going on: to the newest earlier revision that succeeded."""
    name, now = standing.service["serviceName"], str(standing.service["taskDefinition"])
    earlier = [
        arn for arn in standing.active if family_of(arn) == family_of(now) and revision_of(arn) < revision_of(now)
    ]
    earlier.sort(key=revision_of, reverse=True)
    # Without its history ECS cannot say what succeeded.
    known = [arn for arn in earlier if arn in standing.succeeded] if standing.release else earlier
    if known:
        proven = standing.release is not None
        which = "the newest earlier revision" + (" that was deployed with success" if proven else "")
        return Plan("update", known[0], f"{name} goes from {short(now)} to {short(known[0])}, {which}.", proven)
    if earlier:
        raise Refused(
            f"ECS knows of no successful deployment of {name} before {short(now)}: name the revision to go to, one of "
            f"{', '.join(map(short, earlier))}"
        )
    raise Refused(f"{name} runs {short(now)}, and there is no earlier active revision to go back to")


class History:
    """A service's deployments and its family's revisions, in AWS."""

    def __init__(self, client: Any, cluster: str, service: str) -> None:
        self.client = client
        self.cluster = cluster
        self.service = service

    def standing(self, service: Document) -> Standing:
        release, succeeded = self.told(service)
        family = family_of(str(service["taskDefinition"]))
        return Standing(service, release, succeeded, TaskDefinitions(self.client, family).revisions("ACTIVE"))

    def told(self, service: Document) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest service deployment and what succeeded; nothing where ECS has, or may tell, none."""
        try:
            listed = service.get("currentServiceDeployment") or next(
                (item["serviceDeploymentArn"] for item in self._releases()), None
            )
            release = self.release(str(listed)) if listed else None
            return release, self.succeeded() if release else []
        except ClientError as error:
            if error_code(error) in (*UNKNOWN_CODES, *DENIED_CODES):
                return None, []
            raise

    def release(self, arn: str) -> dict[str, Any] | None:
        answer = self.client.describe_service_deployments(serviceDeploymentArns=[arn])
        found: dict[str, Any] | None = next(iter(answer["serviceDeployments"]), None)
        return found

    def succeeded(self) -> list[str]:
        """The task definitions of the service deployments that succeeded, newest first."""
        revisions = list(
            dict.fromkeys(
                str(item["targetServiceRevisionArn"])
                for item in self._releases("SUCCESSFUL")
                if item.get("targetServiceRevisionArn")
            )
        )
        ran: dict[str, str] = {}
        for start in range(0, len(revisions), DESCRIBED_AT_ONCE):
            chunk = revisions[start : start + DESCRIBED_AT_ONCE]
            for item in self.client.describe_service_revisions(serviceRevisionArns=chunk)["serviceRevisions"]:
                ran[item["serviceRevisionArn"]] = item["taskDefinition"]
        return list(dict.fromkeys(ran[arn] for arn in revisions if arn in ran))

    def _releases(self, *status: str) -> Iterator[dict[str, Any]]:
        """Service deployments, newest first, of these states or of all."""
        request: dict[str, Any] = {"cluster": self.cluster, "service": self.service}
        if status:
            request["status"] = list(status)
        for _page in range(MOST_PAGES):
            answer = self.client.list_service_deployments(**request)
            yield from sorted(answer["serviceDeployments"], key=lambda item: item["createdAt"], reverse=True)
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]


def roll_back(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Send the service back; a rollback of ECS's own is waited for, an ordinary deployment is not.

    :raises Refused: when there is nothing to go back to, or ECS could not.
    """
    services = Services(client, options["cluster"], options["service"], wait)
    history = History(client, options["cluster"], options["service"])
    service = services.active()
    standing = history.standing(service)
    wanted = options.get("task_definition")
    chosen = plan(standing, _named(services, service, wanted) if wanted else None)
    judged = primary(service).get("id")
    if not check:
        if chosen.action == "update":
            judged = primary(services.update({"taskDefinition": chosen.task_definition})).get("id")
        elif chosen.action in ("stop", "wait"):
            judged = str((standing.release or {})["serviceDeploymentArn"])
            if chosen.action == "stop":
                _stop(client, judged)
            await_rollback(history, judged, options["wait_timeout"], wait)
    changed = chosen.action in ("stop", "update")
    now = str(service["taskDefinition"])
    return Outcome(
        changed=changed,
        values={
            "action": chosen.action,
            "why": chosen.why,
            "proven": chosen.proven,
            "task_definition": chosen.task_definition,
            "previous_task_definition": now,
            "deployment_id": judged,
        },
        before={"task_definition": short(now)} if changed else {},
        after={"task_definition": short(chosen.task_definition)} if changed else {},
    )


def _named(services: Services, service: Document, wanted: Any) -> str:
    """The ARN of a revision that may be given by its number alone."""
    text = str(wanted)
    return services.resolve(f"{family_of(str(service['taskDefinition']))}:{text}" if text.isdecimal() else text)


def _stop(client: Any, arn: str) -> None:
    stopped = absent_as_none(
        lambda: client.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK"),
        "ConflictException",
        "ServiceDeploymentNotFoundException",
    )
    if stopped is None:
        raise Refused("The deployment ended before it could be stopped: run again to go back from where it ended")


def await_rollback(history: History, arn: str, timeout: float, wait: Callable[[float, float], Wait]) -> None:
    """Wait until ECS has gone back. `timeout` in seconds; 0 does not wait."""
    if not timeout:
        return
    last: dict[str, Any] = {}

    def ended() -> bool:
        last.update(history.release(arn) or {})
        return last.get("status") not in OPEN

    if not wait(timeout, PAUSE).until(ended):
        raise Refused(f"ECS is still rolling back after {timeout:g} s; it goes on: look again later")
    if last.get("status") != "ROLLBACK_SUCCESSFUL":
        reason = str(last.get("statusReason") or "no reason given").rstrip(".")
        raise Refused(f"ECS did not roll back, the deployment is {last.get('status', 'gone')}: {reason}")
