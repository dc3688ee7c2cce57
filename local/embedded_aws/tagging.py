# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource Groups Tagging API: the kinds of resources that MiniStack's GetResources leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id
from ministack.core.responses import get_region
from ministack.services import acm
from ministack.services import alb
from ministack.services import cloudtrail
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs
from ministack.services import ec2
from ministack.services import ecs
from ministack.services import servicediscovery
from ministack.services import tagging
from ministack.services import waf

from embedded_aws import autoscaling
from embedded_aws import compliance
from embedded_aws.correction import correct

Found = Iterator[tuple[str, list[dict[str, str]]]]
EC2_KINDS = {
    "vpc": "_vpcs",
    "subnet": "_subnets",
    "internet-gateway": "_internet_gateways",
    "route-table": "_route_tables",
    "security-group": "_security_groups",
    "natgateway": "_nat_gateways",
    "network-acl": "_network_acls",
    "elastic-ip": "_addresses",
    "vpc-endpoint": "_vpc_endpoints",
    "vpc-flow-log": "_flow_logs",
    "network-interface": "_network_interfaces",
}


def flat(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def from_ec2() -> Found:
    for kind, store in EC2_KINDS.items():
        for name, record in getattr(ec2, store, {}).items():
            if ec2._tags.get(name) and record.get("State") not in ("deleted", "deleting"):
                yield f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{name}", ec2._tags[name]


def from_load_balancing() -> Found:
    for store in (alb._lbs, alb._tgs, alb._listeners, alb._rules):
        for arn in list(store):
            if alb._tags.get(arn):
                yield arn, alb._tags[arn]


def from_logs() -> Found:
    for name, group in cloudwatch_logs._log_groups.items():
        if group.get("tags"):
            yield f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}", flat(group["tags"])
    for store in (
        cloudwatch_logs._delivery_sources,
        cloudwatch_logs._delivery_destinations,
        cloudwatch_logs._deliveries,
    ):
        for record in store.values():
            if record["tags"]:
                yield record["arn"], flat(record["tags"])


def from_alarms() -> Found:
    for arn, tags in cloudwatch._resource_tags.items():
        if tags and arn.split(":")[3] == get_region():
            yield arn, flat(tags)


def from_trails() -> Found:
    for arn, tags in cloudtrail._trail_tags.items():
        if tags and arn.split(":")[3] == get_region():
            yield arn, flat(tags)


def from_config() -> Found:
    for arn, tags in compliance._tags.items():
        if tags:
            yield arn, flat(tags)


def from_security_hub() -> Found:
    tags = compliance._hub.get("hub", {}).get("Tags")
    if tags:
        yield compliance.hub_arn(), flat(tags)


def from_autoscaling() -> Found:
    for target in autoscaling._targets.values():
        if target["Tags"]:
            yield target["ScalableTargetARN"], flat(target["Tags"])


def from_certificates() -> Found:
    for arn, certificate in acm._certificates.items():
        if certificate["Tags"]:
            yield arn, certificate["Tags"]


def from_cloud_map() -> Found:
    for arn, tags in servicediscovery._resource_tags.items():
        if tags and arn.split(":")[3] == get_region():
            yield arn, tags


def from_waf() -> Found:
    for arn, tags in waf._waf_tags.items():
        if tags and arn.split(":")[3] == get_region():
            yield arn, tags


def install() -> None:
    tagging._COLLECTORS.update(
        {
            "acm": from_certificates,
            "ec2": from_ec2,
            "elasticloadbalancing": from_load_balancing,
            "logs": from_logs,
            "cloudtrail": from_trails,
            "config": from_config,
            "securityhub": from_security_hub,
            "cloudwatch": from_alarms,
            "application-autoscaling": from_autoscaling,
            "servicediscovery": from_cloud_map,
            "wafv2": from_waf,
            "secretsmanager": tagging._collect_secretsmanager,
        }
    )

    @correct(tagging, "_collect_cloudfront", "_COLLECTORS", "cloudfront")
    def from_cloudfront(original: Any) -> Found:
        """CloudFront's resources are found in us-east-1 only."""
        return original() if get_region() == "us-east-1" else iter(())

    @correct(tagging, "_collect_ecs", "_COLLECTORS", "ecs")
    def from_ecs(original: Any) -> Found:
        """Resources are found in their own region only, tasks until they have stopped."""
        ended = {arn for arn, task in ecs._tasks.items() if task["lastStatus"] == "STOPPED"}
        return ((arn, tags) for arn, tags in original() if arn.split(":")[3] == get_region() and arn not in ended)
