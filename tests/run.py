# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the project's tests, layer by layer, and say at the end what passed, what failed and what could not run.

`python tests/run.py [layer ...]`, inside the test environment. Exit code 0 only if nothing failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from xml.etree import ElementTree

REPOSITORY = Path(__file__).resolve().parent.parent
COLLECTION = REPOSITORY / "collections" / "ansible_collections" / "amica" / "stack"
APP_VENV = REPOSITORY / ".cache" / "app-venv"
# Each file of tests has an embedded AWS of its own, so two of them can run side by side.
SIDE_BY_SIDE = ("--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder")


@dataclass
class Tally:
    """Counts of one run, what failed, and the reasons why something could not run."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)

    def fail(self, what: str, why: str) -> None:
        self.failures.append(f"FAILED: {what}: {why.strip().partition(chr(10))[0][:160]}")


@dataclass(frozen=True)
class Runner:
    """Runs commands from the repository, shows what they print and counts how they end."""

    tally: Tally
    environment: dict[str, str]

    def execute(self, *command: str, cwd: Path = REPOSITORY) -> int:
        print(f"\n$ {' '.join(command)}", flush=True)
        started = time.monotonic()
        code = subprocess.run(command, cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL, check=False).returncode
        print(f"  exit code {code} after {time.monotonic() - started:.0f} s", flush=True)
        return code

    def check(self, *command: str, cwd: Path = REPOSITORY) -> None:
        """Run one command that counts as one test."""
        self.count(command, self.execute(*command, cwd=cwd))

    @contextmanager
    def beside(self, *command: str) -> Iterator[None]:
        """Run one command that counts as one test beside those of the block, and show after them what it printed."""
        with tempfile.TemporaryFile() as printed:
            with subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            ) as running:
                yield
            printed.seek(0)
            print(f"\n$ {' '.join(command)}\n{printed.read().decode()}  exit code {running.returncode}", flush=True)
        self.count(command, running.returncode)

    def count(self, command: Sequence[str], code: int) -> None:
        if code:
            self.tally.fail(" ".join(command), f"exit code {code}")
        else:
            self.tally.passed += 1

    def pytest(self, *arguments: str) -> None:
        """Run pytest; each of its tests counts."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            code = self.execute(sys.executable, "-m", "pytest", f"--junit-xml={report}", *arguments)
            suites = list(ElementTree.parse(report).getroot()) if report.exists() else []
        cases = [case for suite in suites for case in suite.iter("testcase")]
        failures = {case: mark for case in cases for mark in (*case.iter("failure"), *case.iter("error"))}
        for case, mark in failures.items():
            self.tally.fail(f"{case.get('classname')}.{case.get('name')}", mark.get("message", ""))
        if code and not failures:
            self.tally.fail(f"pytest {arguments[0]}", f"exit code {code}")
        reasons = Counter(mark.get("message") for case in cases for mark in case.iter("skipped"))
        for reason, count in reasons.items():
            self.cannot_run(f"{count} tests of {arguments[0]}", f"{reason}")
        self.tally.passed += len(cases) - len(failures) - reasons.total()

    def cannot_run(self, what: str, why_and_remedy: str) -> None:
        line = f"NOT RUN: {what}: {why_and_remedy}"
        print(f"\n{'!' * 100}\n{line}\n{'!' * 100}", flush=True)
        self.tally.not_run.append(line)


def engine() -> str | None:
    """The container engine that answers, if one does."""
    for name in ("docker", "podman"):
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return name
    return None


def lint(run: Runner) -> None:
    docs = (
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--skip-rstcheck",
        "--validate-collection-refs=all",
    )
    with run.beside(sys.executable, "tests/sanity.py"):
        run.check("ruff", "check", ".")
        run.check("ruff", "format", "--check", ".")
        run.check("mypy")
        run.check("yamllint", "--strict", ".")
        run.check("ansible-lint", "--offline", "--strict")
        run.check("antsibull-changelog", "lint")
        run.check(*docs, ".", cwd=COLLECTION)


def unit(run: Runner) -> None:
    run.pytest("tests/unit", *SIDE_BY_SIDE)


def contract(run: Runner) -> None:
    run.pytest("tests/contract", *SIDE_BY_SIDE)


def app(run: Runner) -> None:
    lock = REPOSITORY / "app" / "requirements.lock"
    stamp = APP_VENV / "amica-lock"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        run.check(sys.executable, "tools/app_environment.py", str(APP_VENV))
        stamp.write_bytes(lock.read_bytes())
    run.environment["AMICA_APP_PYTHON"] = str(APP_VENV / "bin" / "python")
    run.pytest("tests/app")


def e2e(run: Runner) -> None:
    run.pytest("tests/e2e", *SIDE_BY_SIDE)


def molecule(run: Runner) -> None:
    for scenario in ("default", "failures", "strategies", "rag", "enterprise"):
        run.check("molecule", "test", "--scenario-name", scenario)


def containers(run: Runner) -> None:
    if not engine():
        run.cannot_run(
            "the containers layer (real image, real tasks)",
            "neither Docker nor Podman answers: apt-get install docker.io, start dockerd, and run it again",
        )
        return
    if not run.environment.get("AMICA_BASE_IMAGE"):
        print("AMICA_BASE_IMAGE is not set: the image is built from the Dockerfile's own base image", flush=True)
    run.check("molecule", "test", "--scenario-name", "containers")


LAYERS: dict[str, Callable[[Runner], None]] = {
    "lint": lint,
    "unit": unit,
    "contract": contract,
    "app": app,
    "e2e": e2e,
    "molecule": molecule,
    "containers": containers,
}


def environment() -> dict[str, str]:
    """What the commands run with: this environment's tools first, a UTF-8 locale, and no AWS but the embedded one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") or name == "AWS_CA_BUNDLE"}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    kept["LC_ALL"] = "C.UTF-8"
    kept["ANSIBLE_COLLECTIONS_PATH"] = str(REPOSITORY / "collections")
    kept["AWS_EC2_METADATA_DISABLED"] = "true"
    return kept


def report(tally: Tally, timings: list[tuple[str, float]]) -> Iterator[str]:
    yield ""
    for name, seconds in timings:
        yield f"{name:<11}{seconds:5.0f} s"
    yield from tally.not_run
    yield from tally.failures
    yield f"{tally.passed} passed, {len(tally.failures)} failed"


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        print(f"unknown layer {', '.join(unknown)}; there are {', '.join(LAYERS)}", file=sys.stderr)
        return 2
    run = Runner(Tally(), environment())
    timings = []
    for name in names or LAYERS:
        print(f"\n{'=' * 20} {name} {'=' * 20}", flush=True)
        started = time.monotonic()
        LAYERS[name](run)
        timings.append((name, time.monotonic() - started))
    print("\n".join(report(run.tally, timings)), flush=True)
    return int(bool(run.tally.failures) or run.tally.passed == 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
