# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and following: the wheel that `core` thinks for. The calls, the clock and the sleep are given."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

try:
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError
except ImportError:
    pass  # AnsibleAWSModule has said so by the time anything here runs.

from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import TIMESTAMP
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Event
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Query
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Reading
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Seen
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Waiting
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import continuation
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import fingerprint
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import merged
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import next_start
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble
from ansible_collections.amica.stack.plugins.module_utils._trouble import trouble_of

Answer = Mapping[str, Any]
Fetch = Callable[[dict[str, Any]], Answer]
# Group, streams and prefix of a query: each part of the log is followed for itself.
Part = tuple[str, tuple[str, ...], str]

# Seconds between two readings while following, and how long the newest events wait for older ones.
INTERVAL = 1.0
HOLD = 2.0
# What a task wrote last becomes visible a little after its end.
GRACE = 3.0
LONGEST_PAUSE = 8.0


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Until:
    """When following ends, whichever comes first. `follow`: seconds, 0 to read once what is there.

    `matches`: an event's message that ends it; `lines`: so many events; `task_ended`: asked before each reading.
    `end`: milliseconds since 1970, the time behind which no event is wanted. `overlap`: seconds that each reading
    goes back behind the last, for events that come late.
    """

    follow: float = 0.0
    matches: Callable[[str], bool] | None = None
    lines: int | None = None
    task_ended: Callable[[], bool] | None = None
    end: int | None = None
    overlap: float = 60.0
    patience: float = 120.0


@dataclass
class Summary:
    """`ended_by`: end (all that was there), time, pattern, lines or task. `next` goes on after the last event told."""

    count: int = 0
    ended_by: str = "end"
    next: str = ""
    retries: int = 0
    readings: int = 0
    newest: int = 0
    ids: list[str] = field(default_factory=list)


def patient(fetch: Fetch, clock: Clock, patience: float, count: Callable[[], None]) -> Fetch:
    """The same call, waiting out throttling and outages for so many seconds in a row."""

    def calling(request: dict[str, Any]) -> Answer:
        began, pause = clock.now(), 0.5
        while True:
            try:
                return fetch(request)
            except (ClientError, BotoCoreError) as error:
                passing = trouble_of(error) in (Trouble.THROTTLED, Trouble.OUTAGE)
                if not passing or clock.now() - began + pause > patience:
                    raise
            count()
            clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    return calling


def pages(reading: Reading, fetch: Fetch, ahead: ThreadPoolExecutor) -> Iterator[list[Event]]:
    """The events of one reading. The next page is on its way while this one is looked at."""
    answer = fetch(reading.request())
    while True:
        reading.turn(answer)
        coming = None if reading.done else ahead.submit(fetch, reading.request())
        yield reading.take(answer)
        if coming is None:
            return
        try:
            answer = coming.result()
        except ClientError as error:
            if error_code(error) not in ("InvalidParameterException", "InvalidNextTokenException"):
                raise
            reading.begin_again()
            answer = fetch(reading.request())


class Telling:
    """Hands events to `deliver`, and knows which of them is the last one.

    :param told: (time, fingerprints) of an earlier tail, from `core.resume`: what was told then is not told again.
    """

    def __init__(
        self,
        until: Until,
        deliver: Callable[[Sequence[Event]], None],
        told: tuple[int, frozenset[int]] | None = None,
    ) -> None:
        self.summary = Summary()
        self.told = told
        self._until = until
        self._deliver = deliver

    def retried(self) -> None:
        self.summary.retries += 1

    def tell(self, batches: Iterable[list[Event]]) -> str:
        """Deliver; why the tail ends with one of these events, or nothing."""
        told = self.told
        for batch in batches:
            events = batch
            if told:
                events = [item for item in batch if item.timestamp != told[0] or fingerprint(item.id) not in told[1]]
            if events:
                ended_by, last = self._last_of(events)
                self._count(events[:last])
                if ended_by:
                    return ended_by
        return ""

    def _last_of(self, events: Sequence[Event]) -> tuple[str, int]:
        """(why the tail ends among these events, how many of them are still told)."""
        until = self._until
        room = len(events) if until.lines is None else until.lines - self.summary.count
        if until.matches:
            for number, event in enumerate(events[:room], 1):
                if until.matches(event.message):
                    return "pattern", number
        return ("lines", room) if until.lines is not None and room <= len(events) else ("", len(events))

    def _count(self, events: Sequence[Event]) -> None:
        self._deliver(events)
        summary = self.summary
        summary.count += len(events)
        newest = max(summary.newest, *map(TIMESTAMP, events))
        if newest > summary.newest:
            summary.newest, summary.ids = newest, []
        summary.ids += [event.id for event in events if event.timestamp == newest]


class Tail:
    """Follows queries until told to stop, telling each event once, many at a time.

    :param fetch: FilterLogEvents.
    :param queries: what to read; asked before each reading, because tasks come and go.
    """

    def __init__(
        self,
        fetch: Fetch,
        queries: Callable[[], Sequence[Query]],
        until: Until,
        clock: Clock,
        telling: Telling,
    ) -> None:
        self._telling = telling
        self._fetch = patient(fetch, clock, until.patience, telling.retried)
        self._queries = queries
        self._until = until
        self._clock = clock
        self._came = clock.now()
        self._starts: dict[Part, int] = {}
        self._seen: dict[Part, Seen] = {}

    def run(self) -> Summary:
        until, clock = self._until, self._clock
        began = clock.now()
        task_end: float | None = None
        waiting = Waiting(round(HOLD * 1000)) if until.follow else None
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="logs") as ahead:
            while True:
                reading_began = clock.now()
                if until.task_ended and task_end is None and until.task_ended():
                    task_end = reading_began
                ended_by = self._read_once(ahead, waiting, reading_began)
                if not ended_by:
                    ended_by = self._over(began, reading_began, task_end)
                    if ended_by and waiting:
                        ended_by = self._telling.tell([waiting.ready(quiet=True)]) or ended_by
                if ended_by:
                    return self._finished(ended_by)
                left = began + until.follow - clock.now()
                clock.sleep(max(0.0, min(INTERVAL * max(1.0, len(self._starts) / 4), left)))

    def _over(self, began: float, reading_began: float, task_end: float | None) -> str:
        """Why this reading was the last; empty when it was not."""
        until = self._until
        if not until.follow:
            return "end"
        if task_end is not None and reading_began >= task_end + GRACE:
            return "task"
        if until.end is not None and reading_began * 1000 >= until.end + GRACE * 1000:
            return "end"
        return "time" if reading_began >= began + until.follow else ""

    def _read_once(self, ahead: ThreadPoolExecutor, waiting: Waiting | None, began: float) -> str:
        """One reading of every query; why the tail ends in the middle of it, or nothing."""
        self._telling.summary.readings += 1
        overlap = round(self._until.overlap * 1000)
        readings = []
        for query in self._queries():
            key = (query.group, query.streams, query.prefix)
            start = self._starts.setdefault(key, query.start)
            readings.append((key, Reading(replace(query, start=start), self._seen.setdefault(key, Seen()))))
        sources = [self._remembering(reading, self._seen[key], ahead, overlap) for key, reading in readings]
        if waiting is None:
            return self._telling.tell(merged(sources))
        for events in merged(sources):
            if events:
                self._came = self._clock.now()
            waiting.add(events)
            if ended_by := self._telling.tell([waiting.ready(quiet=False)]):
                return ended_by
        for key, reading in readings:
            self._starts[key] = next_start(self._starts[key], reading.newest_ingested, overlap)
        return self._telling.tell([waiting.ready(quiet=began >= self._came + HOLD)])

    def _remembering(
        self, reading: Reading, seen: Seen, ahead: ThreadPoolExecutor, overlap: int
    ) -> Iterator[list[Event]]:
        """A reading's pages; what no later reading can bring again is forgotten on the way."""
        for events in pages(reading, self._fetch, ahead):
            yield events
            if events:
                seen.forget(reading.newest_ingested - overlap if self._until.follow else events[-1].timestamp)

    def _finished(self, ended_by: str) -> Summary:
        summary, told = self._telling.summary, self._telling.told
        summary.ended_by = ended_by
        before = set(told[1]) if told and told[0] == summary.newest else set()
        if summary.ids:
            summary.next = continuation(summary.newest, summary.ids, before)
        elif told:
            summary.next = continuation(told[0], (), told[1])
        else:
            summary.next = str(min((query.start for query in self._queries()), default=0))
        return summary
