# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place in a merged row of log events where a page ends and the next one begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

# Time, ingestion time, stream, event.
Entry = tuple[int, int, str, dict[str, Any]]


def encode(entry: Entry) -> str:
    """Where a page ended: time, ingestion time, stream and id of its last event."""
    return base64.urlsafe_b64encode(json.dumps([*entry[:3], entry[3].get("eventId")]).encode()).decode()


def decode(token: str) -> tuple[int, int, str, str]:
    """:raises ValueError: this is no token of ours."""
    try:
        time, ingested, stream, event = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        raise ValueError("The specified nextToken is invalid.") from None
    return time, ingested, stream, event


def after(entries: Iterable[Entry], token: str) -> Iterator[Entry]:
    """The entries behind the one that the token names; behind its place if it is gone."""
    position = decode(token)
    held: list[Entry] = []
    found = False
    for entry in entries:
        if found or entry[:3] > position[:3]:
            if not found:
                yield from held
                held, found = [], True
            yield entry
        elif entry[:3] == position[:3]:
            held = [] if entry[3].get("eventId") == position[3] else [*held, entry]
    if not found:
        yield from held
