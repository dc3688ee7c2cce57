#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_web_acl
version_added: 1.0.0
short_description: What AWS WAF lets through to a CloudFront distribution
description:
  - Makes, corrects or removes a web ACL of AWS WAF for CloudFront, with the lists of networks that it needs.
  - Its rules, in this order, let O(allowed_networks) through, block O(denied_networks), block an address with too many
    requests, and ask AWS's own groups of rules.
  - Everything of it lives in the partition's global region, us-east-1 in most, whatever O(region) is.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  name:
    description: Name of the web ACL, and start of its lists' names.
    type: str
    required: true
  state:
    description: Whether the web ACL exists.
    type: str
    choices: [present, absent]
    default: present
  allowed_networks:
    description: Networks, IPv4 or IPv6, whose requests no other rule looks at.
    type: list
    elements: str
    default: []
  denied_networks:
    description: Networks, IPv4 or IPv6, whose requests are blocked.
    type: list
    elements: str
    default: []
  rate_limit:
    description: Requests of one address in five minutes beyond which it is blocked; V(0) for no limit.
    type: int
    default: 0
  managed_rule_groups:
    description: AWS's own groups of rules, in the order in which they look at a request.
    type: list
    elements: str
    default: [AWSManagedRulesCommonRuleSet, AWSManagedRulesKnownBadInputsRuleSet, AWSManagedRulesAmazonIpReputationList]
  counted_rules:
    description:
      - By group, the rules that count a request instead of blocking it. The rule of the default blocks requests of more
        than 8 KB, which long prompts and uploads are.
    type: dict
    default:
      AWSManagedRulesCommonRuleSet: [SizeRestrictions_BODY]
  tags:
    description: Tags of the web ACL and its lists, exactly these.
    type: dict
    default: {}
  wait_timeout:
    description: Seconds to wait at most, with O(state=absent), until WAF lets the web ACL go.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Nobody asks more than a thousand times in five minutes
  amica.stack.cloudfront_web_acl:
    name: amica-distribution
    rate_limit: 1000
    denied_networks: [198.51.100.0/24]
  register: web_acl

- name: The web ACL is gone
  amica.stack.cloudfront_web_acl:
    name: amica-distribution
    state: absent
"""

RETURN = r"""
arn:
  description:
    - ARN of the web ACL; empty when there is none, C(known-after-apply) in check mode when it is still to be made.
  returned: always
  type: str
  sample: arn:aws:wafv2:us-east-1:123456789012:global/webacl/amica-distribution/4b0a1d4e-5b3f-4c55-8c8f-3f4f3f0b6d5e
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _cloudfront_web_acl as web_acl
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE_SECONDS = 5
GROUPS = [
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
]
COUNTED = {"AWSManagedRulesCommonRuleSet": ["SizeRestrictions_BODY"]}
OPTIONS = (
    "name",
    "allowed_networks",
    "denied_networks",
    "rate_limit",
    "managed_rule_groups",
    "counted_rules",
)


def argument_spec() -> dict[str, object]:
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "allowed_networks": {"type": "list", "elements": "str", "default": []},
        "denied_networks": {"type": "list", "elements": "str", "default": []},
        "rate_limit": {"type": "int", "default": 0},
        "managed_rule_groups": {"type": "list", "elements": "str", "default": GROUPS},
        "counted_rules": {"type": "dict", "default": COUNTED},
        "tags": {"type": "dict", "default": {}},
        "wait_timeout": {"type": "int", "default": 300},
    }


def main() -> None:
    module = AnsibleAWSModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    options = web_acl.Options(**{name: given[name] for name in OPTIONS})
    found = web_acl.problems(options) if given["state"] == "present" else []
    if found:
        module.fail_json(msg=". ".join(found))
    aws = clients(module)
    try:
        with reported(module):
            client = aws("wafv2", aws.global_region)
            if given["state"] == "absent":
                wait = Wait(given["wait_timeout"], PAUSE_SECONDS)
                result = web_acl.absent(client, given["name"], module.check_mode, wait)
            else:
                result = web_acl.present(client, options, given["tags"], module.check_mode)
    except web_acl.WebAclError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, arn=result.arn, diff=result.diff)


if __name__ == "__main__":
    main()
