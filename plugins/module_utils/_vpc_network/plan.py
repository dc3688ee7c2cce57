# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network consists of, as plain data: what is wanted, what AWS describes, and what is to be done about it.

A view is kind -> name -> fields; parts name one another by their names, so that a view can be told before anything
exists. Nothing here calls AWS.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict

Fields = dict[str, Any]
View = dict[str, dict[str, Fields]]
# (kind, name) -> id
Ids = dict[tuple[str, str], str]
Answer = Mapping[str, Any]

# In the order in which they are made; they go in the opposite one.
KINDS = (
    "vpc",
    "internet_gateway",
    "subnet",
    "address",
    "nat_gateway",
    "route_table",
    "network_acl",
    "security_group",
    "endpoint",
    "flow_log",
)
# Fields that AWS sets once and for all.
FIXED = {
    "vpc": ("cidr",),
    "subnet": ("cidr", "zone"),
    "nat_gateway": ("subnet", "address"),
    "endpoint": ("service", "type"),
    "flow_log": ("traffic", "destination_type", "destination", "role_arn"),
}
ANYWHERE = "0.0.0.0/0"
ZONE = r"[a-z]{2}(-[a-z]+)+-\d+[a-z]"
# Each subnet is a sixteenth of the network: public ones from the front, private ones from the middle.
SUBNET_BITS = 4
FIRST_PRIVATE = 8
HTTPS = 443
# Ports from which programs call, and to which the answers come.
EPHEMERAL = "1024-65535"
# The endpoint of S3 is a route, free of charge; all others are addresses in the subnets.
GATEWAY_SERVICES = ("s3", "dynamodb")


class NetworkError(Exception):
    """What cannot be done, as a sentence."""


@dataclass(frozen=True)
class FlowLogs:
    """Where the record of the traffic goes: ARN of a bucket, or of a log group and of the role that writes to it."""

    destination: str
    role_arn: str = ""
    traffic: str = "ALL"


@dataclass(frozen=True)
class NetworkAcls:
    """Ports on which the public subnets are reached, and ports in the internet that are reached from inside."""

    ingress_ports: Sequence[int]
    egress_ports: Sequence[int]


@dataclass(frozen=True)
class Network:
    """A network as it is wanted. `tags`: of every part, None to leave them alone.

    :param nat_gateways: none, single or per_zone.
    :param endpoints: services by the end of their names, such as s3 or ecr.api.
    """

    name: str
    cidr: str
    zone_count: int
    region: str
    private_subnets: bool = False
    nat_gateways: str = "none"
    endpoints: Sequence[str] = ()
    network_acls: NetworkAcls | None = None
    flow_logs: FlowLogs | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Change:
    """One part to make (no `before`), to change, or to remove (no `after`)."""

    kind: str
    name: str
    before: Fields | None
    after: Fields | None


@dataclass(frozen=True)
class Seen:
    """What stands: the view, the ids, and the ids of what AWS still sets up."""

    view: View = field(default_factory=dict)
    ids: Ids = field(default_factory=dict)
    pending: tuple[str, ...] = ()


def subnet_cidrs(cidr: str, zones: Sequence[str], count: int, first: int) -> dict[str, str]:
    """Zone -> its subnet's network, for the first `count` zones.

    The place of a zone's subnet depends on nothing but its rank, so a later, larger count leaves the first ones alone.

    :raises NetworkError: if the region has fewer zones.
    """
    if count > len(zones):
        raise NetworkError(
            f"The region has {len(zones)} availability zones ({', '.join(zones)}), not {count}: lower the count"
        )
    subnets = [str(subnet) for subnet in ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=SUBNET_BITS)]
    return dict(zip(zones[:count], subnets[first:], strict=False))


def wanted(network: Network, zones: Sequence[str]) -> View:
    """The view of the network over the first of these availability zones.

    :raises NetworkError: if the region has fewer zones than asked for.
    """
    stem = network.name
    view: View = {kind: {} for kind in KINDS}
    public = subnet_cidrs(network.cidr, zones, network.zone_count, 0)
    private = subnet_cidrs(network.cidr, zones, network.zone_count, FIRST_PRIVATE) if network.private_subnets else {}
    view["vpc"][f"{stem}-vpc"] = {"cidr": network.cidr, "dns_support": True, "dns_hostnames": True}
    view["internet_gateway"][f"{stem}-igw"] = {"attached": True}
    for reach, cidrs in (("public", public), ("private", private)):
        for zone, cidr in cidrs.items():
            fields = {"cidr": cidr, "zone": zone, "public_addresses": reach == "public"}
            view["subnet"][f"{stem}-{reach}-{zone}"] = fields
    view["route_table"][f"{stem}-public-rtb"] = {
        "routes": {ANYWHERE: f"{stem}-igw"},
        "subnets": sorted(f"{stem}-public-{zone}" for zone in public),
    }
    nat_zones = {"none": [], "single": list(public)[:1], "per_zone": list(public)}[network.nat_gateways]
    for zone in nat_zones:
        name = f"{stem}-nat-{zone}"
        view["address"][name] = {}
        view["nat_gateway"][name] = {"subnet": f"{stem}-public-{zone}", "address": name}
    for zone in private:
        way_out = zone if zone in nat_zones else next(iter(nat_zones), None)
        view["route_table"][f"{stem}-private-{zone}-rtb"] = {
            "routes": {ANYWHERE: f"{stem}-nat-{way_out}"} if way_out else {},
            "subnets": [f"{stem}-private-{zone}"],
        }
    add_network_acls(view, network)
    add_endpoints(view, network)
    if network.flow_logs:
        logs = network.flow_logs
        view["flow_log"][f"{stem}-flow-log"] = {
            "traffic": logs.traffic,
            "destination_type": "s3" if logs.destination.split(":")[2] == "s3" else "cloud-watch-logs",
            "destination": logs.destination.removesuffix(":*"),
            "role_arn": logs.role_arn,
        }
    if network.tags is not None:
        for named in view.values():
            for name, fields in named.items():
                fields["tags"] = {**network.tags, "Name": name}
    return view


def add_network_acls(view: View, network: Network) -> None:
    """Stateless, so the answers have rules of their own. The VPC's own traffic is the security groups' business."""
    acls = network.network_acls
    if acls is None:
        return
    inside = entry("allow", "-1", network.cidr)
    answers = entry("allow", "tcp", ANYWHERE, EPHEMERAL)
    outward = [entry("allow", "tcp", ANYWHERE, str(port)) for port in acls.egress_ports]
    inward = [entry("allow", "tcp", ANYWHERE, str(port)) for port in acls.ingress_ports]
    rules = {
        "public": ([inside, answers, *inward], [inside, answers, *outward]),
        "private": ([inside, answers], [inside, *outward]),
    }
    for reach, (ingress, egress) in rules.items():
        subnets = sorted(name for name in view["subnet"] if name.startswith(f"{network.name}-{reach}-"))
        if subnets:
            view["network_acl"][f"{network.name}-{reach}-acl"] = {
                "ingress": numbered(ingress),
                "egress": numbered(egress),
                "subnets": subnets,
            }


def entry(action: str, protocol: str, cidr: str, ports: str = "") -> str:
    """A rule of a network ACL in one line, such as `allow tcp 443 0.0.0.0/0`."""
    return " ".join(filter(None, (action, protocol, ports, cidr)))


def numbered(entries: Iterable[str]) -> dict[int, str]:
    return {100 + 10 * index: text for index, text in enumerate(entries)}


def add_endpoints(view: View, network: Network) -> None:
    stem = network.name
    private = sorted(name for name in view["subnet"] if name.startswith(f"{stem}-private-"))
    subnets = private or sorted(view["subnet"])
    tables = sorted(name for name in view["route_table"] if not private or name.startswith(f"{stem}-private-"))
    for service in network.endpoints:
        gateway = service in GATEWAY_SERVICES
        fields: Fields = {
            "service": f"com.amazonaws.{network.region}.{service}",
            "type": "Gateway" if gateway else "Interface",
        }
        more = (
            {"route_tables": tables}
            if gateway
            else {"subnets": subnets, "security_groups": [f"{stem}-endpoints-sg"], "private_dns": True}
        )
        view["endpoint"][f"{stem}-{service}"] = {**fields, **more}
    if any(fields["type"] == "Interface" for fields in view["endpoint"].values()):
        view["security_group"][f"{stem}-endpoints-sg"] = {"ingress": [f"tcp {HTTPS} {network.cidr}"]}


# What each kind's parts are called after the network's name; whatever else lies in the VPC is somebody else's.
SUFFIXES = {
    "vpc": "vpc",
    "internet_gateway": "igw",
    "subnet": f"(public|private)-{ZONE}",
    "address": f"nat-{ZONE}",
    "nat_gateway": f"nat-{ZONE}",
    "route_table": f"(public|private-{ZONE})-rtb",
    "network_acl": "(public|private)-acl",
    "security_group": "endpoints-sg",
    "endpoint": r"[a-z0-9.-]+",
    "flow_log": "flow-log",
}


def seen(network_name: str, vpc_id: str, answers: Mapping[str, Iterable[Answer]], dns: Mapping[str, bool]) -> Seen:
    """What stands, from AWS's descriptions by kind; `dns`: the VPC's dns_support and dns_hostnames."""
    ids: Ids = {}
    kept: dict[str, dict[str, Answer]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        pattern = re.compile(f"{re.escape(network_name)}-{SUFFIXES[kind]}")
        for thing in answers.get(kind, ()):
            name = tags_to_dict(thing.get("Tags")).get("Name", "")
            if pattern.fullmatch(name) and name not in kept[kind]:
                kept[kind][name] = thing
                ids[kind, name] = thing[ID_FIELDS[kind]]
    called = {thing_id: name for (kind, name), thing_id in ids.items()}
    view: View = {kind: {} for kind in KINDS}
    for kind, things in kept.items():
        for name, thing in things.items():
            fields = FIELDS[kind](thing, called, vpc_id)
            view[kind][name] = {**fields, "tags": tags_to_dict(thing.get("Tags"))}
    for fields in view["vpc"].values():
        fields.update(dns)
    pending = tuple(
        ids[kind, name]
        for kind in ("nat_gateway", "endpoint")
        for name, thing in kept[kind].items()
        if str(thing.get("State", "")).lower() == "pending"
    )
    return Seen(view, ids, pending)


ID_FIELDS = {
    "vpc": "VpcId",
    "internet_gateway": "InternetGatewayId",
    "subnet": "SubnetId",
    "address": "AllocationId",
    "nat_gateway": "NatGatewayId",
    "route_table": "RouteTableId",
    "network_acl": "NetworkAclId",
    "security_group": "GroupId",
    "endpoint": "VpcEndpointId",
    "flow_log": "FlowLogId",
}


def names_of(ids: Iterable[str], called: Mapping[str, str]) -> list[str]:
    """The names of these ids; an id that is nobody's name stays."""
    return sorted(called.get(thing_id, thing_id) for thing_id in ids)


def vpc_fields(vpc: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    return {"cidr": vpc["CidrBlock"]}


def internet_gateway_fields(gateway: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    return {"attached": any(one["VpcId"] == vpc_id for one in gateway.get("Attachments", ()))}


def subnet_fields(subnet: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    return {
        "cidr": subnet["CidrBlock"],
        "zone": subnet["AvailabilityZone"],
        "public_addresses": bool(subnet.get("MapPublicIpOnLaunch")),
    }


def address_fields(address: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    return {}


def nat_gateway_fields(gateway: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    allocation = next((one.get("AllocationId", "") for one in gateway.get("NatGatewayAddresses", ())), "")
    return {
        "subnet": called.get(gateway["SubnetId"], gateway["SubnetId"]),
        "address": called.get(allocation, allocation),
    }


def route_table_fields(table: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    routes = {}
    for route in table.get("Routes", ()):
        target = route.get("NatGatewayId") or route.get("GatewayId") or ""
        # What AWS writes itself stays out: the way inside the VPC, and those of gateway endpoints.
        if route.get("DestinationCidrBlock") and target != "local" and not target.startswith("vpce-"):
            routes[route["DestinationCidrBlock"]] = called.get(target, target)
    associated = [one["SubnetId"] for one in table.get("Associations", ()) if one.get("SubnetId")]
    return {"routes": routes, "subnets": names_of(associated, called)}


# https://www.iana.org/assignments/protocol-numbers
PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp"}
LAST_ENTRY = 32767


def network_acl_fields(acl: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    entries: dict[bool, dict[int, str]] = {True: {}, False: {}}
    for one in acl.get("Entries", ()):
        if one["RuleNumber"] != LAST_ENTRY:
            ports = one.get("PortRange") or {}
            first, last = ports.get("From"), ports.get("To")
            text = "" if first is None else str(first) if first == last else f"{first}-{last}"
            protocol = PROTOCOLS.get(one["Protocol"], one["Protocol"])
            source = one.get("CidrBlock") or one.get("Ipv6CidrBlock", "")
            entries[one["Egress"]][one["RuleNumber"]] = entry(one["RuleAction"], protocol, source, text)
    return {
        "ingress": dict(sorted(entries[False].items())),
        "egress": dict(sorted(entries[True].items())),
        "subnets": names_of((one["SubnetId"] for one in acl.get("Associations", ())), called),
    }


def security_group_fields(group: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    rules = [
        f"{one['IpProtocol']} {one.get('FromPort', 'all')} {source['CidrIp']}"
        for one in group.get("IpPermissions", ())
        for source in one.get("IpRanges", ())
    ]
    return {"ingress": sorted(rules)}


def endpoint_fields(endpoint: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    fields = {"service": endpoint["ServiceName"], "type": endpoint["VpcEndpointType"]}
    if endpoint["VpcEndpointType"] == "Gateway":
        return {**fields, "route_tables": names_of(endpoint.get("RouteTableIds", ()), called)}
    return {
        **fields,
        "subnets": names_of(endpoint.get("SubnetIds", ()), called),
        "security_groups": names_of((one["GroupId"] for one in endpoint.get("Groups", ())), called),
        "private_dns": bool(endpoint.get("PrivateDnsEnabled")),
    }


def flow_log_fields(log: Answer, called: Mapping[str, str], vpc_id: str) -> Fields:
    destination = log.get("LogDestination") or log.get("LogGroupName", "")
    return {
        "traffic": log["TrafficType"],
        "destination_type": log.get("LogDestinationType", "cloud-watch-logs"),
        "destination": destination.removesuffix(":*"),
        "role_arn": log.get("DeliverLogsPermissionArn") or "",
    }


FIELDS = {
    "vpc": vpc_fields,
    "internet_gateway": internet_gateway_fields,
    "subnet": subnet_fields,
    "address": address_fields,
    "nat_gateway": nat_gateway_fields,
    "route_table": route_table_fields,
    "network_acl": network_acl_fields,
    "security_group": security_group_fields,
    "endpoint": endpoint_fields,
    "flow_log": flow_log_fields,
}


def target(before: View, after: View, purge: bool) -> View:
    """What shall stand after this run: all that is wanted, and without `purge` all that stands and may be in use."""
    view: View = {}
    gateways = {*before.get("internet_gateway", ()), *before.get("nat_gateway", ())}
    for kind in KINDS:
        stands, wants = before.get(kind, {}), after.get(kind, {})
        kept = {} if purge else {name: fields for name, fields in stands.items() if name not in wants}
        made = {name: {**stands.get(name, {}), **fields} for name, fields in wants.items()}
        if not purge:
            made = {name: in_use(stands[name], made[name], gateways) if name in stands else made[name] for name in made}
        view[kind] = {**made, **kept}
    return view


def in_use(stands: Fields, wants: Fields, gateways: set[str]) -> Fields:
    """The fields that are wanted, but no route that leads somewhere changes or goes, nor a place of an endpoint."""
    fields = dict(wants)
    if "routes" in wants:
        leading = {destination: goal for destination, goal in stands["routes"].items() if goal in gateways}
        fields["routes"] = {**wants["routes"], **leading}
    if "service" in wants:
        for places in ("subnets", "route_tables"):
            if places in wants:
                fields[places] = sorted({*stands.get(places, ()), *wants[places]})
    return fields


def changes(before: View, after: View) -> list[Change]:
    """What is to be done, in an order in which it can be: new parts and changes first, then what goes.

    :raises NetworkError: when a part would have to be something that AWS cannot make of it.
    """
    done: list[Change] = []
    for kind in KINDS:
        for name, fields in after.get(kind, {}).items():
            stands = before.get(kind, {}).get(name)
            if stands != fields:
                done += changed(kind, name, stands, fields)
    for kind in reversed(KINDS):
        done += [
            Change(kind, name, stands, None)
            for name, stands in before.get(kind, {}).items()
            if name not in after.get(kind, {})
        ]
    return done


# What is made anew where it differs: nothing depends on it.
REPLACED = ("flow_log",)


def changed(kind: str, name: str, stands: Fields | None, wants: Fields) -> Iterator[Change]:
    differing = [option for option in FIXED.get(kind, ()) if stands and stands.get(option) != wants.get(option)]
    if stands and differing and kind in REPLACED:
        yield Change(kind, name, stands, None)
        yield Change(kind, name, None, wants)
        return
    if stands and differing:
        told = ", ".join(f"{option} from {stands.get(option)} to {wants.get(option)}" for option in differing)
        raise NetworkError(
            f"AWS cannot change {told} of the {kind.replace('_', ' ')} {name}: it needs another network. "
            "Leave the value as it was, or remove the stack and make it again"
        )
    yield Change(kind, name, stands, wants)


def surplus(before: View, after: View) -> list[str]:
    """What a run without `purge` leaves standing though it is not wanted, such as `subnet amica-private-...`."""
    kept, bare = target(before, after, purge=False), target(before, after, purge=True)
    return [
        f"{'' if change.after is None else 'part of '}{change.kind.replace('_', ' ')} {change.name}"
        for change in changes(kept, bare)
    ]
