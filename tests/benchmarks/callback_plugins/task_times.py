# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_times
type: aggregate
short_description: Writes when each task began and ended, a JSON line each, to the file that TASK_TIMES names
description:
  - For benchmarks.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[tuple[str, str], float] = {}

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.began[host.name, task._uuid] = time.time()

    def ended(self, result: Any) -> None:
        host, task = result._host.name, result._task
        line = {
            "host": host,
            "role": task._role.get_name().rpartition(".")[2] if task._role else "",
            "task": task.name,
            "module": task.resolved_action or task.action,
            "began": self.began.get((host, task._uuid), time.time()),
            "ended": time.time(),
            "changed": bool(result._result.get("changed")),
        }
        with Path(os.environ["TASK_TIMES"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self.ended(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self.ended(result)
