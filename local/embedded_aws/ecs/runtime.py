# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ECS scheduler asks of whatever runs the tasks: a container engine, or processes of this machine."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol


class PullError(Exception):
    """The image could not be had; the text is what follows `CannotPullContainerError: ` in a stoppedReason."""


class ForeignImage(PullError):
    """The image is of a kind that this runtime cannot run, and Fargate can."""


class StartError(Exception):
    """The container could not be created; the text is what follows `CannotStartContainerError: `."""


@dataclass(frozen=True)
class HealthCheck:
    """A container health check; all times in seconds."""

    command: tuple[str, ...]
    interval: float = 30
    timeout: float = 5
    retries: int = 3
    start_period: float = 0


@dataclass(frozen=True)
class Container:
    """One container of a task, as its task definition and the service ask for it.

    `memory` is the hard limit in MiB, 0 for none. `volumes` are container paths that stay writable. `log` takes each
    line that the container prints, without its line end, together with the line's time in seconds since 1970.
    """

    task: str
    name: str
    image: str
    log: Callable[[str, float], None]
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_directory: str = ""
    read_only_root: bool = False
    memory: int = 0
    init: bool = False
    volumes: tuple[str, ...] = ()
    health_check: HealthCheck | None = None
    stop_timeout: float = 30


@dataclass(frozen=True)
class State:
    """How a container is. `reason` follows ECS, for example `OutOfMemoryError: Container killed due to memory usage`.

    `health` is HEALTHY, UNHEALTHY or UNKNOWN, empty without a health check.
    """

    running: bool
    exit_code: int | None = None
    reason: str = ""
    health: str = ""


@dataclass(frozen=True)
class Usage:
    """What a container uses: cores, 1.0 being all of one, and bytes of memory."""

    cores: float
    memory: int


class Runtime(Protocol):
    """Runs containers. Every method may block, so the scheduler calls them on threads of its own."""

    name: str

    def pull(self, image: str) -> str:
        """Make the image available and return its digest (`sha256:...`).

        :raises PullError: it cannot be had.
        """

    def start(self, container: Container) -> None:
        """Start a container of a pulled image.

        :raises StartError: it cannot be started.
        """

    def address(self, task: str) -> str:
        """The task's IPv4 address, reachable from this machine; empty once it is gone."""

    def state(self, task: str, name: str) -> State:
        """How the container is; one that somebody removed has ended with exit code 137."""

    def usage(self) -> Mapping[tuple[str, str], Usage]:
        """What the running containers use now, by task and name; those that cannot be asked are left out."""

    def stop(self, task: str, name: str) -> None:
        """SIGTERM, then SIGKILL after the container's stop time-out; returns once it has ended."""

    def remove(self, task: str) -> None:
        """Forget the task and free all that it holds."""

    def close(self) -> None:
        """End every task that this runtime still runs; also those that a killed embedded AWS left behind."""
