# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of a module that tells how it goes: each line of its `progress_file` on the screen as it comes.

The module does all the work, so its results, its options, `environment` and check mode are its own. The file is a
pipe: it holds no more than the system's buffer, and a module that is faster than the screen waits.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.color import ANSIBLE_COLOR
from ansible.utils.display import Display

# Seconds between two looks at whether the module has ended.
INTERVAL = 0.2
BUFFER = 1 << 16
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# What would move the cursor or worse: a log line may hold anything.
CONTROLS = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")

display = Display()


def clean(text: str, *, colour: bool) -> str:
    """The text without what does more to a terminal than show it; its colours stay where there are any."""
    return CONTROLS.sub("", text if colour else COLOURS.sub("", text))


class ProgressAction(ActionBase):  # type: ignore[misc]
    """Runs the module of the same name and shows its progress."""

    _supports_check_mode = True
    _supports_async = False
    MODULE = ""
    INDENT = "  "

    def title(self, options: dict[str, Any]) -> str:
        """What is shown first. Some callbacks name a task only when it has ended."""
        raise NotImplementedError

    def shows_progress(self, options: dict[str, Any]) -> bool:
        """Whether there is anything to show: not where the task hides it or somebody else takes it."""
        return not self._task.no_log and not options.get("progress_file")

    def ended(self, answer: dict[str, Any]) -> None:
        """Show what there is to show at the end."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = dict(self._task.args)
        if not self.shows_progress(options):
            return {**result, **self.answer(options, task_vars)}
        several = len((task_vars or {}).get("ansible_play_hosts", ())) > 1
        host = f"{(task_vars or {})['inventory_hostname']} | " if several else ""
        display.display(f"{host}{self.title(options)}")
        answer = self.shown(options, task_vars, host) if self.within_reach() else self.answer(options, task_vars)
        self.ended(answer)
        return {**result, **answer}

    def within_reach(self) -> bool:
        """Whether the module runs on this machine, as this user: only then do both see the file."""
        return self._connection.transport == "local" and not self._connection.become

    def answer(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        said: dict[str, Any] = self._execute_module(module_name=self.MODULE, module_args=options, task_vars=task_vars)
        return said

    def shown(self, options: dict[str, Any], task_vars: dict[str, Any] | None, host: str) -> dict[str, Any]:
        """The module's answer, its progress shown meanwhile."""
        with tempfile.TemporaryDirectory(prefix="amica-progress-") as folder:
            path = Path(folder) / "progress"
            os.mkfifo(path, 0o600)
            # Open for both: so there is always a reader that a writer finds, and never an end between two writers.
            pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            done = threading.Event()

            def line(text: str) -> str:
                return f"{host}{self.INDENT}{text}"

            showing = threading.Thread(target=show, args=(pipe, done, line), daemon=True)
            showing.start()
            try:
                answer = self.answer({**options, "progress_file": str(path)}, task_vars)
            finally:
                done.set()
                showing.join()
                os.close(pipe)
        answer.get("invocation", {}).get("module_args", {}).pop("progress_file", None)
        return answer


def show(pipe: int, done: threading.Event, line: Callable[[str], str]) -> None:
    """Show the lines of a pipe as they come, what is still in it at the end too."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while True:
        last = done.is_set()
        ready, _write, _error = select.select([pipe], [], [], 0 if last else INTERVAL)
        if ready:
            *lines, rest = (rest + decoder.decode(os.read(pipe, BUFFER))).split("\n")
            if lines:
                display.display("\n".join(line(clean(text, colour=ANSIBLE_COLOR)) for text in lines))
        elif last:
            return
