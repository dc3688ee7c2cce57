# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tail against a model of CloudWatch Logs: events come late, pages are empty or small, calls fail, streams join."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._logs_tail import core
from ansible_collections.amica.stack.plugins.module_utils._logs_tail import streams
from ansible_collections.amica.stack.plugins.module_utils._logs_tail import text
from ansible_collections.amica.stack.plugins.module_utils._logs_tail import times
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import HOLD
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Clock
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Summary
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Tail
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Telling
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Until
from botocore.exceptions import ClientError
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_800_000_000_000
HOLD_MILLISECONDS = round(HOLD * 1000)


@dataclass(frozen=True)
class Written:
    """A line as it was written: `at` its time, `visible` when CloudWatch began to show it, both in milliseconds."""

    at: int
    visible: int
    stream: str = "ecs/amica/one"
    group: str = "/ecs/a"
    message: str = ""

    @property
    def id(self) -> str:
        return f"{self.at:020d}{self.visible:020d}{self.stream}{self.message}"


@dataclass
class FakeTime:
    time: float = NOW / 1000

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0.001)

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


@dataclass
class FakeLogs:
    """FilterLogEvents over lines that become visible as the time passes.

    :param page: events in a page. `blanks`: after how many calls an empty page with a token comes.
    :param faults: error codes of the calls to come, None for one that works; an empty list means that all work.
    """

    lines: list[Written]
    time: FakeTime
    page: int = 3
    blanks: int = 0
    faults: list[str | None] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def fetch(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise ClientError({"Error": {"Code": fault, "Message": fault}}, "FilterLogEvents")
        if self.blanks and len(self.requests) % self.blanks == 0 and not request.get("nextToken", "").endswith("blank"):
            return {"events": [], "nextToken": f"{request.get('nextToken', '0')}-blank"}
        offset = int(request.get("nextToken", "0").split("-")[0])
        found = self.visible(request)
        answer: dict[str, Any] = {
            "events": [
                {
                    "timestamp": line.at,
                    "ingestionTime": line.visible,
                    "logStreamName": line.stream,
                    "message": line.message,
                    "eventId": line.id,
                }
                for line in found[offset : offset + self.page]
            ]
        }
        if offset + self.page < len(found):
            answer["nextToken"] = str(offset + self.page)
        return answer

    def visible(self, request: dict[str, Any]) -> list[Written]:
        now = self.time.now() * 1000
        return sorted(
            (
                line
                for line in self.lines
                if line.group == request["logGroupName"]
                and line.visible <= now
                and request["startTime"] <= line.at <= request.get("endTime", now * 2)
                and line.stream in request.get("logStreamNames", [line.stream])
                and line.stream.startswith(request.get("logStreamNamePrefix", ""))
            ),
            key=lambda line: (line.at, line.id),
        )


def tail(
    logs: FakeLogs,
    until: Until = Until(),  # noqa: B008 - frozen
    queries: list[core.Query] | None = None,
    told: tuple[int, frozenset[int]] | None = None,
) -> tuple[list[core.Event], Summary]:
    delivered: list[core.Event] = []
    asked = queries or [core.Query("/ecs/a", NOW - 1_000_000)]
    summary = Tail(logs.fetch, lambda: asked, until, logs.time.clock, Telling(until, delivered.extend, told)).run()
    return delivered, summary


def written(count: int, *, step: int = 1000, late: int = 0, group: str = "/ecs/a") -> list[Written]:
    return [
        Written(NOW - 500_000 + number * step, NOW - 500_000 + number * step + late, message=f"{number}", group=group)
        for number in range(count)
    ]


def test_reads_all_pages_in_order_and_ends() -> None:
    logs = FakeLogs(written(20), FakeTime())
    events, summary = tail(logs)
    assert [event.message for event in events] == [str(number) for number in range(20)]
    assert (summary.count, summary.ended_by, summary.readings) == (20, "end", 1)


def test_goes_on_behind_empty_pages() -> None:
    logs = FakeLogs(written(20), FakeTime(), blanks=2)
    events, _summary = tail(logs)
    assert len(events) == 20
    assert any(request.get("nextToken", "").endswith("blank") for request in logs.requests)


def test_a_log_without_events_is_no_error() -> None:
    events, summary = tail(FakeLogs([], FakeTime()))
    assert (events, summary.count, summary.ended_by, summary.next) == ([], 0, "end", str(NOW - 1_000_000))


def test_a_page_given_twice_is_told_once() -> None:
    reading = core.Reading(core.Query("/ecs/a", 0), core.Seen())
    page = {"events": [{"timestamp": 1, "eventId": "x", "logStreamName": "s", "message": "m"}], "nextToken": "t"}
    assert len(reading.accept(page)) == 1
    assert not reading.done
    assert reading.accept(page) == []
    assert reading.done, "the same token again would go on for ever"


def test_several_groups_are_merged_by_time() -> None:
    lines = written(10) + [Written(line.at + 500, line.visible, group="/ecs/b", message="b") for line in written(10)]
    queries = [core.Query("/ecs/a", 0), core.Query("/ecs/b", 0)]
    events, _summary = tail(FakeLogs(lines, FakeTime()), queries=queries)
    assert [event.timestamp for event in events] == sorted(line.at for line in lines)
    assert {event.group for event in events} == {"/ecs/a", "/ecs/b"}


def test_throttling_and_outages_are_waited_out() -> None:
    logs = FakeLogs(
        written(9), FakeTime(), faults=["ThrottlingException", None, "InternalFailure", "ThrottlingException"]
    )
    events, summary = tail(logs)
    assert len(events) == 9
    assert summary.retries == 3


@pytest.mark.parametrize("code", ["ExpiredTokenException", "AccessDeniedException", "ResourceNotFoundException"])
def test_what_does_not_pass_is_not_waited_for(code: str) -> None:
    logs = FakeLogs(written(9), FakeTime(), faults=[code])
    with pytest.raises(ClientError, match=code):
        tail(logs)
    assert logs.time.now() == NOW / 1000


def test_an_outage_without_end_is_given_up() -> None:
    logs = FakeLogs(written(9), FakeTime(), faults=["ServiceUnavailable"] * 1000)
    with pytest.raises(ClientError):
        tail(logs, Until(patience=30))
    assert logs.time.now() <= NOW / 1000 + 30


def test_a_token_that_has_expired_costs_no_event_and_repeats_none() -> None:
    logs = FakeLogs(written(30), FakeTime(), faults=[None, None, "InvalidParameterException"])
    events, _summary = tail(logs)
    assert [event.message for event in events] == [str(number) for number in range(30)]


def test_following_brings_what_is_written_meanwhile() -> None:
    lines = [Written(NOW + number * 1000, NOW + number * 1000, message=str(number)) for number in range(-5, 20)]
    events, summary = tail(FakeLogs(lines, FakeTime()), Until(follow=10))
    assert [event.message for event in events] == [str(number) for number in range(-5, 11)]
    assert summary.ended_by == "time"


def test_new_streams_join_while_following() -> None:
    lines = [Written(NOW + 3000, NOW + 3500, stream="ecs/amica/two", message="hello")]
    events, _summary = tail(FakeLogs(lines, FakeTime()), Until(follow=10))
    assert [event.stream for event in events] == ["ecs/amica/two"]


def test_following_ends_at_a_pattern() -> None:
    lines = [Written(NOW + number * 1000, NOW + number * 1000, message=f"line {number}") for number in range(100)]
    matches: Callable[[str], bool] = lambda message: bool(re.search(r"line 7\b", message))  # noqa: E731
    logs = FakeLogs(lines, FakeTime())
    events, summary = tail(logs, Until(follow=90, matches=matches))
    assert events[-1].message == "line 7"
    assert len(events) == 8
    assert summary.ended_by == "pattern"
    assert logs.time.now() < NOW / 1000 + 12


def test_following_ends_after_so_many_lines() -> None:
    events, summary = tail(FakeLogs(written(50), FakeTime()), Until(follow=60, lines=7))
    assert (len(events), summary.ended_by) == (7, "lines")


def test_following_a_task_ends_with_its_last_lines() -> None:
    """The task stops after 5 s; its last line shows 2 s later."""
    time = FakeTime()
    lines = [Written(NOW + 4900, NOW + 7000, message="last words")]
    events, summary = tail(FakeLogs(lines, time), Until(follow=600, task_ended=lambda: time.now() >= NOW / 1000 + 5))
    assert [event.message for event in events] == ["last words"]
    assert summary.ended_by == "task"
    assert time.now() < NOW / 1000 + 12


def test_following_ends_behind_until() -> None:
    lines = [Written(NOW + number * 1000, NOW + number * 1000 + 900, message=str(number)) for number in range(20)]
    query = core.Query("/ecs/a", NOW, end=NOW + 5000)
    events, summary = tail(FakeLogs(lines, FakeTime()), Until(follow=600, end=NOW + 5000), [query])
    assert [event.message for event in events] == ["0", "1", "2", "3", "4", "5"]
    assert summary.ended_by == "end"


def test_a_later_run_goes_on_where_this_one_ended() -> None:
    lines = [Written(NOW - 10_000 + number // 3, NOW - 5000, message=str(number)) for number in range(30)]
    logs = FakeLogs(lines, FakeTime(), page=4)
    first, summary = tail(logs, Until(lines=10))
    told = core.resume(summary.next)
    assert told is not None
    second, after = tail(logs, queries=[core.Query("/ecs/a", told[0])], told=told)
    assert {event.message for event in first + second} == {line.message for line in lines}
    assert len(first + second) == len(lines)
    told = core.resume(after.next)
    assert told is not None
    third, _summary = tail(logs, queries=[core.Query("/ecs/a", told[0])], told=told)
    assert third == []


late_lines = st.builds(
    lambda at, late, stream, number: Written(
        NOW + at, NOW + at + late, stream=f"ecs/amica/{stream}", message=f"{number}"
    ),
    at=st.integers(-5_000, 20_000),
    late=st.integers(0, 25_000),
    stream=st.integers(0, 3),
    number=st.integers(0, 1_000_000),
)
FAULTS = st.sampled_from([None, None, None, "ThrottlingException", "InternalFailure", "ServiceUnavailable"])


@given(
    lines=st.lists(late_lines, max_size=60, unique_by=lambda line: line.id),
    page=st.integers(1, 20),
    blanks=st.sampled_from([0, 2, 3, 5]),
    faults=st.lists(FAULTS, max_size=30),
)
def test_nothing_is_lost_and_nothing_told_twice(
    lines: list[Written], page: int, blanks: int, faults: list[str | None]
) -> None:
    """However late the lines come (up to the overlap), the pages fall and the calls fail."""
    logs = FakeLogs(lines, FakeTime(), page=page, blanks=blanks, faults=faults)
    events, summary = tail(logs, Until(follow=60, overlap=60), [core.Query("/ecs/a", NOW - 10_000)])
    assert sorted(event.id for event in events) == sorted(line.id for line in lines)
    assert summary.count == len(lines)


@given(
    lines=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, HOLD_MILLISECONDS - 1)), min_size=1, max_size=60),
    page=st.integers(1, 20),
)
@example(lines=[(0, 0), (18_501, 1_500), (18_502, 0)], page=1)
@example(lines=[(0, 0), (1501, 1500), (1502, 0)], page=1)
@example(lines=[(0, 0), (1701, 1300), (1702, 0)], page=1)
@example(lines=[(1, HOLD_MILLISECONDS - 1), (2, 0)], page=1)
@example(lines=[(0, 0), (1001, 1999), (1002, 0), (1003, 1996), (1004, 0)], page=20)
def test_order_is_that_of_time_when_lines_are_late_by_less_than_the_hold(
    lines: list[tuple[int, int]], page: int
) -> None:
    """A line's time and how much later it shows, in milliseconds; also when nothing else comes in between."""
    logs = FakeLogs(
        [Written(NOW + at, NOW + at + late, message=f"{number}") for number, (at, late) in enumerate(lines)],
        FakeTime(),
        page=page,
    )
    events, _summary = tail(logs, Until(follow=30), [core.Query("/ecs/a", NOW)])
    assert [event.timestamp - NOW for event in events] == sorted(at for at, _late in lines)


def test_a_line_in_a_quiet_log_is_told_after_the_hold() -> None:
    told: list[float] = []
    logs = FakeLogs([Written(NOW, NOW, message="alone")], FakeTime())
    until = Until(follow=30)
    telling = Telling(until, lambda _events: told.append(logs.time.now() - NOW / 1000))
    Tail(logs.fetch, lambda: [core.Query("/ecs/a", NOW)], until, logs.time.clock, telling).run()
    assert told == [pytest.approx(HOLD, abs=0.01)]


def test_memory_is_bounded_by_the_overlap() -> None:
    seen = core.Seen()
    for start in range(0, 200_000, 10_000):
        page = [{"eventId": f"{number}", "timestamp": number} for number in range(start, start + 10_000)]
        assert seen.new(page) == page
        seen.forget(start - 1000)
    assert len(seen) <= core.LEAST_REMEMBERED + 20_000
    assert seen.new([{"eventId": "199999", "timestamp": 199_999}]) == []


def test_streams_beyond_a_hundred_need_more_than_one_request() -> None:
    names = [f"s{number}" for number in range(250)]
    parts = core.chunks(names)
    assert [len(part) for part in parts] == [100, 100, 50]
    assert [name for part in parts for name in part] == names
    assert core.chunks([]) == [()]


def test_the_request_says_what_is_wanted() -> None:
    query = core.Query("/ecs/a", 5, end=9, pattern="ERROR", prefix="ecs/")
    assert core.Reading(query, core.Seen()).request() == {
        "logGroupName": "/ecs/a",
        "startTime": 5,
        "endTime": 9,
        "filterPattern": "ERROR",
        "logStreamNamePrefix": "ecs/",
        "limit": 10_000,
    }
    named = core.Reading(core.Query("/ecs/a", -5, streams=("x",), prefix="ecs/"), core.Seen()).request()
    assert (named["logStreamNames"], named["startTime"]) == (["x"], 0)
    assert "logStreamNamePrefix" not in named


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("15m", NOW - 900_000),
        ("2h", NOW - 7_200_000),
        ("1d", NOW - 86_400_000),
        ("30 s", NOW - 30_000),
        ("now", NOW),
        ("1800000000", NOW),
        ("1800000000.5", NOW + 500),
        ("1800000000123", NOW + 123),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T10:00:00+02:00", NOW),
        ("2027-01-15T08:00:00", NOW),
        ("2027-01-15", NOW - 8 * 3_600_000),
    ],
)
def test_moments(given_text: str, expected: int) -> None:
    assert times.moment(given_text, NOW) == expected


@pytest.mark.parametrize("given_text", ["", "yesterday", "15 minutes", "-3h", "2027-13-01"])
def test_what_is_no_moment_is_refused_in_a_sentence(given_text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        times.moment(given_text, NOW)


@given(st.integers(0, 4_000_000_000_000))
def test_a_moment_is_read_back(milliseconds: int) -> None:
    assert times.moment(times.iso(milliseconds), 0) == milliseconds


@given(st.integers(0, NOW), st.lists(st.text(), min_size=1, max_size=5))
def test_a_continuation_is_read_back(at: int, ids: list[str]) -> None:
    assert core.resume(core.continuation(at, ids)) == (at, frozenset(map(core.fingerprint, ids)))


@pytest.mark.parametrize("other", ["15m", "1800000000", "2027-01-15", "/x", "12/zz"])
def test_other_texts_are_no_continuation(other: str) -> None:
    assert core.resume(other) is None


EVENT = core.Event(NOW + 7, 1, "/ecs/a", "ecs/amica/0123456789abcdef0123456789abcdef", "hello\n", "id", NOW)


def test_lines_of_text() -> None:
    assert text.text_line()(EVENT) == "2027-01-15T08:00:00.007Z 01234567 hello"
    assert text.text_line(with_group=True)(EVENT) == "2027-01-15T08:00:00.007Z /ecs/a 01234567 hello"
    assert re.fullmatch(
        r"2027-01-15T08:00:00.007Z \x1b\[\d+m01234567\x1b\[0m hello", text.text_line(colour=True)(EVENT)
    )


def test_lines_of_json() -> None:
    assert json.loads(text.json_line(EVENT)) == {
        "timestamp": "2027-01-15T08:00:00.007Z",
        "group": "/ecs/a",
        "stream": EVENT.stream,
        "task": "0123456789abcdef0123456789abcdef",
        "message": "hello",
        "id": "id",
    }


class FakeStreams:
    def __init__(self, pages: list[list[str]]) -> None:
        self.pages = pages

    def describe_log_streams(self, **request: Any) -> dict[str, Any]:
        number = int(request.get("nextToken", "0"))
        answer: dict[str, Any] = {"logStreams": [{"logStreamName": name} for name in self.pages[number]]}
        if number + 1 < len(self.pages):
            answer["nextToken"] = str(number + 1)
        return answer


def test_the_streams_of_a_task_are_found_on_any_page() -> None:
    pages = [["ecs/amica/x", "ecs/amica/y"], ["ecs/amica/t", "ecs/sidecar/t"], ["ecs/amica/z"]]
    assert streams.task_streams(FakeStreams(pages), "/ecs/a", "t") == ["ecs/amica/t", "ecs/sidecar/t"]
    assert streams.task_streams(FakeStreams(pages), "/ecs/a", "nobody") == []


def test_the_task_that_stopped_last() -> None:
    tasks: list[dict[str, Any]] = [
        {"taskArn": "a/1", "stoppedAt": 5},
        {"taskArn": "a/2", "stoppedAt": 9},
        {"taskArn": "a/3"},
    ]
    last = streams.newest_stopped(tasks)
    assert last is not None
    assert last["taskArn"] == "a/2"
    assert streams.newest_stopped([]) is None


class FakeTasks:
    """Stopped tasks by their ids, a page each; a task stopped at its number."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = pages

    def list_tasks(self, **request: Any) -> dict[str, Any]:
        number = int(request.get("nextToken", "0"))
        answer: dict[str, Any] = {"taskArns": self.pages[number]}
        return answer | ({"nextToken": str(number + 1)} if number + 1 < len(self.pages) else {})

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        assert tasks, f"{cluster}: AWS refuses to describe none"
        return {"tasks": [{"taskArn": f"a/{task}", "stoppedAt": int(task)} for task in tasks]}


def test_the_task_that_stopped_last_may_be_on_any_page() -> None:
    assert streams.last_stopped_task(FakeTasks(["3", "1"], [], ["2", "9"], ["4"]), "c", "s") == "9"
    assert streams.last_stopped_task(FakeTasks([]), "c", "s") is None
