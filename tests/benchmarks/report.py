# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From single measurements to a page with a table and a bar chart: docs/performance.md and docs/performance.svg."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median

OURS, THEIRS = "amica.stack", "Terraform"
# (measure, quantity, at most so many times Terraform's)
GOALS = (
    ("no-op converge", "wall", 0.35),
    ("no-op converge", "cpu", 0.35),
    ("redeploy", "wall", 0.25),
    ("redeploy", "cpu", 0.25),
    ("first deploy", "cpu", 1.0),
    ("destroy", "cpu", 1.0),
)
WARM_TASK_GOAL = 0.15
COLOURS = {OURS: "#3b6ea8", THEIRS: "#b8b8b8"}

PAGE = """\
# Performance

Measured by `{how}` on {date}; medians of runs that alternated between the tools, on a machine with {cpus} cores
({machine}). Nothing in the tests asserts these times.

![CPU seconds of each command](performance.svg)

{table}

- *Wall* and *CPU* are seconds; CPU is user and system time of every process that the command started, fork servers and
  plugins too. *Memory* is the peak of the whole tree, with shared pages counted once. *Calls* are requests that the
  embedded AWS received. Its own CPU counts for nobody.
- *redeploy* is a new value of an environment variable; its wall time is without the rollout itself, from the begin of
  the deployment to `COMPLETED` as ECS tells it. What is left is the tool's own work, and how long it takes to notice.
- *first deploy* and *destroy*: Terraform's provider sleeps for fixed times there (about 111 s and 45 s), so compare
  the CPU. Ours builds and pushes the image in *first deploy*; Terraform gets one that is in the registry already.
- *status with drift* stands beside `terraform plan`. *log tail* shows {events} lines.
- Byte-code was compiled on both sides before the first run.

## Goals

{goals}

## Reading logs

`tests/benchmarks/logs_tail.py`: the reader alone, beside botocore's paginator, from a server that answers from memory.

```text
{reader}
```

## Versions

{versions}

## Not measured

{missing}
"""


@dataclass(frozen=True)
class Sample:
    """One run of a command: wall (less the rollout) and CPU in seconds, memory in bytes, API calls."""

    measure: str
    tool: str
    wall: float
    cpu: float
    memory: int = 0
    calls: int = 0

    def __str__(self) -> str:
        return (
            f"{self.measure:<20}{self.tool:<28}{self.wall:8.2f} s wall {self.cpu:7.2f} s CPU"
            f"{self.memory / 2**20:7.0f} MB {self.calls:5d} calls"
        )


def medians(samples: Sequence[Sample]) -> list[Sample]:
    """One sample for each measure and tool, in the order of their first runs."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for measure in dict.fromkeys(sample.measure for sample in samples):
        for sample in samples:
            if sample.measure == measure:
                groups.setdefault((measure, sample.tool), []).append(sample)
    return [
        Sample(
            *key,
            median(one.wall for one in group),
            median(one.cpu for one in group),
            round(median(one.memory for one in group)),
            round(median(one.calls for one in group)),
        )
        for key, group in groups.items()
    ]


def table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---", "---", *["--:"] * (len(head) - 2)], *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figures(samples: Sequence[Sample]) -> str:
    rows = [["", "", "Wall", "CPU", "Memory", "Calls", "Runs"]]
    last = ""
    for row in medians(samples):
        runs = sum((sample.measure, sample.tool) == (row.measure, row.tool) for sample in samples)
        memory = f"{row.memory / 2**20:.0f} MB" if row.memory else ""
        name = "" if row.measure == last else row.measure
        calls = str(row.calls) if row.memory else ""
        rows.append([name, row.tool, f"{row.wall:.2f}", f"{row.cpu:.2f}", memory, calls, str(runs)])
        last = row.measure
    return table(rows)


def goals(samples: Sequence[Sample]) -> str:
    found = {(row.measure, row.tool): row for row in medians(samples)}
    rows = [["", "", "Ratio", "Goal", "Reached"]]
    for measure, quantity, goal in GOALS:
        ours, theirs = found.get((measure, OURS)), found.get((measure, THEIRS))
        name = {"wall": "wall, to Terraform's", "cpu": "CPU, to Terraform's"}[quantity]
        if ours and theirs and getattr(theirs, quantity) > 0:
            ratio = getattr(ours, quantity) / getattr(theirs, quantity)
            rows.append([measure, name, f"{ratio:.2f}", f"{goal:.2f}", "yes" if ratio <= goal else "no"])
        else:
            rows.append([measure, name, "not measured", f"{goal:.2f}", ""])
    for row in found.values():
        if row.measure == "one AWS task" and "warm" in row.tool:
            reached = "yes" if row.cpu <= WARM_TASK_GOAL else "no"
            rows.append([row.measure, f"CPU s, {row.tool}", f"{row.cpu:.3f}", f"{WARM_TASK_GOAL:.2f}", reached])
    return table(rows)


def chart(samples: Sequence[Sample]) -> str:
    """Bars of CPU seconds for what both did."""
    found = {(row.measure, row.tool): row.cpu for row in medians(samples)}
    measures = [measure for measure, tool in found if tool == THEIRS and (measure, OURS) in found]
    measures = measures or [measure for measure, tool in found if tool == OURS]
    pairs = [(measure, tool) for measure in measures for tool in (OURS, THEIRS) if (measure, tool) in found]
    longest = max((found[pair] for pair in pairs), default=1.0) or 1.0
    parts = []
    y = 40
    last = ""
    for measure, tool in pairs:
        y += 12 if measure != last else 0
        width = 440 * found[measure, tool] / longest
        label = f'<text x="150" y="{y + 13}" text-anchor="end">{escape(measure)}</text>' if measure != last else ""
        parts.append(
            f'{label}<rect x="160" y="{y}" width="{width:.1f}" height="16" fill="{COLOURS[tool]}"/>'
            f'<text x="{166 + width:.1f}" y="{y + 13}">{found[measure, tool]:.1f} s</text>'
        )
        y += 18
        last = measure
    key = "".join(
        f'<rect x="{160 + 130 * place}" y="14" width="12" height="12" fill="{colour}"/>'
        f'<text x="{178 + 130 * place}" y="25">{tool}</text>'
        for place, (tool, colour) in enumerate(COLOURS.items())
    )
    opening = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" role="img"'
    ground = '<rect width="100%" height="100%" fill="#fff"/><text x="10" y="25">CPU seconds</text>'
    return f'<svg {opening} width="680" height="{y + 16}">{ground}{key}{"".join(parts)}</svg>\n'


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


@dataclass(frozen=True)
class Page:
    """What the page says beside the figures: the command, versions, what was not measured and why.

    `events` is how many log lines were shown, `reader` what the benchmark of the log reader printed.
    """

    how: str
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    events: int
    reader: str

    def write(self, folder: Path, samples: Sequence[Sample]) -> str:
        """Write both files; gives the tables."""
        numbers, reached = figures(samples), goals(samples)
        page = PAGE.format(
            how=self.how,
            date=time.strftime("%Y-%m-%d"),
            cpus=os.cpu_count(),
            machine=f"{processor()}, {platform.system()} {platform.release()}",
            table=numbers,
            goals=reached,
            events=f"{self.events:,}",
            reader=self.reader.strip() or "Not measured.",
            versions="\n".join(f"- {name}: {version}" for name, version in self.versions.items()),
            missing="\n".join(f"- {tool}: {why.splitlines()[0]}" for tool, why in self.missing.items()) or "All was.",
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "performance.md").write_text(page)
        (folder / "performance.svg").write_text(chart(samples))
        return f"{numbers}\n\n{reached}"
