# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling, which MiniStack lacks. Bounds move the desired count, scheduled actions the bounds, and
target tracking policies the count between them.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Callable
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import ministack.app as ministack
from ministack.core import router
from ministack.core.responses import AccountRegionScopedDict
from ministack.core.responses import error_response_json
from ministack.core.responses import get_account_id
from ministack.core.responses import get_region
from ministack.core.responses import json_response
from ministack.core.responses import request_scope
from ministack.services import ecs
from ministack.services import eventbridge

from embedded_aws.clock import Clock
from embedded_aws.correction import Reply
from embedded_aws.metrics import BALANCER
from embedded_aws.metrics import ECS
from embedded_aws.metrics import service_dimensions
from embedded_aws.tracking import Decision
from embedded_aws.tracking import Policy
from embedded_aws.tracking import decide

NAME = "embedded_autoscaling"
# (namespace, resource, dimension) -> target; the same and a name -> policy, scheduled action.
_targets = AccountRegionScopedDict()
_policies = AccountRegionScopedDict()
_schedules = AccountRegionScopedDict()
# By target, the newest first; `_at` is the clock's time, `_more` whether tasks were added.
_activities = AccountRegionScopedDict()
# Real seconds between two looks at the schedules.
LOOK_SECONDS = 0.5
log = logging.getLogger("embedded_aws.autoscaling")


class Refused(Exception):
    """An AWS error: its code, its text."""


def get_state() -> dict[str, Any]:
    kept = {"targets": _targets, "policies": _policies, "schedules": _schedules, "activities": _activities}
    return copy.deepcopy(kept)


def load_persisted_state(data: dict[str, Any]) -> None:
    _targets.update(data.get("targets", {}))
    _policies.update(data.get("policies", {}))
    _schedules.update(data.get("schedules", {}))
    _activities.update(data.get("activities", {}))


def reset() -> None:
    _targets.clear()
    _policies.clear()
    _schedules.clear()
    _activities.clear()


def key(data: dict[str, Any]) -> tuple[str, str, str]:
    return data.get("ServiceNamespace", ""), data.get("ResourceId", ""), data.get("ScalableDimension", "")


def required(data: dict[str, Any]) -> dict[str, Any]:
    if key(data) not in _targets:
        raise Refused(
            "ObjectNotFoundException",
            f"No scalable target found for service namespace: {key(data)[0]}, "
            f"resource ID: {key(data)[1]}, scalable dimension: {key(data)[2]}",
        )
    return dict(_targets[key(data)])


def by_arn(data: dict[str, Any]) -> dict[str, Any]:
    for target in _targets.values():
        if target["ScalableTargetARN"] == data.get("ResourceARN"):
            return target  # type: ignore[no-any-return]
    raise Refused("ResourceNotFoundException", f"No resource found with ARN {data.get('ResourceARN')}")


def register(data: dict[str, Any]) -> dict[str, Any]:
    """New bounds apply at once to a running service that lies outside of them."""
    known = _targets.get(key(data))
    missing = [name for name in ("MinCapacity", "MaxCapacity") if name not in data and not known]
    if missing:
        raise Refused("ValidationException", f"{' and '.join(missing)} must be specified for a new scalable target.")
    place = f"{get_region()}:{get_account_id()}"
    principal = "ecs.application-autoscaling.amazonaws.com"
    role = f"aws-service-role/{principal}/AWSServiceRoleForApplicationAutoScaling_ECSService"
    target = dict(
        known
        or {
            **{name: data[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
            "RoleARN": f"arn:aws:iam::{get_account_id()}:role/{role}",
            "CreationTime": time.time(),
            "Tags": {},
            "ScalableTargetARN": f"arn:aws:application-autoscaling:{place}:scalable-target/{uuid.uuid4().hex[:24]}",
            "SuspendedState": dict.fromkeys(
                ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
            ),
        }
    )
    target.update({name: data[name] for name in ("MinCapacity", "MaxCapacity", "RoleARN") if name in data})
    target["SuspendedState"] = {**target["SuspendedState"], **data.get("SuspendedState", {})}
    target["Tags"] = {**target["Tags"], **data.get("Tags", {})}
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise Refused("ValidationException", "Maximum capacity cannot be less than minimum capacity.")
    apply_bounds(target)
    _targets[key(data)] = target
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def service_of(target: dict[str, Any]) -> dict[str, Any] | None:
    """The ECS service; None where the target is something else.

    :raises Refused: there is none.
    """
    found = re.fullmatch(r"service/([^/]+)/([^/]+)", target["ResourceId"])
    if not found:
        return None
    reply = ecs._ACTION_MAP["DescribeServices"]({"cluster": found[1], "services": [found[2]]})
    services = [item for item in json.loads(reply[2]).get("services", []) if item["status"] == "ACTIVE"]
    if not services:
        raise Refused("ValidationException", f"ECS service doesn't exist: {target['ResourceId']}")
    return services[0]  # type: ignore[no-any-return]


def want(service: dict[str, Any], count: int) -> None:
    names = {"cluster": service["clusterArn"], "service": service["serviceName"]}
    ecs._ACTION_MAP["UpdateService"]({**names, "desiredCount": count})


def apply_bounds(target: dict[str, Any]) -> None:
    service = service_of(target)
    if not service:
        return
    bounded = min(max(service["desiredCount"], target["MinCapacity"]), target["MaxCapacity"])
    if bounded != service["desiredCount"]:
        want(service, bounded)


def describe_targets(data: dict[str, Any]) -> dict[str, Any]:
    found = [
        {name: value for name, value in target.items() if name != "Tags"}
        for target in _targets.values()
        if target["ServiceNamespace"] == data.get("ServiceNamespace")
        and (not data.get("ResourceIds") or target["ResourceId"] in data["ResourceIds"])
        and data.get("ScalableDimension", target["ScalableDimension"]) == target["ScalableDimension"]
    ]
    return {"ScalableTargets": found}


def deregister(data: dict[str, Any]) -> dict[str, Any]:
    required(data)
    for kept in (_policies, _schedules):
        for name in [name for name in list(kept) if tuple(name[:3]) == key(data)]:
            del kept[name]
    del _targets[key(data)]
    _activities.pop(key(data), None)
    return {}


def put_policy(data: dict[str, Any]) -> dict[str, Any]:
    required(data)
    name = (*key(data), data["PolicyName"])
    known = _policies.get(name) or {
        "PolicyARN": f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{uuid.uuid4()}:resource/"
        f"{data['ServiceNamespace']}/{data['ResourceId']}:policyName/{data['PolicyName']}",
        "CreationTime": time.time(),
        "Alarms": [],
    }
    _policies[name] = {**known, **data}
    return {"PolicyARN": known["PolicyARN"], "Alarms": []}


def describe_policies(data: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: data[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension") if data.get(name)}
    found = [
        policy
        for policy in _policies.values()
        if all(policy.get(name) == value for name, value in wanted.items())
        and (not data.get("PolicyNames") or policy["PolicyName"] in data["PolicyNames"])
    ]
    return {"ScalingPolicies": found}


def delete_policy(data: dict[str, Any]) -> dict[str, Any]:
    if not _policies.pop((*key(data), data.get("PolicyName")), None):
        raise Refused("ObjectNotFoundException", f"No scaling policy found with name {data.get('PolicyName')}")
    return {}


def is_due(action: dict[str, Any], since: float, now: float) -> bool:
    """Whether a time of the action lies after `since` and not after `now`, in seconds since 1970.

    :raises ValueError: the expression or the timezone is none.
    """
    expression, zone = action.get("Schedule", ""), ZoneInfo(action.get("Timezone", "UTC"))
    if every := eventbridge._parse_rate_seconds(expression):
        began = action.get("CreationTime", since)
        return bool((now - began) // every > (since - began) // every)
    if at := re.fullmatch(r"at\((.+)\)", expression):
        return since < datetime.fromisoformat(at[1]).replace(tzinfo=zone).timestamp() <= now
    if not (fields := eventbridge._parse_cron_fields(expression)):
        raise ValueError(expression)
    following = eventbridge._cron_next_fire(fields, datetime.fromtimestamp(since, zone))
    return following is not None and following.timestamp() <= now


def act(since: float, now: float) -> None:
    """Apply the bounds of the actions whose time has come."""
    for (account, region, name), action in list(_schedules._data.items()):
        with request_scope(account, region):
            target = _targets.get(name[:3])
            if not target or target["SuspendedState"]["ScheduledScalingSuspended"] or not is_due(action, since, now):
                continue
            target.update(action["ScalableTargetAction"])
            try:
                apply_bounds(target)
            except Refused as problem:
                log.warning("The scheduled action %s did nothing: %s", name[3], problem.args[1])


def metric_of(resource: str, configuration: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Namespace, name and dimensions of what a policy tracks."""
    if custom := configuration.get("CustomizedMetricSpecification"):
        dimensions = {item["Name"]: item["Value"] for item in custom.get("Dimensions", [])}
        return custom.get("Namespace", ""), custom.get("MetricName", ""), dimensions
    predefined = configuration["PredefinedMetricSpecification"]
    if predefined["PredefinedMetricType"] == "ALBRequestCountPerTarget":
        balancer, _, group = predefined["ResourceLabel"].partition("/targetgroup/")
        return BALANCER, "RequestCountPerTarget", {"LoadBalancer": balancer, "TargetGroup": f"targetgroup/{group}"}
    name = predefined["PredefinedMetricType"].removeprefix("ECSServiceAverage")
    _, cluster, service = resource.split("/")
    return ECS, name, service_dimensions(cluster, service)


def track(recent: Callable[[str, str, str, str, dict[str, str]], Sequence[float]], now: float) -> None:
    """Scale by use, once a minute.

    :param recent: account, region, namespace, name and dimensions -> the metric's last minutes, the newest last.
    :param now: seconds on the clock.
    """
    for (account, region, name), target in list(_targets._data.items()):
        with request_scope(account, region):
            policies = [policy for policy in _policies.values() if key(policy) == name]
            tracking = {
                policy["PolicyName"]: policy["TargetTrackingScalingPolicyConfiguration"]
                for policy in policies
                if policy.get("PolicyType") == "TargetTrackingScaling"
            }
            values = {
                Policy.of(policy, settings): recent(account, region, *metric_of(target["ResourceId"], settings))
                for policy, settings in tracking.items()
            }
            try:
                scale(name, target, values, now)
            except Refused as problem:
                log.warning("%s does not scale: %s", target["ResourceId"], problem.args[1])


def scale(
    name: tuple[str, str, str], target: dict[str, Any], values: dict[Policy, Sequence[float]], now: float
) -> None:
    service = service_of(target) if values else None
    if not service:
        return
    since = {
        more: min((now - item["_at"] for item in _activities.get(name, []) if item["_more"] == more), default=now)
        for more in (True, False)
    }
    decision = decide(
        values, service["desiredCount"], target["MinCapacity"], target["MaxCapacity"], since[True], since[False]
    )
    if not decision:
        return
    more = decision.capacity > service["desiredCount"]
    # Nothing is taken away while a deployment is on its way.
    if not more and len(service["deployments"]) > 1:
        return
    if target["SuspendedState"]["DynamicScalingOutSuspended" if more else "DynamicScalingInSuspended"]:
        return
    want(service, decision.capacity)
    _activities[name] = [activity(target, decision, more, now), *_activities.get(name, [])]


def activity(target: dict[str, Any], decision: Decision, more: bool, now: float) -> dict[str, Any]:
    kept = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    alarm = f"TargetTracking-{target['ResourceId']}-Alarm{'High' if more else 'Low'}"
    text = f"Successfully set desired count to {decision.capacity}."
    return {
        **{field: target[field] for field in kept},
        "ActivityId": str(uuid.uuid4()),
        "Description": f"Setting desired count to {decision.capacity}.",
        "Cause": f"monitor alarm {alarm} in state ALARM triggered policy {decision.policy}",
        "StartTime": time.time(),
        "EndTime": time.time(),
        "StatusCode": "Successful",
        "StatusMessage": f"{text} Change successfully fulfilled by ecs.",
        "_at": now,
        "_more": more,
    }


def describe_activities(data: dict[str, Any]) -> dict[str, Any]:
    found = [
        {field: value for field, value in item.items() if not field.startswith("_")}
        for name, items in _activities.items()
        if data.get("ResourceId", name[1]) == name[1]
        for item in items
    ]
    return {"ScalingActivities": found}


async def watch(clock: Clock) -> None:
    """Act at the clock's times for as long as the server runs."""
    since = clock.now()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = clock.now()
        # The ECS calls in it may wait for the scheduler.
        await asyncio.to_thread(act, since, now)
        since = now


def put_schedule(clock: Clock, data: dict[str, Any]) -> dict[str, Any]:
    """What a new version leaves out is gone, as on AWS."""
    required(data)
    name = (*key(data), data["ScheduledActionName"])
    try:
        is_due(data, 0, 0)
    except (LookupError, ValueError):
        raise Refused("ValidationException", f"Invalid schedule expression: {data.get('Schedule')}") from None
    known = _schedules.get(name) or {
        "ScheduledActionARN": f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scheduledAction:{uuid.uuid4()}:"
        f"resource/{data['ServiceNamespace']}/{data['ResourceId']}:scheduledActionName/{data['ScheduledActionName']}",
        # By the clock that its times go by.
        "CreationTime": clock.now(),
    }
    _schedules[name] = {**{field: known[field] for field in ("ScheduledActionARN", "CreationTime")}, **data}
    return {}


def describe_schedules(data: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: data[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension") if data.get(name)}
    found = [
        action
        for action in _schedules.values()
        if all(action.get(name) == value for name, value in wanted.items())
        and (not data.get("ScheduledActionNames") or action["ScheduledActionName"] in data["ScheduledActionNames"])
    ]
    return {"ScheduledActions": found}


def delete_schedule(data: dict[str, Any]) -> dict[str, Any]:
    if not _schedules.pop((*key(data), data.get("ScheduledActionName")), None):
        name = data.get("ScheduledActionName")
        raise Refused("ObjectNotFoundException", f"No scheduled action found with name {name}")
    return {}


def tag(data: dict[str, Any]) -> dict[str, Any]:
    by_arn(data)["Tags"].update(data["Tags"])
    return {}


def untag(data: dict[str, Any]) -> dict[str, Any]:
    for name in data["TagKeys"]:
        by_arn(data)["Tags"].pop(name, None)
    return {}


ACTIONS = {
    "RegisterScalableTarget": register,
    "DescribeScalableTargets": describe_targets,
    "DeregisterScalableTarget": deregister,
    "PutScalingPolicy": put_policy,
    "DescribeScalingPolicies": describe_policies,
    "DeleteScalingPolicy": delete_policy,
    "DescribeScalingActivities": describe_activities,
    "DescribeScheduledActions": describe_schedules,
    "DeleteScheduledAction": delete_schedule,
    "TagResource": tag,
    "UntagResource": untag,
    "ListTagsForResource": lambda data: {"Tags": by_arn(data)["Tags"]},
}


async def handle_request(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any) -> Reply:
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    if action not in ACTIONS:
        return error_response_json("UnknownOperationException", f"{action} is not supported", 400)
    try:
        # The ECS calls in it may wait for the scheduler.
        return json_response(await asyncio.to_thread(ACTIONS[action], json.loads(body or b"{}")))
    except Refused as refused:
        return error_response_json(*refused.args, 400)


def install(clock: Clock) -> None:
    """Register this module as one more service: routed, saved, restored and reset like MiniStack's own."""
    ACTIONS["PutScheduledAction"] = partial(put_schedule, clock)
    ministack._loaded_modules[NAME] = sys.modules[__name__]
    ministack.SERVICE_REGISTRY["application-autoscaling"] = {"module": NAME}
    ministack.SERVICE_HANDLERS["application-autoscaling"] = handle_request
    ministack._state_map[NAME] = NAME
    router.SERVICE_PATTERNS["application-autoscaling"] = {"target_prefixes": ["AnyScaleFrontendService"]}
