#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_verify
short_description: Says what stands in the way of a stack, before anything of it is made
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Looks at the account for everything that would end a run halfway, all at the same time, and fails with all of it,
    each with its remedy.
  - Looks at what the credentials may do (as IAM simulates it), the region, quotas, the size of the tasks, the subnets
    and what the tasks reach from them, who owns what has the stack's names, whether its roles trust ECS, the image and
    its CPU architecture, secrets and their JSON keys, certificates and domains.
  - What could not be looked at is a finding too. Only problems fail the module.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
attributes:
  diff_mode:
    support: none
    details: It changes nothing.
options:
  stack:
    description: The stack as it stands, RV(amica.stack.stack_info#module:stack).
    type: dict
    required: true
  cpu:
    description: CPU units of a task.
    type: int
    default: 256
  memory:
    description: Memory of a task in MiB.
    type: int
    default: 512
  ephemeral_storage:
    description: Ephemeral storage of a task in GiB.
    type: int
    default: 20
  architecture:
    description: CPU architecture of the tasks.
    type: str
    choices: [x86_64, arm64]
    default: x86_64
  max_count:
    description: Most tasks of the service.
    type: int
    default: 1
  maximum_percent:
    description: Percent of these that may run while a deployment does.
    type: int
    default: 200
  spot_percent:
    description: Percent of these on Fargate Spot, which has a quota of its own, beyond O(on_demand_base).
    type: int
    default: 0
  on_demand_base:
    description: Tasks that are on demand before any is on Fargate Spot.
    type: int
    default: 0
  zones:
    description: How many availability zones the network spans.
    type: int
    default: 2
  elastic_ips:
    description: How many Elastic IP addresses the run takes, one for each new NAT gateway.
    type: int
    default: 0
  image:
    description: Image that is in a registry already; empty for one that the run builds.
    type: str
    default: ""
  subnet_ids:
    description: Subnets of the tasks, if they stand.
    type: list
    elements: str
    default: []
  assign_public_ip:
    description: Whether tasks get a public address.
    type: bool
    default: true
  endpoints:
    description: Services that get an endpoint in the VPC, by the end of their names.
    type: list
    elements: str
    default: []
  switched_on:
    description:
      - What the run makes beyond the least; the credentials need the actions of these. With V(tracing) the tasks
        need an endpoint more where nothing else leads out.
    type: list
    elements: str
    choices:
      - image_push
      - nat
      - endpoints
      - network_acls
      - flow_logs_to_cloudwatch
      - flow_logs_to_s3
      - cloudfront_only
      - listener_rules
      - variants
      - traffic_shifts
      - pauses
      - scaling
      - distribution
      - web_acl
      - error_page
      - vpc_origin
      - domain
      - load_balancer_logs
      - distribution_logs
      - namespace
      - alarms
      - notifications
      - dashboard
      - log_analysis
      - image_rules
      - trail
      - config
      - security_hub
      - secretsmanager
      - ssm
      - tracing
    default: []
  secrets:
    description: Variable and ARN of each secret or parameter that somebody else looks after, perhaps with a JSON key.
    type: dict
    default: {}
  variables:
    description: Names of the application's other variables.
    type: list
    elements: str
    default: []
  certificates:
    description: Certificates that the stack uses.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description: Variable that names it.
        type: str
        required: true
      arn:
        description: ARN.
        type: str
        required: true
      domains:
        description: Domains that it has to be for.
        type: list
        elements: str
        default: []
  domains:
    description: The chat's own domains, whose records are made elsewhere.
    type: list
    elements: str
    default: []
  hosted_domains:
    description: Domains that public hosted zones of the account have to hold, as the run makes records in them.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: What stands in AWS is known
  amica.stack.stack_info:
    name: amica
  register: amica_read

- name: Nothing stands in the way
  amica.stack.stack_verify:
    stack: "{{ amica_read.stack }}"
    cpu: 1024
    memory: 2048
    max_count: 4
    secrets:
      DATABASE_URL: "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:chat-db-AbCdEf:url::"
"""

RETURN = r"""
findings:
  description: What was found, problems first; empty when nothing stands in the way.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(problem) would end the run, V(warning) would not, V(not checked) could not be looked at.
      type: str
      sample: problem
    check:
      description: Which check found it.
      type: str
      sample: certificates
    subject:
      description: What it is about.
      type: str
      sample: cloudfront_certificate_arn
    reason:
      description: What is wrong.
      type: str
      sample: arn:aws:acm:us-east-1:123456789012:certificate/1 is PENDING_VALIDATION, not ISSUED
    remedy:
      description: What to do about it.
      type: str
actions:
  description: The actions of IAM that the credentials need to make the stack.
  returned: always
  type: list
  elements: str
  sample: [ecs:CreateService]
prose:
  description: The same as lines.
  returned: always
  type: list
  elements: str
"""

import math
from dataclasses import asdict
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry
from ansible_collections.amica.stack.plugins.module_utils._verify import ENDPOINTS_OF
from ansible_collections.amica.stack.plugins.module_utils._verify import PROBLEM
from ansible_collections.amica.stack.plugins.module_utils._verify import CertificateWanted
from ansible_collections.amica.stack.plugins.module_utils._verify import Wanted
from ansible_collections.amica.stack.plugins.module_utils._verify import findings
from ansible_collections.amica.stack.plugins.module_utils._verify import prose
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import SWITCHED
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import Reader


def wanted_stack(options: dict[str, Any]) -> Wanted:
    stack = options["stack"]
    most = math.ceil(options["max_count"] * options["maximum_percent"] / 100)
    return Wanted(
        name=stack["name"],
        region=stack["region"],
        cpu=options["cpu"],
        memory=options["memory"],
        ephemeral_storage=options["ephemeral_storage"],
        architecture=options["architecture"],
        most_tasks=most,
        spot_tasks=math.ceil(max(most - options["on_demand_base"], 0) * options["spot_percent"] / 100),
        zones=options["zones"],
        elastic_ips=options["elastic_ips"],
        vpc_stands=bool(stack["vpc"]),
        load_balancer_stands=bool(stack["load_balancer"]),
        image=options["image"],
        subnet_ids=tuple(options["subnet_ids"]),
        public_addresses=options["assign_public_ip"],
        endpoints=tuple(options["endpoints"]),
        switched_on=frozenset(options["switched_on"]),
        secrets=options["secrets"],
        variables=tuple(options["variables"]),
        certificates=tuple(
            CertificateWanted(one["variable"], one["arn"], tuple(one["domains"])) for one in options["certificates"]
        ),
        domains=tuple(options["domains"]),
        hosted_domains=tuple(options["hosted_domains"]),
    )


def main() -> None:
    certificate = {
        "variable": {"type": "str", "required": True},
        "arn": {"type": "str", "required": True},
        "domains": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "stack": {"type": "dict", "required": True},
            "cpu": {"type": "int", "default": 256},
            "memory": {"type": "int", "default": 512},
            "ephemeral_storage": {"type": "int", "default": 20},
            "architecture": {"type": "str", "choices": ["x86_64", "arm64"], "default": "x86_64"},
            "max_count": {"type": "int", "default": 1},
            "maximum_percent": {"type": "int", "default": 200},
            "spot_percent": {"type": "int", "default": 0},
            "on_demand_base": {"type": "int", "default": 0},
            "zones": {"type": "int", "default": 2},
            "elastic_ips": {"type": "int", "default": 0},
            "image": {"type": "str", "default": ""},
            "subnet_ids": {"type": "list", "elements": "str", "default": []},
            "assign_public_ip": {"type": "bool", "default": True},
            "endpoints": {"type": "list", "elements": "str", "default": []},
            "switched_on": {"type": "list", "elements": "str", "choices": [*SWITCHED, *ENDPOINTS_OF], "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": False},
            "variables": {"type": "list", "elements": "str", "default": []},
            "certificates": {"type": "list", "elements": "dict", "default": [], "options": certificate},
            "domains": {"type": "list", "elements": "str", "default": []},
            "hosted_domains": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    wanted, aws = wanted_stack(module.params), clients(module)
    with reported(module, "looking for what stands in the way"):
        reader = Reader(aws, wanted, module.params["stack"], Registry)
        observed = reader.read()
    found = findings(wanted, observed)
    actions = sorted({action for need in reader.needs() for action in need.actions})
    result = {"findings": [asdict(one) for one in found], "prose": prose(found), "actions": actions}
    if any(one.kind == PROBLEM for one in found):
        module.fail_json(msg="\n".join(prose(found)), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
