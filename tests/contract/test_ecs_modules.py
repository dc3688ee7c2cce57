"""The modules over ECS on a running embedded AWS: each change is one change, and then none."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support.machine import free_port
from support.module import Module
from support.run_module import ModuleFailed
from support.run_module import run_module

CLUSTER = "contract-cluster"
FAMILY = "contract-task"
SERVICE = "contract-service"
TAGS = {"amica:stack": "contract", "amica:role": "ecs_fargate"}
PROVIDERS = ["FARGATE", "FARGATE_SPOT"]
HALF = [{"capacity_provider": name, "weight": 50} for name in PROVIDERS]

CONTAINER: dict[str, Any] = {
    "name": "chat",
    "image": "127.0.0.1:1/nothing@sha256:" + "0" * 64,
    "essential": True,
    "command": [],
    "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
    "environment": [{"name": "PORT", "value": 8080}, {"name": "MODE", "value": "echo"}],
    "secrets": [],
    "readonlyRootFilesystem": True,
    "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}],
    "linuxParameters": {"initProcessEnabled": True},
    "stopTimeout": 30,
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/contract", "mode": "non-blocking"}},
}
DEFINITION: dict[str, Any] = {
    "family": FAMILY,
    "cpu": 256,
    "memory": 512,
    "ephemeral_storage": 20,
    "network_mode": "awsvpc",
    "requires_compatibilities": ["FARGATE"],
    "runtime_platform": {"cpu_architecture": "X86_64", "operating_system_family": "LINUX"},
    "execution_role_arn": "arn:aws:iam::123456789012:role/contract-execution-role",
    "task_role_arn": "arn:aws:iam::123456789012:role/contract-task-role",
    "volumes": [{"name": "tmp"}],
    "containers": [CONTAINER],
    "keep_revisions": 3,
    "tags": TAGS,
}


Make = Callable[..., Module]


@pytest.fixture(scope="module")
def make(embedded_aws: Any) -> Make:
    def make_module(module: str, **options: Any) -> Module:
        return Module(module, {**embedded_aws.options, **options})

    return make_module


@pytest.fixture(scope="module")
def definition(make: Make) -> Iterator[Module]:
    module = make("ecs_task_definition", **DEFINITION)
    yield module
    module(state="absent")


def container(**members: Any) -> dict[str, Any]:
    return {"containers": [{**CONTAINER, **members}]}


def test_a_task_definition_comes_and_goes(make: Make) -> None:
    make("ecs_task_definition", **{**DEFINITION, "family": "contract-life"}).comes_and_goes()


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": 1024},
        {"cpu": 512, "memory": 1024},
        {"ephemeral_storage": 30},
        {"task_role_arn": "arn:aws:iam::123456789012:role/another"},
        {"task_role_arn": None},
        {"runtime_platform": {"cpu_architecture": "ARM64", "operating_system_family": "LINUX"}},
        container(image="127.0.0.1:1/nothing@sha256:" + "1" * 64),
        container(environment=[{"name": "PORT", "value": "8080"}, {"name": "MODE", "value": "rag"}]),
        container(secrets=[{"name": "TOKEN", "valueFrom": "arn:aws:ssm:ap-southeast-1:123456789012:parameter/token"}]),
        container(portMappings=[{"containerPort": 9090}]),
        container(command=["python", "serve.py"]),
        container(readonlyRootFilesystem=False),
        container(healthCheck={"command": ["CMD-SHELL", "true"], "retries": 2}),
        container(user="10001"),
    ],
    ids=lambda changes: "-".join(changes),
)
def test_each_change_is_one_revision(definition: Module, changes: dict[str, Any]) -> None:
    before = definition()["revision"]
    result = definition.changes_once(**changes)
    assert result["registered"]
    assert result["revision"] == before + 1


def test_the_same_in_other_words_is_no_change(definition: Module) -> None:
    definition()
    result = definition(
        volumes=[{"name": "tmp", "host": {}}],
        runtime_platform=None,
        **container(
            environment=[{"name": "MODE", "value": "echo"}, {"name": "PORT", "value": "8080"}],
            portMappings=[{"containerPort": "8080", "hostPort": 8080}],
            stopTimeout="30",
            readonlyRootFilesystem="true",
            cpu=0,
            essential=None,
        ),
    )
    assert not result["changed"], result["diff"]


def test_another_tag_makes_no_revision(definition: Module, clients: Any) -> None:
    before = definition()["revision"]
    result = definition.changes_once(tags={"amica:stack": "other"})
    assert not result["registered"]
    assert result["revision"] == before
    answer = clients("ecs").describe_task_definition(taskDefinition=FAMILY, include=["TAGS"])
    assert answer["tags"] == [{"key": "amica:stack", "value": "other"}]


def test_old_revisions_go_and_values_of_secrets_are_not_shown(definition: Module, clients: Any) -> None:
    for number in range(5):
        result = definition(**container(environment=[{"name": "API_TOKEN", "value": f"geheim-{number}"}]))
    assert "geheim" not in str(result)
    assert len(clients("ecs").list_task_definitions(familyPrefix=FAMILY)["taskDefinitionArns"]) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"memory": 700}, "512, 1024 or 2048 MiB"), (container(comand=["x"]), '"comand"')],
    ids=["size", "field"],
)
def test_what_aws_would_refuse_is_said_in_check_mode_too(definition: Module, changes: Any, said: str) -> None:
    for check in (True, False):
        with pytest.raises(ModuleFailed, match=said):
            definition(check=check, **changes)


def test_a_cluster_comes_and_goes(make: Make) -> None:
    make(
        "ecs_cluster",
        name="contract-life",
        container_insights="enabled",
        capacity_providers=PROVIDERS,
        default_capacity_provider_strategy=[{"capacity_provider": "FARGATE", "weight": 1}],
        tags=TAGS,
    ).comes_and_goes()


@pytest.fixture(scope="module")
def cluster(make: Make) -> Iterator[Module]:
    module = make(
        "ecs_cluster",
        name=CLUSTER,
        container_insights="disabled",
        capacity_providers=PROVIDERS,
        default_capacity_provider_strategy=[],
        tags=TAGS,
    )
    module()
    yield module
    module(state="absent")


@pytest.mark.parametrize(
    "changes",
    [
        {"container_insights": "enhanced"},
        {"capacity_providers": ["FARGATE"]},
        {"default_capacity_provider_strategy": HALF},
        {"tags": {"amica:stack": "other"}},
    ],
    ids=["insights", "providers", "strategy", "tags"],
)
def test_each_change_of_a_cluster_is_one(cluster: Module, changes: dict[str, Any]) -> None:
    cluster.changes_once(**changes)


def test_a_namespace_comes_and_goes_and_waits_for_what_is_in_it(make: Make, clients: Any) -> None:
    module = make("cloudmap_namespace", name="contract-mesh", tags=TAGS)
    module.comes_and_goes()
    done = module.changes_once(tags={"amica:stack": "other"})
    mesh = clients("servicediscovery")
    inside = mesh.create_service(Name="chat", NamespaceId=done["namespace"]["id"])["Service"]["Id"]
    with pytest.raises(ModuleFailed, match="still holds services"):
        module(state="absent", wait_timeout=1)
    mesh.delete_service(Id=inside)
    assert module(state="absent")["changed"]


def test_what_a_cluster_s_options_do_not_set_stays(cluster: Module) -> None:
    cluster()
    assert not cluster(
        container_insights=None, capacity_providers=None, default_capacity_provider_strategy=None, tags=None
    )["changed"]


@dataclass(frozen=True)
class Network:
    """What a service stands on."""

    subnets: list[str]
    security_group: str
    target_group: str


@pytest.fixture(scope="module")
def network(clients: Any) -> Iterator[Network]:
    ec2, elb = clients("ec2"), clients("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    group = ec2.create_security_group(GroupName="contract", Description="contract", VpcId=vpc)["GroupId"]
    target_group = elb.create_target_group(Name="contract-tg", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    balancer = elb.create_load_balancer(Name="contract-alb", Subnets=subnets, SecurityGroups=[group])
    balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_listener(
        LoadBalancerArn=balancer_arn,
        Protocol="HTTP",
        Port=free_port(),
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )
    yield Network(subnets, group, target_group)
    elb.delete_load_balancer(LoadBalancerArn=balancer_arn)
    elb.delete_target_group(TargetGroupArn=target_group)
    ec2.delete_security_group(GroupId=group)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def service_options(network: Network, arn: str) -> dict[str, Any]:
    return {
        "cluster": CLUSTER,
        "name": SERVICE,
        "task_definition": arn,
        "desired_count": 0,
        "launch_type": "FARGATE",
        "platform_version": "LATEST",
        "network_configuration": {
            "subnets": network.subnets,
            "security_groups": [network.security_group],
            "assign_public_ip": True,
        },
        "load_balancers": [
            {"target_group_arn": network.target_group, "container_name": "chat", "container_port": 8080}
        ],
        "health_check_grace_period": 120,
        "deployment_configuration": {
            "minimum_healthy_percent": 100,
            "maximum_percent": 200,
            "circuit_breaker": {"enable": True, "rollback": True},
        },
        "enable_execute_command": False,
        "propagate_tags": "SERVICE",
        "tags": TAGS,
        "wait_timeout": 60,
    }


@pytest.fixture(scope="module")
def service(make: Make, cluster: Module, definition: Module, network: Network) -> Iterator[Module]:
    module = make("ecs_service", **service_options(network, definition()["task_definition_arn"]))
    yield module
    module(state="absent")


def test_a_service_comes_and_goes_and_comes_again(
    make: Make, cluster: Module, definition: Module, network: Network
) -> None:
    options = {**service_options(network, definition()["task_definition_arn"]), "name": "contract-life"}
    module = make("ecs_service", **options)
    module.comes_and_goes()
    assert module()["changed"]
    assert module(state="absent")["changed"]


@pytest.mark.parametrize(
    ("changes", "deploys"),
    [
        ({"desired_count": 1, "update_desired_count": True}, False),
        ({"health_check_grace_period": 60}, False),
        ({"enable_execute_command": True}, False),
        ({"propagate_tags": "TASK_DEFINITION"}, False),
        ({"deployment_configuration": {"circuit_breaker": {"enable": True, "rollback": False}}}, False),
        ({"deployment_configuration": {"minimum_healthy_percent": 50, "maximum_percent": 150}}, False),
        (
            {
                "deployment_configuration": {
                    "circuit_breaker": {"enable": True, "rollback": True, "threshold": {"type": "COUNT", "value": 2}},
                    "alarms": {"names": ["contract"], "enable": True, "rollback": True},
                    "early_success_criteria": {"enable": True, "healthy_percent": 50},
                }
            },
            False,
        ),
        ({"load_balancers": [], "health_check_grace_period": None}, True),
        ({"platform_version": "1.4.0"}, True),
        ({"tags": {"amica:stack": "other"}}, False),
    ],
    ids=lambda changes: "-".join(changes) if isinstance(changes, dict) else "",
)
def test_each_change_of_a_service_is_one(service: Module, changes: dict[str, Any], deploys: bool) -> None:
    result = service.changes_once(**changes)
    assert result["deployment_started"] is deploys
    service(desired_count=0, update_desired_count=True)


def test_a_share_on_spot_comes_and_goes_by_one_deployment_each(service: Module) -> None:
    shared = {"launch_type": None, "capacity_provider_strategy": HALF}
    assert service.changes_once(**shared)["deployment_started"]
    assert service.changes_once(**{**shared, "capacity_provider_strategy": HALF[1:]})["deployment_started"]
    back = service(check=True), service()
    assert (
        back[0]["diff"]
        == back[1]["diff"]
        == {
            "before": {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 50, "base": 0}]},
            "after": {"capacityProviderStrategy": []},
        }
    )
    assert back[1]["deployment_started"]
    assert not service()["changed"]


def test_other_subnets_are_one_deployment(service: Module, network: Network) -> None:
    options = service.options["network_configuration"]
    result = service.changes_once(network_configuration={**options, "subnets": network.subnets[:1]})
    assert result["deployment_started"]
    assert result["diff"]["after"].keys() == {"networkConfiguration"}


def test_the_order_of_subnets_is_no_change(service: Module, network: Network) -> None:
    service()
    options = service.options["network_configuration"]
    assert not service(network_configuration={**options, "subnets": network.subnets[::-1]})["changed"]


def test_a_new_revision_and_its_port_are_one_deployment(service: Module, definition: Module) -> None:
    balancer = service.options["load_balancers"][0]
    revision = definition(**container(portMappings=[{"containerPort": 9090}]))
    result = service.changes_once(
        task_definition=revision["task_definition_arn"],
        load_balancers=[{**balancer, "container_port": 9090}],
    )
    assert result["deployment_started"]
    assert result["service"]["task_definition"] == revision["task_definition_arn"]
    assert result["deployment_id"].startswith("ecs-svc/")


def test_the_number_of_tasks_belongs_to_scaling_unless_said(service: Module) -> None:
    before = service()["service"]["desired_count"]
    result = service(desired_count=before + 5)
    assert not result["changed"]
    assert result["service"]["desired_count"] == before


def test_a_forced_deployment_is_a_change_each_time(service: Module) -> None:
    first = service(force_new_deployment=True)
    second = service(force_new_deployment=True)
    assert first["deployment_started"] and second["deployment_started"]
    assert first["deployment_id"] != second["deployment_id"]


def test_the_revision_that_a_service_runs_stays(service: Module, definition: Module) -> None:
    running = service()["service"]["task_definition"]
    for number in range(5):
        definition(**container(environment=[{"name": "ROUND", "value": number}]))
    assert not service()["changed"]
    assert definition(**container(environment=[{"name": "ROUND", "value": 9}]))["task_definition_arn"] != running


@pytest.fixture
def scaling(make: Make, service: Module) -> Iterator[Module]:
    service()
    module = make(
        "ecs_service_scaling",
        cluster=CLUSTER,
        service=SERVICE,
        min_capacity=0,
        max_capacity=4,
        target_tracking=[
            {"name": "cpu", "metric": "ECSServiceAverageCPUUtilization", "target_value": 60},
            {"name": "memory", "metric": "ECSServiceAverageMemoryUtilization", "target_value": 70},
            {
                "name": "requests",
                "metric": "ALBRequestCountPerTarget",
                "target_value": 1000,
                "resource_label": "app/amica-alb/1/targetgroup/amica-tg/2",
            },
        ],
        scheduled_actions=[{"name": "evening", "schedule": "cron(0 20 * * ? *)", "min_capacity": 0}],
        tags=TAGS,
    )
    yield module
    module(state="absent")


def test_scaling_comes_and_goes(scaling: Module) -> None:
    scaling.comes_and_goes()


def test_scaling_of_a_service_that_is_missing_is_absent(make: Make) -> None:
    assert not make("ecs_service_scaling", cluster="nowhere", service="nothing", state="absent")()["changed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"max_capacity": 6},
        {"target_tracking": []},
        {
            "target_tracking": [
                {
                    "name": "cpu",
                    "metric": "ECSServiceAverageCPUUtilization",
                    "target_value": 60,
                    "scale_out_cooldown": 60,
                    "scale_in_cooldown": 300,
                }
            ]
        },
        {"scheduled_actions": []},
        {"scheduled_actions": [{"name": "evening", "schedule": "rate(1 day)", "max_capacity": 3}]},
        {"tags": {"amica:stack": "other"}},
    ],
    ids=["bounds", "none", "cooldown", "no schedule", "schedule", "tags"],
)
def test_each_change_of_scaling_is_one(scaling: Module, changes: dict[str, Any]) -> None:
    scaling.changes_once(**changes)


def test_bounds_without_a_number_between_them_are_refused(scaling: Module) -> None:
    with pytest.raises(ModuleFailed, match="at least 5 and at most 2"):
        scaling(min_capacity=5, max_capacity=2)


def test_a_module_without_credentials_ends_with_one_sentence() -> None:
    environment = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    with pytest.raises(ModuleFailed, match="AWS_ACCESS_KEY_ID"):
        run_module("ecs_cluster", {"name": "x", "region": "ap-southeast-1"}, environment=environment)
