# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the containers of tasks as processes of this machine, where no container engine answers. Linux only.

What is as in a container: its own copy of the image's files, its own `/tmp` (`TMPDIR`), its own environment variables
and Python environment, an address per task (`HOST` tells the program which), the memory limit, logs, exit codes, and
that nothing which it started outlives it. What is not: the process is this machine's user whatever `user` says, sees
this machine's files, and can write to a read-only root if that user is root. A program has to bind to `HOST`: one that
binds to all addresses takes the port from every other task.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from embedded_aws.ecs.environments import Environments
from embedded_aws.ecs.folders import make_read_only
from embedded_aws.ecs.folders import remove_tree
from embedded_aws.ecs.images import Image
from embedded_aws.ecs.images import Images
from embedded_aws.ecs.runtime import Container
from embedded_aws.ecs.runtime import PullError
from embedded_aws.ecs.runtime import StartError
from embedded_aws.ecs.runtime import State
from embedded_aws.ecs.runtime import Usage
from embedded_aws.ecs.supervise import OUT_OF_MEMORY
from embedded_aws.ecs.supervise import Probe
from embedded_aws.ecs.supervise import read_lines

# Every process of a container inherits this variable, which names the container's folder: so all of them are found
# again, those too that left their process group, and no process of anybody else is ever taken for one of them.
MARK = "EMBEDDED_AWS_CONTAINER"
MEMORY_CHECK_SECONDS = 0.5
CLOSE_SECONDS = 5.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
JIFFIES = os.sysconf("SC_CLK_TCK")


class Processes:
    """The process runtime.

    :param home: the embedded AWS's folder; images, environments and tasks each get a folder in it.
    :param uv: the uv program or its folder, if it is not on PATH.
    """

    name = "processes"

    def __init__(self, home: Path, uv: Path | None = None) -> None:
        if not Path("/proc/self/environ").exists():
            raise RuntimeError(
                "the process runtime needs Linux; elsewhere run Docker or Podman and `--runtime containers`"
            )
        home = home.resolve()
        self._images = Images(home / "images")
        self._environments = Environments(home / "environments", uv)
        self._tasks = home / "tasks"
        self._pulled: dict[str, tuple[Image, Path]] = {}
        self._containers: dict[tuple[str, str], _Process] = {}
        self._addresses: dict[str, str] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        # CPU seconds of each container, and when they were read.
        self._spent: dict[Path, tuple[float, float]] = {}
        kill_marked(self._tasks)
        remove_tree(self._tasks)
        threading.Thread(target=self._watch_memory, name="memory-limits", daemon=True).start()

    def pull(self, image: str) -> str:
        pulled = self._images.pull(image)
        lock = pulled.root / "app" / "requirements.lock"
        if not lock.is_file():
            raise PullError(f"{image} holds no app/requirements.lock, from which its Python environment is made")
        # The scheduler starts by digest what it may have pulled by tag.
        self._pulled[image] = self._pulled[pulled.digest] = (pulled, self._environments.make(lock))
        return pulled.digest

    def start(self, container: Container) -> None:
        pulled = self._pulled.get(container.image) or self._pulled.get(container.image.partition("@")[2])
        if not pulled:
            raise StartError(f"No such image: {container.image}")
        image, python = pulled
        key = (container.task, container.name)
        folder = self._tasks / _file_name(container.task) / _file_name(container.name)
        if key in self._containers:
            raise StartError(f"the task already has a container {container.name}")
        with self._lock:
            address = self._addresses.get(container.task) or free_address(container.task, set(self._addresses.values()))
            self._addresses[container.task] = address
        process = _Process(container, image, python, folder, address)
        with self._lock:
            self._containers[key] = process

    def address(self, task: str) -> str:
        running = any(not process.ended.is_set() for process in self._of(task))
        return self._addresses.get(task, "") if running else ""

    def state(self, task: str, name: str) -> State:
        process = self._containers.get((task, name))
        return process.state() if process else State(running=False, exit_code=137)

    def usage(self) -> dict[tuple[str, str], Usage]:
        """Cores on average since the call before, or since the container began."""
        spent, memory, now = cpu_seconds(self._tasks), memory_used(self._tasks), time.monotonic()
        found = {}
        for key, process in list(self._containers.items()):
            if process.folder in spent:
                before, then = self._spent.get(process.folder, (0.0, process.began))
                cores = max(0.0, spent[process.folder] - before) / max(now - then, 1 / JIFFIES)
                found[key] = Usage(cores, memory[process.folder])
        self._spent = {folder: (seconds, now) for folder, seconds in spent.items()}
        return found

    def stop(self, task: str, name: str) -> None:
        if process := self._containers.get((task, name)):
            process.stop(process.container.stop_timeout)

    def remove(self, task: str) -> None:
        for process in self._of(task):
            process.stop(0)
        with self._lock:
            self._containers = {key: value for key, value in self._containers.items() if key[0] != task}
            self._addresses.pop(task, None)
        remove_tree(self._tasks / _file_name(task))

    def close(self) -> None:
        self._closed.set()
        processes = list(self._containers.values())
        stops = [
            threading.Thread(target=process.stop, args=(min(process.container.stop_timeout, CLOSE_SECONDS),))
            for process in processes
        ]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        kill_marked(self._tasks)
        with self._lock:
            self._containers, self._addresses = {}, {}
        remove_tree(self._tasks)

    def _of(self, task: str) -> list[_Process]:
        return [process for key, process in list(self._containers.items()) if key[0] == task]

    def _watch_memory(self) -> None:
        while not self._closed.wait(MEMORY_CHECK_SECONDS):
            limited = [process for process in list(self._containers.values()) if process.container.memory]
            if limited:
                used = memory_used(self._tasks)
                for process in limited:
                    if used[process.folder] > process.container.memory << 20:
                        process.kill(OUT_OF_MEMORY)


class _Process:
    """One container: its main process, and the threads that read its lines and wait for its end."""

    def __init__(self, container: Container, image: Image, python: Path, folder: Path, address: str) -> None:
        self.container = container
        self.folder = folder
        self.ended = threading.Event()
        self.began = time.monotonic()
        self._root = folder / "root"
        self._address = address
        self._exit_code = 0
        self._reason = ""
        # Held to signal and to reap, so that a signal never meets a process id that is free again.
        self._gate = threading.Lock()
        self._lay_out(image)
        self._environment = environment_of(container, image, self._root, python, address)
        self._environment[MARK] = str(folder)
        self._directory = inside(self._root, container.working_directory or image.working_directory)
        try:
            self._popen = self._spawn(command_of(container, image), subprocess.PIPE)
        except OSError as error:
            remove_tree(folder)
            raise StartError(_start_problem(error)) from error
        self._reader = threading.Thread(target=self._read, name="container-log", daemon=True)
        self._reader.start()
        check = container.health_check
        self._probe = Probe(check, self._check) if check else None
        threading.Thread(target=self._wait, name="container-end", daemon=True).start()

    def state(self) -> State:
        health = self._probe.health.state if self._probe else ""
        if not self.ended.is_set():
            return State(running=True, health=health)
        return State(running=False, exit_code=self._exit_code, reason=self._reason, health=health)

    def stop(self, timeout: float) -> None:
        """SIGTERM to the main process, as container engines do; after `timeout` seconds SIGKILL to all of them."""
        if timeout > 0:
            self._signal(signal.SIGTERM)
            self.ended.wait(timeout)
        if not self.ended.is_set():
            self.kill()
            self.ended.wait()

    def kill(self, reason: str = "") -> None:
        self._reason = self._reason or reason
        self._signal(signal.SIGKILL)

    def _lay_out(self, image: Image) -> None:
        """A copy of the image's files, for no container may see what another writes."""
        remove_tree(self.folder)
        shutil.copytree(image.root, self._root)
        working_directory = inside(self._root, self.container.working_directory or image.working_directory)
        volumes = [inside(self._root, volume) for volume in self.container.volumes]
        temporary = self._root / "tmp"
        for place in (working_directory, temporary, *volumes):
            place.mkdir(parents=True, exist_ok=True)
        if self.container.read_only_root:
            make_read_only(self._root)
            for volume in volumes:
                volume.chmod(0o755)

    def _spawn(self, command: Sequence[str], output: int) -> subprocess.Popen[bytes]:
        mapped = [_mapped(self._root, argument) for argument in command]
        return subprocess.Popen(
            mapped,
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _signal(self, number: signal.Signals) -> None:
        with self._gate:
            if self._popen.returncode is None:
                os.kill(self._popen.pid, number)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as stream:
            read_lines(stream, lambda line: self.container.log(line, time.time()))

    def _wait(self) -> None:
        os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT)
        if self._probe:
            self._probe.stop()
        with self._gate:
            os.killpg(self._popen.pid, signal.SIGKILL)
            code = self._popen.wait()
        kill_marked(self.folder)
        # A check may have begun meanwhile.
        while self._probe and not self._probe.ended(timeout=0.02):
            kill_marked(self.folder)
        # The last lines come before the end: they say why.
        self._reader.join(CLOSE_SECONDS)
        self._exit_code = code if code >= 0 else 128 - code
        self.ended.set()

    def _check(self, command: tuple[str, ...], timeout: float) -> bool:
        # What the container calls localhost is its task's address here.
        local = [re.sub(r"\blocalhost\b|\b127\.0\.0\.1\b", self._address, argument) for argument in command]
        try:
            check = self._spawn(local, subprocess.DEVNULL)
        except OSError:
            return False
        try:
            return check.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            os.killpg(check.pid, signal.SIGKILL)
            check.wait()
            return False


def command_of(container: Container, image: Image) -> tuple[str, ...]:
    """An entry point of the task definition replaces the image's together with the image's command."""
    if container.entry_point:
        return container.entry_point + container.command
    return image.entry_point + (container.command or image.command)


def environment_of(container: Container, image: Image, root: Path, python: Path, address: str) -> dict[str, str]:
    """All variables of the process: nothing of the embedded AWS's own.

    A value that is a path in `/tmp` or in another volume becomes its place on this machine.
    """
    writable = tuple(volume.rstrip("/") + "/" for volume in ("/tmp", *container.volumes))
    own = {
        name: str(inside(root, value)) if f"{value}/".startswith(writable) else value
        for name, value in {**image.environment, **container.environment}.items()
    }
    temporary = str(root / "tmp")
    path = f"{python / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    return {"HOME": temporary, "TMPDIR": temporary, **own, "PATH": path, "HOST": address}


def inside(root: Path, path: str) -> Path:
    """Where the container's path is on this machine; `..` does not lead out."""
    return root / os.path.normpath("/" + path).lstrip("/")


def _mapped(root: Path, argument: str) -> str:
    """The argument, or its place on this machine if it is the path of something that the image holds."""
    if argument.startswith("/") and len(argument) > 1 and (place := inside(root, argument)).exists():
        return str(place)
    return argument


def free_address(task: str, taken: set[str]) -> str:
    """A loopback address for the task, in none of `taken` and not used by any other program of this machine."""
    used = taken | _used_addresses()
    for attempt in range(1000):
        first, second, third = hashlib.sha256(f"{task} {attempt}".encode()).digest()[:3]
        address = f"127.{1 + first % 254}.{second}.{1 + third % 254}"
        if address not in used:
            return address
    raise StartError("no loopback address is free")


def _used_addresses() -> set[str]:
    """The local addresses of all IPv4 TCP sockets, which Linux lists as little-endian hexadecimal numbers."""
    words = [line.split()[1].partition(":")[0] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(word))) for word in words}


def marked(folder: Path) -> Iterator[tuple[int, Path]]:
    """The processes of the containers whose folders are within `folder`: process id and container's folder."""
    prefix = f"{MARK}=".encode()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                for variable in Path(entry.path, "environ").read_bytes().split(b"\0"):
                    if variable.startswith(prefix):
                        place = Path(os.fsdecode(variable[len(prefix) :]))
                        if place.is_relative_to(folder):
                            yield int(entry.name), place


def kill_marked(folder: Path) -> None:
    """Kill all processes of those containers; returns once they are gone, but waits no longer than CLOSE_SECONDS."""
    deadline = time.monotonic() + CLOSE_SECONDS
    while (processes := list(marked(folder))) and time.monotonic() < deadline:
        for process, _ in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def memory_used(folder: Path) -> Counter[Path]:
    """Bytes that each container's processes hold for themselves: what the kernel cannot take back from a container.

    Pages of files do not count, for a container at its limit loses those before it is killed.
    """
    used: Counter[Path] = Counter()
    for process, place in marked(folder):
        with contextlib.suppress(OSError):
            _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
            used[place] += (int(resident) - int(shared)) * PAGE_BYTES
    return used


def cpu_seconds(folder: Path) -> dict[Path, float]:
    """CPU time of each container's processes, and of those which they waited for."""
    spent: defaultdict[Path, float] = defaultdict(float)
    for process, place in marked(folder):
        with contextlib.suppress(OSError):
            # The program's name, in brackets, may hold spaces.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            spent[place] += sum(map(int, fields[11:15])) / JIFFIES
    return spent


def _start_problem(error: OSError) -> str:
    """In the words of container engines."""
    if error.errno in (errno.ENOENT, errno.EACCES):
        what = "executable file not found in $PATH" if error.errno == errno.ENOENT else "permission denied"
        return f'failed to create task: exec: "{error.filename}": {what}'
    if error.errno == errno.ENOEXEC:
        return f"exec {error.filename}: exec format error"
    return str(error)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text)
