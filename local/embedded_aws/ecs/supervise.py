# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both runtimes do alike: pass on a container's lines, and run its health check."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from embedded_aws.ecs.runtime import HealthCheck

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
# CloudWatch takes 256 KiB an event, of which it counts 26 bytes for itself; the awslogs driver cuts longer lines.
MAX_LINE_BYTES = 262_144 - 26

_LOG = logging.getLogger(__name__)


def read_lines(stream: IO[bytes], take: Callable[[str], None]) -> None:
    """Hand on each line until the stream ends; empty ones are no log events.

    A `take` that fails costs its line only: were nobody to read on, the container would block on its next line.
    """
    while line := stream.readline(MAX_LINE_BYTES):
        if text := line.decode(errors="replace").rstrip("\r\n"):
            try:
                take(text)
            except Exception:
                _LOG.exception("a log line was lost")


@dataclass
class Health:
    """What a health check has shown, as Docker and ECS judge it. Times are seconds on one clock."""

    check: HealthCheck
    started: float
    state: str = "UNKNOWN"
    failures: int = 0

    def record(self, passed: bool, now: float) -> None:
        """A failure in the start period does not count until the first success."""
        if passed:
            self.state, self.failures = "HEALTHY", 0
        elif self.state != "UNKNOWN" or now - self.started >= self.check.start_period:
            self.failures += 1
            if self.failures >= self.check.retries:
                self.state = "UNHEALTHY"


class Probe:
    """Runs a health check on a thread of its own until `stop`.

    :param run: runs a command in the container and says whether it exited 0 within so many seconds.
    """

    def __init__(self, check: HealthCheck, run: Callable[[tuple[str, ...], float], bool]) -> None:
        self.health = Health(check, time.monotonic())
        self._run = run
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="health-check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def ended(self, timeout: float) -> bool:
        """Whether, within `timeout` seconds, no check runs nor will."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        check = self.health.check
        command = health_command(check.command)
        while command and not self._stopped.wait(check.interval):
            passed = self._run(command, check.timeout)
            if not self._stopped.is_set():
                self.health.record(passed, time.monotonic())


def health_command(command: tuple[str, ...]) -> tuple[str, ...]:
    """The program and arguments of a task definition's `healthCheck.command`; empty for NONE."""
    kind, arguments = (command or ("NONE",))[0], command[1:]
    if kind == "NONE":
        return ()
    if kind == "CMD-SHELL":
        return ("/bin/sh", "-c", " ".join(arguments))
    return arguments if kind == "CMD" else command
