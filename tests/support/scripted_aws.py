# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWS that plays a story: a timeline of states, told in a few words, answered in AWS's own shape.

A frame holds until the next; it changes only what it names. `events` are added. The frames of `told` come after the
timeline's, and count from when AWS was told to end the deployment. Names stand for longer things: `new`
is the deployment ecs-svc/new, its task definition, and a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from botocore.exceptions import EndpointConnectionError
from support.fake_clock import FakeClock

START = 1_800_000_000.0
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/amica-tg/0123456789abcdef"
ARN = "arn:aws:ecs:eu-west-1:111122223333"
MESSAGES = {
    "ThrottlingException": "Rate exceeded",
    "ExpiredTokenException": "The security token included in the request is expired",
    "AccessDeniedException": "User: arn:aws:iam::111122223333:user/ci is not authorized to perform this action",
}


def digest(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def deployment_id(name: str) -> str:
    return f"ecs-svc/{name}"


def task_definition(name: str) -> str:
    return f"{ARN}:task-definition/amica-task:{name}"


class ScriptedAws:
    """Gives scripted clients by service name, as `Clients` does.

    :param releases: whether the account has the API of service deployments.
    :param skew: seconds by which the story's AWS is ahead of the clock.
    """

    def __init__(self, story: Mapping[str, Any], clock: FakeClock, *, releases: bool = True) -> None:
        self.story = story
        self.clock = clock
        self.releases = releases
        self.calls: list[tuple[float, str]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.told_at = float("inf")
        # As Clients has it: called before each call.
        self.before_request: Callable[[], None] = lambda: None

    def __call__(self, _service: str, **_more: Any) -> ScriptedAws:
        return self

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        handler = HANDLERS.get(operation)
        if handler is None:
            raise AttributeError(operation)

        def call(**request: Any) -> dict[str, Any]:
            self.before_request()
            self.calls.append((self.clock.now(), operation))
            frame = self.frame()
            self.fail_if_told(operation, frame.get("error"))
            return handler(self, frame, request)

        return call

    def fail_if_told(self, operation: str, error: Any) -> None:
        if not error:
            return
        code, only = (error, None) if isinstance(error, str) else (error["code"], error.get("only"))
        if only and operation not in only:
            return
        if code == "unreachable":
            raise EndpointConnectionError(endpoint_url="https://ecs.eu-west-1.amazonaws.com")
        raise ClientError({"Error": {"Code": code, "Message": MESSAGES.get(code, code)}}, operation)

    def frame(self) -> dict[str, Any]:
        """The state of now, with all events so far."""
        state: dict[str, Any] = {"events": []}
        after = self.told_at - START
        answers = ({**frame, "at": frame["at"] + after} for frame in self.story.get("told", ()))
        for frame in (*(frame for frame in self.story["timeline"] if frame["at"] <= after), *answers):
            if frame["at"] > self.clock.now() - START:
                break
            state.update({key: value for key, value in frame.items() if key != "events"})
            state["events"] = [*state["events"], *((frame["at"], text) for text in frame.get("events", ()))]
        return state

    def tell(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.told.append((operation, request))
        self.told_at = self.clock.now()
        return {}

    def moment(self, relative: float) -> float:
        return START + relative + float(self.story.get("skew", 0))


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


def describe_services(aws: ScriptedAws, frame: dict[str, Any], _request: dict[str, Any]) -> dict[str, Any]:
    status = frame.get("service", "ACTIVE")
    if status == "gone":
        return {"services": [], "failures": [{"reason": "MISSING"}]}
    if status == "no cluster":
        raise refusal("ClusterNotFoundException", "DescribeServices")
    options = aws.story.get("service", {})
    service = {
        "serviceName": "amica-service",
        "status": status,
        "createdAt": aws.moment(options.get("created", -86400)),
        "deploymentConfiguration": {
            "strategy": options.get("strategy", "ROLLING"),
            "deploymentCircuitBreaker": dict(
                zip(("enable", "rollback"), options.get("breaker", (True, True)), strict=True)
            ),
        },
        "loadBalancers": [{"targetGroupArn": GROUP}] if "targets" in frame else [],
        "deployments": [listed(aws, item) for item in frame.get("deployments", ())],
        "events": [
            {"id": f"{at}-{text}", "createdAt": aws.moment(at), "message": f"(service amica-service) {text}"}
            for at, text in reversed(frame["events"])
        ],
    }
    if aws.releases and "release" in frame:
        service["currentServiceDeployment"] = f"{ARN}:service-deployment/amica-cluster/amica-service/release"
    return {"services": [service]}


def listed(aws: ScriptedAws, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": deployment_id(item["id"]),
        "status": item.get("status", "PRIMARY"),
        "taskDefinition": task_definition(item.get("definition", item["id"])),
        "desiredCount": item.get("desired", 1),
        "runningCount": item.get("running", 0),
        "pendingCount": item.get("pending", 0),
        "failedTasks": item.get("failed", 0),
        "createdAt": aws.moment(item.get("created", -1 if item["id"] == "new" else -80000)),
        "rolloutState": item.get("rollout", "IN_PROGRESS"),
        "rolloutStateReason": item.get("reason", ""),
    }


def release_of(aws: ScriptedAws, frame: dict[str, Any]) -> dict[str, Any]:
    item = frame["release"]
    failures, threshold = item.get("breaker", (0, 3))
    answer = {
        "serviceDeploymentArn": f"{ARN}:service-deployment/amica-cluster/amica-service/release",
        "status": item.get("status", "IN_PROGRESS"),
        "statusReason": item.get("reason", ""),
        "createdAt": aws.moment(item.get("created", -1)),
        "lifecycleStage": item.get("stage", ""),
        "targetServiceRevision": {"arn": f"{ARN}:service-revision/amica-cluster/amica-service/new"},
        "sourceServiceRevisions": [] if item.get("first") else [{"arn": f"{ARN}:service-revision/x/y/old"}],
        "deploymentCircuitBreaker": {
            "status": "TRIGGERED" if item.get("tripped") else "MONITORING",
            "failureCount": failures,
            "threshold": threshold,
        },
        "alarms": {"triggeredAlarmNames": item.get("alarms", [])},
        "lifecycleHookDetails": [
            {"hookId": hook, "status": "AWAITING_ACTION", "expiresAt": aws.moment(86400)}
            for hook in item.get("hooks", ())
        ],
    }
    if "rollback" in item:
        answer["rollback"] = {"reason": item["rollback"]}
    return answer


def list_service_deployments(aws: ScriptedAws, frame: dict[str, Any], _request: dict[str, Any]) -> dict[str, Any]:
    if not aws.releases or "release" not in frame:
        return {"serviceDeployments": []}
    item = release_of(aws, frame)
    revision = item["targetServiceRevision"]["arn"]
    brief = {key: item[key] for key in ("serviceDeploymentArn", "status", "createdAt")}
    return {"serviceDeployments": [{**brief, "targetServiceRevisionArn": revision}]}


def describe_service_deployments(aws: ScriptedAws, frame: dict[str, Any], _request: dict[str, Any]) -> dict[str, Any]:
    return {"serviceDeployments": [release_of(aws, frame)]}


def describe_service_revisions(aws: ScriptedAws, _frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    image = aws.story.get("service", {}).get("image", "new")
    images = [{"containerName": "amica", "imageDigest": digest(image)}]
    names = (arn.rpartition("/")[2] for arn in request["serviceRevisionArns"])
    return {
        "serviceRevisions": [{"taskDefinition": task_definition(name), "containerImages": images} for name in names]
    }


def list_tasks(_aws: ScriptedAws, frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    wanted = request["desiredStatus"] == "STOPPED"
    return {"taskArns": [task_arn(item) for item in frame.get("tasks", ()) if ("stop" in item) == wanted]}


def task_arn(item: dict[str, Any]) -> str:
    return f"{ARN}:task/amica-cluster/{item['id']}"


def describe_tasks(aws: ScriptedAws, frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": [task(aws, item) for item in frame.get("tasks", ()) if task_arn(item) in request["tasks"]]}


def task(aws: ScriptedAws, item: dict[str, Any]) -> dict[str, Any]:
    of = item.get("of", "new")
    container: dict[str, Any] = {
        "name": "amica",
        "image": f"r/amica@{digest(of)}",
        "imageDigest": digest(item.get("image", of)),
    }
    if "exit" in item:
        container["exitCode"] = item["exit"]
    if "container" in item:
        container["reason"] = item["container"]
    answer = {
        "taskArn": task_arn(item),
        "lastStatus": "STOPPED" if "stop" in item else item.get("status", "RUNNING"),
        "startedBy": deployment_id(of),
        "taskDefinitionArn": task_definition(of),
        "containers": [container],
        "attachments": [{"details": [{"name": "privateIPv4Address", "value": item.get("address", "")}]}],
    }
    if "stop" in item:
        answer |= {"stopCode": item["stop"], "stoppedReason": item.get("reason", "")}
    for name, at in item.get("times", {}).items():
        answer[name] = aws.moment(at)
    return answer


def describe_target_health(_aws: ScriptedAws, frame: dict[str, Any], _request: dict[str, Any]) -> dict[str, Any]:
    described = []
    for address, health in frame.get("targets", {}).items():
        state, reason, description = (*([health] if isinstance(health, str) else health), "", "")[:3]
        described.append(
            {
                "Target": {"Id": address, "Port": 8080},
                "TargetHealth": {"State": state, "Reason": reason, "Description": description},
            }
        )
    return {"TargetHealthDescriptions": described}


def describe_task_definition(_aws: ScriptedAws, _frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    name = request["taskDefinition"].rsplit(":", 1)[-1]
    options = {"awslogs-group": "/ecs/amica-stack", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}
    logging = {"logDriver": "awslogs", "options": options}
    container = {"name": "amica", "image": f"r/amica@{digest(name)}", "logConfiguration": logging}
    return {"taskDefinition": {"containerDefinitions": [container]}}


def get_log_events(_aws: ScriptedAws, frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    name = request["logStreamName"].rsplit("/", 1)[-1]
    if name not in frame.get("log", {}):
        raise refusal("ResourceNotFoundException", "GetLogEvents")
    return {"events": [{"message": line} for line in frame["log"][name]]}


def stop_service_deployment(aws: ScriptedAws, _frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return aws.tell("stop_service_deployment", request)


def update_service(aws: ScriptedAws, _frame: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return aws.tell("update_service", request)


HANDLERS: dict[str, Callable[[ScriptedAws, dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    handler.__name__: handler
    for handler in (
        describe_services,
        list_service_deployments,
        describe_service_deployments,
        describe_service_revisions,
        list_tasks,
        describe_tasks,
        describe_target_health,
        describe_task_definition,
        get_log_events,
        stop_service_deployment,
        update_service,
    )
}
