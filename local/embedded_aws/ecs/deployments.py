# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments of a service, and the service deployments and service revisions in which the API keeps their history.

A service holds its `deployments` and its service deployments (`_releases`), both newest first, and its service
revisions by ARN (`_revisions`). `_good` is the last deployment that completed, to which a failed one rolls back.
"""

from __future__ import annotations

import copy
import secrets

from embedded_aws.ecs import plan
from embedded_aws.ecs import shift
from embedded_aws.ecs.store import ApiError
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import Store
from embedded_aws.ecs.store import counts
from embedded_aws.ecs.store import image_at
from embedded_aws.ecs.store import number
from embedded_aws.ecs.store import option
from embedded_aws.ecs.store import public
from embedded_aws.ecs.store import serving
from embedded_aws.ecs.store import short

# What a service revision holds: a change of any of these starts a deployment; other changes do not.
REVISION_FIELDS = (
    "taskDefinition", "launchType", "capacityProviderStrategy", "platformVersion", "platformFamily", "loadBalancers",
    "serviceRegistries", "networkConfiguration", "serviceConnectConfiguration", "volumeConfigurations",
)  # fmt: skip
BRIEF = (
    "serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "finishedAt", "status",
    "statusReason",
)  # fmt: skip
OPEN = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
# Real seconds of a grace period that pass as such, however fast the clock is.
START_SECONDS = 40
TRIPPED = "because the circuit breaker threshold was exceeded."
ALARMED = "because these alarms went into ALARM: {}."
BY_HAND = "because of a StopServiceDeployment request."


def find(service: Record, deployment: str) -> Record:
    return next(item for item in service["deployments"] if item["id"] == deployment)


def current_release(service: Record) -> Record:
    return service["_releases"][0]  # type: ignore[no-any-return]


def settings(service: Record, pace: float = 1.0, alarms: tuple[str, ...] = ()) -> plan.Service:
    """The service as the scheduler's plan sees it.

    :param pace: how many of the clock's seconds a real one takes.
    :param alarms: those that are in ALARM and end the deployment.
    """
    wanted = service["deploymentConfiguration"]
    breaker = wanted["deploymentCircuitBreaker"]
    limit = {"type": "BOUNDED_PERCENT", "value": 50, **breaker.get("thresholdConfiguration", {})}
    early = wanted.get("earlySuccessCriteria") or {}
    grace = service["healthCheckGracePeriodSeconds"]
    return plan.Service(
        name=service["serviceName"], desired=service["desiredCount"], status=service["status"],
        minimum_percent=wanted["minimumHealthyPercent"], maximum_percent=wanted["maximumPercent"],
        breaker=breaker["enable"] and wanted["strategy"] == "ROLLING", rollback=breaker["rollback"],
        threshold_type=limit["type"], threshold_value=limit["value"],
        reset_on_healthy=breaker.get("resetOnHealthyTask", True),
        alarms=alarms, alarm_rollback=option(wanted, "alarms", "rollback", default=False),
        early_percent=early.get("healthyPercent", 100) if early.get("enable") else 100,
        # No clock makes a program start faster.
        grace=max(grace, min(grace, START_SECONDS) * pace),
        holds=shift.holds(current_release(service)),
        recoverable=service["_good"] is not None, steady=service["_steady"], pace=pace,
    )  # fmt: skip


def begin(store: Store, service: Record, now: float, clock: float) -> None:
    """Start a deployment of what the service asks for now; one that is still going on stops."""
    if service["_releases"] and current_release(service)["status"] in OPEN:
        if shift.holds(current_release(service)) and service["_good"]:
            shift.give_back(store, service)
            primary = next(item for item in service["deployments"] if item["status"] == "PRIMARY")
            primary.update(rolloutState="FAILED", updatedAt=now, _ended=clock)
        finish(service, "STOPPED", "because a new deployment was started.", store.tasks_of(service), now)
    path = (short(service["clusterArn"]), service["serviceName"])
    # A deployment and its service revision have one number.
    serial = number()
    identity, revision = f"ecs-svc/{serial}", store.arn("service-revision", *path, serial)
    common = {"serviceArn": service["serviceArn"], "clusterArn": service["clusterArn"], "createdAt": now}
    fields = {name: copy.deepcopy(service[name]) for name in REVISION_FIELDS if service.get(name) is not None}
    sources = {item["_revision"] for item in service["deployments"] if item["rolloutState"] != "FAILED"}
    service["_revisions"][revision] = {
        "serviceRevisionArn": revision, **common, **fields, "containerImages": [], "guardDutyEnabled": False,
    }  # fmt: skip
    service["_releases"].insert(0, {
        "serviceDeploymentArn": store.arn("service-deployment", *path, secrets.token_urlsafe(16)[:21]), **common,
        "updatedAt": now, "status": "PENDING", "targetServiceRevision": {"arn": revision},
        "sourceServiceRevisions": [{"arn": arn} for arn in sorted(sources)],
        "deploymentConfiguration": copy.deepcopy(service["deploymentConfiguration"]),
        "_deployment": identity, "_failures": 0, "_tripped": False, "_alarms": [], "_watched": watched(store, service),
    })  # fmt: skip
    shift.begin(service, current_release(service), service["_revisions"][revision], clock)
    for item in service["deployments"]:
        item["status"] = "ACTIVE"
    service["deployments"].insert(0, {
        "id": identity, "status": "PRIMARY", "createdAt": now, "updatedAt": now, "failedTasks": 0,
        **{name: value for name, value in fields.items() if name not in ("loadBalancers", "serviceRegistries")},
        "rolloutState": "IN_PROGRESS", "rolloutStateReason": f"ECS deployment {identity} in progress.",
        "_revision": revision, "_images": {}, "_retry_at": 0.0, "_ended": 0.0, "_rolls_back": False,
    })  # fmt: skip
    service.update(currentServiceDeployment=current_release(service)["serviceDeploymentArn"], _steady=False)


def watched(store: Store, service: Record) -> list[str]:
    """The alarms that end a new deployment; none if one is in ALARM already, so that a mend can be deployed.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
    """
    alarms = service["deploymentConfiguration"].get("alarms") or {}
    names = list(alarms.get("alarmNames", ())) if alarms.get("enable") else []
    return [] if any(store.alarm_state(name) == "ALARM" for name in names) else names


def raised(store: Store, service: Record) -> tuple[str, ...]:
    """The alarms that have gone off since the current deployment began."""
    names = current_release(service).get("_watched", ())
    return tuple(name for name in names if store.alarm_state(name) == "ALARM")


def why(alarms: tuple[str, ...]) -> str:
    return ALARMED.format(", ".join(alarms)) if alarms else TRIPPED


def finish(service: Record, status: str, why: str, tasks: list[Record], now: float) -> None:
    """End the current service deployment if it is still going on; its counts stay as they are at this moment."""
    release = current_release(service)
    if release["status"] not in OPEN:
        return
    _count(service, release, tasks)
    words = {"STOPPED": "stopped", "ROLLBACK_FAILED": "rollback failed", "ROLLBACK_SUCCESSFUL": "rolled back"}
    reason = f"Service deployment {words[status]} {why}" if status in words else None
    release.update(status=status, finishedAt=now, updatedAt=now, statusReason=reason)
    if status == "STOPPED":
        release["stoppedAt"] = now


def complete(service: Record, deployment: Record, tasks: list[Record], now: float) -> None:
    reason = f"ECS deployment {deployment['id']} completed."
    deployment.update(rolloutState="COMPLETED", rolloutStateReason=reason, updatedAt=now)
    service["_good"] = copy.deepcopy(deployment)
    back = deployment["_rolls_back"]
    why = current_release(service)["_why"] if back else ""
    finish(service, "ROLLBACK_SUCCESSFUL" if back else "SUCCESSFUL", why, tasks, now)


def fail(service: Record, deployment: Record, action: plan.Fail, tasks: list[Record], now: float, clock: float) -> None:
    """The circuit breaker or an alarm stops the deployment. `now` is the wall's time, `clock` the scheduler's."""
    deployment.update(rolloutState="FAILED", rolloutStateReason=action.reason, updatedAt=now, _ended=clock)
    release, chosen = current_release(service), settings(service)
    release.update(_tripped=not action.alarms, _alarms=list(action.alarms))
    _count(service, release, tasks)
    goes_back = chosen.alarm_rollback if action.alarms else chosen.rollback
    if deployment["_rolls_back"]:
        finish(service, "ROLLBACK_FAILED", TRIPPED, tasks, now)
    elif not (goes_back and service["_good"]):
        finish(service, "STOPPED", why(action.alarms), tasks, now)


def roll_back(store: Store, service: Record, reason: str, now: float, clock: float, by: str = "circuit breaker") -> str:
    """Make the last deployment that completed the primary one again; answers its id."""
    shift.give_back(store, service)
    told = f"Service deployment rolled back {reason}"
    for item in service["deployments"]:
        if item["status"] == "PRIMARY" and item["rolloutState"] == "IN_PROGRESS":
            item.update(rolloutState="FAILED", rolloutStateReason=told, _ended=clock)
        item["status"] = "ACTIVE"
    good = service["_good"]
    back = next((item for item in service["deployments"] if item["id"] == good["id"]), None) or copy.deepcopy(good)
    back.update(
        status="PRIMARY", rolloutState="IN_PROGRESS", failedTasks=0, updatedAt=now, _retry_at=0.0, _rolls_back=True,
        rolloutStateReason=f"ECS deployment {by}: rolling back to deploymentId {back['id']}.",
    )  # fmt: skip
    service["deployments"] = [back, *(item for item in service["deployments"] if item is not back)]
    revision = service["_revisions"][back["_revision"]]
    service.update({name: copy.deepcopy(revision.get(name, service.get(name))) for name in REVISION_FIELDS})
    service["_steady"] = False
    current_release(service).update(
        status="ROLLBACK_IN_PROGRESS", statusReason=told, updatedAt=now, _why=reason,
        rollback={"reason": told, "startedAt": now, "serviceRevisionArn": back["_revision"]},
    )  # fmt: skip
    return str(back["id"])


def abort(store: Store, service: Record, reason: str, now: float, clock: float) -> None:
    """End the current deployment where it is."""
    primary = next(item for item in service["deployments"] if item["status"] == "PRIMARY")
    primary.update(rolloutState="FAILED", rolloutStateReason="ECS deployment stopped.", updatedAt=now, _ended=clock)
    finish(service, "STOPPED", reason, store.tasks_of(service), now)


def stop(store: Store, data: Record, now: float, clock: float) -> Record:
    """StopServiceDeployment: ROLLBACK to the last deployment that completed; ABORT leaves things as they are."""
    arn = data.get("serviceDeploymentArn", "")
    service, release = _located(store, arn) or (None, None)
    if not service or not release:
        raise ApiError("ServiceDeploymentNotFoundException", "The service deployment cannot be found.")
    if release["status"] not in OPEN:
        raise ApiError("ConflictException", "The service deployment is already in a terminal state.")
    if release["status"] not in ("PENDING", "IN_PROGRESS"):
        return {"serviceDeploymentArn": arn}
    if data.get("stopType", "ROLLBACK") == "ABORT":
        abort(store, service, BY_HAND, now, clock)
    elif service["_good"]:
        roll_back(store, service, BY_HAND, now, clock)
    else:
        raise ApiError("ConflictException", "There is no completed service deployment to roll back to.")
    return {"serviceDeploymentArn": arn}


def proceed(store: Store, data: Record, now: float, clock: float) -> Record:
    """ContinueServiceDeployment."""
    arn = data.get("serviceDeploymentArn", "")
    service, release = _located(store, arn) or (None, None)
    if not service or not release:
        raise ApiError("ServiceDeploymentNotFoundException", "The service deployment cannot be found.")
    hook, back = shift.waiting_hook(release, data.get("hookId", "")), data.get("action") == "ROLLBACK"
    if back:
        stop(store, {"serviceDeploymentArn": arn}, now, clock)
    hook["status"] = "FAILED" if back else "SUCCEEDED"
    return {"serviceDeploymentArn": arn}


def pin(service: Record, deployment: Record, container: str, image: str, digest: str) -> None:
    """Remember which digest the deployment's image tag meant when its first task pulled it."""
    if container not in deployment["_images"]:
        deployment["_images"][container] = digest
        service["_revisions"][deployment["_revision"]]["containerImages"].append(
            {"containerName": container, "imageDigest": digest, "image": image_at(image, digest)}
        )


def _count(service: Record, release: Record, tasks: list[Record]) -> None:
    """Write the failures of a service deployment and the task counts of its revisions into it."""
    by_revision = {item["_revision"]: item for item in service["deployments"]}
    for item in (release["targetServiceRevision"], *release["sourceServiceRevisions"]):
        deployment = by_revision.get(item["arn"], {"id": "gone", "status": ""})
        chosen = deployment["status"] == "PRIMARY"
        item["runningTaskCount"], item["pendingTaskCount"] = counts(tasks, deployment["id"])
        item["requestedTaskCount"] = service["desiredCount"] if chosen else 0
        for kind in ("production", "test"):
            percent = release["_shift"][kind] if "_shift" in release else 100.0
            mine = deployment["id"] == release["_deployment"]
            weight = percent if mine else 100.0 - percent
            item[f"requested{kind.title()}TrafficWeight"] = weight if "_shift" in release else 100.0 * chosen
        if deployment["id"] == release["_deployment"]:
            release["_failures"] = deployment["failedTasks"]


def view(service: Record, tasks: list[Record]) -> Record:
    """The service as DescribeServices shows it."""
    shown: Record = public(service)
    # Only its deployments say it.
    shown.pop("serviceConnectConfiguration", None)
    shown["runningCount"], shown["pendingCount"] = counts(tasks)
    shown["currentServiceRevisions"] = []
    for item, record in zip(shown["deployments"], service["deployments"], strict=True):
        alive = sum(serving(task) for task in tasks if task["startedBy"] == item["id"])
        item["runningCount"], item["pendingCount"] = counts(tasks, item["id"])
        item["desiredCount"] = service["desiredCount"] if item["status"] == "PRIMARY" else alive
        shown["currentServiceRevisions"].append({
            "arn": record["_revision"], "requestedTaskCount": item["desiredCount"],
            "runningTaskCount": item["runningCount"], "pendingTaskCount": item["pendingCount"],
        })  # fmt: skip
    return shown


def release_view(service: Record, release: Record, tasks: list[Record]) -> Record:
    """A service deployment as DescribeServiceDeployments shows it."""
    going_on = release["status"] in OPEN
    watching = "MONITORING" if going_on else "MONITORING_COMPLETE"
    if going_on:
        _count(service, release, tasks)
    shown: Record = public(release)
    breaker = release["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"]
    shown["deploymentCircuitBreaker"] = {
        "status": "TRIGGERED" if release["_tripped"] else watching if breaker else "DISABLED",
        "failureCount": release["_failures"],
        "threshold": plan.threshold(settings(service)),
    }
    alarms = release["deploymentConfiguration"].get("alarms") or {}
    if alarms.get("alarmNames"):
        triggered = release.get("_alarms", [])
        state = "TRIGGERED" if triggered else watching if alarms.get("enable") else "DISABLED"
        shown["alarms"] = {"status": state, "alarmNames": alarms["alarmNames"], "triggeredAlarmNames": triggered}
    if going_on:
        shown["lifecycleStage"] = option(release, "_shift", "stage", default="SCALE_UP")
    return shown


def listing(service: Record, data: Record) -> list[Record]:
    """ListServiceDeployments, newest first, filtered by status and creation time."""
    after, before = option(data, "createdAt", "after", default=0), option(data, "createdAt", "before", default=2**60)
    return [
        {name: item[name] for name in BRIEF if item.get(name) is not None}
        | {"targetServiceRevisionArn": item["targetServiceRevision"]["arn"]}
        for item in service["_releases"]
        if item["status"] in (data.get("status") or [item["status"]]) and after <= item["createdAt"] <= before
    ]


def _located(store: Store, arn: str) -> tuple[Record, Record] | None:
    """The service and the service deployment of this ARN."""
    found = ((service, item) for service in store.services.values() for item in service["_releases"])
    return next((pair for pair in found if pair[1]["serviceDeploymentArn"] == arn), None)


def describe(store: Store, data: Record) -> Record:
    """DescribeServiceDeployments."""
    known = {arn: _located(store, arn) for arn in data.get("serviceDeploymentArns", ())}
    return {
        "serviceDeployments": [release_view(*pair, store.tasks_of(pair[0])) for pair in known.values() if pair],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn, pair in known.items() if not pair],
    }


def describe_revisions(store: Store, data: Record) -> Record:
    """DescribeServiceRevisions."""
    known = {arn: revision for service in store.services.values() for arn, revision in service["_revisions"].items()}
    wanted = data.get("serviceRevisionArns", ())
    return {
        "serviceRevisions": [public(known[arn]) for arn in wanted if arn in known],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in known],
    }
