# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded ECS on a clock that the test moves, with containers and targets that the test decides about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from embedded_aws.context import Context
from embedded_aws.ecs.api import handlers
from embedded_aws.ecs.runtime import Container
from embedded_aws.ecs.runtime import ForeignImage
from embedded_aws.ecs.runtime import PullError
from embedded_aws.ecs.runtime import State
from embedded_aws.ecs.runtime import Usage
from embedded_aws.ecs.scheduler import Ecs
from embedded_aws.ecs.store import Store

ACCOUNT, REGION = "123456789012", "us-east-1"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/amica-tg/1"
ALTERNATE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/amica-tg-alternate/2"
RULE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/amica-alb/1/2/3"
NAMESPACE = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1"
DRAIN_SECONDS = 5.0


def forward(*weights: int) -> list[dict[str, Any]]:
    """The actions of the rule that forwards to both target groups."""
    groups = [
        {"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip((GROUP, ALTERNATE), weights, strict=True)
    ]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


class Table(dict[str, Any]):
    def all_items(self) -> list[tuple[tuple[str, str, str], Any]]:
        return [((ACCOUNT, REGION, key), value) for key, value in self.items()]


@dataclass
class FakeClock:
    time: float = 1000.0

    def now(self) -> float:
        return self.time

    def real(self, seconds: float) -> float:
        return seconds


@dataclass
class FakeRuntime:
    """`behaviour` by image repository: run, crash, unhealthy; `images` are the tags that can be pulled.

    Images from `registry.example` are of a kind that it cannot run.
    """

    name: str = "fake"
    images: dict[str, str] = field(default_factory=lambda: {"app:1": "sha256:aaa", "app:2": "sha256:bbb"})
    crashing: set[str] = field(default_factory=set)
    running: dict[str, Container] = field(default_factory=dict)
    ended: dict[str, State] = field(default_factory=dict)
    pulled: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def pull(self, image: str) -> str:
        self.pulled.append(image)
        if image.startswith("registry.example/"):
            raise ForeignImage(f"{image} is a container image")
        if "@" in image:
            return image.partition("@")[2]
        if image not in self.images:
            raise PullError(f"pull image manifest has been retried 1 time(s): {image}: not found")
        return self.images[image]

    def start(self, container: Container) -> None:
        self.running[container.task] = container
        self.started.append(container.name)
        if container.image.partition("@")[2] in self.crashing:
            self.end(container.task, 7)

    def end(self, task: str, code: int, reason: str = "") -> None:
        self.running.pop(task, None)
        self.ended[task] = State(False, code, reason)

    def address(self, task: str) -> str:
        return f"127.0.{int(task[:2], 16)}.{int(task[2:4], 16)}"

    def state(self, task: str, name: str) -> State:
        return self.ended[task] if task in self.ended else State(True)

    def usage(self) -> dict[tuple[str, str], Usage]:
        return {(task, container.name): Usage(0.0, 0) for task, container in self.running.items()}

    def stop(self, task: str, name: str) -> None:
        if task in self.running:
            self.end(task, 0)

    def remove(self, task: str) -> None:
        self.removed.append(task)

    def close(self) -> None:
        self.running.clear()


class FakeMesh:
    """Cloud Map with one namespace, `amica`; `services` are the names of the Cloud Map services in it."""

    def __init__(self) -> None:
        self.services: set[str] = set()

    def namespace(self, reference: str) -> str:
        return NAMESPACE if reference in (NAMESPACE, "amica") else ""

    def join(self, namespace: str, name: str) -> str:
        assert namespace == NAMESPACE
        self.services.add(name)
        return f"arn:service/{name}"

    def leave(self, arn: str) -> None:
        self.services.remove(arn.removeprefix("arn:service/"))


class World:
    """Calls like an API client (`world("CreateService", ...)`) and lets time pass (`world.after(seconds)`)."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.runtime = FakeRuntime()
        self.targets: dict[tuple[str, str, int], float | None] = {}
        self.sick: set[str] = set()
        self.lines: list[tuple[str, str, str]] = []
        self.secrets = {"arn:aws:secretsmanager:us-east-1:123456789012:secret:key": "hush"}
        self.groups = {"/ecs/amica-stack"}
        self.alarms: dict[str, str] = {}
        self.mesh = FakeMesh()
        self.steps: dict[str, Iterator[None]] = {}
        context = Context(
            home=Path("unused"),
            port=0,
            region=REGION,
            clock=self.clock,  # type: ignore[arg-type]
            runtime=self.runtime,
            register_target=lambda *key: self.targets.__setitem__(key, None),
            deregister_target=self._deregister,
            target_state=self._state,
            put_log_lines=self._put,
            read_secret=self._secret,
        )
        self.store = Store(
            clusters=Table(),
            services=Table(),
            tasks=Table(),
            definitions=Table(),
            revisions=Table(),
            tags=Table(),
            subnets=Table({"subnet-1": {"AvailabilityZone": "us-east-1b"}}),
            alarm_state=lambda name: self.alarms.get(name, ""),
            target_groups=Table({group: {"LoadBalancerArns": ["arn:alb"]} for group in (GROUP, ALTERNATE)}),
            rules=Table({RULE: {"Actions": forward(1, 0)}}),
            mesh=self.mesh,
            scope=lambda account, region: contextlib.nullcontext(),
            account=lambda: ACCOUNT,
            region=lambda: REGION,
        )
        self.store.clusters["amica-cluster"] = {
            "clusterName": "amica-cluster",
            "clusterArn": self.store.arn("cluster", "amica-cluster"),
            "status": "ACTIVE",
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        }
        self.ecs = Ecs(context, self.store, self.clock.now, threads=False)
        self.calls = handlers(self.ecs)

    def __call__(self, action: str, /, **data: Any) -> Any:
        if action.startswith(("Create", "Update", "Delete", "Describe", "List", "Put", "Run", "Stop", "Continue")):
            data.setdefault("cluster", "amica-cluster")
        return self.calls[action](data)

    def after(self, seconds: float) -> None:
        """Let this much time pass, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.time += 1
            self.round()

    def round(self) -> None:
        self.ecs.tick()
        for name, life in list(self.ecs.lives.items()):
            if next(self.steps.setdefault(name, life.steps()), StopIteration) is StopIteration:
                self.ecs.lives.pop(name, None)

    def register(self, image: str = "app:1", *others: dict[str, Any], **changes: Any) -> str:
        """:param others: containers beside the application's."""
        container = {
            "name": "amica",
            "image": image,
            "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/ecs/amica-stack", "awslogs-stream-prefix": "ecs"},
            },
            **changes,
        }
        answer = self(
            "RegisterTaskDefinition",
            family="amica-task",
            cpu="256",
            memory="512",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn="arn:aws:iam::123456789012:role/x",
            containerDefinitions=[container, *others],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create(self, definition: str, **options: Any) -> Any:
        return self("CreateService", **{
            "serviceName": "amica-service",
            "taskDefinition": definition,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "amica", "containerPort": 8080}],
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            **options,
        })["service"]  # fmt: skip

    def update(self, **options: Any) -> Any:
        return self("UpdateService", service="amica-service", **options)["service"]

    @property
    def service(self) -> Any:
        return self("DescribeServices", services=["amica-service"])["services"][0]

    @property
    def release(self) -> Any:
        """The newest service deployment."""
        arn = self("ListServiceDeployments", service="amica-service")["serviceDeployments"][0]["serviceDeploymentArn"]
        return self("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"][0]

    def tasks(self, status: str = "RUNNING") -> Any:
        arns = self("ListTasks", serviceName="amica-service", desiredStatus=status)["taskArns"]
        return self("DescribeTasks", tasks=arns)["tasks"]

    def events(self) -> list[str]:
        return [event["message"] for event in self.service["events"]]

    @property
    def weights(self) -> list[int]:
        """Of the production rule: the target group's and the alternate's."""
        return self.weights_of(RULE)

    def weights_of(self, rule: str) -> list[int]:
        return [item["Weight"] for item in self.store.rules.get(rule)["Actions"][0]["ForwardConfig"]["TargetGroups"]]

    def _deregister(self, *key: Any) -> None:
        if key in self.targets:
            self.targets[key] = self.clock.time + DRAIN_SECONDS

    def _state(self, *key: Any) -> tuple[str, str]:
        if key not in self.targets or (self.targets[key] or 2e9) <= self.clock.time:
            return "", ""
        if self.targets[key]:
            return "draining", "Target deregistration is in progress"
        address = key[1]
        digest = next(
            (c.image.partition("@")[2] for t, c in self.runtime.running.items() if self.runtime.address(t) == address),
            "",
        )
        return ("unhealthy", "Request timed out") if digest in self.sick else ("healthy", "")

    def _put(self, group: str, stream: str, lines: Any) -> None:
        if group not in self.groups:
            raise LookupError(group)
        self.lines += [(group, stream, line) for line, _ in lines]

    def _secret(self, reference: str) -> str:
        if reference not in self.secrets:
            raise LookupError("ResourceNotFoundException: Secrets Manager can't find the specified secret.")
        return self.secrets[reference]
