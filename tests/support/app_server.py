# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running application, as tests start it and talk to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
APP = REPOSITORY / "app"
START_SECONDS = 60


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running application."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; an iterable body goes in chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, lower, response.read())
        finally:
            connection.close()

    def wait_until_it_answers(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.request("GET", "/health").status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the application does not answer; it wrote:\n{self.output.read_text()}")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self, timeout: float = 40) -> int:
        """Wait until the process has ended; return its exit code."""
        return self.process.wait(timeout)

    def events(self) -> list[dict[str, Any]]:
        """What it wrote: every line must be a JSON object."""
        return [json.loads(line) for line in self.output.read_text().splitlines()]


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """A clean environment as a container has it, and the settings."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **settings}


@contextmanager
def running(folder: Path, command: list[str], cwd: Path, settings: dict[str, str], port: int) -> Iterator[Server]:
    output = folder / f"app-{port}.log"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment_of(settings), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
        server = Server(process, port, output)
        try:
            server.wait_until_it_answers()
            yield server
        finally:
            process.kill()
            process.wait()
