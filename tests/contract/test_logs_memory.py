# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log of any length takes little memory, on its way to a file and on its way to the screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from support.machine import ROOT

EVENTS = 1_000_000
# FilterLogEvents gives no more at once.
PAGE = 10_000
LIMIT_MEGABYTES = 150
TIMEOUT_SECONDS = 600
GROUP = {"logGroupName": "/ecs/long", "arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/long:*"}

# Each says at its end how much memory it had at most.
PEAK = 'print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)'
MODULE = f"""
import contextlib, json, runpy, sys
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.loads(sys.argv[1])), contextlib.suppress(SystemExit):
    runpy.run_module("ansible_collections.amica.stack.plugins.modules.cloudwatch_logs_tail", run_name="__main__")
{PEAK}
"""
SCREEN = f"""
import os, sys, threading
from ansible_collections.amica.stack.plugins.plugin_utils._progress import show
pipe, done = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK), threading.Event()
showing = threading.Thread(target=show, args=(pipe, done, lambda text: text))
showing.start()
sys.stdin.read()
done.set()
showing.join()
{PEAK}
"""


def page(start: int, began: int) -> bytes:
    """Events from this one on, as CloudWatch Logs writes them."""
    events = (
        f'{{"logStreamName":"ecs/amica/task{number % 4}","timestamp":{began + number // 10},"ingestionTime":{began},'
        f'"message":"{number:07d} what a line of a log holds, more or less, and as long","eventId":"{number:056d}"}}'
        for number in range(start, start + PAGE)
    )
    more = f',"nextToken":"{start + PAGE}"' if start + PAGE < EVENTS else ""
    return f'{{"events":[{",".join(events)}]{more}}}'.encode()


@pytest.fixture
def endpoint() -> Iterator[str]:
    """CloudWatch Logs with one group that holds very much."""
    began = int(time.time() * 1000) - EVENTS // 10 - 10_000

    class Logs(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"logGroups": [GROUP]}).encode()
            if self.headers["X-Amz-Target"].endswith("FilterLogEvents"):
                body = page(int(asked.get("nextToken", 0)), began)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Logs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def megabytes(said: str) -> float:
    return int(next(line.split()[1] for line in said.splitlines() if line.startswith("VmHWM"))) / 1024


def test_a_million_events_go_to_file_and_screen_in_little_memory(endpoint: str, tmp_path: Path) -> None:
    file, screen, pipe = tmp_path / "lines", tmp_path / "screen", tmp_path / "pipe"
    os.mkfifo(pipe)
    keys = {"endpoint_url": endpoint, "region": "eu-west-1", "access_key": "embedded", "secret_key": "embedded"}
    ways = {"output_file": str(file), "progress_file": str(pipe), "max_lines": 200, "_ansible_remote_tmp": "/tmp"}
    options = {"log_groups": ["/ecs/long"], "since": "1h", **keys, **ways}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    with (
        screen.open("w") as shown,
        subprocess.Popen(
            [sys.executable, "-c", SCREEN, str(pipe)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=shown,
            stderr=subprocess.PIPE,
            text=True,
        ) as showing,
    ):
        tail = subprocess.run(
            [sys.executable, "-c", MODULE, json.dumps(options)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        _nothing, said = showing.communicate(timeout=TIMEOUT_SECONDS)
    assert json.loads(tail.stdout)["count"] == EVENTS, tail.stderr
    for written in (file, screen):
        with written.open() as lines:
            assert sum(f" {number:07d} " in line for number, line in enumerate(lines)) == EVENTS, written.name
    assert (megabytes(tail.stderr) < LIMIT_MEGABYTES, megabytes(said) < LIMIT_MEGABYTES) == (True, True)
