# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the answers of AWS to the model: pure, and the only place that knows AWS's field names.

ECS tells of a deployment twice: in `describe_services` (deployments with an id `ecs-svc/...` and a rolloutState), and
in the younger `describe_service_deployments` (a status, the breaker's counts, the reason of a rollback). The second is
not everywhere and may be forbidden, so the first alone must lead to the same state.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import seconds
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Breaker
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Container
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Event
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Standing
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Target
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._pause import pause_of

Answer = Mapping[str, Any]

STATUSES = {
    "PENDING": State.IN_PROGRESS,
    "IN_PROGRESS": State.IN_PROGRESS,
    "SUCCESSFUL": State.SUCCEEDED,
    "STOP_REQUESTED": State.STOPPING,
    "STOPPED": State.STOPPED,
    "ROLLBACK_REQUESTED": State.ROLLING_BACK,
    "ROLLBACK_IN_PROGRESS": State.ROLLING_BACK,
    "ROLLBACK_SUCCESSFUL": State.ROLLED_BACK,
    "ROLLBACK_FAILED": State.ROLLBACK_FAILED,
}
# Two APIs tell of one deployment; its creation there may be noted a little apart.
SAME_MOMENT = 10.0
# A deployment this much younger than its service is not the service's first.
NOT_THE_FIRST = 60.0
FAILED_DEPLOYMENT = re.compile(r"\(deployment (ecs-svc/[^)\s]+)\) deployment failed")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def last_part(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def primary_of(service: Answer) -> Answer | None:
    """The deployment that ECS now works towards."""
    return next((item for item in service.get("deployments", ()) if item.get("status") == "PRIMARY"), None)


def deployment_of(service: Answer, deployment_id: str) -> Answer | None:
    return next((item for item in service.get("deployments", ()) if item.get("id") == deployment_id), None)


def is_same(listed: Answer, service_deployment: Answer) -> bool:
    """Whether a deployment of `describe_services` and a service deployment are one: by revision, else by moment."""
    revision = service_deployment.get("targetServiceRevisionArn") or (
        service_deployment.get("targetServiceRevision") or {}
    ).get("arn", "")
    if revision and last_part(revision) == last_part(str(listed.get("id", ""))):
        return True
    one, other = seconds(listed.get("createdAt")), seconds(service_deployment.get("createdAt"))
    return one is not None and other is not None and abs(one - other) <= SAME_MOMENT


def matching(listed: Answer, candidates: Iterable[Answer]) -> Answer | None:
    """The service deployment that is the listed deployment; the nearest in time when several could be."""
    moment = seconds(listed.get("createdAt")) or 0.0
    same = [item for item in candidates if is_same(listed, item)]
    exact = [
        item for item in same if last_part(str(item.get("targetServiceRevisionArn", ""))) == last_part(listed["id"])
    ]
    return min(exact or same, key=lambda item: abs((seconds(item.get("createdAt")) or 0.0) - moment), default=None)


def read_deployment(service: Answer, deployment_id: str, service_deployment: Answer | None) -> Deployment:
    """The deployment's state from what either API says; where they differ, a failure that one of them knows counts."""
    listed = deployment_of(service, deployment_id) or {}
    primary = primary_of(service) or {}
    others = [item for item in service.get("deployments", ()) if item.get("id") != deployment_id]
    told = service_deployment or {}
    state = listed_state(service, deployment_id)
    if told.get("status") in STATUSES:
        state = combined(STATUSES[told["status"]], state)
    revision = told.get("targetServiceRevision") or {}
    previous = next((item for item in others if item.get("rolloutState") == "COMPLETED"), None)
    return Deployment(
        id=deployment_id,
        arn=told.get("serviceDeploymentArn"),
        state=state,
        reason=str(
            told.get("statusReason") or listed.get("rolloutStateReason") or events_reason(service, deployment_id)
        ),
        rollback_reason=str((told.get("rollback") or {}).get("reason", "")),
        stage=str(told.get("lifecycleStage", "")),
        desired=int(listed.get("desiredCount", revision.get("requestedTaskCount", 0))),
        running=int(listed.get("runningCount", revision.get("runningTaskCount", 0))),
        pending=int(listed.get("pendingCount", revision.get("pendingTaskCount", 0))),
        failed=int(listed.get("failedTasks", 0)),
        breaker=read_breaker(service, told, listed),
        alarms=tuple((told.get("alarms") or {}).get("triggeredAlarmNames", ())),
        pause=pause_of(told),
        created_at=seconds(listed.get("createdAt", told.get("createdAt"))),
        task_definition=str(listed.get("taskDefinition", "")),
        previous_task_definition=previous.get("taskDefinition") if previous else None,
        strategy=str((service.get("deploymentConfiguration") or {}).get("strategy", "ROLLING")),
        recoverable=is_recoverable(service, listed, others, told),
        successor=str(primary.get("id", "")) if primary.get("id") != deployment_id else "",
        container=next((str(one.get("containerName", "")) for one in service.get("loadBalancers", ())), ""),
    )


def read_standing(service: Answer) -> Standing | None:
    """Where the service stands, by its primary deployment."""
    primary = primary_of(service)
    if primary is None:
        return None
    failed = primary.get("rolloutState") in ("FAILED", "STOPPED")
    return Standing(
        deployment=str(primary.get("id", "")),
        state=State.FAILED if failed else State.SUCCEEDED if settled(service, primary) else State.IN_PROGRESS,
        task_definition=str(primary.get("taskDefinition", "")),
        desired=int(primary.get("desiredCount", 0)),
        running=int(primary.get("runningCount", 0)),
    )


def combined(told: State, listed: State) -> State:
    """The service deployment's state, unless the list of deployments already knows of an end that it does not."""
    if told in (State.IN_PROGRESS, State.SUCCEEDED):
        return told if listed in (State.IN_PROGRESS, State.SUCCEEDED) else listed
    if told in (State.STOPPED, State.STOPPING) and listed in (State.SUPERSEDED, State.FAILED):
        return listed
    return told


def listed_state(service: Answer, deployment_id: str) -> State:
    """The state from `describe_services` alone."""
    listed = deployment_of(service, deployment_id)
    primary = primary_of(service)
    rolls_back = bool(primary) and is_rollback(service, primary or {}, deployment_id)
    if listed is None or listed.get("status") != "PRIMARY":
        if (listed or {}).get("rolloutState") == "FAILED" or rolls_back:
            return State.FAILED if primary is None else gone_back(service, primary)
        if (listed or {}).get("rolloutState") == "STOPPED":
            return State.STOPPED
        return State.SUPERSEDED if primary else State.FAILED
    if rolls_back:
        return gone_back(service, listed)
    if listed.get("rolloutState") in ("FAILED", "STOPPED"):
        return State[str(listed["rolloutState"])]
    return State.SUCCEEDED if settled(service, listed) else State.IN_PROGRESS


def gone_back(service: Answer, primary: Answer) -> State:
    """How far ECS is on its way back to the primary deployment."""
    if primary.get("rolloutState") in ("FAILED", "STOPPED"):
        return State.ROLLBACK_FAILED
    return State.ROLLED_BACK if settled(service, primary) else State.ROLLING_BACK


def settled(service: Answer, listed: Answer) -> bool:
    """Whether a deployment is done. Partitions without rolloutState: it is alone and all its tasks run."""
    if listed.get("rolloutState"):
        return bool(listed["rolloutState"] == "COMPLETED")
    alone = len(service.get("deployments", ())) == 1
    return alone and int(listed.get("runningCount", 0)) >= int(listed.get("desiredCount", 0))


def is_rollback(service: Answer, primary: Answer, deployment_id: str) -> bool:
    """Whether the primary deployment is ECS going back from another, rather than something that a person started.

    ECS says so in the primary's reason while it goes on, and for longer in the service's events.
    """
    if "rolling back" in str(primary.get("rolloutStateReason", "")).lower():
        return True
    if primary.get("id") == deployment_id:
        return False
    created = seconds((deployment_of(service, deployment_id) or {}).get("createdAt")) or 0.0
    said = [item for item in service.get("events", ()) if (seconds(item.get("createdAt")) or 0.0) >= created]
    failed = any(deployment_id in text and "deployment failed" in text for text in map(event_text, said))
    back = any(
        "rolling back to deployment" in text and str(primary.get("id")) in text for text in map(event_text, said)
    )
    return failed or back


def left_for(service: Answer, primary: Answer) -> str:
    """The deployment that ECS left to go back to the primary one, by the service's events, newest first; else empty.

    It is the service's last one, though ECS does not list it any more.
    """
    said = [event_text(item) for item in service.get("events", ())]
    back = next((text for text in said if "rolling back to deployment" in text), "")
    failed = (found[1] for found in map(FAILED_DEPLOYMENT.search, said) if found)
    return next(failed, "") if str(primary.get("id")) in back else ""


def event_text(event: Answer) -> str:
    return str(event.get("message", ""))


def events_reason(service: Answer, deployment_id: str) -> str:
    """The end of a deployment that has left the list, as the service's events tell it."""
    for text in map(event_text, service.get("events", ())):
        if deployment_id in text and "deployment failed" in text:
            return text.rsplit(") ", 1)[-1]
    return ""


def is_recoverable(service: Answer, listed: Answer, others: Sequence[Answer], told: Answer) -> bool:
    """Whether there is a finished deployment to go back to: a service's first one has none."""
    if told.get("sourceServiceRevisions"):
        return True
    if others:
        return any(item.get("rolloutState", "COMPLETED") == "COMPLETED" for item in others)
    born, created = seconds(service.get("createdAt")), seconds(listed.get("createdAt", told.get("createdAt")))
    return born is not None and created is not None and created - born > NOT_THE_FIRST


def read_breaker(service: Answer, told: Answer, listed: Answer) -> Breaker:
    configured = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    counted = told.get("deploymentCircuitBreaker") or {}
    said = str(listed.get("rolloutStateReason", "")) if listed.get("rolloutState") == "FAILED" else ""
    return Breaker(
        enabled=bool(configured.get("enable")),
        rollback=bool(configured.get("rollback")),
        tripped=counted.get("status") == "TRIGGERED" or "circuit breaker" in said,
        failures=counted.get("failureCount"),
        threshold=counted.get("threshold"),
    )


def read_events(service: Answer, since: float | None) -> tuple[Event, ...]:
    """The service's sentences since a moment of AWS's clock, oldest first, each id once."""
    events = {
        str(item.get("id") or (item.get("createdAt"), item.get("message"))): Event(
            id=str(item.get("id") or ""),
            at=seconds(item.get("createdAt")) or 0.0,
            message=event_text(item),
        )
        for item in service.get("events", ())
    }
    return tuple(
        sorted((event for event in events.values() if since is None or event.at >= since), key=lambda item: item.at)
    )


def read_task(answer: Answer) -> Task:
    return Task(
        id=last_part(str(answer.get("taskArn", ""))),
        status=str(answer.get("lastStatus", "")),
        started_by=str(answer.get("startedBy", "")),
        task_definition=str(answer.get("taskDefinitionArn", "")),
        stop_code=str(answer.get("stopCode") or ""),
        stopped_reason=str(answer.get("stoppedReason") or ""),
        health=str(answer.get("healthStatus", "")),
        address=task_address(answer),
        containers=tuple(
            Container(
                name=str(item.get("name", "")),
                image=str(item.get("image", "")),
                digest=str(item.get("imageDigest") or digest_in(str(item.get("image", "")))),
                exit_code=item.get("exitCode"),
                reason=str(item.get("reason") or ""),
            )
            for item in answer.get("containers", ())
        ),
        created_at=seconds(answer.get("createdAt")),
        pull_started_at=seconds(answer.get("pullStartedAt")),
        pull_stopped_at=seconds(answer.get("pullStoppedAt")),
        started_at=seconds(answer.get("startedAt")),
        stopping_at=seconds(answer.get("stoppingAt")),
        stopped_at=seconds(answer.get("stoppedAt")),
    )


def digest_in(image: str) -> str:
    found = DIGEST.search(image)
    return found.group() if found else ""


def task_address(answer: Answer) -> str:
    """The private address of an awsvpc task."""
    for attachment in answer.get("attachments", ()):
        for detail in attachment.get("details", ()):
            if detail.get("name") == "privateIPv4Address":
                return str(detail.get("value", ""))
    for container in answer.get("containers", ()):
        for interface in container.get("networkInterfaces", ()):
            if interface.get("privateIpv4Address"):
                return str(interface["privateIpv4Address"])
    return ""


def target_groups(service: Answer) -> tuple[str, ...]:
    """Every target group that tasks of the service may be in, the second of a blue/green pair among them."""
    found: dict[str, None] = {}
    for balancer in service.get("loadBalancers", ()):
        for arn in (
            balancer.get("targetGroupArn"),
            (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn"),
        ):
            if arn:
                found[str(arn)] = None
    return tuple(found)


def read_targets(group: str, answer: Answer) -> tuple[Target, ...]:
    return tuple(
        Target(
            address=str(item.get("Target", {}).get("Id", "")),
            port=int(item.get("Target", {}).get("Port", 0)),
            state=str(item.get("TargetHealth", {}).get("State", "")),
            reason=str(item.get("TargetHealth", {}).get("Reason") or ""),
            description=str(item.get("TargetHealth", {}).get("Description") or ""),
            group=group.split("/")[1] if group.count("/") > 1 else group,
        )
        for item in answer.get("TargetHealthDescriptions", ())
    )
