# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the containers of tasks with the command line of Docker or Podman.

Health checks run through `exec`: the engine's own can only be given to a shell, and Podman's need systemd.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_aws.ecs.runtime import Container
from embedded_aws.ecs.runtime import PullError
from embedded_aws.ecs.runtime import StartError
from embedded_aws.ecs.runtime import State
from embedded_aws.ecs.runtime import Usage
from embedded_aws.ecs.supervise import OUT_OF_MEMORY
from embedded_aws.ecs.supervise import Probe
from embedded_aws.ecs.supervise import read_lines

LABEL = "amica.embedded-aws"
INSPECT_SECONDS = 0.3
CALL_SECONDS = 60
PULL_SECONDS = 1800
CLOSE_SECONDS = 5
STATS = "{{.ID}}|{{.CPUPerc}}|{{.MemUsage}}"
UNITS = {"B": 1, "kB": 1000, "KiB": 1 << 10, "MB": 1000**2, "MiB": 1 << 20, "GB": 1000**3, "GiB": 1 << 30}
REMOVED = State(running=False, exit_code=137)


class Containers:
    """The container runtime. Its containers carry a label with `home`, and it touches no others.

    :param engine: the program, `docker` or `podman`.
    :param home: the embedded AWS's folder.
    """

    name = "containers"

    def __init__(self, engine: str, home: Path) -> None:
        self._engine = engine
        self._podman = is_podman(engine)
        self._home = home
        self._label = label_of(home)
        self._containers: dict[tuple[str, str], _Container] = {}
        self._lock = threading.Lock()
        self._inspected: dict[str, Mapping[str, Any]] = {}
        self._inspected_at = -math.inf
        remove_left(engine, home)

    def pull(self, image: str) -> str:
        # Docker speaks plain HTTP to a registry on a loopback address by itself.
        insecure = ["--tls-verify=false"] if self._podman else []
        done = call(self._engine, "pull", *insecure, image, timeout=PULL_SECONDS)
        if done.returncode:
            raise PullError(pull_problem(image, done.stderr))
        _, _, digest = image.partition("@")
        if digest:
            return digest
        known = json.loads(
            call(self._engine, "image", "inspect", "--format", "{{json .RepoDigests}}", image).stdout or "[]"
        )
        repository = re.sub(r":[^:/]+$", "", image)
        for item in known or ():
            if item.startswith(f"{repository}@"):
                return str(item.partition("@")[2])
        raise PullError(f"{image} has no digest: it does not come from a registry")

    def start(self, container: Container) -> None:
        others = self._of(container.task)
        if any(other.asked.name == container.name for other in others):
            raise StartError(f"the task already has a container {container.name}")
        network = f"container:{others[0].id}" if others else ""
        arguments, piped, own = run_arguments(container, self._label, network)
        done = call(self._engine, *arguments, stdin=piped, environment=own)
        if done.returncode:
            remove(self._engine, container_name(container))
            raise StartError(start_problem(done.stderr))
        started = _Container(self._engine, container, done.stdout.split()[-1])
        with self._lock:
            self._containers[container.task, container.name] = started
            self._inspected_at = -math.inf

    def address(self, task: str) -> str:
        for container in self._of(task):
            network = self._inspect(container.id).get("NetworkSettings") or {}
            addresses = [item.get("IPAddress") for item in (network.get("Networks") or {}).values()]
            for address in (network.get("IPAddress"), *addresses):
                if address:
                    return str(address)
        return ""

    def state(self, task: str, name: str) -> State:
        container = self._containers.get((task, name))
        if not container:
            return REMOVED
        state = state_of(self._inspect(container.id).get("State"), container.health)
        if not state.running:
            container.finish()
        return state

    def usage(self) -> dict[tuple[str, str], Usage]:
        """As the engine measures it over a second."""
        keys = {container.id: key for key, container in list(self._containers.items())}
        if not keys:
            return {}
        done = call(self._engine, "stats", "--no-stream", "--no-trunc", "--format", STATS, *keys)
        lines = [line.split("|") for line in done.stdout.splitlines()]
        return {keys[line[0]]: usage_of(*line[1:]) for line in lines if len(line) == 3 and line[0] in keys}

    def stop(self, task: str, name: str) -> None:
        if container := self._containers.get((task, name)):
            seconds = math.ceil(container.asked.stop_timeout)
            call(self._engine, "stop", "-t", str(seconds), container.id, timeout=seconds + CALL_SECONDS)
            with self._lock:
                self._inspected_at = -math.inf
            container.finish()

    def remove(self, task: str) -> None:
        removed = self._of(task)
        remove(self._engine, *(container.id for container in removed))
        for container in removed:
            container.finish()
        with self._lock:
            self._containers = {key: value for key, value in self._containers.items() if key[0] != task}

    def close(self) -> None:
        with self._lock:
            containers, self._containers = list(self._containers.values()), {}
        if containers:
            call(self._engine, "stop", "-t", str(CLOSE_SECONDS), *(container.id for container in containers))
        remove_left(self._engine, self._home)
        for container in containers:
            container.finish()

    def _of(self, task: str) -> list[_Container]:
        return [container for key, container in list(self._containers.items()) if key[0] == task]

    def _inspect(self, container: str) -> Mapping[str, Any]:
        """What the engine says of the container; empty if it is gone. One call serves all who ask within a moment."""
        with self._lock:
            if time.monotonic() - self._inspected_at >= INSPECT_SECONDS:
                ids = [known.id for known in self._containers.values()]
                done = call(self._engine, "inspect", "--type", "container", *ids) if ids else None
                # An engine that does not answer has not removed anything.
                if done and (done.returncode == 0 or "no such" in done.stderr.lower()):
                    self._inspected = {item["Id"]: item for item in json.loads(done.stdout or "[]")}
                self._inspected_at = time.monotonic()
            return self._inspected.get(container, {})


def call(
    engine: str,
    *arguments: str,
    stdin: str = "",
    timeout: float = CALL_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the engine; a call that never returns has failed like any other."""
    command = [engine, *arguments]
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


@functools.cache
def is_podman(engine: str) -> bool:
    """Whether it is Podman, which some machines call `docker`."""
    return "podman" in call(engine, "--version").stdout.lower()


def remove(engine: str, *containers: str) -> None:
    """Kill and remove the containers with their volumes.

    Podman would first let each run on for ten seconds, and keep those whose network another container shares.
    """
    if containers:
        really = ["--time", "0", "--depend"] if is_podman(engine) else []
        call(engine, "rm", "--force", "--volumes", *really, *containers)


def label_of(home: Path) -> str:
    return f"{LABEL}={home.resolve()}"


def remove_left(engine: str, home: Path) -> None:
    """Remove all containers of the embedded AWS in that folder, and none else."""
    found = call(engine, "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label_of(home)}")
    remove(engine, *found.stdout.split())


@dataclass
class _Container:
    """A container that was started, with the threads that follow it."""

    engine: str
    asked: Container
    id: str

    def __post_init__(self) -> None:
        self._logs = subprocess.Popen(
            # The engine's own --timestamps stand in the middle of lines over 16 KiB too.
            [self.engine, "logs", "--follow", self.id],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, name="container-log", daemon=True)
        self._reader.start()
        self._probe = Probe(self.asked.health_check, self._check) if self.asked.health_check else None

    @property
    def health(self) -> str:
        return self._probe.health.state if self._probe else ""

    def finish(self) -> None:
        """End the threads, once all lines of the ended container are read."""
        if self._probe:
            self._probe.stop()
        self._reader.join(CLOSE_SECONDS)
        self._logs.kill()
        self._logs.wait()

    def _read(self) -> None:
        assert self._logs.stdout is not None
        with self._logs.stdout as stream:
            read_lines(stream, lambda line: self.asked.log(line, time.time()))

    def _check(self, command: tuple[str, ...], timeout: float) -> bool:
        try:
            done = subprocess.run(
                [self.engine, "exec", self.id, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def container_name(container: Container) -> str:
    return re.sub(r"[^a-zA-Z0-9_.-]", "-", f"{container.task.rpartition('/')[2]}-{container.name}")


def run_arguments(container: Container, label: str, network: str) -> tuple[list[str], str, dict[str, str]]:
    """How to run the container: the engine's arguments, its standard input, and its own further environment.

    The values of variables, secrets among them, are in neither the arguments nor a file. The environment file that the
    engine reads from standard input has one variable a line, so values of several lines go another way.
    """
    piped = {name: value for name, value in container.environment.items() if "\n" not in value}
    own = {name: value for name, value in container.environment.items() if "\n" in value}
    arguments = ["run", "--detach", "--pull=never", "--no-healthcheck", "--name", container_name(container)]
    arguments += ["--label", label, "--env-file", "/dev/stdin", *_each("--env", list(own))]
    arguments += _each("--volume", container.volumes)
    if network:
        arguments += ["--network", network]
    if container.user:
        arguments += ["--user", container.user]
    if container.working_directory:
        arguments += ["--workdir", container.working_directory]
    if container.read_only_root:
        arguments.append("--read-only")
    if container.memory:
        # As much swap as memory means none.
        arguments += ["--memory", f"{container.memory}m", "--memory-swap", f"{container.memory}m"]
    if container.init:
        arguments.append("--init")
    if container.entry_point:
        arguments += ["--entrypoint", container.entry_point[0]]
    arguments += [container.image, *container.entry_point[1:], *container.command]
    return arguments, "".join(f"{name}={value}\n" for name, value in piped.items()), own


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def state_of(state: Mapping[str, Any] | None, health: str) -> State:
    """The state from the engine's `State`; None is a container that somebody removed."""
    if not state:
        return REMOVED
    if state["Running"] or state.get("Status") == "created":
        return State(running=True, health=health)
    reason = OUT_OF_MEMORY if state.get("OOMKilled") else str(state.get("Error") or "")
    return State(running=False, exit_code=int(state["ExitCode"]), reason=reason, health=health)


def usage_of(cpu: str, memory: str) -> Usage:
    """From what the engine prints: `12.34%`, where 100 % is a core, and `85.2MiB / 512MiB`.

    A container that has just ended shows no numbers, and uses nothing.
    """
    used = re.match(r"([\d.]+)\s*([a-zA-Z]+)", memory)
    size = float(used[1]) * UNITS.get(used[2], 0) if used else 0.0
    share = re.match(r"[\d.]+", cpu)
    return Usage(float(share[0]) / 100 if share else 0.0, int(size))


def pull_problem(image: str, message: str) -> str:
    """The engine's words, or AWS's where the image is simply not there."""
    if re.search(r"not found|manifest unknown|name unknown", message, re.IGNORECASE):
        return f"pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
    return f"pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {start_problem(message)}"


def start_problem(message: str) -> str:
    """The line that says what is wrong, without the advice to read the manual."""
    lines = [line for line in message.splitlines() if line.strip() and not line.startswith(("See '", "Run '"))]
    text = next(
        (line for line in lines if "error" in line.lower()), lines[-1] if lines else "the engine does not answer"
    )
    return re.sub(r"^(\w+: )?(Error response from daemon|Error): ", "", text).rstrip(".")
