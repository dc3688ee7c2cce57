# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3 bucket that nobody outside its policy reads: what stands of it and the calls that make it as wanted.

A bucket is a mapping of `Bucket`, `PublicAccessBlock`, `Policy` and `Tags`; a member that does not stand is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
# S3 makes buckets of this region only without a location.
HOME_REGION = "us-east-1"


def read(s3: Any, name: str) -> dict[str, Any]:
    """What stands; empty without the bucket."""
    if absent_as_none(lambda: s3.head_bucket(Bucket=name), "404", "NoSuchBucket") is None:
        return {}
    found: dict[str, Any] = {"Bucket": name}
    block = absent_as_none(lambda: s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration")
    if block:
        found["PublicAccessBlock"] = block["PublicAccessBlockConfiguration"]
    policy = absent_as_none(lambda: s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
    if policy:
        found["Policy"] = json.loads(policy["Policy"])
    tagging = absent_as_none(lambda: s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    found["Tags"] = tags_to_dict((tagging or {}).get("TagSet"))
    return found


def write(s3: Any, wanted: Mapping[str, Any], before: Mapping[str, Any], region: str) -> None:
    """Each step alone mends what a run that was cut short has left."""
    name = wanted["Bucket"]
    if "Bucket" not in before:
        place = {} if region == HOME_REGION else {"LocationConstraint": region}
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    if before.get("PublicAccessBlock") != wanted["PublicAccessBlock"]:
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=wanted["PublicAccessBlock"])
    if before.get("Policy") != wanted["Policy"]:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(wanted["Policy"]))
    if before.get("Tags", {}) != wanted["Tags"]:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": dict_to_tags(wanted["Tags"])})
