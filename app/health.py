# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the application lives, and whether it can serve.

Liveness asks nothing of anybody: a database that is slow must never make ECS replace every task. Readiness runs the
checks, all at once, each bounded in time, and remembers the outcome for a while, so that many probes cost one round.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

Check = Callable[[], Awaitable[None]]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Report:
    """Answer to a probe: whether all is well, and the JSON to show."""

    ok: bool
    body: dict[str, Any]


@dataclass
class Health:
    """Answers the probes. A check that raises, or takes longer than the timeout, has failed. Durations in seconds."""

    version: str
    checks: Mapping[str, Check]
    timeout: float = 3.0
    remember: float = 10.0
    clock: Clock = time.monotonic
    draining: bool = False
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: tuple[float, dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        self._started = self.clock()

    def live(self) -> Report:
        uptime = round(self.clock() - self._started, 1)
        return Report(True, {"status": "ok", "version": self.version, "uptime_seconds": uptime})

    async def ready(self) -> Report:
        if self.draining:
            return Report(False, {"status": "draining", "version": self.version, "checks": {}})
        async with self._lock:
            if self._known is None or self.clock() - self._known[0] >= self.remember:
                results = await asyncio.gather(*(self._run(check) for check in self.checks.values()))
                self._known = self.clock(), dict(zip(self.checks, results, strict=True))
        checks = self._known[1]
        ok = all(result["ok"] for result in checks.values())
        return Report(ok, {"status": "ok" if ok else "degraded", "version": self.version, "checks": checks})

    async def _run(self, check: Check) -> dict[str, Any]:
        started = self.clock()
        try:
            await asyncio.wait_for(check(), self.timeout)
        except Exception as error:  # the class alone: a message may hold host names or secrets
            return {"ok": False, "error": type(error).__name__}
        return {"ok": True, "milliseconds": round(1000 * (self.clock() - started))}
