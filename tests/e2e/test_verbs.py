"""The operator's verbs, each in a run of its own, by playbook and by tag, on a stack that another machine deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from e2e.playbooks import Run
from e2e.playbooks import Workspace

SHOWN = "The outcome is shown"
READING = ("Describe", "Get", "List")
# What only a run by tag has to ask itself.
BY_TAG = ("Verb", "A verb runs alone")


def done(run: Run) -> Run:
    assert run.code == 0, run.failure
    return run


def refused(run: Run) -> str:
    assert run.code != 0
    return run.failure


def shown(run: Run, name: str = SHOWN) -> str:
    return json.dumps(run.result(name)["msg"])


def verb(workspace: Workspace, name: str, *arguments: str, **variables: Any) -> Run:
    return workspace.play(f"playbooks/{name}.yml", *arguments, **variables)


def tagged(workspace: Workspace, tags: str, *arguments: str, **variables: Any) -> Run:
    return workspace.play("site.yml", "--tags", tags, *arguments, **variables)


@pytest.fixture(scope="module")
def elsewhere(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Another machine's copy of the project, which knows of the stack what AWS knows of it."""
    return replace(workspace, folder=Workspace.make(tmp_path_factory.mktemp("elsewhere")).folder)


@pytest.mark.parametrize(
    "tags", ["logs", "rollback", "restart", "scale", "exec", "redeploy", "secrets,redeploy", "ecs_fargate"]
)
def test_without_a_stack_there_is_one_sentence_and_no_change(workspace: Workspace, tags: str) -> None:
    workspace.embedded_aws.start()
    before = workspace.embedded_aws.actions()
    run = tagged(workspace, tags, inventory="dev")
    sentence = "nothing of amica stands in ap-southeast-1; deploy it first: ansible-playbook site.yml"
    assert refused(run) == f"There is a stack to go on with: {sentence}"
    done_then = workspace.embedded_aws.actions() - before
    assert [action for action in done_then if not action.partition(":")[2].startswith(READING)] == []


@pytest.mark.parametrize("tags", ["redeploy,status", "status,logs", "exec,all"])
def test_a_verb_beside_another_tag_is_refused_before_any_call(workspace: Workspace, tags: str) -> None:
    run = tagged(workspace, tags, inventory="dev")
    assert "runs alone, so nothing was done" in refused(run)
    assert all(f"ansible-playbook site.yml --tags {tag}" in run.failure for tag in tags.split(","))
    assert "What stands in AWS is known" not in [name for name, _result in run.tasks]


def test_a_second_revision_is_rolled_out(workspace: Workspace) -> None:
    done(workspace.play("site.yml"))
    assert "no earlier active revision" in refused(verb(workspace, "rollback", "--check"))
    run = done(verb(workspace, "redeploy", ecs_fargate_environment={"GREETING": "two"}))
    assert run.stack["task_definition"]["revision"] == 2


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("status", {}),
        ("logs", {"logs_since": "1h", "logs_lines": 3}),
        ("rollback", {"rollback_to": 1}),
        ("restart", {}),
        ("scale", {"scale_to": 2}),
        ("exec", {"exec_command": "ls -l /app"}),
    ],
)
def test_tag_and_playbook_do_the_same(elsewhere: Workspace, name: str, variables: dict[str, Any]) -> None:
    def story(run: Run) -> list[tuple[str, Any, Any]]:
        told = [(task, result.get("msg"), result.get("changed")) for task, result in run.tasks if task not in BY_TAG]
        return [one for one in told if not one[0].startswith("Validating arguments")]

    by_playbook = verb(elsewhere, name, "--check", inventory="dev", **variables)
    by_tag = tagged(elsewhere, name, "--check", inventory="dev", **variables)
    assert (by_tag.code, story(by_tag)) == (by_playbook.code, story(by_playbook))
    assert "The verb is done" in [task for task, _result in by_tag.tasks]


def test_rollback_tells_and_then_does(workspace: Workspace) -> None:
    run = done(verb(workspace, "rollback", "--check"))
    assert "amica-task:2 to amica-task:1" in shown(run, "What is done, and why, is shown")
    assert run.stack["task_definition"]["revision"] == 2
    run = done(tagged(workspace, "rollback"))
    assert run.changed == ["The service goes back to what it ran before"]
    assert (run.stack["task_definition"]["revision"], run.stack["health"]) == (1, "healthy")
    assert "completed: 1 task" in shown(run, "How it went is shown")


def test_status_tells_the_drift(workspace: Workspace) -> None:
    lines = shown(done(verb(workspace, "status", ecs_fargate_environment={"GREETING": "two"})), "The stack is shown")
    assert "service taskDefinition: amica-task:1 -> amica-task:2" in lines
    assert "Since" in lines
    assert "completed: 1 task" in lines
    assert "\\\\n" not in lines, "the lines are lines"


def test_restart_replaces_the_tasks_from_elsewhere(workspace: Workspace, elsewhere: Workspace) -> None:
    before = workspace.aws("ecs", "list-tasks", "--cluster", "amica-cluster")["taskArns"]
    assert "would be new" in shown(done(verb(workspace, "restart", "--check")))
    assert workspace.aws("ecs", "list-tasks", "--cluster", "amica-cluster")["taskArns"] == before
    done(tagged(elsewhere, "restart", inventory="dev"))
    after = workspace.aws("ecs", "list-tasks", "--cluster", "amica-cluster")["taskArns"]
    assert len(after) == 1
    assert after != before


def test_scale_sets_the_number_once(workspace: Workspace) -> None:
    assert "Write for example -e scale_to=2" in refused(verb(workspace, "scale"))
    run = done(verb(workspace, "scale", scale_to="2"))
    assert "has 2 tasks; it had 1" in shown(run)
    assert "2 tasks running, targets healthy" in " ".join(run.result("How it went is shown")["msg"].split())
    assert done(tagged(workspace, "scale", scale_to=2)).changed == []


def test_scale_does_not_fight_autoscaling(workspace: Workspace) -> None:
    done(workspace.play("site.yml", "--tags", "ecs_fargate", ecs_fargate_max_count=3))
    failure = refused(verb(workspace, "scale", scale_to=2))
    assert "between 1 and 3 tasks" in failure
    assert "-e ecs_fargate_min_count=2 -e ecs_fargate_max_count=3" in failure


def test_exec_says_what_its_command_lacks(workspace: Workspace) -> None:
    failure = refused(tagged(workspace, "exec"))
    assert "The service amica-service does not allow it" in failure
    assert "-e ecs_fargate_execute_command=true" in failure


def test_the_command_of_exec_is_ready_to_be_pasted(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in a shell that has nothing of Ansible's, up to the plugin that opens the session."""
    plugin, opened = tmp_path / "session-manager-plugin", tmp_path / "opened"
    plugin.write_text(f"#!/bin/sh\n[ $# -eq 0 ] || printf '%s\\n' \"$@\" >{opened}\n")
    plugin.chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    done(tagged(workspace, "ecs_fargate", ecs_fargate_max_count=3, ecs_fargate_execute_command=True))
    run = done(tagged(workspace, "exec", exec_command="ls -l /app"))
    assert run.result("All that the command needs is there")["msg"] == "All that it needs is there"
    command = run.result("The command is shown")["msg"]
    assert "--interactive --command 'ls -l /app' --region ap-southeast-1" in command
    pasted = subprocess.run(
        ["sh", "-c", command], env={"PATH": path, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert pasted.returncode == 0, pasted.stderr
    session, region, word, *_more = opened.read_text().splitlines()
    assert json.loads(session)["streamUrl"].startswith("wss://ssmmessages.ap-southeast-1.")
    assert (region, word) == ("ap-southeast-1", "StartSession")
