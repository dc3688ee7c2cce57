# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network as the module makes it on the embedded AWS, as EC2's API shows it, changes it and removes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.converge import Result
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.converge import absent
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.converge import present
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import FlowLogs
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import Network
from ansible_collections.amica.stack.plugins.module_utils._vpc_network.plan import NetworkAcls
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait
from support.run_module import ModuleFailed
from support.run_module import run_module

NOTHING: dict[str, Any] = {"before": {}, "after": {}}
SERVICES = ["s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"]
WAIT = Wait(60, 0.1)
LOG_GROUP = "arn:aws:logs:ap-southeast-1:123456789012:log-group:/vpc/flow"
ROLE = "arn:aws:iam::123456789012:role/flow"


class Made:
    """One network's name, and what makes it."""

    def __init__(self, connection: dict[str, str], ec2: Any) -> None:
        self.connection, self.ec2, self.name = connection, ec2, f"net-{uuid.uuid4().hex[:8]}"
        self.options: dict[str, Any] = {"cidr": "10.20.0.0/16", "tags": {"amica:stack": self.name}}

    def __call__(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("vpc_network", {**self.connection, "name": self.name, **options}, check=check, diff=True)

    def converge(self, check: bool = False, purge: bool = True, **fields: Any) -> Result:
        """The same without a process of its own."""
        network = Network(self.name, "10.20.0.0/16", 2, "ap-southeast-1", tags=self.options["tags"])
        return present(self.ec2, Network(**{**vars(network), **fields}), purge, check, WAIT, WAIT)

    def remove(self, check: bool = False) -> Result:
        return absent(self.ec2, self.name, None, check, WAIT, WAIT)


@pytest.fixture
def made(embedded_aws: Any, clients: Any) -> Iterator[Made]:
    made = Made(embedded_aws.options, clients("ec2"))
    yield made
    with suppress(Exception):
        made.remove()


def test_it_is_made_as_asked_then_left_alone_and_goes_whole(made: Made, clients: Any) -> None:
    predicted = made(check=True, **made.options)
    assert predicted["network"]["id"] == "vpc-known-after-apply"
    first = made(**made.options)
    assert (predicted["changed"], predicted["diff"]) == (True, first["diff"])
    for check in (False, True):
        again = made(check=check, **made.options)
        assert (again["changed"], again["diff"], again["network"]) == (False, NOTHING, first["network"])
    vpc_id, public = first["network"]["id"], first["network"]["public_subnet_ids"]
    inside = [{"Name": "vpc-id", "Values": [vpc_id]}]
    subnets = made.ec2.describe_subnets(SubnetIds=public)["Subnets"]
    assert {(one["CidrBlock"], one["MapPublicIpOnLaunch"]) for one in subnets} == {
        ("10.20.0.0/20", True),
        ("10.20.16.0/20", True),
    }
    assert len({one["AvailabilityZone"] for one in subnets}) == 2
    assert tags_to_dict(subnets[0]["Tags"])["amica:stack"] == made.name
    (gateway,) = made.ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}])[
        "InternetGateways"
    ]
    tables = made.ec2.describe_route_tables(Filters=inside)["RouteTables"]
    (table,) = (one for one in tables if one["RouteTableId"] in first["network"]["route_table_ids"])
    assert {one["SubnetId"] for one in table["Associations"]} == {*public}
    assert {"0.0.0.0/0": gateway["InternetGatewayId"]}.items() <= {
        one["DestinationCidrBlock"]: one["GatewayId"] for one in table["Routes"]
    }.items()
    for option in ("enableDnsSupport", "enableDnsHostnames"):
        answer = made.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=option)
        assert answer[option[0].upper() + option[1:]]["Value"] is True

    assert made(check=True, state="absent")["changed"]
    assert made(state="absent")["changed"]
    assert not made(state="absent")["changed"]
    tagged = [{"Key": "amica:stack", "Values": [made.name]}]
    assert clients("resourcegroupstaggingapi").get_resources(TagFilters=tagged)["ResourceTagMappingList"] == []


def known(network: dict[str, Any]) -> dict[str, Any]:
    """What check mode, too, can know: how many there will be of each kind."""
    return {field: len(ids) for field, ids in network.items() if isinstance(ids, list) and field != "pending"}


CHANGES: list[dict[str, Any]] = [
    {"zone_count": 3},
    {"zone_count": 2},
    {"private_subnets": True, "nat_gateways": "single"},
    {"zone_count": 3, "private_subnets": True, "nat_gateways": "per_zone"},
    {"private_subnets": True, "endpoints": SERVICES},
    {"private_subnets": True, "nat_gateways": "single", "endpoints": ["s3"]},
    {"network_acls": NetworkAcls([80, 443, 8088], [443])},
    {"network_acls": NetworkAcls([80], [443, 5432]), "private_subnets": True},
    {"flow_logs": FlowLogs(LOG_GROUP, ROLE)},
    {"flow_logs": FlowLogs("arn:aws:s3:::records", traffic="REJECT")},
    {"tags": {"other": "1"}},
    {"tags": {}},
    {},
]


def test_each_way_in_and_out_is_one_change_then_none_and_can_be_taken_away(made: Made) -> None:
    vpc_id = made.converge().network["id"]
    for change in CHANGES:
        predicted, done, again = made.converge(check=True, **change), made.converge(**change), made.converge(**change)
        assert (predicted.changed, done.changed) == (True, True), change
        assert predicted.diff == done.diff, change
        assert known(predicted.network) == known(done.network), change
        assert (again.changed, again.diff) == (False, NOTHING), change
        assert done.network["id"] == vpc_id
    inside = [{"Name": "vpc-id", "Values": [vpc_id]}]
    assert len(made.ec2.describe_subnets(Filters=inside)["Subnets"]) == 2
    assert made.ec2.describe_vpc_endpoints(Filters=inside)["VpcEndpoints"] == []
    nats = made.ec2.describe_nat_gateways(Filters=inside)["NatGateways"]
    assert {one["State"] for one in nats} == {"deleted"}
    allocations = {one["AllocationId"] for nat in nats for one in nat["NatGatewayAddresses"] if "AllocationId" in one}
    assert not allocations & {one["AllocationId"] for one in made.ec2.describe_addresses()["Addresses"]}
    made.remove()
    assert made.ec2.describe_vpcs(Filters=inside)["Vpcs"] == []


def test_private_subnets_reach_the_internet_through_their_zones_gateway(made: Made) -> None:
    network = made.converge(private_subnets=True, nat_gateways="per_zone").network
    tables = made.ec2.describe_route_tables(RouteTableIds=network["route_table_ids"])["RouteTables"]
    ways = {
        association["SubnetId"]: route["NatGatewayId"]
        for table in tables
        for association in table["Associations"]
        for route in table["Routes"]
        if route.get("NatGatewayId")
    }
    assert {*ways} == {*network["private_subnet_ids"]}
    assert {*ways.values()} == {*network["nat_gateway_ids"]}
    zones = {one["SubnetId"]: one["AvailabilityZone"] for one in made.ec2.describe_subnets()["Subnets"]}
    for gateway in made.ec2.describe_nat_gateways(NatGatewayIds=network["nat_gateway_ids"])["NatGateways"]:
        (served,) = (subnet for subnet, way in ways.items() if way == gateway["NatGatewayId"])
        assert zones[served] == zones[gateway["SubnetId"]]


def test_what_was_left_goes_afterwards_and_each_of_the_two_foretells_its_own(made: Made) -> None:
    old: dict[str, Any] = {"private_subnets": True, "nat_gateways": "single"}
    new: dict[str, Any] = {"availability_zones": 3, "endpoints": ["s3"]}
    steps: list[dict[str, Any]] = [{"purge": False}, {"state": "purged"}]
    made(**made.options, **old)
    told = [made(check=True, **made.options, **new, **step)["diff"] for step in steps]
    done = [made(**made.options, **new, **step)["diff"] for step in steps]
    assert told == done != [NOTHING, NOTHING]
    assert not made(**made.options, **new)["changed"]


def test_nothing_in_use_goes_without_purge(made: Made) -> None:
    made.converge(private_subnets=True, nat_gateways="single")
    moved = made.converge(purge=False)
    assert (moved.changed, moved.network["private_subnet_ids"]) == (False, [])
    assert {one.rpartition(" ")[0] for one in moved.surplus} == {"subnet", "route table", "nat gateway", "address"}
    swapped = made.converge(purge=False, private_subnets=True, endpoints=["s3", "logs"])
    assert "part of route table " in "\n".join(swapped.surplus)
    tables = made.ec2.describe_route_tables(RouteTableIds=swapped.network["route_table_ids"])["RouteTables"]
    assert sum(bool(route.get("NatGatewayId")) for table in tables for route in table["Routes"]) == 2
    assert made.converge(purge=True).changed
    assert made.converge(purge=False).surplus == []


def test_a_run_that_was_cut_short_is_finished_by_the_next(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cut(Exception):
        pass

    def cut(**_options: Any) -> None:
        raise Cut

    for call in ("create_route", "associate_route_table", "attach_internet_gateway", "create_nat_gateway"):
        with monkeypatch.context() as patch:
            patch.setattr(made.ec2, call, cut)
            with pytest.raises(Cut):
                made.converge(private_subnets=True, nat_gateways="single")
        assert made.converge(private_subnets=True, nat_gateways="single").changed
        assert not made.converge(private_subnets=True, nat_gateways="single").changed
        made.remove()
    assert not [one for one in made.ec2.describe_addresses()["Addresses"] if made.name in str(one.get("Tags"))]


def test_what_somebody_else_put_there_stays(made: Made) -> None:
    vpc_id = made.converge().network["id"]
    other = made.ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.20.240.0/20")["Subnet"]["SubnetId"]
    assert not made.converge().changed
    assert made.ec2.describe_subnets(SubnetIds=[other])["Subnets"]
    made.ec2.delete_subnet(SubnetId=other)


@pytest.mark.parametrize("check", [True, False])
def test_what_aws_cannot_change_is_said(made: Made, check: bool) -> None:
    made.converge()
    with pytest.raises(ModuleFailed, match=r"AWS cannot change cidr from 10.20.0.0/16 to 10.21.0.0/16 of the vpc net-"):
        made(check=check, cidr="10.21.0.0/16")
    with pytest.raises(ModuleFailed, match=r"has 3 availability zones \(.*\), not 4: lower the count"):
        made(check=check, cidr="10.20.0.0/16", availability_zones=4)
