# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an alarm of CloudWatch rings: metric math, how many of the last periods are bad, and what a missing one is.

No I/O and no clock. Sources: "Using Amazon CloudWatch alarms", "Configuring how CloudWatch alarms treat missing data"
and "Using math expressions with CloudWatch metrics".
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
# One value a period, the oldest first; None where there is none.
Series = Sequence[float | None]
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
MATH: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Unknown(ValueError):
    """An alarm of a kind that is not known here; the text says what of it."""


@dataclass(frozen=True)
class Metric:
    """What an alarm looks at; `period` in seconds."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int

    @classmethod
    def of(cls, metric: Mapping[str, Any], statistic: str, period: Any) -> Metric:
        dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions", ())}
        return cls(metric["Namespace"], metric["MetricName"], dimensions, statistic, int(period))


@dataclass(frozen=True)
class Verdict:
    """The state that an alarm should have, and why."""

    state: str
    reason: str


def judge(alarm: Mapping[str, Any], look: Callable[[Metric, int], Series]) -> Verdict:
    """:param alarm: as DescribeAlarms shows it. :param look: the values of a metric in so many last periods.

    :raises Unknown: it cannot be told.
    """
    if alarm.get("ComparisonOperator") not in COMPARISONS or "Threshold" not in alarm:
        raise Unknown(f"comparison {alarm.get('ComparisonOperator')} without a threshold of its own")
    periods, threshold = int(alarm["EvaluationPeriods"]), float(alarm["Threshold"])
    needed = int(alarm.get("DatapointsToAlarm", periods))
    treatment = alarm.get("TreatMissingData", "missing")
    values = series(alarm, lambda metric: look(metric, periods))
    known = [value for value in values if value is not None]
    bad = sum(COMPARISONS[alarm["ComparisonOperator"]](value, threshold) for value in known)
    missing = len(values) - len(known)
    if not known and treatment == "missing":
        return Verdict(INSUFFICIENT_DATA, f"Insufficient Data: {missing} datapoints were unknown.")
    if bad + (missing if treatment == "breaching" else 0) >= needed:
        state = ALARM
    elif treatment == "ignore" and bad + missing >= needed:
        state = alarm["StateValue"]
    else:
        state = OK
    shown = ", ".join("missing" if value is None else f"{value:g}" for value in values)
    counted = f"{bad} of the last {periods} datapoints [{shown}] were {alarm['ComparisonOperator']} {threshold:g}"
    return Verdict(state, f"Threshold Crossed: {counted} (minimum {needed} datapoints; missing is {treatment}).")


def series(alarm: Mapping[str, Any], look: Callable[[Metric], Series]) -> Series:
    """The values of the metric, or of the expression, that an alarm watches."""
    if "Metrics" not in alarm:
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        return look(Metric.of(alarm, statistic, alarm["Period"]))
    queries = {query["Id"]: query for query in alarm["Metrics"]}

    def of(identity: str) -> Series:
        if identity not in queries:
            raise Unknown(f"no metric {identity}")
        query = queries[identity]
        if "MetricStat" in query:
            stat = query["MetricStat"]
            return look(Metric.of(stat["Metric"], stat["Stat"], stat["Period"]))
        return evaluate(query["Expression"], of)

    (returned,) = [query["Id"] for query in alarm["Metrics"] if query.get("ReturnData", True)]
    return of(returned)


def evaluate(expression: str, of: Callable[[str], Series]) -> Series:
    """Metric math, period by period. A value that is missing, or a division by zero, leaves none."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as problem:
        raise Unknown(f"expression {expression}") from problem
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in functions}
    found = {name: of(name) for name in names}
    return [calculate(tree, dict(zip(found, row, strict=True))) for row in zip(*found.values(), strict=True)]


def calculate(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[ast.expr() as value, ast.expr() as instead]):
            found = calculate(value, values)
            return calculate(instead, values) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            chosen = calculate(condition, values)
            return None if chosen is None else calculate(then if chosen else otherwise, values)
        case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]):
            first, second = calculate(left, values), calculate(right, values)
            if type(sign) not in MATH:
                raise Unknown(f"operator in {ast.unparse(node)}")
            if first is None or second is None or (isinstance(sign, ast.Div) and not second):
                return None
            return float(MATH[type(sign)](first, second))
    raise Unknown(f"metric math {ast.unparse(node)}")
