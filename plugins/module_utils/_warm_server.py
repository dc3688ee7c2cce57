# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm server: one process for a run of Ansible, which forks a process for each task.

It is started by `bootstrap()` in just the way in which Ansible starts a module, so it has a module's interpreter,
environment, limits and signals, and its children need nothing of that set right. It ends when the run's process does.

The server itself sees of a task no more than the files of its payload: the module's arguments and the environment are
read by the task's own process, from the socket, and are nowhere written down.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import os
import re
import select
import signal
import socket
import sys
import threading
import traceback
import types
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import NoReturn

from ansible_collections.amica.stack.plugins.module_utils._warm_imports import Library
from ansible_collections.amica.stack.plugins.module_utils._warm_imports import Payload
from ansible_collections.amica.stack.plugins.module_utils._warm_imports import new_names
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
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import receive_with_descriptors
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import send_words
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import words_of

# Read once, when an interpreter, the C library or a shell starts: a task that sets one needs an interpreter of its own.
STARTUP_VARIABLES = re.compile(
    r"(PYTHON|LD_|DYLD_|LC_|MALLOC_|OPENSSL_|BASH|UNIXCONFDIR|UNIXUSRLIBDIR).*"
    r"|GLIBC_TUNABLES|LANG|LANGUAGE|LOCPATH|HOME|TZ|TZDIR|IFS|ENV|SHELLOPTS|UID|EUID|PPID"
)
OWN_FILES = str(Path(__file__).parent / "_warm_")
# A conversation up to the fork: the other side waits for nothing, so it is quick or has come to grief.
HANDSHAKE_SECONDS = 5.0
# How often the run's process is looked for where the system cannot tell of its end.
WATCH_MILLISECONDS = 500


def environment_of(wanted: Mapping[str, str], own: Mapping[str, str], directory: str, current: str) -> dict[str, str]:
    """The environment in which a shell would start the module.

    :param wanted: the controller's environment with the task's.
    :param own: the server's, which a shell gave it.
    :param directory: the task's folder as the controller's environment names it, if it does.
    :param current: the task's folder as the system names it.
    :raises Declined: a variable differs that is read when an interpreter starts.
    """
    for name in {*wanted, *own}:
        differs = name not in SHELL_VARIABLES and wanted.get(name) != own.get(name)
        if differs and STARTUP_VARIABLES.fullmatch(name):
            raise Declined(f"the task sets {name}, which an interpreter reads when it starts", quiet=True)
    made = {name: value for name, value in wanted.items() if name not in SHELL_VARIABLES}
    made |= {name: own[name] for name in SHELL_VARIABLES if name in own}
    if "PWD" in made:
        made["PWD"] = directory if directory.startswith("/") and same_folder(directory, current) else current
    return made


def same_folder(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def exit_code(error: BaseException | None) -> int:
    """What the interpreter's exit code would be after the main program ended so; says on stderr what it would say."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        code = error.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF
        sys.stderr.write(f"{code}\n")
        return 1
    error = error.with_traceback(without_own_frames(error.__traceback__))
    sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, KeyboardInterrupt):
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return 1


def without_own_frames(frames: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback without the frames that an interpreter of the module's own would not have."""
    if frames is None:
        return None
    rest = without_own_frames(frames.tb_next)
    if frames.tb_frame.f_code.co_filename.startswith(OWN_FILES):
        return rest
    frames.tb_next = rest
    return frames


def run_program(program: bytes) -> int:
    """Run the payload as an interpreter does that reads it from stdin, up to the hooks of its end."""
    main = types.ModuleType("__main__")
    vars(main)["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    basic = sys.modules.get("ansible.module_utils.basic")
    if basic is not None:
        vars(basic)["__main__"] = main
    error: BaseException | None = None
    try:
        exec(compile(program, "<stdin>", "exec", dont_inherit=True), vars(main))
    except BaseException as raised:
        error = raised
    code = exit_code(error)
    del error
    finish: Any = threading
    finish._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code


@dataclass
class Server:
    listener: socket.socket
    run: Run
    library: Library
    path: list[str]
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    tasks: dict[int, socket.socket | None] = field(default_factory=dict)
    reports: tuple[int, int] = field(default_factory=os.pipe)
    wakeup: tuple[int, int] = field(default_factory=os.pipe)
    leftover: bytes = b""

    def serve(self) -> None:
        """Serve until the run has ended and with it the last of its tasks."""
        for descriptor in (*self.reports, *self.wakeup):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self.wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        poll = select.poll()
        watch = watch_of(self.run)
        for descriptor in (self.listener.fileno(), self.wakeup[0], self.reports[0]):
            poll.register(descriptor, select.POLLIN)
        if watch is not None:
            poll.register(watch, select.POLLIN)
        alive = self.run.alive()
        while alive or self.tasks:
            hung_up = {channel.fileno() for channel in self.tasks.values() if channel}
            for descriptor in hung_up:
                poll.register(descriptor, 0)
            ready = {descriptor for descriptor, _events in poll.poll(WATCH_MILLISECONDS if watch is None else None)}
            for descriptor in hung_up:
                poll.unregister(descriptor)
            for descriptor in ready & hung_up:
                self._abandon(descriptor)
            if self.wakeup[0] in ready:
                drain(self.wakeup[0])
            self._reap()
            if alive and self.listener.fileno() in ready:
                self._accept()
            if self.reports[0] in ready:
                self._learn()
            if alive and (watch is None or watch in ready) and not self.run.alive():
                alive = False
                poll.unregister(self.listener)
                self.listener.close()
                if watch is not None:
                    poll.unregister(watch)
                    watch = None

    def _accept(self) -> None:
        try:
            channel, _address = self.listener.accept()
        except OSError:
            return
        channel.settimeout(HANDSHAKE_SECONDS)
        descriptors: list[int] = []
        try:
            check_peer(channel)
            hello, descriptors = receive_with_descriptors(channel, 3)
            payload = self._payload(channel, words_of(hello))
            gc.collect()
            gc.freeze()
            pid = os.fork()
            if pid == 0:
                self._become_task(channel, descriptors, payload)
            self.tasks[pid] = channel
        except Declined as declined:
            with contextlib.suppress(OSError):
                send_words(channel, {"declined": declined.reason, "quiet": declined.quiet})
            channel.close()
        except (OSError, Broken, KeyError):
            channel.close()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _payload(self, channel: socket.socket, hello: Mapping[str, Any]) -> Payload:
        digest, module = str(hello["payload"]), str(hello["module"])
        known = self.library.payloads.get(digest)
        if known is not None:
            return known
        send_words(channel, {"want": "archive"})
        return self.library.learn(digest, module, receive(channel))

    def _reap(self) -> None:
        """Report the tasks that ended by a signal; those that ended otherwise reported for themselves."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                channel = self.tasks.pop(pid, None)
                if channel is not None:
                    with contextlib.suppress(OSError):
                        send_words(channel, {"code": os.waitstatus_to_exitcode(status)})
                    channel.close()

    def _abandon(self, descriptor: int) -> None:
        """A connection has gone; its task is waited for without it.

        If it was killed the module ends too, as it would in the process group of Ansible's worker.
        """
        for pid, channel in list(self.tasks.items()):
            if channel is not None and channel.fileno() == descriptor:
                channel.setblocking(False)
                said = b""
                with contextlib.suppress(OSError):
                    said = channel.recv(1)
                channel.close()
                self.tasks[pid] = None
                if said != FAREWELL:
                    with contextlib.suppress(OSError):
                        os.killpg(pid, signal.SIGTERM)

    def _learn(self) -> None:
        *lines, self.leftover = (self.leftover + drain(self.reports[0])).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, KeyError):
                kind, name, origin = json.loads(line)
                match kind:
                    case "model":
                        self.library.models.learn_model(name)
                    case "services":
                        self.library.models.learn_services(name, origin)
                    case "module":
                        self.library.learn_name(name, origin)

    def _become_task(self, channel: socket.socket, descriptors: list[int], payload: Payload) -> NoReturn:
        """The rest of a task's process."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.listener.close()
            for other in filter(None, self.tasks.values()):
                other.close()
            for descriptor in (*self.wakeup, self.reports[0]):
                os.close(descriptor)
            for target, descriptor in enumerate(descriptors):
                os.dup2(descriptor, target)
                os.close(descriptor)
            program = self._take(channel, payload)
            before = set(sys.modules)
            self.library.models.wanted.clear()
            sys.path[:] = self.path
            sys.argv[:] = [""]
            code = run_program(program)
            with contextlib.suppress(OSError):
                send_words(channel, {"code": code})
            self._report(before)
        except Declined as declined:
            with contextlib.suppress(OSError):
                send_words(channel, {"declined": declined.reason, "quiet": declined.quiet})
        except (OSError, Broken):
            pass
        finally:
            os._exit(code)

    def _take(self, channel: socket.socket, payload: Payload) -> bytes:
        """Take the task over the socket, make ready for it, and return its program once the word is given."""
        channel.settimeout(PATIENCE_SECONDS)
        send_words(channel, {"want": "task"})
        task = words_of(receive(channel))
        program = receive(channel)
        try:
            os.chdir(task["directory"])
            wanted = task["environment"]
            made = environment_of(wanted, self.environment, wanted.get("PWD", ""), str(Path.cwd()))
        except OSError as error:
            raise Declined(f"the task's folder cannot be entered: {error.strerror}") from error
        os.environ.clear()
        os.environ.update(made)
        os.umask(task["umask"])
        self.library.prepare(payload)
        send_words(channel, {"want": "go"})
        if receive(channel) != b"go":
            raise Broken("the word was not given")
        return program

    def _report(self, before: set[str]) -> None:
        """Tell the server what would have saved this task work; one line is one write, which a pipe keeps whole."""
        lines = [*self.library.models.wanted, *(("module", name, origin) for name, origin in new_names(before))]
        for line in lines:
            data = json.dumps(line).encode() + b"\n"
            if len(data) <= select.PIPE_BUF:
                with contextlib.suppress(OSError):
                    os.write(self.reports[1], data)


def drain(descriptor: int) -> bytes:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(descriptor, 65536):
            data += part
    return data


def watch_of(run: Run) -> int | None:
    """A descriptor that is readable once the run's process has ended, where the system has such."""
    try:
        return os.pidfd_open(run.pid)
    except (AttributeError, OSError):
        return None


def start(folder: str, pid: int, started: str, roots: list[str]) -> int:
    """Leave a server behind in the background; the exit code of the process that started it.

    What is wrong is told on stderr. Returns in the starting process only.
    """
    check_private(Path(folder))
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    mask = os.umask(0o077)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address(opened))
    listener.listen(128)
    os.umask(mask)
    listener.setblocking(False)
    if os.fork():
        return 0
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        os.close(null)
        path = list(sys.path)
        sys.path[:] = [entry for entry in sys.path if entry not in ("", ".")]
        # A working folder would be kept from being unmounted or removed.
        os.chdir("/")
        Server(listener, Run(pid, started), Library([Path(root) for root in roots]), path).serve()
    finally:
        # The run removes its folder itself, unless it was killed.
        with contextlib.suppress(OSError):
            os.unlink(SOCKET, dir_fd=opened)
        os._exit(0)


def main(words: str) -> NoReturn:
    """The bootstrap's call: start a server as the words say and end."""
    try:
        code = start(**json.loads(words))
    except BaseException:
        text = io.StringIO()
        traceback.print_exc(file=text)
        sys.stderr.write(text.getvalue())
        code = 1
    sys.stderr.flush()
    os._exit(code)
