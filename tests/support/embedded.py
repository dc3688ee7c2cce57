# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded AWS of a test's own, driven by its command line."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from support.machine import ROOT

TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class EmbeddedAws:
    """One embedded AWS in a folder, run from `project`; `words` are more arguments of `start`."""

    home: Path
    port: int
    region: str = "ap-southeast-1"
    words: tuple[str, ...] = ("--runtime", "processes", "--clock-speed", "10")
    project: Path = ROOT

    def run(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        arguments = [command, "--home", str(self.home), *words]
        return subprocess.run(
            [sys.executable, "-m", "embedded_aws", *arguments],
            env={**os.environ, "PYTHONPATH": str(self.project / "local")},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    def command(self, command: str, *words: str) -> dict[str, Any]:
        """The command's report.

        :raises AssertionError: it failed; the text is what it told people.
        """
        done = self.run(command, *words)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def start(self, *words: str) -> dict[str, Any]:
        return self.command("start", "--port", str(self.port), "--region", self.region, *self.words, *words)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """What a module needs to reach it."""
        return {
            "endpoint_url": self.endpoint,
            "region": self.region,
            "access_key": "embedded",
            "secret_key": "embedded",
        }

    def actions(self) -> Counter[str]:
        """How many calls it has got so far, by the action that IAM would be asked about."""
        with urllib.request.urlopen(f"{self.endpoint}/_embedded_aws/calls") as answer:
            return Counter(json.load(answer))

    def calls(self) -> int:
        """How many calls it has got so far."""
        return self.actions().total()

    @functools.cache  # noqa: B019  (a handful of them live as long as the tests)
    def client(self, service: str, region: str = "") -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint,
            region_name=region or self.region,
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",
            config=Config(retries={"max_attempts": 1}, inject_host_prefix=False),
        )
