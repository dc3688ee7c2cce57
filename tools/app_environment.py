# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the application's own environment: `python tools/app_environment.py DIR`, from app/requirements.lock.

It takes the Python that runs this, and its uv. Byte-code is compiled, or the first start takes three times as long.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "app" / "requirements.lock"


def make(folder: Path) -> int:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if not uv:
        print("uv is missing: run `make test` or `python tools/bootstrap.py run` first", file=sys.stderr)
        return 1
    install = [
        "pip",
        "install",
        "--python",
        str(folder / "bin" / "python"),
        "--require-hashes",
        "--no-deps",
        "--compile-bytecode",
    ]
    for arguments in (["venv", "--clear", "--python", sys.executable, str(folder)], [*install, "-r", str(LOCK)]):
        code = subprocess.run([uv, "--quiet", *arguments], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/app_environment.py DIR")
    sys.exit(make(Path(sys.argv[1])))
