# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server hands to the parts that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from embedded_aws.clock import Clock
from embedded_aws.ecs.runtime import Runtime

# The account of everything in the embedded AWS.
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Context:
    """None of the functions waits for I/O or takes the lock of another service, so they may be called under one.

    :param register_target: (target group's ARN, IPv4 address, port).
    :param deregister_target: the same; the target then drains for the target group's deregistration delay.
    :param target_state: the same; answers (state, why), state being one of initial, healthy, unhealthy, draining and
        unused; both are empty once the target is gone or was never there.
    :param put_log_lines: (log group, stream, [(line, seconds since 1970)]); makes the stream.
        :raises LookupError: there is no such group.
    :param read_secret: the `valueFrom` of a container's secret -> its text.
        :raises LookupError: why it cannot be had.
    :param delays: seconds on the clock that a new alb, nat, cloudfront or vpc_origin stays in its first state, that a
        task of a new deployment waits for its place, and that access_logs take to their bucket.
    """

    home: Path
    port: int
    region: str
    clock: Clock
    runtime: Runtime
    register_target: Callable[[str, str, int], None]
    deregister_target: Callable[[str, str, int], None]
    target_state: Callable[[str, str, int], tuple[str, str]]
    put_log_lines: Callable[[str, str, Iterable[tuple[str, float]]], None]
    read_secret: Callable[[str], str]
    account: str = ACCOUNT
    delays: Mapping[str, float] = field(default_factory=dict)
