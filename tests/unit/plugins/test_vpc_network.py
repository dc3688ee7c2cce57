# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network as plain data: what is wanted of it, and what is to be done about what stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.parts import acl_entry
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import KINDS
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Change
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import FlowLogs
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Network
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import NetworkAcls
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import NetworkError
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import View
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import changes
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import seen
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import surplus
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import target
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import wanted

ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
PUBLIC = Network("amica", "10.0.0.0/16", 2, "eu-west-1", tags={"team": "chat"})
NAT = replace(PUBLIC, private_subnets=True, nat_gateways="single")
PER_ZONE = replace(NAT, nat_gateways="per_zone")
ENDPOINTS = replace(PUBLIC, private_subnets=True, endpoints=["s3", "logs"])


def names(view: View) -> dict[str, list[str]]:
    return {kind: list(parts) for kind, parts in view.items() if parts}


def done(before: View, after: View) -> list[tuple[str, str, str]]:
    verbs = {(False, True): "make", (True, True): "change", (True, False): "remove"}
    return [
        (verbs[one.before is not None, one.after is not None], one.kind, one.name) for one in changes(before, after)
    ]


def test_a_public_network() -> None:
    view = wanted(PUBLIC, ZONES)
    assert names(view) == {
        "vpc": ["amica-vpc"],
        "internet_gateway": ["amica-igw"],
        "subnet": ["amica-public-eu-west-1a", "amica-public-eu-west-1b"],
        "route_table": ["amica-public-rtb"],
    }
    assert view["subnet"]["amica-public-eu-west-1b"] == {
        "cidr": "10.0.16.0/20",
        "zone": "eu-west-1b",
        "public_addresses": True,
        "tags": {"team": "chat", "Name": "amica-public-eu-west-1b"},
    }
    assert view["route_table"]["amica-public-rtb"]["routes"] == {"0.0.0.0/0": "amica-igw"}


def test_another_zone_moves_none_of_the_others_and_private_ones_have_their_own_half() -> None:
    two, three = wanted(NAT, ZONES)["subnet"], wanted(replace(NAT, zone_count=3), ZONES)["subnet"]
    assert two.items() <= three.items()
    assert three["amica-private-eu-west-1a"]["cidr"] == "10.0.128.0/20"
    assert len({fields["cidr"] for fields in three.values()}) == 6


def test_too_few_zones_are_named() -> None:
    with pytest.raises(NetworkError, match=r"has 3 availability zones .*, not 4: lower the count"):
        wanted(replace(PUBLIC, zone_count=4), ZONES)


@pytest.mark.parametrize(("network", "ways"), [(NAT, ["a", "a"]), (PER_ZONE, ["a", "b"]), (ENDPOINTS, [None, None])])
def test_each_private_subnet_has_its_way_out(network: Network, ways: list[str | None]) -> None:
    tables = wanted(network, ZONES)["route_table"]
    found = [tables[f"amica-private-eu-west-1{zone}-rtb"]["routes"].get("0.0.0.0/0") for zone in "ab"]
    assert found == [way and f"amica-nat-eu-west-1{way}" for way in ways]


def test_endpoints_are_routes_or_addresses_in_the_private_subnets() -> None:
    view = wanted(ENDPOINTS, ZONES)
    private = ["amica-private-eu-west-1a", "amica-private-eu-west-1b"]
    assert view["endpoint"]["amica-s3"]["route_tables"] == [f"{name}-rtb" for name in private]
    logs = view["endpoint"]["amica-logs"]
    assert (logs["service"], logs["type"], logs["subnets"]) == ("com.amazonaws.eu-west-1.logs", "Interface", private)
    assert view["security_group"]["amica-endpoints-sg"]["ingress"] == ["tcp 443 10.0.0.0/16"]
    assert wanted(replace(ENDPOINTS, endpoints=["s3"]), ZONES)["security_group"] == {}


def test_network_acls_let_answers_through_and_close_the_private_side() -> None:
    acls = wanted(replace(NAT, network_acls=NetworkAcls([80], [443])), ZONES)["network_acl"]
    assert [*acls["amica-public-acl"]["ingress"].values()] == [
        "allow -1 10.0.0.0/16",
        "allow tcp 1024-65535 0.0.0.0/0",
        "allow tcp 80 0.0.0.0/0",
    ]
    assert [*acls["amica-private-acl"]["ingress"].values()] == [
        "allow -1 10.0.0.0/16",
        "allow tcp 1024-65535 0.0.0.0/0",
    ]
    assert [*acls["amica-private-acl"]["egress"].values()] == ["allow -1 10.0.0.0/16", "allow tcp 443 0.0.0.0/0"]
    assert acl_entry("allow tcp 1024-65535 0.0.0.0/0") == {
        "RuleAction": "allow",
        "Protocol": "6",
        "CidrBlock": "0.0.0.0/0",
        "PortRange": {"From": 1024, "To": 65535},
    }


@pytest.mark.parametrize(
    ("destination", "kind"),
    [("arn:aws:logs:eu-west-1:1:log-group:/flow:*", "cloud-watch-logs"), ("arn:aws:s3:::records", "s3")],
)
def test_flow_logs_go_where_the_arn_says(destination: str, kind: str) -> None:
    log = wanted(replace(PUBLIC, flow_logs=FlowLogs(destination)), ZONES)["flow_log"]["amica-flow-log"]
    assert (log["destination_type"], log["destination"]) == (kind, destination.removesuffix(":*"))


def test_parts_are_made_after_what_they_need_and_go_before_it() -> None:
    every = wanted(replace(PER_ZONE, endpoints=["s3", "logs"], network_acls=NetworkAcls([80], [443])), ZONES)
    made = [kind for _verb, kind, _name in done({}, every)]
    assert made == sorted(made, key=KINDS.index)
    gone = done(every, {})
    assert {verb for verb, _kind, _name in gone} == {"remove"}
    assert [kind for _verb, kind, _name in gone] == made[::-1]


def test_from_private_to_public_and_back_nothing_goes_that_is_in_use() -> None:
    private, public = wanted(NAT, ZONES), wanted(PUBLIC, ZONES)
    assert done(private, target(private, public, purge=False)) == []
    assert "nat gateway amica-nat-eu-west-1a" in surplus(private, public)
    assert {verb for verb, _kind, _name in done(private, target(private, public, purge=True))} == {"remove"}
    assert {verb for verb, _kind, _name in done(public, target(public, private, purge=False))} == {"make"}
    assert surplus(public, private) == []


def test_from_nat_to_endpoints_the_old_way_stays_until_the_purge() -> None:
    nat, endpoints = wanted(NAT, ZONES), wanted(ENDPOINTS, ZONES)
    moving = target(nat, endpoints, purge=False)
    assert moving["route_table"]["amica-private-eu-west-1a-rtb"]["routes"] == {"0.0.0.0/0": "amica-nat-eu-west-1a"}
    assert "part of route table amica-private-eu-west-1a-rtb" in surplus(nat, endpoints)
    moved = target(moving, endpoints, purge=True)
    assert moved["route_table"]["amica-private-eu-west-1a-rtb"]["routes"] == {}


def test_a_route_that_leads_somewhere_changes_with_the_purge_and_a_dead_one_at_once() -> None:
    single, per_zone = wanted(NAT, ZONES), wanted(PER_ZONE, ZONES)
    table = "amica-private-eu-west-1b-rtb"
    moving = target(single, per_zone, purge=False)
    assert moving["route_table"][table]["routes"] == {"0.0.0.0/0": "amica-nat-eu-west-1a"}
    assert surplus(single, per_zone) == [f"part of route table {table}"]
    assert target(moving, per_zone, purge=True)["route_table"][table]["routes"] == {"0.0.0.0/0": "amica-nat-eu-west-1b"}
    single["route_table"][table]["routes"] = {"0.0.0.0/0": "nat-that-is-gone"}
    mended = target(single, wanted(NAT, ZONES), purge=False)
    assert mended["route_table"][table]["routes"] == {"0.0.0.0/0": "amica-nat-eu-west-1a"}


def test_what_is_fixed_needs_another_network_and_a_flow_log_is_replaced() -> None:
    with pytest.raises(NetworkError, match=r"cannot change cidr from 10.0.0.0/16 to 10.1.0.0/16 of the vpc amica-vpc"):
        changes(wanted(PUBLIC, ZONES), wanted(replace(PUBLIC, cidr="10.1.0.0/16"), ZONES))
    one, other = (
        wanted(replace(PUBLIC, flow_logs=FlowLogs("arn:aws:s3:::records", traffic=traffic)), ZONES)
        for traffic in ("ALL", "REJECT")
    )
    assert done(one, other) == [("remove", "flow_log", "amica-flow-log"), ("make", "flow_log", "amica-flow-log")]


def test_tags_that_are_not_given_are_left_alone() -> None:
    stands, wants = wanted(PUBLIC, ZONES), wanted(replace(PUBLIC, tags=None), ZONES)
    assert changes(stands, target(stands, wants, purge=True)) == []


def test_only_parts_of_this_network_are_seen() -> None:
    def tags(name: str) -> list[dict[str, str]]:
        return [{"Key": "Name", "Value": name}]

    found = seen(
        "amica",
        "vpc-1",
        {
            "vpc": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "Tags": tags("amica-vpc")}],
            "subnet": [
                {"SubnetId": "s-1", "CidrBlock": "a", "AvailabilityZone": "z", "Tags": tags("amica-public-eu-west-1a")},
                {"SubnetId": "s-2", "CidrBlock": "b", "AvailabilityZone": "z", "Tags": tags("amica-database")},
                {"SubnetId": "s-3", "CidrBlock": "c", "AvailabilityZone": "z"},
            ],
            "nat_gateway": [
                {"NatGatewayId": "nat-1", "SubnetId": "s-1", "State": "pending", "Tags": tags("amica-nat-eu-west-1a")},
                {
                    "NatGatewayId": "nat-2",
                    "SubnetId": "s-1",
                    "State": "pending",
                    "Tags": tags("amica-nat-x"),
                },
            ],
        },
        {"dns_support": True, "dns_hostnames": False},
    )
    assert {*found.ids.values()} == {"vpc-1", "s-1", "nat-1"}
    assert found.pending == ("nat-1",)
    assert found.view["nat_gateway"]["amica-nat-eu-west-1a"]["subnet"] == "amica-public-eu-west-1a"
    assert found.view["vpc"]["amica-vpc"]["dns_hostnames"] is False
    assert isinstance(changes(found.view, {})[0], Change)
