# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command costs, with everything that it starts.

`spent` runs the command under a process of its own, which adopts what outlives its parent (a fork server, a plugin) and
waits for it; so the CPU seconds are those of the whole tree. Needs the standard library only, and Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
# Seconds from one look at the memory to the next, and that a process may outlive the command.
SAMPLE_INTERVAL = 0.25
PATIENCE = 30.0


@dataclass(frozen=True)
class Spent:
    """Wall and CPU seconds (user and system), the peak of the tree's memory in bytes, and the exit code."""

    wall: float
    cpu: float
    memory: int
    code: int


def parents() -> dict[int, int]:
    """Every process and its parent."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def descendants(root: int) -> set[int]:
    known, found, new = parents(), set[int](), {root}
    while new:
        new = {pid for pid, parent in known.items() if parent in new} - found
        found |= new
    return found


def memory(pids: set[int]) -> int:
    """Bytes that the processes take; what several share is counted once (proportional set size)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def watch(peak: list[int], ended: threading.Event) -> None:
    while not ended.wait(SAMPLE_INTERVAL):
        peak[0] = max(peak[0], memory(descendants(os.getpid())))


def wait_for_orphans() -> None:
    """Until all that the command left behind has ended.

    :raises TimeoutError: it has not.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
        except ChildProcessError:
            return
    raise TimeoutError(f"processes {sorted(descendants(os.getpid()))} outlive the command by {PATIENCE:.0f} s")


def supervise(command: Sequence[str]) -> Spent:
    """In a process of its own: run the command, wait for all that it started."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "what outlives its parent cannot be adopted")
    peak, ended = [0], threading.Event()
    watching = threading.Thread(target=watch, args=(peak, ended), daemon=True)
    started = time.monotonic()
    process = subprocess.Popen(command)
    watching.start()
    code = process.wait()
    wall = time.monotonic() - started
    wait_for_orphans()
    ended.set()
    watching.join()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, usage.ru_utime + usage.ru_stime, peak[0], code)


def spent(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Spent:
    """Run the command in the folder; what it says goes into the log."""
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    with log.open("wb") as output:
        subprocess.run(
            [sys.executable, __file__, str(report), *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not report.exists():
        raise RuntimeError(f"not measured: {' '.join(command)}\n{log.read_text(errors='replace')[-2000:]}")
    return Spent(**json.loads(report.read_text()))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asdict(supervise(sys.argv[2:]))))
