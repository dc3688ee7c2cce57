#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: security_hub
short_description: Subscribes an account to AWS Security Hub and its standards
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - An account has one hub in a region. Where it has none, it gets one with a tag that says which stack asked for it,
    and exactly the wanted standards.
  - A hub without that tag belongs to somebody else and is neither changed nor removed; O(standards) then does nothing.
  - Most checks of the standards read what AWS Config records.
options:
  stack:
    description: Name of the stack, which the hub carries in the tag C(amica:stack).
    type: str
    required: true
  state:
    description: Whether the account is subscribed for the stack.
    type: str
    choices: [present, absent]
    default: present
  standards:
    description: The standards, each as in the end of its ARN, V(NAME/v/VERSION).
    type: list
    elements: str
    default: []
  tags:
    description: More tags of the hub, exactly these.
    type: dict
    default: {}
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: AWS checks the account against its own best practices
  amica.stack.security_hub:
    stack: amica
    standards: [aws-foundational-security-best-practices/v/1.0.0]

- name: Nothing is checked for the stack
  amica.stack.security_hub:
    stack: amica
    state: absent
"""

RETURN = r"""
hub:
  description: The hub. In check mode as it would be.
  returned: always
  type: dict
  contains:
    own:
      description: Whether it is the stack's.
      returned: always
      type: bool
    standards:
      description: The standards that it checks, somebody else's too.
      returned: always
      type: list
      elements: str
      sample: [aws-foundational-security-best-practices/v/1.0.0]
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _security_hub
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "standards": {"type": "list", "elements": "str", "default": []},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = module.params
    aws = clients(module)
    wanted = _security_hub.Wanted(
        stack=given["stack"],
        standards=set(given["standards"]),
        tags={str(key): str(value) for key, value in given["tags"].items()},
        partition=aws.partition,
        region=aws.region,
    )
    work = _security_hub.present if given["state"] == "present" else _security_hub.absent
    with reported(module, "looking after Security Hub"):
        outcome = work(aws("securityhub"), wanted, module.check_mode)
    if given["state"] == "present" and not outcome.values["hub"]["own"]:
        module.warn("This account's Security Hub is somebody else's and stays as it is")
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
