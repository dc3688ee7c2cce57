# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads that outlive the run that built them.

Ansible looks through 75 and more files for what a module imports, in each run anew for each module: 0.2 CPU seconds.
It keeps the result, the payload without the task's arguments, in a file of the run's temporary folder and takes it
from there if it is there. So the connection keeps those files, with the state of every file and folder that they were
built from, and lends them to a later run if all of that is as it was. Whatever is unclear is built again.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.amica.stack.plugins.module_utils._warm_wire import check_private

# Where ansible-core keeps the payloads of a run, and how it ends the names of those without debugger or coverage.
CACHE = "ansiballz_cache"
PLAIN = "-none"
MANIFEST = ".json"
# What no run has used for so long goes.
MAX_AGE_SECONDS = 30 * 24 * 3600


def state(path: str) -> list[int] | None:
    """What changes with a file or a folder's list of files; None if it is not there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev]


@dataclass(frozen=True)
class Payloads:
    """The payloads that are kept in a folder for runs of the same Ansible with the same collections.

    :param roots: folders that hold a payload's files, by the first part of their path: the first to have one counts.
    :param identity: what else payloads depend on, such as versions.
    """

    home: Path
    roots: dict[str, Sequence[Path]]
    identity: str

    @functools.cached_property
    def folder(self) -> Path:
        words = json.dumps([self.identity, {name: [str(root) for root in roots] for name, roots in self.roots.items()}])
        return self.home / hashlib.sha256(words.encode()).hexdigest()[:24]

    def lend(self, run: Path) -> None:
        """Give a run that begins, by its temporary folder, what is kept and still true."""
        with contextlib.suppress(OSError):
            check_private(self.home)
            os.utime(self.folder)
            known = functools.cache(state)
            (run / CACHE).mkdir(mode=0o700, exist_ok=True)
            for manifest in self.folder.glob(f"*{MANIFEST}"):
                with contextlib.suppress(OSError, ValueError, KeyError, AttributeError):
                    kept = json.loads(manifest.read_text())
                    if all(known(path) == before for path, before in kept["sources"].items()):
                        # A link: what another run keeps from now on is another file.
                        os.link(self.folder / kept["payload"], run / CACHE / manifest.name.removesuffix(MANIFEST))

    def keep(self, run: Path, module: str, archive: bytes) -> None:
        """Keep a module's payload that the run has built.

        :param archive: the payload's archive, in base64.
        """
        with contextlib.suppress(OSError, ValueError, zipfile.BadZipFile):
            (built,) = (run / CACHE).glob(f"{module}-*{PLAIN}")
            if built.stat().st_nlink > 1:
                return
            data = built.read_bytes()
            sources = self.sources(archive)
            if archive not in data or sources is None:
                return
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(self.home)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            name = hashlib.sha256(data).hexdigest()
            manifest = self.folder / f"{built.name}{MANIFEST}"
            old = json.loads(manifest.read_text())["payload"] if manifest.exists() else name
            # One file with two names: this run's next task finds it kept.
            with contextlib.suppress(FileExistsError):
                os.link(built, self.folder / name)
            part = manifest.with_name(f"{manifest.name}.{os.getpid()}")
            part.write_text(json.dumps({"payload": name, "sources": sources}))
            part.replace(manifest)
            if old != name:
                (self.folder / old).unlink(missing_ok=True)
            self._prune()

    def sources(self, archive: bytes) -> dict[str, list[int] | None] | None:
        """The state of all that the payload was built from; None if it holds what is in none of the folders."""
        tops = [root / top for top, roots in self.roots.items() for root in roots]
        # What is installed later may be what an import looked for in vain.
        found = {str(folder): state(str(folder)) for top in tops for folder in (top, *top.glob("*/"))}
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(archive, validate=True))) as files:
            for entry in files.namelist():
                data, place = files.read(entry), None
                for path in (root / entry for root in self.roots.get(entry.split("/")[0], ())):
                    found[str(path)] = state(str(path))
                    found[str(path.parent)] = state(str(path.parent))
                    if found[str(path)] is not None:
                        place = path
                        break
                # Ansible writes packages' own files, and those of names that were moved, itself.
                if (place is None or place.read_bytes() != data) and not entry.endswith("/__init__.py"):
                    return None
        return found

    def _prune(self) -> None:
        for folder in self.home.iterdir():
            if folder != self.folder and folder.stat().st_mtime < time.time() - MAX_AGE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
