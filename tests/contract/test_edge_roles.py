"""What leads to the chat, as the roles make it on a running embedded AWS without the rest of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.census import census
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.role import Role
from support.run_module import run_module
from support.run_module import stack_told

NAME = "edgy"
PLACE = "What is asked of the load balancer has a place"
GROUP = "The target group checks the tasks' health"
BALANCER = "The load balancer forwards to the target group"
DISTRIBUTION = "The edge serves the load balancer"
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


def test_on_again_changed_and_off(edge: Role, embedded_aws: EmbeddedAws) -> None:
    def foretold(variables: dict[str, Any]) -> list[str]:
        """What check mode says, which writes nothing, and what then changes, once."""
        stood = census(embedded_aws)
        foreseen = edge(variables, check=True)
        assert census(embedded_aws) == stood, "check mode wrote something"
        assert edge(variables) == foreseen
        assert edge(variables) == []
        return foreseen

    empty = census(embedded_aws)
    assert foretold({}) == [GROUP, BALANCER, DISTRIBUTION]
    plain = census(embedded_aws)
    changed = {
        "alb_deregistration_delay": "30",
        "alb_idle_timeout": "120",
        "cloudfront_waf": "true",
        "cloudfront_error_page": "true",
        "cloudfront_ipv6": "false",
        "amica_tags": {"team": "chat"},
    }
    firewall, page = "AWS WAF looks at each request", "There is a page for the time that the chat is down"
    assert foretold(changed) == [GROUP, BALANCER, firewall, page, DISTRIBUTION]
    assert foretold({}) == [GROUP, BALANCER, DISTRIBUTION, "The web ACL is gone", "The error page is gone"]
    assert census(embedded_aws) == plain
    edge(changed)
    foretold({"amica_state": "absent"})
    assert census(embedded_aws) == empty


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


@pytest.fixture
def shifting(vpc: str, subnets: list[str], embedded_aws: EmbeddedAws, tmp_path: Any) -> Iterator[Role]:
    """The roles `security_groups` and `alb` for deployments that shift traffic, and what follows the deployment."""
    network = {"security_groups_vpc_id": vpc, "alb_vpc_id": vpc, "alb_subnet_ids": subnets}
    given = {"amica_name": NAME, "amica_http_port": free_port(), "ecs_fargate_strategy": "canary", **network}
    made = Role("security_groups alb", embedded_aws, tmp_path, given, afterwards=("alb/purge",))
    yield made
    Role("alb", embedded_aws, tmp_path, given)({"amica_state": "absent"})


def test_a_listener_for_tests_is_switched_on_changed_and_off(
    shifting: Role, embedded_aws: EmbeddedAws, clients: Any
) -> None:
    def told() -> dict[str, Any]:
        return stack_told(embedded_aws.options, NAME)

    def ports() -> list[int]:
        return [one["port"] for one in told()["load_balancer"]["listeners"] if one["test"]]

    def reached() -> set[tuple[int, str]]:
        """From where which ports are, beside the chat's."""
        named = [{"Name": "group-name", "Values": [f"{NAME}-alb-sg"]}]
        (group,) = clients("ec2").describe_security_groups(Filters=named)["SecurityGroups"]
        entries = group["IpPermissions"]
        peers = {(entry["FromPort"], peer["CidrIp"]) for entry in entries for peer in entry["IpRanges"]}
        return {one for one in peers if one[1] != "0.0.0.0/0"}

    elb, opened = clients("elbv2"), "The internet reaches the load balancer, and only that the tasks"
    rule = "Tests reach the new version by this rule"
    shifting()
    stack = told()
    assert (ports(), reached(), stack["urls"]["test"]) == ([], set(), None)
    # ECS has moved the traffic, and tests begin where it is.
    both = [stack["target_group"]["arn"], stack["alternate_target_group"]["arn"]]
    groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in zip(both, (0, 100), strict=True)]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
    production = stack["alternate_target_group"]["rule_arn"]
    elb.modify_rule(RuleArn=production, Actions=forward)

    first, second = free_port(), free_port()
    on = {"alb_test_port": str(first), "security_groups_test_networks": ["10.0.0.0/8"]}
    foreseen = shifting(on, check=True)
    assert (ports(), reached()) == ([], set())
    assert shifting(on) == foreseen == [opened, BALANCER, rule]
    stack = told()
    assert (ports(), reached()) == ([first], {(first, "10.0.0.0/8")})
    assert stack["urls"]["test"].endswith(f":{first}")
    alternate = stack["alternate_target_group"]
    assert (alternate["rule_arn"], alternate["percent"]) == (production, 100)
    made = elb.describe_rules(RuleArns=[alternate["test_rule_arn"]])["Rules"][0]
    weights = {one["TargetGroupArn"]: one["Weight"] for one in made["Actions"][0]["ForwardConfig"]["TargetGroups"]}
    assert weights == {both[0]: 0, both[1]: 1}
    # Nobody but ECS writes the rule afterwards.
    elb.modify_rule(RuleArn=made["RuleArn"], Actions=forward)
    assert shifting(on) == []

    assert shifting({**on, "alb_test_port": second}) == [opened, BALANCER, rule, BALANCER]
    assert (ports(), reached()) == ([second], {(second, "10.0.0.0/8")})
    assert shifting(check=True) == shifting() == [opened, BALANCER]
    assert (ports(), reached()) == ([], set())
    assert shifting() == []
