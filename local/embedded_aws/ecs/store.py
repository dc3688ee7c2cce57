# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that the ECS service keeps: dictionaries shaped as the API answers them; keys with `_` never leave it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from typing import Protocol

Record = dict[str, Any]


class ApiError(Exception):
    """An error that the API answers with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Table(Protocol):
    """A store of records of one kind, seen through the account and region of the current request."""

    def get(self, key: str, default: Any = None) -> Any: ...

    def pop(self, key: str, *default: Any) -> Any: ...

    def __setitem__(self, key: str, value: Any) -> None: ...

    def values(self) -> Any: ...

    def items(self) -> Any: ...

    def all_items(self) -> list[tuple[tuple[str, str, str], Record]]: ...


class Mesh(Protocol):
    """Cloud Map, as Service Connect uses it."""

    def namespace(self, reference: str) -> str:
        """ARN of the namespace of this ARN or name; empty where there is none."""

    def join(self, namespace: str, name: str) -> str:
        """Have a Cloud Map service of this name in the namespace of this ARN, and return its ARN."""

    def leave(self, arn: str) -> None:
        """Delete the Cloud Map service."""


@dataclass(frozen=True)
class Store:
    """Where everything is kept. `scope(account, region)` enters another request's account and region.

    `alarm_state(name)`: OK, ALARM or INSUFFICIENT_DATA; empty where there is no such alarm.
    """

    clusters: Table
    services: Table
    tasks: Table
    definitions: Table
    revisions: Table
    tags: Table
    subnets: Table
    target_groups: Table
    rules: Table
    mesh: Mesh
    alarm_state: Callable[[str], str]
    scope: Callable[[str, str], AbstractContextManager[None]]
    account: Callable[[], str]
    region: Callable[[], str]

    def arn(self, kind: str, *path: str) -> str:
        return f"arn:aws:ecs:{self.region()}:{self.account()}:{'/'.join((kind, *path))}"

    def cluster(self, reference: str | None) -> Record:
        cluster = self.clusters.get((reference or "default").split("/")[-1])
        if not cluster:
            raise ApiError("ClusterNotFoundException", "Cluster not found.")
        return dict(cluster)

    def service(self, data: Record) -> Record:
        """The service that a request names by `cluster` and `service` (name or ARN).

        :raises ApiError: the cluster or the service does not exist.
        """
        cluster = self.cluster(data.get("cluster"))
        service = self.services.get(f"{cluster['clusterName']}/{data.get('service', '').split('/')[-1]}")
        if not service:
            raise ApiError("ServiceNotFoundException", "Service not found.")
        return service  # type: ignore[no-any-return]

    def definition(self, reference: str) -> Record:
        """A task definition by family, family:revision or ARN; a family alone means its latest ACTIVE revision."""
        key = reference.split("/")[-1]
        if ":" in key:
            found = self.definitions.get(key)
        else:
            mine = [item for item in self.definitions.values() if item["family"] == key and item["status"] == "ACTIVE"]
            found = max(mine, key=lambda item: item["revision"], default=None)
        if not found:
            raise ApiError("ClientException", "Unable to describe task definition.")
        return found  # type: ignore[no-any-return]

    def tasks_of(self, service: Record) -> list[Record]:
        group = f"service:{service['serviceName']}"
        return [
            task
            for task in self.tasks.values()
            if task.get("group") == group
            and task["clusterArn"] == service["clusterArn"]
            and task["createdAt"] >= service["createdAt"]
        ]


def number() -> str:
    """A 19-digit id, as deployments and service revisions have it."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


def public(value: Any) -> Any:
    """The record as the API shows it: no `_` keys, no empty members."""
    if isinstance(value, dict):
        return {k: public(v) for k, v in value.items() if not k.startswith("_") and v is not None}
    return [public(item) for item in value] if isinstance(value, list) else value


def image_at(image: str, digest: str) -> str:
    """The image reference with its tag replaced by a digest."""
    repository, _, pinned = image.partition("@")
    folder, slash, name = repository.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}@{digest or pinned}"


def short(arn: str) -> str:
    """The last part of an ARN: a task's id, a cluster's name."""
    return arn.rsplit("/", 1)[-1]


def scope_of(arn: str) -> tuple[str, str]:
    """The account and region of an ARN."""
    return arn.split(":")[4], arn.split(":")[3]


def serving(task: Record) -> bool:
    return task["lastStatus"] in ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")


def counts(tasks: list[Record], deployment: str = "") -> tuple[int, int]:
    """How many tasks run and how many are on their way, of one deployment or of all."""
    states = [task["lastStatus"] for task in tasks if not deployment or task["startedBy"] == deployment]
    return states.count("RUNNING"), sum(state in ("PROVISIONING", "PENDING", "ACTIVATING") for state in states)


def option(data: Mapping[str, Any], *path: str, default: Any = None) -> Any:
    """A nested member of a request or record, or the default where any part is missing."""
    value: Any = data
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return default if value is None else value
