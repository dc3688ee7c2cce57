# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of contract tests has an embedded AWS of its own, so that the order of the files means nothing."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.environment import lend_environment
from support.machine import free_port


@pytest.fixture(scope="module")
def embedded_aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """Ten times as fast as the wall's clock, or as `CLOCK_SPEED` of the file says."""
    speed = getattr(request.module, "CLOCK_SPEED", 10)
    words = ("--runtime", "processes", "--clock-speed", str(speed))
    made = EmbeddedAws(tmp_path_factory.mktemp("embedded-aws"), free_port(), words=words)
    lend_environment(made.home)
    made.start()
    yield made
    made.command("stop")


@pytest.fixture(scope="module")
def clients(embedded_aws: EmbeddedAws) -> Callable[..., Any]:
    """`clients("ecs")` is a client of that service, `clients("acm", "us-east-1")` one in another region."""
    return embedded_aws.client
