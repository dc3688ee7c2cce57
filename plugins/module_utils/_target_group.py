# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load balancer's target group: what it is in a module's own words, what differs, and the calls that mend it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

View = dict[str, Any]

# Option -> field of the target group that AWS sets once and for all.
FIXED = {
    "protocol": "Protocol",
    "protocol_version": "ProtocolVersion",
    "port": "Port",
    "vpc_id": "VpcId",
    "target_type": "TargetType",
}
# Option -> field of the target group.
HEALTH_CHECK = {
    "enabled": "HealthCheckEnabled",
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthy_threshold": "HealthyThresholdCount",
    "unhealthy_threshold": "UnhealthyThresholdCount",
    "codes": "Matcher",
}
# Attribute -> the options' names on the way to its value. Attributes are text in AWS.
ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": ("deregistration_delay",),
    "stickiness.enabled": ("stickiness", "enabled"),
    "stickiness.type": ("stickiness", "type"),
    "stickiness.lb_cookie.duration_seconds": ("stickiness", "duration"),
}
NEEDED = ("protocol", "port", "vpc_id")
OPTIONS = (*FIXED, "health_check", "deregistration_delay", "stickiness", "tags")
TEXT_ATTRIBUTES = ("stickiness.type",)


class TargetGroupError(Exception):
    """What cannot be done, as a sentence."""


@dataclass(frozen=True)
class Found:
    """A target group that stands: its ARN, its load balancers' ARNs, and the rest in the words of the options."""

    arn: str
    load_balancers: tuple[str, ...]
    view: View


@dataclass(frozen=True)
class Result:
    """How a run ended: what changed, what stands now (None: nothing), and the diff."""

    changed: bool
    target_group: Found | None
    diff: dict[str, dict[str, Any]]


def from_text(attribute: str, value: str) -> Any:
    if attribute in TEXT_ATTRIBUTES:
        return value
    return value == "true" if value in ("true", "false") else int(value)


def to_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def view_of(group: Mapping[str, Any], attributes: Mapping[str, str], tags: Mapping[str, str]) -> View:
    """AWS's three answers about a target group in the words of the options."""
    view: View = {option: group.get(field) for option, field in FIXED.items()}
    view["health_check"] = {
        option: group[field].get("HttpCode") if option == "codes" else group[field]
        for option, field in HEALTH_CHECK.items()
        if group.get(field) is not None
    }
    for attribute, path in ATTRIBUTES.items():
        if attributes.get(attribute):
            set_at(view, path, from_text(attribute, attributes[attribute]))
    return {**view, "tags": dict(tags)}


def set_at(view: View, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        view = view.setdefault(name, {})
    view[path[-1]] = value


def get_at(view: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = view
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def overlaid(before: Mapping[str, Any], options: Mapping[str, Any]) -> View:
    """What stands with every given option over it; an option that is None says nothing. Tags are exact."""
    after = dict(before)
    for name, value in options.items():
        if isinstance(value, Mapping) and name != "tags":
            after[name] = overlaid(after.get(name) or {}, value)
        elif value is not None:
            after[name] = {key: str(text) for key, text in value.items()} if name == "tags" else value
    return after


def fixed_problem(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """The sentence for options that AWS cannot change on a target group that stands."""
    changes = [
        f"{option} from {before.get(option)} to {after.get(option)}"
        for option in FIXED
        if before.get(option) != after.get(option)
    ]
    if not changes:
        return None
    return (
        f"AWS cannot change {', '.join(changes)} on the target group {name}: it needs replacement. "
        "Give it another name, or remove it with its load balancer and make it again"
    )


def health_check_arguments(check: Mapping[str, Any]) -> dict[str, Any]:
    return {
        HEALTH_CHECK[option]: {"HttpCode": str(value)} if option == "codes" else value
        for option, value in check.items()
    }


def attribute_arguments(view: Mapping[str, Any]) -> list[dict[str, str]]:
    values = {attribute: get_at(view, path) for attribute, path in ATTRIBUTES.items()}
    return [{"Key": attribute, "Value": to_text(value)} for attribute, value in values.items() if value is not None]


def find(client: Any, name: str) -> Found | None:
    answer = absent_as_none(lambda: client.describe_target_groups(Names=[name]), "TargetGroupNotFound")
    if not answer or not answer["TargetGroups"]:
        return None
    group = answer["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    attributes = client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    (tags,) = client.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    view = view_of(group, {one["Key"]: one["Value"] for one in attributes}, tags_to_dict(tags["Tags"]))
    return Found(arn, tuple(group.get("LoadBalancerArns", ())), view)


def present(client: Any, name: str, options: Mapping[str, Any], check: bool) -> Result:
    """Makes or corrects the target group.

    :param options: the view that is wanted; None in it leaves a value as it is.
    :raises TargetGroupError: when an option differs that AWS cannot change, or a new group lacks one.
    """
    found = find(client, name)
    before = found.view if found else {}
    after = overlaid(before, options)
    diff = differing(before, after)
    changed = bool(diff["before"] or diff["after"])
    if found:
        problem = fixed_problem(name, before, after)
        if problem:
            raise TargetGroupError(problem)
    missing = [option for option in NEEDED if after.get(option) in (None, "")]
    if missing:
        raise TargetGroupError(f"A new target group needs {', '.join(missing)}")
    if check or not changed:
        return Result(changed, found, diff)
    arn = found.arn if found else create(client, name, after)
    if found:
        update(client, found, after, diff["after"])
    attributes = attribute_arguments(diff["after"])
    if attributes:
        client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    return Result(True, find(client, name), diff)


def create(client: Any, name: str, view: Mapping[str, Any]) -> str:
    fixed = {FIXED[option]: view[option] for option in FIXED if view.get(option) is not None}
    tags = {"Tags": dict_to_tags(view["tags"])} if view.get("tags") else {}
    answer = client.create_target_group(
        Name=name, **fixed, **health_check_arguments(view.get("health_check") or {}), **tags
    )
    return str(answer["TargetGroups"][0]["TargetGroupArn"])


def update(client: Any, found: Found, view: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    check = changes.get("health_check")
    if check:
        client.modify_target_group(TargetGroupArn=found.arn, **health_check_arguments(check))
    write, remove = tag_changes(found.view["tags"], view["tags"])
    if write:
        client.add_tags(ResourceArns=[found.arn], Tags=dict_to_tags(write))
    if remove:
        client.remove_tags(ResourceArns=[found.arn], TagKeys=remove)


def absent(client: Any, name: str, check: bool, wait: Wait) -> Result:
    """Deletes the target group, trying again while a listener that goes still holds it.

    :raises TargetGroupError: when it is still in use after the wait.
    """
    found = find(client, name)
    if found is None:
        return Result(False, None, {"before": {}, "after": {}})
    diff = {"before": found.view, "after": {}}
    if check:
        return Result(True, found, diff)

    def deleted() -> bool:
        try:
            client.delete_target_group(TargetGroupArn=found.arn)
        except ClientError as error:
            if error_code(error) == "ResourceInUse":
                return False
            if error_code(error) != "TargetGroupNotFound":
                raise
        return True

    if not wait.until(deleted):
        users = ", ".join(arn.split("/")[-2] for arn in found.load_balancers) or "a load balancer"
        raise TargetGroupError(
            f"The target group {name} is still in use by {users} after {wait.timeout:g} s. "
            "Remove the listener or the load balancer that forwards to it, then run again"
        )
    return Result(True, None, diff)
