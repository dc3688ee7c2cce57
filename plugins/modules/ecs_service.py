#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service
short_description: Manages an ECS service, every field of it
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes a service, or changes what differs in the one that exists, in one call.
  - What is not set stays as it is.
  - Starts a deployment and does not wait for it. Use M(amica.stack.ecs_service_health) for that.
  - A service that is still draining is waited for and then made again.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  name:
    description: Name of the service.
    type: str
    required: true
  state:
    description:
      - V(present) makes the service what the options say.
      - V(absent) stops its tasks, deletes it and waits until it has drained.
    type: str
    choices: [present, absent]
    default: present
  task_definition:
    description:
      - Task definition that the service runs, by ARN, C(family:revision), or family for its newest active revision.
      - Required if O(state=present).
    type: str
  desired_count:
    description:
      - Number of tasks of a new service. 1 if not set.
      - For a service that exists only with O(update_desired_count=true).
    type: int
  update_desired_count:
    description:
      - Whether O(desired_count) also holds for a service that exists.
      - Leave it off where Application Auto Scaling sets the number.
    type: bool
    default: false
  launch_type:
    description:
      - Launch type. It excludes O(capacity_provider_strategy) and cannot become another one later.
      - A service goes from it to a strategy and back by a deployment.
    type: str
    choices: [FARGATE, EC2, EXTERNAL]
  capacity_provider_strategy:
    description: Capacity providers that the tasks are spread over, exactly these.
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
  platform_version:
    description: Platform version of Fargate.
    type: str
  network_configuration:
    description: Network of the tasks.
    type: dict
    suboptions:
      subnets:
        description: IDs of the subnets, exactly these.
        type: list
        elements: str
      security_groups:
        description: IDs of the security groups, exactly these.
        type: list
        elements: str
      assign_public_ip:
        description: Whether tasks get a public address.
        type: bool
  load_balancers:
    description: Target groups that the tasks register in, exactly these.
    type: list
    elements: dict
    suboptions:
      target_group_arn:
        description: ARN of the target group.
        type: str
        required: true
      container_name:
        description: Container that answers.
        type: str
        required: true
      container_port:
        description: Port of the container that answers.
        type: int
        required: true
      advanced_configuration:
        description:
          - What ECS needs to move traffic from one target group to the other, for the strategies that do.
          - If not set, there is none.
        type: dict
        suboptions:
          alternate_target_group_arn:
            description: ARN of the other target group.
            type: str
            required: true
          production_listener_rule:
            description: ARN of the listener rule that forwards to both. ECS writes its weights.
            type: str
            required: true
          test_listener_rule:
            description: ARN of the listener rule by which the new tasks can be tried before the shift.
            type: str
          role_arn:
            description: ARN of the role with which ECS writes the rules.
            type: str
            required: true
  service_connect_configuration:
    description:
      - Whether and how services of a Cloud Map namespace reach this one through Service Connect, exactly this.
      - If not set, it stays as it is.
    type: dict
    suboptions:
      enabled:
        description: Whether the service takes part. Without it the other options count for nothing.
        type: bool
        required: true
      namespace:
        description: ARN of the namespace. Required if O(service_connect_configuration.enabled=true).
        type: str
      services:
        description: Ports that others reach. Without any, the service only reaches others.
        type: list
        elements: dict
        suboptions:
          port_name:
            description: Name of the port mapping in the task definition.
            type: str
            required: true
          discovery_name:
            description: Name of the Cloud Map service that ECS makes. The port's name if not set.
            type: str
          client_aliases:
            description: Addresses under which others reach the port.
            type: list
            elements: dict
            suboptions:
              port:
                description: Port of the address.
                type: int
                required: true
              dns_name:
                description: Host of the address. The discovery name and the namespace if not set.
                type: str
      log_configuration:
        description: Where the proxy beside each task writes its log. If not set, nowhere.
        type: dict
        suboptions:
          log_driver:
            description: Log driver.
            type: str
            required: true
          options:
            description: Options of the driver.
            type: dict
  service_registries:
    description: Cloud Map services that the tasks register in, exactly these.
    type: list
    elements: dict
    suboptions:
      registry_arn:
        description: ARN of the Cloud Map service.
        type: str
        required: true
      port:
        description: Port in SRV records.
        type: int
      container_name:
        description: Container that the records name.
        type: str
      container_port:
        description: Port of that container.
        type: int
  health_check_grace_period:
    description:
      - Seconds in which a new task may fail the load balancer's check.
      - Not sent for a service without a load balancer.
    type: int
  deployment_configuration:
    description: How a deployment goes. What is not set in it stays as it is.
    type: dict
    suboptions:
      strategy:
        description:
          - How the new tasks take over.
          - With V(BLUE_GREEN), V(CANARY) and V(LINEAR) all of them come up beside the old ones, and ECS moves the
            traffic to them at once, a share of it first, or step by step. They need
            O(load_balancers[].advanced_configuration).
        type: str
        choices: [ROLLING, BLUE_GREEN, CANARY, LINEAR]
      bake_time:
        description: Minutes that the old tasks stay after the traffic has moved. Not for V(ROLLING).
        type: int
      canary:
        description: How V(CANARY) begins.
        type: dict
        suboptions:
          percent:
            description: Percent of the traffic that moves first.
            type: float
            required: true
          bake_time:
            description: Minutes until the rest of it follows.
            type: int
            required: true
      linear:
        description: The steps of V(LINEAR).
        type: dict
        suboptions:
          percent:
            description: Percent of the traffic that moves in a step.
            type: float
            required: true
          bake_time:
            description: Minutes from one step to the next.
            type: int
            required: true
      lifecycle_hooks:
        description: Where a deployment stops and asks, exactly these.
        type: list
        elements: dict
        suboptions:
          type:
            description: V(PAUSE) waits until somebody continues the deployment; V(AWS_LAMBDA) asks a function.
            type: str
            choices: [PAUSE, AWS_LAMBDA]
            required: true
          stages:
            description: Stages of the deployment's life, such as V(POST_SCALE_UP).
            type: list
            elements: str
            required: true
          target_arn:
            description: ARN of the function.
            type: str
          role_arn:
            description: ARN of the role with which ECS calls the function.
            type: str
          timeout:
            description: Minutes that it waits.
            type: int
          timeout_action:
            description: What happens then.
            type: str
            choices: [CONTINUE, ROLLBACK]
      minimum_healthy_percent:
        description: Percent of the desired tasks that stay while a deployment runs.
        type: int
      maximum_percent:
        description: Percent of the desired tasks that may run while a deployment runs.
        type: int
      circuit_breaker:
        description: When ECS gives up a deployment whose tasks keep failing.
        type: dict
        suboptions:
          enable:
            description: Whether it does.
            type: bool
            required: true
          rollback:
            description: Whether it then goes back to the last deployment that completed.
            type: bool
            required: true
          threshold:
            description: After how many failed tasks. Needs a botocore that knows it.
            type: dict
            suboptions:
              type:
                description: What O(deployment_configuration.circuit_breaker.threshold.value) counts.
                type: str
                choices: [COUNT, BOUNDED_PERCENT, UNBOUNDED_PERCENT]
                required: true
              value:
                description: Number of tasks, or percent of the desired ones.
                type: int
                required: true
          reset_on_healthy_task:
            description: Whether a healthy task starts the count again. Needs a botocore that knows it.
            type: bool
      alarms:
        description: CloudWatch alarms that fail a deployment.
        type: dict
        suboptions:
          names:
            description: Names of the alarms, exactly these.
            type: list
            elements: str
            required: true
          enable:
            description: Whether they count.
            type: bool
            required: true
          rollback:
            description: Whether ECS then goes back to the last deployment that completed.
            type: bool
            required: true
      early_success_criteria:
        description: When a deployment counts as successful. Needs a botocore that knows it.
        type: dict
        suboptions:
          enable:
            description: Whether it may count before all tasks are healthy.
            type: bool
            required: true
          healthy_percent:
            description: Percent of the desired tasks that must be healthy.
            type: int
          source_service_revision_cleanup:
            description: Whether the end of the old tasks is waited for.
            type: str
            choices: [BLOCKING, DEFERRED]
  enable_execute_command:
    description: Whether operators may open a shell in tasks. Counts for tasks that start later.
    type: bool
  enable_ecs_managed_tags:
    description: Whether ECS tags the tasks with the names of cluster and service. Counts for tasks that start later.
    type: bool
  propagate_tags:
    description: Where the tasks get their tags from. Counts for tasks that start later.
    type: str
    choices: [SERVICE, TASK_DEFINITION, NONE]
  availability_zone_rebalancing:
    description: Whether ECS spreads the tasks over the zones again after a zone was away.
    type: str
    choices: [ENABLED, DISABLED]
  force_new_deployment:
    description: Starts a deployment in any case, so that each run is a change.
    type: bool
    default: false
  tags:
    description: Tags of the service, exactly these. If not set, they stay as they are.
    type: dict
  wait_timeout:
    description: Seconds in which a service must have drained that is deleted, or made again.
    type: int
    default: 600
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  idempotent:
    support: partial
    details: Not with O(force_new_deployment=true).
"""

EXAMPLES = r"""
- name: The service runs the newest task definition behind the load balancer
  amica.stack.ecs_service:
    cluster: amica-cluster
    name: amica-service
    task_definition: amica-task
    desired_count: 2
    launch_type: FARGATE
    network_configuration:
      subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]
      security_groups: [sg-0a1b2c3d]
      assign_public_ip: true
    load_balancers:
      - target_group_arn: "{{ target_group.target_group_arn }}"
        container_name: amica
        container_port: 8080
    health_check_grace_period: 120
    deployment_configuration:
      minimum_healthy_percent: 100
      maximum_percent: 200
      circuit_breaker:
        enable: true
        rollback: true
  register: service

- name: Every task is replaced
  amica.stack.ecs_service:
    cluster: amica-cluster
    name: amica-service
    task_definition: amica-task
    force_new_deployment: true

- name: The service is gone
  amica.stack.ecs_service:
    cluster: amica-cluster
    name: amica-service
    state: absent
"""

RETURN = r"""
service:
  description: The service, in snake case. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    service_arn:
      description: ARN of the service.
      returned: when it exists
      type: str
      sample: arn:aws:ecs:ap-southeast-1:123456789012:service/amica-cluster/amica-service
    service_name:
      description: Name of the service.
      returned: always
      type: str
      sample: amica-service
    status:
      description: State of the service.
      returned: always
      type: str
      sample: ACTIVE
    task_definition:
      description: ARN of the task definition.
      returned: always
      type: str
      sample: arn:aws:ecs:ap-southeast-1:123456789012:task-definition/amica-task:3
    desired_count:
      description: Number of tasks that should run.
      returned: always
      type: int
    running_count:
      description: Number of tasks that run.
      returned: when it exists
      type: int
    deployments:
      description: Deployments that have not ended, the current one among them.
      returned: when it exists
      type: list
      elements: dict
    tags:
      description: Tags of the service.
      returned: always
      type: dict
deployment_id:
  description:
    - ID of the service's current, primary deployment, whether this run started it or an earlier one.
    - V(none) in check mode for a service that does not exist.
  returned: when O(state=present)
  type: str
  sample: ecs-svc/1234567890123456789
deployment_started:
  description: Whether this run started that deployment, or in check mode would start one.
  returned: when O(state=present)
  type: bool
service_deployment_arn:
  description: ARN of the service deployment that is in progress, where AWS names one.
  returned: when O(state=present)
  type: str
  sample: arn:aws:ecs:ap-southeast-1:123456789012:service-deployment/amica-cluster/amica-service/abcdefghijklmnopqrstu
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import ensure_present

DEPLOYMENT_CONFIGURATION = {
    "strategy": {"type": "str", "choices": ["ROLLING", "BLUE_GREEN", "CANARY", "LINEAR"]},
    "bake_time": {"type": "int"},
    **{
        steps: {
            "type": "dict",
            "options": {"percent": {"type": "float", "required": True}, "bake_time": {"type": "int", "required": True}},
        }
        for steps in ("canary", "linear")
    },
    "lifecycle_hooks": {
        "type": "list",
        "elements": "dict",
        "options": {
            "type": {"type": "str", "choices": ["PAUSE", "AWS_LAMBDA"], "required": True},
            "stages": {"type": "list", "elements": "str", "required": True},
            "target_arn": {"type": "str"},
            "role_arn": {"type": "str"},
            "timeout": {"type": "int"},
            "timeout_action": {"type": "str", "choices": ["CONTINUE", "ROLLBACK"]},
        },
    },
    "minimum_healthy_percent": {"type": "int"},
    "maximum_percent": {"type": "int"},
    "circuit_breaker": {
        "type": "dict",
        "options": {
            "enable": {"type": "bool", "required": True},
            "rollback": {"type": "bool", "required": True},
            "threshold": {
                "type": "dict",
                "options": {
                    "type": {
                        "type": "str",
                        "choices": ["COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT"],
                        "required": True,
                    },
                    "value": {"type": "int", "required": True},
                },
            },
            "reset_on_healthy_task": {"type": "bool"},
        },
    },
    "alarms": {
        "type": "dict",
        "options": {
            "names": {"type": "list", "elements": "str", "required": True},
            "enable": {"type": "bool", "required": True},
            "rollback": {"type": "bool", "required": True},
        },
    },
    "early_success_criteria": {
        "type": "dict",
        "options": {
            "enable": {"type": "bool", "required": True},
            "healthy_percent": {"type": "int"},
            "source_service_revision_cleanup": {"type": "str", "choices": ["BLOCKING", "DEFERRED"]},
        },
    },
}
SERVICE_CONNECT = {
    "enabled": {"type": "bool", "required": True},
    "namespace": {"type": "str"},
    "services": {
        "type": "list",
        "elements": "dict",
        "options": {
            "port_name": {"type": "str", "required": True},
            "discovery_name": {"type": "str"},
            "client_aliases": {
                "type": "list",
                "elements": "dict",
                "options": {"port": {"type": "int", "required": True}, "dns_name": {"type": "str"}},
            },
        },
    },
    "log_configuration": {
        "type": "dict",
        "options": {"log_driver": {"type": "str", "required": True}, "options": {"type": "dict"}},
    },
}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "task_definition": {"type": "str"},
            "desired_count": {"type": "int"},
            "update_desired_count": {"type": "bool", "default": False},
            "launch_type": {"type": "str", "choices": ["FARGATE", "EC2", "EXTERNAL"]},
            "capacity_provider_strategy": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "capacity_provider": {"type": "str", "required": True},
                    "weight": {"type": "int"},
                    "base": {"type": "int"},
                },
            },
            "platform_version": {"type": "str"},
            "network_configuration": {
                "type": "dict",
                "options": {
                    "subnets": {"type": "list", "elements": "str"},
                    "security_groups": {"type": "list", "elements": "str"},
                    "assign_public_ip": {"type": "bool"},
                },
            },
            "load_balancers": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "target_group_arn": {"type": "str", "required": True},
                    "container_name": {"type": "str", "required": True},
                    "container_port": {"type": "int", "required": True},
                    "advanced_configuration": {
                        "type": "dict",
                        "options": {
                            "alternate_target_group_arn": {"type": "str", "required": True},
                            "production_listener_rule": {"type": "str", "required": True},
                            "test_listener_rule": {"type": "str"},
                            "role_arn": {"type": "str", "required": True},
                        },
                    },
                },
            },
            "service_connect_configuration": {
                "type": "dict",
                "options": SERVICE_CONNECT,
                "required_if": [("enabled", True, ["namespace"])],
            },
            "service_registries": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "registry_arn": {"type": "str", "required": True},
                    "port": {"type": "int"},
                    "container_name": {"type": "str"},
                    "container_port": {"type": "int"},
                },
            },
            "health_check_grace_period": {"type": "int"},
            "deployment_configuration": {"type": "dict", "options": DEPLOYMENT_CONFIGURATION},
            "enable_execute_command": {"type": "bool"},
            "enable_ecs_managed_tags": {"type": "bool"},
            "propagate_tags": {"type": "str", "choices": ["SERVICE", "TASK_DEFINITION", "NONE"]},
            "availability_zone_rebalancing": {"type": "str", "choices": ["ENABLED", "DISABLED"]},
            "force_new_deployment": {"type": "bool", "default": False},
            "tags": {"type": "dict"},
            "wait_timeout": {"type": "int", "default": 600},
        },
        mutually_exclusive=[("launch_type", "capacity_provider_strategy")],
        required_if=[("state", "present", ["task_definition"])],
        supports_check_mode=True,
    )
    run(module, "ecs", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
