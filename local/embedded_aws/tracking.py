# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target tracking: how many tasks a service should have by what they use.

No I/O and no clock. Source: "How target tracking scaling for Application Auto Scaling works": out at once and by
proportion, in only when all policies agree, and slowly: the alarms that AWS makes look at 3 and at 15 minutes, and the
lower one rings below 90 percent of the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OUT_MINUTES, IN_MINUTES = 3, 15
IN_SHARE = 0.9
COOLDOWN = 300.0


@dataclass(frozen=True)
class Policy:
    """`cooldown_out` and `cooldown_in` in seconds."""

    name: str
    target: float
    scales_in: bool = True
    cooldown_out: float = COOLDOWN
    cooldown_in: float = COOLDOWN

    @classmethod
    def of(cls, name: str, configuration: Mapping[str, Any]) -> Policy:
        return cls(
            name,
            float(configuration["TargetValue"]),
            not configuration.get("DisableScaleIn", False),
            float(configuration.get("ScaleOutCooldown", COOLDOWN)),
            float(configuration.get("ScaleInCooldown", COOLDOWN)),
        )


@dataclass(frozen=True)
class Decision:
    """Another number of tasks, and the policy that led to it."""

    capacity: int
    policy: str


def by_proportion(policy: Policy, value: float, capacity: int) -> int:
    return math.ceil(capacity * value / policy.target)


def decide(
    values: Mapping[Policy, Sequence[float]], capacity: int, least: int, most: int, since_out: float, since_in: float
) -> Decision | None:
    """None where the capacity is right, or where it is too early to change it again.

    :param values: the metric of each policy, minute by minute, the newest last.
    :param since_out: seconds since tasks were added; `since_in`: since some were taken away.
    """
    out = [
        Decision(min(by_proportion(policy, minutes[-1], capacity), most), policy.name)
        for policy, minutes in values.items()
        if len(minutes) >= OUT_MINUTES
        and all(value > policy.target for value in minutes[-OUT_MINUTES:])
        and since_out >= policy.cooldown_out
    ]
    largest = max(out, key=lambda decision: decision.capacity, default=None)
    if largest and largest.capacity > capacity:
        return largest
    asked = {policy: minutes for policy, minutes in values.items() if policy.scales_in}
    agree = all(
        len(minutes) >= IN_MINUTES
        and all(value < IN_SHARE * policy.target for value in minutes[-IN_MINUTES:])
        and min(since_out, since_in) >= policy.cooldown_in
        for policy, minutes in asked.items()
    )
    if not asked or not agree:
        return None
    last = max(asked, key=lambda policy: by_proportion(policy, asked[policy][-1], capacity))
    # One task at a time: what the others take over is known only afterwards.
    fewer = max(by_proportion(last, asked[last][-1], capacity), capacity - 1, least)
    return Decision(fewer, last.name) if fewer < capacity else None
