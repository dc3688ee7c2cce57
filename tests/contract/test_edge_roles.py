"""What leads to the chat, as the roles make it on a running embedded AWS without the rest of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.role import Role
from support.run_module import run_module

NAME = "edgy"
PLACE = "What is asked of the load balancer has a place"
BALANCER = "The load balancer forwards to the target group"
EDGE = "What the edge is asked is written down"


@pytest.fixture(scope="module")
def vpc(clients: Any) -> str:
    return str(clients("ec2").create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture(scope="module")
def subnets(vpc: str, clients: Any) -> list[str]:
    ec2 = clients("ec2")
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]


@pytest.fixture(params=[("internet-facing", "private"), ("internal", "cloudfront_only")])
def unlike(request: pytest.FixtureRequest, subnets: list[str], clients: Any) -> Iterator[tuple[str, str]]:
    """A load balancer with one scheme, and an `amica_edge` that asks for the other."""
    scheme, edge = request.param
    elb = clients("elbv2")
    made = elb.create_load_balancer(Name=f"{NAME}-alb", Subnets=subnets, Scheme=scheme)["LoadBalancers"][0]
    yield scheme, edge
    elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])


def test_a_load_balancer_that_would_have_to_be_another_one_is_refused(
    unlike: tuple[str, str], embedded_aws: EmbeddedAws, tmp_path: Any
) -> None:
    scheme, edge = unlike
    verify = Role("verify", embedded_aws, tmp_path, {"amica_name": NAME, "verify_mode": "never"})
    for check in (True, False):
        with pytest.raises(AssertionError, match=rf"amica_edge: {edge} .* {NAME}-alb, which is {scheme}.*destroy\.yml"):
            verify({"amica_edge": edge}, check=check)
    assert verify({"amica_edge": "open" if edge == "private" else "private"}) == []


@pytest.fixture
def edge(vpc: str, subnets: list[str], embedded_aws: EmbeddedAws, clients: Any, tmp_path: Any) -> Iterator[Role]:
    """The roles `alb` and `cloudfront`."""
    groups = clients("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    network = {"alb_vpc_id": vpc, "alb_subnet_ids": subnets, "alb_security_group_ids": [groups[0]["GroupId"]]}
    made = Role(
        "alb cloudfront", embedded_aws, tmp_path, {"amica_name": NAME, "amica_http_port": free_port(), **network}
    )
    yield made
    made({"amica_state": "absent"})


def test_access_logs_are_switched_on_changed_and_off(edge: Role, embedded_aws: EmbeddedAws, clients: Any) -> None:
    def stands() -> tuple[list[str], int, bool]:
        """Buckets and deliveries, and whether the stack is said to have logs."""
        buckets = [one["Name"] for one in clients("s3").list_buckets()["Buckets"] if one["Name"].startswith(NAME)]
        told = run_module("stack_info", {**embedded_aws.options, "name": NAME})["stack"]["edge"]
        deliveries = clients("logs", "us-east-1").describe_deliveries()["deliveries"]
        assert told["load_balancer_logs"] == told["distribution_logs"]
        return sorted(buckets), len(deliveries), told["distribution_logs"]

    edge()
    assert stands() == ([], 0, False)
    on = {"amica_access_logs": "true"}
    foreseen = edge(on, check=True)
    assert stands() == ([], 0, False)
    assert edge(on) == foreseen == [PLACE, BALANCER, EDGE]
    names = [f"{NAME}-access-123456789012-ap-southeast-1", f"{NAME}-edge-access-123456789012"]
    assert stands() == (names, 1, True)
    assert edge(on) == []
    assert edge({**on, "amica_access_logs_days": "30"}) == [PLACE, EDGE]
    assert edge() == [BALANCER, "The load balancer's log is gone", "The edge's log is gone"]
    assert stands() == ([], 0, False)
    edge(on)
    edge({**on, "amica_state": "absent"})
    assert stands() == ([], 0, False)
