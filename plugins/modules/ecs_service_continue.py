#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service_continue
short_description: Answers a deployment of an ECS service that is paused
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Has a deployment that waits at a lifecycle hook of type C(PAUSE) go on to the next stage, or go back.
  - Refuses when no deployment is paused. In check mode it tells what would go on.
  - What follows is not waited for. Use M(amica.stack.ecs_service_health) for that. A deployment may pause several
    times, and each time wants an answer.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  action:
    description: V(CONTINUE) has the deployment go on, V(ROLLBACK) has ECS go back to what ran before.
    type: str
    choices: [CONTINUE, ROLLBACK]
    default: CONTINUE
  wait_timeout:
    description: Seconds in which ECS must have gone back. V(0) does not wait. Not for O(action=CONTINUE).
    type: int
    default: 1800
attributes:
  idempotent:
    support: none
    details: Each run answers another pause, or fails because there is none.
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The deployment goes on
  amica.stack.ecs_service_continue:
    cluster: amica-cluster
    service: amica-service
  register: continued

- name: It has come up, or pauses again
  amica.stack.ecs_service_health:
    cluster: amica-cluster
    service: amica-service
    deployment_id: "{{ continued.deployment_id }}"

- name: The new version is not wanted
  amica.stack.ecs_service_continue:
    cluster: amica-cluster
    service: amica-service
    action: ROLLBACK
"""

RETURN = r"""
why:
  description: What was done, a sentence.
  returned: success
  type: str
  sample: amica-service goes on with amica-task:4, whose deployment was paused at POST_SCALE_UP.
stage:
  description: Stage at which the deployment was paused.
  returned: success
  type: str
  sample: POST_SCALE_UP
deployment_id:
  description: The deployment to look at with M(amica.stack.ecs_service_health).
  returned: success
  type: str
  sample: ecs-svc/1234567890123456789
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._continue import answer
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "action": {"type": "str", "choices": ["CONTINUE", "ROLLBACK"], "default": "CONTINUE"},
            "wait_timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    aws = clients(module)
    with reported(module, f"answering the deployment of {module.params['service']}"):
        try:
            outcome = answer(aws("ecs"), module.params, module.check_mode)
        except Refused as refusal:
            module.fail_json(msg=str(refusal))
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
