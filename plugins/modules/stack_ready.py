#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_ready
short_description: Waits for all that was started at once
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Waits until everything that AWS sets up after it was asked can be used, and until one ECS deployment has come up,
    all at the same time.
  - The deployment is judged as M(amica.stack.ecs_service_health) does it. Fails as soon as one thing will certainly not
    be ready.
options:
  resources:
    description:
      - What to wait for, each by its id or ARN, which tells what it is.
      - NAT gateways (C(nat-)) and VPC endpoints (C(vpce-)) by their ids, load balancers, CloudFront distributions and
        VPC origins by their ARNs.
    type: list
    elements: str
    default: []
  deployment:
    description: The deployment to wait for. The options are those of M(amica.stack.ecs_service_health).
    type: dict
    suboptions:
      cluster:
        description: Name or ARN of the cluster.
        type: str
        required: true
      service:
        description: Name or ARN of the service.
        type: str
        required: true
      deployment_id:
        description: The deployment to judge. By default the service's current one.
        type: str
      image_digests:
        description: Digests (V(sha256:...)) that the tasks must run. By default whatever the deployment brings.
        type: list
        elements: str
        default: []
  variants:
    description:
      - Further services of the same cluster, such as variants of the application, each with the id of its deployment,
        which has to come up too. They are looked at after O(deployment).
    type: dict
    default: {}
  wait_timeout:
    description: Seconds after which the module gives up and says what was still missing. V(0) looks once.
    type: int
    default: 1800
  progress_file:
    description:
      - File to which a line is added for each change while the module waits. The action plugin of the same name uses
        it to show them on the controller.
    type: path
attributes:
  check_mode:
    support: full
    details: Looks once, does not wait and does not fail.
  diff_mode:
    support: none
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: All that this run started has come up
  amica.stack.stack_ready:
    resources:
      - "{{ load_balancer.arn }}"
      - "{{ distribution.arn }}"
      - nat-0123456789abcdef0
    deployment:
      cluster: amica-cluster
      service: amica-service
      deployment_id: "{{ service.deployment_id }}"
"""

RETURN = r"""
resources:
  description:
    - What was waited for; C(id), C(name), C(state), and after how many seconds it was seen ready (C(waited)).
  returned: always
  type: list
  elements: dict
  sample:
    - id: nat-0123456789abcdef0
      name: NAT gateway nat-0123456789abcdef0
      state: available
      waited: 88.1
progress:
  description: What changed while the module waited, a line each, beginning with minutes and seconds.
  returned: always
  type: list
  elements: str
outcome:
  description:
    - How the deployment ended, and all else that M(amica.stack.ecs_service_health) returns; if one of O(variants) has
      failed, of that.
  returned: with O(deployment)
  type: str
  sample: succeeded
"""

import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _ready
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import message
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import id_problem
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import result_of
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import teller
from ansible_collections.amica.stack.plugins.module_utils._deployment.run import watch_deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Clock

ARGUMENTS: dict[str, Any] = {
    "resources": {"type": "list", "elements": "str", "default": []},
    "deployment": {
        "type": "dict",
        "options": {
            "cluster": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "deployment_id": {"type": "str"},
            "image_digests": {"type": "list", "elements": "str", "default": []},
        },
    },
    "variants": {"type": "dict", "default": {}},
    "wait_timeout": {"type": "int", "default": 1800},
    "progress_file": {"type": "path"},
}
# The rest of what ecs_service_health can be told, as it is there by default.
WATCH = {
    "identical_failures": 3,
    "log_lines": 20,
    "calls_per_minute": 240,
    "on_failure": "report",
    "action_timeout": 0,
}


def of_variants(deployment: Mapping[str, Any], variants: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The deployments of further services, as the option `deployment` has them."""
    return {
        service: {**deployment, "service": service, "deployment_id": wanted, "image_digests": []}
        for service, wanted in variants.items()
    }


def named(service: str, tell: Callable[[str], None]) -> Callable[[str], None]:
    """Lines of progress that say after the time which service they are about."""

    def told(line: str) -> None:
        moment, _blank, rest = line.partition(" ")
        tell(f"{moment} {service} {rest}")

    return told


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    options, check = module.params, module.check_mode
    resources, deployment = list(dict.fromkeys(options["resources"])), options["deployment"]
    strange = [resource for resource in resources if not _ready.kind_of(resource)]
    named_ids = [*([deployment["deployment_id"]] if deployment else []), *options["variants"].values()]
    problem = next(filter(None, map(id_problem, named_ids)), None)
    if strange:
        problem = f"resources: {', '.join(strange)} cannot be waited for. Write ids or ARNs of what the options name"
    if problem:
        module.fail_json(msg=problem)
    aws = clients(module)
    tell, clock = teller(options["progress_file"]), Clock(time.monotonic, time.sleep)
    join = _ready.Join(resources, lambda asked: _ready.states(aws, asked), clock, tell)
    result: dict[str, Any] = {"changed": False}
    timeout = 0 if check else options["wait_timeout"]
    failure = ""
    with reported(module, "waiting for what was started"):
        try:
            if deployment:
                sleeping, until = Clock(clock.now, join.sleep), clock.now() + timeout
                services = {deployment["service"]: deployment, **of_variants(deployment, options["variants"])}
                for service, asked in services.items():
                    told = tell if asked is deployment else named(service, tell)
                    patience = {**WATCH, **asked, "wait_timeout": max(0, until - clock.now())}
                    seen = watch_deployment(aws, patience, check, sleeping, told, detailed=module._verbosity > 0)
                    failure = message(seen.dossier) if seen.dossier.verdict.failure else ""
                    if failure or asked is deployment:
                        result = result_of(seen, check)
                    if failure:
                        break
            if not failure:
                join.finish(timeout)
        except _ready.ReadyError as error:
            failure = str(error)
    result |= {"resources": join.result(), "progress": [*result.get("progress", ()), *join.progress]}
    if failure and not check:
        module.fail_json(msg=failure, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
