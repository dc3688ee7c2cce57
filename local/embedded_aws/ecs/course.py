# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blue/green, canary and linear deployments: which stage follows which, and how much traffic the new tasks have.

No I/O and no clock: times are seconds on one clock that the caller chooses. Source: lifecycle stages of a deployment,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

FIRST, LAST = "RECONCILE_SERVICE", "CLEAN_UP"
STRATEGIES = ("BLUE_GREEN", "CANARY", "LINEAR")
MINUTE = 60.0


@dataclass(frozen=True)
class Course:
    """The percents of production traffic that the new tasks have one after the other, and the waits, in seconds.

    `test`: whether a listener rule for tests is shifted before.
    """

    steps: tuple[float, ...] = (100.0,)
    step_bake: float = 0.0
    bake: float = 0.0
    test: bool = False


@dataclass(frozen=True)
class State:
    """Where a deployment is, since when, and the percent of each traffic that its tasks have."""

    stage: str = FIRST
    since: float = 0.0
    production: float = 0.0
    test: float = 0.0


def course(configuration: Mapping[str, Any], *, test: bool, first: bool) -> Course:
    """The course that a deployment configuration asks for; the first one of a service has nothing to wait for."""
    if first:
        return Course(test=test)
    bake = configuration.get("bakeTimeInMinutes", 0) * MINUTE
    if configuration["strategy"] == "CANARY":
        canary = configuration.get("canaryConfiguration", {})
        wait = canary.get("canaryBakeTimeInMinutes", 10) * MINUTE
        return Course((canary.get("canaryPercent", 5.0), 100.0), wait, bake, test)
    if configuration["strategy"] == "LINEAR":
        linear = configuration.get("linearConfiguration", {})
        step, wait = linear.get("stepPercent", 10.0), linear.get("stepBakeTimeInMinutes", 6) * MINUTE
        count = int(-(-100.0 // step))
        return Course(tuple(min(100.0, step * number) for number in range(1, count + 1)), wait, bake, test)
    return Course(bake=bake, test=test)


def after(state: State, wanted: Course, now: float, *, ready: bool) -> State:
    """The state that follows, or the same one while it lasts. `ready`: whether all new tasks are healthy."""
    stage, elapsed = state.stage, now - state.since
    if stage == "SCALE_UP" and not ready:
        return state
    if stage == "PRODUCTION_TRAFFIC_SHIFT" and state.production < 100:
        return state if elapsed < wanted.step_bake else replace(state, stage="PRE_PRODUCTION_TRAFFIC_SHIFT", since=now)
    if stage == "BAKE_TIME" and elapsed < wanted.bake:
        return state
    following = {
        FIRST: "PRE_SCALE_UP",
        "PRE_SCALE_UP": "SCALE_UP",
        "SCALE_UP": "POST_SCALE_UP",
        "POST_SCALE_UP": "TEST_TRAFFIC_SHIFT" if wanted.test else "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "TEST_TRAFFIC_SHIFT": "POST_TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT": "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT": "PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT": "POST_PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT": "BAKE_TIME",
        "BAKE_TIME": LAST,
        LAST: LAST,
    }[stage]
    if following == stage:
        return state
    moved = replace(state, stage=following, since=now)
    if following == "TEST_TRAFFIC_SHIFT":
        return replace(moved, test=100.0)
    if following == "PRODUCTION_TRAFFIC_SHIFT":
        return replace(moved, production=next(step for step in wanted.steps if step > state.production))
    return moved
