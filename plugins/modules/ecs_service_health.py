#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service_health
short_description: Waits for one deployment of an ECS service and tells the truth about it
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Judges one deployment by its id. It succeeds only when ECS completed that deployment, the expected images run, and
    the targets of its tasks are healthy. A deployment that was rolled back, stopped or superseded is a failure,
    however healthy the service is.
  - A deployment that is paused waits for a person, and so the module does not. That is no failure, and it says so.
  - Fails as soon as the outcome is certain, and says why. The result carries the likely cause and its remedy, ECS's
    reasons,
    the tasks that failed, grouped by how they ended, the reasons of unhealthy targets, the dead tasks' last log lines,
    and where the time went.
  - Reads the service deployments of ECS where the account has and allows them, and comes to the same verdicts
    without.
  - What looks like a secret in log lines and reasons is not shown.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name or ARN of the service.
    type: str
    required: true
  deployment_id:
    description:
      - The deployment to judge. Its id (C(ecs-svc/...)), as C(describe-services) lists it, or the ARN of the
        service deployment.
      - By default the service's current deployment.
    type: str
  image_digests:
    description: Digests (V(sha256:...)) that the tasks must run. By default whatever the deployment brings is right.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds after which the module gives up and says what was still missing; the deployment itself goes on.
      - V(0) looks once.
    type: int
    default: 1800
  on_failure:
    description:
      - What to do about a failed deployment that ECS has not ended itself.
      - V(report) does nothing to it. V(rollback) has ECS go back to what ran before. V(stop) has ECS stop where it is.
      - What V(rollback) and V(stop) lead to is waited for and told. Where ECS already goes back by itself, that is
        waited for. A completed deployment that is no success (wrong image, failing probe) is sent back too.
    type: str
    choices: [report, rollback, stop]
    default: report
  action_timeout:
    description:
      - Seconds to wait, beyond O(wait_timeout), until ECS has done what O(on_failure) says. What is not done by then
        goes on.
      - V(0) does not wait.
    type: int
    default: 600
  identical_failures:
    description:
      - So many tasks that end alike make a deployment hopeless that ECS would never end itself, such as a service's
        first one.
    type: int
    default: 3
  log_lines:
    description: Log lines to show of each dead task. V(0) shows none.
    type: int
    default: 20
  calls_per_minute:
    description: Calls to AWS that the module makes in any minute at most, repetitions of failed ones among them.
    type: int
    default: 240
  progress_file:
    description:
      - File to which a line is added for each change while the module waits. The action plugin of the same name uses
        it to show them on the controller.
      - With C(-v) it also says, whenever that changes, what a success still lacks.
    type: path
  probe:
    description: An end-to-end check, made from where the module runs, once everything else is well.
    type: dict
    suboptions:
      url:
        description: Address to ask, such as that of the load balancer or the CloudFront distribution.
        type: str
        required: true
      status:
        description: HTTP status that the answer must have.
        type: int
        default: 200
      contains:
        description: Text that the answer must contain.
        type: str
        default: ''
      websocket:
        description:
          - Path, with query, on the same host that must accept a WebSocket upgrade.
          - For Chainlit V(/ws/socket.io/?EIO=4&transport=websocket).
        type: str
        default: ''
      timeout:
        description: Seconds that an answer may take.
        type: int
        default: 10
attributes:
  check_mode:
    support: full
    details:
      - Looks once, does not wait, takes no action and does not fail; the verdict of that look is in the result.
  diff_mode:
    support: none
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The service is changed
  amica.stack.ecs_service:
    name: amica-service
    cluster: amica-cluster
    task_definition: amica-task:7
  register: service

- name: The deployment that this run started has come up
  amica.stack.ecs_service_health:
    cluster: amica-cluster
    service: amica-service
    deployment_id: "{{ service.deployment_id }}"
    image_digests: ["{{ image.digest }}"]
    wait_timeout: 900

- name: The chat answers through the load balancer, or ECS goes back to what ran before
  amica.stack.ecs_service_health:
    cluster: amica-cluster
    service: amica-service
    on_failure: rollback
    probe:
      url: "http://{{ stack.load_balancer.dns_name }}/health"
      contains: ok
      websocket: /ws/socket.io/?EIO=4&transport=websocket

- name: What is known of the last deployment, without waiting
  amica.stack.ecs_service_health:
    cluster: amica-cluster
    service: amica-service
    wait_timeout: 0
  register: health
  failed_when: false
"""

RETURN = r"""
outcome:
  description:
    - How it ended. V(succeeded), or one of V(rolling_back), V(rolled_back), V(rollback_failed), V(stopped),
      V(superseded), V(failed),
      V(alarm), V(cannot_start), V(stalled), V(wrong_image), V(service_gone), V(not_found), V(credentials),
      V(denied), V(timed_out).
    - V(paused) when it waits for M(amica.stack.ecs_service_continue).
    - V(waiting) in check mode, when the deployment is in progress.
  returned: always
  type: str
  sample: rolled_back
verdict:
  description: The verdict in one sentence.
  returned: always
  type: str
missing:
  description: What a success still lacked, a phrase each, when the module gave up or looked only once.
  returned: always
  type: list
  elements: str
cause:
  description:
    - The likely cause. Its C(name) is stable, for playbooks to look at; C(sentence) and C(remedy) are for people.
  returned: always, null when there is none
  type: dict
  sample:
    name: architecture
    sentence: The image was built for another CPU architecture than the task's.
    remedy: Build it for the task's architecture.
action:
  description: What the module did about a failure, and how that ended, a sentence; empty when nothing.
  returned: always
  type: str
action_outcome:
  description:
    - How that ended, such as V(rolled_back), V(rollback_failed) or V(stopped). Empty when nothing was done, or its end
      was not seen.
  returned: always
  type: str
service_now:
  description:
    - Where the service stands at the end, whichever deployment was judged. Keys C(deployment_id), C(state),
      C(task_definition), C(desired_count), C(running_count).
  returned: always, null when there is no service
  type: dict
prose:
  description: All that is known, as lines of at most 80 columns.
  returned: always
  type: list
  elements: str
progress:
  description: What changed while the module waited, a line each, beginning with minutes and seconds.
  returned: always
  type: list
  elements: str
deployment:
  description:
    - The deployment as last seen. Keys C(id), C(arn), C(state), C(reason), C(rollback_reason), C(stage), C(paused),
      whether it waits there for a person, C(strategy), C(task_definition),
      C(desired_count), C(running_count), C(pending_count), C(failed_tasks), C(circuit_breaker), C(alarms),
      C(created_at).
  returned: always, null when none was seen
  type: dict
image_digests:
  description: The digests that run.
  returned: always
  type: list
  elements: str
events:
  description: The service's events since the deployment began, oldest first, repetitions left out.
  returned: always
  type: list
  elements: dict
failures:
  description:
    - The deployment's failed tasks, grouped by how they ended (C(stop_code), C(reason), C(exit_code), C(count),
      C(tasks)).
  returned: always
  type: list
  elements: dict
interruptions:
  description: Tasks that AWS or a person took away, grouped likewise. They do not count against the deployment.
  returned: always
  type: list
  elements: dict
targets:
  description:
    - How many targets are healthy (C(healthy)), and those of the deployment's tasks that were not (C(unhealthy)).
  returned: always
  type: dict
last_words:
  description: The dead tasks' last log lines, at most three tasks (C(task), C(container), C(lines), C(note)).
  returned: always
  type: list
  elements: dict
phases:
  description:
    - Seconds from the tasks' timestamps, shortest and longest, of C(queued), C(pull), C(start), C(first healthy),
      C(drain).
  returned: always
  type: list
  elements: dict
probe:
  description: What the probe saw (C(url), C(ok), C(detail)).
  returned: always, null without a probe
  type: dict
notes:
  description: What the module could not see, and why.
  returned: always
  type: list
  elements: str
waited:
  description: Seconds.
  returned: always
  type: float
looks:
  description: How often the module looked.
  returned: always
  type: int
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import message
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import id_problem
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import result_of
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import teller
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import watch_deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Clock

ARGUMENTS = {
    "cluster": {"type": "str", "required": True},
    "service": {"type": "str", "required": True},
    "deployment_id": {"type": "str"},
    "image_digests": {"type": "list", "elements": "str", "default": []},
    "wait_timeout": {"type": "int", "default": 1800},
    "on_failure": {"type": "str", "choices": ["report", "rollback", "stop"], "default": "report"},
    "action_timeout": {"type": "int", "default": 600},
    "identical_failures": {"type": "int", "default": 3},
    "log_lines": {"type": "int", "default": 20},
    "calls_per_minute": {"type": "int", "default": 240},
    "progress_file": {"type": "path"},
    "probe": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "status": {"type": "int", "default": 200},
            "contains": {"type": "str", "default": ""},
            "websocket": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 10},
        },
    },
}

LEAST = {"wait_timeout": 0, "action_timeout": 0, "identical_failures": 1, "log_lines": 0, "calls_per_minute": 10}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    options, check = module.params, module.check_mode
    for name, least in LEAST.items():
        if options[name] < least:
            module.fail_json(msg=f"{name}: {options[name]} is too small. Write {least} or more")
    problem = id_problem(options["deployment_id"])
    if problem:
        module.fail_json(msg=problem)
    aws = clients(module)
    with reported(module, f"reading the deployment of {options['service']}"):
        clock, tell = Clock(time.monotonic, time.sleep), teller(options["progress_file"])
        seen = watch_deployment(aws, options, check, clock, tell, detailed=module._verbosity > 0)
    result = result_of(seen, check)
    if check or not seen.dossier.verdict.failure:
        module.exit_json(**result)
    module.fail_json(msg=message(seen.dossier), **result)


if __name__ == "__main__":
    main()
