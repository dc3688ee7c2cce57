from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._continue import answer
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.stub import Stubber
from support.fake_clock import FakeClock

ARN = "arn:aws:ecs:eu-west-1:123456789012"
RELEASE = f"{ARN}:service-deployment/amica-cluster/amica-service/d1"
OPTIONS = {"cluster": "amica-cluster", "service": "amica-service", "action": "CONTINUE", "wait_timeout": 10}
SERVICE: dict[str, Any] = {
    "serviceName": "amica-service",
    "status": "ACTIVE",
    "taskDefinition": f"{ARN}:task-definition/amica-task:4",
    "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}],
    "currentServiceDeployment": RELEASE,
}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("ecs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def release(*hooks: str, status: str = "IN_PROGRESS", first: bool = False) -> dict[str, Any]:
    """`hooks` are those that wait."""
    return {
        "serviceDeploymentArn": RELEASE,
        "status": status,
        "lifecycleStage": "POST_SCALE_UP",
        "sourceServiceRevisions": [] if first else [{"arn": f"{ARN}:service-revision/x/y/1"}],
        "lifecycleHookDetails": [
            {"hookId": "earlier", "status": "SUCCEEDED"},
            *({"hookId": hook, "targetType": "PAUSE", "status": "AWAITING_ACTION"} for hook in hooks),
        ],
    }


def service(stub: Stubber, **members: Any) -> None:
    stub.add_response("describe_services", {"services": [{**SERVICE, **members}]})


def shows(stub: Stubber, *releases: dict[str, Any]) -> None:
    for one in releases:
        stub.add_response("describe_service_deployments", {"serviceDeployments": [one]})


def takes(stub: Stubber, hook: str, action: str) -> None:
    request = {"serviceDeploymentArn": RELEASE, "hookId": hook, "action": action}
    stub.add_response("continue_service_deployment", {"serviceDeploymentArn": RELEASE}, request)


def done(stub: Stubber, *, check: bool = False, **options: Any) -> Outcome:
    return answer(stub.client, {**OPTIONS, **options}, check, FakeClock().wait)


def test_every_hook_that_waits_is_continued_and_the_answer_awaited(stub: Stubber) -> None:
    service(stub)
    shows(stub, release("h1", "h2"))
    takes(stub, "h1", "CONTINUE")
    takes(stub, "h2", "CONTINUE")
    shows(stub, release("h2"), release())
    outcome = done(stub)
    assert outcome.changed
    assert (
        outcome.values["why"]
        == "amica-service goes on with amica-task:4, whose deployment was paused at POST_SCALE_UP."
    )
    assert outcome.values["deployment_id"] == "ecs-svc/1"


def test_the_pause_that_follows_is_another(stub: Stubber) -> None:
    service(stub)
    shows(stub, release("h1"))
    takes(stub, "h1", "CONTINUE")
    shows(stub, release("h2"))
    assert done(stub).changed


def test_it_is_sent_back_and_that_is_awaited(stub: Stubber) -> None:
    service(stub)
    shows(stub, release("h1", "h2"))
    takes(stub, "h1", "ROLLBACK")
    back = [
        release(status=status) for status in ("ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL")
    ]
    shows(stub, *back)
    outcome = done(stub, action="ROLLBACK")
    assert outcome.values["why"].startswith("amica-service goes back from amica-task:4")
    assert outcome.values["deployment_id"] == RELEASE


def test_check_mode_tells_and_answers_nothing(stub: Stubber) -> None:
    service(stub)
    shows(stub, release("h1"))
    assert done(stub, check=True).values["stage"] == "POST_SCALE_UP"


@pytest.mark.parametrize(
    ("present", "seen", "options", "sentence"),
    [
        ({"status": "INACTIVE"}, [], {}, "There is no service amica-service"),
        ({"currentServiceDeployment": ""}, [], {}, "No deployment of amica-service is in progress"),
        ({}, [release()], {}, "is IN_PROGRESS, at stage POST_SCALE_UP, and does not wait"),
        ({}, [release("h1", status="ROLLBACK_IN_PROGRESS")], {}, "is ROLLBACK_IN_PROGRESS"),
        ({}, [release("h1", first=True)], {"action": "ROLLBACK"}, "continue it, or delete the service"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    stub: Stubber, present: dict[str, Any], seen: list[Any], options: dict[str, Any], sentence: str
) -> None:
    service(stub, **present)
    shows(stub, *seen)
    with pytest.raises(Refused, match=sentence):
        done(stub, **options)


def test_an_answer_that_ecs_does_not_take_is_told(stub: Stubber) -> None:
    service(stub)
    shows(stub, release("h1"))
    takes(stub, "h1", "CONTINUE")
    shows(stub, *[release("h1")] * 31)
    with pytest.raises(Refused, match="still shows the deployment as paused 60 s"):
        done(stub)
