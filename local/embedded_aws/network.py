# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2: availability zones, NAT gateways and network ACLs."""

from __future__ import annotations

import random
import re
import time
from typing import Any

from ministack.services import ec2

from embedded_aws.clock import Clock
from embedded_aws.correction import Reply
from embedded_aws.correction import correct

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
