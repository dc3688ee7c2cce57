# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process runtime, with real processes of small programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded_aws.ecs.images import Image
from embedded_aws.ecs.processes import MARK
from embedded_aws.ecs.processes import Processes
from embedded_aws.ecs.processes import command_of
from embedded_aws.ecs.processes import environment_of
from embedded_aws.ecs.processes import free_address
from embedded_aws.ecs.processes import inside
from embedded_aws.ecs.processes import marked
from embedded_aws.ecs.runtime import Container
from embedded_aws.ecs.runtime import HealthCheck
from embedded_aws.ecs.runtime import PullError
from embedded_aws.ecs.runtime import StartError
from embedded_aws.ecs.runtime import State
from embedded_aws.ecs.supervise import MAX_LINE_BYTES
from embedded_aws.ecs.supervise import Health
from embedded_aws.ecs.supervise import health_command
from support.fake_registry import FakeRegistry
from support.fake_registry import fake_registry

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the process runtime needs Linux")

IMAGE = Image("sha256:0", Path("/root"), ("init",), ("serve",), {"PORT": "8080", "PATH": "/image/bin"}, "/app")


def container(**options: Any) -> Container:
    return Container(**{"task": "t", "name": "app", "image": "i", "log": lambda *_: None, **options})


@pytest.mark.parametrize(
    ("entry_point", "command", "expected"),
    [
        ((), (), ("init", "serve")),
        ((), ("other",), ("init", "other")),
        (("sh",), (), ("sh",)),
        (("sh", "-c"), ("x",), ("sh", "-c", "x")),
    ],
)
def test_commands(entry_point: tuple[str, ...], command: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert command_of(container(entry_point=entry_point, command=command), IMAGE) == expected


def test_environments_hold_nothing_of_the_emulator() -> None:
    own = {"PORT": "9", "FILES": "/data/files", "URL": "/database", "HOST": "0.0.0.0", "TEMP": "/tmp"}
    environment = environment_of(
        container(environment=own, volumes=("/data",)), IMAGE, Path("/h/tree"), Path("/h/python"), "127.1.2.3"
    )
    assert environment == {
        "PORT": "9",
        "FILES": "/h/tree/data/files",
        "URL": "/database",
        "HOST": "127.1.2.3",
        "TEMP": "/h/tree/tmp",
        "HOME": "/h/tree/tmp",
        "TMPDIR": "/h/tree/tmp",
        "PATH": "/h/python/bin:/usr/local/bin:/usr/bin:/bin",
    }


@pytest.mark.parametrize("path", ["app", "/app", "/app/", "../app", "/../../app", "//app"])
def test_paths_stay_inside(path: str) -> None:
    assert inside(Path("/r"), path) == Path("/r/app")


def test_addresses_are_unique_and_loopback() -> None:
    first = free_address("task", set())
    second = free_address("task", {first})
    assert first != second
    assert all(address.startswith("127.") and not address.startswith("127.0.") for address in (first, second))


def test_health_is_judged_as_by_ecs() -> None:
    health = Health(HealthCheck(("CMD", "x"), retries=2, start_period=10), started=100)
    seen = []
    for passed, now in [(False, 105), (False, 111), (True, 112), (False, 113), (False, 114), (True, 115)]:
        health.record(passed, now)
        seen.append(health.state)
    assert seen == ["UNKNOWN", "UNKNOWN", "HEALTHY", "HEALTHY", "UNHEALTHY", "HEALTHY"]


def test_health_commands() -> None:
    assert health_command(("CMD", "a", "b")) == ("a", "b")
    assert health_command(("CMD-SHELL", "a || b")) == ("/bin/sh", "-c", "a || b")
    assert health_command(("NONE",)) == health_command(()) == ()


class Machine:
    """The runtime under test, with what its containers log."""

    def __init__(self, registry: FakeRegistry, home: Path) -> None:
        self.registry = registry
        self.home = home
        self.runtime = Processes(home)
        self.lines: list[str] = []

    def start(self, program: str = "", task: str = "t1", **options: Any) -> None:
        """Run a Python program as the image's command, or the command in `options`."""
        files = {"app/main.py": program, "app/requirements.lock": "# nothing\n"}
        image = self.registry.push(files, Cmd=["python", "-u", "main.py"], WorkingDir="/app", Env=["PORT=8080"])
        self.runtime.pull(image)
        self.runtime.start(container(task=task, image=image, log=lambda line, _: self.lines.append(line), **options))

    def ended(self, task: str = "t1") -> State:
        wait_until(lambda: not self.state(task).running)
        return self.state(task)

    def state(self, task: str = "t1") -> State:
        return self.runtime.state(task, "app")


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def machine(server: FakeRegistry, home: Path) -> Iterator[Machine]:
    machine = Machine(server, home)
    yield machine
    machine.runtime.close()
    assert not list(marked(home))


def test_a_program_runs_where_and_how_its_task_says(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for tasks")
    machine.start(
        "import os, sys\nprint(os.getcwd()); print(sys.prefix); print(*os.environ); print(os.environ['HOST'])\n"
        "print('to stderr', file=sys.stderr); print(); sys.exit(3)",
        environment={"SECRET": "s"},
    )
    address = machine.runtime.address("t1")
    assert machine.ended() == State(running=False, exit_code=3)
    cwd, prefix, names, host, stderr = machine.lines
    assert cwd == str(machine.home / "tasks" / "t1" / "app" / "root" / "app")
    assert Path(prefix).parent == machine.home / "environments"
    # LC_CTYPE is Python's own doing where there is no LANG.
    assert set(names.split()) - {"LC_CTYPE"} == {MARK, "HOME", "HOST", "PATH", "PORT", "SECRET", "TMPDIR"}
    assert address and (host, stderr) == (address, "to stderr")
    assert machine.runtime.address("t1") == ""


def test_what_a_program_uses(machine: Machine) -> None:
    machine.start("while True: pass")
    machine.start("import time; time.sleep(60)", task="t2")
    machine.runtime.usage()
    time.sleep(1)
    used = machine.runtime.usage()
    assert used["t1", "app"].cores > 0.1 > used["t2", "app"].cores
    assert 1 << 20 < used["t2", "app"].memory < 64 << 20
    machine.runtime.remove("t1")
    assert machine.runtime.usage().keys() == {("t2", "app")}


def test_the_environment_is_made_once(machine: Machine) -> None:
    machine.start("")
    (environment,) = [place for place in (machine.home / "environments").iterdir() if place.is_dir()]
    made = (environment / "finished").stat().st_mtime_ns
    machine.start("", task="t2")
    assert (environment / "finished").stat().st_mtime_ns == made
    (environment / "finished").unlink()
    (environment / "bin" / "python").unlink()
    machine.start("print('made anew')", task="t3")
    assert machine.ended("t3").exit_code == 0
    assert machine.lines == ["made anew"]


def test_an_image_without_lock_is_refused(machine: Machine) -> None:
    with pytest.raises(PullError, match=r"holds no app/requirements\.lock"):
        machine.runtime.pull(machine.registry.push({"app/x": ""}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ("no-such-program",)}, r'exec: "no-such-program": executable file not found in \$PATH'),
        ({"command": ("/app/requirements.lock",)}, "exec format error"),
    ],
)
def test_what_cannot_start_is_said(machine: Machine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(StartError, match=message):
        machine.start(**options)
    assert machine.state() == State(running=False, exit_code=137)


def test_stop_lets_the_program_finish(machine: Machine) -> None:
    machine.start(
        "import signal, sys, time\n"
        "def end(*_):\n    print('bye'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up'); time.sleep(60)"
    )
    wait_until(lambda: machine.lines)
    machine.runtime.stop("t1", "app")
    assert machine.state() == State(running=False, exit_code=0)
    assert machine.lines == ["up", "bye"]


def test_stop_kills_what_does_not_end(machine: Machine) -> None:
    machine.start(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)",
        stop_timeout=0.2,
    )
    wait_until(lambda: machine.lines)
    machine.runtime.stop("t1", "app")
    assert machine.state() == State(running=False, exit_code=137)


def test_a_signal_is_an_exit_code(machine: Machine) -> None:
    machine.start("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert machine.ended().exit_code == 128 + signal.SIGTERM


def test_nothing_outlives_its_container(machine: Machine) -> None:
    machine.start(
        "import subprocess\n"
        "subprocess.Popen(['sleep', '60'])\n"
        "subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "print('up')"
    )
    assert machine.ended() == State(running=False, exit_code=0)
    assert not list(marked(machine.home))


def test_a_container_over_its_memory_limit_is_killed(machine: Machine) -> None:
    machine.start("import time; held = bytearray(80 << 20); time.sleep(60)", memory=64)
    assert machine.ended() == State(
        running=False, exit_code=137, reason="OutOfMemoryError: Container killed due to memory usage"
    )


def test_a_container_within_its_memory_limit_lives(machine: Machine) -> None:
    machine.start("import time; held = bytearray(20 << 20); time.sleep(1.2); print('done')", memory=64)
    assert machine.ended().exit_code == 0


def test_health_checks_run_in_the_container(machine: Machine) -> None:
    test = (
        f"test -f $TMPDIR/well && {sys.executable} -c \"import socket; socket.create_connection(('localhost', 8080))\""
    )
    check = HealthCheck(("CMD-SHELL", test), interval=0.05, timeout=5, retries=2)
    machine.start(
        "import os, pathlib, socket, tempfile, time\n"
        "server = socket.create_server((os.environ['HOST'], 8080))\n"
        "well = pathlib.Path(tempfile.gettempdir(), 'well'); well.touch()\n"
        "print('up')\n"
        "while pathlib.Path(tempfile.gettempdir(), 'ill').exists() is False: time.sleep(0.02)\n"
        "well.unlink(); time.sleep(60)",
        health_check=check,
    )
    assert machine.state().health == "UNKNOWN"
    wait_until(lambda: machine.state().health == "HEALTHY")
    (machine.home / "tasks" / "t1" / "app" / "root" / "tmp" / "ill").touch()
    wait_until(lambda: machine.state() == State(running=True, health="UNHEALTHY"))


def test_a_check_that_hangs_has_failed(machine: Machine) -> None:
    check = HealthCheck(("CMD", "sleep", "60"), interval=0.01, timeout=0.1, retries=1)
    machine.start("import time; time.sleep(60)", health_check=check)
    wait_until(lambda: machine.state().health == "UNHEALTHY")


def test_long_lines_are_cut_and_none_is_lost(machine: Machine) -> None:
    machine.start(f"print('x' * {MAX_LINE_BYTES + 10}); print('end')")
    machine.ended()
    assert [len(line) for line in machine.lines] == [MAX_LINE_BYTES, 10, 3]


def test_a_log_that_fails_does_not_stop_the_program(machine: Machine) -> None:
    image = machine.registry.push({"app/requirements.lock": "", "app/m": ""}, Cmd=["echo", "hi"])
    machine.runtime.pull(image)
    machine.runtime.start(container(task="t1", image=image, log=lambda *_: 1 / 0))
    assert machine.ended().exit_code == 0


def test_containers_of_a_task_share_its_address_only(machine: Machine) -> None:
    machine.start("import pathlib, time; pathlib.Path('mine').touch(); time.sleep(60)")
    machine.start("import time; time.sleep(60)", name="side")
    machine.start("import time; time.sleep(60)", task="t2")
    assert machine.runtime.address("t1") != machine.runtime.address("t2")
    with pytest.raises(StartError, match="already has a container side"):
        machine.start(name="side")
    tasks = machine.home / "tasks"
    wait_until(lambda: (tasks / "t1" / "app" / "root" / "app" / "mine").exists())
    assert not (tasks / "t1" / "side" / "root" / "app" / "mine").exists()
    machine.runtime.remove("t1")
    assert machine.state("t1") == State(running=False, exit_code=137)
    assert machine.state("t2").running
    assert not (tasks / "t1").exists()


def test_a_read_only_root_is_read_only_but_for_its_volumes(machine: Machine) -> None:
    machine.start(
        "import os, pathlib\n"
        "for place in ('.', 'main.py', os.environ['TMPDIR'], os.environ['DATA']):\n"
        "    print(oct(pathlib.Path(place).stat().st_mode & 0o222))",
        read_only_root=True,
        volumes=("/data",),
        environment={"DATA": "/data"},
    )
    assert machine.ended().exit_code == 0
    assert machine.lines == ["0o0", "0o0", "0o0", "0o200"]


def test_the_next_runtime_ends_what_a_killed_one_left(machine: Machine) -> None:
    machine.start("import time; print('up'); time.sleep(60)")
    wait_until(lambda: machine.lines)
    stranger = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: "/elsewhere/tasks/t/app"})
    try:
        Processes(machine.home).close()
        assert machine.ended().exit_code == 137
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
