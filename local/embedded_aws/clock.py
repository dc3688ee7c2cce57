# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one clock of the embedded AWS, which can run faster than the wall's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import field


@dataclass(frozen=True)
class Clock:
    """Counts AWS's seconds: intervals, drains, grace periods and provisioning delays.

    :param speed: how many of AWS's seconds pass in one real second.
    """

    speed: float = 1.0
    epoch: float = field(default_factory=time.time)

    def now(self) -> float:
        """Seconds since 1970, running `speed` times faster since this clock was made."""
        return self.at(time.time())

    def at(self, wall: float) -> float:
        """What this clock showed when the wall's showed this."""
        return self.epoch + (wall - self.epoch) * self.speed

    def wall(self, at: float) -> float:
        """What the wall's clock showed when this one showed that."""
        return self.epoch + (at - self.epoch) / self.speed

    def real(self, seconds: float) -> float:
        """How many real seconds these many of AWS's seconds take."""
        return seconds / self.speed
