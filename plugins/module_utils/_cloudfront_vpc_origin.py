# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VPC origin, the way from CloudFront to an internal load balancer: what it should be and the calls that make it so.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import marked
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

GONE = "EntityNotFound"


class VpcOriginError(Exception):
    """What cannot be done, as a sentence."""


@dataclass(frozen=True)
class Endpoint:
    """The load balancer behind a VPC origin."""

    name: str
    arn: str
    http_port: int
    https_port: int
    protocol: str

    def config(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "Arn": self.arn,
            "HTTPPort": self.http_port,
            "HTTPSPort": self.https_port,
            "OriginProtocolPolicy": self.protocol,
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        }


@dataclass(frozen=True)
class Found:
    """A VPC origin that stands."""

    id: str
    arn: str
    status: str
    config: dict[str, Any]
    etag: str
    tags: dict[str, str]

    def described(self) -> dict[str, str]:
        return {"id": self.id, "arn": self.arn, "status": self.status, "load_balancer_arn": self.config["Arn"]}


@dataclass(frozen=True)
class Result:
    """How a run ended: what changed, what stands now (None: nothing), and the diff."""

    changed: bool
    vpc_origin: dict[str, str] | None
    diff: dict[str, dict[str, Any]]


def read(client: Any, vpc_origin_id: str) -> Found | None:
    answer = absent_as_none(lambda: client.get_vpc_origin(Id=vpc_origin_id), GONE)
    if answer is None:
        return None
    origin = answer["VpcOrigin"]
    tags = client.list_tags_for_resource(Resource=origin["Arn"])["Tags"]
    return Found(
        id=origin["Id"],
        arn=origin["Arn"],
        status=origin["Status"],
        config=origin["VpcOriginEndpointConfig"],
        etag=answer["ETag"],
        tags=tags_to_dict(tags.get("Items")),
    )


def find(client: Any, name: str) -> Found | None:
    """The VPC origin of a name, of which CloudFront lets there be one."""
    named = (one for one in marked(client.list_vpc_origins, "VpcOriginList") if one["Name"] == name)
    summary = next(named, None)
    return read(client, summary["Id"]) if summary else None


def present(client: Any, endpoint: Endpoint, tags: Mapping[str, Any] | None, check: bool, wait: Wait | None) -> Result:
    """Makes or corrects the VPC origin. `wait`: until CloudFront can use it; None does not wait."""
    found = find(client, endpoint.name)
    standing = found.tags if found else {}
    new_tags, old_tags = tag_changes(standing, tags)
    wanted_tags = tags_after(standing, tags)
    wanted = endpoint.config()
    # AWS fills in more members than are asked for.
    before = {key: found.config.get(key) for key in wanted} if found else {}
    diff = differing({**before, "Tags": standing} if found else {}, {**wanted, "Tags": wanted_tags})
    changed = before != wanted or bool(new_tags or old_tags)
    if check:
        return Result(changed, found.described() if found else None, diff)
    if found is None:
        answer = client.create_vpc_origin(VpcOriginEndpointConfig=wanted, Tags={"Items": dict_to_tags(wanted_tags)})
        vpc_origin_id = answer["VpcOrigin"]["Id"]
    else:
        vpc_origin_id = found.id
        if before != wanted:
            client.update_vpc_origin(Id=found.id, IfMatch=found.etag, VpcOriginEndpointConfig=wanted)
        if new_tags:
            client.tag_resource(Resource=found.arn, Tags={"Items": dict_to_tags(new_tags)})
        if old_tags:
            client.untag_resource(Resource=found.arn, TagKeys={"Items": old_tags})
    now = await_deployed(client, vpc_origin_id, wait) if wait else read(client, vpc_origin_id)
    return Result(changed, now.described() if now else None, diff)


def absent(client: Any, name: str, check: bool, wait: Wait | None) -> Result:
    """Removes the VPC origin, which CloudFront lets go once no distribution uses it and its last change is deployed."""
    found = find(client, name)
    if found is None:
        return Result(False, None, {"before": {}, "after": {}})
    diff = {"before": found.described(), "after": {}}
    if check:
        return Result(True, found.described(), diff)
    now = await_deployed(client, found.id, wait) if wait else found
    if now:
        client.delete_vpc_origin(Id=now.id, IfMatch=now.etag)
    if wait and not wait.until(lambda: read(client, found.id) is None):
        raise VpcOriginError(f"The VPC origin {found.id} is still being removed after {wait.timeout:g} s. Run again")
    return Result(True, None, diff)


def await_deployed(client: Any, vpc_origin_id: str, wait: Wait) -> Found | None:
    """The VPC origin once CloudFront can use it, None if somebody deleted it meanwhile."""
    found, settled = wait.for_answer(
        lambda: read(client, vpc_origin_id), lambda answer: answer is None or answer.status != "Deploying"
    )
    if not settled:
        raise VpcOriginError(
            f"The VPC origin {vpc_origin_id} is not deployed after {wait.timeout:g} s; it goes on without this run. "
            "Run again to wait for it, with a larger wait_timeout if need be"
        )
    if found and found.status.lower() == "failed":
        raise VpcOriginError(
            f"CloudFront could not make the VPC origin {vpc_origin_id}: the load balancer's VPC needs an internet "
            "gateway, and its subnets free addresses"
        )
    return found
