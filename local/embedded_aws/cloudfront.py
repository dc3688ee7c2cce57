# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudFront: distributions take their time to deploy; requests by their domain name really go to the origin."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from ministack.core.responses import request_scope
from ministack.services import alb
from ministack.services import cloudfront
from ministack.services import route53
from ministack.services import waf

from embedded_aws.access_logs import AccessLogs
from embedded_aws.certificates import authorities
from embedded_aws.clock import Clock
from embedded_aws.context import ACCOUNT
from embedded_aws.correction import Reply
from embedded_aws.correction import correct
from embedded_aws.front_door import Answer
from embedded_aws.front_door import Head
from embedded_aws.front_door import Tls
from embedded_aws.front_door import Upstream
from embedded_aws.front_door import error
from embedded_aws.metrics import View
from embedded_aws.targets import provisioned

SUFFIXES = (".cloudfront.net", ".cloudfront.localhost")


BALANCER = re.compile(rb"arn:aws[\w-]*:elasticloadbalancing:[^<]+")


def balancer_is_up(arn: str) -> bool:
    with request_scope(ACCOUNT, arn.split(":")[3]):
        return provisioned(alb._lbs.get(arn, {}))


def install(clock: Clock, delay: float, origin_delay: float) -> None:
    """:param delay: seconds on the clock until a changed distribution is `Deployed`; `origin_delay`: a VPC origin."""

    def changed(record: dict[str, Any]) -> None:
        record["Ready"] = time.time() + clock.real(delay)

    def refresh(record: dict[str, Any]) -> None:
        record["Status"] = "Deployed" if time.time() >= record.get("Ready", 0) else "InProgress"

    @correct(cloudfront, "_create_distribution")
    def create(original: Any, fields: Any, body: bytes) -> Reply:
        """Is `InProgress` first."""
        before = set(cloudfront._distributions.keys())
        reply: Reply = original(fields, body)
        for name in set(cloudfront._distributions.keys()) - before:
            changed(cloudfront._distributions[name])
            return reply[0], reply[1], cloudfront._get_distribution(name)[2]
        return reply

    @correct(cloudfront, "_update_distribution")
    def update(original: Any, name: str, fields: Any, body: bytes) -> Reply:
        """Is `InProgress` again."""
        reply: Reply = original(name, fields, body)
        if reply[0] == 200:
            changed(cloudfront._distributions[name])
            return reply[0], reply[1], cloudfront._get_distribution(name)[2]
        return reply

    @correct(cloudfront, "_delete_distribution")
    def delete(original: Any, name: str, fields: Any) -> Reply:
        """Refused until the disabling has been deployed; its tags go with it."""
        found = cloudfront._distributions.get(name)
        if found:
            refresh(found)
            if not found["enabled"] and found["Status"] == "InProgress":
                text = "The distribution you are trying to delete has not been disabled."
                return cloudfront._error("DistributionNotDisabled", text, 409)
        reply: Reply = original(name, fields)
        if found and reply[0] == 204:
            cloudfront._tags.pop(found["ARN"], None)
        return reply

    @correct(cloudfront, "_build_distribution_xml")
    def build(original: Any, parent: Element, record: dict[str, Any]) -> None:
        refresh(record)
        original(parent, record)

    @correct(cloudfront, "_build_distribution_list_xml")
    def build_list(original: Any, root: Element, records: list[dict[str, Any]]) -> None:
        for record in records:
            refresh(record)
        original(root, records)

    @correct(cloudfront, "_create_vpc_origin")
    def create_origin(original: Any, body: bytes) -> Reply:
        """Refused while its load balancer is being set up; is `Deploying` first."""
        if (found := BALANCER.search(body)) and not balancer_is_up(found[0].decode()):
            return cloudfront._error("InvalidArgument", "The load balancer of a VPC origin must be active.", 400)
        before = set(cloudfront._vpc_origins.keys())
        reply: Reply = original(body)
        for name in set(cloudfront._vpc_origins.keys()) - before:
            cloudfront._vpc_origins[name]["Ready"] = time.time() + clock.real(origin_delay)
        return reply

    @correct(waf, "_delete_web_acl")
    def delete_web_acl(original: Any, data: dict[str, Any]) -> Reply:
        """Refused while a distribution names it."""
        used = f"/{data.get('Id')}<"
        if any(used in record.get("config_xml", "") for record in cloudfront._distributions.values()):
            text = "AWS WAF couldn't perform the operation because your resource is being used by another resource."
            return waf._waf_err("WAFAssociatedItemException", text)
        return original(data)

    @correct(cloudfront, "_dataplane_origin")
    def dataplane_origin(original: Any, element: Element) -> dict[str, Any]:
        """An origin through a VPC origin has that one's ports and protocol, and is where its load balancer is."""
        origin: dict[str, Any] = original(element)
        config = cloudfront._find(element, "VpcOriginConfig")
        if config is not None and (known := cloudfront._vpc_origins.get(cloudfront._text(config, "VpcOriginId"))):
            endpoint = known["VpcOriginEndpointConfig"]
            origin |= {"http_port": endpoint["HTTPPort"], "https_port": endpoint["HTTPSPort"]}
            origin |= {"protocol_policy": endpoint["OriginProtocolPolicy"], "load_balancer": endpoint["Arn"]}
            origin["read_timeout"] = int(cloudfront._text(config, "OriginReadTimeout") or "30")
        return origin

    @correct(cloudfront, "_build_vpc_origin_xml")
    def build_origin(original: Any, parent: Element, record: dict[str, Any]) -> None:
        deploying = record.get("Ready", 0) > time.time()
        original(parent, {**record, "Status": "Deploying"} if deploying else record)


def distribution(host: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether the host is CloudFront's, and the distribution that it belongs to: by its own domain name or an alias."""
    for suffix in SUFFIXES:
        if host.endswith(suffix):
            return True, cloudfront.find_distribution_for_label(host.removesuffix(suffix))
    alias = f"CNAME>{host}</"
    found = next((one for one in cloudfront._distributions.values() if alias in one["config_xml"]), None)
    return found is not None, found


def speaks_tls(policy: str, secure: bool) -> bool:
    """Whether CloudFront does towards an origin; `secure`: the viewer does."""
    return policy == "https-only" or (policy == "match-viewer" and secure)


def address(origin: dict[str, Any]) -> str:
    """Where an origin is: a VPC origin's load balancer, else what Route 53 says of its name, else the name itself."""
    if balancer := origin.get("load_balancer"):
        with request_scope(ACCOUNT, balancer.split(":")[3]):
            return str(alb._lbs.get(balancer, {}).get("DNSName", ""))
    name = f"{origin['domain_name']}."
    known = (record for records in route53._records.values() for record in records)
    found: dict[str, Any] = next((one for one in known if (one["Name"], one["Type"]) == (name, "A")), {})
    values = [one["Value"] for one in found.get("ResourceRecords") or ()]
    return str((found.get("AliasTarget") or {}).get("DNSName") or next(iter(values), name)).rstrip(".")


@dataclass
class Edge:
    """What viewers asked of the distributions."""

    logs: AccessLogs
    # Since somebody looked.
    answered: list[View] = field(default_factory=list)

    def note(self, record: dict[str, Any], head: Head, peer: str, secure: bool, status: int) -> None:
        self.logs.of_distribution(record, head, peer, secure, status)
        self.answered.append(View(record["ARN"], status))


async def route(host: str, head: Head, peer: str, edge: Edge) -> Answer | Upstream | None:
    """Where a request to a distribution's domain name or alias goes; None for any other host."""
    asked = Head(head.first, list(head.fields))
    with request_scope(ACCOUNT, "us-east-1"):
        ours, found = distribution(host.lower())
        if not ours:
            return None
        if not found or not found["enabled"]:
            return error(403, "CloudFront")
        config = cloudfront.parse_distribution_dataplane_config(found)
        url = urlsplit(head.target)
        behavior = cloudfront._match_behavior(config, url.path)
        origin = config["origins"].get(behavior["target_origin_id"]) if behavior else None
        if not origin:
            return error(502, "CloudFront")
        if origin["s3_bucket"]:
            head.put("Host", found["DomainName"])
            return None  # MiniStack serves what lies in its own buckets.
        fields = {name.lower(): value for name, value in head.fields}
        secure = fields.get("x-forwarded-proto") == "https"
        refusal = cloudfront._check_viewer_protocol_policy(
            behavior, head.method, secure, url.path, url.query, fields
        ) or cloudfront._check_allowed_methods(behavior, head.method)
        if refusal:
            status, answer, body = refusal
            edge.note(found, asked, peer, secure, status)
            return Answer(status, body, tuple(answer.items()))
        forwards_header, _, _ = cloudfront._forwarding_predicates(behavior)
        names: tuple[str, ...] = (host.lower(), origin["domain_name"])
        if not forwards_header("host"):
            head.put("Host", origin["domain_name"])
            names = names[1:]
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-502-bad-gateway.html
        tls = Tls(names, authorities()) if speaks_tls(origin["protocol_policy"], secure) else None
        for name, value in origin["custom_headers"]:
            head.put(name, value)
        head.put("X-Forwarded-For", ", ".join(filter(None, (fields.get("x-forwarded-for"), peer))))
        head.put("Via", f"1.1 {found['DomainName']} (CloudFront)")
        head.drop("x-forwarded-proto")
        head.first = (head.method, origin["origin_path"] + head.target, head.first[2])

        policy = cloudfront.response_headers_policy_config(behavior.get("response_headers_policy_id"))

        def polish(response: Head) -> None:
            response.put("Via", f"1.1 {found['DomainName']} (CloudFront)")
            response.put("X-Cache", "Miss from cloudfront")
            told = {name.lower(): value for name, value in response.fields}
            answer = cloudfront._apply_response_headers_policy(
                dict(told), policy, fields.get("origin", ""), head.method
            )
            for name, value in answer.items():
                # A header that comes several times, as each cookie's does, stays as it came.
                if told.get(name) != value:
                    response.put(name, value)

        async def instead(status: int, _of_target: bool) -> Answer | None:
            """The error page that the distribution has for this status, from its own origin."""
            page = config["custom_error_responses"].get(status)
            if not page:
                edge.note(found, asked, peer, secure, status)
                return None
            with request_scope(ACCOUNT, "us-east-1"):
                source = config["origins"][cloudfront._match_behavior(config, page["page"])["target_origin_id"]]
                its, _, heads, body = await cloudfront._fetch_from_origin(
                    source, "GET", page["page"], "", {}, b"", secure, peer, "", found["ARN"]
                )
            kind = ("Content-Type", heads.get("content-type", "text/html"))
            shown = page["response_code"] if its < 400 else its
            edge.note(found, asked, peer, secure, shown)
            return Answer(shown, body, (kind, ("X-Cache", "Error from cloudfront")))

        port = origin["https_port" if tls else "http_port"]
        return Upstream(address(origin), port, float(origin["read_timeout"]), polish, instead, tls)
