# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtime a machine can offer."""

from __future__ import annotations

import shutil
from pathlib import Path

from embedded_aws.ecs.containers import Containers
from embedded_aws.ecs.containers import call
from embedded_aws.ecs.containers import remove_left
from embedded_aws.ecs.processes import Processes
from embedded_aws.ecs.processes import kill_marked
from embedded_aws.ecs.runtime import Runtime

ENGINES = ("docker", "podman")
ANSWER_SECONDS = 10
# What `info` says of an engine whose containers have no address on this machine.
UNREACHABLE = ("rootless: true", "  rootless\n", "Operating System: Docker Desktop")


def choose(name: str, home: Path, uv: Path | None = None) -> Runtime:
    """The runtime `containers` or `processes`; `auto` is containers where an engine answers.

    Tasks that a killed embedded AWS left behind are ended, whichever runtime it had.

    :raises RuntimeError: this machine cannot offer it; the text says why and what to do.
    """
    problems = {engine: problem(engine) for engine in ENGINES}
    usable = [engine for engine in ENGINES if not problems[engine]]
    kill_marked(home.resolve() / "tasks")
    for engine in usable:
        remove_left(engine, home)
    if usable and name != "processes":
        return Containers(usable[0], home)
    if name == "containers":
        why = "; ".join(f"{engine} {text}" for engine, text in problems.items())
        raise RuntimeError(f"No container engine can be used: {why}. Start one, or use --runtime processes.")
    return Processes(home, uv)


def problem(engine: str) -> str:
    """Why the engine cannot run tasks, to be read after its name; empty if it can."""
    if not shutil.which(engine):
        return "is not installed"
    done = call(engine, "info", timeout=ANSWER_SECONDS)
    # Docker's client has versions that exit with 0 although no daemon answers.
    if done.returncode or "Cannot connect" in done.stdout + done.stderr:
        return "does not answer"
    if any(sign in done.stdout for sign in UNREACHABLE):
        return "runs its containers where the load balancer cannot reach them (rootless, or in a virtual machine)"
    return ""
