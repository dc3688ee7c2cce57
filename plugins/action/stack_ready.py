# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of `stack_ready`: a line for each change while the module waits."""

from __future__ import annotations

from typing import Any

from ansible_collections.amica.stack.plugins.action.ecs_service_health import ActionModule as HealthAction


class ActionModule(HealthAction):
    """Runs the module and shows its progress."""

    MODULE = "amica.stack.stack_ready"

    def title(self, options: dict[str, Any]) -> str:
        deployment = options.get("deployment") or {}
        return f"{deployment['service']} and the rest:" if deployment.get("service") else "Coming up:"
