# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as a person gives them. Pure; milliseconds since 1970, as CloudWatch Logs counts."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime

UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
RELATIVE = re.compile(r"(\d+)\s*([smhdw])")
# Numbers above are milliseconds: as seconds they would lie beyond the year 5000.
LARGEST_SECONDS = 100_000_000_000


def moment(text: str, now: int) -> int:
    """Milliseconds of `15m` (so long ago), `2026-11-24T21:00:00Z`, `2026-11-24`, or seconds since 1970.

    :param now: milliseconds since 1970.
    :raises ValueError: a sentence, for anything else. A time without zone is UTC.
    """
    text = text.strip()
    if text == "now":
        return now
    found = RELATIVE.fullmatch(text)
    if found:
        return now - int(found[1]) * UNITS[found[2]]
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return int(number) if number > LARGEST_SECONDS else round(number * 1000)
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time. Write for example 15m, 2h, 1d, 2026-11-24T21:00:00Z, or seconds since 1970"
        ) from None
    return round((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp() * 1000)


def iso(milliseconds: int) -> str:
    """`2026-11-24T21:00:00.123Z`."""
    whole, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(whole, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
