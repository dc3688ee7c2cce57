# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which streams: those of a task, of the task that stopped last, by name or prefix."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

# A describe_log_streams page holds 50; a task's stream is among the youngest.
MOST_PAGES = 40
# A list_tasks page holds 100, in no order; a service whose tasks die in a loop leaves a few hundred an hour.
MOST_TASK_PAGES = 10


def task_of(stream: str) -> str:
    """The task id of a stream that the awslogs driver made (prefix/container/task)."""
    return stream.rsplit("/", 1)[-1]


def task_streams(logs: Any, group: str, task_id: str) -> list[str]:
    """The streams of a task, one a container; none while it has not written."""
    request = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True}
    found: list[str] = []
    for _page in range(MOST_PAGES):
        answer = logs.describe_log_streams(**request)
        names = [str(item["logStreamName"]) for item in answer.get("logStreams", ())]
        found += [name for name in names if task_of(name) == task_id]
        if not answer.get("nextToken") or (found and not any(task_of(name) == task_id for name in names)):
            break
        request["nextToken"] = answer["nextToken"]
    return sorted(found)


def last_stopped_task(ecs: Any, cluster: str, service: str) -> str | None:
    """The id of the service's task that stopped last, as long as ECS remembers (about an hour)."""
    request = {"cluster": cluster, "serviceName": service, "desiredStatus": "STOPPED"}
    tasks: list[Mapping[str, Any]] = []
    for _page in range(MOST_TASK_PAGES):
        answer = ecs.list_tasks(**request)
        if answer.get("taskArns"):
            tasks += ecs.describe_tasks(cluster=cluster, tasks=answer["taskArns"]).get("tasks", ())
        if not answer.get("nextToken"):
            break
        request["nextToken"] = answer["nextToken"]
    last = newest_stopped(tasks)
    return task_of(str(last["taskArn"])) if last else None


def newest_stopped(tasks: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    ended = [task for task in tasks if task.get("stoppedAt") or task.get("stoppingAt")]
    return max(ended, key=lambda task: task.get("stoppedAt") or task["stoppingAt"], default=None)


def has_stopped(ecs: Any, cluster: str, task_id: str) -> Callable[[], bool]:
    """Asks whether a task has stopped. ECS forgets stopped tasks: one that it does not know has."""

    def asking() -> bool:
        tasks = ecs.describe_tasks(cluster=cluster, tasks=[task_id]).get("tasks", ())
        return all(task.get("lastStatus") == "STOPPED" for task in tasks)

    return asking
