#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: elb_variant_rules
short_description: Listener rules by which visitors come to variants of an application
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Leads visitors with a header to a variant's target group, and a share of the others, who stay there by a cookie of
    the load balancer.
  - Makes exactly these rules, with priorities from 11 to 20, on one listener, and removes what else has one of these
    priorities on any listener of the load balancer. Other rules stay as they are.
options:
  load_balancer:
    description: Name of the load balancer.
    type: str
    required: true
  port:
    description: Port of the listener.
    type: int
    required: true
  state:
    description: Whether the rules exist.
    type: str
    choices: [present, absent]
    default: present
  target_group:
    description:
      - ARN of the application's own target group, which has the visitors that no variant has.
      - Required if O(state=present).
    type: str
  variants:
    description: The target group's ARN of each variant, by its name. Required if O(state=present).
    type: dict
  weights:
    description:
      - Percent of the visitors without a header that come to a variant, by its name.
      - V(0) makes the load balancer know the target group, to which nobody comes yet.
    type: dict
    default: {}
  headers:
    description:
      - Header that leads to a variant, by the variant's name, each with C(name) and C(values), of which it has one.
      - In a value V(*) stands for any characters and V(?) for one.
    type: dict
    default: {}
  required_header:
    description: Header that every request must have besides.
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
  stickiness_duration:
    description: Seconds that a visitor stays with the variant, or with the application, that the share brought.
    type: int
    default: 86400
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: A fifth of the visitors come to the variant, and whoever sends X-Chat-Variant
  amica.stack.elb_variant_rules:
    load_balancer: amica-alb
    port: 443
    target_group: "{{ chat.target_group_arn }}"
    variants: {short: "{{ short.target_group_arn }}"}
    weights: {short: 20}
    headers: {short: {name: X-Chat-Variant, values: [short]}}
"""

RETURN = r"""#"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._variant_rules import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._variant_rules import ensure_present


def main() -> None:
    header = {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "values": {"type": "list", "elements": "str", "required": True},
        },
    }
    module = AnsibleAWSModule(
        argument_spec={
            "load_balancer": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "target_group": {"type": "str"},
            "variants": {"type": "dict"},
            "weights": {"type": "dict", "default": {}},
            "headers": {"type": "dict", "default": {}},
            "required_header": header,
            "stickiness_duration": {"type": "int", "default": 86400},
        },
        required_if=[("state", "present", ["target_group", "variants"])],
        supports_check_mode=True,
    )
    run(module, "elbv2", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
