# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it takes, and what it believes of a pid file."""

from __future__ import annotations

import fcntl
import json
import socket
from pathlib import Path

import pytest
from embedded_aws.cli import Home
from embedded_aws.cli import Problem
from embedded_aws.cli import main
from embedded_aws.cli import parse
from embedded_aws.cli import require_port
from embedded_aws.cli import status
from embedded_aws.cli import stop


def test_delays_come_in_one_word_or_several() -> None:
    words = ["start", "--home", "h", "--delay", "alb=150", "nat=90", "--delay", "cloudfront=1.5"]
    assert parse(words).delay == {"alb": 150, "nat": 90, "cloudfront": 1.5}
    assert parse(["start", "--home", "h"]).delay == {}


@pytest.mark.parametrize(
    "words",
    [
        ["--delay", "alb"],
        ["--delay", "alb=soon"],
        ["--delay", "moon=3"],
        ["--port", "0"],
        ["--port", "99999"],
        ["--clock-speed", "0"],
        ["--clock-speed", "fast"],
        ["--runtime", "magic"],
    ],
)
def test_bad_words_are_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["start", "--home", "h", *words])
    assert f"argument {words[0]}" in capsys.readouterr().err


def test_a_pid_counts_while_its_owner_holds_the_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.server() is None
    home.pid_file.write_text(json.dumps({"pid": 1, "port": 5, "runtime": "processes"}))
    assert home.server() is None
    with home.pid_file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert status(home, False)["pid"] == 1
        assert status(home, False)["endpoint"] == "http://127.0.0.1:5"


def test_a_stale_pid_is_never_signalled(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.pid_file.write_text(json.dumps({"pid": 1}))
    assert stop(home) is False
    assert not home.pid_file.exists()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Problem, match=f"Port {port} .* is taken by another program. .*--port"):
            require_port(port)


def test_what_does_not_run_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("status", "stop", "reset"):
        assert main([command, "--home", str(tmp_path / "home")]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        report = json.loads(line)
        assert (report["changed"], report["running"], report["pid"]) == (False, False, None)
