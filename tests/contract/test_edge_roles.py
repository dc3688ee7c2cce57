"""What leads to the chat, as the roles make it on a running embedded AWS without the rest of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.role import Role

NAME = "edgy"


@pytest.fixture(scope="module")
def subnets(clients: Any) -> list[str]:
    """Two subnets in a VPC of their own."""
    ec2 = clients("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
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
