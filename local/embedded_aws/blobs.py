# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushed images on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any


class Blobs(MutableMapping[str, bytes]):
    """A repository's blobs by digest. Each lies once in `blobs/sha256`; an empty file is a repository's claim."""

    def __init__(self, root: Path, claims: Path) -> None:
        self.root = root / "blobs" / "sha256"
        self.claims = claims

    @staticmethod
    def name(digest: str) -> str:
        algorithm, _, name = digest.partition(":")
        if algorithm != "sha256" or len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise KeyError(digest)
        return name

    def __getitem__(self, digest: str) -> bytes:
        if digest not in self:
            raise KeyError(digest)
        return (self.root / self.name(digest)).read_bytes()

    def __setitem__(self, digest: str, content: bytes) -> None:
        name = self.name(digest)
        self.root.mkdir(parents=True, exist_ok=True)
        self.claims.mkdir(parents=True, exist_ok=True)
        target = self.root / name
        if not target.exists():
            half = target.with_suffix(".half")
            half.write_bytes(content)
            half.replace(target)
        (self.claims / name).touch()

    def __delitem__(self, digest: str) -> None:
        (self.claims / self.name(digest)).unlink()

    def __contains__(self, digest: object) -> bool:
        try:
            name = self.name(str(digest))
        except KeyError:
            return False
        return (self.claims / name).exists() and (self.root / name).exists()

    def __iter__(self) -> Iterator[str]:
        return (f"sha256:{claim.name}" for claim in self.claims.iterdir()) if self.claims.is_dir() else iter(())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def sweep(root: Path) -> None:
    """Delete the blobs that no repository claims any more."""
    claimed = {claim.name for kind in ("layers", "manifests") for claim in (root / kind).glob("*/*/*")}
    for blob in (root / "blobs" / "sha256").glob("*"):
        if blob.name not in claimed:
            blob.unlink()


def manifest_of(image: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads(image.get("imageManifest") or "{}"))
    except (TypeError, ValueError):
        return {}


def size(manifest: dict[str, Any]) -> int:
    """What ECR shows as the size: the configuration's and the layers' bytes, as they are stored."""
    return sum(int(part.get("size", 0)) for part in (manifest.get("config") or {}, *manifest.get("layers", [])))
