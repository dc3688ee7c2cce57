# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task definitions as ECS keeps them: every field, its defaults filled in, and Fargate's rules checked."""

from __future__ import annotations

import copy
from typing import Any

from embedded_aws.ecs.store import ApiError
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import Store
from embedded_aws.ecs.store import option
from embedded_aws.ecs.store import public

STILL_ACTIVE = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
SHARED_NAME = (
    "The secret name must be unique and not shared with any new or existing environment variables set on the "
    "container, such as"
)
GIB = 1024
# vCPU units -> MiB (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html)
FARGATE_MEMORY = {
    256: (512, GIB, 2 * GIB),
    512: tuple(range(GIB, 4 * GIB + 1, GIB)),
    1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
}
FIELDS = (
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
    "placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode", "proxyConfiguration",
    "inferenceAccelerators", "ephemeralStorage", "runtimePlatform", "enableFaultInjection",
)  # fmt: skip


def problem(data: Record) -> str | None:
    """Why ECS refuses this task definition, or nothing."""
    containers = data.get("containerDefinitions") or []
    if not data.get("family"):
        return "Family should not be null or empty."
    if not containers:
        return "Container list cannot be empty."
    if any(not item.get("image") or not item.get("name") for item in containers):
        return "Container.image should not be null or empty."
    names = {item["name"] for item in containers}
    for item in containers:
        if unknown := {one["containerName"] for one in item.get("dependsOn", ())} - names:
            return f"Container '{item['name']}' depends on '{min(unknown)}', which is not in the task definition."
        variables = {one["name"] for one in item.get("environment", ())}
        if both := variables & {one["name"] for one in item.get("secrets", ())}:
            return f"{SHARED_NAME} '{min(both)}'."
    if "FARGATE" not in data.get("requiresCompatibilities", ()):
        return None
    if data.get("networkMode", "awsvpc") != "awsvpc":
        return "Fargate only supports network mode ‘awsvpc’."  # noqa: RUF001 as AWS writes it
    cpu, memory = str(data.get("cpu") or ""), str(data.get("memory") or "")
    if not cpu.isdigit() or int(cpu) not in FARGATE_MEMORY:
        return "Invalid 'cpu' setting for task."
    if not memory.isdigit() or int(memory) not in FARGATE_MEMORY[int(cpu)]:
        return f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
    if not 21 <= option(data, "ephemeralStorage", "sizeInGiB", default=21) <= 200:
        return "Invalid 'ephemeralStorage' setting for task: sizeInGiB must be between 21 and 200."
    drivers = [option(item, "logConfiguration", "logDriver") for item in containers]
    if "awslogs" in drivers and not data.get("executionRoleArn"):
        return "Fargate requires task definition to have execution role ARN to support log driver awslogs."
    return None


def container(data: Record) -> Record:
    """A container definition with the members that ECS adds."""
    filled = {
        "cpu": 0, "essential": True, "portMappings": [], "environment": [], "mountPoints": [], "volumesFrom": [],
        "systemControls": [], **public(copy.deepcopy(data)),
    }  # fmt: skip
    for mapping in filled["portMappings"]:
        mapping.setdefault("hostPort", mapping.get("containerPort"))
        mapping.setdefault("protocol", "tcp")
    if "healthCheck" in filled:
        filled["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **filled["healthCheck"]}
    return filled


def volume(data: Record) -> Record:
    """A volume as ECS keeps it: one without any other kind is a bind mount."""
    return public(copy.deepcopy(data)) if len(data) > 1 else {**data, "host": {}}


def register(store: Store, data: Record, now: float) -> Record:
    """RegisterTaskDefinition."""
    refused = problem(data)
    if refused:
        raise ApiError("ClientException", refused)
    family = data["family"]
    revision = store.revisions.get(family, 0) + 1
    store.revisions[family] = revision
    wanted = data.get("requiresCompatibilities") or []
    definition = {
        "placementConstraints": [], "networkMode": "awsvpc" if "FARGATE" in wanted else "bridge",
        **{name: copy.deepcopy(data[name]) for name in FIELDS if data.get(name) is not None},
        "containerDefinitions": [container(item) for item in data["containerDefinitions"]],
        "volumes": [volume(item) for item in data.get("volumes") or ()],
        "taskDefinitionArn": store.arn("task-definition", f"{family}:{revision}"),
        "revision": revision,
        "status": "ACTIVE",
        "compatibilities": ["EC2", *(["FARGATE"] if "FARGATE" in wanted else [])],
        "registeredAt": now,
        "registeredBy": f"arn:aws:iam::{store.account()}:root",
    }  # fmt: skip
    store.definitions[f"{family}:{revision}"] = definition
    tags = list(data.get("tags") or [])
    if tags:
        store.tags[definition["taskDefinitionArn"]] = tags
    return {"taskDefinition": definition, "tags": tags}


def describe(store: Store, data: Record) -> Record:
    """DescribeTaskDefinition. Tags come only when asked for."""
    definition = store.definition(data.get("taskDefinition", ""))
    tags = store.tags.get(definition["taskDefinitionArn"], [])
    return {"taskDefinition": definition, **({"tags": tags} if "TAGS" in data.get("include", ()) else {})}


def deregister(store: Store, data: Record, now: float) -> Record:
    """DeregisterTaskDefinition; only a full family:revision names one."""
    if ":" not in data.get("taskDefinition", "").split("/")[-1]:
        raise ApiError("InvalidParameterException", "TaskDefinition family and revision should be specified.")
    definition = store.definition(data["taskDefinition"])
    definition.update(status="INACTIVE", deregisteredAt=now)
    return {"taskDefinition": definition}


def delete(store: Store, data: Record, now: float) -> Record:
    """DeleteTaskDefinitions; only INACTIVE ones. They vanish once no task or service uses them (`sweep`)."""
    deleted, failures = [], []
    for reference in data.get("taskDefinitions", ()):
        definition = store.definitions.get(reference.split("/")[-1])
        if not definition or definition["status"] == "ACTIVE":
            failures.append({"arn": reference, "reason": STILL_ACTIVE if definition else "TASK_DEFINITION_NOT_FOUND"})
        else:
            definition.update(status="DELETE_IN_PROGRESS", deleteRequestedAt=now)
            deleted.append(definition)
    return {"taskDefinitions": deleted, "failures": failures}


def sweep(store: Store) -> None:
    """Forget the deleted task definitions that nothing uses any more."""
    for (account, region, key), definition in store.definitions.all_items():
        if definition["status"] != "DELETE_IN_PROGRESS":
            continue
        with store.scope(account, region):
            arn = definition["taskDefinitionArn"]
            users: list[Any] = []
            for item in store.services.values():
                if item["status"] != "INACTIVE":
                    users += [item["taskDefinition"], (item["_good"] or item)["taskDefinition"]]
            users += [item["taskDefinitionArn"] for item in store.tasks.values() if item["lastStatus"] != "STOPPED"]
            if arn not in users:
                store.definitions.pop(key, None)
                store.tags.pop(arn, None)


def listing(store: Store, data: Record) -> list[str]:
    """The ARNs that ListTaskDefinitions answers, by family and then by revision."""
    family, status = data.get("familyPrefix"), data.get("status") or "ACTIVE"
    found = [
        (item["family"], item["revision"], item["taskDefinitionArn"])
        for item in store.definitions.values()
        if item["status"] == status and family in (None, item["family"])
    ]
    return [arn for _, _, arn in sorted(found, reverse=data.get("sort") == "DESC")]
