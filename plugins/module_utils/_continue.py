# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer to a deployment that is paused: it goes on, or ECS sends it back.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/continue-service-deployment.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._ecs_common import PAUSE
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import short
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import Services
from ansible_collections.amica.stack.plugins.module_utils._ecs_service import primary
from ansible_collections.amica.stack.plugins.module_utils._pause import Pause
from ansible_collections.amica.stack.plugins.module_utils._pause import pause_of
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._rollback import History
from ansible_collections.amica.stack.plugins.module_utils._rollback import await_rollback
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

# In which AWS has taken an answer everywhere.
SECONDS_OF_ANSWER = 60.0


def paused(service: Document, release: Document | None) -> Pause:
    """Where the service's deployment waits.

    :raises Refused: it does not.
    """
    name = service["serviceName"]
    if release is None:
        raise Refused(f"No deployment of {name} is in progress, so none waits for an answer")
    pause = pause_of(release)
    if pause is None:
        stage = f", at stage {release['lifecycleStage']}" if release.get("lifecycleStage") else ""
        raise Refused(f"The deployment of {name} is {release['status']}{stage}, and does not wait for an answer")
    return pause


def answer(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Continue the service's paused deployment, or send it back and wait until ECS has gone back.

    :raises Refused: when it is not paused, or ECS could not.
    """
    if "ContinueServiceDeployment" not in client.meta.service_model.operation_names:
        raise Refused("The installed botocore does not know ContinueServiceDeployment: install a newer boto3")
    services = Services(client, options["cluster"], options["service"], wait)
    history = History(client, options["cluster"], options["service"])
    service = services.active()
    arn = str(service.get("currentServiceDeployment") or "")
    release = history.release(arn) if arn else None
    pause = paused(service, release)
    back, to = options["action"] == "ROLLBACK", short(str(service["taskDefinition"]))
    if back and not (release or {}).get("sourceServiceRevisions"):
        raise Refused(
            f"The deployment of {to} is the first of {service['serviceName']}, so there is nothing to go back to: "
            "continue it, or delete the service"
        )
    if not check:
        for hook in pause.hooks[:1] if back else pause.hooks:
            client.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook, action=options["action"])
        _await_answer(history, arn, pause, wait)
        if back:
            await_rollback(history, arn, options["wait_timeout"], wait)
    what = "goes back from" if back else "goes on with"
    return Outcome(
        changed=True,
        values={
            "why": f"{service['serviceName']} {what} {to}, whose deployment was paused at {pause.stage}.",
            "stage": pause.stage,
            "deployment_id": arn if back else primary(service).get("id"),
        },
        before={"paused": pause.stage},
        after={"paused": None},
    )


def _await_answer(history: History, arn: str, pause: Pause, wait: Callable[[float, float], Wait]) -> None:
    """Wait until the deployment does not say any more that it waits for this answer."""

    def taken() -> bool:
        now = pause_of(history.release(arn) or {})
        return now is None or not set(pause.hooks) & set(now.hooks)

    if not wait(SECONDS_OF_ANSWER, PAUSE).until(taken):
        raise Refused(f"ECS still shows the deployment as paused {SECONDS_OF_ANSWER:g} s after the answer: look later")
