# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack costs when several are deployed in one run, first from nothing, then with nothing to do.

PYTHONPATH=collections:tests python tests/benchmarks/many_stacks.py [COUNT ...] [--runs N]

The stacks have no tasks, so that what is measured is Ansible's share. They stand on one embedded AWS, whose own CPU
seconds do not count. With several runs, the medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.meter import spent
from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port

COUNTS = (1, 4, 16)
FIRST, AGAIN = "first deploy", "nothing to do"
VARIABLES = {
    "ansible_connection": "amica.stack.warm",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "amica_environment": "dev",
    "build_mode": "artifact",
    "ecs_fargate_desired_count": 0,
    "ecs_fargate_min_count": 0,
    "ecs_fargate_max_count": 1,
}
THROTTLED = re.compile(r"AWS let \w+ wait")


@dataclass(frozen=True)
class Row:
    """One run over so many stacks: for each of them wall and CPU seconds, calls, and calls that AWS let wait."""

    what: str
    stacks: int
    wall: float
    cpu: float
    calls: float
    throttled: float


def inventory(folder: Path, count: int) -> Path:
    """So many stacks, each with a name and a port of its own."""
    names = [f"stack{number}" for number in range(count)]
    hosts = {name: {"amica_name": name, "amica_http_port": free_port()} for name in names}
    file = folder / f"{count}.json"
    file.write_text(json.dumps({"amica": {"vars": VARIABLES, "hosts": hosts}}))
    return file


def play(aws: EmbeddedAws, file: Path, what: str, count: int) -> Row:
    """:raises RuntimeError: the run failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))} | {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": aws.region,
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "site.yml", "-i", str(file)]
    log, before = file.with_name("run.log"), aws.calls()
    cost = spent(command, ROOT, environment, log)
    told = log.read_text()
    if cost.code:
        raise RuntimeError(told[-3000:])
    throttled = len(THROTTLED.findall(told))
    return Row(what, count, cost.wall / count, cost.cpu / count, (aws.calls() - before) / count, throttled / count)


def measure(count: int, runs: int) -> Iterator[Row]:
    """The medians of so many first deploys, and of so many runs after them that find nothing to do."""
    rows: dict[str, list[Row]] = {FIRST: [], AGAIN: []}
    with tempfile.TemporaryDirectory(prefix="many-stacks-") as folder:
        aws = EmbeddedAws(Path(folder) / "home", free_port(), words=("--runtime", "processes", "--clock-speed", "100"))
        aws.start()
        try:
            file = inventory(Path(folder), count)
            for _run in range(runs):
                for what, seen in rows.items():
                    seen.append(play(aws, file, what, count))
                aws.command("reset")
        finally:
            aws.command("stop")
    for what, seen in rows.items():
        figures = zip(*((row.wall, row.cpu, row.calls, row.throttled) for row in seen), strict=True)
        yield Row(what, count, *map(median, figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=list(COUNTS), help="how many stacks")
    parser.add_argument("--runs", type=int, default=1, help="of how many runs the medians are shown (1)")
    arguments = parser.parse_args()
    print("| Run | Stacks | Wall s a stack | CPU s a stack | Calls a stack | of them throttled |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for count in arguments.counts:
        for row in measure(count, arguments.runs):
            figures = f"{row.wall:.1f} | {row.cpu:.1f} | {row.calls:.0f} | {row.throttled:.1f}"
            print(f"| {row.what} | {row.stacks} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
