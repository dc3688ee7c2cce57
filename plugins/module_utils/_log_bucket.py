# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private bucket that a service of AWS writes to, and that forgets after some days."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils import _private_bucket
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome

RULE = "amica-expire"
# DeleteObjects takes a thousand.
MOST_DELETED = 1000


Statement = Mapping[str, Any]


def trail_statements(bucket: str, trail: str, region: str, account_id: str, partition: str) -> list[Statement]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html"""
    arn = f"arn:{partition}:s3:::{bucket}"
    source = f"arn:{partition}:cloudtrail:{region}:{account_id}:trail/{trail}"
    writer = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    return [
        {
            **writer,
            "Sid": "CloudTrailChecks",
            "Action": "s3:GetBucketAcl",
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceArn": source}},
        },
        {
            **writer,
            "Sid": "CloudTrailWrites",
            "Action": "s3:PutObject",
            "Resource": f"{arn}/AWSLogs/{account_id}/*",
            "Condition": {"StringEquals": {"aws:SourceArn": source, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]


def config_statements(bucket: str, account_id: str, partition: str) -> list[Statement]:
    """https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html"""
    arn = f"arn:{partition}:s3:::{bucket}"
    writer = {"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}}
    return [
        {
            **writer,
            "Sid": "ConfigChecks",
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        },
        {
            **writer,
            "Sid": "ConfigWrites",
            "Action": "s3:PutObject",
            "Resource": f"{arn}/AWSLogs/{account_id}/Config/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id, "s3:x-amz-acl": "bucket-owner-full-control"}
            },
        },
    ]


def load_balancer_statements(bucket: str, account_id: str, partition: str) -> list[Statement]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html

    A load balancer writes below the number of its own account only.
    """
    return [
        {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Sid": "LoadBalancerWrites",
            "Action": "s3:PutObject",
            "Resource": f"arn:{partition}:s3:::{bucket}/AWSLogs/{account_id}/*",
        }
    ]


def delivery_statements(bucket: str, region: str, account_id: str, partition: str) -> list[Statement]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html

    Word for word the statement that AWS would add by itself. `region` is that of the deliveries.
    """
    source = f"arn:{partition}:logs:{region}:{account_id}:delivery-source:*"
    return [
        {
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Sid": "AWSLogDeliveryWrite",
            "Action": "s3:PutObject",
            "Resource": f"arn:{partition}:s3:::{bucket}/AWSLogs/{account_id}/*",
            "Condition": {
                "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account_id},
                "ArnLike": {"aws:SourceArn": source},
            },
        }
    ]


@dataclass(frozen=True)
class LogBucket:
    """What the bucket should be. `writers` let a service in; `expire_days` 0 keeps all."""

    name: str
    writers: Sequence[Statement]
    expire_days: int
    region: str
    partition: str
    tags: Mapping[str, str]

    def policy(self) -> dict[str, Any]:
        bucket = f"arn:{self.partition}:s3:::{self.name}"
        over_tls = {
            "Sid": "OverTlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return {"Version": "2012-10-17", "Statement": [*self.writers, over_tls]}

    def wanted(self) -> dict[str, Any]:
        return {
            "Bucket": self.name,
            "PublicAccessBlock": _private_bucket.PRIVATE,
            "Policy": self.policy(),
            "Tags": dict(self.tags),
            "ExpireDays": self.expire_days,
        }


def read(s3: Any, name: str) -> dict[str, Any]:
    """What stands, as `LogBucket.wanted` writes it; empty without the bucket."""
    standing = _private_bucket.read(s3, name)
    if not standing:
        return {}
    lifecycle = absent_as_none(
        lambda: s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration"
    )
    days = sum(rule.get("Expiration", {}).get("Days", 0) for rule in (lifecycle or {}).get("Rules", ()))
    return {**standing, "ExpireDays": days}


def present(s3: Any, bucket: LogBucket, check: bool) -> Outcome:
    before, wanted = read(s3, bucket.name), bucket.wanted()
    if not check and before != wanted:
        write(s3, bucket, before)
    return Outcome(before != wanted, {"name": bucket.name}, **differing(before, wanted))


def write(s3: Any, bucket: LogBucket, before: Mapping[str, Any]) -> None:
    """Each step alone mends what a run that was cut short has left."""
    _private_bucket.write(s3, bucket.wanted(), before, bucket.region)
    if before.get("ExpireDays", 0) != bucket.expire_days:
        expire(s3, bucket.name, bucket.expire_days)


def expire(s3: Any, name: str, days: int) -> None:
    if not days:
        s3.delete_bucket_lifecycle(Bucket=name)
        return
    rule = {"ID": RULE, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})


def absent(s3: Any, name: str, check: bool) -> Outcome:
    """Removes the bucket and every log in it."""
    before = read(s3, name)
    if before and not check:
        # Logs come for some minutes after what they tell of is gone; without the policy they no longer can.
        if before.get("Policy"):
            s3.delete_bucket_policy(Bucket=name)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name, PaginationConfig={"PageSize": MOST_DELETED})
        for page in pages:
            keys = [{"Key": item["Key"]} for item in page.get("Contents") or []]
            if keys:
                s3.delete_objects(Bucket=name, Delete={"Objects": keys, "Quiet": True})
        s3.delete_bucket(Bucket=name)
    return Outcome(bool(before), {"name": name}, **differing(before, {}))
