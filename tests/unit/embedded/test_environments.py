# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tools make the environment of a lock file, in which order, and what is said when they fail."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from embedded_aws.ecs.environments import Environments
from embedded_aws.ecs.runtime import PullError

# Stands for uv, for Python and for the environment's Python; it fails to install while there is a file `broken`.
TOOL = r"""#!/bin/sh
tool=$(basename "$0")
echo "$tool $*" >> {calls}
ls -l /proc/$$/fd | grep -q '\.lock$' || echo "no lock" >> {calls}
[ -z "$PYTHONDONTWRITEBYTECODE" ] || echo "no byte-code" >> {calls}
case "$*" in
*' install '*) if [ -e {broken}-$tool ]; then echo "$tool: no index answers" >&2; exit 1; fi ;;
*) for place; do :; done; mkdir -p "$place/bin"; ln -s {python} "$place/bin/python" ;;
esac
"""


class Tools:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("uv", "python"):
            text = TOOL.format(calls=folder / "calls", broken=folder / "broken", python=folder / "python")
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.lock = folder / "requirements.lock"
        self.lock.write_text("# comment\nwheel==1 --hash=sha256:0\n")
        self.environments = Environments(folder / "environments", folder)

    def breaks(self, tool: str) -> None:
        (self.folder / f"broken-{tool}").touch()

    def calls(self) -> list[str]:
        """The tool and its verb of each call."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [f"{line.split()[0]} {'install' if ' install ' in line else 'venv'}" for line in lines]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    made = Tools(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return made


def test_uv_makes_it_once_with_byte_code_and_hashes(tools: Tools) -> None:
    place = tools.environments.make(tools.lock)
    assert tools.environments.make(tools.lock) == place
    assert tools.calls() == ["uv venv", "uv install"]
    assert "--compile-bytecode" in (install := (tools.folder / "calls").read_text().splitlines()[1])
    assert "--require-hashes" in install


def test_pip_does_what_uv_cannot(tools: Tools) -> None:
    tools.breaks("uv")
    tools.environments.make(tools.lock)
    assert tools.calls() == ["uv venv", "uv install", "python venv", "python install"]


def test_what_nobody_can_is_said_and_tried_again(tools: Tools) -> None:
    tools.breaks("uv")
    tools.breaks("python")
    with pytest.raises(PullError, match=r"requirements\.lock cannot be made: python: python: no index answers"):
        tools.environments.make(tools.lock)
    (tools.folder / "broken-uv").unlink()
    assert (tools.environments.make(tools.lock) / "finished").exists()


def test_a_lock_of_nothing_installs_nothing(tools: Tools) -> None:
    tools.lock.write_text("# nothing\n")
    tools.environments.make(tools.lock)
    assert tools.calls() == ["uv venv"]


def test_another_lock_is_another_environment(tools: Tools) -> None:
    first = tools.environments.make(tools.lock)
    tools.lock.write_text("wheel==2 --hash=sha256:0\n")
    assert tools.environments.make(tools.lock) != first


def test_two_tasks_at_once_make_it_once(tools: Tools) -> None:
    threads = [threading.Thread(target=tools.environments.make, args=(tools.lock,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tools.calls() == ["uv venv", "uv install"]
