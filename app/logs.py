# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs for machines: one JSON object a line on stdout, whoever writes, exceptions included."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC
from datetime import datetime
from types import TracebackType
from typing import TextIO

OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "asctime", "color_message", "message", "taskName"}

NOISE = {
    # A WebSocket's line with its query string; `front.RequestLog` writes a better one.
    "uvicorn.error": '"WebSocket %s"',
    # A warning at every page load; the chat has no welcome text in any language.
    "chainlit": "Translated markdown file",
}


class JsonFormatter(logging.Formatter):
    """Makes one line of a record: time, level, logger, message, then what the caller gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in OF_EVERY_RECORD},
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            event["stack"] = record.stack_info
        return json.dumps(event, default=str)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send every log line, warning and uncaught exception of this process to the stream (stdout) as JSON."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name in NOISE:
        logging.getLogger(name).addFilter(_is_news)
    sys.excepthook = _uncaught


def _is_news(record: logging.LogRecord) -> bool:
    return NOISE[record.name] not in str(record.msg)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("app").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))
