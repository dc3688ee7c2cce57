#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: log_bucket
short_description: Manages a bucket that a trail or load balancers write to
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, corrects or removes an S3 bucket that nobody can make public, that only one trail or the load balancers of
    the account write to, and that forgets logs after some days.
  - Its policy, tags and expiry are exactly the wanted ones.
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
  state:
    description: Whether the bucket exists. V(absent) deletes the logs in it too.
    type: str
    choices: [present, absent]
    default: present
  trail:
    description:
      - Name of the trail that writes, which need not exist yet.
      - Either this or O(load_balancers) is needed with O(state=present).
    type: str
  load_balancers:
    description: Whether the load balancers of the account write.
    type: bool
  expire_days:
    description: Days after which a log is deleted; V(0) for never.
    type: int
    default: 0
  tags:
    description: Tags of the bucket, exactly these.
    type: dict
    default: {}
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: A year of what was done in the account has a place
  amica.stack.log_bucket:
    name: amica-audit-123456789012-ap-southeast-1
    trail: amica-trail-ap-southeast-1
    expire_days: 365

- name: The bucket and its logs are gone
  amica.stack.log_bucket:
    name: amica-audit-123456789012-ap-southeast-1
    state: absent
"""

RETURN = r"""
name:
  description: Name of the bucket.
  returned: always
  type: str
  sample: amica-audit-123456789012-ap-southeast-1
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _log_bucket
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "trail": {"type": "str"},
            "load_balancers": {"type": "bool"},
            "expire_days": {"type": "int", "default": 0},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
        required_if=[("state", "present", ["trail", "load_balancers"], True)],
        mutually_exclusive=[("trail", "load_balancers")],
    )
    given = module.params
    aws = clients(module)
    with reported(module, f"looking after the bucket {given['name']}"):
        if given["state"] == "absent":
            outcome = _log_bucket.absent(aws("s3"), given["name"], module.check_mode)
        else:
            place = aws.account_id(), aws.partition
            bucket = _log_bucket.LogBucket(
                name=given["name"],
                writers=_log_bucket.trail_statements(given["name"], given["trail"], aws.region, *place)
                if given["trail"]
                else _log_bucket.load_balancer_statements(given["name"], *place),
                expire_days=given["expire_days"],
                region=aws.region,
                partition=aws.partition,
                tags={str(key): str(value) for key, value in given["tags"].items()},
            )
            outcome = _log_bucket.present(aws("s3"), bucket, module.check_mode)
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
