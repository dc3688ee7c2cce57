from __future__ import annotations

from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.filter.stack_status import stack_status
from ansible_collections.amica.stack.plugins.module_utils._exec import ACTIONS
from ansible_collections.amica.stack.plugins.module_utils._exec import PROGRAMS
from ansible_collections.amica.stack.plugins.module_utils._exec import Reader
from ansible_collections.amica.stack.plugins.module_utils._exec import Seen
from ansible_collections.amica.stack.plugins.module_utils._exec import allows
from ansible_collections.amica.stack.plugins.module_utils._exec import command
from ansible_collections.amica.stack.plugins.module_utils._exec import container_of
from ansible_collections.amica.stack.plugins.module_utils._exec import problems
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._status import differences
from ansible_collections.amica.stack.plugins.module_utils._status import drift
from ansible_collections.amica.stack.plugins.module_utils._status import running_since
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_of
from ansible_collections.amica.stack.plugins.module_utils._verify import Decision
from ansible_collections.amica.stack.plugins.module_utils._verify import Subnet
from ansible_collections.amica.stack.plugins.module_utils._verify import Unseen
from botocore.stub import Stubber

ALLOWED = {"Effect": "Allow", "Action": list(ACTIONS), "Resource": "*"}
AGENT = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}
DEFINITION: dict[str, Any] = {
    "taskRoleArn": "arn:aws:iam::123456789012:role/amica-task-role",
    "containerDefinitions": [{"name": "proxy", "essential": False}, {"name": "amica"}],
}
TASK: dict[str, Any] = {
    "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/amica-cluster/0123abcd",
    "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/amica-cluster",
    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/amica-task:1",
    "lastStatus": "RUNNING",
    "enableExecuteCommand": True,
    "containers": [{"name": "amica", "managedAgents": [AGENT]}],
    "createdAt": 1.0,
}
SERVICE = {"serviceName": "amica-service", "status": "ACTIVE", "enableExecuteCommand": True}


EXECUTE = "ecs:ExecuteCommand"
PUBLIC = {"awsvpcConfiguration": {"assignPublicIp": "ENABLED"}}
GOOD: dict[str, Any] = {
    "service": SERVICE,
    "task": TASK,
    "definition": DEFINITION,
    "statements": [ALLOWED],
    "decisions": [Decision(EXECUTE, TASK["taskArn"], allowed=True)],
    "subnet": Subnet("subnet-1", "vpc-1", "eu-west-1a", 9, way_out="nat"),
    "programs": frozenset(PROGRAMS),
}


def seen(**changes: Any) -> Seen:
    return Seen(**{**GOOD, **changes})


def subnet(way_out: str, *endpoints: str) -> Subnet:
    return Subnet("subnet-1", "vpc-1", "eu-west-1a", 9, way_out, frozenset(endpoints))


def boxed(**members: Any) -> dict[str, Any]:
    return {**DEFINITION, "containerDefinitions": [{"name": "amica", **members}]}


def names(**changes: Any) -> list[str]:
    return [problem.name for problem in problems(seen(**changes), "amica")]


def test_nothing_is_missing() -> None:
    assert names() == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"service": {**SERVICE, "enableExecuteCommand": False}}, "service"),
        ({"task": None}, "task"),
        ({"task": {**TASK, "enableExecuteCommand": False}}, "task"),
        (
            {
                "task": {
                    **TASK,
                    "containers": [{"name": "amica", "managedAgents": [{**AGENT, "lastStatus": "STOPPED"}]}],
                }
            },
            "agent",
        ),
        ({"task": {**TASK, "containers": [{"name": "amica"}]}}, "agent"),
        ({"decisions": [Decision(EXECUTE, TASK["taskArn"], allowed=False)]}, "caller"),
        ({"subnet": subnet("", "logs")}, "network"),
        ({"subnet": subnet("internet")}, "network"),
        ({"definition": boxed(readonlyRootFilesystem=True) | {"taskRoleArn": DEFINITION["taskRoleArn"]}}, "read_only"),
        ({"definition": {**DEFINITION, "taskRoleArn": None}}, "role"),
        ({"statements": []}, "role"),
        ({"programs": frozenset({"aws"})}, "session-manager-plugin"),
        ({"programs": frozenset({"session-manager-plugin"})}, "aws"),
    ],
)
def test_one_thing_is_missing(changes: dict[str, Any], name: str) -> None:
    assert names(**changes) == [name]


def test_a_service_that_does_not_allow_it_says_it_once() -> None:
    off = {"enableExecuteCommand": False}
    assert names(service={**SERVICE, **off}, task={**TASK, **off}) == ["service"]


def test_what_cannot_be_read_is_no_problem_and_is_said() -> None:
    hidden = {"statements": Unseen("no rights"), "decisions": Unseen("no rights"), "subnet": Unseen("no rights")}
    assert names(**hidden) == []
    assert [*seen(**hidden).not_checked()] == [
        "the task role: no rights",
        "your own rights: no rights",
        "the network: no rights",
    ]
    assert [*seen().not_checked()] == []


def test_a_right_that_hangs_on_the_call_is_no_problem() -> None:
    assert names(decisions=[Decision(EXECUTE, TASK["taskArn"], allowed=False, missing=("ecs:container-name",))]) == []


@pytest.mark.parametrize("way", [subnet("", "ssmmessages"), subnet("internet"), subnet("tgw-1"), None])
def test_ways_on_which_the_agent_is_reached(way: Subnet | None) -> None:
    assert names(subnet=way, service={**SERVICE, "networkConfiguration": PUBLIC}) == []


def test_a_read_only_filesystem_with_folders_for_the_agent() -> None:
    mounts = [{"containerPath": "/var/lib/amazon"}, {"containerPath": "/var/log"}]
    assert names(definition=boxed(readonlyRootFilesystem=True, mountPoints=mounts)) == []
    mounts[1]["readOnly"] = True  # type: ignore[assignment]
    assert names(definition=boxed(readonlyRootFilesystem=True, mountPoints=mounts)) == ["read_only"]


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([ALLOWED], True),
        ([{"Effect": "Allow", "Action": "ssmmessages:*", "Resource": ["*"]}], True),
        ([{"Effect": "Allow", "Action": "*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "Action": "SSMMessages:Open*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "ssmmessages:*", "Resource": "arn:aws:ssm:1"}], False),
        ([ALLOWED, {"Effect": "Deny", "Action": "*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], False),
    ],
)
def test_what_a_policy_allows(statements: list[dict[str, Any]], allowed: bool) -> None:
    assert allows(statements, "ssmmessages:OpenDataChannel") is allowed


def test_the_command_is_quoted_and_complete() -> None:
    place = ("amica-cluster", "0123", "amica")
    text = command(*place, "ls -l /app", {"region": "eu-west-1", "profile": None}, {"AWS_SECRET_ACCESS_KEY": "hunter2"})
    assert text == (
        "aws ecs execute-command --cluster amica-cluster --task 0123 --container amica "
        "--interactive --command 'ls -l /app' --region eu-west-1"
    )


def test_the_command_names_the_files_that_its_profile_is_in() -> None:
    files = {"AWS_CONFIG_FILE": "/my files/aws", "AWS_SHARED_CREDENTIALS_FILE": "", "AWS_SESSION_TOKEN": "hunter2"}
    text = command("amica-cluster", "0123", "amica", "sh", {"profile": "chat"}, files)
    assert text.startswith("env 'AWS_CONFIG_FILE=/my files/aws' aws ecs execute-command --cluster amica-cluster ")
    assert text.endswith(" --command sh --profile chat")


def test_the_container_is_the_first_essential_one() -> None:
    assert container_of(DEFINITION, None) == "amica"
    assert container_of(DEFINITION, "proxy") == "proxy"
    with pytest.raises(Refused, match="name one of proxy, amica"):
        container_of(DEFINITION, "web")


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")  # type: ignore[call-overload]


class Clients(dict[str, Any]):
    region = "eu-west-1"

    def __call__(self, service: str) -> Any:
        return self[service]


def read(task: str | None, *tasks: dict[str, Any]) -> Seen:
    made = Clients({service: client(service) for service in ("ecs", "iam", "sts", "ec2")})
    with Stubber(made["ecs"]) as stub, Stubber(made["iam"]) as roles, Stubber(made["sts"]) as caller:
        stub.add_response("describe_services", {"services": [{**SERVICE, "taskDefinition": "amica-task:1"}]})
        stub.add_response("list_tasks", {"taskArns": [one["taskArn"] for one in tasks]})
        if tasks:
            stub.add_response("describe_tasks", {"tasks": list(tasks)})
        stub.add_response("describe_task_definition", {"taskDefinition": DEFINITION})
        roles.add_client_error("list_role_policies", "AccessDenied")
        caller.add_response("get_caller_identity", {"Arn": "arn:aws:iam::123456789012:user/operator"})
        decision = {"EvalActionName": EXECUTE, "EvalDecision": "implicitDeny"}
        roles.add_response("simulate_principal_policy", {"EvaluationResults": [decision]})
        return Reader(made, "amica-cluster", "amica-service").read(task, frozenset())  # type: ignore[arg-type]


def test_the_task_to_enter_is_the_newest_that_can_be_entered() -> None:
    base = TASK["taskArn"].removesuffix("0123abcd")
    old = {**TASK, "taskArn": f"{base}aaaa1111"}
    shut = {**TASK, "taskArn": f"{base}bbbb2222", "createdAt": 3.0, "enableExecuteCommand": False}
    new = {**TASK, "taskArn": f"{base}cccc3333", "createdAt": 2.0}
    found = read(None, new, shut, old)
    assert found.task is not None
    assert found.task["taskArn"].endswith("cccc3333")
    assert isinstance(found.statements, Unseen)
    assert found.decisions == [Decision(EXECUTE, found.task["taskArn"], allowed=False)]
    chosen = read("aaaa", new, shut, old).task
    assert chosen is not None
    assert chosen["taskArn"].endswith("aaaa1111")
    assert read(None).task is None
    with pytest.raises(Refused, match="these do: cccc3333, bbbb2222"):
        read("dddd", new, shut)


STACK: dict[str, Any] = {
    "name": "amica",
    "environment": "local",
    "region": "ap-southeast-1",
    "health": "healthy",
    "summary": "1 of 1 tasks running",
    "urls": {"load_balancer": "http://127.0.0.1:8088", "cloudfront": None},
    "service": {
        "running_count": 1,
        "desired_count": 1,
        "strategy": strategy_of({}),
        "deployments": [{"status": "PRIMARY", "created_at": "2026-11-24T22:05:01.123456+00:00"}],
    },
    "task_definition": {
        "family": "amica-task",
        "revision": 3,
        "cpu": 256,
        "memory": 512,
        "ephemeral_storage": 20,
        "architecture": "X86_64",
        "environment": ["PORT"],
        "image_digest": "sha256:abc",
    },
    "log_group": None,
    "distribution": None,
    "absent": False,
}
SUCCESS = {
    "verdict": "Deployment ecs-svc/1 completed.",
    "outcome": "succeeded",
    "cause": None,
    "prose": ["the verdict", "Deployment: whole story", "  of it"],
}
FAILURE = {
    "verdict": "Deployment ecs-svc/1 failed.",
    "outcome": "rolled_back",
    "cause": {"name": "crash", "sentence": "It crashes.", "remedy": "Mend it."},
    "prose": ["the verdict", "Deployment: whole story", "  of it"],
}


def test_the_status_says_what_runs_since_when_and_how_it_got_there() -> None:
    text = "\n".join(stack_status(STACK, SUCCESS, {"service": {"changed": False}}))
    for words in ("sha256:abc", "2026-11-24 22:05:01 UTC", "ecs-svc/1 completed", "Drift      none", "rollback.yml"):
        assert words in text
    assert "whole story" not in text


def test_the_status_tells_the_whole_story_of_a_failure() -> None:
    lines = stack_status(STACK, FAILURE)
    assert "Cause      It crashes." in lines
    assert "Remedy     Mend it." in lines
    assert lines[-3:] == ["", "Deployment: whole story", "  of it"]
    assert "the verdict" not in lines


def test_the_status_of_nothing() -> None:
    nothing = {**STACK, "absent": True, "service": None, "task_definition": None, "urls": {}, "health": "absent"}
    lines = stack_status(nothing, {"skipped": True, "changed": False}, {"service": {"skipped": True, "changed": False}})
    assert [line.split()[0] for line in lines] == ["Stack", "Health"]


def test_drift_names_each_leaf_and_shortens_arns() -> None:
    before = {"taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/amica-task:2", "cpu": "256", "tags": {}}
    after = {"taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/amica-task:3", "tags": {"a": {"b": 1}}}
    assert list(differences(before, after)) == [
        "cpu: 256 -> nothing",
        "tags.a.b: nothing -> 1",
        "taskDefinition: amica-task:2 -> amica-task:3",
    ]


def test_drift_of_results() -> None:
    changed = {"changed": True, "diff": {"before": {"cpu": 1}, "after": {"cpu": 2}}}
    assert drift([("service", changed), ("scaling", {})]) == ["service cpu: 1 -> 2"]
    assert drift([("service", {"changed": False, "diff": {}})]) == []
    assert drift([("service", {"changed": False, "skipped": True})]) is None
    assert drift([("service", {"changed": True})]) == ["service something that has no name"]
    ran = [{**changed, "ecs_fargate_application": {}}, {**changed, "ecs_fargate_application": {"name": "short"}}]
    looped = {"changed": True, "results": ran}
    assert drift([("service", looped)]) == ["service cpu: 1 -> 2", "service of short cpu: 1 -> 2"]


def test_much_drift_is_cut() -> None:
    sides = {"before": {}, "after": {f"field{number:02}": number for number in range(20)}}
    lines = stack_status(STACK, {}, {"service": {"changed": True, "diff": sides}})
    assert any("and 8 more: ansible-playbook site.yml --check --diff" in line for line in lines)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-24T22:05:01+00:00", "2026-11-24 22:05:01 UTC"),
        ("2026-11-24T22:05:01.5+08:00", "2026-11-24 22:05:01 +08:00"),
        (None, None),
    ],
)
def test_since_when(moment: str | None, shown: str | None) -> None:
    deployments = [{"status": "ACTIVE", "created_at": "no"}, {"status": "PRIMARY", "created_at": moment}]
    assert running_since({"service": {"deployments": deployments}}) == shown
