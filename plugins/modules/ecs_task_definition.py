#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_task_definition
short_description: Manages the revisions of an ECS task definition
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Compares every field of a family's newest active revision with what is wanted, after filling in what AWS fills in,
    and registers a new revision only when they differ.
  - A revision is a whole document. An option that is not set is not part of it, and counts as a difference where the
    newest revision has it.
  - Another set of tags alone makes no new revision. The newest one is tagged.
  - Environment variables whose names say that they hold a secret (token, password, key, ...) are not shown, neither in
    the diff nor in what is returned.
options:
  family:
    description: Name of the family.
    type: str
    required: true
  state:
    description:
      - V(present) makes the newest revision what the options say.
      - V(absent) deregisters and deletes every revision of the family.
    type: str
    choices: [present, absent]
    default: present
  cpu:
    description: CPU units of the task. 1024 are one vCPU.
    type: int
  memory:
    description: Memory of the task in MiB. Fargate offers certain pairs of O(cpu) and O(memory) only.
    type: int
  ephemeral_storage:
    description: Ephemeral storage of the task in GiB, up to 200. 20 is what every Fargate task has.
    type: int
  network_mode:
    description: Network mode. For Fargate it is V(awsvpc).
    type: str
    choices: [awsvpc, bridge, host, none]
  requires_compatibilities:
    description: What the task must be able to run on.
    type: list
    elements: str
    choices: [FARGATE, EC2, EXTERNAL, MANAGED_INSTANCES]
  runtime_platform:
    description: Platform of the task. Without it, Linux on X86_64.
    type: dict
    suboptions:
      cpu_architecture:
        description: CPU architecture of the containers' images.
        type: str
        choices: [X86_64, ARM64]
      operating_system_family:
        description: Operating system family.
        type: str
  execution_role_arn:
    description: ARN of the role with which ECS pulls the image, reads the secrets and writes the logs.
    type: str
  task_role_arn:
    description: ARN of the role of the application itself.
    type: str
  volumes:
    description: Volumes that containers can mount, spelt as in the API.
    type: list
    elements: dict
  containers:
    description:
      - The containers, spelt as C(containerDefinitions) of the API's C(RegisterTaskDefinition).
      - Numbers and booleans may be text, and values of environment variables may be numbers or booleans.
      - Required if O(state=present).
    type: list
    elements: dict
  placement_constraints:
    description: Placement constraints, spelt as in the API. Not for Fargate.
    type: list
    elements: dict
  proxy_configuration:
    description: Configuration of the App Mesh proxy, spelt as in the API.
    type: dict
  pid_mode:
    description: Process namespace that the containers share.
    type: str
    choices: [host, task]
  ipc_mode:
    description: IPC namespace that the containers share. Not for Fargate.
    type: str
    choices: [host, task, none]
  enable_fault_injection:
    description: Whether fault injection requests from the task's containers are accepted.
    type: bool
  keep_revisions:
    description:
      - How many active revisions stay when a new one is registered. Older ones are deregistered and deleted.
      - Revisions that a deployment of any service in the region uses stay in any case.
      - Without it, all stay.
    type: int
  tags:
    description:
      - Tags of the revision, exactly these.
      - If not set, a new revision gets those of the one before it.
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The task definition says what runs
  amica.stack.ecs_task_definition:
    family: amica-task
    cpu: 256
    memory: 512
    network_mode: awsvpc
    requires_compatibilities: [FARGATE]
    runtime_platform:
      cpu_architecture: ARM64
      operating_system_family: LINUX
    execution_role_arn: arn:aws:iam::123456789012:role/amica-execution-role
    containers:
      - name: amica
        image: 123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/amica-stack@sha256:0123456789abcdef
        portMappings:
          - containerPort: 8080
        environment:
          - name: PORT
            value: "8080"
        secrets:
          - name: CHAINLIT_AUTH_SECRET
            valueFrom: arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:amica/auth-AbCdEf
    keep_revisions: 10
    tags:
      amica:stack: amica
  register: definition

- name: No revision is left
  amica.stack.ecs_task_definition:
    family: amica-task
    state: absent
"""

RETURN = r"""
task_definition:
  description:
    - The newest revision, in snake case. In check mode the one that would be registered.
    - Values of environment variables whose names say that they hold a secret are not shown.
  returned: when O(state=present)
  type: dict
  contains:
    family:
      description: Name of the family.
      returned: always
      type: str
      sample: amica-task
    revision:
      description: Number of the revision.
      returned: always
      type: int
      sample: 3
    status:
      description: State of the revision.
      returned: when it is registered
      type: str
      sample: ACTIVE
    container_definitions:
      description: The containers.
      returned: always
      type: list
      elements: dict
    tags:
      description: Tags of the revision.
      returned: always
      type: dict
task_definition_arn:
  description: ARN of the newest revision. In check mode, that of the revision that would be registered.
  returned: when O(state=present), but not in check mode before the family's first revision
  type: str
  sample: arn:aws:ecs:ap-southeast-1:123456789012:task-definition/amica-task:3
revision:
  description: Number of the newest revision.
  returned: when O(state=present)
  type: int
  sample: 3
registered:
  description: Whether a new revision was registered, or in check mode would be.
  returned: always
  type: bool
removed_revisions:
  description: ARNs of the revisions that were removed. What O(keep_revisions) removes is not known in check mode.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import ensure_present


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "family": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cpu": {"type": "int"},
            "memory": {"type": "int"},
            "ephemeral_storage": {"type": "int"},
            "network_mode": {"type": "str", "choices": ["awsvpc", "bridge", "host", "none"]},
            "requires_compatibilities": {
                "type": "list",
                "elements": "str",
                "choices": ["FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"],
            },
            "runtime_platform": {
                "type": "dict",
                "options": {
                    "cpu_architecture": {"type": "str", "choices": ["X86_64", "ARM64"]},
                    "operating_system_family": {"type": "str"},
                },
            },
            "execution_role_arn": {"type": "str"},
            "task_role_arn": {"type": "str"},
            "volumes": {"type": "list", "elements": "dict"},
            "containers": {"type": "list", "elements": "dict"},
            "placement_constraints": {"type": "list", "elements": "dict"},
            "proxy_configuration": {"type": "dict"},
            "pid_mode": {"type": "str", "choices": ["host", "task"]},
            "ipc_mode": {"type": "str", "choices": ["host", "task", "none"]},
            "enable_fault_injection": {"type": "bool"},
            "keep_revisions": {"type": "int"},
            "tags": {"type": "dict"},
        },
        required_if=[("state", "present", ["containers"])],
        supports_check_mode=True,
    )
    run(module, "ecs", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
