# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security Hub of an account in one region: there is one hub, and the stack's is the one that carries its tag."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._app_secrets import OWNER_TAG
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome

# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DescribeHub.html: an account that is not subscribed.
NOT_SUBSCRIBED = ("InvalidAccessException", "ResourceNotFoundException")


@dataclass(frozen=True)
class Hub:
    """The hub as it stands; `standards` is subscription ARN by standard, as in `NAME/v/1.0.0`."""

    arn: str
    tags: Mapping[str, str]
    standards: Mapping[str, str]

    def shown(self) -> dict[str, Any]:
        return {"standards": sorted(self.standards), "tags": dict(self.tags)}


def standard_of(arn: str) -> str:
    """`NAME/v/1.0.0` of a standard's ARN; the oldest standard is called a ruleset."""
    return arn.partition(":standards/")[2] or arn.partition(":ruleset/")[2]


def standard_arn(standard: str, partition: str, region: str) -> str:
    return f"arn:{partition}:securityhub:{region}::standards/{standard}"


def live(subscriptions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Subscription ARN by standard, of those that are not on their way out."""
    return {
        standard_of(one["StandardsArn"]): one["StandardsSubscriptionArn"]
        for one in subscriptions
        if one["StandardsStatus"] != "DELETING"
    }


def read(client: Any) -> Hub | None:
    hub = absent_as_none(client.describe_hub, *NOT_SUBSCRIBED)
    if hub is None:
        return None
    pages = client.get_paginator("get_enabled_standards").paginate()
    return Hub(
        arn=hub["HubArn"],
        tags=client.list_tags_for_resource(ResourceArn=hub["HubArn"])["Tags"],
        standards=live(one for page in pages for one in page["StandardsSubscriptions"]),
    )


@dataclass(frozen=True)
class Wanted:
    stack: str
    standards: Collection[str]
    tags: Mapping[str, str]
    partition: str
    region: str

    def is_mine(self, hub: Hub) -> bool:
        return hub.tags.get(OWNER_TAG) == self.stack


def outcome(wanted: Wanted, before: Hub | None, after: Mapping[str, Any], own: bool) -> Outcome:
    found = before.shown() if before and own else {}
    values = {"hub": {"own": own, "standards": list(after.get("standards", ()))}}
    return Outcome(found != after, values, **differing(found, after))


def present(client: Any, wanted: Wanted, check: bool) -> Outcome:
    """Subscribe the account and its standards; somebody else's hub stays as it is."""
    before = read(client)
    if before and not wanted.is_mine(before):
        return Outcome(False, {"hub": {"own": False, "standards": sorted(before.standards)}})
    tags = {**wanted.tags, OWNER_TAG: wanted.stack}
    after = {
        "standards": sorted(wanted.standards),
        "tags": tags_after(before.tags, tags) if before else tags,
    }
    if not check:
        write(client, wanted, before, tags)
    return outcome(wanted, before, after, own=True)


def write(client: Any, wanted: Wanted, before: Hub | None, tags: Mapping[str, str]) -> None:
    standing = before.standards if before else {}
    if before is None:
        client.enable_security_hub(EnableDefaultStandards=False, Tags=tags)
    else:
        put, drop = tag_changes(before.tags, tags)
        if put:
            client.tag_resource(ResourceArn=before.arn, Tags=put)
        if drop:
            client.untag_resource(ResourceArn=before.arn, TagKeys=drop)
    added = [standard_arn(name, wanted.partition, wanted.region) for name in wanted.standards if name not in standing]
    if added:
        client.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": arn} for arn in added])
    gone = [arn for name, arn in standing.items() if name not in wanted.standards]
    if gone:
        client.batch_disable_standards(StandardsSubscriptionArns=gone)


def absent(client: Any, wanted: Wanted, check: bool) -> Outcome:
    """End the account's subscription, with all standards, if the hub is the stack's."""
    before = read(client)
    if before is None or not wanted.is_mine(before):
        return Outcome(False, {"hub": {"own": False, "standards": sorted(before.standards) if before else []}})
    if not check:
        client.disable_security_hub()
    return outcome(wanted, before, {}, own=True)
