#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service_scaling
short_description: Manages how Application Auto Scaling scales an ECS service
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Registers a service with Application Auto Scaling. Manages the bounds of its number of tasks, its target tracking
    policies, its scheduled actions and its tags.
  - What is not set stays as it is.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  state:
    description:
      - V(present) makes bounds, policies, scheduled actions and tags what the options say.
      - V(absent) removes policies, scheduled actions and bounds. The service keeps the number of tasks that it has.
    type: str
    choices: [present, absent]
    default: present
  min_capacity:
    description: Fewest tasks that scaling leaves. Required where nothing scales the service yet.
    type: int
  max_capacity:
    description: Most tasks that scaling starts. Required where nothing scales the service yet.
    type: int
  target_tracking:
    description: Policies, exactly these. A policy that is not listed is removed, whatever its type.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the policy.
        type: str
        required: true
      metric:
        description: What is held, by the name of the predefined metric.
        type: str
        choices:
          - ECSServiceAverageCPUUtilization
          - ECSServiceAverageMemoryUtilization
          - ALBRequestCountPerTarget
        required: true
      target_value:
        description: The value that is held, in percent or in requests a minute and task.
        type: float
        required: true
      resource_label:
        description:
          - The load balancer and target group of V(ALBRequestCountPerTarget), as
            C(app/NAME/ID/targetgroup/NAME/ID).
        type: str
      scale_in_cooldown:
        description: Seconds after tasks were stopped before more are. 300 if not set.
        type: int
      scale_out_cooldown:
        description: Seconds after tasks were started before more are. 300 if not set.
        type: int
      disable_scale_in:
        description: Whether the policy only ever starts tasks. It does both if not set.
        type: bool
  scheduled_actions:
    description:
      - Times at which the bounds change, exactly these.
      - Bounds that one of them has set count as right, whatever O(min_capacity) and O(max_capacity) say, until the next
        sets others.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the scheduled action.
        type: str
        required: true
      schedule:
        description: When, as V(cron(0 7 * * ? *\)), V(rate(1 day\)) or V(at(2026-12-24T18:00:00\)).
        type: str
        required: true
      timezone:
        description: Time zone of O(scheduled_actions[].schedule), such as V(Asia/Singapore). UTC if not set.
        type: str
      min_capacity:
        description: Fewest tasks from then on.
        type: int
      max_capacity:
        description: Most tasks from then on.
        type: int
  tags:
    description: Tags of the scalable target, exactly these. If not set, they stay as they are.
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The service has 2 to 10 tasks, so many that they use 60 percent of their CPU
  amica.stack.ecs_service_scaling:
    cluster: amica-cluster
    service: amica-service
    min_capacity: 2
    max_capacity: 10
    target_tracking:
      - name: amica-cpu
        metric: ECSServiceAverageCPUUtilization
        target_value: 60
        scale_out_cooldown: 60
    scheduled_actions:
      - name: amica-evening
        schedule: cron(0 20 * * ? *)
        timezone: Asia/Singapore
        min_capacity: 1
      - name: amica-morning
        schedule: cron(0 7 * * ? *)
        timezone: Asia/Singapore
        min_capacity: 2

- name: Nothing scales the service
  amica.stack.ecs_service_scaling:
    cluster: amica-cluster
    service: amica-service
    state: absent
"""

RETURN = r"""
scaling:
  description: How the service scales. In check mode as it would.
  returned: when O(state=present)
  type: dict
  contains:
    resource_id:
      description: What Application Auto Scaling calls the service.
      returned: always
      type: str
      sample: service/amica-cluster/amica-service
    min_capacity:
      description: Fewest tasks.
      returned: always
      type: int
    max_capacity:
      description: Most tasks.
      returned: always
      type: int
    policies:
      description: The policies, each with C(policy_name), C(policy_type) and its settings.
      returned: always
      type: list
      elements: dict
    scheduled_actions:
      description: The scheduled actions, each with C(scheduled_action_name) and its settings.
      returned: always
      type: list
      elements: dict
    tags:
      description: Tags of the scalable target.
      returned: always
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import ensure_present

METRICS = ["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"]


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "min_capacity": {"type": "int"},
            "max_capacity": {"type": "int"},
            "target_tracking": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "metric": {"type": "str", "choices": METRICS, "required": True},
                    "target_value": {"type": "float", "required": True},
                    "resource_label": {"type": "str"},
                    "scale_in_cooldown": {"type": "int"},
                    "scale_out_cooldown": {"type": "int"},
                    "disable_scale_in": {"type": "bool"},
                },
                "required_if": [("metric", "ALBRequestCountPerTarget", ["resource_label"])],
            },
            "scheduled_actions": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "schedule": {"type": "str", "required": True},
                    "timezone": {"type": "str"},
                    "min_capacity": {"type": "int"},
                    "max_capacity": {"type": "int"},
                },
                "required_one_of": [("min_capacity", "max_capacity")],
            },
            "tags": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    run(module, "application-autoscaling", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
