"""What stack_info says of a stack on the embedded AWS: before it, while it stands, and after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._names import StackNames
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._stack_reader import read
from support.machine import free_port
from support.run_module import ModuleFailed
from support.run_module import run_module

NO_KEYS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
CONTAINER = {"image": "nowhere/app@sha256:" + "0" * 64, "portMappings": [{"containerPort": 8080}], "essential": True}
TRUST = '{"Version": "2012-10-17", "Statement": []}'


class Stack:
    """A stack of no tasks, made and removed with AWS's own API."""

    def __init__(self, clients: Any) -> None:
        self.clients = clients
        self.name = f"info-{uuid.uuid4().hex[:6]}"
        self.names: StackNames = names(self.name)
        self.tags = [{"Key": "amica:stack", "Value": self.name}, {"Key": "amica:environment", "Value": "dev"}]
        self.ecs_tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in self.tags]
        self.ids: dict[str, Any] = {}

    def tagged(self, kind: str, name: str = "") -> list[dict[str, Any]]:
        named = [{"Key": "Name", "Value": name}] if name else []
        return [{"ResourceType": kind, "Tags": [*self.tags, *named]}]

    def make(self) -> None:
        self.make_network()
        self.make_load_balancer()
        self.make_service()

    def make_network(self) -> None:
        ec2 = self.clients("ec2")
        tags = self.tagged("vpc", self.names.vpc)
        vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway(TagSpecifications=self.tagged("internet-gateway"))
        gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc)
        zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
        subnets = []
        for number, zone in enumerate(zones):
            tags = self.tagged("subnet", f"{self.name}-public-{zone}")
            cidr = f"10.7.{number}.0/24"
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone, TagSpecifications=tags)
            subnets.append(subnet["Subnet"]["SubnetId"])
            ec2.modify_subnet_attribute(SubnetId=subnets[-1], MapPublicIpOnLaunch={"Value": True})
        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=self.tagged("route-table"))["RouteTable"]
        table_id = table["RouteTableId"]
        ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
        groups = [
            ec2.create_security_group(
                GroupName=name, Description=name, VpcId=vpc, TagSpecifications=self.tagged("security-group")
            )["GroupId"]
            for name in (self.names.alb_security_group, self.names.tasks_security_group)
        ]
        everyone = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=everyone)
        self.ids |= {"vpc": vpc, "gateway": gateway_id, "subnets": subnets, "table": table_id, "groups": groups}

    def make_load_balancer(self) -> None:
        elb = self.clients("elbv2")
        group = elb.create_target_group(
            Name=self.names.target_group,
            Protocol="HTTP",
            Port=8080,
            VpcId=self.ids["vpc"],
            TargetType="ip",
            Tags=self.tags,
        )["TargetGroups"][0]["TargetGroupArn"]
        balancer = elb.create_load_balancer(
            Name=self.names.load_balancer,
            Subnets=self.ids["subnets"],
            SecurityGroups=self.ids["groups"][:1],
            Tags=self.tags,
        )["LoadBalancers"][0]["LoadBalancerArn"]
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=free_port(), DefaultActions=forward)
        self.ids |= {"group": group, "balancer": balancer}

    def make_service(self) -> None:
        ecs, iam = self.clients("ecs"), self.clients("iam")
        for role in (self.names.execution_role, self.names.task_role):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=self.tags)
        self.clients("ecr").create_repository(repositoryName=self.names.repository, tags=self.tags)
        group = self.names.log_group
        self.clients("logs").create_log_group(logGroupName=group, tags={tag["Key"]: tag["Value"] for tag in self.tags})
        self.clients("logs").put_retention_policy(logGroupName=group, retentionInDays=7)
        ecs.create_cluster(clusterName=self.names.cluster, tags=self.ecs_tags)
        definition = ecs.register_task_definition(
            family=self.names.family,
            cpu="256",
            memory="512",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{"name": self.names.container, **CONTAINER}],
            tags=self.ecs_tags,
        )["taskDefinition"]["taskDefinitionArn"]
        network = {
            "subnets": self.ids["subnets"],
            "securityGroups": self.ids["groups"][1:],
            "assignPublicIp": "ENABLED",
        }
        balanced = {"targetGroupArn": self.ids["group"], "containerName": self.names.container, "containerPort": 8080}
        ecs.create_service(
            cluster=self.names.cluster,
            serviceName=self.names.service,
            taskDefinition=definition,
            desiredCount=0,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            loadBalancers=[balanced],
            tags=self.ecs_tags,
        )
        self.clients("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs", MinCapacity=0, MaxCapacity=3, **self.scaled()
        )
        self.ids |= {"definition": definition}

    def scaled(self) -> dict[str, str]:
        resource = f"service/{self.names.cluster}/{self.names.service}"
        return {"ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount"}

    def remove(self) -> None:
        ecs, ec2, elb = self.clients("ecs"), self.clients("ec2"), self.clients("elbv2")
        self.clients("application-autoscaling").deregister_scalable_target(ServiceNamespace="ecs", **self.scaled())
        ecs.delete_service(cluster=self.names.cluster, service=self.names.service, force=True)
        ecs.deregister_task_definition(taskDefinition=self.ids["definition"])
        ecs.delete_cluster(cluster=self.names.cluster)
        elb.delete_load_balancer(LoadBalancerArn=self.ids["balancer"])
        elb.delete_target_group(TargetGroupArn=self.ids["group"])
        self.clients("ecr").delete_repository(repositoryName=self.names.repository, force=True)
        self.clients("logs").delete_log_group(logGroupName=self.names.log_group)
        for role in (self.names.execution_role, self.names.task_role):
            self.clients("iam").delete_role(RoleName=role)
        for group in self.ids["groups"]:
            ec2.delete_security_group(GroupId=group)
        for subnet in self.ids["subnets"]:
            ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_route_table(RouteTableId=self.ids["table"])
        ec2.detach_internet_gateway(InternetGatewayId=self.ids["gateway"], VpcId=self.ids["vpc"])
        ec2.delete_internet_gateway(InternetGatewayId=self.ids["gateway"])
        ec2.delete_vpc(VpcId=self.ids["vpc"])


@pytest.fixture(scope="module")
def stack(embedded_aws: Any, clients: Any) -> Iterator[Stack]:
    yield Stack(clients)


def kind_of(arn: str) -> str:
    service, resource = arn.split(":", 5)[2::3]
    return f"{service}:{resource.partition('/')[0]}"


def info(embedded_aws: Any, name: str, **options: Any) -> dict[str, Any]:
    answer = run_module("stack_info", {**embedded_aws.options, "name": name, **options})
    assert answer["changed"] is False
    found: dict[str, Any] = answer["stack"]
    return found


def test_before_it(embedded_aws: Any, stack: Stack) -> None:
    found = info(embedded_aws, stack.name)
    assert (found["absent"], found["exists"], found["tagged_resources"]) == (True, [], [])


def test_while_it_comes_up(embedded_aws: Any, stack: Stack) -> None:
    stack.make_network()
    found = info(embedded_aws, stack.name)
    assert found["health"] == "incomplete"
    assert found["vpc"]["public_subnet_ids"] == stack.ids["subnets"]
    stack.make_load_balancer()
    stack.make_service()


def test_while_it_stands(embedded_aws: Any, stack: Stack) -> None:
    found = info(embedded_aws, stack.name)
    assert (found["health"], found["summary"]) == ("degraded", "scaled to 0 tasks, so nobody answers")
    assert found["environment"] == "dev"
    assert [group["id"] for group in found["security_groups"].values()] == stack.ids["groups"]
    assert found["load_balancer"]["arn"] == stack.ids["balancer"]
    assert found["urls"]["load_balancer"].endswith(f":{found['load_balancer']['listeners'][0]['port']}")
    assert (found["task_definition"]["cpu"], found["task_definition"]["memory"]) == (256, 512)
    assert found["task_definition"]["image_digest"] == "sha256:" + "0" * 64
    assert (found["scaling"]["min"], found["scaling"]["max"]) == (0, 3)
    assert found["log_group"]["retention_days"] == 7
    assert len(found["exists"]) == 13
    kinds = {kind_of(arn) for arn in found["tagged_resources"]}
    assert {"ec2:vpc", "ec2:internet-gateway", "elasticloadbalancing:loadbalancer", "ecs:service"} <= kinds


# A tenth above what the whole of it takes.
MOST_CALLS = 38


def test_it_is_read_in_few_calls(embedded_aws: Any, stack: Stack) -> None:
    given = embedded_aws.options
    keys = {"aws_access_key_id": given["access_key"], "aws_secret_access_key": given["secret_key"]}
    before = embedded_aws.calls()
    read(Clients(given["region"], given["endpoint_url"], keys), stack.name)
    assert embedded_aws.calls() - before <= MOST_CALLS


def test_after_it(embedded_aws: Any, stack: Stack) -> None:
    stack.remove()
    found = info(embedded_aws, stack.name)
    assert (found["absent"], found["exists"], found["tagged_resources"]) == (True, [], [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint_url": "http://127.0.0.1:9"}, "AWS could not be reached"),
        ({"region": ""}, "No AWS region is set"),
        ({"access_key": "", "secret_key": ""}, "No AWS credentials were found"),
    ],
    ids=["endpoint", "region", "keys"],
)
def test_no_way_to_aws_is_one_sentence(embedded_aws: Any, options: dict[str, str], said: str) -> None:
    with pytest.raises(ModuleFailed, match=said) as failure:
        run_module("stack_info", {**embedded_aws.options, **options}, environment=NO_KEYS)
    assert "Traceback" not in str(failure.value.result)
