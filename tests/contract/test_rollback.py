# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back, and looking for a shell, on a running embedded AWS: real tasks of real revisions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.run_module import ModuleFailed
from support.run_module import run_module
from support.small_service import SmallService

PATIENT_SECONDS = 36_000


@pytest.fixture(scope="module")
def service(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    """A service whose first version is up. It is patient, so that what is not healthy stays in progress."""
    made = SmallService(embedded_aws, "contract-rollback")
    settled(made, made.make({"VERSION": "one"}, healthCheckGracePeriodSeconds=PATIENT_SECONDS))
    yield made
    made.remove()


def rollback(service: SmallService, *, check: bool = False, **options: Any) -> dict[str, Any]:
    asked = {"cluster": service.name, "service": service.name, "wait_timeout": 60, **service.aws.options, **options}
    return run_module("ecs_service_rollback", asked, check=check, diff=True)


def settled(service: SmallService, deployment: str) -> None:
    """The deployment has come up."""
    asked = {"cluster": service.name, "service": service.name, "deployment_id": deployment, "wait_timeout": 60}
    assert run_module("ecs_service_health", {**asked, **service.aws.options})["outcome"] == "succeeded"


def described(service: SmallService) -> dict[str, Any]:
    found: dict[str, Any] = service.client("ecs").describe_services(cluster=service.name, services=[service.name])
    return dict(found["services"][0])


def running(service: SmallService) -> int:
    """The number of the revision that the service is to run."""
    return int(described(service)["taskDefinition"].rpartition(":")[2])


def number(result: dict[str, Any]) -> int:
    return int(result["task_definition"].rpartition(":")[2])


def test_the_life_of_a_service_that_is_sent_back(service: SmallService) -> None:
    first = running(service)
    with pytest.raises(ModuleFailed, match="no earlier active revision"):
        rollback(service)

    settled(service, service.deploy({"VERSION": "two"}))
    second = running(service)

    # Check mode tells which, and writes nothing.
    told = rollback(service, check=True)
    assert (told["changed"], told["action"], number(told)) == (True, "update", first)
    assert told["diff"]["after"] == {"task_definition": f"{service.name}:{first}"}
    assert running(service) == second

    # What is in progress is stopped, and ECS goes back to what ran.
    service.deploy({"VERSION": "three", "STATUS": "503"})
    told = rollback(service, check=True)
    assert (told["action"], number(told)) == ("stop", second)
    result = rollback(service)
    assert (result["changed"], result["action"], number(result), running(service)) == (True, "stop", second, second)
    asked = {"cluster": service.name, "service": service.name, "deployment_id": result["deployment_id"]}
    judged = run_module("ecs_service_health", {**asked, **service.aws.options}, check=True)
    assert judged["outcome"] == "rolled_back"

    # A revision that only failed is passed over.
    result = rollback(service)
    assert (result["action"], number(result), result["proven"]) == ("update", first, True)
    settled(service, result["deployment_id"])
    assert running(service) == first

    # A named revision, twice.
    result = rollback(service, task_definition=str(second))
    assert (result["changed"], number(result)) == (True, second)
    settled(service, result["deployment_id"])
    result = rollback(service, task_definition=f"{service.name}:{second}")
    assert (result["changed"], result["action"]) == (False, "none")
    with pytest.raises(ModuleFailed, match="not an active revision"):
        rollback(service, task_definition="99")


def test_a_first_deployment_has_nothing_to_go_back_to(embedded_aws: EmbeddedAws) -> None:
    made = SmallService(embedded_aws, "contract-no-rollback")
    made.make({"STATUS": "503"}, healthCheckGracePeriodSeconds=PATIENT_SECONDS)
    try:
        with pytest.raises(ModuleFailed, match="nothing to go back to"):
            rollback(made)
    finally:
        made.remove()


@pytest.mark.parametrize("module", ["ecs_service_rollback", "ecs_exec_info"])
@pytest.mark.parametrize("cluster", ["nowhere", None])
def test_no_such_service(service: SmallService, module: str, cluster: str | None) -> None:
    asked = {"cluster": cluster or service.name, "service": "nothing", **service.aws.options}
    with pytest.raises(ModuleFailed, match="There is no service nothing"):
        run_module(module, asked)


def test_what_a_shell_needs(service: SmallService) -> None:
    asked = {"cluster": service.name, "service": service.name, **service.aws.options}
    closed = run_module("ecs_exec_info", asked)
    assert closed["ready"] is False
    assert {"service", "role"} <= {problem["name"] for problem in closed["problems"]}
    assert closed["explanation"].startswith(f"The service {service.name} does not allow it: ")

    ecs = service.client("ecs")
    ecs.update_service(cluster=service.name, service=service.name, enableExecuteCommand=True)
    old = run_module("ecs_exec_info", asked)
    assert "started before" in old["explanation"]

    answer = ecs.update_service(cluster=service.name, service=service.name, forceNewDeployment=True)["service"]
    settled(service, next(item["id"] for item in answer["deployments"] if item["status"] == "PRIMARY"))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        new = run_module("ecs_exec_info", {**asked, "command": "ls /app"})
        if new["task"] != old["task"]:
            break
    assert {"service", "task", "agent"} & {problem["name"] for problem in new["problems"]} == set()
    words = f"aws ecs execute-command --cluster {service.name} --task {new['task']} --container chat"
    assert new["command"].startswith(f"{words} --interactive --command 'ls /app' --region {service.aws.region}")

    # What the module says is what ExecuteCommand does.
    session = {"cluster": service.name, "container": "chat", "command": "ls /app", "interactive": True}
    assert ecs.execute_command(task=new["task"], **session)["session"]["streamUrl"].startswith("wss://ssmmessages.")
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="was not enabled when the task was run"):
        ecs.execute_command(task=old["task"], **session)
