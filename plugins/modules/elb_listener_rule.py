#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: elb_listener_rule
short_description: A listener rule between whose target groups ECS moves the traffic
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes a rule that forwards to several target groups, or corrects its conditions and which groups they are.
  - Never writes the weights of groups that a rule has already, because ECS does in each deployment.
options:
  load_balancer:
    description: Name of the load balancer.
    type: str
    required: true
  port:
    description: Port of the listener.
    type: int
    required: true
  priority:
    description: Priority of the rule, by which it is found again.
    type: int
    required: true
  state:
    description: Whether the rule exists.
    type: str
    choices: [present, absent]
    default: present
  paths:
    description: Patterns of paths that the rule holds for. It needs these or O(header).
    type: list
    elements: str
  header:
    description: Header that the rule holds for.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      values:
        description: Values of which it has one.
        type: list
        elements: str
        required: true
  target_groups:
    description:
      - ARNs of the target groups. In a new rule the first one has all traffic; one that is added later has none.
      - Required if O(state=present).
    type: list
    elements: str
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: All requests go to one of two target groups
  amica.stack.elb_listener_rule:
    load_balancer: amica-alb
    port: 443
    priority: 1
    paths: ["*"]
    target_groups:
      - "{{ blue.target_group_arn }}"
      - "{{ green.target_group_arn }}"
"""

RETURN = r"""
rule_arn:
  description: ARN of the rule. V(none) in check mode for one that does not exist.
  returned: when O(state=present)
  type: str
  sample: arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:listener-rule/app/amica-alb/1/2/3
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import ensure_present


def main() -> None:
    header = {
        "name": {"type": "str", "required": True},
        "values": {"type": "list", "elements": "str", "required": True},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "load_balancer": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "priority": {"type": "int", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "paths": {"type": "list", "elements": "str"},
            "header": {"type": "dict", "options": header},
            "target_groups": {"type": "list", "elements": "str"},
        },
        required_if=[("state", "present", ["target_groups"]), ("state", "present", ["paths", "header"], True)],
        supports_check_mode=True,
    )
    run(module, "elbv2", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
