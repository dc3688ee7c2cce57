"""The life of one stack, in order: planned, deployed, changed, redeployed, destroyed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from typing import Any

import pytest
from e2e.playbooks import Run
from e2e.playbooks import Workspace
from support.browser_chat import BROWSERS
from support.browser_chat import browser_chat
from support.chat_client import chat
from support.chat_crowd import Crowd

# What a run that finds nothing to do may take, a tenth above what it takes; a fork costs 0.02 to 0.1 CPU seconds.
BUDGET = {"forks": 88, "module runs": 23, "calls": 115}


def deployed(run: Run) -> Run:
    assert run.code == 0, run.failure
    return run


def say(workspace: Workspace, message: str) -> str:
    """Say something to the chat through the load balancer and return what it answers."""
    answer = asyncio.run(chat(f"http://127.0.0.1:{workspace.http_port}", message))
    return " ".join(answer.replies)


def test_check_of_an_empty_account_changes_nothing(workspace: Workspace) -> None:
    run = deployed(workspace.play("site.yml", "--check", "--diff"))
    assert run.stack["absent"]
    assert {
        "The network stands",
        "The load balancer forwards to the target group",
        "The service runs the task definition",
    } <= set(run.changed)


def test_deploy_ends_with_a_chat_behind_the_load_balancer(workspace: Workspace) -> None:
    run = deployed(workspace.play("site.yml"))
    assert run.stack["health"] == "healthy"
    assert run.stack["urls"]["load_balancer"] == f"http://127.0.0.1:{workspace.http_port}"
    assert "good morning" in say(workspace, "good morning")


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium: apt-get install chromium")
def test_a_browser_can_chat(workspace: Workspace) -> None:
    assert "from a browser" in browser_chat(f"http://127.0.0.1:{workspace.http_port}", "from a browser")


@pytest.mark.parametrize(
    "arguments", [(), ("--check", "--diff"), ("--tags", "alb"), ("--tags", "redeploy")], ids=" ".join
)
def test_nothing_to_do_is_nothing_done(workspace: Workspace, arguments: tuple[str, ...]) -> None:
    assert deployed(workspace.play("site.yml", *arguments)).changed == []


def test_no_alarm_rings_while_the_stack_idles(workspace: Workspace) -> None:
    alarms = workspace.aws("cloudwatch", "describe-alarms")["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
    assert len(states) == 7
    assert set(states.values()) == {"OK"}, states


def test_a_run_that_finds_nothing_to_do_keeps_to_its_budget(workspace: Workspace) -> None:
    before = workspace.embedded_aws.calls()
    run = deployed(workspace.play("site.yml"))
    calls = workspace.embedded_aws.calls() - before
    spent = {"forks": len(run.results), "module runs": run.module_runs, "calls": calls}
    assert {name: number for name, number in spent.items() if number > BUDGET[name]} == {}


def test_the_four_commands_of_an_operator(workspace: Workspace) -> None:
    (service,) = workspace.aws("ecs", "describe-services", "--cluster", "amica-cluster", "--services", "amica-service")[
        "services"
    ]
    assert (service["runningCount"], service["desiredCount"]) == (1, 1)
    arns = workspace.aws("ecs", "list-tasks", "--cluster", "amica-cluster")["taskArns"]
    (task,) = workspace.aws("ecs", "describe-tasks", "--cluster", "amica-cluster", "--tasks", arns[0])["tasks"]
    assert task["lastStatus"] == "RUNNING"
    streams = workspace.aws("logs", "describe-log-streams", "--log-group-name", "/ecs/amica-stack")["logStreams"]
    name = streams[0]["logStreamName"]
    assert workspace.aws("logs", "get-log-events", "--log-group-name", "/ecs/amica-stack", "--log-stream-name", name)[
        "events"
    ]
    (group,) = workspace.aws("elbv2", "describe-target-groups", "--names", "amica-tg")["TargetGroups"]
    health = workspace.aws("elbv2", "describe-target-health", "--target-group-arn", group["TargetGroupArn"])
    assert [target["TargetHealth"]["State"] for target in health["TargetHealthDescriptions"]] == ["healthy"]


def test_what_stands_costs_what_is_planned(workspace: Workspace) -> None:
    bill = deployed(workspace.play("playbooks/cost.yml", "--diff")).result("The bill is known")["ansible_facts"]
    assert bill["cost_output"]["running_total"] == bill["cost_output"]["total"]


def test_status_and_logs_stand_alone(workspace: Workspace) -> None:
    status = deployed(workspace.play("playbooks/status.yml"))
    assert "healthy" in json.dumps(status.result("The stack is shown")["msg"])
    assert deployed(workspace.play("playbooks/logs.yml")).result("The lines are read, and shown as they come")["lines"]


SERVICE = "The service runs the task definition"
DEFINITION = "The task definition says what runs"
PROTECTION = "The images of active revisions outlive the repository's clean-up"
REVISION = [DEFINITION, SERVICE]


@pytest.mark.parametrize(
    ("variables", "changes"),
    [
        ({"ecs_fargate_circuit_breaker_rollback": False}, [SERVICE]),
        ({"ecs_fargate_memory": 1024}, REVISION),
        ({"ecs_fargate_environment": {"APP_VERSION": "2"}}, REVISION),
        ({"ecs_fargate_command": ["python", "serve.py"]}, REVISION),
    ],
    ids=["breaker", "memory", "environment", "command"],
)
def test_one_change_is_one_change_then_none(
    workspace: Workspace, variables: dict[str, Any], changes: list[str]
) -> None:
    run = deployed(workspace.play("site.yml", "--tags", "ecs_fargate", **variables))
    assert run.changed == changes
    assert deployed(workspace.play("site.yml", "--tags", "ecs_fargate", **variables)).changed == []
    if "ecs_fargate_memory" in variables:
        arns = workspace.aws("ecs", "list-tasks", "--cluster", "amica-cluster")["taskArns"]
        (task,) = workspace.aws("ecs", "describe-tasks", "--cluster", "amica-cluster", "--tasks", *arns)["tasks"]
        assert task["memory"] == "1024"


def test_an_edit_of_the_app_rolls_out_alone_while_twenty_people_chat(workspace: Workspace) -> None:
    before = deployed(workspace.play("site.yml")).stack["task_definition"]
    app = workspace.folder / "app" / "app.py"
    app.write_text(app.read_text().replace("Echo", "Mountain echo"))
    with Crowd(f"http://127.0.0.1:{workspace.http_port}", 20) as crowd:
        assert crowd.all_heard("Echo", 60), crowd
        run = deployed(workspace.play("site.yml", "--tags", "redeploy"))
        assert crowd.all_heard("Mountain echo", 60), crowd
    assert (crowd.lost, crowd.refused) == ([], [])
    assert len(crowd.returned) == crowd.size, "the task of each was replaced"
    assert set(run.changed) == {"The image is in the repository", PROTECTION, *REVISION}
    assert run.stack["task_definition"]["image_digest"] != before["image_digest"]
    assert run.stack["task_definition"]["revision"] == before["revision"] + 1
    assert "Mountain echo" in say(workspace, "hello")


def test_a_stack_survives_its_embedded_aws_being_restarted(workspace: Workspace) -> None:
    workspace.embedded_aws.command("stop")
    assert deployed(workspace.play("site.yml")).stack["health"] == "healthy"
    assert "still here" in say(workspace, "still here")


def test_destroy_asks_for_the_stack_s_name(workspace: Workspace) -> None:
    run = workspace.play("playbooks/destroy.yml", destroy_confirm="other")
    assert run.code != 0
    assert "is not the name of the stack" in run.failure
    assert deployed(workspace.play("playbooks/status.yml")).stack["health"] == "healthy"


def test_destroy_leaves_nothing_and_changes_nothing_the_second_time(workspace: Workspace) -> None:
    assert deployed(workspace.play("playbooks/destroy.yml", destroy_confirm="amica")).stack["absent"]
    found = workspace.aws("resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=amica:stack,Values=amica")
    assert found["ResourceTagMappingList"] == []
    assert deployed(workspace.play("playbooks/destroy.yml", destroy_confirm="amica")).changed == []


def test_destroy_mends_a_run_that_was_killed_half_way(workspace: Workspace) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        workspace.play("site.yml", limit=14)
    assert deployed(workspace.play("playbooks/destroy.yml", destroy_confirm="amica")).stack["absent"]
