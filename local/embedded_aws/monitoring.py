# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch: alarms keep every member in each protocol, FilterLogEvents gives all events page by page, Live Tail
samples, metric filters write metrics; filter patterns of all three mean what they say.

SNS: mail is confirmed first.
"""

from __future__ import annotations

import functools
import heapq
import json
import time
from bisect import bisect_left
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import error_response_json
from ministack.core.responses import json_response
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs
from ministack.services import sns

from embedded_aws.correction import Reply
from embedded_aws.correction import correct
from embedded_aws.log_patterns import BadPattern
from embedded_aws.log_patterns import compile_pattern
from embedded_aws.log_patterns import metric_value
from embedded_aws.pages import Entry
from embedded_aws.pages import after
from embedded_aws.pages import decode
from embedded_aws.pages import encode
from embedded_aws.query_protocol import model
from embedded_aws.query_protocol import read
from embedded_aws.query_protocol import write

PAGE_EVENTS = 10_000
PAGE_BYTES = 1024 * 1024
# What AWS counts for each event beside its message, in bytes.
EVENT_BYTES = 26
# Events that Live Tail shows in a second.
LIVE_EVENTS = 500
# Of an alarm: what MiniStack drops, and what AWS fills in where it is not given.
ALARM_MEMBERS = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile", "InsufficientDataActions")
ALARM_FILLED_IN = (
    "AlarmName",
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "StateValue",
    "StateReason",
    "StateUpdatedTimestamp",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "Dimensions",
    "TreatMissingData",
)


def install() -> None:
    def entries(stream: str, events: list[dict[str, Any]], start: int | None, end: int | None) -> Iterator[Entry]:
        time = logs._event_timestamp
        low = bisect_left(events, start, key=time) if start is not None else 0
        high = bisect_right(events, end, key=time) if end is not None else len(events)
        return ((event["timestamp"], event["ingestionTime"], stream, event) for event in events[low:high])

    def in_each_protocol(name: str, operation: str) -> None:
        """The query protocol shows and takes as much as the others: MiniStack's handler for JSON answers it, too."""

        @correct(cloudwatch, name)
        def answer(
            original: Any, params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False
        ) -> Reply:
            if is_cbor or is_json:
                return original(params, data, is_cbor, is_json)
            shapes = model("cloudwatch").operation_model(operation)
            flat = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
            request = read(shapes.input_shape, flat) if shapes.input_shape else None
            status, _headers, body = original({}, request or {}, False, True)
            reply = json.loads(body)
            if status != 200:
                return cloudwatch._error(reply["__type"], reply["message"], status)
            result = write(shapes.output_shape, reply) if shapes.output_shape else ""
            return cloudwatch._xml(200, f"{operation}Response", f"<{operation}Result>{result}</{operation}Result>")

    @correct(cloudwatch, "_put_metric_alarm")
    def put_alarm(original: Any, params: Any, data: dict[str, Any], *protocol: bool) -> Reply:
        """An alarm shows what was given, metric math too, and of the rest only what AWS fills in."""
        reply = original(params, data, *protocol)
        alarm = cloudwatch._alarms.get(data.get("AlarmName"))
        if reply[0] == 200 and alarm:
            for name in [name for name in alarm if name not in ALARM_FILLED_IN and name not in data]:
                del alarm[name]
            alarm.update({name: data[name] for name in ALARM_MEMBERS if name in data})
        return reply

    @correct(cloudwatch, "_evaluate_alarm")
    def evaluate(_original: Any, _alarm: Any) -> None:
        """Alarms are judged when a minute of the clock is over, by the metric with their dimensions: minutes.py."""

    in_each_protocol("_put_metric_alarm", "PutMetricAlarm")
    in_each_protocol("_describe_alarms", "DescribeAlarms")

    @correct(sns, "_subscribe")
    def subscribe(original: Any, params: Any) -> Reply:
        """A mail address, too, must be confirmed; nobody reads the mails of this machine, so it never is."""
        reply = original(params)
        topic = sns._topics.get(sns._p(params, "TopicArn"))
        for subscription in topic["subscriptions"] if topic else ():
            if subscription["protocol"] in ("email", "email-json") and subscription["confirmed"]:
                subscription["confirmed"] = False
                subscription["attributes"]["PendingConfirmation"] = "true"
        return reply

    @correct(sns, "_list_subscriptions_by_topic")
    def subscriptions(original: Any, params: Any) -> Reply:
        """A subscription has an ARN once it is confirmed."""
        status, fields, body = original(params)
        topic = sns._topics.get(sns._p(params, "TopicArn"))
        for subscription in topic["subscriptions"] if topic else ():
            if not subscription["confirmed"]:
                body = body.replace(f">{subscription['arn']}<".encode(), b">PendingConfirmation<")
        return status, fields, body

    shown: Counter[tuple[str, int]] = Counter()

    @correct(logs, "_fanout_to_live_tail_sessions")
    def fan_out(original: Any, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        """Live Tail shows 500 events a second, leaves the others out, and says so; metric filters see all of them."""
        second = (group, int(time.time()))
        if second not in shown:
            shown.clear()
        room = max(0, LIVE_EVENTS - shown[second])
        shown[second] += len(events)
        if len(events) > room:
            for session in list(logs._live_tail_sessions.values()):
                session["sampled"] |= group in session["group_names"]
        original(group, stream, events[:room])
        for (filtered, _), found in list(logs._metric_filters.items()):
            if filtered == group:
                count(found, events)

    compiled = functools.lru_cache(compile_pattern)

    def count(metric_filter: dict[str, Any], events: list[dict[str, Any]]) -> None:
        """What a metric filter makes of new events."""
        matches = compiled(metric_filter["filterPattern"])
        for event in events:
            for to in metric_filter["metricTransformations"] if matches(event["message"]) else ():
                value = metric_value(to["metricValue"], event["message"])
                if value is not None:
                    cloudwatch.record_metric(to["metricNamespace"], to["metricName"], value, to.get("unit", "None"))

    @correct(logs, "_subscription_pattern_matches")
    def live_matches(_original: Any, pattern: str | None, message: str | None) -> bool:
        try:
            return compiled(pattern or "")(message or "")
        except BadPattern:
            return False

    @correct(logs, "_put_metric_filter")
    def put_metric_filter(original: Any, data: Any) -> Reply:
        try:
            compiled(data.get("filterPattern", ""))
        except BadPattern as problem:
            return error_response_json("InvalidParameterException", str(problem), 400)
        return original(data)

    @correct(logs, "_filter_log_events")
    def filter_events(original: Any, data: Any) -> Reply:
        """A page ends at 10,000 events, 1 MB or the limit, and then has a nextToken; a prefix can choose streams."""
        group = logs._log_groups.get(logs._resolve_log_group_name(data))
        if group is None:
            return original(data)
        chosen = data.get("logStreamNames") or [
            name for name in group["streams"] if name.startswith(data.get("logStreamNamePrefix", ""))
        ]
        token = data.get("nextToken")
        try:
            start = max(filter(None, (data.get("startTime"), decode(token)[0] if token else None)), default=None)
            matches = compiled(data.get("filterPattern", ""))
        except ValueError as problem:
            return error_response_json("InvalidParameterException", str(problem), 400)
        with logs._log_events_lock:
            streams = [
                entries(name, group["streams"][name]["events"], start, data.get("endTime"))
                for name in chosen
                if name in group["streams"]
            ]
        merged: Iterable[Entry] = heapq.merge(*streams, key=lambda entry: entry[:3])
        if token:
            merged = after(merged, token)
        limit = min(data.get("limit") or PAGE_EVENTS, PAGE_EVENTS)
        page: list[dict[str, Any]] = []
        answer: dict[str, Any] = {"events": page, "searchedLogStreams": []}
        size = 0
        last: Entry = (0, 0, "", {})
        for entry in merged:
            message = entry[3].get("message", "")
            if not matches(message):
                continue
            size += len(message.encode()) + EVENT_BYTES
            if page and (len(page) >= limit or size > PAGE_BYTES):
                answer["nextToken"] = encode(last)
                break
            page.append({**entry[3], "logStreamName": entry[2]})
            last = entry
        return json_response(answer)
