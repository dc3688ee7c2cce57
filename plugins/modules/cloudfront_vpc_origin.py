#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_vpc_origin
version_added: 1.0.0
short_description: The way from CloudFront to an internal load balancer
description:
  - Makes, corrects or removes a VPC origin, through which CloudFront reaches a load balancer that has no address in
    the internet.
  - The VPC of the load balancer needs an internet gateway, which nothing is routed to on its account.
  - CloudFront changes or removes a VPC origin only while no distribution uses it.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  name:
    description: Name of the VPC origin; letters, digits, dashes and underscores.
    type: str
    required: true
  state:
    description: Whether the VPC origin exists.
    type: str
    choices: [present, absent]
    default: present
  load_balancer_arn:
    description: ARN of the load balancer. Required with O(state=present).
    type: str
  http_port:
    description: Port on which the load balancer takes HTTP.
    type: int
    default: 80
  https_port:
    description: Port on which the load balancer takes HTTPS.
    type: int
    default: 443
  protocol:
    description: What CloudFront speaks with the load balancer.
    type: str
    choices: [http-only, https-only, match-viewer]
    default: http-only
  tags:
    description: Tags of the VPC origin, exactly these. AWS's own stay.
    type: dict
  wait:
    description: Whether to wait until CloudFront can use it, or has removed it; it takes minutes.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait at most.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: CloudFront reaches the internal load balancer
  amica.stack.cloudfront_vpc_origin:
    name: amica-vpc-origin
    load_balancer_arn: "{{ alb_output.arn }}"
    wait: true

- name: The way is gone
  amica.stack.cloudfront_vpc_origin:
    name: amica-vpc-origin
    state: absent
    wait: true
"""

RETURN = r"""
vpc_origin:
  description: The VPC origin as it stands after the run; none when there is none.
  returned: always
  type: dict
  contains:
    id:
      description: Id of the VPC origin.
      type: str
      sample: vo_BQwjxxQxjCaBcQLzJUFkDM
    arn:
      description: ARN of the VPC origin.
      type: str
      sample: arn:aws:cloudfront::123456789012:vpcorigin/vo_BQwjxxQxjCaBcQLzJUFkDM
    status:
      description: V(Deploying) until CloudFront can use it, then V(Deployed).
      type: str
      sample: Deployed
    load_balancer_arn:
      description: ARN of the load balancer behind it.
      type: str
      sample: arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:loadbalancer/app/amica-alb/50dc6c495c0c9188
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _cloudfront_vpc_origin as vpc_origin
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE_SECONDS = 10


def argument_spec() -> dict[str, object]:
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "load_balancer_arn": {"type": "str"},
        "http_port": {"type": "int", "default": 80},
        "https_port": {"type": "int", "default": 443},
        "protocol": {"type": "str", "choices": ["http-only", "https-only", "match-viewer"], "default": "http-only"},
        "tags": {"type": "dict"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 1800},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ["load_balancer_arn"])],
    )
    given = module.params
    wait = Wait(given["wait_timeout"], PAUSE_SECONDS) if given["wait"] else None
    client = clients(module)("cloudfront")
    try:
        with reported(module):
            if given["state"] == "absent":
                result = vpc_origin.absent(client, given["name"], module.check_mode, wait)
            else:
                endpoint = vpc_origin.Endpoint(
                    given["name"],
                    given["load_balancer_arn"],
                    given["http_port"],
                    given["https_port"],
                    given["protocol"],
                )
                result = vpc_origin.present(client, endpoint, given["tags"], module.check_mode, wait)
    except vpc_origin.VpcOriginError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, vpc_origin=result.vpc_origin, diff=result.diff)


if __name__ == "__main__":
    main()
