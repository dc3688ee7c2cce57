# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that several threads make and remove at once."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(lock: Path) -> Iterator[int]:
    """Hold the lock of that file; other threads and other processes wait for it.

    A program that inherits the file descriptor holds the lock too, should it outlive this process.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def make_read_only(folder: Path) -> None:
    """Take the right to write from all that the folder holds. Root may write all the same."""
    for path, _, files in os.walk(folder, topdown=False):
        for place in [Path(path, name) for name in files] + [Path(path)]:
            place.chmod(place.stat().st_mode & 0o555)


def remove_tree(folder: Path) -> None:
    """Remove the folder, if it exists, and all in it, what is read-only too."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
