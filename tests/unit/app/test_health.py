# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Liveness asks nobody; readiness is bounded, parallel and remembered."""

from __future__ import annotations

import asyncio

from health import Health


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def fine() -> None:
    pass


async def broken() -> None:
    raise ConnectionError("db.internal refused user:password")


async def hanging() -> None:
    await asyncio.Event().wait()


def test_liveness_names_version_and_uptime_and_runs_no_check() -> None:
    clock = Clock()
    health = Health("1.0", {"database": broken}, clock=clock)
    clock.now += 5.25
    report = health.live()
    assert report.ok
    assert report.body == {"status": "ok", "version": "1.0", "uptime_seconds": 5.2}


def test_ready_when_every_check_passes() -> None:
    report = asyncio.run(Health("1.0", {"a": fine, "b": fine}, clock=Clock()).ready())
    assert report.ok
    assert report.body["status"] == "ok"
    assert report.body["checks"] == {"a": {"ok": True, "milliseconds": 0}, "b": {"ok": True, "milliseconds": 0}}


def test_a_failed_check_shows_the_kind_of_error_and_no_more() -> None:
    report = asyncio.run(Health("1.0", {"a": fine, "database": broken}).ready())
    assert not report.ok
    assert report.body["status"] == "degraded"
    assert report.body["checks"]["database"] == {"ok": False, "error": "ConnectionError"}
    assert "internal" not in str(report.body)


def test_a_check_that_hangs_is_cut_off() -> None:
    report = asyncio.run(Health("1.0", {"slow": hanging}, timeout=0.01).ready())
    assert report.body["checks"]["slow"] == {"ok": False, "error": "TimeoutError"}


def test_many_probes_cost_one_round_until_it_is_old() -> None:
    clock = Clock()
    rounds = 0

    async def counted() -> None:
        nonlocal rounds
        rounds += 1

    async def probes() -> None:
        health = Health("1.0", {"counted": counted}, remember=10, clock=clock)
        await asyncio.gather(*(health.ready() for _ in range(50)))
        assert rounds == 1
        clock.now += 9.9
        await health.ready()
        assert rounds == 1
        clock.now += 0.1
        await health.ready()
        assert rounds == 2

    asyncio.run(probes())


def test_while_answers_are_finished_the_process_lives_but_is_not_ready() -> None:
    health = Health("1.0", {"a": fine})
    health.draining = True
    assert health.live().ok
    report = asyncio.run(health.ready())
    assert (report.ok, report.body["status"]) == (False, "draining")
