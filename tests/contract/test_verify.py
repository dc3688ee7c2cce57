"""What stands in the way of a stack, looked for on a running embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.run_module import ModuleFailed
from support.run_module import run_module

NAME = "contract-verify"


class Verify:
    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.connection = dict(aws.options)

    def __call__(self, check: bool = False, **options: Any) -> list[tuple[str, str, str]]:
        """(kind, check, subject) of each finding."""
        stack = run_module("stack_info", {**self.aws.options, "name": NAME})["stack"]
        try:
            result = run_module("stack_verify", {**self.connection, "stack": stack, **options}, check=check)
        except ModuleFailed as failure:
            result = failure.result
            assert any(one["kind"] == "problem" for one in result["findings"]), result["msg"]
            assert all(one["reason"] in result["msg"] and one["remedy"] in result["msg"] for one in result["findings"])
        return [(one["kind"], one["check"], one["subject"]) for one in result["findings"]]


@pytest.fixture
def verify(embedded_aws: EmbeddedAws) -> Verify:
    return Verify(embedded_aws)


@pytest.fixture
def deployer(verify: Verify, embedded_aws: EmbeddedAws) -> Iterator[None]:
    """The module runs as a user who may do all but ECS, from here on."""
    iam = embedded_aws.client("iam")
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["ecs:CreateService", "ecs:UpdateService"], "Resource": "*"},
    ]
    iam.create_user(UserName="deployer")
    iam.put_user_policy(
        UserName="deployer",
        PolicyName="most",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    verify.connection |= {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
    yield
    iam.delete_access_key(UserName="deployer", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="deployer", PolicyName="most")
    iam.delete_user(UserName="deployer")


def test_nothing_stands_in_the_way_of_an_empty_account(verify: Verify) -> None:
    assert verify() == []
    assert verify(check=True) == []


def test_everything_that_is_wrong_is_said_at_once(verify: Verify, embedded_aws: EmbeddedAws) -> None:
    manager, acm = embedded_aws.client("secretsmanager"), embedded_aws.client("acm", "us-east-1")
    iam, ecr = embedded_aws.client("iam"), embedded_aws.client("ecr")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName=f"{NAME}-task-role",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        Tags=[{"Key": "amica:stack", "Value": NAME}],
    )
    registry = ecr.get_authorization_token()["authorizationData"][0]["proxyEndpoint"].partition("://")[2]
    given_up = manager.create_secret(Name="contract-verify-given-up", SecretString="x")["ARN"]
    manager.delete_secret(SecretId=given_up, RecoveryWindowInDays=7)
    secret = manager.create_secret(Name="contract-verify-db", SecretString='{"user": "x"}')["ARN"]
    missing = "arn:aws:ssm:ap-southeast-1:123456789012:parameter/contract-verify/nothing"
    certificate = acm.request_certificate(DomainName="chat.example.com", ValidationMethod="DNS")["CertificateArn"]
    wrong: dict[str, Any] = {
        "memory": 8192,
        "max_count": 5000,
        "spot_percent": 50,
        "zones": 9,
        "elastic_ips": 9,
        "image": f"{registry}/{NAME}-stack:never-pushed",
        "secrets": {"API_KEY": given_up, "DATABASE_URL": f"{secret}:url::", "REDIS_URL": missing},
        "variables": ["PINECONE_ENVIRONMENT"],
        "certificates": [
            {"variable": "alb_certificate_arn", "arn": f"{certificate[:-3]}xyz", "domains": []},
            {"variable": "cloudfront_certificate_arn", "arn": certificate, "domains": ["chat.example.com"]},
        ],
        "domains": ["chat.example.com"],
        "hosted_domains": ["chat.example.com"],
        "subnet_ids": ["subnet-0123456789abcdef0"],
        "endpoints": ["s3", "ecr.api", "xray", "ecr"],
    }
    found = verify(**wrong)
    assert found == [
        ("problem", "region", "availability zones"),
        ("problem", "quotas", "Fargate vCPUs"),
        ("problem", "quotas", "Fargate Spot vCPUs"),
        ("problem", "quotas", "Elastic IP addresses"),
        ("problem", "size", "size of a task"),
        ("problem", "network", "vpc_endpoints"),
        ("problem", "network", "subnet-0123456789abcdef0"),
        ("problem", "image", wrong["image"]),
        ("problem", "secrets", "API_KEY"),
        ("problem", "secrets", "DATABASE_URL"),
        ("problem", "secrets", "REDIS_URL"),
        ("problem", "certificates", "alb_certificate_arn"),
        ("problem", "certificates", "cloudfront_certificate_arn"),
        ("problem", "domain", "chat.example.com"),
        ("warning", "roles", f"{NAME}-task-role"),
        ("warning", "variables", "PINECONE_ENVIRONMENT"),
        ("warning", "domain", "chat.example.com"),
    ]
    assert verify(check=True, **wrong) == found
    for one in (secret, given_up):
        manager.delete_secret(SecretId=one, ForceDeleteWithoutRecovery=True)
    iam.delete_role(RoleName=f"{NAME}-task-role")
    acm.delete_certificate(CertificateArn=certificate)


def test_what_the_credentials_may_not_do_is_simulated(verify: Verify, deployer: None) -> None:
    assert verify() == [("problem", "permissions", "ecs")]


def test_a_name_that_is_taken_by_another_is_said(verify: Verify, embedded_aws: EmbeddedAws) -> None:
    ecr = embedded_aws.client("ecr")
    ecr.create_repository(repositoryName=f"{NAME}-stack")
    assert verify() == [("problem", "names", f"repository {NAME}-stack")]
    arn = ecr.describe_repositories(repositoryNames=[f"{NAME}-stack"])["repositories"][0]["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "amica:stack", "Value": NAME}])
    assert verify() == []
    ecr.delete_repository(repositoryName=f"{NAME}-stack")


def test_what_tasks_reach_from_their_subnets_is_known(verify: Verify, embedded_aws: EmbeddedAws) -> None:
    ec2 = embedded_aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.1.0/24")["Subnet"]["SubnetId"]
    assert verify(subnet_ids=[subnet]) == [("problem", "network", subnet)]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert verify(subnet_ids=[subnet]) == []
    assert verify(subnet_ids=[subnet], assign_public_ip=False) == [("problem", "network", subnet)]
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
