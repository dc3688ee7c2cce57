#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_dashboard
short_description: Manages a CloudWatch dashboard
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, changes or deletes a dashboard.
  - The body is compared by what it says, so the order of keys and white space are no change.
options:
  name:
    description: Name of the dashboard; letters, digits, V(-) and V(_).
    type: str
    required: true
  state:
    description: Whether the dashboard exists.
    type: str
    choices: [present, absent]
    default: present
  body:
    description:
      - What the dashboard shows, as in
        U(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
      - Required when O(state=present).
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The dashboard shows how many people ask
  amica.stack.cloudwatch_dashboard:
    name: amica-dashboard
    body:
      widgets:
        - type: metric
          width: 24
          height: 6
          properties:
            title: Requests
            region: ap-southeast-1
            stat: Sum
            metrics: [[AWS/ApplicationELB, RequestCount, LoadBalancer, app/amica-alb/50dc6c495c0c9188]]

- name: The dashboard is gone
  amica.stack.cloudwatch_dashboard:
    name: amica-dashboard
    state: absent
"""

RETURN = r"""
dashboard:
  description: The dashboard. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the dashboard.
      returned: always
      type: str
      sample: amica-dashboard
    body:
      description: What it shows.
      returned: always
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_dashboard import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_dashboard import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "body": {"type": "dict"},
        },
        required_if=[("state", "present", ["body"])],
        supports_check_mode=True,
    )
    run(module, "cloudwatch", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
