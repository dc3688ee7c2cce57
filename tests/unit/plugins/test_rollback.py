from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._rollback import Plan
from ansible_collections.amica.stack.plugins.module_utils._rollback import Standing
from ansible_collections.amica.stack.plugins.module_utils._rollback import plan
from ansible_collections.amica.stack.plugins.module_utils._rollback import roll_back
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies
from support.fake_clock import FakeClock

ACCOUNT = "eu-west-1:123456789012"
PATH = "amica-cluster/amica-service"
RELEASE = f"arn:aws:ecs:{ACCOUNT}:service-deployment/{PATH}/d1"
OPTIONS = {"cluster": "amica-cluster", "service": "amica-service", "task_definition": None, "wait_timeout": 10}
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def revision(number: int, family: str = "amica-task") -> str:
    return f"arn:aws:ecs:{ACCOUNT}:task-definition/{family}:{number}"


def service(now: int, rollout: str = "COMPLETED", *others: dict[str, Any]) -> dict[str, Any]:
    primary = {"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": rollout, "taskDefinition": revision(now)}
    return {
        "serviceName": "amica-service",
        "status": "ACTIVE",
        "taskDefinition": revision(now),
        "deployments": [primary, *others],
    }


def standing(now: int, status: str | None, succeeded: list[int], active: list[int] | None = None) -> Standing:
    """`status` of the newest service deployment, None where ECS tells of none."""
    release = {"serviceDeploymentArn": RELEASE, "status": status} if status else None
    known = range(9, 0, -1) if active is None else active
    return Standing(service(now), release, [revision(one) for one in succeeded], [revision(one) for one in known])


def target(chosen: Plan) -> int:
    return int(chosen.task_definition.rpartition(":")[2])


def test_a_deployment_in_progress_is_stopped_and_the_last_success_is_the_target() -> None:
    for status in ("PENDING", "IN_PROGRESS"):
        chosen = plan(standing(5, status, [3, 4, 2]))
        assert (chosen.action, target(chosen), chosen.proven) == ("stop", 3, True)
    assert "amica-task:5 is in progress" in chosen.why


def test_a_rollback_that_goes_on_is_waited_for() -> None:
    assert plan(standing(4, "ROLLBACK_IN_PROGRESS", [4])).action == "wait"


def test_a_first_deployment_has_nothing_to_go_back_to() -> None:
    with pytest.raises(Refused, match="the first of amica-service"):
        plan(standing(1, "IN_PROGRESS", []))


def test_a_deployment_that_is_being_stopped() -> None:
    with pytest.raises(Refused, match="run again when it has stopped"):
        plan(standing(2, "STOP_REQUESTED", [1]))


def test_at_rest_the_newest_earlier_success_is_the_target() -> None:
    chosen = plan(standing(5, "SUCCESSFUL", [5, 2, 3]))
    assert (chosen.action, target(chosen)) == ("update", 3)
    assert "deployed with success" in chosen.why


def test_a_second_rollback_goes_one_further_and_not_back_to_what_was_left() -> None:
    assert target(plan(standing(3, "SUCCESSFUL", [3, 5, 2]))) == 2


def test_after_a_rollback_of_ecs_the_failed_revision_is_passed_over() -> None:
    assert target(plan(standing(4, "ROLLBACK_SUCCESSFUL", [4, 2]))) == 2


def test_a_failed_deployment_that_nobody_rolled_back() -> None:
    assert target(plan(standing(5, "STOPPED", [4, 3]))) == 4


def test_a_revision_that_was_deregistered_is_no_target() -> None:
    assert target(plan(standing(5, "SUCCESSFUL", [5, 4, 3], active=[5, 3]))) == 3


def test_what_never_succeeded_has_to_be_named() -> None:
    with pytest.raises(Refused, match=r"name the revision to go to, one of amica-task:4, amica-task:2"):
        plan(standing(5, "SUCCESSFUL", [5], active=[5, 4, 2]))


def test_nothing_earlier() -> None:
    with pytest.raises(Refused, match="no earlier active revision"):
        plan(standing(1, "SUCCESSFUL", [1]))


def test_without_service_deployments_the_revision_before_is_unproven() -> None:
    chosen = plan(standing(5, None, []))
    assert (chosen.action, target(chosen), chosen.proven) == ("update", 4, False)
    assert "success" not in chosen.why


def test_without_service_deployments_what_still_runs_overtakes() -> None:
    old = {"id": "ecs-svc/0", "status": "ACTIVE", "rolloutState": "COMPLETED", "taskDefinition": revision(2)}
    chosen = plan(Standing(service(5, "IN_PROGRESS", old), None, [], [revision(4)]))
    assert (chosen.action, target(chosen), chosen.proven) == ("update", 2, True)
    with pytest.raises(Refused, match="nothing else of amica-service runs"):
        plan(Standing(service(5, "IN_PROGRESS"), None, [], []))


def test_a_named_revision() -> None:
    there = standing(5, "SUCCESSFUL", [5, 2], active=[5, 3, 2])
    assert plan(there, revision(5)).action == "none"
    assert (plan(there, revision(2)).action, plan(there, revision(2)).proven) == ("update", True)
    assert plan(there, revision(3)).proven is False
    with pytest.raises(Refused, match="name one of amica-task:5, amica-task:3, amica-task:2"):
        plan(there, revision(4))


@given(
    now=strategies.integers(1, 9),
    status=strategies.sampled_from(["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", None]),
    succeeded=strategies.lists(strategies.integers(1, 9), unique=True),
    active=strategies.sets(strategies.integers(1, 9)),
)
def test_at_rest_a_rollback_never_goes_forward_nor_to_what_cannot_run(
    now: int, status: str | None, succeeded: list[int], active: set[int]
) -> None:
    there = standing(now, status, succeeded, sorted(active, reverse=True))
    try:
        chosen = plan(there)
    except Refused:
        return
    assert target(chosen) < now
    assert target(chosen) in active
    assert not chosen.proven or target(chosen) in succeeded


class Aws:
    """A scripted ECS: `expect` a call with its answer, in order."""

    def __init__(self) -> None:
        self.client = boto3.client("ecs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        self.stub = Stubber(self.client)
        self.clock = FakeClock()

    def reads(self, described: dict[str, Any], status: str) -> None:
        """The reads before anything is done: revision 4 is the newest, 3 succeeded, 1 to 4 are active."""
        add, brief = self.stub.add_response, {"serviceDeploymentArn": RELEASE, "status": status, "createdAt": NOW}
        add("describe_services", {"services": [described]})
        add("list_service_deployments", {"serviceDeployments": [brief]})
        add("describe_service_deployments", {"serviceDeployments": [brief]})
        listed = {**brief, "targetServiceRevisionArn": "arn:aws:ecs:rev/1"}
        add("list_service_deployments", {"serviceDeployments": [listed]})
        shown = {"serviceRevisionArn": "arn:aws:ecs:rev/1", "taskDefinition": revision(3)}
        add("describe_service_revisions", {"serviceRevisions": [shown]})
        add("list_task_definitions", {"taskDefinitionArns": [revision(one) for one in (4, 3, 2, 1)]})

    def run(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        with self.stub:
            result = roll_back(self.client, {**OPTIONS, **options}, check, self.clock.wait).result()
            self.stub.assert_no_pending_responses()
        return result


@pytest.fixture
def aws() -> Aws:
    return Aws()


def test_check_mode_tells_which_and_writes_nothing(aws: Aws) -> None:
    aws.reads(service(4), "SUCCESSFUL")
    result = aws.run(check=True)
    assert (result["changed"], result["action"], result["task_definition"]) == (True, "update", revision(3))
    assert result["diff"] == {
        "before": {"task_definition": "amica-task:4"},
        "after": {"task_definition": "amica-task:3"},
    }


def test_an_earlier_revision_is_deployed(aws: Aws) -> None:
    aws.reads(service(4), "SUCCESSFUL")
    request = {"cluster": "amica-cluster", "service": "amica-service", "taskDefinition": revision(3)}
    after = service(3, "IN_PROGRESS")
    after["deployments"][0]["id"] = "ecs-svc/2"
    aws.stub.add_response("update_service", {"service": after}, request)
    assert aws.run()["deployment_id"] == "ecs-svc/2"


def stopping(aws: Aws) -> None:
    aws.reads(service(4, "IN_PROGRESS"), "IN_PROGRESS")
    request = {"serviceDeploymentArn": RELEASE, "stopType": "ROLLBACK"}
    aws.stub.add_response("stop_service_deployment", {"serviceDeploymentArn": RELEASE}, request)


def becomes(aws: Aws, *states: str) -> None:
    for state in states:
        told = {"serviceDeploymentArn": RELEASE, "status": state, "statusReason": "the old image is gone."}
        aws.stub.add_response("describe_service_deployments", {"serviceDeployments": [told]})


def test_a_deployment_in_progress_is_stopped_and_waited_for(aws: Aws) -> None:
    stopping(aws)
    becomes(aws, "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL")
    result = aws.run()
    assert (result["action"], result["deployment_id"], len(aws.clock.naps)) == ("stop", RELEASE, 2)


def test_a_rollback_that_fails_is_a_failure(aws: Aws) -> None:
    stopping(aws)
    becomes(aws, "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED")
    with pytest.raises(Refused, match="ROLLBACK_FAILED: the old image is gone"):
        aws.run()


def test_a_rollback_that_takes_too_long(aws: Aws) -> None:
    stopping(aws)
    becomes(aws, *["ROLLBACK_IN_PROGRESS"] * 3)
    with pytest.raises(Refused, match="still rolling back after 4 s"):
        aws.run(wait_timeout=4)


def test_no_wait(aws: Aws) -> None:
    stopping(aws)
    assert aws.run(wait_timeout=0)["action"] == "stop"


def test_a_deployment_that_ends_before_it_is_stopped(aws: Aws) -> None:
    aws.reads(service(4, "IN_PROGRESS"), "IN_PROGRESS")
    aws.stub.add_client_error("stop_service_deployment", "ConflictException")
    with pytest.raises(Refused, match="run again"):
        aws.run()


@pytest.mark.parametrize("code", ["UnknownOperationException", "AccessDeniedException"])
def test_without_the_api_of_service_deployments(aws: Aws, code: str) -> None:
    aws.stub.add_response("describe_services", {"services": [service(4)]})
    aws.stub.add_client_error("list_service_deployments", code)
    aws.stub.add_response("list_task_definitions", {"taskDefinitionArns": [revision(4), revision(2)]})
    result = aws.run(check=True)
    assert (result["task_definition"], result["proven"]) == (revision(2), False)


def test_the_current_service_deployment_need_not_be_looked_for(aws: Aws) -> None:
    aws.stub.add_response("describe_services", {"services": [{**service(4), "currentServiceDeployment": RELEASE}]})
    told = {"serviceDeploymentArn": RELEASE, "status": "ROLLBACK_IN_PROGRESS"}
    aws.stub.add_response("describe_service_deployments", {"serviceDeployments": [told]})
    aws.stub.add_response("list_service_deployments", {"serviceDeployments": []})
    aws.stub.add_response("list_task_definitions", {"taskDefinitionArns": [revision(4)]})
    result = aws.run(check=True)
    assert (result["changed"], result["action"], result["diff"]) == (False, "wait", {"before": {}, "after": {}})


def test_a_revision_by_its_number_alone(aws: Aws) -> None:
    aws.reads(service(4), "SUCCESSFUL")
    found = {"taskDefinition": {"taskDefinitionArn": revision(1)}}
    aws.stub.add_response("describe_task_definition", found, {"taskDefinition": "amica-task:1"})
    assert aws.run(check=True, task_definition="1")["task_definition"] == revision(1)


@pytest.mark.parametrize("services", [[], [{**service(1), "status": "DRAINING"}]])
def test_no_service(aws: Aws, services: list[dict[str, Any]]) -> None:
    aws.stub.add_response("describe_services", {"services": services})
    with pytest.raises(Refused, match="There is no service amica-service"):
        aws.run()
