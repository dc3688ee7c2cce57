# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Tail: AWS sends what is written as it comes. It costs by the minute, and leaves lines out when many come.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError
    from urllib3.exceptions import HTTPError

from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import MOST_STREAMS
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Event
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import GRACE
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Clock
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Summary
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Telling
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Until
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import patient

MOST_GROUPS = 10
# Events in the update that AWS sends each second, at most.
MOST_EVENTS = 500
LONGEST_SECONDS = 3 * 60 * 60
PAUSE = 1.0

USD_A_MINUTE = 0.01
FREE_MINUTES = 1800
PRICE_OF = "list price of us-east-1, February 2026, https://aws.amazon.com/cloudwatch/pricing/"

Updates = Generator[Mapping[str, Any], None, None]


@dataclass
class Session:
    """What a Live Tail session was like. `sampled`: AWS left lines out; `breaks`: how often it broke off."""

    seconds: float = 0.0
    sampled: bool = False
    breaks: int = 0

    @property
    def minutes(self) -> int:
        """As AWS counts them, a begun one in full."""
        return max(1, math.ceil(self.seconds / 60))

    @property
    def cost(self) -> float:
        """USD, where the account's free minutes are used up."""
        return round(self.minutes * USD_A_MINUTE, 2)

    def as_dict(self) -> dict[str, Any]:
        return {"sampled": self.sampled, "breaks": self.breaks, "minutes": self.minutes, "cost_usd": self.cost}

    def notes(self) -> list[str]:
        notes = [
            f"Live Tail ran for {self.minutes} min: {self.cost:.2f} USD at {USD_A_MINUTE} a minute ({PRICE_OF}), "
            f"nothing within the account's {FREE_MINUTES:,} free minutes a month"
        ]
        if self.sampled:
            notes.append(
                f"Live Tail left lines out, for more than {MOST_EVENTS} came in a second: read them without live_tail"
            )
        if self.breaks:
            notes.append(f"Live Tail broke off and was begun again {self.breaks} times: lines in between are missing")
        return notes


def refusal(groups: Sequence[str], streams: Sequence[str], prefix: str | None, task: str | None) -> str:
    """Why Live Tail cannot show these parts of these groups, in a sentence; empty when it can."""
    if len(groups) > MOST_GROUPS:
        return f"live_tail: takes {MOST_GROUPS} log groups at most, not {len(groups)}"
    if len(streams) > MOST_STREAMS:
        return f"live_tail: takes {MOST_STREAMS} streams at most, not {len(streams)}"
    if len(groups) > 1 and (streams or prefix or task):
        return "live_tail: chooses streams in one log group only. Name one log group"
    return ""


def request(arns: Sequence[str], pattern: str | None, streams: Sequence[str], prefix: str | None) -> dict[str, Any]:
    """Arguments for StartLiveTail, which takes ARNs without the star at their end."""
    wish: dict[str, Any] = {"logGroupIdentifiers": [arn.removesuffix(":*") for arn in arns]}
    if pattern:
        wish["logEventFilterPattern"] = pattern
    if streams:
        wish["logStreamNames"] = list(streams)
    elif prefix:
        wish["logStreamNamePrefixes"] = [prefix]
    return wish


def events_of(update: Mapping[str, Any]) -> list[Event]:
    """An update's events by time. They have no id; their group is an ARN, or account:name."""
    return sorted(
        Event(
            item["timestamp"],
            number,
            item["logGroupIdentifier"].removesuffix(":*").rsplit(":", 1)[-1],
            item["logStreamName"],
            item["message"],
            "",
            item["ingestionTime"],
        )
        for number, item in enumerate(update.get("sessionResults", ()))
    )


def updates(answer: Mapping[str, Any]) -> Updates:
    """The updates of a session, one a second; the session ends with the one who reads it."""
    with contextlib.closing(answer["responseStream"]) as stream:
        for event in stream:
            if "sessionUpdate" in event:
                yield event["sessionUpdate"]


class LiveTail:
    """Hands on what AWS sends until told to stop; a session that breaks off is begun again.

    :param start: StartLiveTail.
    """

    def __init__(self, start: Callable[[dict[str, Any]], Any], until: Until, clock: Clock, telling: Telling) -> None:
        self.session = Session()
        self._start = patient(start, clock, until.patience, telling.retried)
        self._until = until
        self._clock = clock
        self._telling = telling

    def run(self, wish: dict[str, Any]) -> Summary:
        began = self._clock.now()
        while True:
            with contextlib.closing(updates(self._start(wish))) as coming:
                ended_by = self._follow(coming, began)
            self.session.seconds = self._clock.now() - began
            ended_by = ended_by or self._over(began)
            if ended_by:
                break
            self.session.breaks += 1
            self._clock.sleep(PAUSE)
        summary = self._telling.summary
        summary.ended_by = ended_by
        # Events without an id: those of the last millisecond may come again.
        summary.next = str(summary.newest or round(began * 1000))
        return summary

    def _follow(self, coming: Updates, began: float) -> str:
        """Why the tail ends; nothing when the session broke off."""
        task_end: float | None = None
        try:
            for update in coming:
                self.session.sampled |= bool(update.get("sessionMetadata", {}).get("sampled"))
                ended_by = self._telling.tell([events_of(update)]) or self._over(began)
                if ended_by:
                    return ended_by
                now = self._clock.now()
                if self._until.task_ended and task_end is None and self._until.task_ended():
                    task_end = now
                if task_end is not None and now >= task_end + GRACE:
                    return "task"
        except ClientError as error:
            code = error_code(error)
            if code == "SessionTimeoutException":
                return "time"
            if code != "SessionStreamingException":
                raise
        except HTTPError:
            pass
        return ""

    def _over(self, began: float) -> str:
        return "time" if self._clock.now() >= began + self._until.follow else ""
