from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._strategy import minutes_of_both
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_of
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_text

ALARMS = {"alarmNames": ["amica/b", "amica/a"], "enable": True, "rollback": True}
HOOKS = [
    {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"]},
    {"targetType": "AWS_LAMBDA", "lifecycleStages": ["PRE_SCALE_UP"]},
]


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({}, "rolling: 100 to 200 % of the tasks"),
        ({"minimumHealthyPercent": 0, "maximumPercent": 100}, "recreate: the old tasks end first"),
        ({"alarms": {**ALARMS, "enable": False}}, "rolling: 100 to 200 % of the tasks"),
        (
            {
                "deploymentCircuitBreaker": {"enable": True},
                "earlySuccessCriteria": {"enable": True, "healthyPercent": 50},
                "alarms": ALARMS,
            },
            "rolling: 100 to 200 % of the tasks; done when 50 % are replaced; "
            "sent back by tasks that fail, amica/a, amica/b",
        ),
        (
            {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "alarms": ALARMS},
            "blue_green: all traffic at once, the old tasks stay 5 min; sent back by amica/a, amica/b",
        ),
        (
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": 1,
                "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3},
                "lifecycleHooks": HOOKS,
            },
            "canary: 10 % of the traffic for 3 min, then all, the old tasks stay 1 min; "
            "pauses at POST_SCALE_UP, POST_TEST_TRAFFIC_SHIFT",
        ),
        (
            {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 12.5, "stepBakeTimeInMinutes": 2}},
            "linear: 12.5 % of the traffic every 2 min, the old tasks stay 0 min",
        ),
    ],
)
def test_a_strategy_is_told(configuration: dict[str, Any], text: str) -> None:
    assert strategy_text(strategy_of({"deploymentConfiguration": configuration})) == text


@pytest.mark.parametrize(
    ("name", "minutes"), [("rolling", 0), ("recreate", 0), ("blue_green", 5), ("canary", 8), ("linear", 14)]
)
def test_how_long_both_versions_run(name: str, minutes: int) -> None:
    # Linear steps of 30 % are four, with three waits between them.
    assert minutes_of_both(name, Decimal(5), Decimal(30), Decimal(3)) == minutes
