# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many events a second the tail reads, beside botocore's own paginator in the same run.

PYTHONPATH=collections:tests python tests/benchmarks/logs_tail.py [events ...]

A server of its own answers FilterLogEvents from memory, pages made beforehand, so that the reader is what is measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Event
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Query
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.quick import quickened
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Clock
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Tail
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Telling
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Until
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.text import text_line

PAGE = 10_000
START = 1_800_000_000_000
ROUNDS = 5


def page_of(number: int, events: int, streams: int) -> bytes:
    first, last = number * PAGE, min((number + 1) * PAGE, events)
    answer: dict[str, Any] = {
        "events": [
            {
                "logStreamName": f"ecs/amica/{index % streams:032x}",
                "timestamp": START + index,
                "message": f"INFO request {index} answered in {index % 977} ms, session {index % 4093:08x}",
                "ingestionTime": START + index + 300,
                "eventId": f"{index:056d}",
            }
            for index in range(first, last)
        ]
    }
    if last < events:
        answer["nextToken"] = str(number + 1)
    return json.dumps(answer).encode()


def serve(events: int, streams: int, told: Connection) -> None:
    """A CloudWatch Logs that holds so many events; tells its port."""
    pages = [page_of(number, events, streams) for number in range(-(-events // PAGE))]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = pages[int(asked.get("nextToken", 0))]
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)
    server.serve_forever()


@contextmanager
def server(events: int, streams: int) -> Iterator[str]:
    """A server in a process of its own; its address."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(events, streams, there), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{here.recv()}"
    process.terminate()
    process.join()


def client(address: str) -> Any:
    return boto3.client(
        "logs", endpoint_url=address, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def with_paginator(logs: Any, file: Any) -> int:
    """What one writes without this collection: pages, and a line for each event."""
    count = 0
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName="/ecs/a", startTime=START):
        for event in page["events"]:
            file.write(f"{event['timestamp']} {event['logStreamName']} {event['message']}\n")
            count += 1
    return count


def with_tail(logs: Any, file: Any) -> int:
    line = text_line()

    def deliver(events: Sequence[Event]) -> None:
        file.writelines(f"{line(event)}\n" for event in events)

    queries = [Query("/ecs/a", START)]
    fetch: Callable[[dict[str, Any]], Any] = lambda request: logs.filter_log_events(**request)  # noqa: E731
    until = Until()
    return Tail(fetch, lambda: queries, until, Clock(time.time, time.sleep), Telling(until, deliver)).run().count


@dataclass(frozen=True)
class Rate:
    """Events a second of wall time, and events a second of this process's CPU."""

    wall: float
    cpu: float


def rate(read: Callable[[Any, Any], int], logs: Any, events: int, folder: Path) -> Rate:
    wall, cpu = time.perf_counter(), time.process_time()
    with (folder / "lines").open("w", encoding="utf-8") as file:
        assert read(logs, file) == events
    return Rate(events / (time.perf_counter() - wall), events / (time.process_time() - cpu))


def compare(events: int, streams: int) -> str:
    """Both readers in turn, so that what else the machine does falls on both."""
    with server(events, streams) as address, TemporaryDirectory() as folder:
        plain, ours = client(address), quickened(client(address))
        rounds = [
            (rate(with_paginator, plain, events, Path(folder)), rate(with_tail, ours, events, Path(folder)))
            for _round in range(ROUNDS)
        ]
    parts = []
    for name in ("wall", "cpu"):
        theirs, tail = (median(getattr(item, name) for item in column) for column in zip(*rounds, strict=True))
        parts.append(f"{name}: paginator {theirs:>8,.0f}/s, tail {tail:>8,.0f}/s, {tail / theirs:.1f} times")
    return f"{events:>9,} events, {streams:>3} streams; {'; '.join(parts)}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("events", nargs="*", type=int, default=[20_000, 200_000])
    for events in arguments.parse_args().events:
        for streams in (4, 100):
            print(compare(events, streams), flush=True)
    print(f"peak memory of the reader {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
