# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One environment for the embedded AWS of every test that does not ask how it is made: making it takes longer."""

from __future__ import annotations

from pathlib import Path

from embedded_aws.cli import Home
from embedded_aws.cli import make_environment
from support.machine import ROOT

SHARED = ROOT / ".cache" / "embedded-aws"


def lend_environment(home: Path) -> None:
    """:param home: folder of an embedded AWS that has not started yet."""
    shared = Home(SHARED)
    with shared.mine():
        make_environment(shared)
    (home / "venv").symlink_to(shared.venv)
