#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service_rollback
short_description: Sends an ECS service back to what it ran before
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - A deployment that is in progress is stopped with a rollback, and ECS goes back to the last one that succeeded, also
    where the service has no circuit breaker. Where ECS has no service deployments, what still runs is deployed instead.
  - Without a deployment in progress, the service is given the newest earlier revision of its task definition that ECS
    has deployed with success. Revisions that only failed are passed over.
  - Refuses when there is nothing to go back to. In check mode it tells which revision it would be.
  - A rollback of ECS's own is waited for. The deployment of an earlier revision is not. Use
    M(amica.stack.ecs_service_health) for that.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  task_definition:
    description:
      - Revision to go to, by its number, C(family:revision) or ARN. It must be active.
      - By default the one that was there before.
    type: str
  wait_timeout:
    description:
      - Seconds in which ECS must have gone back from a deployment that was in progress. V(0) does not wait.
    type: int
    default: 1800
attributes:
  idempotent:
    support: partial
    details: Only with O(task_definition). Otherwise each run goes back by one more revision.
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The service runs what it ran before
  amica.stack.ecs_service_rollback:
    cluster: amica-cluster
    service: amica-service
  register: rollback

- name: The earlier revision has come up
  amica.stack.ecs_service_health:
    cluster: amica-cluster
    service: amica-service
    deployment_id: "{{ rollback.deployment_id }}"
  when: rollback.action == 'update'

- name: The service runs revision 3
  amica.stack.ecs_service_rollback:
    cluster: amica-cluster
    service: amica-service
    task_definition: "3"
"""

RETURN = r"""
action:
  description:
    - What was done, or in check mode would be. V(stop), ECS was told to stop the deployment in progress and go back;
      V(update), an earlier revision is being deployed; V(wait), ECS was going back already; V(none), the revision that
      was asked for runs.
  returned: success
  type: str
  sample: update
why:
  description: What was done and why, a sentence.
  returned: success
  type: str
  sample: >-
    amica-service goes from amica-task:4 to amica-task:2, the newest earlier revision that was deployed with success.
proven:
  description: Whether ECS knows of a deployment of that revision that succeeded.
  returned: success
  type: bool
task_definition:
  description: ARN of the revision to which the service goes.
  returned: success
  type: str
  sample: arn:aws:ecs:ap-southeast-1:123456789012:task-definition/amica-task:2
previous_task_definition:
  description: ARN of the revision that the service had.
  returned: success
  type: str
  sample: arn:aws:ecs:ap-southeast-1:123456789012:task-definition/amica-task:4
deployment_id:
  description:
    - The deployment to look at with M(amica.stack.ecs_service_health). The one that was started, or the ARN of the
      service deployment that ECS has rolled back.
    - In check mode the current one.
  returned: success
  type: str
  sample: ecs-svc/1234567890123456789
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._rollback import roll_back


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "task_definition": {"type": "str"},
            "wait_timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    aws = clients(module)
    with reported(module, f"rolling back {module.params['service']}"):
        try:
            outcome = roll_back(aws("ecs"), module.params, module.check_mode)
        except Refused as refusal:
            module.fail_json(msg=str(refusal))
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
