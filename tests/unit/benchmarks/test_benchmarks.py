# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks count, and what they make of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from benchmarks.meter import spent
from benchmarks.report import Page
from benchmarks.report import Sample
from benchmarks.report import goals
from benchmarks.report import medians

BURN = "import time\nwhile time.process_time() < 0.3: pass"


@pytest.mark.skipif(sys.platform != "linux", reason="the meter needs Linux's subreapers and /proc")
def test_what_outlives_the_command_counts_too(tmp_path: Path) -> None:
    command = ["sh", "-c", f"setsid {sys.executable} -c '{BURN}' & exit 3"]
    cost = spent(command, tmp_path, dict(os.environ), tmp_path / "log")
    assert cost.code == 3
    assert cost.cpu >= 0.3


def test_each_measure_of_a_tool_is_the_median_of_its_runs() -> None:
    samples = [Sample("a", "x", wall, wall + 1, 10, 5) for wall in (3.0, 1.0, 2.0)] + [Sample("a", "y", 9.0, 9.0)]
    assert medians(samples) == [Sample("a", "x", 2.0, 3.0, 10, 5), Sample("a", "y", 9.0, 9.0)]


def test_goals_are_ratios_to_terraform() -> None:
    samples = [Sample("no-op converge", "amica.stack", 4.0, 3.0), Sample("no-op converge", "Terraform", 10.0, 10.0)]
    text = goals(samples)
    assert "| no-op converge | wall, to Terraform's | 0.40 | 0.35 | no |" in text
    assert "| no-op converge | CPU, to Terraform's | 0.30 | 0.35 | yes |" in text
    assert "| destroy | CPU, to Terraform's | not measured | 1.00 |  |" in text


def test_the_page_says_what_is_missing(tmp_path: Path) -> None:
    page = Page("make bench", {"Python": "3.13"}, {"Terraform": "terraform is not installed"}, 10, "")
    page.write(tmp_path, [Sample("status", "amica.stack", 1.0, 1.5, 2**20, 3)])
    text = (tmp_path / "performance.md").read_text()
    assert "- Terraform: terraform is not installed" in text
    assert "| status | amica.stack | 1.00 | 1.50 | 1 MB | 3 | 1 |" in text
    assert "1.5 s</text>" in (tmp_path / "performance.svg").read_text()
