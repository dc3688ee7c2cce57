#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpc_network
short_description: Manages a VPC with its subnets and all its ways in and out
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, corrects and removes a VPC with a public subnet in each availability zone, the internet gateway and the
    route to it, and as asked for private subnets, NAT gateways, VPC endpoints, network ACLs and flow logs.
  - Compares every part with what stands. Parts are known by their names, which begin with O(name); whatever else lies
    in the VPC is left alone.
  - Does not wait until a NAT gateway or an endpoint can be used; what still comes up is in RV(network.pending).
attributes:
  check_mode:
    support: full
    details: Ids of what is not made yet are texts that end with C(-known-after-apply).
options:
  name:
    description: Start of the names of the VPC and of what is in it.
    type: str
    required: true
  state:
    description:
      - Whether the network exists.
      - V(purged) removes what V(present) with O(purge=false) has left, and does nothing else, so that check mode does
        not foretell again what that has foretold.
    type: str
    choices: [present, purged, absent]
    default: present
  cidr:
    description:
      - IPv4 network of the VPC, V(/16) to V(/24). Each subnet is a sixteenth of it.
      - Required unless O(state=absent). AWS cannot change it.
    type: str
  availability_zones:
    description: How many of the region's availability zones have subnets.
    type: int
    default: 2
  private_subnets:
    description: Whether each of these zones has a private subnet too, which cannot be reached from the internet.
    type: bool
    default: false
  nat_gateways:
    description:
      - The way from the private subnets to the internet.
      - V(single) is one NAT gateway for all, V(per_zone) one in each zone, so that a zone that fails harms no other.
    type: str
    choices: [none, single, per_zone]
    default: none
  endpoints:
    description:
      - AWS's services that are reached without the internet, by the end of their names, such as V(s3), V(ecr.api),
        V(ecr.dkr), V(logs), V(secretsmanager) and V(ssm).
      - V(s3) and V(dynamodb) are routes, all others addresses in the private subnets, open to the whole VPC for HTTPS.
    type: list
    elements: str
    default: []
  network_acls:
    description: Network ACLs of the subnets; none leaves the VPC's own, which lets everything through.
    type: dict
    suboptions:
      ingress_ports:
        description: Ports on which the public subnets are reached from the internet.
        type: list
        elements: int
        default: [80, 443]
      egress_ports:
        description: Ports in the internet that are reached from inside.
        type: list
        elements: int
        default: [443]
  flow_logs:
    description: Where the record of the VPC's traffic goes; none for no record.
    type: dict
    suboptions:
      destination:
        description: ARN of a log group of CloudWatch Logs, or of an S3 bucket.
        type: str
        required: true
      role_arn:
        description: ARN of the role that writes to the log group.
        type: str
        default: ''
      traffic:
        description: What is recorded.
        type: str
        choices: [ACCEPT, REJECT, ALL]
        default: ALL
  purge:
    description:
      - Whether what is not asked for goes. Without it nothing goes that may be in use, neither parts nor routes, and
        RV(surplus) names it, so that what uses it can move away first.
      - Counts with O(state=present).
    type: bool
    default: true
  tags:
    description: The tags of every part, exactly, beside its C(Name). By default they are left alone.
    type: dict
  wait_timeout:
    description: Seconds that a part may stay in use which is to go.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
"""

EXAMPLES = r"""
- name: Public subnets in two zones
  amica.stack.vpc_network:
    name: amica
    cidr: 10.0.0.0/16

- name: Private subnets with one NAT gateway, and what stood before stays for now
  amica.stack.vpc_network:
    name: amica
    cidr: 10.0.0.0/16
    private_subnets: true
    nat_gateways: single
    purge: false

- name: What stood before is gone
  amica.stack.vpc_network:
    name: amica
    cidr: 10.0.0.0/16
    private_subnets: true
    nat_gateways: single
    state: purged

- name: Private subnets without any way to the internet
  amica.stack.vpc_network:
    name: amica
    cidr: 10.0.0.0/16
    private_subnets: true
    endpoints: [s3, ecr.api, ecr.dkr, logs, secretsmanager, ssm]

- name: The network is gone
  amica.stack.vpc_network:
    name: amica
    state: absent
"""

RETURN = r"""
network:
  description: The network as it stands after the run; empty with O(state=absent).
  returned: always
  type: dict
  contains:
    id:
      description: Id of the VPC.
      type: str
    cidr:
      description: IPv4 network of the VPC.
      type: str
    public_subnet_ids:
      description: Public subnets, by zone.
      type: list
      elements: str
    private_subnet_ids:
      description: Private subnets, by zone.
      type: list
      elements: str
    route_table_ids:
      description: Route tables.
      type: list
      elements: str
    nat_gateway_ids:
      description: NAT gateways.
      type: list
      elements: str
    endpoint_ids:
      description: VPC endpoints.
      type: list
      elements: str
    pending:
      description: NAT gateways and endpoints that cannot be used yet.
      type: list
      elements: str
surplus:
  description: What stands though it is not asked for, because O(purge=false).
  returned: always
  type: list
  elements: str
  sample: [nat gateway amica-nat-ap-southeast-1a, part of route table amica-private-ap-southeast-1a-rtb]
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._vpc_network import converge
from ansible_collections.amica.stack.plugins.module_utils._vpc_network import plan
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

# AWS knows a new part everywhere within seconds.
SPREAD = Wait(60, 1)
PAUSE_SECONDS = 2


def network_of(options: dict[str, Any], region: str) -> plan.Network:
    acls, logs = options["network_acls"], options["flow_logs"]
    return plan.Network(
        name=options["name"],
        cidr=options["cidr"],
        zone_count=options["availability_zones"],
        region=region,
        private_subnets=options["private_subnets"],
        nat_gateways=options["nat_gateways"],
        endpoints=options["endpoints"],
        network_acls=plan.NetworkAcls(acls["ingress_ports"], acls["egress_ports"]) if acls else None,
        flow_logs=plan.FlowLogs(logs["destination"], logs["role_arn"], logs["traffic"]) if logs else None,
        tags=None if options["tags"] is None else {str(key): str(value) for key, value in options["tags"].items()},
    )


def main() -> None:
    ports = {"type": "list", "elements": "int"}
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "purged", "absent"], "default": "present"},
            "cidr": {"type": "str"},
            "availability_zones": {"type": "int", "default": 2},
            "private_subnets": {"type": "bool", "default": False},
            "nat_gateways": {"type": "str", "choices": ["none", "single", "per_zone"], "default": "none"},
            "endpoints": {"type": "list", "elements": "str", "default": []},
            "network_acls": {
                "type": "dict",
                "options": {
                    "ingress_ports": {**ports, "default": [80, 443]},
                    "egress_ports": {**ports, "default": [443]},
                },
            },
            "flow_logs": {
                "type": "dict",
                "options": {
                    "destination": {"type": "str", "required": True},
                    "role_arn": {"type": "str", "default": ""},
                    "traffic": {"type": "str", "choices": ["ACCEPT", "REJECT", "ALL"], "default": "ALL"},
                },
            },
            "purge": {"type": "bool", "default": True},
            "tags": {"type": "dict"},
            "wait_timeout": {"type": "int", "default": 600},
        },
        required_if=[("state", "present", ["cidr"]), ("state", "purged", ["cidr"])],
        supports_check_mode=True,
    )
    options = module.params
    aws = clients(module)
    leave = Wait(options["wait_timeout"], PAUSE_SECONDS)
    try:
        with reported(module, f"working on the network {options['name']}"):
            if options["state"] == "absent":
                result = converge.absent(aws("ec2"), options["name"], options["tags"], module.check_mode, SPREAD, leave)
            else:
                network, purged = network_of(options, aws.region), options["state"] == "purged"
                purge = purged or options["purge"]
                result = converge.present(aws("ec2"), network, purge, module.check_mode, SPREAD, leave, made=purged)
    except plan.NetworkError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, network=result.network, surplus=result.surplus, diff=result.diff)


if __name__ == "__main__":
    main()
