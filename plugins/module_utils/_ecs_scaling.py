# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Application Auto Scaling scales an ECS service: bounds, target tracking policies, schedules and tags."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import snake
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

TARGET_TRACKING = "TargetTrackingScaling"
# https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html
DEFAULTS = {"ScaleInCooldown": 300, "ScaleOutCooldown": 300, "DisableScaleIn": False}


def tracking(policy: Document) -> dict[str, Any]:
    """A policy of the module's option `target_tracking` in AWS's spelling."""
    members = {
        "TargetValue": float(policy["target_value"]),
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": policy["metric"],
            "ResourceLabel": policy.get("resource_label"),
        },
        "ScaleInCooldown": policy.get("scale_in_cooldown"),
        "ScaleOutCooldown": policy.get("scale_out_cooldown"),
        "DisableScaleIn": policy.get("disable_scale_in"),
    }
    return dict(filled(members))


def canonical_policy(policy: Document) -> dict[str, Any]:
    """A policy as AWS returns it, or a wanted one in the same shape, with AWS's defaults filled in."""
    kind = policy.get("PolicyType", TARGET_TRACKING)
    if kind != TARGET_TRACKING:
        return {"PolicyType": kind}
    return {"PolicyType": kind, **DEFAULTS, **filled(policy["TargetTrackingScalingPolicyConfiguration"])}


def schedule(action: Document) -> dict[str, Any]:
    """A scheduled action of the module's option `scheduled_actions` in AWS's spelling."""
    bounds = {"MinCapacity": action.get("min_capacity"), "MaxCapacity": action.get("max_capacity")}
    members = {
        "Schedule": action["schedule"],
        "Timezone": action.get("timezone"),
        "ScalableTargetAction": dict(filled(bounds)),
    }
    return dict(filled(members))


def canonical_schedule(action: Document) -> dict[str, Any]:
    """A scheduled action as AWS returns it, or a wanted one in the same shape, with AWS's default filled in."""
    return {
        "Schedule": action["Schedule"],
        "Timezone": action.get("Timezone") or "UTC",
        "ScalableTargetAction": dict(filled(action["ScalableTargetAction"])),
    }


def bounds_problem(least: int | None, most: int | None) -> str | None:
    """Why there is no number of tasks between the bounds; None when there is, or when one is not known."""
    if least is None or most is None or 0 <= least <= most:
        return None
    return f"A service cannot have at least {least} and at most {most} tasks: min_capacity must be 0 to max_capacity"


class Scaling:
    """The scaling of one service, in AWS."""

    def __init__(self, client: Any, cluster: str, service: str) -> None:
        self.client = client
        # The cluster's name, also where its ARN is given.
        self.resource_id = f"service/{cluster.rpartition('/')[2]}/{service}"
        self.target = {
            "ServiceNamespace": "ecs",
            "ResourceId": self.resource_id,
            "ScalableDimension": "ecs:service:DesiredCount",
        }

    def find(self) -> dict[str, Any] | None:
        """The scalable target, its tags a mapping; None where nothing scales the service."""
        answer = self.client.describe_scalable_targets(
            ServiceNamespace="ecs",
            ResourceIds=[self.resource_id],
            ScalableDimension=self.target["ScalableDimension"],
        )
        for target in answer["ScalableTargets"]:
            arn = target.get("ScalableTargetARN")
            tags = self.client.list_tags_for_resource(ResourceARN=arn)["Tags"] if arn else {}
            return {**target, "Tags": {key: value for key, value in tags.items() if not key.startswith("aws:")}}
        return None

    def policies(self) -> dict[str, dict[str, Any]]:
        """The policies by name."""
        pages = self.client.get_paginator("describe_scaling_policies").paginate(**self.target)
        return {policy["PolicyName"]: policy for page in pages for policy in page["ScalingPolicies"]}

    def schedules(self) -> dict[str, dict[str, Any]]:
        """The scheduled actions by name."""
        pages = self.client.get_paginator("describe_scheduled_actions").paginate(**self.target)
        return {action["ScheduledActionName"]: action for page in pages for action in page["ScheduledActions"]}

    def register(self, members: Document) -> None:
        self.client.register_scalable_target(**self.target, **members)

    def put(self, name: str, configuration: Document) -> None:
        self.client.put_scaling_policy(
            **self.target,
            PolicyName=name,
            PolicyType=TARGET_TRACKING,
            TargetTrackingScalingPolicyConfiguration=configuration,
        )

    def delete_policies(self, names: Iterable[str]) -> None:
        for name in names:
            absent_as_none(
                lambda name=name: self.client.delete_scaling_policy(**self.target, PolicyName=name),  # type: ignore[misc]
                "ObjectNotFoundException",
            )

    def put_schedule(self, name: str, members: Document) -> None:
        self.client.put_scheduled_action(**self.target, ScheduledActionName=name, **members)

    def delete_schedules(self, names: Iterable[str]) -> None:
        for name in names:
            absent_as_none(
                lambda name=name: self.client.delete_scheduled_action(**self.target, ScheduledActionName=name),  # type: ignore[misc]
                "ObjectNotFoundException",
            )

    def deregister(self) -> None:
        absent_as_none(lambda: self.client.deregister_scalable_target(**self.target), "ObjectNotFoundException")

    def retag(self, arn: str, write: Mapping[str, str], remove: list[str]) -> None:
        if write:
            self.client.tag_resource(ResourceARN=arn, Tags=dict(write))
        if remove:
            self.client.untag_resource(ResourceARN=arn, TagKeys=remove)


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make bounds, policies, schedules and tags the wanted ones; what is not set stays as it is.

    Bounds that a scheduled action has set are right until another sets others.

    :raises Refused: when the bounds hold no number, or a new target lacks one of them.
    """
    scaling = Scaling(client, options["cluster"], options["service"])
    target = scaling.find()
    policies = scaling.policies() if target else {}
    schedules = scaling.schedules() if target else {}
    state = {"MinCapacity": target["MinCapacity"], "MaxCapacity": target["MaxCapacity"]} if target else {}
    given = {"MinCapacity": options.get("min_capacity"), "MaxCapacity": options.get("max_capacity")}
    bounds = {**state, **{field: value for field, value in given.items() if value is not None}}
    if len(bounds) < len(given):
        raise Refused("Nothing scales the service yet: set both min_capacity and max_capacity")
    problem = bounds_problem(bounds["MinCapacity"], bounds["MaxCapacity"])
    if problem:
        raise Refused(problem)

    old_schedules = {name: canonical_schedule(action) for name, action in schedules.items()}
    schedule_requests, new_schedules = _wanted_schedules(options.get("scheduled_actions"), old_schedules)
    kept = [action for name, action in new_schedules.items() if old_schedules.get(name) == action]
    if any({**bounds, **action["ScalableTargetAction"]} == state for action in kept):
        bounds = state

    old_tags: dict[str, str] = target["Tags"] if target else {}
    write, remove = tag_changes(old_tags, options.get("tags"))
    tags = {**{key: value for key, value in old_tags.items() if key not in remove}, **write}
    old = {name: canonical_policy(policy) for name, policy in policies.items()}
    requests, new = _wanted_policies(options.get("target_tracking"), old)
    before = {**state, "Policies": old, "Schedules": old_schedules, "Tags": old_tags} if target else {}
    after = {**bounds, "Policies": new, "Schedules": new_schedules, "Tags": tags}

    if not check:
        if target is None:
            scaling.register({**bounds, **({"Tags": tags} if tags else {})})
        else:
            if bounds != state:
                scaling.register(bounds)
            if write or remove:
                scaling.retag(target["ScalableTargetARN"], write, remove)
        scaling.delete_policies(sorted(old.keys() - new.keys()))
        for name, configuration in requests.items():
            if old.get(name) != new[name]:
                scaling.put(name, configuration)
        scaling.delete_schedules(sorted(old_schedules.keys() - new_schedules.keys()))
        for name, members in schedule_requests.items():
            if old_schedules.get(name) != new_schedules[name]:
                scaling.put_schedule(name, members)
    difference = differing(before, after)
    return Outcome(
        changed=before != after,
        values={"scaling": {"resource_id": scaling.resource_id, **_shown(after)}},
        before=difference["before"],
        after=difference["after"],
    )


def _wanted_policies(
    wanted: Iterable[Document] | None, old: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(what PutScalingPolicy takes, what there is afterwards), both by name. None wanted: leave them alone."""
    if wanted is None:
        return {}, dict(old)
    requests = {policy["name"]: tracking(policy) for policy in wanted}
    after = {
        name: canonical_policy({"TargetTrackingScalingPolicyConfiguration": request})
        for name, request in requests.items()
    }
    return requests, after


def _wanted_schedules(
    wanted: Iterable[Document] | None, old: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(what PutScheduledAction takes, what there is afterwards), both by name. None wanted: leave them alone."""
    if wanted is None:
        return {}, dict(old)
    requests = {action["name"]: schedule(action) for action in wanted}
    return requests, {name: canonical_schedule(request) for name, request in requests.items()}


def _shown(state: Document) -> dict[str, Any]:
    policies = [{"PolicyName": name, **policy} for name, policy in sorted(state["Policies"].items())]
    schedules = [{"ScheduledActionName": name, **action} for name, action in sorted(state["Schedules"].items())]
    return {
        "min_capacity": state["MinCapacity"],
        "max_capacity": state["MaxCapacity"],
        "policies": [snake(policy) for policy in policies],
        "scheduled_actions": [snake(action) for action in schedules],
        "tags": state["Tags"],
    }


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    """Leave the service with the number of tasks that it has, and nothing that changes it."""
    scaling = Scaling(client, options["cluster"], options["service"])
    target = scaling.find()
    if target is None:
        return Outcome(changed=False)
    policies = scaling.policies()
    if not check:
        scaling.delete_policies(sorted(policies))
        scaling.deregister()  # Which ends the scheduled actions, too.
    before = {"MinCapacity": target["MinCapacity"], "MaxCapacity": target["MaxCapacity"], "Policies": sorted(policies)}
    return Outcome(changed=True, before=before)
