# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files go into an image, and the tag that stands for them.

The same files and settings give the same tag on every machine and at every time, so a tag that the repository
holds already says that there is nothing to build.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAG_PREFIX = "src-"
TAG_DIGITS = 16
IGNORE_FILE = ".dockerignore"
# What running the application or the tests leaves behind is no source.
NEVER_SOURCE = ("**/__pycache__", "**/*.pyc", ".git")


@dataclass(frozen=True)
class SourceFile:
    """A file of the build: its path in the build context, with slashes, and where it lies."""

    path: str
    location: Path
    executable: bool = False
    link: str | None = None

    def read(self) -> bytes:
        return self.location.read_bytes()

    def fingerprint(self) -> str:
        """What of the file ends up in an image: kind, whether it is executable, content."""
        if self.link is not None:
            return f"link {self.link}"
        with self.location.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return f"{'program' if self.executable else 'file'} {digest}"


@dataclass(frozen=True)
class Pattern:
    """One line of a .dockerignore file."""

    text: str
    again: bool
    expression: re.Pattern[str]

    @classmethod
    def parse(cls, line: str) -> Pattern | None:
        again = line.startswith("!")
        text = os.path.normpath(line[again:].strip()).strip("/")
        return cls(text, again, re.compile(expression_of(text))) if text not in ("", ".") else None

    def matches(self, path: str) -> bool:
        """Whether the line means the path or a folder above it."""
        parts = path.split("/")
        return any(self.expression.fullmatch("/".join(parts[:count])) for count in range(1, len(parts) + 1))


def expression_of(pattern: str) -> str:
    """A .dockerignore pattern as a regular expression.

    Source: https://docs.docker.com/build/concepts/context/#syntax (Go's filepath.Match, and `**`).
    """
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|\\.|.", pattern, re.DOTALL)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(token) or (token if is_set(token) else re.escape(token[-1])) for token in tokens)


def is_set(token: str) -> bool:
    """Whether a token is a set of characters, which means the same in a regular expression."""
    return token.startswith("[") and len(token) > 2


@dataclass(frozen=True)
class Ignore:
    """What of a build context is no source. The last line that matches a path decides."""

    patterns: tuple[Pattern, ...]

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Ignore:
        written = [line.strip() for line in lines]
        kept = [line for line in written if line and not line.startswith("#")]
        return cls(tuple(filter(None, (Pattern.parse(line) for line in [*kept, *NEVER_SOURCE]))))

    def ignores(self, path: str) -> bool:
        verdict = False
        for pattern in self.patterns:
            if pattern.again == verdict and pattern.matches(path):
                verdict = not pattern.again
        return verdict

    def skips(self, folder: str) -> bool:
        """Whether nothing under an ignored folder can come back, as a line such as `!folder/file` would make it."""
        return self.ignores(folder) and not any(
            pattern.again and f"{pattern.text}/".startswith(f"{folder}/") for pattern in self.patterns
        )


def source_files(context: Path, below: str = "") -> list[SourceFile]:
    """The files of a build context that .dockerignore leaves, in order; `below` a folder of it, if one is given."""
    ignore_file = context / IGNORE_FILE
    ignore = Ignore.parse(ignore_file.read_text().splitlines() if ignore_file.is_file() else ())
    return sorted(walk(context, context / below, ignore), key=lambda file: file.path)


def walk(context: Path, folder: Path, ignore: Ignore) -> Iterator[SourceFile]:
    for entry in os.scandir(folder):
        location = Path(entry.path)
        path = location.relative_to(context).as_posix()
        if entry.is_dir(follow_symlinks=False):
            if not ignore.skips(path):
                yield from walk(context, location, ignore)
        elif ignore.ignores(path):
            continue
        elif entry.is_symlink():
            yield SourceFile(path, location, link=str(location.readlink()))
        elif entry.is_file():
            yield SourceFile(path, location, executable=bool(entry.stat().st_mode & 0o100))


def source_tag(files: Iterable[SourceFile], settings: Mapping[str, Any]) -> str:
    """The tag for these files built with these settings."""
    named = {"files": {file.path: file.fingerprint() for file in files}, "settings": settings}
    text = json.dumps(named, sort_keys=True, separators=(",", ":"))
    return f"{TAG_PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:TAG_DIGITS]}"
