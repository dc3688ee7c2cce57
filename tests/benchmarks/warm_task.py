# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one AWS task costs on the warm connection and on the local one, in alternating runs.

PYTHONPATH=collections:tests python tests/benchmarks/warm_task.py [rounds]

The cost of a task is that of a run with many tasks less that of one with none, a task's share. So it holds the
controller's work for the task, the module's, and a share of the warm server's start; not Ansible's own start.
CPU seconds are those of every process that the run started, also of those that outlived their parents.
"""

from __future__ import annotations

import argparse
import compileall
import ctypes
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import yaml
from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port

ROUNDS = 5
# Reads of five services, as a no-op run of the stack makes them.
MODULES = (
    "amazon.aws.ec2_vpc_net_info",
    "amazon.aws.iam_role_info",
    "amazon.aws.elb_application_lb_info",
    "amazon.aws.cloudwatchlogs_log_group_info",
    "amica.stack.ecr_repository",
)
REPEATS = 8
CONNECTIONS = ("ansible.builtin.local", "amica.stack.warm")
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Row:
    """One task on one connection: medians over the rounds, in seconds."""

    connection: str
    cpu: float
    wall: float


def spent(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """CPU and wall seconds of the command; the first are those of all processes that it leaves behind, too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def write_project(folder: Path, aws: EmbeddedAws) -> None:
    """Playbooks with many tasks and with none."""
    tasks = [{module: {**aws.options, **({"name": "bench"} if module.endswith("ecr_repository") else {})}}
             for module in MODULES] * REPEATS  # fmt: skip
    shared = {"ansible_python_interpreter": sys.executable, "ansible_connection": "{{ chosen }}"}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"one": shared}}}))
    for name, chosen in (("many", tasks), ("none", [])):
        # As the collection's playbooks do: the connection is loaded once, not by every task's process.
        first = [{"ansible.builtin.meta": "reset_connection"}]
        play = {"hosts": "one", "gather_facts": False, "tasks": [*first, *chosen]}
        (folder / f"{name}.yml").write_text(yaml.safe_dump([play], sort_keys=False))


def measure(rounds: int = ROUNDS) -> list[Row]:
    """One row a connection, the local one first."""
    compileall.compile_dir(ROOT / "plugins", quiet=2)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")
    costs: dict[str, list[tuple[float, float]]] = {connection: [] for connection in CONNECTIONS}
    with TemporaryDirectory() as place:
        folder = Path(place)
        aws = EmbeddedAws(folder / "aws", free_port())
        aws.start()
        # From here on what outlives its parent becomes this process's child; the embedded AWS is not.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            write_project(folder, aws)

            def run(name: str, connection: str) -> tuple[float, float]:
                words = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", f"{name}.yml"]
                return spent([*words, "-e", f"chosen={connection}"], folder, environment)

            run("many", CONNECTIONS[-1])
            for _round in range(rounds):
                for connection, found in costs.items():
                    many, none = run("many", connection), run("none", connection)
                    cpu, wall = ((one - other) / len(MODULES) / REPEATS for one, other in zip(many, none, strict=True))
                    found.append((cpu, wall))
        finally:
            aws.command("stop")
    return [Row(name, median(cpu for cpu, _wall in found), median(wall for _cpu, wall in found))
            for name, found in costs.items()]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    for row in measure(parser.parse_args().rounds):
        print(f"{row.connection:<24}{row.cpu:7.3f} CPU s a task{row.wall:9.3f} s wall")


if __name__ == "__main__":
    main()
