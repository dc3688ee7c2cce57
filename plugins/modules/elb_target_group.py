#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: elb_target_group
version_added: 1.0.0
short_description: A target group of an Application Load Balancer
description:
  - Makes, corrects or removes a target group. Which targets it holds is left to whoever registers them, such as an
    ECS service.
  - Compares every field and writes only on a difference. An option that is not given leaves its value as it is.
  - AWS cannot change the protocol, port, VPC and target type of a target group. A difference there ends the module
    with a sentence, in check mode too.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  name:
    description: Name of the target group; at most 32 letters, digits and hyphens.
    type: str
    required: true
  state:
    description:
      - V(present) makes or corrects the target group.
      - V(absent) removes it, trying again while a listener that is being deleted still holds it.
    type: str
    choices: [present, absent]
    default: present
  vpc_id:
    description: The VPC that the targets are in. A new target group needs it.
    type: str
  target_type:
    description: What is registered; AWS takes V(instance) for a new target group.
    type: str
    choices: [instance, ip]
  protocol:
    description: What the load balancer speaks with the targets. A new target group needs it.
    type: str
    choices: [HTTP, HTTPS]
  protocol_version:
    description: Version of the protocol; AWS takes V(HTTP1) for a new target group.
    type: str
    choices: [HTTP1, HTTP2, GRPC]
  port:
    description: Port of the targets. A new target group needs it.
    type: int
  health_check:
    description: How the load balancer learns whether a target is alive.
    type: dict
    suboptions:
      enabled:
        description: Whether it checks.
        type: bool
      protocol:
        description: What it speaks.
        type: str
        choices: [HTTP, HTTPS]
      port:
        description: Port that it asks; V(traffic-port) is the target's own.
        type: str
      path:
        description: Path that it asks.
        type: str
      interval:
        description: Seconds between two checks.
        type: int
      timeout:
        description: Seconds until a check has failed.
        type: int
      healthy_threshold:
        description: Passed checks in a row that make a target healthy.
        type: int
      unhealthy_threshold:
        description: Failed checks in a row that make a target unhealthy.
        type: int
      codes:
        description: HTTP codes that mean healthy, such as V(200) or V(200-299).
        type: str
  deregistration_delay:
    description: Seconds that a target which goes has to finish its connections.
    type: int
  stickiness:
    description: Whether and how a client stays with its target.
    type: dict
    suboptions:
      enabled:
        description: Whether it stays.
        type: bool
      type:
        description: Whose cookie tells.
        type: str
        choices: [lb_cookie]
      duration:
        description: Seconds that the load balancer's cookie holds.
        type: int
  tags:
    description: Tags of the target group, exactly these. AWS's own stay.
    type: dict
  wait_timeout:
    description: Seconds to go on trying to remove a target group that is still in use.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: The target group checks the tasks' health
  amica.stack.elb_target_group:
    name: amica-tg
    vpc_id: vpc-0123456789abcdef0
    target_type: ip
    protocol: HTTP
    port: 8080
    health_check:
      path: /health
      interval: 30
      timeout: 5
      healthy_threshold: 2
      unhealthy_threshold: 2
      codes: "200"
    deregistration_delay: 60
    stickiness:
      enabled: true
      type: lb_cookie
      duration: 86400

- name: The target group is gone
  amica.stack.elb_target_group:
    name: amica-tg
    state: absent
"""

RETURN = r"""
target_group_arn:
  description: ARN of the target group; none when there is none.
  returned: always
  type: str
  sample: arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:targetgroup/amica-tg/0123456789abcdef
target_group:
  description: The target group as it stands after the run, in the words of the options; none when there is none.
  returned: always
  type: dict
  sample: {"protocol": "HTTP", "port": 8080, "deregistration_delay": 60}
load_balancer_arns:
  description: ARNs of the load balancers that forward to it.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _target_group
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE_SECONDS = 2


def argument_spec() -> dict[str, Any]:
    health_check = {
        "enabled": {"type": "bool"},
        "protocol": {"type": "str", "choices": ["HTTP", "HTTPS"]},
        "port": {"type": "str"},
        "path": {"type": "str"},
        "interval": {"type": "int"},
        "timeout": {"type": "int"},
        "healthy_threshold": {"type": "int"},
        "unhealthy_threshold": {"type": "int"},
        "codes": {"type": "str"},
    }
    stickiness = {
        "enabled": {"type": "bool"},
        "type": {"type": "str", "choices": ["lb_cookie"]},
        "duration": {"type": "int"},
    }
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "vpc_id": {"type": "str"},
        "target_type": {"type": "str", "choices": ["instance", "ip"]},
        "protocol": {"type": "str", "choices": ["HTTP", "HTTPS"]},
        "protocol_version": {"type": "str", "choices": ["HTTP1", "HTTP2", "GRPC"]},
        "port": {"type": "int"},
        "health_check": {"type": "dict", "options": health_check},
        "deregistration_delay": {"type": "int"},
        "stickiness": {"type": "dict", "options": stickiness},
        "tags": {"type": "dict"},
        "wait_timeout": {"type": "int", "default": 120},
    }


def main() -> None:
    module = AnsibleAWSModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    try:
        with reported(module):
            client = clients(module)("elbv2")
            if given["state"] == "absent":
                wait = Wait(given["wait_timeout"], PAUSE_SECONDS)
                result = _target_group.absent(client, given["name"], module.check_mode, wait)
            else:
                view = {option: given[option] for option in _target_group.OPTIONS}
                result = _target_group.present(client, given["name"], view, module.check_mode)
    except _target_group.TargetGroupError as error:
        module.fail_json(msg=str(error))
    group = result.target_group
    module.exit_json(
        changed=result.changed,
        target_group_arn=group.arn if group else None,
        target_group=group.view if group else None,
        load_balancer_arns=list(group.load_balancers) if group else [],
        diff=result.diff,
    )


if __name__ == "__main__":
    main()
