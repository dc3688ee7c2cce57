# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a deployment waits for a person, as its service deployment says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import seconds


@dataclass(frozen=True)
class Pause:
    """A stage at which a deployment waits for a person: the ids of the hooks that wait, and what ECS does in the end.

    `until`: seconds since 1970, None where AWS does not say it; `then`: CONTINUE or ROLLBACK.
    """

    stage: str
    hooks: tuple[str, ...]
    until: float | None = None
    then: str = "ROLLBACK"

    @property
    def sentence(self) -> str:
        """Such as `paused at POST_SCALE_UP, waiting for continue until 2026-11-30 12:05 UTC, when it is sent back`."""
        end = ""
        if self.until is not None:
            at = datetime.fromtimestamp(self.until, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
            end = f" until {at}, when it {'goes on by itself' if self.then == 'CONTINUE' else 'is sent back'}"
        return f"paused at {self.stage}, waiting for continue{end}"


def pause_of(release: Mapping[str, Any]) -> Pause | None:
    """Where a service deployment waits for a person now; None where it does not."""
    details = release.get("lifecycleHookDetails") or ()
    waiting = [hook for hook in details if hook.get("status") == "AWAITING_ACTION"]
    if not waiting or release.get("status") != "IN_PROGRESS":
        return None
    first = waiting[0]
    return Pause(
        str(release.get("lifecycleStage") or "a stage"),
        tuple(str(hook["hookId"]) for hook in waiting),
        seconds(first.get("expiresAt")),
        str(first.get("timeoutAction") or "ROLLBACK"),
    )
