# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thinking of the tail: paging, what was seen, order. Pure: no AWS, no clock, no sleep.

Three things make a tail lose or repeat lines, and each has its answer here.
FilterLogEvents may answer an empty page and go on: a reading ends when there is no nextToken, not when there is no
event. Events become visible after others that are younger: each reading begins again a little before the end of the
last, and what was seen is known by its eventId. And events are not told in order of time across readings: the newest
wait a moment, so that those before them can catch up.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from itertools import islice
from operator import attrgetter
from typing import Any
from typing import NamedTuple

Answer = Mapping[str, Any]

# What FilterLogEvents gives at most, and takes at most.
PAGE = 10_000
MOST_STREAMS = 100
BATCH = 1000
# Ids that are remembered in any case: a page that AWS gives twice is not told twice.
LEAST_REMEMBERED = 2 * PAGE


class Event(NamedTuple):
    """A line of a log. Compares by time, then by the order in which it was read. Times in milliseconds since 1970."""

    timestamp: int
    number: int
    group: str
    stream: str
    message: str
    id: str
    ingested: int


# Hundreds of thousands are made: what a named tuple's own constructor adds would be felt.
make: Callable[[type[Event], tuple[Any, ...]], Event] = tuple.__new__
TIMESTAMP, INGESTED = attrgetter("timestamp"), attrgetter("ingested")


@dataclass(frozen=True)
class Query:
    """Which events of one log group. `end` is inclusive; `streams` (at most 100) or `prefix`, or neither for all."""

    group: str
    start: int
    end: int | None = None
    pattern: str = ""
    streams: tuple[str, ...] = ()
    prefix: str = ""


class Seen:
    """The events that were told, as far back as one may come again. 64 bits of an id do, a million fit 100 MB."""

    def __init__(self) -> None:
        self._ids: dict[int, int] = {}

    def new(self, events: Iterable[Answer]) -> list[Answer]:
        """Those of AWS's events that were not seen before. They are remembered."""
        ids, fresh = self._ids, []
        for event in events:
            key = hash(event["eventId"])
            if key not in ids:
                ids[key] = event["timestamp"]
                fresh.append(event)
        return fresh

    def forget(self, before: int) -> None:
        """Forget what is older, unless it was seen lately."""
        surplus = len(self._ids) - LEAST_REMEMBERED
        if surplus <= 0:
            return
        longest_ago = list(islice(self._ids.items(), surplus))
        for key, timestamp in longest_ago:
            if timestamp < before:
                del self._ids[key]

    def __len__(self) -> int:
        return len(self._ids)


class Reading:
    """One reading of a query's events, page by page: ask `request`, hand the answer to `accept`, until `done`."""

    def __init__(self, query: Query, seen: Seen) -> None:
        self.query = query
        self.done = False
        self.newest_ingested = 0
        self._seen = seen
        self._token: str | None = None
        self._start = query.start
        self._reached = query.start
        self._number = 0

    def request(self) -> dict[str, Any]:
        """Arguments for FilterLogEvents."""
        wish: dict[str, Any] = {"logGroupName": self.query.group, "startTime": max(0, self._start), "limit": PAGE}
        if self.query.end is not None:
            wish["endTime"] = self.query.end
        if self.query.pattern:
            wish["filterPattern"] = self.query.pattern
        if self.query.streams:
            wish["logStreamNames"] = list(self.query.streams)
        elif self.query.prefix:
            wish["logStreamNamePrefix"] = self.query.prefix
        if self._token:
            wish["nextToken"] = self._token
        return wish

    def turn(self, answer: Answer) -> None:
        """Go on to the page after this answer. An empty page is not the last one; a token that comes again is."""
        token = answer.get("nextToken")
        self.done = not token or token == self._token
        self._token = token

    def take(self, answer: Answer) -> list[Event]:
        """The answer's events that are new."""
        group, first = self.query.group, self._number
        events = [
            make(
                Event,
                (
                    item["timestamp"],
                    number,
                    group,
                    item["logStreamName"],
                    item["message"],
                    item["eventId"],
                    item.get("ingestionTime", item["timestamp"]),
                ),
            )
            for number, item in enumerate(self._seen.new(answer.get("events", ())), first)
        ]
        self._number += len(events)
        if events:
            self._reached = max(self._reached, events[-1].timestamp)
            self.newest_ingested = max(self.newest_ingested, *map(INGESTED, events))
        return events

    def accept(self, answer: Answer) -> list[Event]:
        self.turn(answer)
        return self.take(answer)

    def begin_again(self) -> None:
        """AWS refused the token (they last a day): from the last event on, and what was seen is not told again."""
        self._token, self._start, self.done = None, self._reached, False


def next_start(start: int, newest_ingested: int, overlap: int) -> int:
    """Where the next reading begins: a little before the newest event that AWS had taken in.

    By AWS's clock, not this machine's, which may be wrong; and never back behind an earlier beginning.
    """
    return max(start, newest_ingested - overlap)


def merged(sources: Sequence[Iterable[list[Event]]]) -> Iterator[list[Event]]:
    """The events of several readings by time, a batch at a time, holding no more than one page of each."""
    if len(sources) == 1:
        yield from sources[0]
        return
    events = heapq.merge(*(chain.from_iterable(pages) for pages in sources))
    while batch := list(islice(events, BATCH)):
        yield batch


class Waiting:
    """Events that wait for older ones to catch up. `hold` in milliseconds.

    While new ones come, the newest of them tells by AWS's clock how long the others have waited. When none comes any
    more, only this machine's clock can: `quiet` is for the reading that began so long after the last event was read.
    """

    def __init__(self, hold: int) -> None:
        self._hold = hold
        self._heap: list[tuple[int, int, Event]] = []
        self._number = 0
        self._newest = 0

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            self._number += 1
            self._newest = max(self._newest, event.ingested, event.timestamp)
            heapq.heappush(self._heap, (event.timestamp, self._number, event))

    def ready(self, *, quiet: bool) -> list[Event]:
        """Those that need wait no longer; all of them when nothing new has come for the hold (`quiet`)."""
        ready = []
        while self._heap and (quiet or self._heap[0][0] <= self._newest - self._hold):
            ready.append(heapq.heappop(self._heap)[2])
        return ready


def chunks(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Stream names, as many at a time as one request takes; one empty chunk when there are none."""
    return [tuple(names[start : start + MOST_STREAMS]) for start in range(0, len(names), MOST_STREAMS)] or [()]


def continuation(timestamp: int, ids: Iterable[str], known: Iterable[int] = ()) -> str:
    """A place to go on from: the time of the last event told, and fingerprints of all told of that millisecond."""
    told = {*known, *(fingerprint(item) for item in ids)}
    return "/".join([str(timestamp), *(format(item, "x") for item in sorted(told))])


def resume(text: str) -> tuple[int, frozenset[int]] | None:
    """(time, fingerprints of what was told) of a continuation; None for any other text."""
    head, _slash, rest = text.partition("/")
    if not rest or not head.isdigit():
        return None
    try:
        return int(head), frozenset(int(part, 16) for part in rest.split("/"))
    except ValueError:
        return None


def fingerprint(event_id: str) -> int:
    """48 bits of an id that are the same in every process, unlike hash()."""
    value = 0xCBF29CE484222325
    for byte in event_id.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value >> 16
