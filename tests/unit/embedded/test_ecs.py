# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded ECS from the API to the runtime, on a clock that the test moves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from embedded_aws.ecs.store import ApiError
from support.fake_ecs import GROUP
from support.fake_ecs import World


@pytest.fixture
def world() -> World:
    return World()


def deployed(world: World, **options: Any) -> str:
    """A service that runs app:1; answers its task definition."""
    definition = world.register()
    world.create(definition, **options)
    world.after(10)
    return definition


def test_a_first_deployment_is_in_progress_until_its_tasks_are_healthy(world: World) -> None:
    service = world.create(world.register(), desiredCount=2)
    assert service["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert world.release["status"] == "PENDING"
    world.after(10)
    deployment = world.service["deployments"][0]
    assert (deployment["rolloutState"], deployment["runningCount"], deployment["desiredCount"]) == ("COMPLETED", 2, 2)
    assert world.events()[:2] == [
        "(service amica-service) has reached a steady state.",
        f"(service amica-service) (deployment {deployment['id']}) deployment completed.",
    ]
    release = world.release
    assert release["status"] == "SUCCESSFUL"
    assert release["serviceDeploymentArn"] == world.service["currentServiceDeployment"]
    assert release["targetServiceRevision"]["runningTaskCount"] == 2
    assert release["deploymentCircuitBreaker"] == {"status": "MONITORING_COMPLETE", "failureCount": 0, "threshold": 3}
    revision = world("DescribeServiceRevisions", serviceRevisionArns=[release["targetServiceRevision"]["arn"]])
    assert revision["serviceRevisions"][0]["containerImages"] == [
        {"containerName": "amica", "imageDigest": "sha256:aaa", "image": "app@sha256:aaa"}
    ]


def test_a_running_task_says_everything(world: World) -> None:
    deployed(world)
    (task,) = world.tasks()
    assert task["lastStatus"] == "RUNNING"
    assert task["createdAt"] <= task["pullStartedAt"] <= task["pullStoppedAt"] <= task["startedAt"]
    assert task["startedBy"] == world.service["deployments"][0]["id"]
    assert (task["group"], task["availabilityZone"]) == ("service:amica-service", "us-east-1b")
    (container,) = task["containers"]
    assert (container["image"], container["imageDigest"]) == ("app:1", "sha256:aaa")
    address = container["networkInterfaces"][0]["privateIpv4Address"]
    assert {"name": "privateIPv4Address", "value": address} in task["attachments"][0]["details"]
    assert (GROUP, address, 8080) in world.targets
    json.dumps(world.ecs.store.tasks)


WAITS = [{"containerName": "beside", "condition": "START"}]


def beside(image: str, essential: bool = False) -> dict[str, Any]:
    options = {"awslogs-group": "/ecs/amica-stack", "awslogs-stream-prefix": "beside"}
    logs = {"logDriver": "awslogs", "options": options}
    return {"name": "beside", "image": image, "essential": essential, "logConfiguration": logs}


def test_a_container_starts_after_those_that_it_depends_on(world: World) -> None:
    world.create(world.register("app:1", beside("app:2"), dependsOn=WAITS))
    world.after(10)
    assert world.runtime.started == ["beside", "amica"]
    with pytest.raises(ApiError, match="'amica' depends on 'beside', which is not in the task definition"):
        world.register(dependsOn=WAITS)


def test_a_task_goes_without_what_the_runtime_cannot_run_if_it_may_and_says_so(world: World) -> None:
    image = "registry.example/collector:1"
    world.create(world.register("app:1", beside(image), dependsOn=WAITS))
    world.after(10)
    (task,) = world.tasks()
    assert (task["lastStatus"], world.runtime.started) == ("RUNNING", ["amica"])
    told = {item["name"]: (item["lastStatus"], item.get("reason")) for item in task["containers"]}
    assert told == {"amica": ("RUNNING", None), "beside": ("STOPPED", f"{image} is a container image")}
    (line,) = (line for group, stream, line in world.lines if stream.startswith("beside/"))
    assert line == f"This container does not run here: {image} is a container image"


def test_a_task_cannot_go_without_an_essential_container(world: World) -> None:
    world.create(world.register("app:1", beside("registry.example/collector:1", essential=True)))
    world.after(5)
    stopped = world("ListTasks", cluster="amica-cluster", desiredStatus="STOPPED")["taskArns"]
    (task, *_) = world("DescribeTasks", cluster="amica-cluster", tasks=stopped)["tasks"]
    assert task["stoppedReason"].startswith("CannotPullContainerError: registry.example/collector:1")


def test_a_shell_is_answered_where_its_agent_runs(world: World) -> None:
    deployed(world, enableExecuteCommand=True)
    (task,) = world.tasks()
    (agent,) = task["containers"][0]["managedAgents"]
    assert (agent["name"], agent["lastStatus"]) == ("ExecuteCommandAgent", "RUNNING")

    def ask(**changes: Any) -> Any:
        asked = {"task": task["taskArn"], "command": "/bin/sh", "interactive": True, "cluster": "amica-cluster"}
        return world("ExecuteCommand", **(asked | changes))

    answer = ask()
    assert answer["containerName"] == ask(container="amica")["containerName"] == "amica"
    assert answer["taskArn"] == task["taskArn"]
    assert answer["session"]["streamUrl"].startswith("wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/ecs-")
    assert set(answer["session"]) == {"sessionId", "streamUrl", "tokenValue"}
    for changes, words in (
        ({"task": "0" * 32}, "task was not found"),
        ({"container": "other"}, "container name"),
        ({"interactive": False}, "Interactive is the only mode"),
    ):
        with pytest.raises(ApiError, match=words):
            ask(**changes)
    world("StopTask", task=task["taskArn"])
    with pytest.raises(ApiError, match="agent isn't running"):
        ask()


def test_a_shell_is_refused_where_it_was_not_enabled(world: World) -> None:
    deployed(world)
    world.update(enableExecuteCommand=True)
    (task,) = world.tasks()
    assert "managedAgents" not in task["containers"][0]
    with pytest.raises(ApiError, match="was not enabled when the task was run"):
        world("ExecuteCommand", cluster="amica-cluster", task=task["taskArn"], command="sh", interactive=True)


def test_a_new_definition_rolls_and_drains(world: World) -> None:
    deployed(world)
    (old,) = world.tasks()
    service = world.update(taskDefinition=world.register("app:2"))
    assert [item["status"] for item in service["deployments"]] == ["PRIMARY", "ACTIVE"]
    world.after(4)
    assert world.release["status"] == "IN_PROGRESS"
    assert world.tasks("STOPPED")[0]["lastStatus"] == "DEACTIVATING", "it drains first"
    world.after(10)
    (gone,) = world.tasks("STOPPED")
    assert (gone["taskArn"], gone["lastStatus"]) == (old["taskArn"], "STOPPED")
    assert gone["stopCode"] == "ServiceSchedulerInitiated"
    assert gone["stoppedReason"] == f"Scaling activity initiated by (deployment {service['deployments'][0]['id']})"
    assert len(world.service["deployments"]) == 1
    assert world.release["status"] == "SUCCESSFUL"


def test_a_crash_trips_the_breaker_and_rolls_back(world: World) -> None:
    first = deployed(world)
    before = world.service["deployments"][0]["id"]
    world.runtime.crashing.add("sha256:bbb")
    world.update(taskDefinition=world.register("app:2"))
    world.after(15)
    service = world.service
    assert service["taskDefinition"] == first
    assert service["deployments"][0]["id"] == before
    failed = service["deployments"][1]
    assert (failed["rolloutState"], failed["failedTasks"]) == ("FAILED", 3)
    assert failed["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    release = world.release
    assert release["status"] == "ROLLBACK_SUCCESSFUL"
    assert release["rollback"]["reason"].endswith("because the circuit breaker threshold was exceeded.")
    assert release["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert release["deploymentCircuitBreaker"]["failureCount"] == 3
    assert f"(service amica-service) rolling back to deployment {before}." in world.events()
    crashed = world.tasks("STOPPED")[0]
    assert (crashed["stopCode"], crashed["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert crashed["containers"][0]["exitCode"] == 7
    world.after(20)
    assert len(world.service["deployments"]) == 1, "the failed deployment leaves the list"


ALARMS = {"alarmNames": ["amica-5xx", "amica-slow"], "enable": True, "rollback": True}


def test_an_alarm_during_a_deployment_fails_it_and_rolls_back(world: World) -> None:
    first = deployed(world)
    world.alarms["amica-5xx"] = "OK"
    world.update(taskDefinition=world.register("app:2"), deploymentConfiguration={"alarms": ALARMS})
    world.after(2)
    assert world.release["alarms"]["status"] == "MONITORING"
    world.alarms["amica-5xx"] = "ALARM"
    world.after(15)
    assert world.service["taskDefinition"] == first
    release = world.release
    assert (release["status"], release["alarms"]["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
    assert release["alarms"]["triggeredAlarmNames"] == ["amica-5xx"]
    assert release["deploymentCircuitBreaker"]["status"] != "TRIGGERED"
    assert any("deployment failed: alarm detected." in text for text in world.events())


@pytest.mark.parametrize(
    ("alarms", "status"),
    [({"rollback": False}, "STOPPED"), ({"enable": False}, "SUCCESSFUL")],
    ids=["no rollback", "not enabled"],
)
def test_what_an_alarm_does_is_configured(world: World, alarms: dict[str, bool], status: str) -> None:
    deployed(world)
    world.update(taskDefinition=world.register("app:2"), deploymentConfiguration={"alarms": {**ALARMS, **alarms}})
    world.after(1)
    world.alarms["amica-slow"] = "ALARM"
    world.after(20)
    assert world.release["status"] == status


def test_an_alarm_that_was_on_before_does_not_keep_a_mend_from_being_deployed(world: World) -> None:
    deployed(world)
    world.alarms["amica-5xx"] = "ALARM"
    world.update(taskDefinition=world.register("app:2"), deploymentConfiguration={"alarms": ALARMS})
    world.after(20)
    assert world.release["status"] == "SUCCESSFUL"


def test_a_first_deployment_that_fails_has_nothing_to_roll_back_to(world: World) -> None:
    world.runtime.crashing.add("sha256:aaa")
    world.create(world.register())
    world.after(30)
    assert world.service["deployments"][0]["rolloutState"] == "FAILED"
    assert world.release["status"] == "STOPPED"
    assert len(world.tasks("STOPPED")) == 3, "no further tasks are started"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "app:none"}, "CannotPullContainerError: pull image manifest"),
        (
            {"secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:no"}]},
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            "failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch "
            "secret arn:aws:secretsmanager:us-east-1:123456789012:secret:no from secrets manager: ResourceNotFound",
        ),
        (
            {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/none"}}},
            "ResourceInitializationError: failed to validate logger args",
        ),
    ],
)
def test_why_a_task_does_not_start(world: World, change: dict[str, Any], reason: str) -> None:
    world.create(world.register(**change))
    world.after(4)
    task = world.tasks("STOPPED")[0]
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(reason)
    assert "startedAt" not in task


def test_a_target_that_fails_its_checks_is_replaced_after_the_grace_period(world: World) -> None:
    deployed(world, healthCheckGracePeriodSeconds=30)
    (old,) = world.tasks()
    world.sick.add("sha256:aaa")
    world.after(5)
    assert world.tasks() == [old]
    world.after(25)
    world.sick.clear()
    world.after(10)
    assert f"is unhealthy in (target-group {GROUP}) due to (reason Request timed out)." in " ".join(world.events())
    stopped = next(task for task in world.tasks("STOPPED") if task["taskArn"] == old["taskArn"])
    assert stopped["stoppedReason"] == f"Task failed ELB health checks in (target-group {GROUP})"
    assert len(world.tasks()) == 1


def test_an_application_that_never_gets_healthy_trips_the_breaker(world: World) -> None:
    first = deployed(world)
    world.sick.add("sha256:bbb")
    world.update(taskDefinition=world.register("app:2"))
    world.after(60)
    assert world.service["taskDefinition"] == first
    assert world.release["status"] == "ROLLBACK_SUCCESSFUL"


def test_scaling_starts_no_deployment(world: World) -> None:
    deployed(world)
    before = world.service["currentServiceDeployment"]
    world.update(desiredCount=3, healthCheckGracePeriodSeconds=9, enableExecuteCommand=True)
    world.update(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": False, "rollback": False}})
    world.after(5)
    assert world.service["runningCount"] == 3
    assert world.service["currentServiceDeployment"] == before
    world.update(desiredCount=1)
    world.after(10)
    assert world.service["runningCount"] == 1
    assert world.events()[0] == "(service amica-service) has reached a steady state."
    assert world.service["deploymentConfiguration"]["maximumPercent"] == 200


@pytest.mark.parametrize(
    "change",
    [
        {"forceNewDeployment": True},
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}},
        {"loadBalancers": []},
        {"platformVersion": "1.4.0"},
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}], "forceNewDeployment": True},
    ],
)
def test_what_starts_a_deployment(world: World, change: dict[str, Any]) -> None:
    deployed(world)
    before = world.service["currentServiceDeployment"]
    world.update(**change)
    assert world.service["currentServiceDeployment"] != before
    world.after(15)
    assert world.release["status"] == "SUCCESSFUL"


def test_the_same_again_changes_nothing(world: World) -> None:
    definition = deployed(world)
    before = world.service
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}
    world.update(taskDefinition=definition.split("/")[-1], networkConfiguration=network, platformVersion="LATEST")
    world.after(2)
    assert world.service == before


CONNECT = {
    "enabled": True,
    "namespace": "amica",
    "services": [{"portName": "chat", "clientAliases": [{"port": 80, "dnsName": "chat"}]}],
}
NAMED = [{"containerPort": 8080, "name": "chat"}]


def test_service_connect_holds_its_cloud_map_services_as_long_as_tasks_are_in_it(world: World) -> None:
    definition = world.register(portMappings=NAMED)
    world.create(definition, serviceConnectConfiguration=CONNECT)
    world.after(10)
    (deployment,) = world.service["deployments"]
    assert deployment["serviceConnectConfiguration"]["services"][0]["discoveryName"] == "chat"
    assert deployment["serviceConnectResources"] == [{"discoveryName": "chat", "discoveryArn": "arn:service/chat"}]
    assert "serviceConnectConfiguration" not in world.service
    world.update(serviceConnectConfiguration={"enabled": False})
    world.after(1)
    assert world.mesh.services == {"chat"}, "the old tasks are still there"
    world.after(20)
    assert world.mesh.services == set()
    world.update(serviceConnectConfiguration=CONNECT)
    world.after(20)
    world("DeleteService", service="amica-service", force=True)
    world.after(20)
    assert world.mesh.services == set()


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        ({**CONNECT, "namespace": "other"}, "NamespaceNotFoundException"),
        ({**CONNECT, "services": [{"portName": "none"}]}, "InvalidParameterException"),
    ],
)
def test_what_service_connect_cannot_be(world: World, connect: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as caught:
        world.create(world.register(portMappings=NAMED), serviceConnectConfiguration=connect)
    assert caught.value.code == code


def test_a_tag_means_the_same_image_through_the_whole_deployment(world: World) -> None:
    deployed(world)
    world.runtime.images["app:1"] = "sha256:moved"
    world.update(desiredCount=2)
    world.after(5)
    assert {task["containers"][0]["imageDigest"] for task in world.tasks()} == {"sha256:aaa"}
    world.update(forceNewDeployment=True)
    world.after(20)
    assert {task["containers"][0]["imageDigest"] for task in world.tasks()} == {"sha256:moved"}


def test_a_killed_container_is_replaced(world: World) -> None:
    deployed(world)
    (old,) = world.tasks()
    world.runtime.end(old["taskArn"].split("/")[-1], 137, "OutOfMemoryError: Container killed due to memory usage")
    world.after(5)
    (new,) = world.tasks()
    assert new["lastStatus"] == "RUNNING" and new["taskArn"] != old["taskArn"]
    (stopped,) = world.tasks("STOPPED")
    assert stopped["containers"][0]["exitCode"] == 137
    assert stopped["containers"][0]["reason"].startswith("OutOfMemoryError")


HALF = [
    {"capacityProvider": "FARGATE", "weight": 50, "base": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 50},
]


def providers(world: World) -> list[str | None]:
    return sorted(task.get("capacityProviderName") for task in world.tasks())


def test_a_share_of_the_tasks_is_on_spot_until_it_is_switched_off(world: World) -> None:
    deployed(world, desiredCount=5, launchType=None, capacityProviderStrategy=HALF)
    assert providers(world) == ["FARGATE"] * 3 + ["FARGATE_SPOT"] * 2
    assert "launchType" not in world.service
    world.update(capacityProviderStrategy=[], forceNewDeployment=True)
    world.after(20)
    assert world.service["launchType"] == "FARGATE"
    assert "capacityProviderStrategy" not in world.service
    assert {task.get("capacityProviderName") for task in world.tasks()} == {None}
    assert world.service["desiredCount"] == world.service["runningCount"] == 5


def test_an_interrupted_task_is_replaced_and_is_no_failure(world: World) -> None:
    deployed(world, desiredCount=3, launchType=None, capacityProviderStrategy=HALF)
    on_spot = next(task for task in world.tasks() if task["capacityProviderName"] == "FARGATE_SPOT")
    on_demand = next(task for task in world.tasks() if task["capacityProviderName"] == "FARGATE")
    assert not world.ecs.interrupt(on_demand["taskArn"].split("/")[-1])
    assert world.ecs.interrupt(on_spot["taskArn"].split("/")[-1])
    world.after(10)
    (stopped,) = world.tasks("STOPPED")
    assert (stopped["taskArn"], stopped["stopCode"]) == (on_spot["taskArn"], "SpotInterruption")
    assert providers(world) == ["FARGATE", "FARGATE", "FARGATE_SPOT"]
    assert world.service["deployments"][0]["failedTasks"] == 0


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ([{"capacityProvider": "OTHER", "weight": 1}], "not associated with the cluster"),
        ([{"capacityProvider": "FARGATE_SPOT"}], "at least one weight"),
        ([{**item, "base": 1} for item in HALF], "only contain one base"),
    ],
    ids=["unknown", "weights", "bases"],
)
def test_strategies_that_ecs_refuses(world: World, strategy: Any, words: str) -> None:
    deployed(world)
    with pytest.raises(ApiError, match=words):
        world.update(capacityProviderStrategy=strategy, forceNewDeployment=True)


def test_other_providers_need_a_forced_deployment_and_stay_while_they_are_used(world: World) -> None:
    deployed(world)
    with pytest.raises(ApiError, match="must force a new deployment"):
        world.update(capacityProviderStrategy=HALF)
    world.update(capacityProviderStrategy=HALF, forceNewDeployment=True)
    world.update(capacityProviderStrategy=HALF)
    with pytest.raises(ApiError, match="is in use"):
        world("PutClusterCapacityProviders", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[])
    world.update(capacityProviderStrategy=[], forceNewDeployment=True)
    world.after(20)
    answer = world("PutClusterCapacityProviders", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[])
    assert answer["cluster"] == world.store.cluster("amica-cluster")
    assert answer["cluster"]["capacityProviders"] == ["FARGATE"]


def test_a_service_is_deleted(world: World) -> None:
    deployed(world, tags=[{"key": "a", "value": "b"}], propagateTags="SERVICE")
    with pytest.raises(ApiError, match="scaled above 0"):
        world("DeleteService", service="amica-service")
    with pytest.raises(ApiError, match="Services are active"):
        world("DeleteCluster")
    assert world("DeleteService", service="amica-service", force=True)["service"]["status"] == "DRAINING"
    world.after(10)
    assert world.service["status"] == "INACTIVE"
    assert not world.store.tags
    assert world("ListServices")["serviceArns"] == []
    assert len(world.tasks("STOPPED")) == 1
    world.after(3601)
    assert world.tasks("STOPPED") == []
    assert world("DeleteCluster")["cluster"]["status"] == "INACTIVE"


def test_a_deployment_is_stopped_by_hand(world: World) -> None:
    first = deployed(world)
    world.sick.add("sha256:bbb")
    world.update(taskDefinition=world.register("app:2"), healthCheckGracePeriodSeconds=100)
    world.after(5)
    world("StopServiceDeployment", serviceDeploymentArn=world.release["serviceDeploymentArn"], stopType="ROLLBACK")
    assert world.release["status"] == "ROLLBACK_IN_PROGRESS"
    world.after(10)
    assert world.release["status"] == "ROLLBACK_SUCCESSFUL"
    assert world.service["taskDefinition"] == first


def test_a_restart_replaces_the_tasks_without_a_deployment(world: World) -> None:
    deployed(world)
    (old,) = world.tasks()
    before = world.service["currentServiceDeployment"]
    world.runtime.running.clear()
    world.ecs.lives.clear()
    world.ecs.resume()
    world.after(10)
    (new,) = world.tasks()
    assert new["taskArn"] != old["taskArn"] and new["lastStatus"] == "RUNNING"
    assert world.service["currentServiceDeployment"] == before
    assert world.service["deployments"][0]["failedTasks"] == 0


def test_a_task_on_its_own(world: World) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    definition = world.register(secrets=[{"name": "KEY", "valueFrom": next(iter(world.secrets))}])
    (task,) = world("RunTask", taskDefinition=definition, launchType="FARGATE", networkConfiguration=network)["tasks"]
    world.after(3)
    identity = task["taskArn"].split("/")[-1]
    container = world.runtime.running[identity]
    assert container.environment["KEY"] == "hush"
    container.log("hello", 0)
    assert world.lines == [("/ecs/amica-stack", f"ecs/amica/{identity}", "hello")]
    world("StopTask", task=task["taskArn"])
    world.after(2)
    (stopped,) = world("DescribeTasks", tasks=[identity])["tasks"]
    assert (stopped["lastStatus"], stopped["stopCode"], stopped["stoppedReason"]) == (
        "STOPPED",
        "UserInitiated",
        "Task stopped by user",
    )
    assert world.runtime.removed == [identity]
