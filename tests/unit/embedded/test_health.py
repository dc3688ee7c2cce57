# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of health checks means for a target."""

from __future__ import annotations

import pytest
from embedded_aws.health import Failure
from embedded_aws.health import Health
from embedded_aws.health import judge
from embedded_aws.health import matches

BAD = Failure("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")


def after(checks: str, healthy_after: int = 3, unhealthy_after: int = 2) -> list[str]:
    """The states after each check: `+` passes, `-` fails."""
    health, states = Health(), []
    for check in checks:
        health = judge(health, None if check == "+" else BAD, healthy_after, unhealthy_after)
        states.append(health.state)
    return states


@pytest.mark.parametrize(
    ("checks", "states"),
    [
        ("+", ["healthy"]),
        ("-+", ["initial", "healthy"]),
        ("--", ["initial", "unhealthy"]),
        ("+-+-", ["healthy"] * 4),
        ("+--", ["healthy", "healthy", "unhealthy"]),
        ("--++-+++", ["initial", *["unhealthy"] * 6, "healthy"]),
    ],
)
def test_states(checks: str, states: list[str]) -> None:
    assert after(checks) == states


def test_reasons() -> None:
    assert Health().reason == "Elb.RegistrationInProgress"
    first = judge(Health(), BAD, 2, 2)
    assert (first.state, first.reason) == ("initial", "Elb.InitialHealthChecking")
    second = judge(first, BAD, 2, 2)
    assert (second.state, second.reason, second.description) == ("unhealthy", BAD.reason, BAD.description)
    well = judge(judge(second, None, 2, 2), None, 2, 2)
    assert (well.state, well.reason, well.description) == ("healthy", "", "")


@pytest.mark.parametrize(
    ("code", "matcher", "fits"), [(200, "200", True), (301, "200,301-399", True), (404, "200-399", False)]
)
def test_matcher(code: int, matcher: str, fits: bool) -> None:
    assert matches(code, matcher) is fits
