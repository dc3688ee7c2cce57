# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many events a second the tail reads, beside botocore's own paginator and other tools in the same run.

PYTHONPATH=collections:tests python tests/benchmarks/logs_tail.py [events ...] [--program PATH ...]

A server of its own answers FilterLogEvents from memory, pages made beforehand, so that the reader is what is measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
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
SIZES = (20_000, 200_000)
# Program and arguments: all events of the group as lines. Version 1 of aws has no `logs tail`.
PROGRAMS = {
    "aws logs tail": "aws logs tail /ecs/a --since 2027-01-01T00:00:00Z",
    "awslogs": "awslogs get /ecs/a ALL --start 2027-01-01 --aws-region eu-west-1 --aws-endpoint-url {url}",
}
Read = Callable[[Any, Any], int]


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


def with_program(command: Sequence[str]) -> Read:
    """Another tool, as its users run it: a process of its own, its start included."""

    def read(logs: Any, file: Any) -> int:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(Path(file.name).parent),
            "AWS_ENDPOINT_URL": logs.meta.endpoint_url,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }
        subprocess.run(
            [word.format(url=logs.meta.endpoint_url) for word in command], env=environment, stdout=file, check=True
        )
        with Path(file.name).open(encoding="utf-8") as lines:
            return sum(1 for _line in lines)

    return read


def readers(programs: Sequence[str]) -> dict[str, Read]:
    """Name and function of each reader: ours, the paginator, and the tools that are on this machine."""
    found: dict[str, Read] = {"tail": with_tail, "paginator": with_paginator}
    for name, command in PROGRAMS.items():
        program, *words = command.split()
        path = next((path for path in programs if Path(path).name == program), shutil.which(program))
        if path and (program != "aws" or version_of(path).startswith("aws-cli/2")):
            found[name] = with_program([path, *words])
        else:
            print(f"NOT MEASURED: {name}, which is not on this machine", file=sys.stderr)
    return found


def version_of(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Row:
    """Medians of one reader. Events a second of wall time and of CPU time, and how many times ours has of them."""

    events: int
    streams: int
    reader: str
    wall: float
    cpu: float
    ours_to_wall: float
    ours_to_cpu: float


def cpu_seconds() -> float:
    """CPU of this process and of those that it ran."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def rates(read: Read, logs: Any, events: int, folder: Path) -> tuple[float, float]:
    """Events a second of (wall time, CPU time)."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    with (folder / "lines").open("w", encoding="utf-8") as file:
        read_events = read(logs, file)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    assert read_events == events, f"{read_events:,} events of {events:,}"
    return events / wall, events / cpu


def compare(events: int, streams: int, programs: Sequence[str] = (), rounds: int = ROUNDS) -> list[Row]:
    """All readers in turn, so that what else the machine does falls on each of them."""
    found = readers(programs)
    with server(events, streams) as address, TemporaryDirectory() as folder:
        clients = {name: quickened(client(address)) if name == "tail" else client(address) for name in found}
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
        for _round in range(rounds):
            for name, read in found.items():
                measured[name].append(rates(read, clients[name], events, Path(folder)))
    medians = {name: tuple(median(column) for column in zip(*each, strict=True)) for name, each in measured.items()}
    ours = medians["tail"]
    return [
        Row(events, streams, name, wall, cpu, ours[0] / wall, ours[1] / cpu) for name, (wall, cpu) in medians.items()
    ]


def rows(sizes: Sequence[int] = SIZES, programs: Sequence[str] = (), rounds: int = ROUNDS) -> Iterator[Row]:
    for events in sizes:
        for streams in (4, 100):
            yield from compare(events, streams, programs, rounds)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("events", nargs="*", type=int, default=SIZES)
    arguments.add_argument("--program", action="append", default=[], help="path of awslogs or aws; else those on PATH")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    given = arguments.parse_args()
    print(f"{'events':>9} {'streams':>7}  {'reader':<13} {'wall/s':>9} {'cpu/s':>9}  tail to it: wall, cpu")
    for row in rows(given.events, given.program, given.rounds):
        ratios = f"{row.ours_to_wall:>10.1f} x {row.ours_to_cpu:>8.1f} x"
        figures = f"{row.wall:>9,.0f} {row.cpu:>9,.0f}"
        print(f"{row.events:>9,} {row.streams:>7}  {row.reader:<13} {figures}  {ratios}", flush=True)
    print(f"peak memory of the reader {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
