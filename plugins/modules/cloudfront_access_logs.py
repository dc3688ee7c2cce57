#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_access_logs
version_added: 1.0.0
short_description: The access logs of a CloudFront distribution in a bucket of their own
description:
  - Makes, corrects or removes an S3 bucket that nobody can make public and that forgets logs after some days, and the
    delivery of a distribution's access logs to it (standard logging, version 2).
  - The bucket is in the module's region, the delivery in CloudFront's.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  name:
    description: Name of the delivery's source and destination.
    type: str
    required: true
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  state:
    description: Whether the logs are delivered. V(absent) deletes the bucket and the logs in it too.
    type: str
    choices: [present, absent]
    default: present
  distribution_arn:
    description: ARN of the distribution. Required with O(state=present).
    type: str
  expire_days:
    description: Days after which a log is deleted; V(0) for never.
    type: int
    default: 0
  tags:
    description: Tags of bucket and delivery, exactly these.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Who asked the edge for what is kept for three months
  amica.stack.cloudfront_access_logs:
    name: amica-distribution
    bucket: amica-edge-access-123456789012
    distribution_arn: "{{ cloudfront_output.arn }}"
    expire_days: 90

- name: Nothing is kept of that
  amica.stack.cloudfront_access_logs:
    name: amica-distribution
    bucket: amica-edge-access-123456789012
    state: absent
"""

RETURN = r"""
bucket:
  description: Name of the bucket.
  returned: always
  type: str
  sample: amica-edge-access-123456789012
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _cloudfront_access_logs as access_logs
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._log_bucket import LogBucket
from ansible_collections.amica.stack.plugins.module_utils._log_bucket import delivery_statements


def argument_spec() -> dict[str, object]:
    return {
        "name": {"type": "str", "required": True},
        "bucket": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "distribution_arn": {"type": "str"},
        "expire_days": {"type": "int", "default": 0},
        "tags": {"type": "dict", "default": {}},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ["distribution_arn"])],
    )
    given, check = module.params, module.check_mode
    aws = clients(module)
    with reported(module, f"looking after the access logs of {given['name']}"):
        logs, s3 = aws("logs", aws.global_region), aws("s3")
        if given["state"] == "absent":
            outcome = access_logs.absent(logs, s3, given["name"], given["bucket"], check)
        else:
            bucket = LogBucket(
                name=given["bucket"],
                writers=delivery_statements(given["bucket"], aws.global_region, aws.account_id(), aws.partition),
                expire_days=given["expire_days"],
                region=aws.region,
                partition=aws.partition,
                tags={str(key): str(value) for key, value in given["tags"].items()},
            )
            wanted = access_logs.Wanted(given["name"], given["distribution_arn"], bucket)
            outcome = access_logs.present(logs, s3, wanted, check)
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
