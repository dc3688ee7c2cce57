# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log module on a running embedded AWS: paging, order, following, the streams of a task."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.run_module import ModuleFailed
from support.run_module import run_module
from support.small_service import SmallService
from support.small_service import configuration
from support.waiting import eventually

Tail = Callable[..., dict[str, Any]]
GROUP = "/ecs/contract-logs"
MOST_IN_A_PUT = 5000


class Writer:
    """Writes numbered lines to streams of a log group."""

    def __init__(self, logs: Any, group: str) -> None:
        self.logs, self.group = logs, group
        logs.create_log_group(logGroupName=group)
        self.streams: set[str] = set()

    def write(self, stream: str, lines: list[tuple[int, str]]) -> None:
        if stream not in self.streams:
            self.logs.create_log_stream(logGroupName=self.group, logStreamName=stream)
            self.streams.add(stream)
        for start in range(0, len(lines), MOST_IN_A_PUT):
            events = [{"timestamp": at, "message": text} for at, text in lines[start : start + MOST_IN_A_PUT]]
            self.logs.put_log_events(logGroupName=self.group, logStreamName=stream, logEvents=events)


def milliseconds() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def writer(clients: Callable[..., Any]) -> Iterator[Writer]:
    made = Writer(clients("logs"), GROUP)
    yield made
    made.logs.delete_log_group(logGroupName=GROUP)


@pytest.fixture
def tail(embedded_aws: EmbeddedAws) -> Tail:
    def tailing(*, check: bool = False, **options: Any) -> dict[str, Any]:
        asked = {"log_groups": [GROUP], **embedded_aws.options, **options}
        return run_module("cloudwatch_logs_tail", asked, check=check)

    return tailing


def test_more_than_a_page_from_several_streams_in_order(writer: Writer, tail: Tail, tmp_path: Path) -> None:
    """FilterLogEvents gives 10,000 at most: a reader that does not page loses the rest."""
    began = milliseconds() - 60_000
    for stream in range(4):
        writer.write(
            f"ecs/chat/{stream}", [(began + 4 * number + stream, f"{4 * number + stream}") for number in range(6000)]
        )
    file = tmp_path / "lines.jsonl"
    result = tail(since="1h", format="json", output_file=str(file), max_lines=5)
    assert (result["count"], result["truncated"], result["changed"]) == (24_000, True, True)
    written = [json.loads(line)["message"] for line in file.read_text().splitlines()]
    assert written == [str(number) for number in range(24_000)]
    assert [event["message"] for event in result["events"]] == written[-5:]


def test_goes_on_where_the_last_run_ended(writer: Writer, tail: Tail) -> None:
    now = milliseconds()
    writer.write("ecs/chat/a", [(now - 50, "one"), (now - 40, "two")])
    first = tail()
    writer.write("ecs/chat/b", [(now - 40, "at the same moment"), (now - 30, "three")])
    second = tail(since=first["next"])
    assert [event["message"] for event in first["events"]] == ["one", "two"]
    assert [event["message"] for event in second["events"]] == ["at the same moment", "three"]
    assert tail(since=second["next"])["count"] == 0


def test_several_groups_by_time_each_line_with_its_group(
    writer: Writer, tail: Tail, clients: Callable[..., Any]
) -> None:
    other, now = Writer(clients("logs"), f"{GROUP}-other"), milliseconds()
    try:
        writer.write("ecs/chat/a", [(now - 50, "one"), (now - 30, "three")])
        other.write("ecs/side/b", [(now - 40, "two"), (now - 20, "four")])
        lines = tail(log_groups=[other.group, GROUP])["lines"]
        assert [line.split(" ", 1)[1] for line in lines] == [
            f"{GROUP} a one", f"{other.group} b two", f"{GROUP} a three", f"{other.group} b four",
        ]  # fmt: skip
    finally:
        other.logs.delete_log_group(logGroupName=other.group)


@pytest.fixture
def troubled(embedded_aws: EmbeddedAws) -> Iterator[str]:
    """The address of a way to the embedded AWS on which every fourth call is throttled or fails."""
    calls = itertools.count(1)

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = next(calls)
            if number % 4:
                status, answer = self.forwarded(body)
            elif number % 8:
                status, answer = 400, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
            else:
                status, answer = 500, b'{"__type": "InternalFailure", "message": "try again"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def forwarded(self, body: bytes) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", embedded_aws.port, timeout=30)
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_follows_a_fast_writer_through_throttling_and_loses_nothing(
    writer: Writer, tail: Tail, troubled: str, tmp_path: Path
) -> None:
    """1,000 lines a second over four tasks; half-way each is replaced by another."""
    batches, size = 40, 25

    def write() -> None:
        for batch in range(batches):
            for task in range(4):
                now = milliseconds()
                lines = [(now, f"{task} {batch} {line}") for line in range(size)]
                writer.write(f"ecs/chat/{task}{'again' if batch >= batches / 2 else ''}", lines)
            time.sleep(0.1)
        writer.write("ecs/chat/0again", [(milliseconds(), "the end")])

    thread = threading.Thread(target=write)
    thread.start()
    file = tmp_path / "lines.jsonl"
    options = {"follow": 90, "until_pattern": "^the end$", "format": "json", "output_file": str(file)}
    result = tail(**options, max_lines=0, endpoint_url=troubled)
    thread.join()
    assert result["ended_by"] == "pattern"
    assert result["retries"] > 0
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["timestamp"] for event in told] == sorted(event["timestamp"] for event in told)
    messages = [event["message"] for event in told]
    assert len(messages) == len(set(messages)) == 4 * batches * size + 1
    for task in range(4):
        own = [message for message in messages if message.startswith(f"{task} ")]
        assert own == [f"{task} {batch} {line}" for batch in range(batches) for line in range(size)]


def test_a_filter_a_task_a_prefix(writer: Writer, tail: Tail) -> None:
    now = milliseconds()
    writer.write("ecs/chat/one", [(now - 3, "INFO a"), (now - 2, "ERROR b")])
    writer.write("ecs/side/two", [(now - 1, "ERROR c")])
    structured = [(now - 9, '{"level": "error", "n": 1}'), (now - 8, '{"level": "info", "why": "no \\"error\\""}')]
    writer.write("side/three", structured)

    def messages(**options: Any) -> list[str]:
        return [event["message"] for event in tail(**options)["events"]]

    assert messages(filter_pattern="ERROR") == ["ERROR b", "ERROR c"]
    assert messages(filter_pattern="?INFO ?c") == ["INFO a", "ERROR c"]
    assert messages(filter_pattern='{ $.level = "error" }') == ['{"level": "error", "n": 1}']
    assert messages(task="arn:aws:ecs:x:1:task/cluster/one") == ["INFO a", "ERROR b"]
    assert messages(stream_prefix="ecs/side/") == ["ERROR c"]
    assert messages(streams=["ecs/side/two"]) == ["ERROR c"]
    assert messages(until_lines=1) == [structured[0][1]]
    assert messages(max_lines=1) == ["ERROR c"]
    with pytest.raises(ModuleFailed, match="Invalid filter pattern"):
        tail(filter_pattern="{ $.level = }")
    nobody = tail(task="four")
    assert (nobody["count"], nobody["notes"]) == (0, ["The task four has written nothing since 15m"])


def test_a_real_task_until_it_has_stopped_and_afterwards(embedded_aws: EmbeddedAws) -> None:
    made = SmallService(embedded_aws, "contract-logs-task")
    asked = {"log_groups": [made.group], "cluster": made.name, **embedded_aws.options}
    ecs = made.client("ecs")
    made.make({"SAY": "hello"}, deploymentConfiguration=configuration(breaker=False))
    try:
        assert run_module("cloudwatch_logs_tail", {**asked, "previous": True, "service": made.name})["count"] == 0
        eventually(made.running)
        task = made.running()[0].rpartition("/")[2]
        stopping = threading.Timer(1, lambda: ecs.stop_task(cluster=made.name, task=task))
        stopping.start()
        followed = run_module(
            "cloudwatch_logs_tail", {**asked, "task": task, "follow": 90, "until_task_stopped": True, "since": "1h"}
        )
        stopping.join()
        (state,) = ecs.describe_tasks(cluster=made.name, tasks=[task])["tasks"]
        assert (followed["ended_by"], state["lastStatus"]) == ("task", "STOPPED")
        assert "hello" in [event["message"] for event in followed["events"]]

        # The task that took its place says the same in a stream of its own.
        eventually(lambda: [arn for arn in made.running() if not arn.endswith(task)])
        previous = run_module("cloudwatch_logs_tail", {**asked, "previous": True, "service": made.name, "since": "1h"})
        assert "hello" in [event["message"] for event in previous["events"]]
        assert {event["stream"] for event in previous["events"]} == {f"ecs/chat/{task}"}
    finally:
        made.remove()


@pytest.mark.parametrize(("at_once", "sampled"), [(5, False), (2000, True)])
def test_live_tail_brings_what_is_written_and_says_whether_all(
    writer: Writer, tail: Tail, at_once: int, sampled: bool
) -> None:
    """The writer goes on until the tail has ended: it cannot know when the session has begun."""
    ended = threading.Event()

    def write() -> None:
        for batch in itertools.count():
            if ended.wait(0.3):
                return
            now = milliseconds()
            writer.write("ecs/chat/a", [(now, f"wanted {batch} {line}") for line in range(at_once)])
            writer.write("ecs/side/b", [(now, "other")])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        # More lines than the first two updates hold, so that one of them must say that it is not all.
        lines = 4 * at_once if not sampled else 1001
        result = tail(live_tail=True, follow=60, stream_prefix="ecs/chat/", filter_pattern="wanted", until_lines=lines)
    finally:
        ended.set()
        thread.join()
    assert (result["ended_by"], result["count"]) == ("lines", lines)
    messages = [event["message"] for event in result["events"]]
    assert len(messages) == len(set(messages))
    assert all(message.startswith("wanted") for message in messages)
    assert result["live_tail"] == {"sampled": sampled, "breaks": 0, "minutes": 1, "cost_usd": 0.01}
    assert result["notes"][0].startswith("Live Tail ran for 1 min: 0.01 USD")


def test_check_mode_reads_and_writes_no_file(writer: Writer, tail: Tail, tmp_path: Path) -> None:
    writer.write("ecs/chat/one", [(milliseconds(), "hello")])
    file = tmp_path / "lines"
    result = tail(check=True, output_file=str(file), follow=600)
    assert (result["count"], result["changed"], file.exists()) == (1, False, False)


def test_progress_gets_every_line_in_check_mode_too_and_changes_nothing(
    writer: Writer, tail: Tail, tmp_path: Path
) -> None:
    writer.write("ecs/chat/one", [(milliseconds() + number, f"line {number}") for number in range(3)])
    file = tmp_path / "progress"
    for check in (True, False):
        result = tail(check=check, progress_file=str(file), max_lines=1)
        assert (result["count"], result["changed"]) == (3, False)
    lines = [re.fullmatch(r"\S+Z \x1b\[\d+mone\x1b\[0m (.*)", line) for line in file.read_text().splitlines()]
    assert [line and line[1] for line in lines] == [f"line {number}" for number in range(3)] * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"log_groups": ["/no/such"]}, "There is no log group /no/such in ap-southeast-1"),
        ({"log_groups": []}, "names no log group"),
        ({"since": "yesterday"}, "'yesterday' is not a time"),
        ({"since": "1h", "until": "2h"}, "until: 2h lies before since, 1h"),
        ({"until_pattern": "("}, "is not a regular expression"),
        ({"follow": -1}, "follow: -1 is too small"),
        ({"previous": True}, "cluster, service"),
        ({"live_tail": True}, "live_tail: needs follow, from 1 to 10800 seconds"),
        ({"live_tail": True, "follow": 9, "until": "now"}, "Leave out until and previous"),
        ({"live_tail": True, "follow": 9, "task": "x"}, "There is no log group"),
        ({"task": "x", "until_task_stopped": True, "cluster": "c"}, "needs follow"),
    ],
)
def test_bad_options_are_said_in_a_sentence(tail: Tail, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ModuleFailed) as caught:
        tail(**options)
    assert words in str(caught.value)
