# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CloudFront distribution over a load balancer: what it should be, what differs, and the calls that make it so.

CloudFront replaces a configuration as a whole. So what is wanted is written into a copy of what stands, which keeps
everything that no option names (logging, web ACL, error pages, functions, ...), and the copy is compared with it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

Config = dict[str, Any]

ORIGIN_ID = "load-balancer"
ERROR_ORIGIN_ID = "error-page"
# Managed policies have the same ids in every account.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
READING = ["GET", "HEAD"]
ALL_METHODS = [*READING, "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
# Lists whose order means nothing; that of the cache behaviours does, for the first that matches serves.
UNORDERED = ("Aliases", "AllowedMethods", "CachedMethods", "OriginSslProtocols", "Origins")
# What a behaviour may not say beside a cache policy.
LEGACY_CACHE_FIELDS = ("ForwardedValues", "MinTTL", "MaxTTL", "DefaultTTL")
LONGEST_COMMENT = 128


@dataclass(frozen=True)
class Origin:
    """The load balancer as CloudFront reaches it; None leaves a value as it is, or at AWS's default. Times: seconds."""

    domain_name: str | None = None
    http_port: int | None = None
    https_port: int | None = None
    protocol: str | None = None
    read_timeout: int | None = None
    keepalive_timeout: int | None = None
    # Through which VPC origin CloudFront reaches an internal load balancer; "": over the internet.
    vpc_origin_id: str | None = None
    custom_headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ErrorPage:
    """The page of an S3 bucket that viewers get instead of some HTTP status codes; no codes: none."""

    codes: Sequence[int] = ()
    path: str = "/maintenance/index.html"
    bucket_domain_name: str = ""
    origin_access_control_id: str = ""
    # Seconds that the edge goes on showing it without asking the load balancer.
    caching_ttl: int = 10


@dataclass(frozen=True)
class Options:
    """What is asked of the distribution; None leaves a value as it is."""

    name: str
    origin: Origin
    aliases: Sequence[str] | None = None
    cached_paths: Sequence[str] | None = None
    certificate_arn: str | None = None
    minimum_tls: str | None = None
    price_class: str | None = None
    http_version: str | None = None
    ipv6: bool | None = None
    response_headers_policy_id: str | None = None
    web_acl_arn: str | None = None
    error_page: ErrorPage | None = None
    enabled: bool = True


OPTION_NAMES = tuple(field.name for field in fields(Options) if field.name not in ("origin", "error_page"))


class DistributionError(Exception):
    """What cannot be done, as a sentence."""


def items(values: Iterable[Any]) -> dict[str, Any]:
    """AWS's list: its length beside it, and no list at all when it is empty."""
    listed = list(values)
    return {"Quantity": len(listed), "Items": listed} if listed else {"Quantity": 0}


def listed(block: Mapping[str, Any] | None) -> list[Any]:
    return list((block or {}).get("Items") or [])


def problems(options: Options) -> list[str]:
    """What AWS would refuse, said before anything is called."""
    found = []
    if len(options.name) > LONGEST_COMMENT:
        found.append(f"name: CloudFront keeps it as a comment of at most {LONGEST_COMMENT} characters")
    if options.origin.domain_name == "":
        found.append(
            "origin.domain_name: it is empty, so there is no load balancer to serve; make the load balancer first"
        )
    if options.aliases and options.certificate_arn == "":
        found.append(
            f"aliases: {', '.join(options.aliases)} need a certificate in us-east-1; name it in certificate_arn"
        )
    page = options.error_page
    if page and page.codes and not (page.bucket_domain_name and page.path.count("/") > 1):
        found.append(
            "error_page: codes need bucket_domain_name and a path in a folder, such as /maintenance/index.html"
        )
    return found


def new_config(name: str, reference: str) -> Config:
    """A distribution as AWS fills it in by itself, before any option."""
    return {
        "CallerReference": reference,
        "Comment": name,
        "Enabled": True,
        "DefaultRootObject": "",
        "Aliases": items([]),
        "Origins": items([]),
        "OriginGroups": items([]),
        "DefaultCacheBehavior": {},
        "CacheBehaviors": items([]),
        "CustomErrorResponses": items([]),
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All",
        "ViewerCertificate": {"CloudFrontDefaultCertificate": True},
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
    }


def new_origin() -> Config:
    return {
        "Id": ORIGIN_ID,
        "OriginPath": "",
        "CustomHeaders": items([]),
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "http-only",
            "OriginSslProtocols": items(["TLSv1.2"]),
            "OriginReadTimeout": 30,
            "OriginKeepaliveTimeout": 5,
        },
    }


def new_behaviour() -> Config:
    return {
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "SmoothStreaming": False,
        "LambdaFunctionAssociations": items([]),
        "FunctionAssociations": items([]),
        "FieldLevelEncryptionId": "",
    }


def set_given(target: Config, values: Mapping[str, Any]) -> None:
    target.update({key: value for key, value in values.items() if value is not None})


def origin_config(existing: Config | None, origin: Origin) -> Config:
    config = copy.deepcopy(existing) if existing else new_origin()
    set_given(config, {"DomainName": origin.domain_name})
    if origin.custom_headers is not None:
        pairs = sorted(origin.custom_headers.items())
        config["CustomHeaders"] = items({"HeaderName": name, "HeaderValue": value} for name, value in pairs)
    times = {"OriginReadTimeout": origin.read_timeout, "OriginKeepaliveTimeout": origin.keepalive_timeout}
    standing = config.pop("VpcOriginConfig", None), config.pop("CustomOriginConfig", None)
    vpc_origin_id = (standing[0] or {}).get("VpcOriginId", "") if origin.vpc_origin_id is None else origin.vpc_origin_id
    if vpc_origin_id:
        # Ports and protocol are the VPC origin's own.
        usual = {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5}
        config["VpcOriginConfig"] = {**usual, **(standing[0] or {}), "VpcOriginId": vpc_origin_id}
        set_given(config["VpcOriginConfig"], times)
        return config
    config["CustomOriginConfig"] = standing[1] or new_origin()["CustomOriginConfig"]
    set_given(
        config["CustomOriginConfig"],
        {
            "HTTPPort": origin.http_port,
            "HTTPSPort": origin.https_port,
            "OriginProtocolPolicy": origin.protocol,
            **times,
        },
    )
    return config


def error_origin(existing: Config | None, page: ErrorPage) -> Config:
    """The bucket as CloudFront reaches it; what AWS filled in by itself stays."""
    config = copy.deepcopy(existing) if existing else new_origin()
    config.pop("CustomOriginConfig", None)
    config.setdefault("S3OriginConfig", {"OriginAccessIdentity": ""})
    return config | {
        "Id": ERROR_ORIGIN_ID,
        "DomainName": page.bucket_domain_name,
        "OriginAccessControlId": page.origin_access_control_id,
    }


def error_responses(page: ErrorPage) -> Config:
    """CloudFront keeps the status, so that no client takes the page for an answer."""
    return items(
        {
            "ErrorCode": code,
            "ResponsePagePath": page.path,
            "ResponseCode": str(code),
            "ErrorCachingMinTTL": page.caching_ttl,
        }
        for code in page.codes
    )


def behaviour(
    existing: Config | None,
    methods: Sequence[str],
    cache_policy: str,
    request_policy: str | None = None,
    headers_policy: str | None = None,
    origin_id: str = ORIGIN_ID,
) -> Config:
    """:param headers_policy: id of the response headers policy; empty for none, None to leave it as it is."""
    config = copy.deepcopy(existing) if existing else new_behaviour()
    for field in (*LEGACY_CACHE_FIELDS, "OriginRequestPolicyId"):
        config.pop(field, None)
    config |= {
        "TargetOriginId": origin_id,
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {**items(methods), "CachedMethods": items(READING)},
        "Compress": True,
        "CachePolicyId": cache_policy,
    }
    if request_policy:
        config["OriginRequestPolicyId"] = request_policy
    if headers_policy is not None:
        config["ResponseHeadersPolicyId"] = headers_policy
    if not config.get("ResponseHeadersPolicyId"):
        config.pop("ResponseHeadersPolicyId", None)
    return config


def viewer_certificate(existing: Config, arn: str | None, minimum_tls: str | None) -> Config:
    """AWS sets the TLS version of its own certificate itself, so that one is ours to choose with a certificate only."""
    if arn is None:
        arn = existing.get("ACMCertificateArn", "")
        if not arn and not existing.get("CloudFrontDefaultCertificate"):
            return existing  # One from IAM, which no option names.
    if not arn:
        return {"CloudFrontDefaultCertificate": True}
    return {
        "ACMCertificateArn": arn,
        "SSLSupportMethod": existing.get("SSLSupportMethod", "sni-only")
        if existing.get("ACMCertificateArn")
        else "sni-only",
        "MinimumProtocolVersion": minimum_tls
        or (existing.get("MinimumProtocolVersion") if existing.get("ACMCertificateArn") else None)
        or "TLSv1.2_2021",
    }


def normal(config: Config) -> Config:
    """A configuration in one spelling: without what AWS derives, unordered lists in order, empty ones without Items."""
    return {key: normal_value(key, value) for key, value in config.items() if value is not None}


def normal_value(key: str, value: Any) -> Any:
    if key == "ViewerCertificate":
        return normal_certificate(value)
    if key == "HttpVersion":
        return str(value).lower()
    if isinstance(value, Mapping):
        block = {name: normal_value(name, inner) for name, inner in value.items() if inner is not None}
        if "Quantity" in block:
            entries = block.pop("Items", None) or []
            block |= items(sorted(entries, key=repr) if key in UNORDERED else entries)
        return block
    if isinstance(value, list):
        return [normal_value("", inner) for inner in value]
    return value


def normal_certificate(value: Mapping[str, Any]) -> Config:
    if value.get("CloudFrontDefaultCertificate"):
        return {"CloudFrontDefaultCertificate": True}
    derived = ("Certificate", "CertificateSource", "CloudFrontDefaultCertificate")
    return {key: inner for key, inner in value.items() if key not in derived and inner is not None}


def wanted_config(options: Options, existing: Config | None, reference: str = "") -> Config:
    """The whole configuration that the options ask for, over what stands; `reference` makes a new one unique."""
    config = normal(copy.deepcopy(existing) if existing else new_config(options.name, reference))
    headers = options.response_headers_policy_id
    origins = {origin["Id"]: origin for origin in listed(config.get("Origins"))}
    origins[ORIGIN_ID] = origin_config(origins.get(ORIGIN_ID), options.origin)
    if options.error_page:
        standing = origins.pop(ERROR_ORIGIN_ID, None)
        if options.error_page.codes:
            origins[ERROR_ORIGIN_ID] = error_origin(standing, options.error_page)
        config["CustomErrorResponses"] = error_responses(options.error_page)
    config |= {
        "Comment": options.name,
        "Enabled": options.enabled,
        "Origins": items(origins.values()),
        "DefaultCacheBehavior": behaviour(
            config.get("DefaultCacheBehavior"), ALL_METHODS, CACHING_DISABLED, ALL_VIEWER, headers
        ),
        "CacheBehaviors": cache_behaviours(options, listed(config.get("CacheBehaviors"))),
        "ViewerCertificate": viewer_certificate(
            config["ViewerCertificate"], options.certificate_arn, options.minimum_tls
        ),
    }
    set_given(
        config,
        {
            "Aliases": None if options.aliases is None else items(options.aliases),
            "PriceClass": options.price_class,
            "HttpVersion": options.http_version,
            "IsIPV6Enabled": options.ipv6,
            "WebACLId": options.web_acl_arn,
        },
    )
    return normal(config)


def cache_behaviours(options: Options, existing: Sequence[Config]) -> Config:
    """The behaviours of paths in their order: the error page's, then those that the edge caches."""
    standing = {entry["PathPattern"]: entry for entry in existing}
    cached = {path: entry for path, entry in standing.items() if entry["TargetOriginId"] != ERROR_ORIGIN_ID}
    pages = {path: entry for path, entry in standing.items() if path not in cached}
    headers = options.response_headers_policy_id
    if options.error_page:
        folder = options.error_page.path.rpartition("/")[0] + "/*"
        page = behaviour(
            pages.get(folder), READING, CACHING_OPTIMIZED, headers_policy=headers, origin_id=ERROR_ORIGIN_ID
        )
        pages = {folder: {"PathPattern": folder, **page}} if options.error_page.codes else {}
    if options.cached_paths is not None:
        cached = {
            path: {
                "PathPattern": path,
                **behaviour(cached.get(path), READING, CACHING_OPTIMIZED, headers_policy=headers),
            }
            for path in options.cached_paths
        }
    return items([*pages.values(), *cached.values()])


def shown(config: Config, tags: Mapping[str, str]) -> Config:
    """A configuration and its tags as a person compares them: lists without length, by name where they have names."""
    if not config:
        return {}
    view = {key: shown_value(value) for key, value in config.items() if key != "CallerReference"}
    view["Origins"] = {entry["Id"]: shown_origin(entry) for entry in view.get("Origins", [])}
    view["Paths"] = [entry["PathPattern"] for entry in view.get("CacheBehaviors", [])]
    view["CacheBehaviors"] = {entry["PathPattern"]: entry for entry in view.get("CacheBehaviors", [])}
    return {**view, "Tags": dict(tags)}


def shown_origin(origin: Config) -> Config:
    """A custom header's value is a secret between CloudFront and the load balancer: the diff says which one by hash."""
    headers = {
        header["HeaderName"]: f"sha256:{hashlib.sha256(header['HeaderValue'].encode()).hexdigest()[:12]}"
        for header in origin.get("CustomHeaders", [])
    }
    return {**origin, "CustomHeaders": headers}


def shown_value(value: Any) -> Any:
    if isinstance(value, list):
        return [shown_value(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) <= {"Quantity", "Items"}:
        return shown_value(listed(value))
    return {key: shown_value(inner) for key, inner in value.items() if key != "Quantity"}


@dataclass(frozen=True)
class Found:
    """A distribution that stands."""

    id: str
    arn: str
    domain_name: str
    status: str
    config: Config
    etag: str
    tags: dict[str, str]

    @property
    def deployed(self) -> bool:
        return self.status == "Deployed"

    def described(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "arn": self.arn,
            "domain_name": self.domain_name,
            "status": self.status,
            "enabled": self.config["Enabled"],
        }


def marked(call: Callable[..., Any], member: str) -> Iterator[dict[str, Any]]:
    """The items of all pages of a list for which boto3 has no paginator; `member` holds a page's items and marker."""
    more: dict[str, str] = {}
    while True:
        page = call(**more)[member]
        yield from page.get("Items") or []
        if not page.get("NextMarker"):
            return
        more = {"Marker": page["NextMarker"]}


def distribution_summaries(client: Any, name: str) -> list[dict[str, Any]]:
    """The distributions whose comment is the name, for CloudFront has no names of its own."""
    pages = client.get_paginator("list_distributions").paginate()
    return [
        summary
        for page in pages
        for summary in page.get("DistributionList", {}).get("Items") or []
        if summary.get("Comment") == name
    ]


def read(client: Any, distribution_id: str) -> Found | None:
    answer = absent_as_none(lambda: client.get_distribution(Id=distribution_id), "NoSuchDistribution")
    if answer is None:
        return None
    distribution = answer["Distribution"]
    tags = client.list_tags_for_resource(Resource=distribution["ARN"])
    return Found(
        id=distribution["Id"],
        arn=distribution["ARN"],
        domain_name=distribution["DomainName"],
        status=distribution["Status"],
        config=distribution["DistributionConfig"],
        etag=answer["ETag"],
        tags=tags_to_dict(tags["Tags"].get("Items")),
    )


def find(client: Any, name: str) -> Found | None:
    """The distribution with this name as its comment.

    :raises DistributionError: when several have it, for then nobody knows which one is meant.
    """
    ids = [summary["Id"] for summary in distribution_summaries(client, name)]
    if len(ids) > 1:
        raise DistributionError(
            f"{len(ids)} distributions carry the comment {name}: {', '.join(ids)}. "
            "Delete those that are not the stack's, or give them another comment"
        )
    return read(client, ids[0]) if ids else None


@dataclass(frozen=True)
class Result:
    """How a run ended: what changed, what stands now (None: nothing), and the diff."""

    changed: bool
    distribution: dict[str, Any] | None
    diff: dict[str, dict[str, Any]]


def present(
    client: Any,
    options: Options,
    tags: Mapping[str, Any] | None,
    check: bool,
    wait: Wait | None,
    reference: str,
) -> Result:
    """Makes or corrects the distribution. `wait`: until every edge location has it; None does not wait."""
    found = find(client, options.name)
    config = wanted_config(options, found.config if found else None, reference)
    before = normal(found.config) if found else {}
    standing = found.tags if found else {}
    new_tags, old_tags = tag_changes(standing, tags)
    wanted_tags = tags_after(standing, tags)
    diff = differing(shown(before, standing), shown(config, wanted_tags))
    changed = before != config or bool(new_tags or old_tags)
    if check:
        return Result(changed, found.described() if found else None, diff)
    if found is None:
        if not options.origin.domain_name:
            raise DistributionError("origin.domain_name: a new distribution needs it")
        answer = client.create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": config, "Tags": {"Items": dict_to_tags(wanted_tags)}}
        )
        distribution_id = answer["Distribution"]["Id"]
    else:
        distribution_id = found.id
        if before != config:
            client.update_distribution(Id=found.id, IfMatch=found.etag, DistributionConfig=config)
        if new_tags:
            client.tag_resource(Resource=found.arn, Tags={"Items": dict_to_tags(new_tags)})
        if old_tags:
            client.untag_resource(Resource=found.arn, TagKeys={"Items": old_tags})
    if wait:
        await_deployed(client, distribution_id, wait)
    elif not changed and found:
        return Result(False, found.described(), diff)
    now = read(client, distribution_id)
    return Result(changed, now.described() if now else None, diff)


def absent(client: Any, name: str, check: bool, wait: Wait | None) -> Result:
    """Disables the distribution, waits until every edge location knows, and deletes it.

    CloudFront deletes nothing that still serves. A run that was cut short is continued by the next, wherever it
    stopped; without `wait` each run goes as far as it can.
    """
    found = find(client, name)
    if found is None:
        return Result(False, None, {"before": {}, "after": {}})
    enabled = bool(found.config["Enabled"])
    before = {"id": found.id, "enabled": enabled}
    if check:
        changed = enabled or found.deployed or wait is not None
        return Result(
            changed, found.described(), {"before": before, "after": {}} if changed else {"before": {}, "after": {}}
        )
    now: Found | None = found
    if enabled:
        config = {**normal(found.config), "Enabled": False}
        client.update_distribution(Id=found.id, IfMatch=found.etag, DistributionConfig=config)
        now = read(client, found.id)
    if wait and now and not now.deployed:
        now = await_deployed(client, found.id, wait)
    if now and not now.deployed:
        return Result(enabled, now.described(), differing(before, {"id": found.id, "enabled": False}))
    if now:
        delete(client, now, wait)
    return Result(True, None, {"before": before, "after": {}})


def await_deployed(client: Any, distribution_id: str, wait: Wait) -> Found | None:
    """The distribution once every edge location has it, None if somebody deleted it meanwhile."""
    found, settled = wait.for_answer(
        lambda: read(client, distribution_id), lambda answer: answer is None or answer.deployed
    )
    if not settled:
        raise DistributionError(
            f"The distribution {distribution_id} is not deployed at every edge location after {wait.timeout:g} s; "
            "it goes on without this run. Run again to wait for it, with a larger wait_timeout if need be"
        )
    return found


def delete(client: Any, found: Found, wait: Wait | None) -> None:
    """Deletes a disabled distribution; one just deployed may be called enabled for some seconds more."""
    refused: list[str] = []

    def deleted() -> bool:
        now = read(client, found.id) if refused else found
        return now is None or attempt(lambda: client.delete_distribution(Id=now.id, IfMatch=now.etag), refused)

    if not (wait.until(deleted) if wait else deleted()):
        raise DistributionError(
            f"CloudFront does not delete the distribution {found.id} yet ({refused[-1]}). Run again"
        )


def attempt(call: Callable[[], Any], refused: list[str]) -> bool:
    try:
        call()
    except ClientError as error:
        if error_code(error) not in (
            "DistributionNotDisabled",
            "PreconditionFailed",
            "InvalidIfMatchVersion",
            "ResourceInUse",
        ):
            raise
        refused.append(error_code(error))
        return False
    return True
