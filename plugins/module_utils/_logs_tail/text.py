# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An event as a line: text for people, JSON for programs. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Event
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.streams import task_of
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.times import iso

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
SHORT = 8
MILLISECONDS = [f"{number:03d}Z" for number in range(1000)]

Line = Callable[[Event], str]


def as_dict(event: Event) -> dict[str, Any]:
    return {
        "timestamp": iso(event.timestamp),
        "group": event.group,
        "stream": event.stream,
        "task": task_of(event.stream),
        "message": event.message.rstrip("\r\n"),
        "id": event.id,
    }


def json_line(event: Event) -> str:
    return json.dumps(as_dict(event), ensure_ascii=False, separators=(",", ":"))


def text_line(*, colour: bool = False, with_group: bool = False) -> Line:
    """`2026-11-24T21:00:00.123Z 1a2b3c4d message`; each task in a colour of its own, where a terminal shows it.

    The second of a time and the label of a stream are the same for many events: each is made once.
    """
    labels: dict[tuple[str, str], str] = {}
    current, second = -1, ""

    def line(event: Event) -> str:
        nonlocal current, second
        timestamp, _number, group, stream, message, _id, _ingested = event
        whole, rest = divmod(timestamp, 1000)
        if whole != current:
            current, second = whole, iso(whole * 1000)[:-4]
        try:
            label = labels[group, stream]
        except KeyError:
            label = labels[group, stream] = label_of(event, colour=colour, with_group=with_group)
        return f"{second}{MILLISECONDS[rest]} {label} {message.rstrip()}"

    return line


def label_of(event: Event, *, colour: bool, with_group: bool) -> str:
    name = task_of(event.stream)[:SHORT]
    if with_group:
        name = f"{event.group} {name}"
    if not colour:
        return name
    return f"\x1b[{COLOURS[zlib.crc32(event.stream.encode()) % len(COLOURS)]}m{name}\x1b[0m"
