# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2: availability zones, NAT gateways, network ACLs, security groups, VPC endpoints and flow logs."""

from __future__ import annotations

import functools
import itertools
import random
import re
import secrets
import time
from typing import Any
from xml.etree import ElementTree

from ministack.services import ec2

from embedded_aws.clock import Clock
from embedded_aws.correction import Reply
from embedded_aws.correction import correct

# Of AWS's services with an endpoint those that MiniStack leaves out and a stack or its tasks may need.
ENDPOINTS = ("bedrock-runtime", "ecs", "ecs-agent", "ecs-telemetry", "elasticfilesystem", "sagemaker.runtime", "xray")
# How long AWS goes on listing a deleted NAT gateway, in seconds; and how long its deletion takes with a delay.
DELETED_LISTED = 3600.0
ZONE_FILTERS = {
    "zone-type": "zoneType",
    "state": "zoneState",
    "zone-name": "zoneName",
    "zone-id": "zoneId",
    "region-name": "regionName",
    "group-name": "groupName",
    "opt-in-status": "optInStatus",
}


def install(clock: Clock, delay: float) -> None:
    """:param delay: seconds on the clock that a new NAT gateway stays `pending`."""
    table = "_ACTION_MAP"
    ec2._VPCE_INTERFACE_SERVICES = tuple(dict.fromkeys((*ec2._VPCE_INTERFACE_SERVICES, *ENDPOINTS)))

    @correct(ec2, "_describe_availability_zones", table, "DescribeAvailabilityZones")
    def zones(original: Any, params: Any) -> Reply:
        """Filters and names choose."""
        status, fields, body = original(params)
        filters = ec2._parse_filters(params)
        wanted = {ZONE_FILTERS[name]: values for name, values in filters.items() if name in ZONE_FILTERS}
        if names := ec2._parse_member_list(params, "ZoneName"):
            wanted["zoneName"] = names

        def keep(item: re.Match[str]) -> str:
            found = dict(re.findall(r"<(\w+)>([^<]*)</", item[0]))
            return item[0] if all(found.get(name) in values for name, values in wanted.items()) else ""

        return status, fields, re.sub(r"<item>.*?</item>", keep, body.decode(), flags=re.S).encode()

    @correct(ec2, "_parse_ip_permissions")
    def permissions(original: Any, params: Any, prefix: str) -> list[dict[str, Any]]:
        """A rule for all protocols has no ports, also where ports are given; so `-1` with ports revokes it.

        Prefix lists count.
        """
        rules: list[dict[str, Any]] = original(params, prefix)
        for number, rule in enumerate(rules, 1):
            for index in itertools.count(1):
                start = f"{prefix}.{number}.PrefixListIds.{index}"
                if not (listed := ec2._p(params, f"{start}.PrefixListId")):
                    break
                about = {"Description": text} if (text := ec2._p(params, f"{start}.Description")) else {}
                rule["PrefixListIds"].append({"PrefixListId": listed, **about})
            if rule["IpProtocol"] == "-1":
                rule.pop("FromPort", None)
                rule.pop("ToPort", None)
        return rules

    def refresh(gateway: dict[str, Any]) -> None:
        if gateway["State"] in ("pending", "available"):
            gateway["State"] = "available" if time.time() >= gateway.get("Ready", 0) else "pending"
        elif gateway["State"] in ("deleting", "deleted"):
            gateway["State"] = "deleted" if time.time() >= gateway.get("Gone", 0) else "deleting"

    def address_xml(gateway: dict[str, Any]) -> str:
        public = ec2._addresses.get(gateway.get("AllocationId") or "", {}).get("PublicIp", "")
        shown = f"<allocationId>{gateway['AllocationId']}</allocationId><publicIp>{public}</publicIp>" if public else ""
        name = gateway["NatGatewayId"].removeprefix("nat-")
        return (
            f"<natGatewayAddressSet><item>{shown}<privateIp>{gateway['PrivateIp']}</privateIp>"
            f"<networkInterfaceId>eni-{name}</networkInterfaceId><isPrimary>true</isPrimary><status>succeeded</status>"
            "</item></natGatewayAddressSet>"
        )

    @correct(ec2, "_create_nat_gateway", table, "CreateNatGateway")
    def create_nat(original: Any, params: Any) -> Reply:
        """Is `pending` first; has its subnet's VPC and addresses."""
        before = set(ec2._nat_gateways.keys())
        reply: Reply = original(params)
        for name in set(ec2._nat_gateways.keys()) - before:
            gateway = ec2._nat_gateways[name]
            gateway["PrivateIp"] = f"10.0.{random.randint(1, 254)}.{random.randint(10, 250)}"
            gateway["Ready"] = time.time() + clock.real(delay)
            refresh(gateway)
            state = f"<state>{gateway['State']}</state>"
            text = reply[2].decode().replace("<state>available</state>", state)
            return reply[0], reply[1], text.replace("<natGatewayAddressSet/>", address_xml(gateway)).encode()
        return reply

    @correct(ec2, "_delete_nat_gateway", table, "DeleteNatGateway")
    def delete_nat(original: Any, params: Any) -> Reply:
        """Is `deleting`, then listed as `deleted` for an hour."""
        gateway = ec2._nat_gateways.get(ec2._p(params, "NatGatewayId"))
        if gateway and gateway["State"] in ("deleting", "deleted"):
            return ec2._xml(200, "DeleteNatGatewayResponse", f"<natGatewayId>{gateway['NatGatewayId']}</natGatewayId>")
        reply: Reply = original(params)
        if gateway:
            gateway["Gone"] = time.time() + clock.real(delay)
            refresh(gateway)
        return reply

    @correct(ec2, "_describe_nat_gateways", table, "DescribeNatGateways")
    def describe_nat(original: Any, params: Any) -> Reply:
        """Shows the addresses; an unknown id is an error."""
        for name, gateway in list(ec2._nat_gateways.items()):
            refresh(gateway)
            if gateway["State"] == "deleted" and time.time() > gateway.get("Gone", 0) + clock.real(DELETED_LISTED):
                del ec2._nat_gateways[name]
        for name in ec2._parse_member_list(params, "NatGatewayId"):
            if name not in ec2._nat_gateways:
                return ec2._error("NatGatewayNotFound", f"NatGateway {name} was not found", 400)
        status, fields, body = original(params)

        def fill(item: re.Match[str]) -> str:
            gateway = ec2._nat_gateways[item[1]]
            return item[0].replace("<natGatewayAddressSet/>", address_xml(gateway))

        pattern = r"<natGatewayId>([^<]+)</natGatewayId>.*?<natGatewayAddressSet/>"
        return status, fields, re.sub(pattern, fill, body.decode(), flags=re.S).encode()

    install_acls()
    install_security_groups()
    install_endpoints()
    install_flow_logs()


def install_acls() -> None:
    table = "_ACTION_MAP"

    def standing(subnet_id: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A subnet's network ACL and the association."""
        for acl in list(ec2._network_acls.values()):
            for one in acl["Associations"]:
                if one["SubnetId"] == subnet_id:
                    return acl, one
        return None

    def fresh(subnet_id: str) -> dict[str, Any]:
        return {"NetworkAclAssociationId": f"aclassoc-{secrets.token_hex(8)}", "SubnetId": subnet_id}

    @correct(ec2, "_create_subnet", table, "CreateSubnet")
    def create_subnet(original: Any, params: Any) -> Reply:
        """Is under its VPC's own network ACL."""
        before = set(ec2._subnets.keys())
        reply: Reply = original(params)
        for name in set(ec2._subnets.keys()) - before:
            vpc = ec2._vpcs.get(ec2._subnets[name]["VpcId"], {})
            if acl := ec2._network_acls.get(vpc.get("DefaultNetworkAclId")):
                acl["Associations"].append(fresh(name))
        return reply

    @correct(ec2, "_delete_subnet", table, "DeleteSubnet")
    def delete_subnet(original: Any, params: Any) -> Reply:
        """Leaves its network ACL and its route table."""
        name = ec2._p(params, "SubnetId")
        if found := standing(name):
            found[0]["Associations"].remove(found[1])
        for routes in ec2._route_tables.values():
            routes["Associations"] = [one for one in routes["Associations"] if one.get("SubnetId") != name]
        return original(params)

    @correct(ec2, "_replace_network_acl_association", table, "ReplaceNetworkAclAssociation")
    def replace_association(original: Any, params: Any) -> Reply:
        """The subnet moves along."""
        wanted = ec2._p(params, "AssociationId")
        acls = list(ec2._network_acls.values())
        moved = [one for acl in acls for one in acl["Associations"] if one["NetworkAclAssociationId"] == wanted]
        reply: Reply = original(params)
        if reply[0] == 200 and moved:
            ec2._network_acls[ec2._p(params, "NetworkAclId")]["Associations"][-1]["SubnetId"] = moved[0]["SubnetId"]
        return reply

    @correct(ec2, "_delete_network_acl", table, "DeleteNetworkAcl")
    def delete_acl(original: Any, params: Any) -> Reply:
        """Refused while a subnet is under it."""
        acl = ec2._network_acls.get(ec2._p(params, "NetworkAclId"))
        if acl and acl["Associations"]:
            return ec2._error("DependencyViolation", f"network acl '{acl['NetworkAclId']}' has dependencies", 400)
        return original(params)

    @correct(ec2, "_describe_network_acls", table, "DescribeNetworkAcls")
    def describe_acls(original: Any, params: Any) -> Reply:
        """Found by subnet too."""
        subnets = ec2._parse_filters(params).get("association.subnet-id")
        if subnets is None:
            return original(params)
        chosen = {found[0]["NetworkAclId"] for name in subnets if (found := standing(name))}
        return keep_items(original(params), "networkAclId", chosen)

    def keep_ports(params: Any, reply: Reply) -> Reply:
        """Entries of network ACLs hold their port range and ICMP type."""
        acl = ec2._network_acls.get(ec2._p(params, "NetworkAclId"))
        if acl and reply[0] == 200:
            entry = acl["Entries"][-1]
            for key, first, last in (("PortRange", "From", "To"), ("Icmp", "Type", "Code")):
                if ec2._p(params, f"{key}.{first}"):
                    entry[key] = [int(ec2._p(params, f"{key}.{first}")), int(ec2._p(params, f"{key}.{last}") or -1)]
        return reply

    @correct(ec2, "_create_network_acl_entry", table, "CreateNetworkAclEntry")
    def create_entry(original: Any, params: Any) -> Reply:
        return keep_ports(params, original(params))

    @correct(ec2, "_replace_network_acl_entry", table, "ReplaceNetworkAclEntry")
    def replace_entry(original: Any, params: Any) -> Reply:
        return keep_ports(params, original(params))

    @correct(ec2, "_network_acl_entry_xml")
    def entry_xml(original: Any, entry: dict[str, Any]) -> str:
        more = ""
        if ports := entry.get("PortRange"):
            more += f"<portRange><from>{ports[0]}</from><to>{ports[1]}</to></portRange>"
        if icmp := entry.get("Icmp"):
            more += f"<icmpTypeCode><type>{icmp[0]}</type><code>{icmp[1]}</code></icmpTypeCode>"
        return str(original(entry)).replace("</item>", f"{more}</item>")


def install_security_groups() -> None:
    table = "_ACTION_MAP"

    @correct(ec2, "_delete_security_group", table, "DeleteSecurityGroup")
    def delete(original: Any, params: Any) -> Reply:
        """Refused while another group's rule names it."""
        name = ec2._p(params, "GroupId")
        for other, group in list(ec2._security_groups.items()):
            rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
            if other != name and any(
                pair.get("GroupId") == name for rule in rules for pair in rule["UserIdGroupPairs"]
            ):
                return ec2._error("DependencyViolation", f"resource {name} has a dependent object", 400)
        return original(params)

    def describe_rules(key: str, params: Any) -> Reply:
        """Rules that match get these descriptions."""
        group = ec2._security_groups.get(ec2._p(params, "GroupId"))
        for told in ec2._parse_ip_permissions(params, "IpPermissions") if group else ():
            group[key] = [told if ec2._rules_match(told, rule) else rule for rule in group[key]]
        return ec2._xml(200, f"{ec2._p(params, 'Action')}Response", "<return>true</return>")

    for direction, key in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        action = f"UpdateSecurityGroupRuleDescriptions{direction}"
        ec2._ACTION_MAP[action] = functools.partial(describe_rules, key)


def keep_items(reply: Reply, element: str, ids: set[str]) -> Reply:
    """The reply with those items of its one list that have one of these ids."""
    status, fields, body = reply
    root = ElementTree.fromstring(body)
    space = root.tag.partition("}")[0] + "}"
    for items in root:
        for item in list(items):
            if (found := item.find(f"{space}{element}")) is not None and found.text not in ids:
                items.remove(item)
    ElementTree.register_namespace("", space[1:-1])
    return status, fields, ElementTree.tostring(root)


def install_endpoints() -> None:
    table = "_ACTION_MAP"

    def members(params: Any, name: str) -> list[str]:
        found: list[str] = ec2._parse_member_list(params, name)
        return found

    @correct(ec2, "_create_vpc_endpoint", table, "CreateVpcEndpoint")
    def create(original: Any, params: Any) -> Reply:
        """Keeps its security groups and whether it answers to the service's own name."""
        before = set(ec2._vpc_endpoints.keys())
        original(params)
        (name,) = set(ec2._vpc_endpoints.keys()) - before
        endpoint = ec2._vpc_endpoints[name]
        endpoint["Groups"] = members(params, "SecurityGroupId")
        endpoint["PrivateDnsEnabled"] = ec2._p(params, "PrivateDnsEnabled") == "true"
        return ec2._xml(200, "CreateVpcEndpointResponse", ec2._vpce_fields_xml(endpoint, tag="vpcEndpoint"))

    @correct(ec2, "_modify_vpc_endpoint", table, "ModifyVpcEndpoint")
    def modify(_original: Any, params: Any) -> Reply:
        """Route tables, subnets and security groups come and go."""
        name = ec2._p(params, "VpcEndpointId")
        endpoint = ec2._vpc_endpoints.get(name)
        if not endpoint:
            return ec2._error("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{name}' does not exist", 400)
        for key, word in (("RouteTableIds", "RouteTableId"), ("SubnetIds", "SubnetId"), ("Groups", "SecurityGroupId")):
            gone = members(params, f"Remove{word}")
            kept = [one for one in endpoint.get(key, []) if one not in gone]
            endpoint[key] = [*kept, *(one for one in members(params, f"Add{word}") if one not in kept)]
        if value := ec2._p(params, "PrivateDnsEnabled"):
            endpoint["PrivateDnsEnabled"] = value == "true"
        return ec2._xml(200, "ModifyVpcEndpointResponse", "<return>true</return>")

    @correct(ec2, "_vpce_fields_xml")
    def endpoint_xml(original: Any, endpoint: dict[str, Any], tag: str = "item") -> str:
        groups = "".join(f"<item><groupId>{name}</groupId></item>" for name in endpoint.get("Groups", ()))
        private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
        more = f"<groupSet>{groups}</groupSet><privateDnsEnabled>{private}</privateDnsEnabled>"
        text = str(original(endpoint, tag=tag)).rstrip()
        return text.removesuffix(f"</{tag}>") + f"{more}</{tag}>"

    @correct(ec2, "_describe_vpc_endpoints", table, "DescribeVpcEndpoints")
    def describe(original: Any, params: Any) -> Reply:
        """Filters choose."""
        filters = ec2._parse_filters(params)
        fields = {
            "vpc-endpoint-id": "VpcEndpointId",
            "vpc-id": "VpcId",
            "service-name": "ServiceName",
            "vpc-endpoint-type": "VpcEndpointType",
        }
        chosen = {
            name
            for name, endpoint in list(ec2._vpc_endpoints.items())
            if ec2._resource_matches_tag_filters(name, filters)
            and all(endpoint[field] in filters[asked] for asked, field in fields.items() if asked in filters)
        }
        return keep_items(original(params), "vpcEndpointId", chosen)


def install_flow_logs() -> None:
    table = "_ACTION_MAP"

    @correct(ec2, "_create_flow_logs", table, "CreateFlowLogs")
    def create(original: Any, params: Any) -> Reply:
        """Keeps the role that writes, and the tags."""
        before = set(ec2._flow_logs.keys())
        reply: Reply = original(params)
        for name in set(ec2._flow_logs.keys()) - before:
            ec2._flow_logs[name]["Role"] = ec2._p(params, "DeliverLogsPermissionArn")
            ec2._parse_tag_specs(params, "vpc-flow-log", name)
        return reply

    @correct(ec2, "_describe_flow_logs", table, "DescribeFlowLogs")
    def describe(original: Any, params: Any) -> Reply:
        """Shows the role that writes."""
        status, fields, body = original(params)

        def fill(item: re.Match[str]) -> str:
            role = ec2._flow_logs[item[1]].get("Role")
            return item[0] + (f"<deliverLogsPermissionArn>{role}</deliverLogsPermissionArn>" if role else "")

        return status, fields, re.sub(r"<flowLogId>([^<]+)</flowLogId>", fill, body.decode()).encode()
