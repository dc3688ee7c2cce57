# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS services, tasks and deployments that really run, in place of MiniStack's own; clusters stay MiniStack's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from embedded_aws.context import Context
    from embedded_aws.ecs.scheduler import Ecs
    from embedded_aws.ecs.store import Record


def install(context: Context) -> Ecs:
    """Put our handlers in place of MiniStack's. `start()` the answer once all state is loaded; `close()` ends tasks."""
    from ministack.core import responses
    from ministack.services import alb
    from ministack.services import cloudwatch
    from ministack.services import ec2
    from ministack.services import ecs as stock

    from embedded_aws.ecs.api import handlers
    from embedded_aws.ecs.scheduler import Ecs
    from embedded_aws.ecs.store import ApiError
    from embedded_aws.ecs.store import Store
    from embedded_aws.service_connect import CloudMap

    def alarm_state(name: str) -> str:
        alarm = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name) or {}
        return str(alarm.get("StateValue", ""))

    ecs = Ecs(
        context,
        Store(
            clusters=stock._clusters, services=stock._services, tasks=stock._tasks, definitions=stock._task_defs,
            revisions=stock._task_def_latest, tags=stock._tags, subnets=ec2._subnets, target_groups=alb._tgs,
            rules=alb._rules, mesh=CloudMap(),
            alarm_state=alarm_state, scope=responses.request_scope, account=responses.get_account_id,
            region=responses.get_region,
        ),
    )  # fmt: skip

    def answering(handler: Callable[[Record], Record]) -> Callable[[Record], Any]:
        def answer(data: Record) -> Any:
            with ecs.lock:
                try:
                    return responses.json_response(handler(data), content_type="application/x-amz-json-1.1")
                except ApiError as problem:
                    return responses.error_response_json(problem.code, str(problem), 400)

        return answer

    def state() -> Any:
        with ecs.lock:
            return saved()

    def load(data: Any) -> None:
        """MiniStack restores the records; the tasks of the previous run are gone and the scheduler replaces them."""
        with ecs.lock:
            restore(data)
            ecs.resume()

    def reset() -> None:
        ecs.clear()
        for table in (stock._clusters, stock._task_defs, stock._task_def_latest, stock._services, stock._tasks,
                      stock._tags, stock._account_settings, stock._capacity_providers, stock._attributes):  # fmt: skip
            table.clear()

    saved, restore = stock.get_state, stock._restore_state
    stock._ACTION_MAP.update({name: answering(handler) for name, handler in handlers(ecs).items()})
    stock.get_state, stock.load_persisted_state, stock.reset = state, load, reset
    return ecs
