#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: security_groups
short_description: Manages several security groups of a VPC at once
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, corrects and removes security groups that may name one another. Rules are exact - what is not listed goes,
    after what is listed has been written.
attributes:
  check_mode:
    support: full
    details: The id of a group that is not made yet is V(sg-00000000000000000).
options:
  vpc_id:
    description: The VPC that the groups belong to.
    type: str
    required: true
  groups:
    description: The groups.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      description:
        description: What it is for. Required with O(state=present). AWS cannot change it.
        type: str
      ingress:
        description: What it lets in.
        type: list
        elements: dict
        default: []
        suboptions: &rule
          protocol:
            description: Protocol.
            type: str
            choices: [tcp, udp, all]
            default: tcp
          ports:
            description: Ports, or ranges of them such as V(1024-65535). By default all.
            type: list
            elements: str
            default: []
          peers:
            description:
              - Who is on the other side - IPv4 or IPv6 networks, ids of prefix lists, names of AWS's own prefix lists
                such as V(com.amazonaws.global.cloudfront.origin-facing), ids of security groups, and names of groups of
                this list.
            type: list
            elements: str
            required: true
          description:
            description: What the rule is for.
            type: str
            default: ''
      egress:
        description: What it lets out.
        type: list
        elements: dict
        default: []
        suboptions: *rule
  state:
    description: Whether the groups exist.
    type: str
    choices: [present, absent]
    default: present
  tags:
    description: The tags of every group, exactly, beside its C(Name). By default they are left alone.
    type: dict
  wait_timeout:
    description: Seconds that a group may stay in use which is to go.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
"""

EXAMPLES = r"""
- name: The internet reaches the load balancer, and only that the tasks
  amica.stack.security_groups:
    vpc_id: vpc-0123456789abcdef0
    groups:
      - name: amica-alb-sg
        description: Load balancer of amica
        ingress:
          - {ports: [80, 443], peers: [0.0.0.0/0], description: HTTP and HTTPS}
        egress:
          - {ports: [8080], peers: [amica-tasks-sg]}
      - name: amica-tasks-sg
        description: Tasks of amica
        ingress:
          - {ports: [8080], peers: [amica-alb-sg]}
        egress:
          - {ports: [443], peers: [0.0.0.0/0]}

- name: The groups are gone
  amica.stack.security_groups:
    vpc_id: vpc-0123456789abcdef0
    groups: [{name: amica-tasks-sg}, {name: amica-alb-sg}]
    state: absent
"""

RETURN = r"""
group_ids:
  description: The groups' ids by their names; empty with O(state=absent).
  returned: always
  type: dict
  sample: {amica-alb-sg: sg-0123456789abcdef0}
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _security_groups
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE_SECONDS = 2


def argument_spec() -> dict[str, Any]:
    rule = {
        "protocol": {"type": "str", "choices": ["tcp", "udp", "all"], "default": "tcp"},
        "ports": {"type": "list", "elements": "str", "default": []},
        "peers": {"type": "list", "elements": "str", "required": True},
        "description": {"type": "str", "default": ""},
    }
    rules = {"type": "list", "elements": "dict", "default": [], "options": rule}
    group = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "ingress": rules,
        "egress": rules,
    }
    return {
        "vpc_id": {"type": "str", "required": True},
        "groups": {"type": "list", "elements": "dict", "required": True, "options": group},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "tags": {"type": "dict"},
        "wait_timeout": {"type": "int", "default": 300},
    }


def main() -> None:
    module = AnsibleAWSModule(argument_spec=argument_spec(), supports_check_mode=True)
    options = module.params
    names = [group["name"] for group in options["groups"]]
    untold = [group["name"] for group in options["groups"] if not group["description"]]
    if untold and options["state"] == "present":
        module.fail_json(msg=f"groups: {', '.join(untold)} needs a description")
    ec2 = clients(module)("ec2")
    try:
        with reported(module, f"working on the security groups {', '.join(names)}"):
            if options["state"] == "absent":
                wait = Wait(options["wait_timeout"], PAUSE_SECONDS)
                result = _security_groups.absent(ec2, options["vpc_id"], names, module.check_mode, wait)
            else:
                wants = _security_groups.wanted(options["groups"], options["tags"])
                result = _security_groups.present(ec2, options["vpc_id"], wants, module.check_mode)
    except _security_groups.SecurityGroupError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, group_ids=result.ids, diff=result.diff)


if __name__ == "__main__":
    main()
