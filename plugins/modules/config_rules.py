#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_rules
short_description: Manages a stack's rules of AWS Config, and the recorder that they need
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes managed rules of AWS Config that judge what carries the tag C(amica:stack) of one stack, exactly the given
    ones.
  - Rules judge what a recorder has recorded, and a region has one recorder. Where it has none, the stack gets one with
    its delivery channel and a private bucket. A recorder or channel of another name is used and never changed.
  - The recorder works with AWS Config's service-linked role, which is made where the account lacks it, and stays.
options:
  stack:
    description: Name of the stack, which begins the names of rules and recorder.
    type: str
    required: true
  state:
    description:
      - Whether rules and recorder exist. V(absent) removes the stack's rules, its recorder, and what has been recorded.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description: Parameters of each managed rule, by its identifier.
    type: dict
    default: {}
  resource_types:
    description: What the stack's own recorder records; empty for all that AWS Config knows.
    type: list
    elements: str
    default: []
  bucket:
    description: Name of the bucket that the stack's own recorder writes to.
    type: str
    required: true
  expire_days:
    description: Days after which a record in the bucket is deleted; V(0) for never.
    type: int
    default: 0
  wait_timeout:
    description: Seconds to wait until AWS knows a role or a bucket that was just made.
    type: int
    default: 60
  tags:
    description: More tags of rules and bucket, exactly these.
    type: dict
    default: {}
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The stack's containers and security groups are judged
  amica.stack.config_rules:
    stack: amica
    bucket: amica-config-123456789012-ap-southeast-1
    expire_days: 365
    resource_types: [AWS::EC2::SecurityGroup, AWS::ECS::TaskDefinition]
    rules:
      ECS_CONTAINERS_NONPRIVILEGED: {}
      VPC_SG_OPEN_ONLY_TO_AUTHORIZED_PORTS: {authorizedTcpPorts: "80,443"}

- name: Nothing is judged for the stack
  amica.stack.config_rules:
    stack: amica
    bucket: amica-config-123456789012-ap-southeast-1
    state: absent
"""

RETURN = r"""
recorder:
  description: The region's recorder. In check mode as it would be.
  returned: with O(state=present)
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: amica-recorder
    own:
      description: Whether it is the stack's.
      returned: always
      type: bool
    recording:
      description: Whether it records; a recorder of somebody else may have been stopped.
      returned: always
      type: bool
rules:
  description: Names of the stack's rules.
  returned: always
  type: list
  elements: str
  sample: [amica-ecs-containers-nonprivileged]
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _config_rules
from ansible_collections.amica.stack.plugins.module_utils import _log_bucket
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import OWNER_TAG
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE = 3.0


def wanted(given: dict[str, Any], aws: Clients) -> _config_rules.Wanted:
    account, name = aws.account_id(), given["bucket"]
    tags = {**{str(key): str(value) for key, value in given["tags"].items()}, OWNER_TAG: given["stack"]}
    bucket = _log_bucket.LogBucket(
        name=name,
        writers=_log_bucket.config_statements(name, account, aws.partition),
        expire_days=given["expire_days"],
        region=aws.region,
        partition=aws.partition,
        tags=tags,
    )
    rules = {str(identifier): parameters or {} for identifier, parameters in given["rules"].items()}
    return _config_rules.Wanted(given["stack"], rules, given["resource_types"], bucket, account, tags)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "rules": {"type": "dict", "default": {}},
            "resource_types": {"type": "list", "elements": "str", "default": []},
            "bucket": {"type": "str", "required": True},
            "expire_days": {"type": "int", "default": 0},
            "wait_timeout": {"type": "int", "default": 60},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = module.params
    aws = clients(module)
    with reported(module, "looking after AWS Config"):
        config, s3 = aws("config"), aws("s3")
        if given["state"] == "absent":
            outcome = _config_rules.absent(config, s3, given["stack"], given["bucket"], module.check_mode)
        else:
            wait = Wait(given["wait_timeout"], PAUSE)
            outcome = _config_rules.present(config, aws("iam"), s3, wanted(given, aws), module.check_mode, wait)
    recorder = outcome.values.get("recorder", {"recording": True})
    if not recorder["recording"]:
        module.warn(f"Nothing is judged: the recorder {recorder['name']} is somebody else's and does not record")
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
