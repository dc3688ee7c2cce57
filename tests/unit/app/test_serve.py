# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""At SIGTERM answers in progress finish, within bounds."""

from __future__ import annotations

import asyncio

from serve import drain


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def drained(busy_until: float, allowed: float) -> tuple[int, int]:
    """Drain while one answer is in progress; return how many are cut, and the seconds that it took."""
    clock = Clock()
    cut = asyncio.run(drain(lambda: int(clock.now < busy_until), allowed, clock, clock.sleep))
    return cut, round(clock.now)


def test_it_waits_for_the_last_answer_and_no_longer() -> None:
    assert drained(busy_until=6, allowed=20) == (0, 6)


def test_it_waits_no_longer_than_allowed() -> None:
    assert drained(busy_until=30, allowed=3) == (1, 3)


def test_idle_is_no_wait() -> None:
    assert drained(busy_until=0, allowed=20) == (0, 0)
