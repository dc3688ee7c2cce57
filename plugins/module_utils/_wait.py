# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking AWS again until something is so, with a clock that a test can hand in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Wait:
    """How long to go on asking, and how often; both in seconds."""

    timeout: float
    pause: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until(self, settled: Callable[[], bool]) -> bool:
        """Whether it was so in time. It is asked at once, and a last time when the time is over."""
        end = self.now() + self.timeout
        while not settled():
            left = end - self.now()
            if left <= 0:
                return False
            self.sleep(min(self.pause, left))
        return True

    def for_answer(self, ask: Callable[[], Answer], settled: Callable[[Answer], bool]) -> tuple[Answer, bool]:
        """The last answer, and whether it was settled in time."""
        last: list[Answer] = []

        def done() -> bool:
            last[:] = [ask()]
            return settled(last[0])

        in_time = self.until(done)
        return last[0], in_time
