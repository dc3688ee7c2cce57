# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SNS topic, its tags, and who hears of what is sent to it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome

PROTOCOLS = ("email", "sms", "https")
# What stands in the place of a subscription's ARN while nobody has confirmed it; AWS lets go of it by itself after
# two days, and offers no call that does.
PENDING = "PendingConfirmation"
# What stands there for some days after the subscriber has unsubscribed.
DELETED = "Deleted"
GONE = ("NotFound", "NotFoundException")


@dataclass(frozen=True, order=True)
class Subscriber:
    protocol: str
    endpoint: str

    def __str__(self) -> str:
        """Without the path of an address: keys of pager services stand there."""
        if self.protocol != "https":
            return f"{self.protocol} {self.endpoint}"
        return f"https://{urlsplit(self.endpoint).hostname}/..."


@dataclass(frozen=True)
class Topic:
    """A topic as it stands; `subscribers` have the ARN of their subscription, those to be confirmed an empty one."""

    arn: str
    attributes: Document
    tags: Mapping[str, str]
    subscribers: Mapping[Subscriber, str]


def topic_arn(client: Any, name: str) -> str | None:
    """SNS finds topics by ARN only; a list of them is the one way from a name to it that writes nothing."""
    pages = client.get_paginator("list_topics").paginate()
    arns = (topic["TopicArn"] for page in pages for topic in page["Topics"])
    return next((arn for arn in arns if arn.rpartition(":")[2] == name), None)


def find(client: Any, name: str) -> Topic | None:
    arn = topic_arn(client, name)
    answer = absent_as_none(lambda: client.get_topic_attributes(TopicArn=arn), *GONE) if arn else None
    if arn is None or answer is None:
        return None
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    return Topic(
        arn=arn,
        attributes=answer["Attributes"],
        tags=tags_to_dict(client.list_tags_for_resource(ResourceArn=arn)["Tags"]),
        subscribers={
            Subscriber(item["Protocol"], item["Endpoint"]): ""
            if item["SubscriptionArn"] in PENDING
            else item["SubscriptionArn"]
            for page in pages
            for item in page["Subscriptions"]
            if item["SubscriptionArn"] != DELETED
        },
    )


def wanted_subscribers(options: Document) -> set[Subscriber]:
    return {Subscriber(protocol, endpoint) for protocol in PROTOCOLS for endpoint in options.get(protocol) or ()}


def shown(subscribers: Iterable[Subscriber]) -> list[str]:
    return [str(subscriber) for subscriber in sorted(subscribers)]


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make topic, tags and subscriptions the wanted ones.

    A subscription that waits for its confirmation counts as one. One that waits and is not wanted any more cannot be
    removed, so it is no change; AWS removes it.
    """
    name = options["name"]
    topic = find(client, name)
    old_tags: Mapping[str, str] = topic.tags if topic else {}
    write, remove = tag_changes(old_tags, options.get("tags"))
    attributes = {"DisplayName": options.get("display_name"), "KmsMasterKeyId": options.get("kms_key_id")}
    attributes = {key: value for key, value in attributes.items() if value is not None}
    old_attributes = {key: (topic.attributes.get(key) or "") for key in attributes} if topic else {}
    there: Mapping[Subscriber, str] = topic.subscribers if topic else {}
    subscribers = wanted_subscribers(options)
    leaving = {subscriber for subscriber, arn in there.items() if arn and subscriber not in subscribers}
    joining = subscribers - there.keys()
    staying = there.keys() - leaving

    before: dict[str, Any] = {}
    if topic:
        before = {**old_attributes, "Tags": dict(old_tags), "Subscribers": shown(there)}
    after = {
        **attributes,
        "Tags": {**{key: value for key, value in old_tags.items() if key not in remove}, **write},
        "Subscribers": shown(staying | joining),
    }
    arn = topic.arn if topic else None
    if not check:
        if topic is None:
            given = {key: value for key, value in attributes.items() if value}
            arn = client.create_topic(Name=name, Attributes=given, Tags=dict_to_tags(write))["TopicArn"]
        else:
            for key, value in attributes.items():
                if old_attributes[key] != value:
                    client.set_topic_attributes(TopicArn=arn, AttributeName=key, AttributeValue=value)
            if write:
                client.tag_resource(ResourceArn=arn, Tags=dict_to_tags(write))
            if remove:
                client.untag_resource(ResourceArn=arn, TagKeys=remove)
        for subscriber in sorted(leaving):
            client.unsubscribe(SubscriptionArn=there[subscriber])
        for subscriber in sorted(joining):
            client.subscribe(TopicArn=arn, Protocol=subscriber.protocol, Endpoint=subscriber.endpoint)
    difference = differing(before, after)
    waiting = {subscriber for subscriber, confirmed in there.items() if not confirmed}
    # A phone number needs no confirmation.
    waiting |= {subscriber for subscriber in joining if subscriber.protocol != "sms"}
    return Outcome(
        changed=before != after or bool(joining or leaving),
        values={
            "topic": {"name": name, "arn": arn, "subscribers": after["Subscribers"], "unconfirmed": shown(waiting)}
        },
        before=difference["before"],
        after=difference["after"],
    )


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    """Delete the topic, and with it every subscription."""
    topic = find(client, options["name"])
    if topic is None:
        return Outcome(changed=False)
    if not check:
        client.delete_topic(TopicArn=topic.arn)
    return Outcome(changed=True, before={"arn": topic.arn, "Subscribers": shown(topic.subscribers)})
