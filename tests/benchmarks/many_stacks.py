# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack costs when several are deployed in one run, first from nothing, then with nothing to do.

PYTHONPATH=collections:tests python tests/benchmarks/many_stacks.py [COUNT ...]

The stacks have no tasks, so that what is measured is Ansible's share. They stand on one embedded AWS.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port

COUNTS = (1, 4, 16)
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
    """One run over so many stacks: wall and CPU seconds for each of them, and lines that tell of throttled calls."""

    what: str
    stacks: int
    wall: float
    cpu: float
    throttled: int


def inventory(folder: Path, count: int) -> Path:
    """So many stacks, each with a name and a port of its own."""
    names = [f"stack{number}" for number in range(count)]
    hosts = {name: {"amica_name": name, "amica_http_port": free_port()} for name in names}
    file = folder / f"{count}.json"
    file.write_text(json.dumps({"amica": {"vars": VARIABLES, "hosts": hosts}}))
    return file


def play(aws: EmbeddedAws, file: Path, what: str, count: int, playbook: str, *words: str) -> Row:
    """:raises RuntimeError: the run failed."""
    dropped = ("AWS_", "ANSIBLE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": aws.region,
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [str(program), playbook, "-i", str(file), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-1000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(what, count, wall / count, cpu / count, len(THROTTLED.findall(done.stdout)))


def measure(counts: tuple[int, ...] = COUNTS) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="many-stacks-") as folder:
        aws = EmbeddedAws(Path(folder) / "home", free_port(), words=("--runtime", "processes", "--clock-speed", "100"))
        aws.start()
        try:
            for count in counts:
                file = inventory(Path(folder), count)
                yield play(aws, file, "first deploy", count, "site.yml")
                yield play(aws, file, "nothing to do", count, "site.yml")
                aws.command("reset")
        finally:
            aws.command("stop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=list(COUNTS), help="how many stacks")
    print(f"{'run':<16}{'stacks':>8}{'s a stack':>12}{'CPU s a stack':>16}{'throttled':>12}")
    for row in measure(tuple(parser.parse_args().counts)):
        print(f"{row.what:<16}{row.stacks:>8}{row.wall:>12.1f}{row.cpu:>16.1f}{row.throttled:>12}", flush=True)


if __name__ == "__main__":
    main()
