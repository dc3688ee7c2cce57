# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of a few lines on an embedded AWS: an application that can be told by its environment how to fail."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port

APPLICATION = ROOT / "tests" / "support" / "fragile" / "app"
ARTIFACT = "application/vnd.amica.app.v1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


@dataclass
class SmallService:
    """All that one service needs, named after it. `make` it once, `deploy` versions of it, `remove` it."""

    aws: EmbeddedAws
    name: str

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    @property
    def group(self) -> str:
        return f"/ecs/{self.name}"

    @cached_property
    def port(self) -> int:
        return free_port()

    @cached_property
    def subnets(self) -> list[str]:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
        return [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for number, zone in enumerate(zones)
        ]

    @cached_property
    def target_group(self) -> str:
        elb, ec2 = self.client("elbv2"), self.client("ec2")
        balancer = elb.create_load_balancer(Name=f"{self.name}-alb", Subnets=self.subnets)["LoadBalancers"][0]
        vpc = ec2.describe_subnets(SubnetIds=self.subnets)["Subnets"][0]["VpcId"]
        group: str = elb.create_target_group(
            Name=f"{self.name}-tg",
            Protocol="HTTP",
            Port=8080,
            VpcId=vpc,
            TargetType="ip",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=10,
            HealthCheckTimeoutSeconds=5,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
        elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=self.port, DefaultActions=forward
        )
        return group

    @cached_property
    def shifting(self) -> dict[str, str]:
        """What ECS needs to move traffic to another target group: that group, and a rule that forwards to both."""
        elb = self.client("elbv2")
        mine = elb.describe_target_groups(TargetGroupArns=[self.target_group])["TargetGroups"][0]
        same = {name: mine[name] for name in ("Protocol", "Port", "VpcId", "TargetType", "HealthCheckPath")}
        other = elb.create_target_group(
            Name=f"{self.name}-alternate", HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, **same
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
        elb.modify_target_group_attributes(TargetGroupArn=other, Attributes=[delay])
        listener = elb.describe_listeners(LoadBalancerArn=mine["LoadBalancerArns"][0])["Listeners"][0]["ListenerArn"]
        groups = [{"TargetGroupArn": self.target_group, "Weight": 1}, {"TargetGroupArn": other, "Weight": 0}]
        rule = elb.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["*"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )["Rules"][0]["RuleArn"]
        return {
            "alternateTargetGroupArn": other,
            "productionListenerRule": rule,
            "roleArn": "arn:aws:iam::123456789012:role/contract-infrastructure",
        }

    @property
    def weights(self) -> dict[str, int]:
        """Of the rule that forwards to both target groups."""
        rule = self.client("elbv2").describe_rules(RuleArns=[self.shifting["productionListenerRule"]])["Rules"][0]
        groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {item["TargetGroupArn"]: item["Weight"] for item in groups}

    @cached_property
    def repository(self) -> str:
        made = self.client("ecr").create_repository(repositoryName=self.name)
        return str(made["repository"]["repositoryUri"])

    @cached_property
    def image(self) -> str:
        """The application, pushed; its digest."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(APPLICATION, "app")
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["python", "serve.py"], "WorkingDir": "/app", "Env": ["PORT=8080"]},
        }
        layer, settings = packed.getvalue(), json.dumps(config).encode()
        assert self.repository
        for blob in (layer, settings):
            self.push(blob)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": described(settings, "application/vnd.oci.image.config.v1+json"),
            "layers": [described(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
        }
        body = json.dumps(manifest).encode()
        self.ask("PUT", f"/v2/{self.name}/manifests/1", body, MANIFEST)
        return digest_of(body)

    def push(self, blob: bytes) -> None:
        place = self.ask("POST", f"/v2/{self.name}/blobs/uploads/")
        mark = "&" if "?" in place else "?"
        self.ask("PUT", f"{place}{mark}digest={digest_of(blob)}", blob, "application/octet-stream")

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> str:
        """The Location of the answer."""
        address = path if path.startswith("http") else self.aws.endpoint + path
        request = urllib.request.Request(address, data=body, method=method, headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.headers.get("Location", ""))

    def definition(
        self, environment: Mapping[str, str], image: str = "", secrets: Mapping[str, str] | None = None
    ) -> str:
        """A revision of the service's task; `image` is a tag instead of the digest that was pushed."""
        pinned = f"{self.repository}@{self.image}"
        options = {
            "awslogs-group": self.group,
            "awslogs-region": self.aws.region,
            "awslogs-stream-prefix": "ecs",
        }
        container = {
            "name": "chat",
            "image": f"{self.repository}:{image}" if image else pinned,
            "essential": True,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
            "secrets": [{"name": name, "valueFrom": arn} for name, arn in (secrets or {}).items()],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        }
        made = self.client("ecs").register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::123456789012:role/contract",
            containerDefinitions=[container],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def make(self, environment: Mapping[str, str], **more: Any) -> str:
        """Create the service; the id of its first deployment."""
        self.client("logs").create_log_group(logGroupName=self.group)
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName=self.name)
        answer = ecs.create_service(
            cluster=self.name,
            serviceName=self.name,
            taskDefinition=self.definition(environment),
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.subnets}},
            loadBalancers=[{"targetGroupArn": self.target_group, "containerName": "chat", "containerPort": 8080}],
            **{"desiredCount": 1, "deploymentConfiguration": configuration(breaker=True), **more},
        )
        return primary_id(answer["service"])

    def deploy(self, environment: Mapping[str, str], image: str = "", secrets: Mapping[str, str] | None = None) -> str:
        """Update the service; the id of the deployment that this started."""
        revision = self.definition(environment, image, secrets)
        answer = self.client("ecs").update_service(cluster=self.name, service=self.name, taskDefinition=revision)
        return primary_id(answer["service"])

    def running(self) -> list[str]:
        """The ARNs of the tasks that run."""
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=self.name, serviceName=self.name)["taskArns"]
        tasks = ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []
        return [task["taskArn"] for task in tasks if task["lastStatus"] == "RUNNING"]

    def stack(self, name: str) -> dict[str, Any]:
        """Variables by which the roles `alb` and `ecs_fargate` make a stack of this name of network, image and log."""
        ec2 = self.client("ec2")
        vpc = ec2.describe_subnets(SubnetIds=self.subnets)["Subnets"][0]["VpcId"]
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        return {
            "amica_name": name,
            "amica_http_port": self.port,
            "amica_edge_secrets": [],
            "alb_vpc_id": vpc,
            "alb_subnet_ids": self.subnets,
            "alb_security_group_ids": [groups[0]["GroupId"]],
            "alb_health_check_interval": 10,
            "alb_deregistration_delay": 10,
            "ecs_fargate_image": f"{self.repository}@{self.image}",
            "ecs_fargate_repository_arn": "",
            "ecs_fargate_log_group": self.group,
            "ecs_fargate_subnet_ids": self.subnets,
            "ecs_fargate_security_group_ids": [],
            "ecs_fargate_environment": {"VERSION": "main"},
        }

    def remove(self) -> None:
        ecs = self.client("ecs")
        ecs.delete_service(cluster=self.name, service=self.name, force=True)
        ecs.get_waiter("services_inactive").wait(
            cluster=self.name, services=[self.name], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        ecs.delete_cluster(cluster=self.name)
        self.client("logs").delete_log_group(logGroupName=self.group)
        self.client("ecr").delete_repository(repositoryName=self.name, force=True)
        self.remove_balancer()

    def remove_balancer(self) -> None:
        elb = self.client("elbv2")
        balancer = elb.describe_load_balancers(Names=[f"{self.name}-alb"])["LoadBalancers"][0]["LoadBalancerArn"]
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        for group in elb.describe_target_groups()["TargetGroups"]:
            if group["TargetGroupName"].startswith(f"{self.name}-"):
                elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])


def primary_id(service: Mapping[str, Any]) -> str:
    return next(str(item["id"]) for item in service["deployments"] if item["status"] == "PRIMARY")


def described(blob: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(blob), "size": len(blob)}


def configuration(*, breaker: bool) -> dict[str, Any]:
    return {
        "deploymentCircuitBreaker": {"enable": breaker, "rollback": breaker},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
    }


@contextmanager
def foundations(aws: EmbeddedAws, name: str) -> Iterator[SmallService]:
    """What a stack of roles can stand on: network, image and log group, which go at the end."""
    made = SmallService(aws, name)
    made.client("logs").create_log_group(logGroupName=made.group)
    yield made
    made.client("logs").delete_log_group(logGroupName=made.group)
    made.client("ecr").delete_repository(repositoryName=made.name, force=True)
