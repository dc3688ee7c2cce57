# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling, which MiniStack lacks. Bounds move the desired count, and scheduled actions the bounds.

Policies are kept and do nothing: nothing scales by use.
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

NAME = "embedded_autoscaling"
# (namespace, resource, dimension) -> target; the same and a name -> policy, scheduled action.
_targets = AccountRegionScopedDict()
_policies = AccountRegionScopedDict()
_schedules = AccountRegionScopedDict()
# Real seconds between two looks at the schedules.
LOOK_SECONDS = 0.5
log = logging.getLogger("embedded_aws.autoscaling")


class Refused(Exception):
    """An AWS error: its code, its text."""


def get_state() -> dict[str, Any]:
    return copy.deepcopy({"targets": _targets, "policies": _policies, "schedules": _schedules})


def load_persisted_state(data: dict[str, Any]) -> None:
    _targets.update(data.get("targets", {}))
    _policies.update(data.get("policies", {}))
    _schedules.update(data.get("schedules", {}))


def reset() -> None:
    _targets.clear()
    _policies.clear()
    _schedules.clear()


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


def apply_bounds(target: dict[str, Any]) -> None:
    found = re.fullmatch(r"service/([^/]+)/([^/]+)", target["ResourceId"])
    if not found:
        return
    names = {"cluster": found[1], "service": found[2]}
    reply = ecs._ACTION_MAP["DescribeServices"]({"cluster": found[1], "services": [found[2]]})
    services = [item for item in json.loads(reply[2]).get("services", []) if item["status"] == "ACTIVE"]
    if not services:
        raise Refused("ValidationException", f"ECS service doesn't exist: {target['ResourceId']}")
    desired = services[0]["desiredCount"]
    bounded = min(max(desired, target["MinCapacity"]), target["MaxCapacity"])
    if bounded != desired:
        ecs._ACTION_MAP["UpdateService"]({**names, "desiredCount": bounded})


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
    "DescribeScalingActivities": lambda data: {"ScalingActivities": []},
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
