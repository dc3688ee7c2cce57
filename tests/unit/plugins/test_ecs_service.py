from __future__ import annotations

from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import DEFAULT_DEPLOYMENT
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import canonical
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import changes
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import primary
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import understood
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import update_request
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import wanted_service
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import without_grace
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.exceptions import ClientError
from botocore.stub import ANY
from botocore.stub import Stubber
from support.fake_clock import FakeClock

ARN = "arn:aws:ecs:eu-west-1:123456789012:service/amica-cluster/amica-service"
TASK = "arn:aws:ecs:eu-west-1:123456789012:task-definition/amica-task"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/amica-tg/1"
OPTIONS: dict[str, Any] = {
    "cluster": "amica-cluster",
    "name": "amica-service",
    "task_definition": f"{TASK}:3",
    "desired_count": 2,
    "update_desired_count": False,
    "launch_type": "FARGATE",
    "platform_version": "LATEST",
    "network_configuration": {
        "subnets": ["subnet-a", "subnet-b"],
        "security_groups": ["sg-1"],
        "assign_public_ip": True,
    },
    "load_balancers": [{"target_group_arn": GROUP, "container_name": "amica", "container_port": 8080}],
    "health_check_grace_period": 120,
    "deployment_configuration": {
        "minimum_healthy_percent": 100,
        "maximum_percent": 200,
        "circuit_breaker": {"enable": True, "rollback": True, "threshold": None, "reset_on_healthy_task": None},
        "alarms": None,
        "early_success_criteria": None,
    },
    "enable_execute_command": False,
    "propagate_tags": "SERVICE",
    "force_new_deployment": False,
    "wait_timeout": 10,
}
# The same as AWS returns it.
SERVICE: dict[str, Any] = {
    "serviceArn": ARN,
    "serviceName": "amica-service",
    "status": "ACTIVE",
    "taskDefinition": f"{TASK}:3",
    "desiredCount": 5,
    "runningCount": 5,
    "launchType": "FARGATE",
    "platformVersion": "LATEST",
    "networkConfiguration": {
        "awsvpcConfiguration": {
            "subnets": ["subnet-b", "subnet-a"],
            "securityGroups": ["sg-1"],
            "assignPublicIp": "ENABLED",
        }
    },
    "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "amica", "containerPort": 8080}],
    "serviceRegistries": [],
    "healthCheckGracePeriodSeconds": 120,
    "deploymentConfiguration": {
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    },
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "propagateTags": "SERVICE",
    "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}],
}


def difference(**options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    wanted = wanted_service({**OPTIONS, **options})
    wanted.pop("desiredCount", None)
    return changes(wanted, SERVICE)


def test_what_aws_returns_is_what_was_asked_for() -> None:
    assert difference() == ({}, {})


def test_what_is_not_set_is_not_wanted() -> None:
    assert wanted_service({"cluster": "c", "name": "n", "task_definition": "t"}) == {"taskDefinition": "t"}
    assert wanted_service({"load_balancers": []}) == {"loadBalancers": []}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"task_definition": f"{TASK}:4"}, "taskDefinition"),
        ({"platform_version": "1.4.0"}, "platformVersion"),
        ({"network_configuration": {"subnets": ["subnet-a"]}}, "networkConfiguration"),
        ({"network_configuration": {"security_groups": []}}, "networkConfiguration"),
        ({"network_configuration": {"assign_public_ip": False}}, "networkConfiguration"),
        ({"load_balancers": []}, "loadBalancers"),
        (
            {"load_balancers": [{"target_group_arn": GROUP, "container_name": "amica", "container_port": 9090}]},
            "loadBalancers",
        ),
        ({"service_registries": [{"registry_arn": "arn:1"}]}, "serviceRegistries"),
        ({"health_check_grace_period": 0}, "healthCheckGracePeriodSeconds"),
        ({"deployment_configuration": {"minimum_healthy_percent": 0}}, "deploymentConfiguration"),
        (
            {"deployment_configuration": {"circuit_breaker": {"enable": False, "rollback": False}}},
            "deploymentConfiguration",
        ),
        (
            {"deployment_configuration": {"alarms": {"names": ["a"], "enable": True, "rollback": True}}},
            "deploymentConfiguration",
        ),
        ({"deployment_configuration": {"strategy": "BLUE_GREEN"}}, "deploymentConfiguration"),
        ({"deployment_configuration": {"early_success_criteria": {"enable": True}}}, "deploymentConfiguration"),
        (
            {"deployment_configuration": {"lifecycle_hooks": [{"type": "PAUSE", "stages": ["POST_SCALE_UP"]}]}},
            "deploymentConfiguration",
        ),
        (
            {
                "load_balancers": [
                    {
                        "target_group_arn": GROUP,
                        "container_name": "amica",
                        "container_port": 8080,
                        "advanced_configuration": {
                            "alternate_target_group_arn": "arn:2",
                            "production_listener_rule": "arn:3",
                            "test_listener_rule": None,
                            "role_arn": "arn:4",
                        },
                    }
                ]
            },
            "loadBalancers",
        ),
        ({"enable_execute_command": True}, "enableExecuteCommand"),
        ({"enable_ecs_managed_tags": True}, "enableECSManagedTags"),
        ({"propagate_tags": "NONE"}, "propagateTags"),
        ({"availability_zone_rebalancing": "DISABLED"}, "availabilityZoneRebalancing"),
        (
            {"launch_type": None, "capacity_provider_strategy": [{"capacity_provider": "FARGATE_SPOT", "weight": 1}]},
            "capacityProviderStrategy",
        ),
    ],
    ids=str,
)
def test_every_field_counts(options: dict[str, Any], field: str) -> None:
    before, after = difference(**options)
    assert before.keys() == after.keys() == {field}
    wanted = {key: value for key, value in wanted_service({**OPTIONS, **options}).items() if key != "desiredCount"}
    updated = {**SERVICE, **update_request(wanted, SERVICE, after)}
    assert changes(wanted, updated) == ({}, {}), "an update leaves something to update"


NAMESPACE = "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-1"
CONNECT = {
    "enabled": True,
    "namespace": NAMESPACE,
    "services": [{"port_name": "chat", "client_aliases": [{"port": 80, "dns_name": "chat"}]}],
}
CONNECTED = {
    "enabled": True,
    "namespace": NAMESPACE,
    "services": [
        {"portName": "chat", "discoveryName": "chat", "clientAliases": [{"port": 80, "dnsName": "chat"}]},
    ],
}


@pytest.mark.parametrize(
    ("wanted", "running", "request_"),
    [
        (None, CONNECTED, None),
        (CONNECT, CONNECTED, None),
        ({"enabled": False}, None, None),
        ({"enabled": False}, {"enabled": False}, None),
        (CONNECT, None, CONNECTED),
        ({"enabled": False}, CONNECTED, {"enabled": False}),
        ({**CONNECT, "services": []}, CONNECTED, {"enabled": True, "namespace": NAMESPACE}),
        (CONNECT, {**CONNECTED, "logConfiguration": {"logDriver": "awslogs"}}, CONNECTED),
    ],
)
def test_service_connect_is_compared_and_written_as_a_whole(wanted: Any, running: Any, request_: Any) -> None:
    deployment = {"id": "ecs-svc/1", "status": "PRIMARY"}
    if running:
        deployment["serviceConnectConfiguration"] = running
    service = {**SERVICE, "deployments": [deployment]}
    members = wanted_service({"service_connect_configuration": wanted})
    _, after = changes(members, service)
    expected = {"serviceConnectConfiguration": request_} if request_ else {}
    assert update_request(members, service, after) == expected


def test_order_does_not_count() -> None:
    assert difference(network_configuration={"subnets": ["subnet-b", "subnet-a"]}) == ({}, {})
    two = [{"targetGroupArn": "b", "containerPort": 1}, {"targetGroupArn": "a", "containerPort": 2}]
    assert canonical({"loadBalancers": two}) == canonical({"loadBalancers": two[::-1]})
    providers = [{"capacityProvider": "B", "weight": 1, "base": 0}, {"capacityProvider": "A"}]
    assert canonical({"capacityProviderStrategy": providers}) == canonical(
        {"capacityProviderStrategy": [{"capacityProvider": "A", "weight": 0}, {"capacityProvider": "B", "weight": 1}]}
    )


def test_aws_s_defaults_are_no_difference() -> None:
    bare = {"taskDefinition": f"{TASK}:3", "launchType": "FARGATE", "platformVersion": ""}
    wanted = {
        "platformVersion": "LATEST",
        "enableExecuteCommand": False,
        "propagateTags": "NONE",
        "healthCheckGracePeriodSeconds": 0,
        "loadBalancers": [],
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        },
    }
    assert changes(wanted, bare) == ({}, {})


def test_a_launch_type_cannot_change() -> None:
    with pytest.raises(Refused, match="from launch type FARGATE to EC2"):
        difference(launch_type="EC2")


def test_a_service_goes_back_from_providers_to_its_launch_type() -> None:
    service = {**SERVICE, "launchType": None, "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}
    wanted = {"launchType": "FARGATE"}
    _, after = changes(wanted, service)
    assert update_request(wanted, service, after) == {"capacityProviderStrategy": [], "forceNewDeployment": True}


def test_an_update_keeps_what_is_not_set() -> None:
    service = {
        **SERVICE,
        "deploymentConfiguration": {
            **SERVICE["deploymentConfiguration"],
            "minimumHealthyPercent": 0,
            "alarms": {"alarmNames": ["a"], "enable": True, "rollback": False},
        },
    }
    wanted = wanted_service(
        {
            "deployment_configuration": {"maximum_percent": 150},
            "network_configuration": {"subnets": ["subnet-c"]},
        }
    )
    _, after = changes(wanted, service)
    assert update_request(wanted, service, after) == {
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "maximumPercent": 150,
            "minimumHealthyPercent": 0,
            "strategy": "ROLLING",
            "alarms": {"alarmNames": ["a"], "enable": True},
        },
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-c"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}
        },
    }


def test_another_strategy_leaves_nothing_of_the_old_one() -> None:
    service = {
        **SERVICE,
        "deploymentConfiguration": {
            "strategy": "CANARY",
            "bakeTimeInMinutes": 5,
            "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5},
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
        },
    }
    wanted = wanted_service(
        {"deployment_configuration": {"strategy": "LINEAR", "linear": {"percent": 25.0, "bake_time": 1}}}
    )
    _, after = changes(wanted, service)
    assert update_request(wanted, service, after)["deploymentConfiguration"] == {
        "strategy": "LINEAR",
        "bakeTimeInMinutes": 5,
        "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 1},
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
    }
    wanted = wanted_service({"deployment_configuration": {"strategy": "ROLLING"}})
    _, after = changes(wanted, service)
    assert update_request(wanted, service, after)["deploymentConfiguration"] == {
        "strategy": "ROLLING",
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
    }


def test_a_grace_period_needs_a_load_balancer() -> None:
    wanted = {"healthCheckGracePeriodSeconds": 120}
    assert without_grace(wanted, {}) == {}
    assert without_grace({**wanted, "loadBalancers": []}, SERVICE) == {"loadBalancers": []}
    assert without_grace(wanted, SERVICE) == wanted


def test_the_primary_deployment_is_the_current_one() -> None:
    deployments = [{"id": "1", "status": "ACTIVE"}, {"id": "2", "status": "PRIMARY"}]
    assert primary({"deployments": deployments}) == deployments[1]
    assert primary({}) == {}


class Ecs:
    def __init__(self) -> None:
        self.client = boto3.client("ecs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        self.stubber = Stubber(self.client)
        self.stubber.activate()
        self.time = FakeClock()

    def shows(self, **members: Any) -> None:
        self.stubber.add_response("describe_services", {"services": [{**SERVICE, **members}]})

    def shows_nothing(self) -> None:
        self.stubber.add_response("describe_services", {"services": [], "failures": [{"reason": "MISSING"}]})

    def updates(self, request: dict[str, Any], **members: Any) -> None:
        expected = {"cluster": "amica-cluster", "service": "amica-service", **request}
        self.stubber.add_response("update_service", {"service": {**SERVICE, **members}}, expected)

    def present(self, check: bool = False, **options: Any) -> Any:
        outcome = ensure_present(self.client, {**OPTIONS, **options}, check, self.time.wait)
        self.stubber.assert_no_pending_responses()
        return outcome

    def absent(self, check: bool = False) -> Any:
        outcome = ensure_absent(self.client, OPTIONS, check, self.time.wait)
        self.stubber.assert_no_pending_responses()
        return outcome


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()


def test_a_new_service_gets_everything_in_one_call(ecs: Ecs) -> None:
    ecs.shows_nothing()
    ecs.stubber.add_response(
        "create_service",
        {"service": SERVICE},
        {
            "cluster": "amica-cluster",
            "serviceName": "amica-service",
            "taskDefinition": f"{TASK}:3",
            "desiredCount": 2,
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
            "networkConfiguration": ANY,
            "loadBalancers": SERVICE["loadBalancers"],
            "healthCheckGracePeriodSeconds": 120,
            "deploymentConfiguration": {
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            "enableExecuteCommand": False,
            "propagateTags": "SERVICE",
            "tags": [{"key": "a", "value": "1"}],
        },
    )
    outcome = ecs.present(tags={"a": 1})
    assert outcome.values["service"]["tags"] == {"a": "1"}
    assert outcome.changed
    assert outcome.values["deployment_id"] == "ecs-svc/1"
    assert outcome.values["deployment_started"]


def test_the_same_service_is_read_once_and_its_count_left_to_scaling(ecs: Ecs) -> None:
    ecs.shows(tags=[{"key": "a", "value": "1"}])
    outcome = ecs.present(tags={"a": "1"})
    assert not outcome.changed
    assert outcome.values["deployment_id"] == "ecs-svc/1"
    assert not outcome.values["deployment_started"]
    assert outcome.values["service"]["tags"] == {"a": "1"}


def test_the_count_is_sent_when_asked_for(ecs: Ecs) -> None:
    ecs.shows()
    ecs.updates({"desiredCount": 2}, desiredCount=2)
    outcome = ecs.present(update_desired_count=True)
    assert (outcome.before, outcome.after) == ({"desiredCount": 5}, {"desiredCount": 2})
    assert not outcome.values["deployment_started"]


def test_a_family_stands_for_its_newest_revision(ecs: Ecs) -> None:
    ecs.shows()
    ecs.stubber.add_response("describe_task_definition", {"taskDefinition": {"taskDefinitionArn": f"{TASK}:3"}})
    assert not ecs.present(task_definition="amica-task").changed


def test_a_new_revision_starts_a_deployment(ecs: Ecs) -> None:
    ecs.shows()
    ecs.updates(
        {"taskDefinition": f"{TASK}:4"},
        taskDefinition=f"{TASK}:4",
        deployments=[{"id": "ecs-svc/2", "status": "PRIMARY"}, {"id": "ecs-svc/1", "status": "ACTIVE"}],
        currentServiceDeployment="arn:deployment",
    )
    outcome = ecs.present(task_definition=f"{TASK}:4")
    assert outcome.values["deployment_started"]
    assert outcome.values["deployment_id"] == "ecs-svc/2"
    assert outcome.values["service_deployment_arn"] == "arn:deployment"


def test_tags_alone_start_nothing(ecs: Ecs) -> None:
    ecs.shows(tags=[{"key": "old", "value": "1"}, {"key": "a", "value": "1"}])
    ecs.stubber.add_response("tag_resource", {}, {"resourceArn": ARN, "tags": [{"key": "a", "value": "2"}]})
    ecs.stubber.add_response("untag_resource", {}, {"resourceArn": ARN, "tagKeys": ["old"]})
    outcome = ecs.present(tags={"a": "2"})
    assert (outcome.before, outcome.after) == ({"tags": {"old": "1", "a": "1"}}, {"tags": {"a": "2"}})
    assert not outcome.values["deployment_started"]


def test_check_mode_only_reads(ecs: Ecs) -> None:
    ecs.shows()
    outcome = ecs.present(check=True, task_definition=f"{TASK}:4", tags={"a": "1"})
    assert outcome.changed
    assert outcome.values["deployment_started"]
    assert outcome.values["service"]["task_definition"] == f"{TASK}:4"
    ecs.shows(status="DRAINING")
    assert ecs.present(check=True).changed
    ecs.stubber.add_client_error("describe_services", "ClusterNotFoundException")
    assert ecs.present(check=True).changed
    ecs.shows()
    assert ecs.absent(check=True).changed


def test_a_draining_service_is_waited_for_and_made_again(ecs: Ecs) -> None:
    for _ in range(3):
        ecs.shows(status="DRAINING")
    ecs.shows(status="INACTIVE")
    ecs.stubber.add_response("create_service", {"service": SERVICE})
    assert ecs.present().changed
    assert ecs.time.time == 4


def test_draining_that_does_not_end_is_said(ecs: Ecs) -> None:
    for _ in range(7):
        ecs.shows(status="DRAINING")
    with pytest.raises(Refused, match="still drains after 10 s"):
        ecs.present()


@pytest.mark.parametrize("message", ["Unable to assume the service linked role. Please verify that it exists."])
def test_what_is_only_seconds_old_is_tried_again(ecs: Ecs, message: str) -> None:
    ecs.shows_nothing()
    ecs.stubber.add_client_error("create_service", "InvalidParameterException", message)
    ecs.stubber.add_response("create_service", {"service": SERVICE})
    assert ecs.present().changed


def test_other_refusals_are_not_tried_again(ecs: Ecs) -> None:
    ecs.shows_nothing()
    ecs.stubber.add_client_error("create_service", "InvalidParameterException", "No such subnet")
    with pytest.raises(ClientError, match="No such subnet"):
        ecs.present()


def test_what_stays_refused_is_said_as_aws_says_it(ecs: Ecs) -> None:
    ecs.shows_nothing()
    for _ in range(31):
        ecs.stubber.add_client_error(
            "create_service", "InvalidParameterException", "The target group does not have an associated load balancer."
        )
    with pytest.raises(ClientError, match="associated load balancer"):
        ecs.present()
    assert ecs.time.time == 60


def test_a_member_that_the_sdk_does_not_know_is_named(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = ecs.client.meta.service_model.shape_for("DeploymentCircuitBreaker")
    monkeypatch.setitem(
        ecs.client.meta.service_model._shape_resolver._shape_map,
        shape.name,
        {"type": "structure", "members": {"enable": {"shape": "Boolean"}, "rollback": {"shape": "Boolean"}}},
    )
    breaker = {"enable": True, "rollback": True, "threshold": {"type": "COUNT", "value": 3}}
    with pytest.raises(Refused, match=r"deploymentCircuitBreaker\.thresholdConfiguration: install a newer boto3"):
        ecs.present(deployment_configuration={"circuit_breaker": breaker})


def test_an_sdk_need_not_know_what_aws_does_anyway() -> None:
    shape = boto3.client("ecs", region_name="eu-west-1").meta.service_model.shape_for("DeploymentCircuitBreaker")
    old = type("Shape", (), {"members": {name: shape.members[name] for name in ("enable", "rollback")}})
    breaker: dict[str, Any] = {"enable": True, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}
    defaults = DEFAULT_DEPLOYMENT["deploymentCircuitBreaker"]
    assert understood(breaker, defaults, old) == {"enable": True}
    assert understood(breaker, defaults, shape) == breaker
    breaker["thresholdConfiguration"]["value"] = 20
    assert understood(breaker, defaults, old) == breaker


def test_a_service_is_deleted_and_its_drain_waited_for(ecs: Ecs) -> None:
    ecs.shows()
    ecs.stubber.add_response(
        "delete_service", {}, {"cluster": "amica-cluster", "service": "amica-service", "force": True}
    )
    ecs.shows(status="DRAINING")
    ecs.shows(status="INACTIVE")
    assert ecs.absent().changed
    assert ecs.time.time == 2


def test_one_that_drains_already_is_only_waited_for(ecs: Ecs) -> None:
    ecs.shows(status="DRAINING")
    ecs.shows(status="INACTIVE")
    assert not ecs.absent().changed


def test_what_is_gone_is_absent(ecs: Ecs) -> None:
    ecs.shows(status="INACTIVE")
    assert not ecs.absent().changed
    ecs.shows_nothing()
    assert not ecs.absent().changed
    ecs.stubber.add_client_error("describe_services", "ClusterNotFoundException")
    assert not ecs.absent().changed


def test_somebody_else_may_have_deleted_it_meanwhile(ecs: Ecs) -> None:
    ecs.shows()
    ecs.stubber.add_client_error("delete_service", "ServiceNotActiveException")
    ecs.shows(status="INACTIVE")
    assert ecs.absent().changed
