# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The delivery of a distribution's access logs to a bucket: its three parts, and the calls that make them so.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html, version 2. A source (the
distribution), a destination (the bucket) and the delivery between them, all in CloudWatch Logs of CloudFront's region.
Each of the parts is a mapping with `Tags`; `SOURCE` and `DESTINATION` say beside it what they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils import _log_bucket
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome

SOURCE, DESTINATION, DELIVERY = "Source", "Destination", "Delivery"
GONE = "ResourceNotFoundException"
# What the tools for CloudFront's logs read.
FORMAT = "w3c"

Parts = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Wanted:
    """What should be delivered where. `name` is that of source and destination; a delivery has an id alone."""

    name: str
    distribution_arn: str
    bucket: _log_bucket.LogBucket

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.bucket.partition}:s3:::{self.bucket.name}"

    def parts(self) -> Parts:
        tags = dict(self.bucket.tags)
        return {
            SOURCE: {"Distribution": self.distribution_arn, "Tags": tags},
            DESTINATION: {"Bucket": self.bucket_arn, "Tags": tags},
            DELIVERY: {"Tags": tags},
        }


@dataclass(frozen=True)
class Found:
    """What stands: the parts, their ARNs, and the ids of the source's deliveries, wherever they lead."""

    parts: Parts
    arns: dict[str, str]
    ids: list[str]


def read(logs: Any, name: str) -> Found:
    source = absent_as_none(lambda: logs.get_delivery_source(name=name)["deliverySource"], GONE)
    destination = absent_as_none(lambda: logs.get_delivery_destination(name=name)["deliveryDestination"], GONE)
    parts: Parts = {}
    arns: dict[str, str] = {}
    if source:
        parts[SOURCE] = {"Distribution": next(iter(source["resourceArns"]), ""), "Tags": tags(source)}
        arns[SOURCE] = source["arn"]
    if destination:
        place = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
        parts[DESTINATION] = {"Bucket": place, "Tags": tags(destination)}
        arns[DESTINATION] = destination["arn"]
    deliveries = deliveries_of(logs, name) if source else []
    for delivery in deliveries:
        if delivery["deliveryDestinationArn"] == arns.get(DESTINATION):
            parts[DELIVERY] = {"Tags": tags(delivery)}
            arns[DELIVERY] = delivery["arn"]
    return Found(parts, arns, [delivery["id"] for delivery in deliveries])


def tags(part: Mapping[str, Any]) -> dict[str, str]:
    return tags_to_dict({"Key": key, "Value": value} for key, value in (part.get("tags") or {}).items())


def deliveries_of(logs: Any, name: str) -> list[dict[str, Any]]:
    pages = logs.get_paginator("describe_deliveries").paginate()
    return [one for page in pages for one in page.get("deliveries", ()) if one["deliverySourceName"] == name]


def present(logs: Any, s3: Any, wanted: Wanted, check: bool) -> Outcome:
    """Makes or corrects the bucket, then what fills it."""
    bucket = _log_bucket.present(s3, wanted.bucket, check)
    found, parts = read(logs, wanted.name), wanted.parts()
    if not check and found.parts != parts:
        write(logs, wanted, found)
    diff = differing(found.parts, parts)
    return Outcome(
        bucket.changed or found.parts != parts,
        {"bucket": wanted.bucket.name},
        before={**bucket.before, **diff["before"]},
        after={**bucket.after, **diff["after"]},
    )


def write(logs: Any, wanted: Wanted, found: Found) -> None:
    """Each step alone mends what a run that was cut short has left."""
    parts, arns, standing = wanted.parts(), dict(found.arns), dict(found.parts)
    if SOURCE in standing and standing[SOURCE]["Distribution"] != wanted.distribution_arn:
        # A source stays with its distribution.
        remove_source(logs, wanted.name, found)
        del standing[SOURCE]
        standing.pop(DELIVERY, None)
    if SOURCE not in standing:
        logs.put_delivery_source(
            name=wanted.name,
            resourceArn=wanted.distribution_arn,
            logType="ACCESS_LOGS",
            tags=parts[SOURCE]["Tags"],
        )
    place = {"destinationResourceArn": wanted.bucket_arn}
    if DESTINATION not in standing:
        answer = logs.put_delivery_destination(
            name=wanted.name,
            outputFormat=FORMAT,
            deliveryDestinationConfiguration=place,
            tags=parts[DESTINATION]["Tags"],
        )
        arns[DESTINATION] = answer["deliveryDestination"]["arn"]
    elif standing[DESTINATION]["Bucket"] != wanted.bucket_arn:
        logs.put_delivery_destination(name=wanted.name, outputFormat=FORMAT, deliveryDestinationConfiguration=place)
    if DELIVERY not in standing:
        # Without a path of its own, AWS writes below AWSLogs/ACCOUNT/CloudFront/.
        logs.create_delivery(
            deliverySourceName=wanted.name,
            deliveryDestinationArn=arns[DESTINATION],
            tags=parts[DELIVERY]["Tags"],
        )
    for part in standing:
        put, gone = tag_changes(standing[part]["Tags"], parts[part]["Tags"])
        if put:
            logs.tag_resource(resourceArn=arns[part], tags=put)
        if gone:
            logs.untag_resource(resourceArn=arns[part], tagKeys=gone)


def absent(logs: Any, s3: Any, name: str, bucket: str, check: bool) -> Outcome:
    """Removes what fills the bucket, then the bucket with every log in it."""
    found = read(logs, name)
    if not check:
        if SOURCE in found.parts:
            remove_source(logs, name, found)
        if DESTINATION in found.parts:
            logs.delete_delivery_destination(name=name)
    emptied = _log_bucket.absent(s3, bucket, check)
    return Outcome(
        emptied.changed or bool(found.parts), {"bucket": bucket}, before={**emptied.before, **found.parts}, after={}
    )


def remove_source(logs: Any, name: str, found: Found) -> None:
    for delivery in found.ids:
        logs.delete_delivery(id=delivery)
    logs.delete_delivery_source(name=name)
