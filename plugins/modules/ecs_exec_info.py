#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_exec_info
short_description: The command that opens a shell in a task of an ECS service, and what it still needs
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Finds a running task of the service and gives the exact C(aws ecs execute-command) for it.
  - Checks what that command needs. The service and the task must allow it, the agent in the container must run, be able
    to write, and reach the service C(ssmmessages), the task role must allow the agent's calls and the credentials the
    command's, and the AWS command line and its Session Manager plugin must be installed where the module runs.
  - Opens nothing and changes nothing.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  task:
    description:
      - Task to enter, by its id, the beginning of it, or ARN.
      - By default the one that can be entered and was started last.
    type: str
  container:
    description: Container to enter. By default the task's first essential one.
    type: str
  command:
    description: Command to run in the container.
    type: str
    default: /bin/sh
attributes:
  diff_mode:
    support: none
    details: It changes nothing.
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: How to open a shell is known
  amica.stack.ecs_exec_info:
    cluster: amica-cluster
    service: amica-service
  register: shell

- name: The command is shown
  ansible.builtin.debug:
    msg: "{{ shell.command }}"
"""

RETURN = r"""
ready:
  description: Whether nothing that was looked at stands in the way.
  returned: success
  type: bool
command:
  description:
    - The command for a terminal of this machine, with the files that this run finds its profile in.
    - None where no task runs.
  returned: success
  type: str
  sample: >-
    aws ecs execute-command --cluster amica-cluster --task 0123456789abcdef0123456789abcdef --container amica
    --interactive --command /bin/sh --region ap-southeast-1
problems:
  description:
    - What is missing (C(sentence)) and what to do about it (C(remedy)). Their C(name) is stable, one of V(service),
      V(task), V(agent), V(read_only), V(role), V(caller), V(network), V(aws) and V(session-manager-plugin).
  returned: success
  type: list
  elements: dict
  sample:
    - name: service
      sentence: The service amica-service does not allow it
      remedy: set enable_execute_command on the service
explanation:
  description: The problems and their remedies as sentences; empty where there is none.
  returned: success
  type: str
  sample: "The service amica-service does not allow it: set enable_execute_command on the service."
task:
  description: Id of the task; none where none runs.
  returned: success
  type: str
container:
  description: Name of the container.
  returned: success
  type: str
not_checked:
  description: What could not be looked at, and why, as sentences.
  returned: success
  type: list
  elements: str
  sample:
    - "the task role: AWS refused ListRolePolicies: not authorized (AccessDenied)"
"""

import os
import shutil
from dataclasses import asdict

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import short
from ansible_collections.amica.stack.plugins.module_utils._exec import PROGRAMS
from ansible_collections.amica.stack.plugins.module_utils._exec import Reader
from ansible_collections.amica.stack.plugins.module_utils._exec import command
from ansible_collections.amica.stack.plugins.module_utils._exec import container_of
from ansible_collections.amica.stack.plugins.module_utils._exec import problems
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "task": {"type": "str"},
            "container": {"type": "str"},
            "command": {"type": "str", "default": "/bin/sh"},
        },
        supports_check_mode=True,
    )
    options = module.params
    aws = clients(module)
    installed = frozenset(program for program in PROGRAMS if shutil.which(program))
    with reported(module, f"looking for a task of {options['service']}"):
        try:
            seen = Reader(aws, options["cluster"], options["service"]).read(options["task"], installed)
            container = container_of(seen.definition, options["container"])
        except Refused as refusal:
            module.fail_json(msg=str(refusal))
    found = [asdict(problem) for problem in problems(seen, container)]
    task = short(str(seen.task["taskArn"])) if seen.task else None
    connection = {"region": aws.region, "profile": options["profile"], "endpoint-url": options["endpoint_url"]}
    module.exit_json(
        changed=False,
        ready=not found,
        problems=found,
        explanation=" ".join(f"{problem['sentence']}: {problem['remedy']}." for problem in found),
        task=task,
        container=container,
        command=command(options["cluster"], task, container, options["command"], connection, os.environ)
        if task
        else None,
        not_checked=[*seen.not_checked()],
    )


if __name__ == "__main__":
    main()
