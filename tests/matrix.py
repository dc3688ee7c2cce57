# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try the collection under each ansible-core and Python that it says it supports, and print a line for each pair.

`python tests/matrix.py [core-python ...]`, as in `2.19-3.11`, inside the test environment. Each pair gets an
environment of its own in `.cache/matrix`, with the test environment's versions of everything but ansible-core, and
runs the contract of the warm connection, which depends most on what ansible-core does inside, and a syntax check of
the playbooks. Exit code 0 only if nothing failed; a pair that cannot be tried is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tools import bootstrap  # noqa: E402

HOME = REPOSITORY / ".cache" / "matrix"
# The oldest Python for which each ansible-core is published.
CORES = {(2, 19): (3, 11), (2, 20): (3, 12), (2, 21): (3, 12)}
PYTHONS = ((3, 11), (3, 12), (3, 13))
PACKAGES = ("ansible-runner", "boto3", "hypothesis", "pytest")


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


@dataclass(frozen=True)
class Pair:
    core: tuple[int, int]
    python: tuple[int, int]

    @property
    def name(self) -> str:
        return f"{dotted(self.core)}-{dotted(self.python)}"

    @property
    def folder(self) -> Path:
        return HOME / self.name

    def interpreter(self) -> str | None:
        found = (path for version, path in bootstrap.candidates() if version == self.python)
        return next((path for path in found if bootstrap.usable(self.python, path)), None)

    def hindrance(self) -> str:
        """Why the pair cannot be tried, and the remedy where there is one; empty if it can."""
        oldest = CORES[self.core]
        if self.python < oldest:
            return f"ansible-core {dotted(self.core)} needs Python {dotted(oldest)} or newer"
        if self.interpreter() is None:
            return f"no usable Python {dotted(self.python)} is on this machine: install it, for example with pyenv"
        return ""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
        environment["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{environment['PATH']}"
        environment["VIRTUAL_ENV"] = str(self.folder)
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(REPOSITORY / "collections")
        environment["LC_ALL"] = "C.UTF-8"
        return subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def steps(self) -> list[list[str]]:
        python = str(self.folder / "bin" / "python")
        uv = [sys.executable, "-m", "uv"]
        playbooks = [str(path) for path in sorted((REPOSITORY / "playbooks").glob("*.yml"))]
        return [
            [*uv, "venv", "--quiet", "--allow-existing", "--python", str(self.interpreter()), str(self.folder)],
            [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python,
             "--constraint", str(HOME / "constraints.txt"), f"ansible-core=={dotted(self.core)}.*", *PACKAGES],
            [str(self.folder / "bin" / "ansible-playbook"), "--syntax-check", "site.yml", *playbooks],
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_warm.py"],
        ]  # fmt: skip

    def attempt(self) -> str:
        """The end of what the first step printed that failed; empty if none did. All of it is in a file."""
        log = HOME / f"{self.name}.log"
        log.write_text("")
        for step in self.steps():
            done = self.run(*step)
            with log.open("a") as file:
                file.write(f"$ {' '.join(step)}\n{done.stdout}{done.stderr}")
            if done.returncode:
                return "\n".join([f"$ {' '.join(step)}", *(done.stdout + done.stderr).splitlines()[-40:], f"see {log}"])
        return ""


def constraints() -> str:
    """The test environment's pins but that of ansible-core."""
    lock = (REPOSITORY / "requirements" / "test.lock").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in lock if "==" in line and not line.startswith((" ", "#", "ansible-core="))]
    return "\n".join([*pins, ""])


def main(names: list[str]) -> int:
    pairs = {pair.name: pair for pair in (Pair(core, python) for core in CORES for python in PYTHONS)}
    unknown = [name for name in names if name not in pairs]
    if unknown:
        print(f"unknown pair {', '.join(unknown)}; there are {', '.join(pairs)}", file=sys.stderr)
        return 2
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "constraints.txt").write_text(constraints())
    passed = failed = 0
    for pair in (pairs[name] for name in names or pairs):
        shown = f"ansible-core {dotted(pair.core)}, Python {dotted(pair.python)}"
        started = time.monotonic()
        if hindrance := pair.hindrance():
            print(f"NOT RUN: {shown}: {hindrance}", flush=True)
        elif trouble := pair.attempt():
            failed += 1
            print(f"FAILED:  {shown}\n{trouble}", flush=True)
        else:
            passed += 1
            print(f"passed:  {shown} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
