# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from embedded_aws.blobs import Blobs
from embedded_aws.blobs import manifest_of
from embedded_aws.blobs import size
from embedded_aws.blobs import sweep


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def repository(root: Path, name: str) -> Blobs:
    return Blobs(root, root / "layers" / "region" / name)


def test_repositories_share_a_blob_and_the_last_one_takes_it_away(tmp_path: Path) -> None:
    one, two, name = repository(tmp_path, "one"), repository(tmp_path, "two"), digest(b"layer")
    one[name] = b"layer"
    assert (name in one, name in two) == (True, False)
    two[name] = b"layer"
    assert list((tmp_path / "blobs" / "sha256").iterdir()) == [tmp_path / "blobs" / "sha256" / name[7:]]
    del one[name]
    sweep(tmp_path)
    assert (one.get(name), two[name], list(two)) == (None, b"layer", [name])
    del two[name]
    sweep(tmp_path)
    assert not list((tmp_path / "blobs" / "sha256").iterdir())


@pytest.mark.parametrize("name", ["", "sha256:", "sha256:../../etc/passwd", "md5:" + "0" * 64, "sha256:" + "Z" * 64])
def test_a_digest_is_no_path(tmp_path: Path, name: str) -> None:
    blobs = repository(tmp_path, "one")
    assert name not in blobs
    with pytest.raises(KeyError):
        blobs[name] = b""


def test_the_size_is_that_of_the_parts() -> None:
    image = {"imageManifest": '{"config": {"size": 3}, "layers": [{"size": 10}, {"size": 20}]}'}
    assert size(manifest_of(image)) == 33
    assert size(manifest_of({"imageManifest": "no json"})) == 0
