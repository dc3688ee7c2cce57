# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.amica.stack.plugins.module_utils._warm_payloads import CACHE
from ansible_collections.amica.stack.plugins.module_utils._warm_payloads import MAX_AGE_SECONDS
from ansible_collections.amica.stack.plugins.module_utils._warm_payloads import Payloads

MODULE = "ansible_collections.one.two.plugins.modules.three"
NAME = f"{MODULE}-ZIP_DEFLATED-none"
ENTRY = "ansible_collections/one/two/plugins/modules/three.py"


class Workplace:
    """Two roots of collections, and runs with their temporary folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots = [folder / "first", folder / "second"]
        self.payloads = Payloads(folder / "home", {"ansible_collections": self.roots}, "2.21")
        self.source = self.roots[1] / ENTRY
        self.source.parent.mkdir(parents=True)
        self.source.write_text("one = 1\n")

    def run(self, name: str) -> Path:
        path = self.folder / name
        (path / CACHE).mkdir(parents=True)
        return path

    def built(self, run: Path, entries: dict[str, str] | None = None) -> bytes:
        """What Ansible leaves in a run's folder."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            found = {"ansible_collections/__init__.py": "", ENTRY: "one = 1\n"} if entries is None else entries
            for entry, text in found.items():
                archive.writestr(entry, text)
        data = base64.b64encode(file.getvalue())
        (run / CACHE / NAME).write_bytes(b"pickled " + data)
        return data

    def lent(self, name: str) -> bool:
        run = self.run(name)
        self.payloads.lend(run)
        return (run / CACHE / NAME).exists()


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    run = place.run("run")
    assert not place.lent("before")
    place.payloads.keep(run, MODULE, place.built(run))
    return place


def test_what_was_built_is_lent_to_later_runs_and_kept_once(workplace: Workplace) -> None:
    assert workplace.lent("later")
    run = workplace.folder / "later"
    assert (run / CACHE / NAME).read_bytes() == (workplace.folder / "run" / CACHE / NAME).read_bytes()
    before = sorted(workplace.payloads.folder.iterdir())
    workplace.payloads.keep(run, MODULE, b"of no account")
    assert sorted(workplace.payloads.folder.iterdir()) == before
    assert len(before) == 2
    assert workplace.payloads.home.stat().st_mode & 0o077 == 0


def edited(place: Workplace) -> None:
    place.source.write_text("one = 2\n")


def gone(place: Workplace) -> None:
    place.source.unlink()


def joined(place: Workplace) -> None:
    """A file beside it, which an import of an attribute could now mean."""
    (place.source.parent / "four.py").write_text("")


def hidden(place: Workplace) -> None:
    """By one of the same name in a folder that counts before."""
    (place.roots[0] / ENTRY).parent.mkdir(parents=True)
    (place.roots[0] / ENTRY).write_text("one = 1\n")


def upgraded(place: Workplace) -> None:
    place.payloads = Payloads(place.payloads.home, place.payloads.roots, "2.22")


def opened(place: Workplace) -> None:
    """To others, who could have written into it."""
    place.payloads.home.chmod(0o755)


def cut(place: Workplace) -> None:
    for manifest in place.payloads.folder.glob("*.json"):
        manifest.write_text('{"sources"')


@pytest.mark.parametrize("change", [edited, gone, joined, hidden, upgraded, opened, cut])
def test_what_may_have_changed_is_built_again(workplace: Workplace, change: Callable[[Workplace], None]) -> None:
    change(workplace)
    assert not workplace.lent("later")


def test_a_newer_one_takes_the_place_of_an_older(workplace: Workplace) -> None:
    edited(workplace)
    run = workplace.run("second")
    workplace.payloads.keep(run, MODULE, workplace.built(run, {ENTRY: "one = 2\n"}))
    assert workplace.lent("later")
    assert len(list(workplace.payloads.folder.iterdir())) == 2


@pytest.mark.parametrize(
    "entries",
    [{ENTRY: "one = 3\n"}, {"ansible_collections/one/two/plugins/module_utils/moved.py": ""}, {"other/file.py": ""}],
    ids=["another text", "a file of Ansible's own", "of no folder"],
)
def test_what_is_built_of_anything_else_is_not_kept(tmp_path: Path, entries: dict[str, str]) -> None:
    place = Workplace(tmp_path)
    run = place.run("run")
    place.payloads.keep(run, MODULE, place.built(run, entries))
    assert not place.lent("later")


def test_what_no_run_uses_any_more_goes(workplace: Workplace) -> None:
    old = workplace.payloads.folder
    os.utime(old, (0, old.stat().st_mtime - MAX_AGE_SECONDS - 1))
    upgraded(workplace)
    run = workplace.run("second")
    workplace.payloads.keep(run, MODULE, workplace.built(run))
    assert [*workplace.payloads.home.iterdir()] == [workplace.payloads.folder]
