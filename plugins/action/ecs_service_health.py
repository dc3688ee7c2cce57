# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of `ecs_service_health`: a line for each change while it waits, at a failure the dossier."""

from __future__ import annotations

from typing import Any

from ansible_collections.amica.stack.plugins.plugin_utils._progress import ProgressAction
from ansible_collections.amica.stack.plugins.plugin_utils._progress import clean
from ansible_collections.amica.stack.plugins.plugin_utils._progress import display


class ActionModule(ProgressAction):
    """Runs the module and shows its progress."""

    MODULE = "amica.stack.ecs_service_health"

    def title(self, options: dict[str, Any]) -> str:
        return f"{options.get('service')} in {options.get('cluster')}:"

    def ended(self, answer: dict[str, Any]) -> None:
        if answer.get("failed"):
            for line in ("", *answer.get("prose", ()), ""):
                display.display(clean(line, colour=False))
