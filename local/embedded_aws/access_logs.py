# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access logs of load balancers and distributions: who may write them, their lines, and their way to S3."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import time
from dataclasses import dataclass
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb
from ministack.services import cloudwatch_logs
from ministack.services import s3

from embedded_aws.clock import Clock
from embedded_aws.context import ACCOUNT
from embedded_aws.correction import Reply
from embedded_aws.correction import correct
from embedded_aws.front_door import Answer
from embedded_aws.front_door import Head
from embedded_aws.front_door import Upstream
from embedded_aws.rules import attribute

BALANCERS = "logdelivery.elasticloadbalancing.amazonaws.com"
DELIVERIES = "delivery.logs.amazonaws.com"
# Seconds between two looks for what is due.
PAUSE = 0.5


def may_write(service: str, bucket: str, key: str) -> bool:
    """Whether the bucket is there and its policy lets the service put an object."""
    if bucket not in s3._buckets:
        return False
    wanted = f"arn:aws:s3:::{bucket}/{key}"
    for statement in json.loads(s3._bucket_policies.get(bucket) or "{}").get("Statement", ()):
        principal = statement.get("Principal")
        services = listed(principal.get("Service")) if isinstance(principal, dict) else ()
        actions, resources = listed(statement.get("Action")), listed(statement.get("Resource"))
        if (
            statement.get("Effect") == "Allow"
            and service in services
            and any(fnmatchcase("s3:PutObject", action) for action in actions)
            and any(fnmatchcase(wanted, resource) for resource in resources)
        ):
            return True
    return False


def listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value] if value else []


@dataclass(frozen=True)
class Place:
    """Where lines go: into a file whose name begins with `start`, below `head`, put by a service."""

    service: str
    bucket: str
    start: str
    head: str = ""


@dataclass
class AccessLogs:
    """The lines that are not in S3 yet. `delay`: seconds on the clock until they are."""

    clock: Clock
    delay: float
    waiting: dict[Place, list[str]] = field(default_factory=dict)
    since: dict[Place, float] = field(default_factory=dict)

    def add(self, place: Place, line: str) -> None:
        self.waiting.setdefault(place, []).append(line)
        self.since.setdefault(place, time.monotonic())

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            due = time.monotonic() - self.clock.real(self.delay)
            for place in [place for place, moment in self.since.items() if moment <= due]:
                del self.since[place]
                self.put(place, self.waiting.pop(place))

    @staticmethod
    def put(place: Place, lines: list[str]) -> None:
        key = f"{place.start}{secrets.token_hex(4)}.gz"
        with request_scope(ACCOUNT, "us-east-1"):
            if may_write(place.service, place.bucket, key):
                s3._put_object(place.bucket, key, gzip.compress(f"{place.head}{chr(10).join(lines)}\n".encode()), {})

    def of_balancer(
        self, listener: dict[str, Any], head: Head, peer: str, where: Answer | Upstream, status: int
    ) -> None:
        """A request to a load balancer, answered with this status."""
        arn, scheme = listener["LoadBalancerArn"], listener["Protocol"].lower()
        attributes = alb._lb_attrs.get(arn, [])
        if attribute(attributes, "access_logs.s3.enabled") != "true":
            return
        target = f"{where.host}:{where.port}" if isinstance(where, Upstream) else ""
        moment = time.gmtime()
        region, name = arn.split(":")[3], arn.partition(":loadbalancer/")[2]
        host = head.get("host") or "-"
        known = {
            0: scheme,
            1: time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", moment),
            2: name,
            3: f"{peer}:0",
            4: target or "-",
            8: str(status),
            9: str(status) if target else "-",
            12: f'"{head.method} {scheme}://{host}{head.target} {head.first[2]}"',
            13: f'"{head.get("user-agent") or "-"}"',
            18: f'"{host.partition(":")[0]}"',
            22: '"forward"' if target else '"-"',
        }
        quoted = (17, 19, 23, 24, 25, 26, 27, 28)
        line = " ".join(known.get(index, '"-"' if index in quoted else "-") for index in range(30))
        folder = f"AWSLogs/{ACCOUNT}/elasticloadbalancing/{region}/{time.strftime('%Y/%m/%d', moment)}"
        minute = time.strftime("%Y%m%dT%H%MZ", moment)
        start = f"{folder}/{ACCOUNT}_elasticloadbalancing_{region}_{name.replace('/', '.')}_{minute}_127.0.0.1_"
        prefix = attribute(attributes, "access_logs.s3.prefix")
        bucket = attribute(attributes, "access_logs.s3.bucket")
        self.add(Place(BALANCERS, bucket, f"{prefix}/{start}" if prefix else start), line)

    def of_distribution(self, record: dict[str, Any], head: Head, peer: str, secure: bool, status: int) -> None:
        """A request to a distribution, answered with this status."""
        with request_scope(ACCOUNT, "us-east-1"):
            buckets = delivered_to(record["ARN"])
        if not buckets:
            return
        moment = time.gmtime()
        path, _, query = head.target.partition("?")
        # Of AWS's fields those that are known here.
        known = {
            "date": time.strftime("%Y-%m-%d", moment),
            "time": time.strftime("%H:%M:%S", moment),
            "c-ip": peer,
            "cs-method": head.method,
            "cs(Host)": record["DomainName"],
            "cs-uri-stem": path,
            "sc-status": str(status),
            "cs(User-Agent)": head.get("user-agent").replace(" ", "%20") or "-",
            "cs-uri-query": query or "-",
            "x-host-header": head.get("host") or "-",
            "cs-protocol": "https" if secure else "http",
            "cs-protocol-version": head.first[2],
        }
        start = f"AWSLogs/{ACCOUNT}/CloudFront/{record['Id']}.{time.strftime('%Y-%m-%d-%H', moment)}."
        for bucket in buckets:
            self.add(
                Place(DELIVERIES, bucket, start, f"#Version: 1.0\n#Fields: {' '.join(known)}\n"),
                "\t".join(known.values()),
            )


def delivered_to(arn: str) -> list[str]:
    """The buckets that a distribution's logs are delivered to."""
    sources = [one["name"] for one in cloudwatch_logs._delivery_sources.values() if arn in one["resourceArns"]]
    ends = [one["deliveryDestinationArn"] for one in used() if one["deliverySourceName"] in sources]
    return [
        one["deliveryDestinationConfiguration"]["destinationResourceArn"].rpartition(":")[2]
        for one in cloudwatch_logs._delivery_destinations.values()
        if one["arn"] in ends
    ]


def used() -> list[dict[str, Any]]:
    return list(cloudwatch_logs._deliveries.values())


def conflict(text: str) -> Reply:
    return cloudwatch_logs.error_response_json("ConflictException", text, 400)


def install() -> None:
    @correct(alb, "_modify_lb_attrs", "_ACTION_MAP", "ModifyLoadBalancerAttributes")
    def modify_attributes(original: Any, params: Any) -> Reply:
        """Access logs are switched on only where the load balancer can write them, and it tries at once."""
        arn = alb._p(params, "LoadBalancerArn")
        given = {item["Key"]: item["Value"] for item in alb._lb_attrs.get(arn, [])} | asked(params)
        prefix, bucket = given.get("access_logs.s3.prefix"), given.get("access_logs.s3.bucket", "")
        key = f"{prefix + '/' if prefix else ''}AWSLogs/{ACCOUNT}/ELBAccessLogTestFile"
        if given.get("access_logs.s3.enabled") != "true":
            return original(params)
        if not may_write(BALANCERS, bucket, key):
            text = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
            return alb._error("InvalidConfigurationRequest", text)
        s3._put_object(bucket, key, b"Enable access logging", {})
        return original(params)

    @correct(cloudwatch_logs, "_put_delivery_source")
    def put_source(original: Any, data: dict[str, Any]) -> Reply:
        """CloudFront's are in us-east-1, each distribution has one, and a source keeps its distribution."""
        arn, name = data.get("resourceArn", ""), data.get("name")
        if ":cloudfront:" in arn and cloudwatch_logs.get_region() != "us-east-1":
            return cloudwatch_logs._validation_error("CloudFront's delivery sources are in us-east-1 only.")
        for one in cloudwatch_logs._delivery_sources.values():
            if (one["name"] == name) != (arn in one["resourceArns"]):
                return conflict("This ResourceId has already been used in another Delivery Source in this account")
        return original(data)

    @correct(cloudwatch_logs, "_delete_delivery_source")
    def delete_source(original: Any, data: dict[str, Any]) -> Reply:
        """Refused while a delivery uses it."""
        if any(one["deliverySourceName"] == data.get("name") for one in used()):
            return conflict("Cannot delete delivery source as it is in use by a delivery.")
        return original(data)

    @correct(cloudwatch_logs, "_put_delivery_destination")
    def put_destination(original: Any, data: dict[str, Any]) -> Reply:
        """Its bucket must exist."""
        arn = (data.get("deliveryDestinationConfiguration") or {}).get("destinationResourceArn", "")
        if arn.startswith("arn:aws:s3:::") and arn.removeprefix("arn:aws:s3:::").partition("/")[0] not in s3._buckets:
            return cloudwatch_logs._validation_error("Specified S3 bucket does not exist.")
        return original(data)

    @correct(cloudwatch_logs, "_delete_delivery_destination")
    def delete_destination(original: Any, data: dict[str, Any]) -> Reply:
        """Refused while a delivery uses it."""
        found = cloudwatch_logs._delivery_destinations.get(data.get("name")) or {}
        if any(one["deliveryDestinationArn"] == found.get("arn") for one in used()):
            return conflict("Cannot delete delivery destination as it is in use by a delivery.")
        return original(data)


def asked(params: Any) -> dict[str, str]:
    """The attributes of a request."""
    found: dict[str, str] = {}
    while key := alb._p(params, f"Attributes.member.{len(found) + 1}.Key"):
        found[key] = alb._p(params, f"Attributes.member.{len(found) + 1}.Value")
    return found
