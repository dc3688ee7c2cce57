# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environments that the process runtime runs applications in: one a lock file, made once."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from embedded_aws.ecs.folders import exclusive
from embedded_aws.ecs.folders import remove_tree
from embedded_aws.ecs.runtime import PullError

INSTALL_TIMEOUT_SECONDS = 1800
# Byte-code is what makes an application start in seconds; the others belong to the Python that runs here.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")

_LOG = logging.getLogger(__name__)


def find_uv(hint: Path | None) -> str | None:
    """The uv to use: in `hint` (the program or its folder), beside this Python, or on PATH."""
    places = [hint, hint / "uv"] if hint else []
    for place in [*places, Path(sys.executable).with_name("uv")]:
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    return shutil.which("uv")


class Environments:
    """The environments of one folder."""

    def __init__(self, home: Path, uv: Path | None = None) -> None:
        self._home = home
        self._uv = find_uv(uv)

    def make(self, lock: Path) -> Path:
        """Have an environment with exactly the packages of the lock file, and return its folder.

        :raises PullError: the packages cannot be had.
        """
        content = lock.read_bytes()
        # Another Python needs other wheels of the same lock.
        place = self._home / hashlib.sha256(content + sys.version.encode()).hexdigest()[:32]
        finished = place / "finished"
        with exclusive(place.with_suffix(".lock")) as held:
            if not (finished.exists() and (place / "bin" / "python").exists()):
                remove_tree(place)
                self._install(lock, place, any(_requirements(content)), held)
                finished.touch()
        return place

    def _install(self, lock: Path, place: Path, packages: bool, held: int) -> None:
        """Try uv, then pip: uv does not read pip's configuration, which may name the only index that answers."""
        environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        python = str(place / "bin" / "python")
        venv = [sys.executable, "-m", "venv", str(place)]
        pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        recipes = [(venv, pip)]
        if self._uv:
            uv_venv = [self._uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(place)]
            uv_pip = [self._uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
            # What builds the packages that come as source, if the application locks that too.
            if (build := lock.with_name("build.lock")).exists():
                uv_pip += ["--build-constraints", str(build)]
            recipes.insert(0, (uv_venv, uv_pip))
        problem = ""
        for make, install in recipes:
            _LOG.info("%s makes the environment of %s", Path(make[0]).name, lock)
            problem = self._run(make, environment, held)
            if packages and not problem:
                problem = self._run([*install, "--require-hashes", "--requirement", str(lock)], environment, held)
            if not problem:
                return
            _LOG.warning("%s", problem)
            remove_tree(place)
        raise PullError(f"the environment of {lock.name} cannot be made: {problem}")

    def _run(self, command: list[str], environment: Mapping[str, str], held: int) -> str:
        """Run it and return what went wrong: the end of its output, empty on success.

        It holds the lock with us, so that the next embedded AWS waits for it if this one is killed.
        """
        try:
            done = subprocess.run(
                command,
                cwd=self._home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=(held,),
                timeout=INSTALL_TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{Path(command[0]).name}: {error}"
        return "" if done.returncode == 0 else f"{Path(command[0]).name}: {done.stdout.strip()[-800:]}"


def _requirements(lock: bytes) -> list[bytes]:
    return [line for line in lock.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
