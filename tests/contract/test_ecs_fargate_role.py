# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role `ecs_fargate` can do beside running tasks, on a running embedded AWS, without the rest of a stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.role import Role
from support.small_service import SmallService

pytestmark = pytest.mark.long

NAME = "connected"
SERVICE, CLUSTER = f"{NAME}-service", f"{NAME}-cluster"
NAMESPACE = "The services of the namespace can find each other"
CLUSTER_TASK = "The cluster exists"
DEFINITION = "The task definition says what runs"
SERVICE_TASK = "The service runs the task definition"
GONE = "The namespace is gone"
SCALING = "The service scales between its bounds"
PLAIN: dict[str, Any] = {
    "ecs_fargate_desired_count": 1,
    "ecs_fargate_min_count": 1,
    "ecs_fargate_max_count": 1,
    "ecs_fargate_circuit_breaker": False,
}
# As a survey hands them over.
SIZED = {
    **PLAIN,
    "ecs_fargate_architecture": "arm64",
    "ecs_fargate_spot_percent": "50",
    "ecs_fargate_on_demand_base": "1",
    "ecs_fargate_max_count": "4",
    "ecs_fargate_scaling_cpu": "60",
    "ecs_fargate_scaling_memory": "70",
    "ecs_fargate_scaling_requests": "1000",
    "ecs_fargate_scaling_schedules": [{"name": "new-year", "schedule": "at(2999-01-01T00:00:00)", "min_capacity": 1}],
}


@pytest.fixture(scope="module")
def parts(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    """What the role's service stands on."""
    made = SmallService(embedded_aws, "contract-role")
    made.client("logs").create_log_group(logGroupName=made.group)
    yield made
    made.client("logs").delete_log_group(logGroupName=made.group)
    made.remove_balancer()


@pytest.fixture(scope="module")
def role(embedded_aws: EmbeddedAws, parts: SmallService, tmp_path_factory: pytest.TempPathFactory) -> Role:
    given = {
        "amica_name": NAME,
        "ecs_fargate_image": f"{parts.repository}@sha256:{'0' * 64}",
        "ecs_fargate_repository_arn": "",
        "ecs_fargate_log_group": parts.group,
        "ecs_fargate_subnet_ids": parts.subnets,
        "ecs_fargate_security_group_ids": [],
        "ecs_fargate_target_group_arn": parts.target_group,
        "ecs_fargate_load_balancer_arn": "",
        "ecs_fargate_desired_count": 0,
        "ecs_fargate_min_count": 0,
    }
    return Role("ecs_fargate", embedded_aws, tmp_path_factory.mktemp("role"), given, afterwards=("ecs_fargate/purge",))


def namespaces(clients: Any) -> list[str]:
    return [one["Name"] for one in clients("servicediscovery").list_namespaces()["Namespaces"] if one["Name"] == NAME]


def connect(clients: Any) -> dict[str, Any]:
    """Service Connect as the service has it."""
    service = clients("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
    primary = next(one for one in service["deployments"] if one["status"] == "PRIMARY")
    return dict(primary["serviceConnectConfiguration"])


def port(clients: Any) -> dict[str, Any]:
    definition = clients("ecs").describe_task_definition(taskDefinition=f"{NAME}-task")["taskDefinition"]
    return dict(definition["containerDefinitions"][0]["portMappings"][0])


def test_service_connect_off_on_again_changed_and_off(role: Role, clients: Any) -> None:
    mesh = clients("servicediscovery")
    role()
    assert connect(clients) == {"enabled": False}, "off by default"
    assert "name" not in port(clients)

    on = {"ecs_fargate_service_connect": "true"}
    changes = [NAMESPACE, CLUSTER_TASK, DEFINITION, SERVICE_TASK]
    assert role(on, check=True) == changes
    assert namespaces(clients) == [], "check mode wrote something"
    assert role(on) == changes
    (namespace,) = mesh.list_namespaces()["Namespaces"]
    (cluster,) = clients("ecs").describe_clusters(clusters=[CLUSTER])["clusters"]
    assert cluster["serviceConnectDefaults"] == {"namespace": namespace["Arn"]}
    assert port(clients)["name"] == NAME
    found = connect(clients)
    assert found["namespace"] == namespace["Arn"]
    assert found["services"] == [
        {"portName": NAME, "discoveryName": NAME, "clientAliases": [{"port": 8080, "dnsName": NAME}]}
    ]
    assert found["logConfiguration"]["options"]["awslogs-stream-prefix"] == "service-connect"
    assert [one["Name"] for one in mesh.list_services()["Services"]] == [NAME]
    assert role(on) == []

    mesh.create_http_namespace(Name="somebodys")
    (foreign,) = (one for one in mesh.list_namespaces()["Namespaces"] if one["Name"] == "somebodys")
    changed = {
        **on,
        "ecs_fargate_service_connect_aliases": [{"dns_name": "chat.internal", "port": "80"}],
        "ecs_fargate_service_connect_namespace_arn": foreign["Arn"],
    }
    assert role(changed) == [CLUSTER_TASK, SERVICE_TASK, GONE]
    assert namespaces(clients) == []
    assert connect(clients)["namespace"] == foreign["Arn"]
    assert connect(clients)["services"][0]["clientAliases"] == [{"port": 80, "dnsName": "chat.internal"}]

    role(on)
    foreseen = role(check=True)
    assert namespaces(clients) == [NAME]
    assert foreseen == role() == [CLUSTER_TASK, DEFINITION, SERVICE_TASK, GONE]
    assert connect(clients) == {"enabled": False}
    assert namespaces(clients) == []
    assert role() == []

    role(on)
    assert GONE in role({**on, "ecs_fargate_state": "absent"})
    assert [one["Name"] for one in mesh.list_namespaces()["Namespaces"]] == ["somebodys"]
    mesh.delete_namespace(Id=foreign["Id"])


def test_where_and_how_many_tasks_run_is_on_again_changed_and_off(role: Role, clients: Any) -> None:
    def providers() -> dict[str, tuple[int, int]]:
        """Weight and base of each."""
        (service,) = clients("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
        found = service.get("capacityProviderStrategy", ())
        assert bool(found) == ("launchType" not in service)
        return {item["capacityProvider"]: (item["weight"], item.get("base", 0)) for item in found}

    assert {DEFINITION, SERVICE_TASK, SCALING} <= set(role(SIZED))
    assert providers() == {"FARGATE": (50, 1), "FARGATE_SPOT": (50, 0)}
    assert role(SIZED) == []
    changed = {**SIZED, "ecs_fargate_spot_percent": 100, "ecs_fargate_on_demand_base": 0, "ecs_fargate_max_count": 5}
    assert role(changed) == [SERVICE_TASK, SCALING]
    assert providers() == {"FARGATE_SPOT": (100, 0)}
    foreseen = role(PLAIN, check=True)
    assert providers(), "check mode wrote something"
    assert foreseen == role(PLAIN) == [DEFINITION, SERVICE_TASK, SCALING]
    assert providers() == {}
    assert role(PLAIN, check=True) == []
    role({"ecs_fargate_state": "absent"})


def test_traces_are_collected_again_changed_and_no_more(role: Role, clients: Any) -> None:
    roles = ["The execution role pulls, reads and writes what the tasks need and nothing else"]
    application = "The task role does what the application needs and nothing else"

    def boxes() -> dict[str, Any]:
        definition = clients("ecs").describe_task_definition(taskDefinition=f"{NAME}-task")["taskDefinition"]
        return {box["name"]: box for box in definition["containerDefinitions"]}

    def rights() -> list[str]:
        names = clients("iam").list_role_policies(RoleName=f"{NAME}-task-role")["PolicyNames"]
        documents = [
            clients("iam").get_role_policy(RoleName=f"{NAME}-task-role", PolicyName=name)["PolicyDocument"]
            for name in names
        ]
        return [action for one in documents for statement in one["Statement"] for action in statement["Action"]]

    role()
    assert (list(boxes()), rights()) == ([NAME], [])
    on = {"ecs_fargate_tracing": "true"}
    foreseen = role(on, check=True)
    assert list(boxes()) == [NAME], "check mode wrote something"
    assert foreseen == role(on) == [application, DEFINITION, SERVICE_TASK]
    assert rights() == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    found = boxes()
    assert found[NAME]["dependsOn"] == [{"containerName": f"{NAME}-collector", "condition": "START"}]
    collector = found[f"{NAME}-collector"]
    assert (collector["essential"], collector["cpu"], collector["memory"]) == (False, 32, 256)
    assert collector["image"] == "public.ecr.aws/aws-observability/aws-otel-collector:v0.48.0"
    assert collector["logConfiguration"]["options"]["awslogs-stream-prefix"] == "collector"
    (configuration,) = (json.loads(variable["value"]) for variable in collector["environment"])
    assert configuration["service"]["pipelines"]["traces"]["exporters"] == ["awsxray"]
    variables = {one["name"]: one["value"] for one in found[NAME]["environment"]}
    assert (
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"]
        == f"http://{configuration['receivers']['otlp']['protocols']['http']['endpoint']}"
    )
    assert (variables["OTEL_SERVICE_NAME"], variables["OTEL_TRACES_SAMPLER_ARG"]) == (NAME, "1.0")
    for check in (True, False):
        assert role(on, check=check) == []

    copy = "111122223333.dkr.ecr.ap-southeast-1.amazonaws.com/tools/otel:v1"
    changed = {**on, "ecs_fargate_tracing_percent": "5", "ecs_fargate_tracing_image": copy}
    assert role(changed) == [*roles, DEFINITION, SERVICE_TASK]
    document = clients("iam").get_role_policy(RoleName=f"{NAME}-execution-role", PolicyName="task-start")
    pulled = next(one for one in document["PolicyDocument"]["Statement"] if one["Sid"] == "PullImage")
    assert pulled["Resource"] == ["arn:aws:ecr:ap-southeast-1:111122223333:repository/tools/otel"]
    variables = {one["name"]: one["value"] for one in boxes()[NAME]["environment"]}
    assert variables["OTEL_TRACES_SAMPLER_ARG"] == "0.05"

    foreseen = role(check=True)
    assert foreseen == role() == [*roles, application, DEFINITION, SERVICE_TASK]
    assert (list(boxes()), rights()) == ([NAME], [])
    assert role() == []
    role({"ecs_fargate_state": "absent"})
