# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's life on the embedded AWS, with real processes behind a real load balancer."""

from __future__ import annotations

import functools
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.small_app import PROGRAM
from support.small_app import push
from support.waiting import eventually

NAME = "life"
ENDED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


class Stack:
    """Network, load balancer, repository and cluster, and short names for the calls."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.ecs = aws.client("ecs")
        ec2, self.elb = aws.client("ec2"), aws.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=f"{aws.region}{zone}")["Subnet"][
                "SubnetId"
            ]
            for i, zone in enumerate("ab")
        ]
        self.port = free_port()
        balancer = self.elb.create_load_balancer(Name=NAME, Subnets=self.subnets)["LoadBalancers"][0]
        self.balancer = balancer["LoadBalancerArn"]
        self.group = self.elb.create_target_group(
            Name=NAME, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/health",
            HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=5, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
        self.elb.modify_target_group_attributes(TargetGroupArn=self.group, Attributes=[delay])
        forward = {"Type": "forward", "TargetGroupArn": self.group}
        self.elb.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=self.port, DefaultActions=[forward]
        )
        self.repository = aws.client("ecr").create_repository(repositoryName=NAME)["repository"]["repositoryUri"]
        aws.client("logs").create_log_group(logGroupName=f"/ecs/{NAME}")
        self.ecs.create_cluster(clusterName=NAME)

    def register(self, image: str, variables: dict[str, str], **more: Any) -> str:
        options = {"awslogs-group": f"/ecs/{NAME}", "awslogs-region": self.aws.region, "awslogs-stream-prefix": "ecs"}
        container = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": name, "value": value} for name, value in variables.items()],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **more,
        }
        answer = self.ecs.register_task_definition(
            family=NAME, cpu="256", memory="512", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
            executionRoleArn="arn:aws:iam::123456789012:role/x", containerDefinitions=[container],
        )  # fmt: skip
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def update(self, **options: Any) -> Any:
        self.ecs.update_service(cluster=NAME, service=NAME, **options)
        return eventually(self.ended)

    @property
    def service(self) -> Any:
        return self.ecs.describe_services(cluster=NAME, services=[NAME])["services"][0]

    def ended(self) -> Any:
        """The current service deployment, once it has ended."""
        arn = self.service["currentServiceDeployment"]
        release = self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
        return release if release["status"] in ENDED else None

    def tasks(self, status: str = "RUNNING") -> Any:
        arns = self.ecs.list_tasks(cluster=NAME, serviceName=NAME, desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster=NAME, tasks=arns)["tasks"] if arns else []

    def runs(self, count: int) -> bool:
        return bool(self.service["runningCount"] == count)

    def reasons(self) -> set[str]:
        return {task["stoppedReason"] for task in self.tasks("STOPPED")}

    def serves(self, opener: urllib.request.OpenerDirector) -> str:
        """The address of the task that answers."""
        with opener.open(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return str(answer.headers["Task"])

    def says(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def stack(embedded_aws: EmbeddedAws) -> Iterator[Stack]:
    made = Stack(embedded_aws)
    push(embedded_aws.endpoint, NAME, "1")
    network = {"awsvpcConfiguration": {"subnets": made.subnets, "assignPublicIp": "ENABLED"}}
    made.ecs.create_service(
        cluster=NAME, serviceName=NAME, taskDefinition=made.register(f"{made.repository}:1", {"VERSION": "1"}),
        desiredCount=1, launchType="FARGATE", networkConfiguration=network, healthCheckGracePeriodSeconds=10,
        loadBalancers=[{"targetGroupArn": made.group, "containerName": "app", "containerPort": 8080}],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        tags=[{"key": "amica:stack", "value": NAME}],
    )  # fmt: skip
    assert eventually(made.ended)["status"] == "SUCCESSFUL"
    yield made
    made.ecs.delete_service(cluster=NAME, service=NAME, force=True)
    eventually(lambda: made.service["status"] == "INACTIVE")
    made.ecs.delete_cluster(cluster=NAME)
    made.elb.delete_load_balancer(LoadBalancerArn=made.balancer)
    made.elb.delete_target_group(TargetGroupArn=made.group)
    embedded_aws.client("ecr").delete_repository(repositoryName=NAME, force=True)
    embedded_aws.client("logs").delete_log_group(logGroupName=f"/ecs/{NAME}")


def test_the_application_answers_and_its_lines_are_logged(stack: Stack) -> None:
    assert stack.says() == "1 -"
    identity = stack.tasks()[0]["taskArn"].split("/")[-1]
    logs = stack.aws.client("logs")
    lines = logs.get_log_events(logGroupName=f"/ecs/{NAME}", logStreamName=f"ecs/app/{identity}")["events"]
    assert lines[0]["message"] == "starting 1"


def test_a_new_image_rolls_out(stack: Stack) -> None:
    digest = push(stack.aws.endpoint, NAME, "2", f"# another\n{PROGRAM}")
    secret = stack.aws.client("secretsmanager").create_secret(Name=f"{NAME}-key", SecretString="hush")["ARN"]
    secrets = [{"name": "KEY", "valueFrom": secret}]
    definition = stack.register(f"{stack.repository}@{digest}", {"VERSION": "2"}, secrets=secrets)
    release = stack.update(taskDefinition=definition)
    assert release["status"] == "SUCCESSFUL"
    arn = release["targetServiceRevision"]["arn"]
    (revision,) = stack.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
    assert revision["containerImages"][0]["imageDigest"] == digest
    assert stack.says() == "2 hush"


@pytest.mark.parametrize(
    ("tag", "variables", "more", "reason"),
    [
        ("1", {"CRASH": "7"}, {}, "Essential container in task exited"),
        ("none", {}, {}, "CannotPullContainerError: "),
        (
            "1",
            {},
            {"secrets": [{"name": "KEY", "valueFrom": "nowhere"}]},
            "ResourceInitializationError: unable to",
        ),
        ("1", {"SICK": "1"}, {}, "Task failed ELB health checks in (target-group "),
    ],
    ids=["crash", "no image", "no secret", "sick"],
)
def test_what_fails_is_rolled_back(
    stack: Stack, tag: str, variables: dict[str, str], more: dict[str, Any], reason: str
) -> None:
    before = stack.service["taskDefinition"]
    release = stack.update(taskDefinition=stack.register(f"{stack.repository}:{tag}", variables, **more))
    assert release["status"] == "ROLLBACK_SUCCESSFUL"
    assert release["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert any(text.startswith(reason) for text in stack.reasons())
    assert stack.service["taskDefinition"] == before
    assert stack.says().split()[0] == "2"


def test_a_client_stays_with_its_task(stack: Stack) -> None:
    sticky = {"Key": "stickiness.enabled", "Value": "true"}
    stack.elb.modify_target_group_attributes(TargetGroupArn=stack.group, Attributes=[sticky])
    stack.ecs.update_service(cluster=NAME, service=NAME, desiredCount=2)
    known: dict[str, urllib.request.OpenerDirector] = {}

    def both_known() -> bool:
        stranger = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        known[stack.serves(stranger)] = stranger
        return len(known) == 2

    eventually(both_known)
    for _ in range(10):
        for task, client in known.items():
            assert stack.serves(client) == task


def test_scaling(stack: Stack) -> None:
    before = stack.service["currentServiceDeployment"]
    for count in (3, 1):
        stack.ecs.update_service(cluster=NAME, service=NAME, desiredCount=count)
        eventually(functools.partial(stack.runs, count))
    assert stack.service["currentServiceDeployment"] == before


def test_scheduled_actions_move_the_bounds_at_their_time(stack: Stack) -> None:
    scaling = stack.aws.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{NAME}/{NAME}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }

    def put(name: str, schedule: str, timezone: str = "UTC", **bounds: int) -> None:
        scaling.put_scheduled_action(
            **target, ScheduledActionName=name, Schedule=schedule, Timezone=timezone, ScalableTargetAction=bounds
        )

    def bounds() -> tuple[int, int]:
        (found,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        return found["MinCapacity"], found["MaxCapacity"]

    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=5)
    refused = {"cron(0 20 * * *)": "UTC", "rate(1 second)": "UTC", "at(noon)": "UTC", "rate(1 day)": "Nowhere"}
    for schedule, zone in refused.items():
        with pytest.raises(ClientError, match="ValidationException"):
            put("bad", schedule, zone, MinCapacity=4)
    put("past", "at(2020-01-01T00:00:00)", MinCapacity=4)
    (past,) = scaling.describe_scheduled_actions(**target)["ScheduledActions"]
    there = past["CreationTime"].astimezone(ZoneInfo("Asia/Singapore")).hour
    hours = ",".join(str((there + more) % 24) for more in range(3))
    # In UTC these hours are eight away; it would act before the other.
    put("elsewhere", f"cron(* {hours} * * ? *)", MinCapacity=3)
    put("here", f"cron(* {hours} * * ? *)", "Asia/Singapore", MinCapacity=2)
    put("often", "rate(1 minute)", MaxCapacity=7)
    eventually(lambda: bounds() == (2, 7))
    eventually(functools.partial(stack.runs, 2))
    scaling.deregister_scalable_target(**target)
    stack.ecs.update_service(cluster=NAME, service=NAME, desiredCount=1)
    eventually(functools.partial(stack.runs, 1))


def test_a_spot_task_that_aws_takes_back_is_replaced(stack: Stack) -> None:
    half = [{"capacityProvider": name, "weight": 50} for name in ("FARGATE", "FARGATE_SPOT")]
    stack.ecs.put_cluster_capacity_providers(
        cluster=NAME, capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    release = stack.update(desiredCount=2, capacityProviderStrategy=half, forceNewDeployment=True)
    assert release["status"] == "SUCCESSFUL"
    by_place = {task["capacityProviderName"]: task["taskArn"] for task in stack.tasks()}
    assert by_place.keys() == {"FARGATE", "FARGATE_SPOT"}

    def interrupt(arn: str) -> int:
        path = f"/_embedded_aws/interrupt/{arn.split('/')[-1]}"
        with urllib.request.urlopen(urllib.request.Request(f"{stack.aws.endpoint}{path}", method="POST")) as answer:
            return int(answer.status)

    with pytest.raises(urllib.error.HTTPError, match="404"):
        interrupt(by_place["FARGATE"])
    assert interrupt(by_place["FARGATE_SPOT"]) == 204
    codes = {task["taskArn"]: task["stopCode"] for task in stack.tasks("STOPPED")}
    assert codes[by_place["FARGATE_SPOT"]] == "SpotInterruption"

    def replaced() -> bool:
        running = [task for task in stack.tasks() if task["lastStatus"] == "RUNNING"]
        places = sorted(task["capacityProviderName"] for task in running)
        return places == ["FARGATE", "FARGATE_SPOT"] and by_place["FARGATE_SPOT"] not in {
            task["taskArn"] for task in running
        }

    eventually(replaced)
    assert stack.service["deployments"][0]["failedTasks"] == 0
    stack.update(desiredCount=1, capacityProviderStrategy=[], forceNewDeployment=True)
    assert stack.service["launchType"] == "FARGATE"
    eventually(functools.partial(stack.runs, 1))


def test_a_cluster_in_use_is_not_deleted(stack: Stack) -> None:
    with pytest.raises(ClientError, match="while Services are active"):
        stack.ecs.delete_cluster(cluster=NAME)


def test_tags_of_a_service(stack: Stack) -> None:
    arn = stack.service["serviceArn"]
    stack.ecs.tag_resource(resourceArn=arn, tags=[{"key": "colour", "value": "blue"}])
    stack.ecs.untag_resource(resourceArn=arn, tagKeys=["amica:stack"])
    assert stack.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "colour", "value": "blue"}]


def test_a_restart_brings_the_tasks_back(stack: Stack) -> None:
    before, (old,) = stack.service, stack.tasks()
    stack.aws.command("stop")
    stack.aws.start()
    (new,) = eventually(lambda: [task for task in stack.tasks() if task["lastStatus"] == "RUNNING"])
    eventually(lambda: "has reached a steady state" in stack.service["events"][0]["message"])
    assert new["taskArn"] != old["taskArn"]
    assert stack.says() == "2 hush"
    after = stack.service
    assert after["currentServiceDeployment"] == before["currentServiceDeployment"]
    assert after["deployments"][0]["failedTasks"] == 0
