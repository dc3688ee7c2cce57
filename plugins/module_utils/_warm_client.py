# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of the warm path: understand a module's command, find or start the server, hand over the task.

Every doubt ends in `Declined` before anything of the module has run, and the caller goes the ordinary way.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import multiprocessing
import os
import re
import selectors
import shlex
import socket
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._warm_wire import FAREWELL
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import PATIENCE_SECONDS
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import SHELL_VARIABLES
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import SOCKET
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import Broken
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import Declined
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import Run
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import address
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import check_peer
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import check_private
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import receive
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import send
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import send_words
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import words_of

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What ansible-core up to 2.19 puts after a module's command. It changes neither output nor exit code.
SUFFIX = " && sleep 0"
STARTED = "started"
# The mark's name once the server that it stands for has not started, of which everybody has heard.
FAILED = "failed"
GONE = "its server has gone or does not answer"
PARTS = ("_warm_wire", "_warm_imports", "_warm_server")
PACKAGE = "ansible_collections.amica.stack.plugins.module_utils"

# Line by line, as ansible-core writes the payload's last call. Its strings hold no line ends, so nothing in a module's
# arguments looks like such a line.
MARK = b"\n_ANSIBALLZ_WRAPPER = True\n"
MODULE = re.compile(rb"^module_fqn='([A-Za-z0-9_.]+)',$", re.MULTILINE)
PLAIN = re.compile(rb"^extensions=\{\},$", re.MULTILINE)
ARCHIVE = re.compile(rb"^zip_data='([A-Za-z0-9+/=]+)',$", re.MULTILINE)

# The program that starts the server, read from stdin as a module is: it loads the server's files under their full
# names without their packages, which are the payloads' to bring.
BOOTSTRAP = """\
import importlib.util, sys
names = []
for path, name in {files!r}:
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names.append(name)
for name in names:
    del sys.modules[name]
module.main({words!r})
"""


class Lost(Exception):
    """The module was started, and how it ended will never be known."""


@dataclass(frozen=True)
class Command:
    """What Ansible wants run: a module's payload by an interpreter, with variables set."""

    shell: str
    interpreter: str
    variables: Mapping[str, str]
    suffix: str = ""

    def plain(self) -> str:
        """The same without variables."""
        return f"{self.shell} -c {shlex.quote(shlex.quote(self.interpreter) + self.suffix)}"


@dataclass(frozen=True)
class Task:
    """All that a module's process needs; `module` and `archive` are parts of the program."""

    program: bytes
    module: str
    archive: bytes
    directory: str
    umask: int
    environment: Mapping[str, str]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.archive).hexdigest()


def command_of(text: str) -> Command | None:
    """The command, if it is nothing but variables and an interpreter: whatever quoting would not give back is not."""
    with contextlib.suppress(ValueError):
        match shlex.split(text):
            case [shell, "-c", line]:
                suffix = SUFFIX if line.endswith(SUFFIX) else ""
                *settings, interpreter = shlex.split(line.removesuffix(SUFFIX))
                pairs = [setting.partition("=") for setting in settings]
                words = [f"{name}={shlex.quote(value)}" for name, equals, value in pairs if equals]
                again = f"{shell} -c {shlex.quote(' '.join([*words, shlex.quote(interpreter)]) + suffix)}"
                if again == text and all(equals and VARIABLE.fullmatch(name) for name, equals, _value in pairs):
                    return Command(shell, interpreter, {name: value for name, _equals, value in pairs}, suffix)
    return None


def task_of(program: bytes, command: Command, directory: str, environment: Mapping[str, str], umask: int) -> Task:
    """The task, its payload taken apart.

    :raises Declined: the payload is none of ansible-core's for Python, or wants a debugger or coverage.
    """
    module = MODULE.search(program)
    archive = ARCHIVE.search(program)
    if MARK not in program or module is None or archive is None:
        raise Declined("the payload is not built as this version of ansible-core builds it")
    if not PLAIN.search(program):
        raise Declined("the payload asks for a debugger or for coverage", quiet=True)
    if not command.variables.keys().isdisjoint(SHELL_VARIABLES):
        raise Declined("the task sets a variable that the shell sets", quiet=True)
    wanted = {**environment, **command.variables}
    return Task(program, module[1].decode(), archive[1], directory, umask, wanted)


def current_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def this_run() -> Run:
    """The run that this process works for: its own process, or the one that forked it as a worker."""
    parent = multiprocessing.parent_process()
    return Run.of(os.getpid() if parent is None or parent.pid is None else parent.pid)


@dataclass(frozen=True)
class Door:
    """The way to a run's server: a folder of the run's own, in which the socket appears once it is started.

    :param start: runs a program with the interpreter of modules, as modules are; gives its exit code and stderr.
    """

    folder: Path
    roots: tuple[str, ...]
    start: Callable[[bytes], tuple[int, str]]

    def connect(self) -> socket.socket:
        """A channel to the run's server, which the first to come starts.

        :raises Declined: there is none, nor will there be.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            check_private(self.folder)
            opened = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if not (self.folder / SOCKET).exists():
                    self._start(opened)
                return self._connect(opened)
            finally:
                os.close(opened)
        except (ConnectionError, TimeoutError):
            raise Declined(GONE) from None
        except OSError as error:
            raise Declined(f"its server cannot be reached ({error.strerror or error})") from error

    def _connect(self, opened: int) -> socket.socket:
        channel = socket.socket(socket.AF_UNIX)
        try:
            channel.settimeout(PATIENCE_SECONDS)
            channel.connect(address(opened))
            check_peer(channel)
        except BaseException:
            channel.close()
            raise
        return channel

    def _start(self, opened: int) -> None:
        """Start the server, or wait until another process has. A server that has gone is not started again."""
        fcntl.flock(opened, fcntl.LOCK_EX)
        if (self.folder / SOCKET).exists():
            return
        if (self.folder / FAILED).exists():
            raise Declined("its server did not start", quiet=True)
        try:
            (self.folder / STARTED).touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            raise Declined(GONE) from None
        code, said = self.start(self._program())
        if code:
            with contextlib.suppress(OSError):
                (self.folder / STARTED).rename(self.folder / FAILED)
            raise Declined(f"its server does not start: {(said.strip().splitlines() or ['it says nothing'])[-1]}")

    def _program(self) -> bytes:
        here = Path(__file__).parent
        run = this_run()
        words = {"folder": str(self.folder), "pid": run.pid, "started": run.started, "roots": list(self.roots)}
        files = [(str(here / f"{part}.py"), f"{PACKAGE}.{part}") for part in PARTS]
        return BOOTSTRAP.format(files=files, words=json.dumps(words)).encode()

    def give_up(self) -> None:
        """Take the socket away from a server that does not answer, so that no other task waits for it."""
        with contextlib.suppress(OSError):
            (self.folder / SOCKET).unlink()


def run(door: Door, task: Task, announce: Callable[[], None]) -> tuple[int, bytes, bytes]:
    """Run the task's module in a process that the server forks: exit code, stdout and stderr.

    :param announce: called when nothing can be declined any more, just before the module runs.
    :raises Declined: nothing of the module has run, and the ordinary way is open.
    :raises Lost: the module ran, and server and process vanished before they told its exit code.
    """
    with door.connect() as channel, pipes() as (inner, outer):
        try:
            send_words(channel, {"payload": task.digest, "module": task.module}, inner)
            _hand_over(channel, task)
        except TimeoutError:
            door.give_up()
            raise Declined(GONE) from None
        except (OSError, Broken):
            raise Declined(GONE) from None
        for descriptor in inner:
            os.close(descriptor)
        inner.clear()
        announce()
        try:
            send(channel, b"go")
        except OSError:
            raise Declined(GONE) from None
        try:
            return _follow(channel, outer)
        finally:
            with contextlib.suppress(OSError):
                channel.sendall(FAREWELL)


def _hand_over(channel: socket.socket, task: Task) -> None:
    """Answer what the server asks for until the module waits for the word.

    :raises Declined: it does not want the task.
    """
    while True:
        answer = words_of(receive(channel))
        match answer:
            case {"want": "archive"}:
                send(channel, task.archive)
            case {"want": "task"}:
                words = {"directory": task.directory, "umask": task.umask, "environment": dict(task.environment)}
                send_words(channel, words)
                send(channel, task.program)
            case {"want": "go"}:
                return
            case {"declined": str() as reason}:
                raise Declined(reason, quiet=bool(answer.get("quiet")))
            case _:
                raise Broken(f"an answer that nobody expects: {answer}")


@contextlib.contextmanager
def pipes() -> Iterator[tuple[list[int], list[int]]]:
    """A module's three descriptors, nothing to be read from the first, and the ends of the other two for reading."""
    inner: list[int] = []
    outer: list[int] = []
    try:
        empty, closed = os.pipe()
        inner.append(empty)
        os.close(closed)
        for _stream in ("stdout", "stderr"):
            ours, theirs = os.pipe()
            outer.append(ours)
            inner.append(theirs)
        yield inner, outer
    finally:
        for descriptor in (*inner, *outer):
            os.close(descriptor)


def _follow(channel: socket.socket, outer: list[int]) -> tuple[int, bytes, bytes]:
    """Read until both streams have ended, as of an ordinary process, and the exit code is there."""
    channel.settimeout(None)
    said: dict[int, bytearray] = {descriptor: bytearray() for descriptor in outer}
    code: int | None = None
    with selectors.DefaultSelector() as selector:
        for descriptor in outer:
            selector.register(descriptor, selectors.EVENT_READ)
        selector.register(channel, selectors.EVENT_READ)
        while selector.get_map():
            for key, _events in selector.select():
                if key.fileobj is channel:
                    code = _code(channel)
                    selector.unregister(channel)
                elif part := os.read(key.fd, 65536):
                    said[key.fd] += part
                else:
                    selector.unregister(key.fd)
    if code is None:
        raise Lost("the module was started, and its server vanished with it before its exit code was known")
    output, errors = (bytes(said[descriptor]) for descriptor in outer)
    return code, output, errors


def _code(channel: socket.socket) -> int | None:
    """The exit code, or None if nobody is left to tell it."""
    try:
        words: dict[str, Any] = words_of(receive(channel))
        return int(words["code"])
    except (OSError, Broken, KeyError, ValueError):
        return None
