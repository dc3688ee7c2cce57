# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the environment that this repository's commands run in.

`bootstrap.py run` installs what a playbook run needs into `.venv-ansible`, `bootstrap.py test` what tests need, too.
Everything is pinned with hashes; a second call with unchanged locks takes no time. Needs the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / ".venv-ansible"
COLLECTIONS = REPOSITORY / "collections" / "ansible_collections"
UNPACKED = ("amazon/aws", "ansible/posix", "community/aws")
SUPPORTED = ((3, 13), (3, 12), (3, 11))
PROBE = "import ctypes, ensurepip, sqlite3, ssl, sys, venv; print(sys.version_info[0], sys.version_info[1])"


class BootstrapError(Exception):
    """Something that the user has to mend; the text says what and how."""


def say(text: str) -> None:
    print(f"[bootstrap] {text}", flush=True)


def candidates() -> Iterator[tuple[tuple[int, int], str]]:
    """Yield (version, interpreter) of every Python found by name, newest supported version first."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in SUPPORTED:
        name = f"python{version[0]}.{version[1]}"
        on_path = shutil.which(name)
        if on_path:
            yield version, on_path
        yield from (
            (version, str(path)) for path in sorted(pyenv.glob(f"{version[0]}.{version[1]}.*/bin/python"), reverse=True)
        )
    yield (sys.version_info[0], sys.version_info[1]), sys.executable


def usable(version: tuple[int, int], interpreter: str) -> bool:
    """Whether the interpreter starts, is the version that its name says and can make a virtual environment."""
    answer = subprocess.run([interpreter, "-c", PROBE], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.split() == [str(part) for part in version]


def newest_python() -> str:
    for version, interpreter in candidates():
        if version in SUPPORTED and usable(version, interpreter):
            return interpreter
    raise BootstrapError(
        "no usable Python 3.11, 3.12 or 3.13 found (it needs the venv and ensurepip modules). "
        "On Debian: apt-get install python3 python3-venv"
    )


def run(*command: str | Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if subprocess.run([str(part) for part in command], check=False, env=environment).returncode:
        raise BootstrapError(f"this command failed: {' '.join(str(part) for part in command)}")


def fingerprint(*files: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def make_venv(lock: Path) -> None:
    """Bring `.venv-ansible` to the state of the lock; a half-made one from a killed run is made anew."""
    stamp = VENV / "amica-lock"
    wanted = {lock.stem: fingerprint(lock)}
    if lock.stem == "run":
        wanted["test"] = fingerprint(lock.with_name("test.lock"))
    known = stamp.read_text().split() if stamp.exists() else []
    if any([name, digest] == known for name, digest in wanted.items()):
        return
    python = VENV / "bin" / "python"
    if not stamp.exists():
        interpreter = newest_python()
        say(f"making .venv-ansible with {interpreter}")
        run(interpreter, "-m", "venv", "--clear", VENV)
    stamp.unlink(missing_ok=True)
    say("installing uv")
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock.with_name("bootstrap.lock"))
    say(f"installing {lock.relative_to(REPOSITORY)}")
    run(VENV / "bin" / "uv", "pip", "install", "--python", python, "--require-hashes", "--compile-bytecode", "-r", lock)
    stamp.write_text(f"{lock.stem} {wanted[lock.stem]}\n")


def unpack_collections(lock: Path) -> None:
    """Unpack the AWS collections beside this one, in one root, as ansible-test wants them."""
    stamp = COLLECTIONS / ".amica-lock"
    wanted = fingerprint(lock)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("fetching the collections amazon.aws, community.aws and ansible.posix")
    with tempfile.TemporaryDirectory() as folder:
        # The wheel asks for a newer Python than the three collections in it do, so the download names one.
        run(VENV / "bin" / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
            "--python-version", "3.13", "--require-hashes", "-r", lock, "-d", folder)  # fmt: skip
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in UNPACKED:
                shutil.rmtree(COLLECTIONS / name, ignore_errors=True)
            wanted_prefixes = tuple(f"ansible_collections/{name}/" for name in UNPACKED)
            members = [name for name in archive.namelist() if name.startswith(wanted_prefixes)]
            archive.extractall(COLLECTIONS.parent, members)
    stamp.write_text(wanted)


def main(arguments: list[str]) -> int:
    if arguments not in (["run"], ["test"]):
        print("usage: bootstrap.py run|test", file=sys.stderr)
        return 2
    started = time.monotonic()
    locks = REPOSITORY / "requirements"
    try:
        make_venv(locks / f"{arguments[0]}.lock")
        unpack_collections(locks / "collections.lock")
    except BootstrapError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 2
    if time.monotonic() - started > 1:
        say(f"the environment is ready after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
