#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: route53_alias
version_added: 1.0.0
short_description: Records by which a domain leads to a CloudFront distribution or a load balancer
description:
  - Makes, corrects or removes the alias records A and AAAA of a domain in its public hosted zone in Route 53.
  - Removes only records that lead to the target, so that of a domain which has moved on none is lost.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  domain_name:
    description: The domain.
    type: str
    required: true
  target:
    description: Domain name of the distribution or the load balancer.
    type: str
    required: true
  target_zone_id:
    description: Id of the hosted zone that AWS keeps the target in; by default that of every distribution.
    type: str
    default: Z2FDTNDATAQYW2
  state:
    description: Whether the records exist.
    type: str
    choices: [present, absent]
    default: present
  hosted_zone:
    description: Name of the public hosted zone; by default the nearest one above the domain.
    type: str
  ipv6:
    description: Whether there is a record AAAA too.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: The domain leads to the distribution
  amica.stack.route53_alias:
    domain_name: chat.example.com
    target: "{{ cloudfront_output.domain_name }}"

- name: Another domain leads to the load balancer, which has IPv4 addresses alone
  amica.stack.route53_alias:
    domain_name: alb.example.com
    target: "{{ amica_stack.load_balancer.dns_name }}"
    target_zone_id: "{{ amica_stack.load_balancer.hosted_zone_id }}"
    ipv6: false

- name: The domain leads there no more
  amica.stack.route53_alias:
    domain_name: chat.example.com
    target: "{{ cloudfront_output.domain_name }}"
    state: absent
"""

RETURN = r"""#"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _route53
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported


def argument_spec() -> dict[str, object]:
    return {
        "domain_name": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "target_zone_id": {"type": "str", "default": _route53.CLOUDFRONT_ZONE},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "hosted_zone": {"type": "str"},
        "ipv6": {"type": "bool", "default": True},
    }


def main() -> None:
    module = AnsibleAWSModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    present = given["state"] == "present"
    kinds = [] if not present else ["A", "AAAA"] if given["ipv6"] else ["A"]
    zone_of = _route53.needed_zone if present else _route53.find_zone
    client = clients(module)("route53")
    try:
        with reported(module):
            zone = zone_of(client, given["domain_name"], given["hosted_zone"])
            target = _route53.Target(given["target"], given["target_zone_id"])
            result = _route53.aliases(client, given["domain_name"], zone, target, kinds, module.check_mode)
    except _route53.DomainError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, diff=result.diff)


if __name__ == "__main__":
    main()
