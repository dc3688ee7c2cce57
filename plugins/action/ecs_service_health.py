# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of `ecs_service_health`: a line for each change while the module waits.

The module does all the work, here or there, and writes its progress to a file; this shows what is added to it, and at a
failure the dossier. So the verdicts are the module's own, and so are its options, `environment` and check mode.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Seconds between two looks at the file.
INTERVAL = 0.3

display = Display()


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs the module and shows its progress."""

    MODULE = "amica.stack.ecs_service_health"
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = dict(self._task.args)
        if not self.shows_progress() or options.get("progress_file"):
            return {**result, **self._execute_module(module_name=self.MODULE, module_args=options, task_vars=task_vars)}
        with tempfile.TemporaryDirectory(prefix="amica-health-") as folder:
            file = Path(folder) / "progress"
            file.touch(mode=0o600)
            done = threading.Event()
            showing = threading.Thread(target=show, args=(self.title(options), file, done), daemon=True)
            showing.start()
            try:
                answer = self._execute_module(
                    module_name=self.MODULE, module_args={**options, "progress_file": str(file)}, task_vars=task_vars
                )
            finally:
                done.set()
                showing.join()
        answer.get("invocation", {}).get("module_args", {}).pop("progress_file", None)
        if answer.get("failed"):
            for line in ("", *answer.get("prose", ()), ""):
                display.display(line)
        return {**result, **answer}

    def title(self, options: dict[str, Any]) -> str:
        return f"{options.get('service')} in {options.get('cluster')}:"

    def shows_progress(self) -> bool:
        """Only where module and file are on this machine, and the task hides nothing."""
        return not self._task.no_log and self._connection.transport == "local"


def show(title: str, file: Path, done: threading.Event) -> None:
    """Show the file's lines as they come, the last ones too. Some callbacks name a task only when it has ended."""
    display.display(title)
    with file.open(encoding="utf-8") as lines:
        while True:
            last = done.wait(INTERVAL)
            for line in lines:
                display.display(f"  {line.rstrip()}")
            if last:
                return
