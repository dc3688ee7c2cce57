# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Tail against scripted sessions: when it ends, what it leaves out, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._logs_tail import live
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Event
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Clock
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Summary
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Telling
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Until
from botocore.exceptions import ClientError
from support.fake_clock import FakeClock
from urllib3.exceptions import ProtocolError

GROUP = "123456789012:/ecs/a"
BROKEN = ProtocolError("the connection broke")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "StartLiveTail")


def update(*messages: str, sampled: bool = False) -> dict[str, Any]:
    return {
        "sessionUpdate": {
            "sessionMetadata": {"sampled": sampled},
            "sessionResults": [
                {
                    "logStreamName": "ecs/amica/one",
                    "logGroupIdentifier": GROUP,
                    "message": message,
                    "timestamp": 1000 - number,
                    "ingestionTime": 2000,
                }
                for number, message in enumerate(messages)
            ],
        }
    }


class Stream:
    """What a session sends, one thing a second; an error is raised. Silence follows."""

    def __init__(self, clock: FakeClock, *sent: Any) -> None:
        self.clock, self.sent, self.closed = clock, sent, False

    def __iter__(self) -> Iterator[Any]:
        yield {"sessionStart": {}}
        for item in self.sent:
            self.clock.sleep(1)
            if isinstance(item, Exception):
                raise item
            yield item
        while True:
            self.clock.sleep(1)
            yield update()

    def close(self) -> None:
        self.closed = True


def tail(clock: FakeClock, until: Until, *sessions: Any) -> tuple[list[str], Summary, live.Session]:
    """Runs over sessions, each a Stream or an error at its start."""
    told: list[Event] = []
    coming = iter(sessions)

    def start(_wish: dict[str, Any]) -> dict[str, Any]:
        session = next(coming)
        if isinstance(session, Exception):
            raise session
        return {"responseStream": session}

    watched = live.LiveTail(start, until, Clock(clock.now, clock.sleep), Telling(until, told.extend))
    summary = watched.run({})
    assert all(session.closed for session in sessions if isinstance(session, Stream))
    assert {event.group for event in told} <= {"/ecs/a"}
    return [event.message for event in told], summary, watched.session


def test_lines_come_by_time_until_the_time_is_over() -> None:
    clock = FakeClock()
    messages, summary, session = tail(clock, Until(follow=70), Stream(clock, update("b", "a"), update("c")))
    assert messages == ["a", "b", "c"]
    assert (summary.count, summary.ended_by, summary.next) == (3, "time", "1000")
    assert session.as_dict() == {"sampled": False, "breaks": 0, "minutes": 2, "cost_usd": 0.02}
    (note,) = session.notes()
    assert note.startswith("Live Tail ran for 2 min: 0.02 USD at 0.01 a minute (list price of us-east-1, ")
    assert note.endswith("nothing within the account's 1,800 free minutes a month")


@pytest.mark.parametrize(
    ("until", "messages", "ended_by"),
    [
        (Until(follow=60, matches=lambda message: message == "b"), ["a", "b"], "pattern"),
        (Until(follow=60, lines=1), ["a"], "lines"),
        (Until(follow=60, task_ended=lambda: True), ["a", "b", "c"], "task"),
    ],
)
def test_it_ends_as_any_tail_does(until: Until, messages: list[str], ended_by: str) -> None:
    clock = FakeClock()
    told, summary, _session = tail(clock, until, Stream(clock, update("a"), update("b"), update("c")))
    assert (told, summary.ended_by) == (messages, ended_by)


def test_what_was_left_out_is_said() -> None:
    clock = FakeClock()
    _messages, _summary, session = tail(clock, Until(follow=5), Stream(clock, update("a", sampled=True), update()))
    assert session.sampled
    assert "left lines out, for more than 500 came in a second" in session.notes()[1]


@pytest.mark.parametrize("fault", [BROKEN, error("SessionStreamingException")])
def test_a_session_that_breaks_off_is_begun_again_and_said(fault: Exception) -> None:
    clock = FakeClock()
    messages, summary, session = tail(
        clock,
        Until(follow=30),
        Stream(clock, update("a"), fault),
        error("ThrottlingException"),
        Stream(clock, update("b")),
    )
    assert (messages, session.breaks, summary.retries) == (["a", "b"], 1, 1)
    assert "broke off and was begun again 1 times" in session.notes()[1]


def test_three_hours_are_the_end() -> None:
    clock = FakeClock()
    _messages, summary, session = tail(
        clock, Until(follow=10_800), Stream(clock, update("a"), error("SessionTimeoutException"))
    )
    assert (summary.ended_by, session.breaks) == ("time", 0)


@pytest.mark.parametrize("code", ["AccessDeniedException", "LimitExceededException"])
def test_what_does_not_pass_is_not_waited_for(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        tail(FakeClock(), Until(follow=30), error(code))


def test_the_request_says_what_is_wanted() -> None:
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/a"
    assert live.request([f"{arn}:*"], "ERROR", [], "ecs/") == {
        "logGroupIdentifiers": [arn],
        "logEventFilterPattern": "ERROR",
        "logStreamNamePrefixes": ["ecs/"],
    }
    assert live.request([arn], None, ["x"], None) == {"logGroupIdentifiers": [arn], "logStreamNames": ["x"]}


@pytest.mark.parametrize(
    ("groups", "streams", "prefix", "task", "words"),
    [
        (["g"] * 11, [], None, None, "10 log groups at most"),
        (["g"], ["s"] * 101, None, None, "100 streams at most"),
        (["g", "h"], ["s"], None, None, "in one log group only"),
        (["g", "h"], [], "s", None, "in one log group only"),
        (["g", "h"], [], None, "t", "in one log group only"),
    ],
)
def test_what_aws_would_refuse_is_refused_before(
    groups: list[str], streams: list[str], prefix: str | None, task: str | None, words: str
) -> None:
    assert words in live.refusal(groups, streams, prefix, task)
    assert live.refusal(groups[:1], streams[:100], prefix, task) == ""
