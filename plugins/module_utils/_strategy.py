# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a new version takes over, by the words of `ecs_fargate_strategy`, and how long both versions run for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING
from decimal import Decimal
from typing import Any

ROLLING = ("rolling", "recreate")
# They move the traffic between two target groups.
SHIFTING = ("blue_green", "canary", "linear")
# Where they can wait for a person. There is RECONCILE_SERVICE as well, in a deployment that ends another.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html
PAUSE_STAGES = (
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
)


def strategy_of(service: Mapping[str, Any]) -> dict[str, Any]:
    """The strategy of a service as AWS describes it. What a strategy does not have is 0, or all of the traffic."""
    configuration = service.get("deploymentConfiguration") or {}
    least, most = configuration.get("minimumHealthyPercent", 100), configuration.get("maximumPercent", 200)
    name = (configuration.get("strategy") or "ROLLING").lower()
    canary, linear = (configuration.get(f"{steps}Configuration") or {} for steps in ("canary", "linear"))
    alarms = configuration.get("alarms") or {}
    hooks = configuration.get("lifecycleHooks") or ()
    breaker, early = (configuration.get(part) or {} for part in ("deploymentCircuitBreaker", "earlySuccessCriteria"))
    return {
        "name": "recreate" if name == "rolling" and least == 0 and most <= 100 else name,
        "minimum_healthy_percent": least,
        "maximum_percent": most,
        "bake_minutes": configuration.get("bakeTimeInMinutes") or 0,
        "step_percent": canary.get("canaryPercent") or linear.get("stepPercent") or 100.0,
        "step_minutes": canary.get("canaryBakeTimeInMinutes") or linear.get("stepBakeTimeInMinutes") or 0,
        "circuit_breaker": bool(breaker.get("enable")),
        "early_success_percent": early.get("healthyPercent") or 0 if early.get("enable") else 0,
        "alarms": sorted(alarms.get("alarmNames") or ()) if alarms.get("enable") else [],
        "pauses": [stage for hook in hooks if hook["targetType"] == "PAUSE" for stage in hook["lifecycleStages"]],
    }


def minutes_of_both(name: str, bake: Decimal, percent: Decimal, minutes: Decimal) -> Decimal:
    """Minutes for which a deployment keeps all tasks of both versions, beside what their start and end take.

    :param percent: of the traffic, that moves in a step, one `minutes` after the other.
    """
    if name not in SHIFTING:
        return Decimal(0)
    waits = {"canary": Decimal(1), "linear": (100 / percent).to_integral_value(ROUND_CEILING) - 1}
    return bake + minutes * waits.get(name, Decimal(0))


def strategy_text(strategy: Mapping[str, Any]) -> str:
    """Such as `canary: 10 % for 5 min, the old tasks stay 5 min; 2 alarms send it back`."""
    percent, minutes = f"{strategy['step_percent']:g} %", f"{strategy['step_minutes']} min"
    how = {
        "rolling": f"{strategy['minimum_healthy_percent']} to {strategy['maximum_percent']} % of the tasks",
        "recreate": "the old tasks end first",
        "blue_green": "all traffic at once",
        "canary": f"{percent} of the traffic for {minutes}, then all",
        "linear": f"{percent} of the traffic every {minutes}",
    }
    words = [f"{strategy['name']}: {how[strategy['name']]}"]
    if strategy["name"] in SHIFTING:
        words[0] += f", the old tasks stay {strategy['bake_minutes']} min"
    if strategy["pauses"]:
        words.append(f"pauses at {', '.join(strategy['pauses'])}")
    if strategy["early_success_percent"]:
        words.append(f"done when {strategy['early_success_percent']} % are replaced")
    causes = ["tasks that fail"] if strategy["circuit_breaker"] else []
    if causes or strategy["alarms"]:
        words.append(f"sent back by {', '.join((*causes, *strategy['alarms']))}")
    return "; ".join(words)
