#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_log_group
short_description: Manages a log group of CloudWatch Logs with its retention and tags
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, changes or deletes a log group.
  - Check mode writes nothing, also where the retention differs, and the diff says what differs. What is not a retention
    of CloudWatch Logs is refused before anything is called.
options:
  name:
    description: Name of the log group.
    type: str
    required: true
  state:
    description: Whether the log group exists. V(absent) deletes its events, too.
    type: str
    choices: [present, absent]
    default: present
  retention_days:
    description: Days that events are kept, V(0) for ever. If not set, it stays as it is.
    type: int
  kms_key_id:
    description: ARN of the KMS key that encrypts a new log group; empty for the key of CloudWatch Logs.
    type: str
    default: ""
  tags:
    description: Tags of the log group, exactly these. If not set, they stay as they are.
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The application's log is kept for two weeks
  amica.stack.cloudwatch_log_group:
    name: /ecs/amica-stack
    retention_days: 14
    tags:
      amica:stack: amica

- name: The log is gone
  amica.stack.cloudwatch_log_group:
    name: /ecs/amica-stack
    state: absent
"""

RETURN = r"""
log_group:
  description: The log group. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the log group.
      returned: always
      type: str
      sample: /ecs/amica-stack
    retention_days:
      description: Days that events are kept; V(0) for ever.
      returned: always
      type: int
      sample: 14
    tags:
      description: Tags of the log group.
      returned: always
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_log_group import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_log_group import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "retention_days": {"type": "int"},
            "kms_key_id": {"type": "str", "default": "", "no_log": False},
            "tags": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    run(module, "logs", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
