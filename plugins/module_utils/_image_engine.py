# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker and Podman, as far as building and pushing an image needs them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENGINES = ("docker", "podman")
ANSWER_SECONDS = 20
LINES_OF_A_FAILURE = 15
LOGIN_USER = "AWS"
# Without these an image of one architecture is pushed as one manifest, and its digest is the image's own.
BUILD_ENVIRONMENT = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


class EngineError(Exception):
    """The engine could not do something; the message says what, and ends with what the engine said."""


@dataclass(frozen=True)
class Completed:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_lines(self) -> str:
        return "\n".join(f"{self.stdout}\n{self.stderr}".strip().splitlines()[-LINES_OF_A_FAILURE:])


Run = Callable[[Sequence[str], Mapping[str, str], str, "float | None"], Completed]


def run(command: Sequence[str], environment: Mapping[str, str], text: str, seconds: float | None) -> Completed:
    """Run a command to its end, with some variables beside the environment and a text to read; 127: not installed."""
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # run_command knows no time limit
            command,
            env={**os.environ, **environment},
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except FileNotFoundError:
        return Completed(127, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Completed(124, "", f"{command[0]} did not answer in {seconds:.0f} seconds")
    return Completed(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Login:
    """How to get into a registry: its host, the password of the user AWS, and whether it speaks TLS."""

    host: str
    password: str
    encrypted: bool


@dataclass(frozen=True)
class Engine:
    """A container engine, by the name of its command."""

    name: str
    run: Run = run

    def problem(self) -> str:
        """Why the engine cannot be used; empty if it answers."""
        done = self.run([self.name, "info"], {}, "", ANSWER_SECONDS)
        # Some versions of Docker's command end with 0 when no daemon answers.
        if done.code == 0 and "Cannot connect" not in done.stdout + done.stderr:
            return ""
        return done.last_lines.rpartition("\n")[2] or f"{self.name} info ended with code {done.code}"

    def build(
        self,
        context: Path,
        dockerfile: Path,
        reference: str,
        architecture: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> None:
        """Build an image and name it. `architecture` in OCI's names.

        :raises EngineError: with the last lines of the build.
        """
        command = [
            self.name,
            "build",
            "--platform",
            f"linux/{architecture}",
            "--tag",
            reference,
            "--file",
            str(dockerfile),
        ]
        for option, pairs in (("--build-arg", arguments), ("--label", labels)):
            for name, value in pairs.items():
                command += [option, f"{name}={value}"]
        self._do([*command, str(context)], f"{reference} could not be built", BUILD_ENVIRONMENT)

    def push(self, reference: str, login: Login) -> None:
        with self._logged_in(login) as (options, environment):
            self._do([self.name, "push", *options, reference], f"{reference} could not be pushed", environment)

    def pull(self, reference: str, architecture: str) -> None:
        command = [self.name, "pull", "--platform", f"linux/{architecture}", reference]
        self._do(command, f"{reference} could not be pulled for linux/{architecture}")

    def architecture(self, reference: str) -> str | None:
        """CPU architecture of an image that the engine has, in OCI's names; None if it does not have it."""
        done = self._inspect(reference, "{{.Architecture}}")
        return done.stdout.strip() if done.code == 0 else None

    def digest(self, reference: str) -> str | None:
        """The digest by which the registry knows an image that the engine has; None if it was never there."""
        done = self._inspect(reference, "{{json .RepoDigests}}")
        known = json.loads(done.stdout) if done.code == 0 else None
        digests = dict(entry.split("@", 1) for entry in known or ())
        return digests.get(repository_of(reference)) or next(iter(digests.values()), None)

    def copies(self, repository_uri: str, prefix: str) -> list[str]:
        """Names of the images of a repository that the engine keeps, by the start of their tags."""
        command = [self.name, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository_uri]
        done = self.run(command, {}, "", ANSWER_SECONDS)
        return sorted({name for name in done.stdout.split() if name.startswith(f"{repository_uri}:{prefix}")})

    def remove(self, references: Sequence[str]) -> None:
        self._do([self.name, "image", "rm", *references], "The copies of the images could not be removed")

    def _inspect(self, reference: str, template: str) -> Completed:
        return self.run([self.name, "image", "inspect", "--format", template, reference], {}, "", ANSWER_SECONDS)

    def _do(self, command: Sequence[str], failure: str, environment: Mapping[str, str] | None = None) -> None:
        done = self.run(command, environment or {}, "", None)
        if done.code:
            raise EngineError(f"{failure}: {self.name} ended with code {done.code}. Its last lines:\n{done.last_lines}")

    @contextmanager
    def _logged_in(self, login: Login) -> Iterator[tuple[list[str], dict[str, str]]]:
        """Options and environment with which the engine can push; the password is in a private folder meanwhile.

        Neither the command line nor the user's own login file or key ring ever holds it.
        """
        with tempfile.TemporaryDirectory(prefix="amica-login-") as name:
            folder = Path(name)
            token = base64.b64encode(f"{LOGIN_USER}:{login.password}".encode()).decode()
            config = folder / "config.json"
            config.touch(mode=0o600)
            settings: dict[str, object] = {"auths": {login.host: {"auth": token}}}
            if self.name == "podman":
                config.write_text(json.dumps(settings))
                yield ["--authfile", str(config), f"--tls-verify={str(login.encrypted).lower()}"], {}
                return
            usual = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
            config.write_text(json.dumps(settings | docker_context(usual)))
            for part in ("contexts", "cli-plugins"):
                if (usual / part).exists():
                    (folder / part).symlink_to(usual / part)
            yield [], {"DOCKER_CONFIG": name}


def docker_context(usual: Path) -> dict[str, str]:
    """Which engine the user's Docker talks to, from its settings."""
    try:
        chosen = json.loads((usual / "config.json").read_text()).get("currentContext")
    except (OSError, ValueError, AttributeError):
        return {}
    return {"currentContext": chosen} if chosen else {}


def repository_of(reference: str) -> str:
    """A reference without its tag and digest."""
    named = reference.partition("@")[0]
    folder, slash, last = named.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


@dataclass(frozen=True)
class Found:
    """The engine that answers, or what each said instead."""

    engine: Engine | None
    problems: Mapping[str, str]


def find_engine(names: Sequence[str], run: Run = run) -> Found:
    problems: dict[str, str] = {}
    for name in names:
        engine = Engine(name, run)
        problem = engine.problem()
        if not problem:
            return Found(engine, problems)
        problems[name] = problem
    return Found(None, problems)
