# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines are JSON, one a line, whatever happens."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import logs
import pytest


@pytest.fixture
def lines() -> Iterator[Any]:
    """Configure logging as the application does; the fixture's value reads what was written."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    stream = io.StringIO()
    logs.configure("INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level, sys.excepthook = before
    logging.captureWarnings(False)


def test_an_event_has_time_level_logger_and_what_the_caller_adds(lines: Any) -> None:
    logging.getLogger("app").info("served %s", "cake", extra={"pieces": 3})
    (event,) = lines()
    assert event.pop("time").endswith("+00:00")
    assert event == {"level": "info", "logger": "app", "message": "served cake", "pieces": 3}


def test_an_exception_stays_in_its_line(lines: Any) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("app").exception("it\nbroke")
    (event,) = lines()
    assert event["message"] == "it\nbroke"
    assert "Traceback" in event["exception"]
    assert "second" in event["exception"]


def test_what_nobody_caught_is_an_event_too(lines: Any) -> None:
    error = RuntimeError("lost")
    sys.excepthook(RuntimeError, error, None)
    (event,) = lines()
    assert (event["level"], event["message"]) == ("critical", "RuntimeError: lost")


def test_a_value_that_json_does_not_know_is_shown_as_text(lines: Any) -> None:
    logging.getLogger("app").info("x", extra={"kind": ValueError})
    assert lines()[0]["kind"] == "<class 'ValueError'>"


def test_below_the_level_nothing_is_written(lines: Any) -> None:
    logging.getLogger("app").debug("x")
    assert lines() == []


def test_noise_is_dropped_and_nothing_else(lines: Any) -> None:
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "client", "/ws?session=secret")
    logging.getLogger("chainlit").warning("Translated markdown file for fr not found. Defaulting to chainlit.md.")
    logging.getLogger("uvicorn.error").info("Shutting down")
    assert [event["message"] for event in lines()] == ["Shutting down"]
