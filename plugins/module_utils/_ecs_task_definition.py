# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task definitions: what AWS makes of one, when two are the same, and the calls around them.

A registered definition never changes: what differs becomes a new revision of its family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import cast
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import retag
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import snake
from ansible_collections.amica.stack.plugins.module_utils._ecs_fargate import DEFAULT_STORAGE
from ansible_collections.amica.stack.plugins.module_utils._ecs_fargate import fargate_problem
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.validate import validate_parameters

# The members of a definition, by the module's option.
FIELDS = {
    "cpu": "cpu",
    "memory": "memory",
    "ephemeral_storage": "ephemeralStorage",
    "network_mode": "networkMode",
    "requires_compatibilities": "requiresCompatibilities",
    "runtime_platform": "runtimePlatform",
    "execution_role_arn": "executionRoleArn",
    "task_role_arn": "taskRoleArn",
    "volumes": "volumes",
    "containers": "containerDefinitions",
    "placement_constraints": "placementConstraints",
    "proxy_configuration": "proxyConfiguration",
    "pid_mode": "pidMode",
    "ipc_mode": "ipcMode",
    "enable_fault_injection": "enableFaultInjection",
}

# Lists whose order means nothing, by the members that tell their items apart.
KEYS: dict[str, tuple[str, ...]] = {
    "containerDefinitions": ("name",),
    "dependsOn": ("containerName",),
    "devices": ("hostPath",),
    "extraHosts": ("hostname",),
    "mountPoints": ("containerPath",),
    "portMappings": ("containerPort", "containerPortRange", "protocol"),
    "resourceRequirements": ("type",),
    "systemControls": ("namespace",),
    "tmpfs": ("containerPath",),
    "ulimits": ("name",),
    "volumes": ("name",),
    "volumesFrom": ("sourceContainer",),
}
# Such lists of which each item is a name and what it stands for.
PAIRS = {"environment": "value", "properties": "value", "secretOptions": "valueFrom", "secrets": "valueFrom"}
SETS = frozenset({"requiresCompatibilities", "add", "drop", "permissions", "mountOptions", "ignoredExitCodes"})
MAPS = frozenset({"options", "dockerLabels", "driverOpts", "labels"})

# What AWS fills in where a definition says nothing. A boolean that is not here is false.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html and the types that it names
DEFAULTS: dict[str, dict[str, Any]] = {
    "authorizationConfig": {"iam": "DISABLED"},
    "containerDefinitions": {"cpu": 0, "essential": True, "versionConsistency": "enabled"},
    "dockerVolumeConfiguration": {"scope": "task", "driver": "local"},
    "efsVolumeConfiguration": {"rootDirectory": "/", "transitEncryption": "DISABLED"},
    "healthCheck": {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0},
    "portMappings": {"protocol": "tcp"},
    "restartPolicy": {"restartAttemptPeriod": 300},
    "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
}

# Environment variables that hold a secret by their name, though they had better come from a secret store.
SECRET_NAME = re.compile(
    r"secret|token|passw|passphrase|credential|private|api_?key|access_?key|_key$|^key$|database_url|dsn|connection_string",
    re.IGNORECASE,
)
HIDDEN = "(not shown)"

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html and API_DescribeServices.html
DELETED_AT_ONCE = 10
DESCRIBED_AT_ONCE = 10


def definition(options: Document) -> dict[str, Any]:
    """The module's options as a definition in AWS's spelling, without what is not set."""
    members = {field: options.get(option) for option, field in FIELDS.items()}
    for text in ("cpu", "memory"):
        members[text] = None if members[text] is None else str(members[text])
    storage = options.get("ephemeral_storage")
    members["ephemeralStorage"] = None if storage in (None, DEFAULT_STORAGE) else {"sizeInGiB": storage}
    platform = options.get("runtime_platform") or {}
    members["runtimePlatform"] = {
        "cpuArchitecture": platform.get("cpu_architecture"),
        "operatingSystemFamily": platform.get("operating_system_family"),
    }
    return {"family": options["family"], **filled(members)}


def size_problem(options: Document) -> str | None:
    """Why Fargate offers no task of this size; None when it does, or when the task is not for Fargate."""
    cpu, memory = options.get("cpu"), options.get("memory")
    if "FARGATE" not in (options.get("requires_compatibilities") or ()) or cpu is None or memory is None:
        return None
    return fargate_problem(cpu, memory, options.get("ephemeral_storage") or DEFAULT_STORAGE)


def canonical(document: Document) -> dict[str, Any]:
    """A definition, ours or AWS's, in the one form in which equal definitions are equal.

    AWS's defaults are filled in, empty members left out, and lists whose order means nothing are mappings by name.
    """
    members: dict[str, Any] = {field: _canonical(field, document.get(field)) for field in FIELDS.values()}
    compatibilities = members["requiresCompatibilities"] or []
    members["networkMode"] = members["networkMode"] or ("awsvpc" if "FARGATE" in compatibilities else "bridge")
    members["ephemeralStorage"] = members["ephemeralStorage"] or {"sizeInGiB": DEFAULT_STORAGE}
    members["runtimePlatform"] = members["runtimePlatform"] or DEFAULTS["runtimePlatform"]
    own_address = members["networkMode"] in ("awsvpc", "host")
    for container in members["containerDefinitions"].values() if members["containerDefinitions"] else ():
        for mapping in container.get("portMappings", {}).values():
            if "containerPort" in mapping:
                mapping["hostPort"] = mapping.get("hostPort") or (mapping["containerPort"] if own_address else 0)
    return {field: value for field, value in members.items() if value}


def _canonical(field: str, value: Any) -> Any:
    if field in MAPS:
        return dict(value or {})
    if field in PAIRS:
        return {item["name"]: item.get(PAIRS[field]) for item in value or ()}
    if field in KEYS:
        items = [_canonical_members(field, item) for item in value or ()]
        return {"/".join(str(item[key]) for key in KEYS[field] if key in item): item for item in items}
    if field in SETS:
        return sorted(value or ())
    if isinstance(value, Mapping):
        return _canonical_members(field, value)
    if isinstance(value, list):
        return [_canonical("", item) for item in value]
    return value


def _canonical_members(field: str, value: Document) -> dict[str, Any]:
    members = {key: _canonical(key, item) for key, item in value.items()}
    given = {key: item for key, item in members.items() if item is not False and item not in (None, "", [], {})}
    # `essential` is the one boolean that is true by default, so here its false must stay.
    if members.get("essential") is False:
        given["essential"] = False
    return {**DEFAULTS.get(field, {}), **given} if given else {}


def hidden(document: Document) -> dict[str, Any]:
    """A canonical definition, or a part of one, without the values of variables that hold a secret by their name."""
    containers = document.get("containerDefinitions")
    if not isinstance(containers, Mapping):
        return dict(document)
    return {**document, "containerDefinitions": {name: _hidden_container(item) for name, item in containers.items()}}


def _hidden_container(container: Any) -> Any:
    environment = container.get("environment") if isinstance(container, Mapping) else None
    if not isinstance(environment, Mapping):
        return container
    shown = {name: HIDDEN if SECRET_NAME.search(name) and value else value for name, value in environment.items()}
    return {**container, "environment": shown}


def returned(document: Document) -> dict[str, Any]:
    """A definition as the module returns it: Ansible's spelling, tags as a mapping, secret values not shown."""
    containers = []
    for container in document.get("containerDefinitions", ()):
        environment = [
            {**item, "value": HIDDEN} if SECRET_NAME.search(item["name"]) and item.get("value") else item
            for item in container.get("environment", ())
        ]
        containers.append({**container, "environment": environment})
    answer: dict[str, Any] = snake({**document, "containerDefinitions": containers})
    return answer


def revision_of(arn: str) -> int:
    """The number at the end of a task definition's ARN."""
    return int(arn.rpartition(":")[2])


def family_of(arn: str) -> str:
    return arn.rpartition("/")[2].rpartition(":")[0]


def obsolete(revisions: Iterable[str], keep: int, used: frozenset[str]) -> list[str]:
    """The ARNs of revisions to remove, the oldest first: all but the newest `keep` and those in use."""
    newest_first = sorted(revisions, key=revision_of, reverse=True)
    return [arn for arn in reversed(newest_first[keep:]) if arn not in used]


class TaskDefinitions:
    """The revisions of one family, in AWS."""

    def __init__(self, client: Any, family: str) -> None:
        self.client = client
        self.family = family

    def revisions(self, status: str) -> list[str]:
        """ARNs by age, the newest first. `status`: ACTIVE or INACTIVE."""
        pages = self.client.get_paginator("list_task_definitions").paginate(familyPrefix=self.family, status=status)
        arns = [arn for page in pages for arn in page["taskDefinitionArns"] if family_of(arn) == self.family]
        return sorted(arns, key=revision_of, reverse=True)

    def describe(self, arn: str) -> dict[str, Any]:
        """One revision as AWS returns it, its tags a mapping beside the other members."""
        answer = self.client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        return {**answer["taskDefinition"], "tags": tags_to_dict(answer.get("tags"))}

    def register(self, document: Document, tags: Mapping[str, str]) -> dict[str, Any]:
        given = {"tags": dict_to_tags(tags, "key", "value")} if tags else {}
        answer = self.client.register_task_definition(**document, **given)
        return {**answer["taskDefinition"], "tags": dict(tags)}

    def remove(self, active: Sequence[str], inactive: Sequence[str] = ()) -> None:
        """Deregister active revisions and delete these and the inactive ones.

        AWS keeps what a service still uses until it no longer does.
        """
        for arn in active:
            self.client.deregister_task_definition(taskDefinition=arn)
        arns = [*inactive, *active]
        for start in range(0, len(arns), DELETED_AT_ONCE):
            answer = self.client.delete_task_definitions(taskDefinitions=arns[start : start + DELETED_AT_ONCE])
            for failure in answer.get("failures", ()):
                raise Refused(
                    f"AWS did not delete {failure.get('arn')}: {failure.get('reason') or failure.get('detail')}"
                )

    def used(self) -> frozenset[str]:
        """The revisions of this family that deployments of the region's services run, or would run when scaled."""
        arns: set[str] = set()
        for clusters in self.client.get_paginator("list_clusters").paginate():
            for cluster in clusters["clusterArns"]:
                arns.update(self._used_in(cluster))
        return frozenset(arn for arn in arns if family_of(arn) == self.family)

    def _used_in(self, cluster: str) -> Iterable[str]:
        pages = self.client.get_paginator("list_services").paginate(cluster=cluster)
        services = [arn for page in pages for arn in page["serviceArns"]]
        for start in range(0, len(services), DESCRIBED_AT_ONCE):
            batch = services[start : start + DESCRIBED_AT_ONCE]
            for service in self.client.describe_services(cluster=cluster, services=batch)["services"]:
                for user in (service, *service.get("deployments", ()), *service.get("taskSets", ())):
                    if user.get("taskDefinition"):
                        yield user["taskDefinition"]


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the newest revision the one that the options describe.

    :raises Refused: when Fargate offers no such task, or no revision would be kept.
    """
    problem = size_problem(options)
    if problem:
        raise Refused(problem)
    if options.get("keep_revisions") is not None and options["keep_revisions"] < 1:
        raise Refused("keep_revisions is at least 1: the newest revision always stays")
    shape = client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    wanted = cast(definition(options), shape)
    validate_parameters(wanted, shape)
    family = TaskDefinitions(client, options["family"])
    revisions = family.revisions("ACTIVE")
    latest = family.describe(revisions[0]) if revisions else {}
    old_tags: dict[str, str] = latest.get("tags", {})
    write, remove = tag_changes(old_tags, options.get("tags"))
    tags = {**{key: value for key, value in old_tags.items() if key not in remove}, **write}
    before = {**canonical(latest), "tags": old_tags} if latest else {}
    after = {**canonical(wanted), "tags": tags}
    registers = any(before.get(field) != after.get(field) for field in FIELDS.values())
    removed: list[str] = []
    if registers and check:
        latest = predicted(wanted, tags, revisions)
    elif registers:
        latest = family.register(wanted, tags)
        removed = _prune(family, [latest["taskDefinitionArn"], *revisions], options.get("keep_revisions"))
    else:
        if not check:
            retag(client, revisions[0], write, remove)
        latest = {**latest, "tags": tags}
    difference = differing(before, after)
    return Outcome(
        changed=registers or bool(write or remove),
        values={
            "registered": registers,
            "removed_revisions": removed,
            "revision": latest.get("revision"),
            "task_definition": returned(latest),
            **({"task_definition_arn": latest["taskDefinitionArn"]} if "taskDefinitionArn" in latest else {}),
        },
        before=hidden(difference["before"]),
        after=hidden(difference["after"]),
    )


def predicted(wanted: Document, tags: Mapping[str, str], revisions: Sequence[str]) -> dict[str, Any]:
    """The revision that would be registered. Its ARN is not known before the family's first one."""
    if not revisions:
        return {**wanted, "tags": dict(tags), "revision": 1}
    number = revision_of(revisions[0]) + 1
    arn = f"{revisions[0].rpartition(':')[0]}:{number}"
    return {**wanted, "tags": dict(tags), "revision": number, "taskDefinitionArn": arn}


def _prune(family: TaskDefinitions, revisions: Sequence[str], keep: int | None) -> list[str]:
    if keep is None or len(revisions) <= keep:
        return []
    removed = obsolete(revisions, keep, family.used())
    family.remove(removed)
    return removed


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    """Deregister and delete every revision of the family."""
    family = TaskDefinitions(client, options["family"])
    active, inactive = family.revisions("ACTIVE"), family.revisions("INACTIVE")
    if not check:
        family.remove(active, inactive)
    removed = [*active, *inactive]
    return Outcome(
        changed=bool(removed),
        values={"registered": False, "removed_revisions": removed},
        before={"revisions": removed} if removed else {},
        after={"revisions": []} if removed else {},
    )
