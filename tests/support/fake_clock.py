# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time for tests of what waits."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from ansible_collections.amica.stack.plugins.module_utils._wait import Wait


@dataclass
class FakeClock:
    """A clock that only sleeping moves; `naps` are the sleeps so far, in seconds."""

    time: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds

    def wait(self, timeout: float, pause: float) -> Wait:
        return Wait(timeout, pause, now=self.now, sleep=self.sleep)
