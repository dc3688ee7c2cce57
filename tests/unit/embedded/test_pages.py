# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of log events: whatever their size, together they are all events, once and in order."""

from __future__ import annotations

import pytest
from embedded_aws.pages import Entry
from embedded_aws.pages import after
from embedded_aws.pages import decode
from embedded_aws.pages import encode
from hypothesis import given
from hypothesis import strategies as st

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from("ab")), max_size=30)


def entries(row: list[tuple[int, int, str]]) -> list[Entry]:
    return [(*place, {"eventId": str(number)}) for number, place in enumerate(sorted(row))]


@given(rows, st.integers(1, 7))
def test_pages_are_the_whole(row: list[tuple[int, int, str]], size: int) -> None:
    whole = entries(row)
    found, rest = [], whole
    while rest:
        page = rest[:size]
        found += page
        rest = list(after(whole, encode(page[-1])))
    assert found == whole


@given(rows, st.integers(0, 29))
def test_an_event_that_is_gone_loses_no_other(row: list[tuple[int, int, str]], place: int) -> None:
    whole = entries(row)
    if place < len(whole):
        gone = whole[place]
        kept = [entry for entry in whole if entry is not gone]
        behind = [entry for entry in kept if entry[:3] > gone[:3]]
        found = list(after(kept, encode(gone)))
        assert found[len(found) - len(behind) :] == behind


@pytest.mark.parametrize("token", ["", "nonsense", "W10="])
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(ValueError, match="nextToken is invalid"):
        decode(token)
