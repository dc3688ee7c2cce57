#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_cluster
short_description: Manages an ECS cluster with its Container Insights, capacity providers, namespace and tags
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes or deletes a cluster, and keeps its Container Insights, its capacity providers, the namespace of its services,
    and its tags.
  - What is not set stays as it is.
options:
  name:
    description: Name of the cluster.
    type: str
    required: true
  state:
    description:
      - V(present) makes the cluster what the options say.
      - V(absent) deletes it. A cluster with services is not deleted, and AWS says so.
    type: str
    choices: [present, absent]
    default: present
  container_insights:
    description:
      - Container Insights of the cluster.
      - If not set, a new cluster gets what the account's settings say.
    type: str
    choices: [disabled, enabled, enhanced]
  service_connect_namespace:
    description:
      - ARN of the Cloud Map namespace that services of the cluster use for Service Connect unless they name another.
      - Empty text for none. If not set, it stays as it is.
    type: str
  capacity_providers:
    description:
      - Capacity providers that services of the cluster may use, exactly these.
      - One that a task still uses is not taken away, and AWS says so.
    type: list
    elements: str
  default_capacity_provider_strategy:
    description:
      - Capacity providers of services that name neither these nor a launch type, exactly these.
      - They must be among the cluster's O(capacity_providers).
    type: list
    elements: dict
    suboptions:
      capacity_provider:
        description: Name of the capacity provider.
        type: str
        required: true
      weight:
        description: Share of the tasks.
        type: int
      base:
        description: Tasks that it gets before shares count.
        type: int
  tags:
    description: Tags of the cluster, exactly these. If not set, they stay as they are.
    type: dict
  wait_timeout:
    description: Seconds in which the last tasks of a cluster that is to be deleted must have stopped.
    type: int
    default: 300
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The cluster exists
  amica.stack.ecs_cluster:
    name: amica-cluster
    container_insights: enhanced
    capacity_providers: [FARGATE, FARGATE_SPOT]
    tags:
      amica:stack: amica

- name: The cluster is gone
  amica.stack.ecs_cluster:
    name: amica-cluster
    state: absent
"""

RETURN = r"""
cluster:
  description: The cluster, in snake case. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    cluster_arn:
      description: ARN of the cluster.
      returned: when it exists
      type: str
      sample: arn:aws:ecs:ap-southeast-1:123456789012:cluster/amica-cluster
    cluster_name:
      description: Name of the cluster.
      returned: always
      type: str
      sample: amica-cluster
    status:
      description: State of the cluster.
      returned: always
      type: str
      sample: ACTIVE
    service_connect_defaults:
      description: Has C(namespace), the ARN of the namespace of Service Connect, empty for none.
      returned: always
      type: dict
    settings:
      description: Settings of the cluster, each with name and value.
      returned: when known
      type: list
      elements: dict
    capacity_providers:
      description: Capacity providers of the cluster.
      returned: always
      type: list
      elements: str
    default_capacity_provider_strategy:
      description: Default strategy of the cluster.
      returned: always
      type: list
      elements: dict
    tags:
      description: Tags of the cluster.
      returned: always
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_cluster import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_cluster import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "container_insights": {"type": "str", "choices": ["disabled", "enabled", "enhanced"]},
            "service_connect_namespace": {"type": "str"},
            "capacity_providers": {"type": "list", "elements": "str"},
            "default_capacity_provider_strategy": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "capacity_provider": {"type": "str", "required": True},
                    "weight": {"type": "int"},
                    "base": {"type": "int"},
                },
            },
            "tags": {"type": "dict"},
            "wait_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    run(module, "ecs", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
