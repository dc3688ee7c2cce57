# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target's health: one check over HTTP, and what a row of checks means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from dataclasses import replace

from embedded_aws.front_door import HEAD_LIMIT

AGENT = "ELB-HealthChecker/2.0"


@dataclass(frozen=True)
class Health:
    """A target's state as DescribeTargetHealth words it; `passed` and `failed` count consecutive checks."""

    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    passed: int = 0
    failed: int = 0


HEALTHY = Health("healthy", "", "")
UNUSED = Health("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
ABSENT = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")


@dataclass(frozen=True)
class Failure:
    reason: str
    description: str


def judge(health: Health, failure: Failure | None, healthy_after: int, unhealthy_after: int) -> Health:
    """The health after one more check: a new target needs one pass, later changes need the thresholds."""
    if failure is None:
        passed = health.passed + 1
        well = health.state in ("initial", "healthy") or passed >= healthy_after
        return replace(HEALTHY if well else health, passed=passed, failed=0)
    failed = health.failed + 1
    if health.state == "unhealthy" or failed >= unhealthy_after:
        return Health("unhealthy", failure.reason, failure.description, 0, failed)
    if health.state == "initial":
        return Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress", 0, failed)
    return replace(health, passed=0, failed=failed)


def matches(code: int, matcher: str) -> bool:
    """Whether the HTTP status is among those of a matcher such as `200,301-399`."""
    ranges = (part.partition("-") for part in matcher.split(","))
    return any(int(low) <= code <= int(high or low) for low, _, high in ranges)


async def probe(address: str, port: int, path: str, timeout: float, matcher: str) -> Failure | None:
    """One health check over HTTP; the time-out is in real seconds."""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(address, port, limit=HEAD_LIMIT)
            try:
                fields = f"Host: {address}:{port}\r\nUser-Agent: {AGENT}\r\nAccept-Encoding: gzip\r\nConnection: close"
                writer.write(f"GET {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
                code = int((await reader.readline()).split()[1])
            finally:
                writer.close()
    except TimeoutError:
        return Failure("Target.Timeout", "Request timed out")
    except (OSError, ValueError, IndexError):
        return Failure("Target.FailedHealthChecks", "Health checks failed")
    if matches(code, matcher):
        return None
    return Failure("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")
