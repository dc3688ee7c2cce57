#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_role
short_description: Manages an IAM role with all its policies
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, changes or deletes a role with its trust policy, inline policies, attached managed policies and tags.
  - Check mode foretells the policies also of a role that does not exist yet.
  - Policies are compared by what they mean. Statements, actions, resources and values of conditions have no order, and
    one of them is a list of one.
  - Instance profiles are not made; M(amazon.aws.iam_instance_profile) makes them.
options:
  name:
    description: Name of the role.
    type: str
    required: true
  state:
    description: Whether the role exists. V(absent) deletes it with its policies, and takes it out of instance profiles.
    type: str
    choices: [present, absent]
    default: present
  assume_role_policy_document:
    description: The trust policy, which says who may take the role. Needed with O(state=present).
    type: dict
  inline_policies:
    description: The policies that only this role has, by name, exactly these. If not set, they stay as they are.
    type: dict
  managed_policies:
    description: ARNs of the managed policies that are attached, exactly these. If not set, they stay as they are.
    type: list
    elements: str
  description:
    description: What the role is for. If not set, it stays as it is.
    type: str
  path:
    description: Path of a new role, V(/) if not set. AWS cannot change it afterwards, so a different value fails.
    type: str
  tags:
    description: Tags of the role, exactly these. If not set, they stay as they are.
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Tasks of ECS read one bucket and nothing else
  amica.stack.iam_role:
    name: chat-task-role
    description: What the application may do
    assume_role_policy_document:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal:
            Service: ecs-tasks.amazonaws.com
          Action: sts:AssumeRole
    inline_policies:
      application:
        Version: "2012-10-17"
        Statement:
          - Sid: ReadDocuments
            Effect: Allow
            Action: s3:GetObject
            Resource: arn:aws:s3:::chat-documents/*
    managed_policies: []
    tags:
      amica:stack: chat

- name: The role is gone
  amica.stack.iam_role:
    name: chat-task-role
    state: absent
"""

RETURN = r"""
role:
  description: The role. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the role.
      returned: always
      type: str
      sample: chat-task-role
    arn:
      description: ARN of the role; none in check mode for one that is missing.
      returned: always
      type: str
      sample: arn:aws:iam::123456789012:role/chat-task-role
    path:
      description: Path of the role.
      returned: always
      type: str
      sample: /
    description:
      description: What the role is for.
      returned: always
      type: str
    assume_role_policy_document:
      description: The trust policy, with lists for what may be one or several, in order.
      returned: always
      type: dict
    inline_policies:
      description: The inline policies by name, in the same spelling.
      returned: when O(inline_policies) is set
      type: dict
    managed_policies:
      description: ARNs of the attached managed policies.
      returned: when O(managed_policies) is set
      type: list
      elements: str
    tags:
      description: Tags of the role.
      returned: always
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._iam_role import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._iam_role import ensure_present


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "assume_role_policy_document": {"type": "dict"},
            "inline_policies": {"type": "dict"},
            "managed_policies": {"type": "list", "elements": "str"},
            "description": {"type": "str"},
            "path": {"type": "str"},
            "tags": {"type": "dict"},
        },
        required_if=[("state", "present", ["assume_role_policy_document"])],
        supports_check_mode=True,
    )
    run(module, "iam", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
