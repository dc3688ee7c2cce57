# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page in a private bucket that only CloudFront may read: what it should be and the calls that make it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils import _private_bucket
from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import marked

CONTENT_TYPE = "text/html; charset=utf-8"
CACHE_CONTROL = "max-age=60"


@dataclass(frozen=True)
class Page:
    """A page, the bucket that holds it and who may read it. `path` is the page's in the distribution."""

    bucket: str
    path: str
    html: str
    region: str
    account_id: str
    partition: str
    tags: Mapping[str, str]

    @property
    def key(self) -> str:
        return self.path.lstrip("/")

    @property
    def domain_name(self) -> str:
        return f"{self.bucket}.s3.{self.region}.amazonaws.com"

    def policy(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html"""
        source = f"arn:{self.partition}:cloudfront::{self.account_id}:distribution/*"
        statement = {
            "Sid": "CloudFrontOfThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": f"arn:{self.partition}:s3:::{self.bucket}/*",
            "Condition": {"ArnLike": {"AWS:SourceArn": source}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    def wanted(self) -> dict[str, Any]:
        return {
            "Bucket": self.bucket,
            "PublicAccessBlock": _private_bucket.PRIVATE,
            "Policy": self.policy(),
            "Tags": dict(self.tags),
            "OriginAccessControl": True,
            "Pages": {self.key: self.html},
        }


@dataclass(frozen=True)
class Result:
    """How a run ended; the page's origin is empty where there is none."""

    changed: bool
    bucket_domain_name: str
    origin_access_control_id: str
    diff: dict[str, dict[str, Any]]


def access_control_id(cloudfront: Any, name: str) -> str:
    """The id of the origin access control of a name, which CloudFront lets there be one of; empty for none."""
    listed = marked(cloudfront.list_origin_access_controls, "OriginAccessControlList")
    return next((str(summary["Id"]) for summary in listed if summary["Name"] == name), "")


def read(s3: Any, cloudfront: Any, bucket: str) -> dict[str, Any]:
    """What stands, as `Page.wanted` writes it; without the bucket only what else stands."""
    found: dict[str, Any] = {}
    if access_control_id(cloudfront, bucket):
        found["OriginAccessControl"] = True
    standing = _private_bucket.read(s3, bucket)
    if not standing:
        return found
    objects = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [item["Key"] for answer in objects for item in answer.get("Contents") or []]
    found["Pages"] = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in sorted(keys)}
    return {**found, **standing}


def present(s3: Any, cloudfront: Any, page: Page, check: bool) -> Result:
    before, wanted = read(s3, cloudfront, page.bucket), page.wanted()
    diff = differing(before, wanted)
    if not check and before != wanted:
        write(s3, cloudfront, page, before)
    known = access_control_id(cloudfront, page.bucket) or KNOWN_AFTER_APPLY
    return Result(before != wanted, page.domain_name, known, diff)


def write(s3: Any, cloudfront: Any, page: Page, before: Mapping[str, Any]) -> None:
    """Each step alone mends what a run that was cut short has left."""
    _private_bucket.write(s3, page.wanted(), before, page.region)
    if not before.get("OriginAccessControl"):
        cloudfront.create_origin_access_control(
            OriginAccessControlConfig={
                "Name": page.bucket,
                "Description": f"Reads {page.domain_name}",
                "SigningProtocol": "sigv4",
                "SigningBehavior": "always",
                "OriginAccessControlOriginType": "s3",
            }
        )
    if before.get("Pages", {}).get(page.key) != page.html:
        s3.put_object(
            Bucket=page.bucket,
            Key=page.key,
            Body=page.html.encode(),
            ContentType=CONTENT_TYPE,
            CacheControl=CACHE_CONTROL,
        )
    for key in before.get("Pages", {}):
        if key != page.key:
            s3.delete_object(Bucket=page.bucket, Key=key)


def absent(s3: Any, cloudfront: Any, bucket: str, check: bool) -> Result:
    """Removes page, bucket and access control, which CloudFront lets go once no distribution uses it."""
    before = read(s3, cloudfront, bucket)
    if before and not check:
        for key in before.get("Pages", {}):
            s3.delete_object(Bucket=bucket, Key=key)
        if "Bucket" in before:
            s3.delete_bucket(Bucket=bucket)
        if known := access_control_id(cloudfront, bucket):
            etag = cloudfront.get_origin_access_control(Id=known)["ETag"]
            cloudfront.delete_origin_access_control(Id=known, IfMatch=etag)
    return Result(bool(before), "", "", differing(before, {}))
