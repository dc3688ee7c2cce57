# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container runtime: what it asks of an engine, and, where one answers, what comes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from embedded_aws.ecs.choose import ENGINES
from embedded_aws.ecs.choose import choose
from embedded_aws.ecs.choose import problem
from embedded_aws.ecs.containers import Containers
from embedded_aws.ecs.containers import container_name
from embedded_aws.ecs.containers import pull_problem
from embedded_aws.ecs.containers import run_arguments
from embedded_aws.ecs.containers import start_problem
from embedded_aws.ecs.containers import state_of
from embedded_aws.ecs.runtime import Container
from embedded_aws.ecs.runtime import HealthCheck
from embedded_aws.ecs.runtime import PullError
from embedded_aws.ecs.runtime import StartError
from embedded_aws.ecs.runtime import State
from support.fake_registry import FakeRegistry
from support.fake_registry import fake_registry

# Names of this run only, for others may test with the same engine.
T1, T2, T3 = (uuid.uuid4().hex for _ in range(3))


def container(**options: Any) -> Container:
    return Container(**{"task": "t", "name": "app", "image": "i", "log": lambda *_: None, **options})


def test_values_of_variables_are_not_in_the_arguments() -> None:
    secret = container(environment={"PASSWORD": "secret word", "KEY": "BEGIN\nsecret\nEND"})
    arguments, piped, own = run_arguments(secret, "label", "")
    assert "secret" not in " ".join(arguments)
    assert arguments[arguments.index("--env") + 1] == "KEY"
    assert piped == "PASSWORD=secret word\n"
    assert own == {"KEY": "BEGIN\nsecret\nEND"}


def test_all_options_reach_the_engine() -> None:
    asked = container(
        entry_point=("sh", "-c"),
        command=("run",),
        user="10001",
        working_directory="/app",
        read_only_root=True,
        memory=512,
        init=True,
        volumes=("/tmp", "/data"),
    )
    arguments, _, _ = run_arguments(asked, "label=x", "container:first")
    assert arguments[-3:] == ["i", "-c", "run"]
    assert {"--read-only", "--init", "--no-healthcheck"} <= set(arguments)
    pairs = set(pairwise(arguments))
    assert {
        ("--label", "label=x"),
        ("--user", "10001"),
        ("--workdir", "/app"),
        ("--memory", "512m"),
        ("--memory-swap", "512m"),
        ("--volume", "/tmp"),
        ("--volume", "/data"),
        ("--entrypoint", "sh"),
        ("--network", "container:first"),
    } <= pairs


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (None, "is not installed"),
        ("exit 1", "does not answer"),
        ("echo 'Cannot connect to the Docker daemon' >&2", "does not answer"),
        ("printf ' Security Options:\\n  seccomp\\n  rootless\\n'", "cannot reach"),
        ("printf '    rootless: true\\n'", "cannot reach"),
        ("printf '    rootless: false\\n'", ""),
    ],
)
def test_engines_that_cannot_run_tasks(
    script: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if script is not None:
        (tmp_path / "some-engine").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "some-engine").chmod(0o755)
    assert expected in (said := problem("some-engine"))
    assert bool(said) is bool(expected)


def test_without_an_engine_tasks_are_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    chosen = choose("auto", tmp_path)
    chosen.close()
    assert chosen.name == "processes"
    with pytest.raises(RuntimeError, match=r"docker is not installed; podman is not installed\. Start one, or"):
        choose("containers", tmp_path)


def test_names_are_ones_that_engines_take() -> None:
    assert container_name(container(task="arn:aws:ecs:r:1:task/c/0af", name="a b")) == "0af-a-b"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, State(running=False, exit_code=137)),
        ({}, State(running=False, exit_code=137)),
        ({"Running": True, "ExitCode": 0}, State(running=True, health="HEALTHY")),
        ({"Running": False, "ExitCode": 3, "OOMKilled": False, "Error": ""}, State(False, 3, "", "HEALTHY")),
        (
            {"Running": False, "ExitCode": 137, "OOMKilled": True},
            State(False, 137, "OutOfMemoryError: Container killed due to memory usage", "HEALTHY"),
        ),
    ],
)
def test_states(state: dict[str, Any] | None, expected: State) -> None:
    assert state_of(state, "HEALTHY") == expected


def test_engines_words_become_those_of_aws() -> None:
    failed = "pull image manifest has been retried 1 time(s): failed to resolve ref r/a:1: "
    missing = "Error response from daemon: manifest for r/a:1 not found: manifest unknown: unknown"
    assert pull_problem("r/a:1", missing) == f"{failed}r/a:1: not found"
    refused = 'Error response from daemon: Get "http://r/v2/": dial tcp: connection refused\n'
    assert pull_problem("r/a:1", refused) == f'{failed}Get "http://r/v2/": dial tcp: connection refused'
    started = "docker: Error response from daemon: failed to create task: not there.\nSee 'docker run --help'.\n"
    assert start_problem(started) == "failed to create task: not there"
    assert start_problem("") == "the engine does not answer"


def engine() -> str:
    """The engine to test with; what is missing is said, for these tests then prove nothing."""
    for name in ENGINES:
        if not problem(name):
            return name
    pytest.skip("NOT TESTED: containers, for neither Docker nor Podman answers: start one")


def busybox() -> bytes:
    """A program of many, statically linked, so that an image needs nothing else."""
    place = shutil.which("busybox")
    if not place or b"/ld-linux" in (content := Path(place).read_bytes()):
        pytest.skip("NOT TESTED: containers, for there is no static busybox: install busybox-static")
    return content


class Machine:
    def __init__(self, engine: str, registry: FakeRegistry, home: Path) -> None:
        self.engine = engine
        self.home = home
        links = []
        for name in ("sh", "sleep", "id", "touch", "rm", "cat", "echo", "tail", "wget"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            links.append(link)
        options: dict[str, Any] = {"artifact_type": "", "Cmd": ["echo", "the image's"], "Env": ["PATH=/bin"]}
        files = {"bin/busybox": busybox(), "app/strange": b"\x7fELF\x02\x01\x01" + bytes(57)}
        self.image = registry.push(files, extra=tuple(links), **options)
        self.by_tag = f"{registry.host}/app:latest"
        self.runtime = Containers(engine, home)
        self.runtime.pull(self.image)
        self.lines: list[tuple[str, float]] = []

    def run(self, script: str, task: str = T1, **options: Any) -> None:
        asked = {"entry_point": ("/bin/sh", "-c"), "command": (script,), "stop_timeout": 1, **options}
        self.runtime.start(
            container(task=task, image=self.image, log=lambda line, at: self.lines.append((line, at)), **asked)
        )

    def state(self, task: str = T1) -> State:
        return self.runtime.state(task, "app")

    def ended(self, task: str = T1) -> State:
        wait_until(lambda: not self.state(task).running)
        return self.state(task)

    @property
    def text(self) -> list[str]:
        return [line for line, _ in self.lines]

    def ask(self, *arguments: str) -> str:
        return subprocess.run([self.engine, *arguments], capture_output=True, text=True, check=False).stdout.strip()


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with fake_registry() as registry:
        machine = Machine(engine(), registry, tmp_path_factory.mktemp("home"))
        yield machine
        machine.runtime.close()
        machine.ask("image", "rm", "--force", machine.image, machine.by_tag)


@pytest.fixture
def machine(shared: Machine) -> Iterator[Machine]:
    shared.lines = []
    yield shared
    for task in (T1, T2):
        shared.runtime.remove(task)


def test_pulls_return_digests(machine: Machine) -> None:
    digest = machine.image.partition("@")[2]
    assert machine.runtime.pull(machine.image) == digest
    assert machine.runtime.pull(machine.by_tag) == digest


def test_a_missing_image_is_said_as_aws_says_it(machine: Machine) -> None:
    image = machine.by_tag.replace("latest", "nope")
    with pytest.raises(PullError) as caught:
        machine.runtime.pull(image)
    assert str(caught.value).endswith(f"failed to resolve ref {image}: {image}: not found")


def test_lines_and_exit_code(machine: Machine) -> None:
    before = time.time()
    machine.run('echo out; echo err >&2; echo; echo "$A|$B"; exit 3', environment={"A": "x = y", "B": "1\n2"})
    assert machine.ended() == State(running=False, exit_code=3)
    assert sorted(machine.text) == ["2", "err", "out", "x = y|1"]
    assert all(before - 1 < at < time.time() + 1 for _, at in machine.lines)


def test_long_lines_come_whole(machine: Machine) -> None:
    machine.run("tail -c 50000 /bin/busybox | busybox od -An -v -tx1 | busybox tr -d ' \\n'; echo; echo end")
    assert machine.ended().exit_code == 0
    assert [len(line) for line in machine.text] == [100000, 3]


def test_the_images_own_command(machine: Machine) -> None:
    machine.run("", entry_point=(), command=())
    assert machine.ended().exit_code == 0
    assert machine.text == ["the image's"]


def test_user_directory_and_read_only_root(machine: Machine) -> None:
    machine.run(
        "id -u; busybox pwd; touch /x || echo no; touch /tmp/x && echo yes",
        user="10001:10001",
        working_directory="/app",
        read_only_root=True,
        volumes=("/tmp",),
        init=True,
    )
    machine.ended()
    # To whom a volume over a folder belongs that the image does not have, engines do not agree on.
    assert [line for line in machine.text if "touch" not in line][:3] == ["10001", "/app", "no"]
    machine.run("touch /x || echo no; touch /tmp/x && echo yes", task=T2, read_only_root=True, volumes=("/tmp",))
    machine.ended(T2)
    assert "yes" in machine.text


def test_an_address_that_answers_shared_in_the_task(machine: Machine) -> None:
    machine.run("busybox httpd -f -p 8080 -h /app")
    machine.run("wget -q -O - http://127.0.0.1:8080/strange >/dev/null && echo reached; sleep 60", name="side")
    address = machine.runtime.address(T1)
    assert (
        subprocess.run(["curl", "-sf", f"http://{address}:8080/strange"], capture_output=True, check=False).returncode
        == 0
    )
    wait_until(lambda: "reached" in machine.text)
    machine.runtime.remove(T1)
    assert machine.runtime.address(T1) == ""


def test_over_the_memory_limit(machine: Machine) -> None:
    machine.run("tail /dev/zero", memory=16)
    assert machine.ended() == State(
        running=False, exit_code=137, reason="OutOfMemoryError: Container killed due to memory usage"
    )


def test_stop_and_kill(machine: Machine) -> None:
    machine.run("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    machine.run("trap '' TERM; echo up; while :; do sleep 0.05; done", task=T2)
    wait_until(lambda: len(machine.lines) == 2)
    machine.runtime.stop(T1, "app")
    machine.runtime.stop(T2, "app")
    assert machine.state(T1) == State(running=False, exit_code=0)
    assert machine.state(T2) == State(running=False, exit_code=137)
    assert machine.text == ["up", "up", "bye"]


def test_a_container_that_somebody_removed_is_noticed(machine: Machine) -> None:
    machine.run("sleep 60")
    assert machine.state().running
    machine.ask("rm", "-f", container_name(container(task=T1)))
    assert machine.ended() == State(running=False, exit_code=137)
    machine.runtime.stop(T1, "app")


def test_health(machine: Machine) -> None:
    check = HealthCheck(("CMD-SHELL", "cat /well"), interval=0.1, timeout=5, retries=2)
    machine.run("touch /well; while ! cat /ill; do sleep 0.1; done; rm /well; sleep 60", health_check=check)
    wait_until(lambda: machine.state().health == "HEALTHY")
    machine.ask("exec", container_name(container(task=T1)), "touch", "/ill")
    wait_until(lambda: machine.state() == State(running=True, health="UNHEALTHY"))


def test_what_cannot_start_is_said(machine: Machine) -> None:
    with pytest.raises(StartError, match="no-such-program"):
        machine.run("", entry_point=("no-such-program",))
    machine.run("exit 0")


def test_another_cpu_architecture_is_said(machine: Machine) -> None:
    try:
        machine.run("", entry_point=("/app/strange",))
    except StartError as error:
        said = str(error)
    else:
        said = f"{machine.ended()} {machine.text}"
    assert "exec format error" in said


def test_only_its_own_containers_are_removed(machine: Machine, tmp_path: Path) -> None:
    machine.run("sleep 60")
    other = Containers(machine.engine, tmp_path)
    other.start(container(task=T3, image=machine.image, command=("sleep", "60")))
    left = Containers(machine.engine, tmp_path)
    assert other.state(T3, "app") == State(running=False, exit_code=137)
    left.close()
    assert machine.state().running


def test_an_engine_that_does_not_answer_has_removed_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.run("sleep 60")
    assert machine.state().running
    with monkeypatch.context() as context:
        context.setattr(machine.runtime, "_engine", os.devnull)
        time.sleep(0.4)
        assert machine.state().running
