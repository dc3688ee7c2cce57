#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudmap_namespace
short_description: Manages an HTTP namespace of AWS Cloud Map with its tags
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes or deletes a namespace in which the services of ECS Service Connect find each other.
  - Waits until Cloud Map has done it.
options:
  name:
    description: Name of the namespace.
    type: str
    required: true
  state:
    description:
      - V(present) makes the namespace, with the tags that the options say.
      - V(absent) deletes it. Services of ECS that leave it are waited for.
    type: str
    choices: [present, absent]
    default: present
  tags:
    description: Tags of the namespace, exactly these. If not set, they stay as they are.
    type: dict
  wait_timeout:
    description: Seconds in which Cloud Map must have done it, and services must have left a namespace that is to go.
    type: int
    default: 120
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The namespace exists
  amica.stack.cloudmap_namespace:
    name: amica
    tags:
      amica:stack: amica

- name: The namespace is gone
  amica.stack.cloudmap_namespace:
    name: amica
    state: absent
"""

RETURN = r"""
namespace:
  description: The namespace. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    arn:
      description: ARN of the namespace.
      returned: when it exists
      type: str
      sample: arn:aws:servicediscovery:ap-southeast-1:123456789012:namespace/ns-abcdefghijklmnop
    id:
      description: ID of the namespace.
      returned: when it exists
      type: str
      sample: ns-abcdefghijklmnop
    name:
      description: Name of the namespace.
      returned: always
      type: str
      sample: amica
    tags:
      description: Tags of the namespace.
      returned: always
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._cloudmap_namespace import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._cloudmap_namespace import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict"},
            "wait_timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    run(module, "servicediscovery", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
