# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an alarm of the embedded AWS rings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from embedded_aws.alarms import Metric
from embedded_aws.alarms import Series
from embedded_aws.alarms import Unknown
from embedded_aws.alarms import judge

NO = None


def alarm(**members: Any) -> dict[str, Any]:
    return {
        "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "ServiceName", "Value": "chat"}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "StateValue": "OK",
        **members,
    }


def metric(name: str) -> dict[str, Any]:
    return {
        "Id": name,
        "ReturnData": False,
        "MetricStat": {"Metric": {"Namespace": "n", "MetricName": name}, "Period": 60, "Stat": "Sum"},
    }


def state(values: Series, **members: Any) -> str:
    return judge(alarm(**members), lambda _metric, periods: values[-periods:]).state


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((10, 90, 90, 10, 90), "ALARM"),
        ((10, 90, 10, 10, 90), "OK"),
        ((80, 80, 80, 80, 80), "OK"),
        ((NO, 90, NO, 90, 90), "ALARM"),
        ((NO, NO, NO, NO, 90), "OK"),
        ((NO, NO, NO, NO, NO), "INSUFFICIENT_DATA"),
    ],
)
def test_so_many_of_the_last_periods_are_bad(values: Series, expected: str) -> None:
    assert state(values) == expected


@pytest.mark.parametrize(
    ("treatment", "before", "values", "expected"),
    [
        ("notBreaching", "ALARM", (NO, NO, NO, NO, NO), "OK"),
        ("breaching", "OK", (NO, NO, NO, NO, NO), "ALARM"),
        ("breaching", "OK", (10, 10, 10, NO, 90), "OK"),
        ("ignore", "ALARM", (NO, NO, NO, NO, NO), "ALARM"),
        ("ignore", "OK", (90, 90, NO, NO, NO), "OK"),
        ("ignore", "OK", (90, 90, 90, NO, NO), "ALARM"),
        ("ignore", "ALARM", (10, 10, 10, NO, NO), "OK"),
    ],
)
def test_a_missing_value_is_what_the_alarm_says(treatment: str, before: str, values: Series, expected: str) -> None:
    assert state(values, TreatMissingData=treatment, StateValue=before) == expected


def test_it_looks_at_the_metric_that_it_names() -> None:
    seen: list[tuple[Metric, int]] = []

    def look(metric: Metric, periods: int) -> Series:
        seen.append((metric, periods))
        return [1.0]

    members = {"EvaluationPeriods": 1, "DatapointsToAlarm": 1, "ComparisonOperator": "LessThanThreshold"}
    verdict = judge(alarm(**members, ExtendedStatistic="p95"), look)
    assert seen == [(Metric("AWS/ECS", "CPUUtilization", {"ServiceName": "chat"}, "p95", 60), 1)]
    assert verdict.state == "ALARM"
    assert "1 of the last 1 datapoints [1] were LessThanThreshold 80" in verdict.reason


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("100 * bad / asked", {"bad": 2, "asked": 4}, "50"),
        ("100 * bad / asked", {"bad": 2, "asked": 0}, "missing"),
        ("bad + asked", {"bad": 2, "asked": NO}, "missing"),
        ("FILL(bad, 0) + FILL(asked, 1)", {"bad": NO, "asked": NO}, "1"),
        ("IF(asked >= 20, bad, 0)", {"bad": 7, "asked": 20}, "7"),
        ("IF(asked >= 20, bad, 0)", {"bad": 7, "asked": 19}, "0"),
        ("IF(asked >= 20, bad, 0)", {"bad": 7, "asked": NO}, "missing"),
        ("bad - twice", {"bad": 7, "asked": 2}, "3"),
    ],
)
def test_metric_math(expression: str, values: Mapping[str, float | None], expected: str) -> None:
    wanted: dict[str, Any] = {"Id": "wanted", "Expression": expression}
    twice = {"Id": "twice", "Expression": "2 * asked", "ReturnData": False}
    members = {"Metrics": [wanted, twice, metric("bad"), metric("asked")], "TreatMissingData": "ignore"}
    one = alarm(**members, EvaluationPeriods=1, DatapointsToAlarm=1)
    verdict = judge(one, lambda metric, _periods: [values[metric.name]])
    assert f" datapoints [{expected}] were" in verdict.reason


@pytest.mark.parametrize(
    "members",
    [
        {"Metrics": [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(bad)"}, metric("bad")]},
        {"Metrics": [{"Id": "e", "Expression": "bad AND bad"}, metric("bad")]},
        {"Metrics": [{"Id": "e", "Expression": "bad ** 2"}, metric("bad")]},
        {"Metrics": [{"Id": "e", "Expression": "worse"}]},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
    ],
)
def test_what_is_not_known_is_said(members: dict[str, Any]) -> None:
    with pytest.raises(Unknown):
        judge(alarm(**members), lambda _metric, periods: [1.0] * periods)
