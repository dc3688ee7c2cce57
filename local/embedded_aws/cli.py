# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts, stops, resets and reports the embedded AWS. Standard library only: it makes the environment the server needs.

One JSON line on stdout says how things are; progress and errors, for people, go to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedded_aws.ecs.choose import ENGINES
from embedded_aws.ecs.choose import problem
from embedded_aws.ecs.folders import remove_tree

LOCAL = Path(__file__).resolve().parent.parent
LOCK = LOCAL / "requirements.lock"
DELAYS = ("access_logs", "alb", "cloudfront", "deployment", "nat", "vpc_origin")
# Seconds.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 45.0
# What the server may see of the environment: it needs no credentials, and tasks shall not find any in it.
KEEP = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "SSL_CERT_FILE")
KEEP_PREFIXES = ("DOCKER_", "CONTAINER_", "PIP_", "UV_")


class Problem(Exception):
    """Something that the person who runs this has to put right; the text says what and how."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Home:
    """The folder that holds everything of one embedded AWS."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.venv = path / "venv"
        self.python = self.venv / "bin" / "python"
        self.pid_file = path / "embedded-aws.pid"
        self.log = path / "embedded-aws.log"
        self.kept = (path / "state", path / "registry")

    @contextlib.contextmanager
    def mine(self) -> Iterator[None]:
        """One command at a time."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "command.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def server(self) -> dict[str, Any] | None:
        """What the running server wrote of itself. It holds a lock on the file, so a stale pid is never believed."""
        try:
            with self.pid_file.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return dict(json.load(file))
        except (FileNotFoundError, ValueError):
            return None
        return None


def fingerprint() -> str:
    """Changes with every source file of this package, so that an edit restarts a running server."""
    sources = sorted(Path(__file__).resolve().parent.rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in (LOCK, *sources))).hexdigest()[:16]


def run(command: list[str], failure: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        raise Problem(f"{failure}\n{result.stdout.strip()[-2000:]}")


def find_uv() -> str:
    """The uv beside the running Python, else that of the search path; empty without one."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv") or ""


def make_environment(home: Home) -> None:
    """Install the locked requirements once; the mark is written last, so what was cut short is made anew."""
    mark = home.venv / "complete"
    key = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if home.python.exists() and mark.is_file() and mark.read_text() == key:
        return
    started = time.monotonic()
    say("Making the environment of the embedded AWS (once, some 10 to 60 seconds) ...")
    shutil.rmtree(home.venv, ignore_errors=True)
    uv = find_uv()
    failure = f"The environment of the embedded AWS could not be made in {home.venv}: is the package index reachable?"
    if uv:
        run([uv, "venv", "-q", "--python", sys.executable, str(home.venv)], failure)
        install = [uv, "pip", "install", "-q", "--python", str(home.python), "--compile-bytecode"]
    else:
        run([sys.executable, "-m", "venv", str(home.venv)], failure)
        install = [str(home.python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    run([*install, "--require-hashes", "-r", str(LOCK)], failure)
    mark.write_text(key)
    say(f"  made in {time.monotonic() - started:.0f} s")


def find_runtime(wanted: str) -> str:
    """`auto` is containers where a container engine answers, processes elsewhere."""
    if wanted == "processes":
        return wanted
    problems = {engine: problem(engine) for engine in ENGINES}
    if not all(problems.values()):
        return "containers"
    if wanted == "containers":
        why = "; ".join(f"{engine}: {text}" for engine, text in problems.items())
        raise Problem(f"No container engine can be used ({why}). Start one, or use --runtime processes.")
    return "processes"


def request(port: int, method: str, path: str, timeout: float = 2.0) -> dict[str, Any] | None:
    """The JSON answer of whatever listens on the port; None when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = json.loads(response.read())
        return body if response.status == 200 and isinstance(body, dict) else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def require_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError as error:
            reason = error.strerror
    other = (request(port, "GET", "/_ministack/health") or {}).get("version")
    owner = f"another embedded AWS or MiniStack (version {other})" if other else "another program"
    taken = f"is taken by {owner}" if "use" in (reason or "") else f"cannot be used ({reason})"
    raise Problem(f"Port {port} on 127.0.0.1 {taken}. Stop that, or choose another port with --port.")


def launch(home: Home, options: dict[str, Any]) -> None:
    """Start the server in a session of its own and wait until it answers."""
    environment = {name: value for name, value in os.environ.items() if name in KEEP or name.startswith(KEEP_PREFIXES)}
    environment.update(PYTHONPATH=str(LOCAL), PYTHONUNBUFFERED="1")
    if home.log.exists():
        home.log.replace(home.log.with_suffix(".log.old"))
    with home.log.open("wb") as log:
        server = subprocess.Popen(
            [str(home.python), "-m", "embedded_aws.server", json.dumps(options)],
            cwd=home.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while server.poll() is None and time.monotonic() < deadline:
        if home.server() and request(options["port"], "GET", "/_ministack/health"):
            return
        time.sleep(0.05)
    if server.poll() is None:
        server.kill()
    tail = "\n".join(home.log.read_text(errors="replace").splitlines()[-15:])
    raise Problem(f"The embedded AWS did not start. The end of {home.log}:\n{tail}")


def start(home: Home, arguments: argparse.Namespace) -> bool:
    wanted = {
        "home": str(home.path),
        "port": arguments.port,
        "region": arguments.region,
        "wanted_runtime": arguments.runtime,
        "clock_speed": arguments.clock_speed,
        "delays": arguments.delay,
        "fingerprint": fingerprint(),
    }
    server = home.server()
    if server:
        differing = [name for name, value in wanted.items() if server.get(name) != value]
        if not differing and request(server["port"], "GET", "/_ministack/health", timeout=10):
            return False
        why = f"{', '.join(differing)} changed" if differing else "it does not answer"
        say(f"Starting the embedded AWS anew: {why}.")
        stop(home)
    require_port(arguments.port)
    make_environment(home)
    runtime = find_runtime(arguments.runtime)
    say(f"Starting the embedded AWS on http://127.0.0.1:{arguments.port} (tasks run as {runtime}) ...")
    launch(home, {**wanted, "runtime": runtime, "uv": find_uv()})
    return True


def stop(home: Home) -> bool:
    """Ask the server to save its state and end; kill it when it does not."""
    server = home.server()
    if not server:
        home.pid_file.unlink(missing_ok=True)
        return False
    say(f"Stopping the embedded AWS (pid {server['pid']}) ...")
    os.kill(server["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while home.server():
        if time.monotonic() > deadline:
            say("  it does not end by itself: killed, what changed since its start is lost")
            os.kill(server["pid"], signal.SIGKILL)
            deadline = time.monotonic() + STOP_TIMEOUT
        time.sleep(0.05)
    home.pid_file.unlink(missing_ok=True)
    return True


def reset(home: Home) -> bool:
    """Forget all resources; a running server keeps running."""
    server = home.server()
    if server:
        if not request(server["port"], "POST", "/_ministack/reset", timeout=STOP_TIMEOUT):
            raise Problem(f"The embedded AWS did not reset: see {home.log}, then stop and start it.")
        return True
    found = [folder for folder in home.kept if folder.exists()]
    for folder in found:
        remove_tree(folder)
    return bool(found)


def status(home: Home, changed: bool) -> dict[str, Any]:
    server = home.server() or {}
    port = server.get("port")
    return {
        "changed": changed,
        "running": bool(server),
        "endpoint": f"http://127.0.0.1:{port}" if port else "",
        **{name: server.get(name) for name in ("runtime", "pid", "port", "region", "version")},
        "home": str(home.path),
        "log": str(home.log),
    }


def port_number(text: str) -> int:
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port number")


def speed(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")


def delay(text: str) -> tuple[str, float]:
    name, _, seconds = text.partition("=")
    if name in DELAYS and re.fullmatch(r"\d+(\.\d+)?", seconds):
        return name, float(seconds)
    raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SECONDS with a name of {', '.join(DELAYS)}")


def parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="embedded_aws", description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "reset", "status"))
    parser.add_argument("--home", type=Path, required=True, help="folder that holds its environment, state and log")
    parser.add_argument("--port", type=port_number, default=4566, help="port of the AWS API and of the image registry")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--runtime", choices=("auto", "containers", "processes"), default="auto")
    parser.add_argument("--clock-speed", type=speed, default=1.0, help="AWS's seconds in one real second")
    parser.add_argument(
        "--delay",
        type=delay,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=SECONDS",
        help=f"how long new resources take on that clock ({', '.join(DELAYS)})",
    )
    arguments = parser.parse_args(words)
    arguments.delay = dict(arguments.delay)
    return arguments


def main(words: list[str] | None = None) -> int:
    arguments = parse(words)
    home = Home(arguments.home.expanduser().absolute())
    commands = {"start": lambda: start(home, arguments), "stop": lambda: stop(home), "reset": lambda: reset(home)}
    try:
        with home.mine():
            changed = commands.get(arguments.command, lambda: False)()
            print(json.dumps(status(home, changed)))
    except Problem as reason:
        say(str(reason))
        return 1
    except OSError as error:
        say(f"The embedded AWS in {home.path}: {error}")
        return 1
    return 0
