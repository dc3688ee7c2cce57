# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test sanity` on what Ansible loads, in the folder layout that it wants.

The application, the embedded AWS, the tools and the tests are plain Python programs: ruff and mypy look after them.

ansible-test makes virtual environments of its own and downloads a script that puts pip into them. The script here
does the same with the pip that Python carries, so that nothing is fetched from anywhere but the package index.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ansible_test._internal import python_requirements
from support.machine import ROOT
from support.machine import project_files

HOME = ROOT / ".cache" / "sanity"
COLLECTIONS = HOME / "ansible_collections"
PROGRAMS = ("app/", "local/", "tests/app/", "tests/contract/", "tests/e2e/", "tests/support/", "tests/unit/", "tools/")
PIP_BOOTSTRAP = """\
import ensurepip, subprocess, sys
ensurepip.bootstrap()
packages = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]))
"""


def copy_collection() -> Path:
    """Copy what git tracks to `.cache/sanity/ansible_collections/amica/stack`, beside links to what it depends on."""
    collection = COLLECTIONS / "amica" / "stack"
    shutil.rmtree(COLLECTIONS, ignore_errors=True)
    for name in project_files():
        if name.startswith(PROGRAMS):
            continue
        source = ROOT / name
        if source.is_symlink() or not source.is_file():
            continue
        target = collection / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for name in ("amazon", "community"):
        (COLLECTIONS / name).symlink_to(ROOT / "collections" / "ansible_collections" / name)
    # ansible-test asks git which files there are, and this folder lies inside what the repository ignores.
    for command in (["git", "init", "--quiet"], ["git", "add", "--all", "--force"]):
        subprocess.run(command, cwd=collection, check=True)
    return collection


def provide_pip_bootstrap() -> None:
    source = Path(python_requirements.__file__).read_text()
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"\d+\.\d+(?:\.\d+)?", source)):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(PIP_BOOTSTRAP)


def main() -> int:
    provide_pip_bootstrap()
    collection = copy_collection()
    environment = {name: value for name, value in os.environ.items() if name != "ANSIBLE_COLLECTIONS_PATH"}
    environment["HOME"] = str(HOME)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = ["ansible-test", "sanity", "--color", "no", "--python", python]
    return subprocess.run(command, cwd=collection, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
