# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of `cloudwatch_logs_tail`: each line on the screen as it is read."""

from __future__ import annotations

from typing import Any

from ansible_collections.amica.stack.plugins.plugin_utils._progress import ProgressAction
from ansible_collections.amica.stack.plugins.plugin_utils._progress import clean
from ansible_collections.amica.stack.plugins.plugin_utils._progress import display


class ActionModule(ProgressAction):
    """Runs the module and shows the lines that it reads, unless they go to a file."""

    MODULE = "amica.stack.cloudwatch_logs_tail"
    INDENT = ""

    def title(self, options: dict[str, Any]) -> str:
        groups = options.get("log_groups")
        return f"The log of {', '.join(groups) if isinstance(groups, list) else groups}:"

    def shows_progress(self, options: dict[str, Any]) -> bool:
        return super().shows_progress(options) and not options.get("output_file")

    def ended(self, answer: dict[str, Any]) -> None:
        """What a module out of reach has read is shown when it comes."""
        lines = [] if self.within_reach() else answer.get("lines", [])
        for line in (*lines, *answer.get("notes", ())):
            display.display(clean(line, colour=False))
