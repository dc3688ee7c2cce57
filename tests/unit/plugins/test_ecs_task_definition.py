from __future__ import annotations

import copy
import random
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import canonical
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import definition
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import hidden
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import obsolete
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import predicted
from ansible_collections.amica.stack.plugins.module_utils._ecs_task_definition import returned
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.exceptions import ParamValidationError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies

PREFIX = "arn:aws:ecs:eu-west-1:123456789012:task-definition/amica-task"
OPTIONS: dict[str, Any] = {
    "family": "amica-task",
    "cpu": 256,
    "memory": 512,
    "ephemeral_storage": 20,
    "network_mode": "awsvpc",
    "requires_compatibilities": ["FARGATE"],
    "execution_role_arn": "arn:aws:iam::123456789012:role/amica-execution-role",
    "volumes": [{"name": "tmp"}],
    "containers": [
        {
            "name": "amica",
            "image": "registry/amica@sha256:1",
            "command": [],
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": "PORT", "value": "8080"}, {"name": "MODE", "value": "echo"}],
            "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}],
            "readonlyRootFilesystem": True,
            "stopTimeout": 30,
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/amica-stack"}},
        }
    ],
}
# The same as AWS returns it.
ANSWER: dict[str, Any] = {
    "taskDefinitionArn": f"{PREFIX}:3",
    "family": "amica-task",
    "revision": 3,
    "status": "ACTIVE",
    "cpu": "256",
    "memory": "512",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "compatibilities": ["EC2", "FARGATE"],
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "executionRoleArn": "arn:aws:iam::123456789012:role/amica-execution-role",
    "placementConstraints": [],
    "volumes": [{"name": "tmp", "host": {}}],
    "containerDefinitions": [
        {
            "name": "amica",
            "image": "registry/amica@sha256:1",
            "cpu": 0,
            "links": [],
            "essential": True,
            "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
            "environment": [{"name": "MODE", "value": "echo"}, {"name": "PORT", "value": "8080"}],
            "environmentFiles": [],
            "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}],
            "volumesFrom": [],
            "secrets": [],
            "readonlyRootFilesystem": True,
            "stopTimeout": 30,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/ecs/amica-stack"},
                "secretOptions": [],
            },
            "systemControls": [],
        }
    ],
    "registeredAt": "2026-01-01T00:00:00Z",
    "registeredBy": "arn:aws:iam::123456789012:root",
}


def with_container(document: dict[str, Any], **members: Any) -> dict[str, Any]:
    field = "containers" if "containers" in document else "containerDefinitions"
    return {**document, field: [{**document[field][0], **members}]}


def test_what_aws_returns_is_what_was_registered() -> None:
    assert canonical(definition(OPTIONS)) == canonical(ANSWER)


def test_the_default_storage_is_not_sent() -> None:
    assert "ephemeralStorage" not in definition(OPTIONS)
    assert definition({**OPTIONS, "ephemeral_storage": 21})["ephemeralStorage"] == {"sizeInGiB": 21}
    assert canonical({**ANSWER, "ephemeralStorage": {"sizeInGiB": 20}}) == canonical(ANSWER)


@pytest.mark.parametrize(
    "members",
    [
        {"image": "registry/amica@sha256:2"},
        {"command": ["python"]},
        {"environment": [{"name": "PORT", "value": "8080"}, {"name": "MODE", "value": "rag"}]},
        {"environment": [{"name": "PORT", "value": "8080"}]},
        {"environment": []},
        {"secrets": [{"name": "TOKEN", "valueFrom": "arn:1"}]},
        {"portMappings": [{"containerPort": 9090}]},
        {"portMappings": [{"containerPort": 8080, "protocol": "udp"}]},
        {"portMappings": []},
        {"essential": False},
        {"cpu": 128},
        {"memory": 256},
        {"readonlyRootFilesystem": False},
        {"stopTimeout": 31},
        {"stopTimeout": None},
        {"user": "10001"},
        {"mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": True}]},
        {"healthCheck": {"command": ["CMD", "true"]}},
        {"linuxParameters": {"swappiness": 0}},
        {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/other"}}},
        {"dockerLabels": {"a": ""}},
        {"versionConsistency": "disabled"},
    ],
    ids=str,
)
def test_every_member_of_a_container_counts(members: dict[str, Any]) -> None:
    assert canonical(definition(with_container(OPTIONS, **members))) != canonical(ANSWER)


@pytest.mark.parametrize(
    "options",
    [
        {"cpu": 512, "memory": 1024},
        {"memory": 1024},
        {"ephemeral_storage": 50},
        {"network_mode": "host"},
        {"requires_compatibilities": ["FARGATE", "EC2"]},
        {"runtime_platform": {"cpu_architecture": "ARM64"}},
        {"execution_role_arn": None},
        {"task_role_arn": "arn:2"},
        {"volumes": []},
        {"volumes": [{"name": "tmp"}, {"name": "more"}]},
        {"pid_mode": "task"},
        {"enable_fault_injection": True},
    ],
    ids=str,
)
def test_every_member_of_a_task_counts(options: dict[str, Any]) -> None:
    assert canonical(definition({**OPTIONS, **options})) != canonical(ANSWER)


@pytest.mark.parametrize(
    "members",
    [
        {"healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}},
        {"dependsOn": [{"containerName": "b", "condition": "START"}, {"containerName": "a", "condition": "HEALTHY"}]},
        {"linuxParameters": {"capabilities": {"drop": ["NET_RAW", "ALL"]}, "devices": []}},
        {
            "ulimits": [
                {"name": "nofile", "softLimit": 1, "hardLimit": 2},
                {"name": "core", "softLimit": 0, "hardLimit": 0},
            ]
        },
        {"logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []}},
    ],
    ids=lambda members: next(iter(members)),
)
def test_aws_s_defaults_and_order_do_not_count(members: dict[str, Any]) -> None:
    shorter = copy.deepcopy(members)
    for check in (shorter.get("healthCheck", {}),):
        for default in ("interval", "timeout", "retries"):
            check.pop(default, None)
    for value in shorter.values():
        if isinstance(value, list):
            value.reverse()
    if "linuxParameters" in shorter:
        shorter["linuxParameters"] = {"capabilities": {"drop": ["ALL", "NET_RAW"]}}
    if "logConfiguration" in shorter:
        shorter["logConfiguration"] = {"logDriver": "awslogs"}
    assert canonical(with_container(ANSWER, **members)) == canonical(with_container(ANSWER, **shorter))


def test_a_host_port_is_only_the_container_s_where_the_task_has_an_address_of_its_own() -> None:
    bridge = {"networkMode": "bridge", "containerDefinitions": [{"name": "a", "portMappings": [{"containerPort": 80}]}]}
    same = {"name": "a", "portMappings": [{"containerPort": 80, "hostPort": 80}]}
    dynamic = {"name": "a", "portMappings": [{"containerPort": 80, "hostPort": 0}]}
    assert canonical(bridge) != canonical({**bridge, "containerDefinitions": [same]})
    assert canonical(bridge) == canonical({**bridge, "containerDefinitions": [dynamic]})
    assert canonical({**bridge, "networkMode": "awsvpc"}) == canonical(
        {**bridge, "networkMode": "awsvpc", "containerDefinitions": [same]}
    )


def test_the_order_of_a_command_counts() -> None:
    assert canonical(with_container(ANSWER, command=["a", "b"])) != canonical(
        with_container(ANSWER, command=["b", "a"])
    )


@given(strategies.dictionaries(strategies.text(min_size=1), strategies.text()), strategies.randoms())
def test_any_environment_is_itself_in_any_order(variables: dict[str, str], order: random.Random) -> None:
    pairs = [{"name": name, "value": value} for name, value in variables.items()]
    shuffled = order.sample(pairs, len(pairs))
    assert canonical(with_container(ANSWER, environment=pairs)) == canonical(
        with_container(ANSWER, environment=shuffled)
    )


@pytest.mark.parametrize("name", ["API_KEY", "DB_PASSWORD", "auth_token", "CLIENT_SECRET", "DATABASE_URL", "KEY"])
def test_values_of_variables_that_sound_secret_are_not_shown(name: str) -> None:
    document = with_container(ANSWER, environment=[{"name": name, "value": "geheim"}, {"name": "MODE", "value": "x"}])
    assert "geheim" not in str(hidden(canonical(document)))
    assert "geheim" not in str(returned(document))
    assert "'value': 'x'" in str(returned(document))


@pytest.mark.parametrize("name", ["PORT", "MODE", "KEYBOARD", "MONKEY_BUSINESS"])
def test_other_values_are_shown(name: str) -> None:
    document = with_container(ANSWER, environment=[{"name": name, "value": "open"}])
    assert "open" in str(hidden(canonical(document)))


def test_a_diff_without_containers_has_nothing_to_hide() -> None:
    assert hidden({"memory": "512"}) == {"memory": "512"}
    assert hidden({"containerDefinitions": {"amica": None}}) == {"containerDefinitions": {"amica": None}}


def test_the_oldest_go_and_those_in_use_stay() -> None:
    revisions = [f"{PREFIX}:{number}" for number in (9, 10, 2, 11, 3)]
    assert obsolete(revisions, 2, frozenset()) == [f"{PREFIX}:{number}" for number in (2, 3, 9)]
    assert obsolete(revisions, 2, frozenset({f"{PREFIX}:3"})) == [f"{PREFIX}:{number}" for number in (2, 9)]
    assert obsolete(revisions, 5, frozenset()) == []


def test_check_mode_foresees_the_next_revision() -> None:
    foreseen = predicted({"family": "amica-task"}, {"a": "b"}, [f"{PREFIX}:7", f"{PREFIX}:6"])
    assert foreseen["taskDefinitionArn"] == f"{PREFIX}:8"
    assert "taskDefinitionArn" not in predicted({"family": "amica-task"}, {}, [])


class Ecs:
    """A client whose calls and answers are written down beforehand."""

    def __init__(self) -> None:
        self.client = boto3.client("ecs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        self.stubber = Stubber(self.client)
        self.stubber.activate()

    def revisions(self, *numbers: int, status: str = "ACTIVE", others: tuple[str, ...] = ()) -> None:
        arns = [*(f"{PREFIX}:{number}" for number in numbers), *others]
        self.stubber.add_response(
            "list_task_definitions", {"taskDefinitionArns": arns}, {"familyPrefix": "amica-task", "status": status}
        )

    def describe(self, **tags: str) -> None:
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        answer = {key: value for key, value in ANSWER.items() if key != "registeredAt"}
        self.stubber.add_response("describe_task_definition", {"taskDefinition": answer, "tags": listed})


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()


def test_the_same_definition_is_read_and_no_more(ecs: Ecs) -> None:
    ecs.revisions(3, 2, others=(f"{PREFIX}-other:99",))
    ecs.describe(a="b")
    outcome = ensure_present(ecs.client, {**OPTIONS, "tags": {"a": "b"}, "keep_revisions": 1}, check=False)
    assert not outcome.changed
    assert (outcome.before, outcome.after) == ({}, {})
    assert outcome.values["revision"] == 3
    ecs.stubber.assert_no_pending_responses()


def test_tags_alone_are_written_to_the_newest_revision(ecs: Ecs) -> None:
    ecs.revisions(3)
    ecs.describe(a="b", old="1")
    ecs.stubber.add_response("tag_resource", {}, {"resourceArn": f"{PREFIX}:3", "tags": [{"key": "a", "value": "c"}]})
    ecs.stubber.add_response("untag_resource", {}, {"resourceArn": f"{PREFIX}:3", "tagKeys": ["old"]})
    outcome = ensure_present(ecs.client, {**OPTIONS, "tags": {"a": "c"}}, check=False)
    assert outcome.changed
    assert not outcome.values["registered"]
    assert outcome.values["task_definition"]["tags"] == {"a": "c"}
    ecs.stubber.assert_no_pending_responses()


def test_a_new_revision_inherits_tags_and_removes_what_is_too_old(ecs: Ecs) -> None:
    ecs.revisions(3, 2, 1)
    ecs.describe(a="b")
    registered = {**{k: v for k, v in ANSWER.items() if k != "registeredAt"}, "taskDefinitionArn": f"{PREFIX}:4"}
    ecs.stubber.add_response(
        "register_task_definition",
        {"taskDefinition": {**registered, "revision": 4}},
        {**definition({**OPTIONS, "memory": 1024}), "tags": [{"key": "a", "value": "b"}]},
    )
    ecs.stubber.add_response("list_clusters", {"clusterArns": ["arn:cluster"]}, {})
    ecs.stubber.add_response("list_services", {"serviceArns": ["arn:service"]}, {"cluster": "arn:cluster"})
    service = {"taskDefinition": f"{PREFIX}:3", "deployments": [{"taskDefinition": f"{PREFIX}:2"}]}
    ecs.stubber.add_response("describe_services", {"services": [service]})
    ecs.stubber.add_response("deregister_task_definition", {}, {"taskDefinition": f"{PREFIX}:1"})
    ecs.stubber.add_response("delete_task_definitions", {}, {"taskDefinitions": [f"{PREFIX}:1"]})
    outcome = ensure_present(ecs.client, {**OPTIONS, "memory": 1024, "keep_revisions": 1}, check=False)
    assert outcome.values["registered"]
    assert outcome.values["removed_revisions"] == [f"{PREFIX}:1"]
    assert (outcome.before, outcome.after) == ({"memory": "512"}, {"memory": "1024"})
    ecs.stubber.assert_no_pending_responses()


def test_check_mode_only_reads(ecs: Ecs) -> None:
    ecs.revisions(3)
    ecs.describe()
    outcome = ensure_present(ecs.client, {**OPTIONS, "cpu": 512, "memory": 1024, "tags": {"a": "b"}}, check=True)
    assert outcome.changed and outcome.values["registered"]
    assert outcome.after == {"cpu": "512", "memory": "1024", "tags": {"a": "b"}}
    assert outcome.values["task_definition_arn"] == f"{PREFIX}:4"
    ecs.stubber.assert_no_pending_responses()


def test_wrong_numbers_and_unknown_fields_end_before_any_call(ecs: Ecs) -> None:
    with pytest.raises(Refused, match="512, 1024 or 2048"):
        ensure_present(ecs.client, {**OPTIONS, "memory": 300}, check=True)
    with pytest.raises(Refused, match="at least 1"):
        ensure_present(ecs.client, {**OPTIONS, "keep_revisions": 0}, check=True)
    with pytest.raises(ParamValidationError, match="comand"):
        ensure_present(ecs.client, with_container(OPTIONS, comand=["x"]), check=True)


def test_absent_deletes_active_and_inactive_ones_ten_at_a_time(ecs: Ecs) -> None:
    ecs.revisions(12, 11)
    ecs.revisions(*range(9, 0, -1), status="INACTIVE")
    for number in (12, 11):
        ecs.stubber.add_response("deregister_task_definition", {}, {"taskDefinition": f"{PREFIX}:{number}"})
    first = [f"{PREFIX}:{number}" for number in (*range(9, 0, -1), 12)]
    ecs.stubber.add_response("delete_task_definitions", {}, {"taskDefinitions": first})
    ecs.stubber.add_response("delete_task_definitions", {}, {"taskDefinitions": [f"{PREFIX}:11"]})
    outcome = ensure_absent(ecs.client, {"family": "amica-task"}, check=False)
    assert outcome.changed
    assert len(outcome.values["removed_revisions"]) == 11
    ecs.stubber.assert_no_pending_responses()


def test_a_family_without_revisions_is_absent(ecs: Ecs) -> None:
    ecs.revisions()
    ecs.revisions(status="INACTIVE")
    assert not ensure_absent(ecs.client, {"family": "amica-task"}, check=False).changed


def test_what_aws_does_not_delete_is_an_error(ecs: Ecs) -> None:
    ecs.revisions()
    ecs.revisions(1, status="INACTIVE")
    failure = {"arn": f"{PREFIX}:1", "reason": "ACCESS_DENIED"}
    ecs.stubber.add_response("delete_task_definitions", {"failures": [failure]})
    with pytest.raises(Refused, match="ACCESS_DENIED"):
        ensure_absent(ecs.client, {"family": "amica-task"}, check=False)
