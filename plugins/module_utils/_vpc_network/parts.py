# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls to AWS that read, make, change and remove each kind of part of a network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import error_details
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Change
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Fields
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Ids
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import NetworkError
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Seen
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import seen
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

# A NAT gateway and an endpoint that end are listed for an hour, and one that failed is deleted by AWS.
STANDING_STATES = ("pending", "available", "Pending", "Available", "pendingAcceptance")
GONE_STATES = ("deleted", "failed")
# What AWS says while something else still uses a part, and of a part that it does not know everywhere yet.
IN_USE = ("DependencyViolation", "InvalidIPAddress.InUse", "ResourceInUse")
NOT_YET = "NotFound"
ACL_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1"}
# The names that CreateTags' ResourceType has for our kinds.
TAG_TYPES = {
    "vpc": "vpc",
    "internet_gateway": "internet-gateway",
    "subnet": "subnet",
    "address": "elastic-ip",
    "nat_gateway": "natgateway",
    "route_table": "route-table",
    "network_acl": "network-acl",
    "security_group": "security-group",
    "endpoint": "vpc-endpoint",
    "flow_log": "vpc-flow-log",
}


def pages(ec2: Any, operation: str, key: str, *filters: tuple[str, str]) -> list[Any]:
    asked = [{"Name": name, "Values": [value]} for name, value in filters]
    return [item for page in ec2.get_paginator(operation).paginate(Filters=asked) for item in page[key]]


def find_vpc(ec2: Any, name: str, tags: Mapping[str, str] | None) -> Any:
    """The VPC of this name; names are not unique in AWS, so that with most of the tags. None if there is none."""
    found = pages(ec2, "describe_vpcs", "Vpcs", ("tag:Name", f"{name}-vpc"))
    return max(found, key=lambda vpc: len((tags or {}).items() & tags_to_dict(vpc.get("Tags")).items()), default=None)


def read(ec2: Any, name: str, vpc: Any) -> Seen:
    """All that stands of the network, every kind at the same time. `vpc`: as EC2 describes it, None before there is."""
    named = ("tag:Name", f"{name}-igw")
    calls: dict[str, Callable[[], Iterable[Any]]] = {
        "internet_gateway": lambda: pages(ec2, "describe_internet_gateways", "InternetGateways", named),
        "address": lambda: ec2.describe_addresses()["Addresses"],
    }
    vpc_id = vpc["VpcId"] if vpc else ""
    inside = ("vpc-id", vpc_id)
    dns: dict[str, Callable[[], Any]] = {}
    if vpc:
        calls |= {
            "vpc": lambda: [vpc],
            "subnet": lambda: pages(ec2, "describe_subnets", "Subnets", inside),
            "nat_gateway": lambda: pages(ec2, "describe_nat_gateways", "NatGateways", inside),
            "route_table": lambda: pages(ec2, "describe_route_tables", "RouteTables", inside),
            "network_acl": lambda: pages(ec2, "describe_network_acls", "NetworkAcls", inside),
            "security_group": lambda: pages(ec2, "describe_security_groups", "SecurityGroups", inside),
            "endpoint": lambda: pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", inside),
            "flow_log": lambda: pages(ec2, "describe_flow_logs", "FlowLogs", ("resource-id", vpc_id)),
        }
        dns = {
            "dns_support": lambda: ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsSupport"),
            "dns_hostnames": lambda: ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames"),
        }
    with ThreadPoolExecutor(len(calls) + 2) as pool:
        reading = {kind: pool.submit(call) for kind, call in calls.items()}
        asking = {option: pool.submit(call) for option, call in dns.items()}
        answers = {kind: future.result() for kind, future in reading.items()}
        switches = {
            "dns_support": bool(vpc) and asking["dns_support"].result()["EnableDnsSupport"]["Value"],
            "dns_hostnames": bool(vpc) and asking["dns_hostnames"].result()["EnableDnsHostnames"]["Value"],
        }
    for kind in ("nat_gateway", "endpoint"):
        answers[kind] = [thing for thing in answers.get(kind, ()) if thing["State"] in STANDING_STATES]
    return seen(name, vpc_id, answers, switches)


def zones_of(ec2: Any) -> list[str]:
    """The region's availability zones that can be used, by name; local and wavelength zones are none."""
    asked = [{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    return sorted(zone["ZoneName"] for zone in ec2.describe_availability_zones(Filters=asked)["AvailabilityZones"])


class Writer:
    """Makes, changes and removes parts. `ids` grows and shrinks with them.

    :param spread: how long AWS may take to know everywhere what it just made.
    :param leave: how long a part may still be in use that is to go, or not yet in use that a route leads to.
    """

    def __init__(self, ec2: Any, ids: Ids, spread: Wait, leave: Wait) -> None:
        self.ec2, self.ids, self.spread, self.leave = ec2, dict(ids), spread, leave
        self.pending: list[str] = []

    @property
    def vpc_id(self) -> str:
        return next(thing_id for (kind, _name), thing_id in self.ids.items() if kind == "vpc")

    def id_of(self, kind: str, name: str) -> str:
        """The id of a part; what is no name of a part is an id already."""
        return self.ids.get((kind, name), name)

    def carry_out(self, change: Change) -> None:
        if change.after is None:
            thing_id = self.ids.pop((change.kind, change.name))
            getattr(self, f"remove_{change.kind}")(change.name, thing_id)
            return
        before = change.before or {}
        if change.before is None:
            tags = change.after.get("tags") or {"Name": change.name}
            specification = [{"ResourceType": TAG_TYPES[change.kind], "Tags": dict_to_tags(tags)}]
            make = getattr(self, f"make_{change.kind}")
            made = self.soon(lambda: make(change.name, change.after, TagSpecifications=specification))
            self.ids[change.kind, change.name] = made
            before = {"tags": tags}
        else:
            self.write_tags(self.ids[change.kind, change.name], before["tags"], change.after["tags"])
        update = getattr(self, f"change_{change.kind}", None)
        if update:
            update(self.ids[change.kind, change.name], before, change.after)

    def write_tags(self, thing_id: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        write, remove = tag_changes(before, after)
        if write:
            self.ec2.create_tags(Resources=[thing_id], Tags=dict_to_tags(write))
        if remove:
            self.ec2.delete_tags(Resources=[thing_id], Tags=[{"Key": key} for key in remove])

    def soon(self, call: Callable[[], Any]) -> Any:
        """The call's answer; made again while AWS does not know yet what it has just made."""
        return self._again(self.spread, call, lambda code: code.endswith(NOT_YET))

    def freed(self, what: str, call: Callable[[], Any]) -> None:
        """Remove something, trying again while it is in use. What is gone already is no error."""

        def attempt() -> None:
            try:
                call()
            except ClientError as error:
                if not error_code(error).endswith(NOT_YET):
                    raise

        try:
            self._again(self.leave, attempt, lambda code: code in IN_USE)
        except ClientError as error:
            if error_code(error) not in IN_USE:
                raise
            reason = error_details(error)["message"]
            raise NetworkError(
                f"{what} is still in use after {self.leave.timeout:g} s: {reason} "
                "Remove what uses it, or wait until it is gone, then run again"
            ) from error

    @staticmethod
    def _again(wait: Wait, call: Callable[[], Any], passing: Callable[[str], bool]) -> Any:
        answers: list[Any] = []
        errors: list[ClientError] = []

        def attempt() -> bool:
            try:
                answers.append(call())
            except ClientError as error:
                if not passing(error_code(error)):
                    raise
                errors.append(error)
                return False
            return True

        if not wait.until(attempt):
            raise errors[-1]
        return answers[-1]

    # VPC

    def make_vpc(self, name: str, fields: Fields, **tags: Any) -> str:
        return str(self.ec2.create_vpc(CidrBlock=fields["cidr"], **tags)["Vpc"]["VpcId"])

    def change_vpc(self, vpc_id: str, before: Fields, after: Fields) -> None:
        # In this order: names for hosts need the resolver.
        for option, argument in (("dns_support", "EnableDnsSupport"), ("dns_hostnames", "EnableDnsHostnames")):
            if before.get(option) != after[option]:
                value = {argument: {"Value": after[option]}}
                self.soon(lambda value=value: self.ec2.modify_vpc_attribute(VpcId=vpc_id, **value))  # type: ignore[misc]

    def remove_vpc(self, name: str, vpc_id: str) -> None:
        self.freed(f"The VPC {name}", lambda: self.ec2.delete_vpc(VpcId=vpc_id))

    # Internet gateway

    def make_internet_gateway(self, name: str, fields: Fields, **tags: Any) -> str:
        return str(self.ec2.create_internet_gateway(**tags)["InternetGateway"]["InternetGatewayId"])

    def change_internet_gateway(self, gateway_id: str, before: Fields, after: Fields) -> None:
        if not before.get("attached"):
            self.soon(lambda: self.ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=self.vpc_id))

    def remove_internet_gateway(self, name: str, gateway_id: str) -> None:
        (gateway,) = self.ec2.describe_internet_gateways(InternetGatewayIds=[gateway_id])["InternetGateways"]
        for attachment in gateway["Attachments"]:
            self.freed(
                f"The internet gateway {name}",
                lambda vpc_id=attachment["VpcId"]: self.ec2.detach_internet_gateway(  # type: ignore[misc]
                    InternetGatewayId=gateway_id, VpcId=vpc_id
                ),
            )
        self.freed(
            f"The internet gateway {name}", lambda: self.ec2.delete_internet_gateway(InternetGatewayId=gateway_id)
        )

    # Subnet

    def make_subnet(self, name: str, fields: Fields, **tags: Any) -> str:
        answer = self.ec2.create_subnet(
            VpcId=self.vpc_id, CidrBlock=fields["cidr"], AvailabilityZone=fields["zone"], **tags
        )
        return str(answer["Subnet"]["SubnetId"])

    def change_subnet(self, subnet_id: str, before: Fields, after: Fields) -> None:
        if before.get("public_addresses", False) != after["public_addresses"]:
            value = {"Value": after["public_addresses"]}
            self.soon(lambda: self.ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch=value))

    def remove_subnet(self, name: str, subnet_id: str) -> None:
        self.freed(f"The subnet {name}", lambda: self.ec2.delete_subnet(SubnetId=subnet_id))

    # NAT gateway and its address

    def make_address(self, name: str, fields: Fields, **tags: Any) -> str:
        return str(self.ec2.allocate_address(Domain="vpc", **tags)["AllocationId"])

    def remove_address(self, name: str, allocation_id: str) -> None:
        self.freed(f"The address {name}", lambda: self.ec2.release_address(AllocationId=allocation_id))

    def make_nat_gateway(self, name: str, fields: Fields, **tags: Any) -> str:
        answer = self.ec2.create_nat_gateway(
            SubnetId=self.id_of("subnet", fields["subnet"]),
            AllocationId=self.id_of("address", fields["address"]),
            **tags,
        )
        self.pending.append(str(answer["NatGateway"]["NatGatewayId"]))
        return self.pending[-1]

    def remove_nat_gateway(self, name: str, gateway_id: str) -> None:
        """Waits for the end: its address is not free before, nor its subnet."""
        self.ec2.delete_nat_gateway(NatGatewayId=gateway_id)

        def gone() -> bool:
            found = self.ec2.describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"]
            return all(gateway["State"] in GONE_STATES for gateway in found)

        if not self.leave.until(gone):
            raise NetworkError(f"The NAT gateway {name} is not gone after {self.leave.timeout:g} s. Run again")

    # Route table

    def make_route_table(self, name: str, fields: Fields, **tags: Any) -> str:
        return str(self.ec2.create_route_table(VpcId=self.vpc_id, **tags)["RouteTable"]["RouteTableId"])

    def change_route_table(self, table_id: str, before: Fields, after: Fields) -> None:
        routes = before.get("routes", {})
        for destination, goal in after["routes"].items():
            if routes.get(destination) != goal:
                write = self.ec2.replace_route if destination in routes else self.ec2.create_route
                self.route(write, goal, RouteTableId=table_id, DestinationCidrBlock=destination)
        for destination in routes.keys() - after["routes"].keys():
            self.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock=destination)
        for subnet in sorted({*after["subnets"]} - {*before.get("subnets", ())}):
            self.associate(table_id, self.id_of("subnet", subnet))
        for subnet in {*before.get("subnets", ())} - {*after["subnets"]}:
            self.disassociate(table_id, self.id_of("subnet", subnet))

    def route(self, write: Callable[..., Any], goal: str, **arguments: str) -> None:
        """Write a route to a gateway; one to a NAT gateway that still comes up may be refused until it is there."""
        if ("nat_gateway", goal) in self.ids:
            arguments["NatGatewayId"] = self.id_of("nat_gateway", goal)
        else:
            arguments["GatewayId"] = self.id_of("internet_gateway", goal)
        self._again(self.leave, lambda: write(**arguments), lambda code: code.endswith(NOT_YET))

    def associate(self, table_id: str, subnet_id: str) -> None:
        """A subnet has one route table, so it may have to leave another."""
        tables = pages(self.ec2, "describe_route_tables", "RouteTables", ("association.subnet-id", subnet_id))
        standing = [
            one["RouteTableAssociationId"]
            for table in tables
            for one in table["Associations"]
            if one.get("SubnetId") == subnet_id
        ]
        if standing:
            self.ec2.replace_route_table_association(AssociationId=standing[0], RouteTableId=table_id)
        else:
            self.soon(lambda: self.ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id))

    def disassociate(self, table_id: str, subnet_id: str = "") -> None:
        (table,) = self.ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"]
        for one in table["Associations"]:
            if one.get("SubnetId") and subnet_id in ("", one["SubnetId"]):
                self.ec2.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])

    def remove_route_table(self, name: str, table_id: str) -> None:
        self.disassociate(table_id)
        self.freed(f"The route table {name}", lambda: self.ec2.delete_route_table(RouteTableId=table_id))

    # Network ACL

    def make_network_acl(self, name: str, fields: Fields, **tags: Any) -> str:
        return str(self.ec2.create_network_acl(VpcId=self.vpc_id, **tags)["NetworkAcl"]["NetworkAclId"])

    def change_network_acl(self, acl_id: str, before: Fields, after: Fields) -> None:
        for egress, side in ((False, "ingress"), (True, "egress")):
            stands, wants = before.get(side, {}), after[side]
            for number, text in wants.items():
                if stands.get(number) != text:
                    write = (
                        self.ec2.replace_network_acl_entry if number in stands else self.ec2.create_network_acl_entry
                    )
                    arguments = {"NetworkAclId": acl_id, "RuleNumber": number, "Egress": egress, **acl_entry(text)}
                    self.soon(lambda write=write, given=arguments: write(**given))  # type: ignore[misc]
            for number in stands.keys() - wants.keys():
                self.ec2.delete_network_acl_entry(NetworkAclId=acl_id, RuleNumber=number, Egress=egress)
        for subnet in sorted({*after["subnets"]} - {*before.get("subnets", ())}):
            self.guard(self.id_of("subnet", subnet), acl_id)

    def guard(self, subnet_id: str, acl_id: str) -> None:
        """Put a subnet under this network ACL; every subnet is under one."""
        for acl in pages(self.ec2, "describe_network_acls", "NetworkAcls", ("association.subnet-id", subnet_id)):
            for one in acl["Associations"]:
                if one["SubnetId"] == subnet_id:
                    self.ec2.replace_network_acl_association(
                        AssociationId=one["NetworkAclAssociationId"], NetworkAclId=acl_id
                    )

    def remove_network_acl(self, name: str, acl_id: str) -> None:
        """The subnets go back under the VPC's own network ACL, which lets everything through."""
        (default,) = pages(
            self.ec2, "describe_network_acls", "NetworkAcls", ("vpc-id", self.vpc_id), ("default", "true")
        )
        (acl,) = self.ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"]
        for one in acl["Associations"]:
            self.guard(one["SubnetId"], default["NetworkAclId"])
        self.freed(f"The network ACL {name}", lambda: self.ec2.delete_network_acl(NetworkAclId=acl_id))

    # Endpoint and its security group

    def make_security_group(self, name: str, fields: Fields, **tags: Any) -> str:
        answer = self.ec2.create_security_group(
            GroupName=name, Description="Endpoints of AWS's services", VpcId=self.vpc_id, **tags
        )
        return str(answer["GroupId"])

    def change_security_group(self, group_id: str, before: Fields, after: Fields) -> None:
        def permissions(rules: Iterable[str]) -> list[dict[str, Any]]:
            split = [rule.split() for rule in rules]
            return [
                {
                    "IpProtocol": protocol,
                    **({} if port == "all" else {"FromPort": int(port), "ToPort": int(port)}),
                    "IpRanges": [{"CidrIp": cidr}],
                }
                for protocol, port, cidr in split
            ]

        more = {*after["ingress"]} - {*before.get("ingress", ())}
        less = {*before.get("ingress", ())} - {*after["ingress"]}
        if more:
            self.soon(
                lambda: self.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=permissions(more))
            )
        if less:
            self.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=permissions(less))

    def remove_security_group(self, name: str, group_id: str) -> None:
        self.freed(f"The security group {name}", lambda: self.ec2.delete_security_group(GroupId=group_id))

    def make_endpoint(self, name: str, fields: Fields, **tags: Any) -> str:
        if fields["type"] == "Gateway":
            places = {"RouteTableIds": [self.id_of("route_table", one) for one in fields["route_tables"]]}
        else:
            places = {
                "SubnetIds": [self.id_of("subnet", one) for one in fields["subnets"]],
                "SecurityGroupIds": [self.id_of("security_group", one) for one in fields["security_groups"]],
                "PrivateDnsEnabled": fields["private_dns"],
            }
        answer = self.ec2.create_vpc_endpoint(
            VpcId=self.vpc_id, ServiceName=fields["service"], VpcEndpointType=fields["type"], **places, **tags
        )
        made = str(answer["VpcEndpoint"]["VpcEndpointId"])
        if fields["type"] == "Interface":
            self.pending.append(made)
        return made

    def change_endpoint(self, endpoint_id: str, before: Fields, after: Fields) -> None:
        if "type" not in before:
            return
        arguments: dict[str, Any] = {}
        for option, kind, word in (
            ("route_tables", "route_table", "RouteTableIds"),
            ("subnets", "subnet", "SubnetIds"),
            ("security_groups", "security_group", "SecurityGroupIds"),
        ):
            stands, wants = {*before.get(option, ())}, {*after.get(option, ())}
            for verb, names in (("Add", wants - stands), ("Remove", stands - wants)):
                if names:
                    arguments[f"{verb}{word}"] = [self.id_of(kind, one) for one in sorted(names)]
        if before.get("private_dns") != after.get("private_dns"):
            arguments["PrivateDnsEnabled"] = after["private_dns"]
        if arguments:
            self.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, **arguments)

    def remove_endpoint(self, name: str, endpoint_id: str) -> None:
        """Waits for the end: its security group and its subnets are not free before."""
        refused = self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"]
        if refused:
            raise NetworkError(f"AWS does not remove the endpoint {name}: {refused[0]['Error']['Message']}")

        def gone() -> bool:
            found = pages(self.ec2, "describe_vpc_endpoints", "VpcEndpoints", ("vpc-endpoint-id", endpoint_id))
            return all(endpoint["State"].lower() in GONE_STATES for endpoint in found)

        if not self.leave.until(gone):
            raise NetworkError(f"The endpoint {name} is not gone after {self.leave.timeout:g} s. Run again")

    # Flow log

    def make_flow_log(self, name: str, fields: Fields, **tags: Any) -> str:
        permission = {"DeliverLogsPermissionArn": fields["role_arn"]} if fields["role_arn"] else {}
        answer = self.ec2.create_flow_logs(
            ResourceIds=[self.vpc_id],
            ResourceType="VPC",
            TrafficType=fields["traffic"],
            LogDestinationType=fields["destination_type"],
            LogDestination=fields["destination"],
            **permission,
            **tags,
        )
        if answer.get("Unsuccessful"):
            reason = answer["Unsuccessful"][0]["Error"]["Message"]
            raise NetworkError(f"AWS does not write flow logs to {fields['destination']}: {reason}")
        return str(answer["FlowLogIds"][0])

    def remove_flow_log(self, name: str, log_id: str) -> None:
        self.ec2.delete_flow_logs(FlowLogIds=[log_id])


def acl_entry(text: str) -> dict[str, Any]:
    """`allow tcp 1024-65535 0.0.0.0/0` as the arguments of CreateNetworkAclEntry."""
    action, protocol, *ports, cidr = text.split()
    more: dict[str, Any] = {}
    if ports:
        first, _dash, last = ports[0].partition("-")
        more = {"PortRange": {"From": int(first), "To": int(last or first)}}
    block = "Ipv6CidrBlock" if ":" in cidr else "CidrBlock"
    return {"RuleAction": action, "Protocol": ACL_PROTOCOLS.get(protocol, protocol), block: cidr, **more}
