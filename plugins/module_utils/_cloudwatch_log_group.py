# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log group of CloudWatch Logs: how long it keeps its events, and its tags."""

from __future__ import annotations

from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._settings import RETENTION_DAYS

GONE = "ResourceNotFoundException"
FOR_EVER = 0


def find(client: Any, name: str) -> dict[str, Any] | None:
    """The log group of exactly this name with its tags; its ARN is the one that tags are asked by."""
    for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                arn = group["arn"].removesuffix(":*")
                return {**group, "arn": arn, "tags": client.list_tags_for_resource(resourceArn=arn).get("tags") or {}}
    return None


def shown(group: Document | None) -> dict[str, Any]:
    if group is None:
        return {}
    return {
        "name": group["logGroupName"],
        "retention_days": group.get("retentionInDays", FOR_EVER),
        "tags": dict(group["tags"]),
    }


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the log group, or make its retention and tags the wanted ones; what is not set stays."""
    name, days = options["name"], options["retention_days"]
    if days not in (None, FOR_EVER, *RETENTION_DAYS):
        raise Refused(
            f"retention_days: {days} is not a retention that CloudWatch Logs knows. Write 0 for ever, or one of "
            f"{', '.join(map(str, RETENTION_DAYS))}"
        )
    found = find(client, name)
    before = shown(found)
    old_tags = before.get("tags", {})
    after = {
        "name": name,
        "retention_days": before.get("retention_days", FOR_EVER) if days is None else days,
        "tags": tags_after(old_tags, options["tags"]),
    }
    if not check:
        if found is None:
            key = {"kmsKeyId": options["kms_key_id"]} if options["kms_key_id"] else {}
            client.create_log_group(logGroupName=name, tags=after["tags"], **key)
        if after["retention_days"] != before.get("retention_days", FOR_EVER):
            keep(client, name, after["retention_days"])
        if found:
            write, remove = tag_changes(old_tags, options["tags"])
            if write:
                client.tag_resource(resourceArn=found["arn"], tags=write)
            if remove:
                client.untag_resource(resourceArn=found["arn"], tagKeys=remove)
    return Outcome(changed=before != after, values={"log_group": after}, **differing(before, after))


def keep(client: Any, name: str, days: int) -> None:
    if days == FOR_EVER:
        client.delete_retention_policy(logGroupName=name)
    else:
        client.put_retention_policy(logGroupName=name, retentionInDays=days)


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    """Delete the log group with its events."""
    found = find(client, options["name"])
    if found and not check:
        absent_as_none(lambda: client.delete_log_group(logGroupName=options["name"]), GONE)
    return Outcome(changed=found is not None, before=shown(found))
