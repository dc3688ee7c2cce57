# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images are pulled whole or not at all."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_aws.ecs.images import Images
from embedded_aws.ecs.images import Reference
from embedded_aws.ecs.runtime import PullError
from support.fake_registry import FakeRegistry
from support.fake_registry import fake_registry

DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def server() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture
def registry(server: FakeRegistry) -> FakeRegistry:
    for content in (server.blobs, server.manifests, server.requests):
        content.clear()
    return server


@pytest.mark.parametrize(
    ("text", "reference", "local"),
    [
        ("127.0.0.1:4566/amica-stack:v1", Reference("127.0.0.1:4566", "amica-stack", "v1", ""), True),
        (f"127.0.0.1:4566/a/b@{DIGEST}", Reference("127.0.0.1:4566", "a/b", "", DIGEST), True),
        (f"localhost:5000/a:t@{DIGEST}", Reference("localhost:5000", "a", "t", DIGEST), True),
        ("[::1]:5000/a", Reference("[::1]:5000", "a", "", ""), True),
        ("nginx:latest", Reference("docker.io", "nginx", "latest", ""), False),
        ("library/nginx", Reference("docker.io", "library/nginx", "", ""), False),
        ("127.example.com/a:1", Reference("127.example.com", "a", "1", ""), False),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1",
            Reference("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "a", "1", ""),
            False,
        ),
    ],
)
def test_references(text: str, reference: Reference, local: bool) -> None:
    assert Reference.parse(text) == reference
    assert reference.local is local


def test_pull_unpacks_once_and_reads_the_config(registry: FakeRegistry, tmp_path: Path) -> None:
    by_digest = registry.push(
        {"app/serve.py": "print(1)", "app/sub/deep/data": b"\0"},
        tag="v1",
        Cmd=["python", "serve.py"],
        WorkingDir="/app",
        Env=["PORT=8080", "EQUATION=a=b"],
    )
    images = Images(tmp_path)
    image = images.pull(by_digest)
    assert f"@{image.digest}" in by_digest
    assert (image.root / "app" / "serve.py").read_text() == "print(1)"
    assert (image.root / "app" / "sub" / "deep" / "data").read_bytes() == b"\0"
    assert image.command == ("python", "serve.py")
    assert image.entry_point == ()
    assert image.working_directory == "/app"
    assert image.environment == {"PORT": "8080", "EQUATION": "a=b"}
    registry.requests.clear()
    assert images.pull(f"{registry.host}/app:v1") == image
    assert registry.requests == ["/v2/app/manifests/v1"]


def test_two_pulls_at_once_unpack_once(registry: FakeRegistry, tmp_path: Path) -> None:
    reference = registry.push({"app/x": "x" * 1000})
    images = Images(tmp_path)
    threads = [threading.Thread(target=images.pull, args=(reference,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("/blobs/" in path for path in registry.requests) == 2


def test_a_moved_tag_is_another_image(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.push({"app/x": "1"}, tag="v1")
    first = Images(tmp_path).pull(f"{registry.host}/app:v1")
    registry.push({"app/x": "2"}, tag="v1")
    second = Images(tmp_path).pull(f"{registry.host}/app:v1")
    assert first.digest != second.digest
    assert [(image.root / "app" / "x").read_text() for image in (first, second)] == ["1", "2"]


def test_a_missing_image_is_said_as_aws_says_it(registry: FakeRegistry, tmp_path: Path) -> None:
    image = f"{registry.host}/app:nope"
    with pytest.raises(PullError) as caught:
        Images(tmp_path).pull(image)
    assert str(caught.value) == (
        f"pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
    )


def test_no_registry_is_said(tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"failed to do request.*refused"):
        Images(tmp_path).pull("127.0.0.1:1/app:v1")


@pytest.mark.parametrize("image", ["nginx", "public.ecr.aws/nginx/nginx:1"])
def test_other_registries_are_never_asked(tmp_path: Path, image: str) -> None:
    with pytest.raises(PullError, match=r"runs application artifacts only.*build role"):
        Images(tmp_path).pull(image)


def test_container_images_are_refused(registry: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(PullError, match="it is a container image"):
        Images(tmp_path).pull(registry.push({"bin/sh": "x"}, artifact_type=""))


def test_a_damaged_manifest_is_refused(registry: FakeRegistry, tmp_path: Path) -> None:
    reference = registry.push({"app/x": "1"})
    named = reference.partition("@")[2]
    registry.manifests[named] += b" "
    with pytest.raises(PullError, match="digest"):
        Images(tmp_path).pull(reference)


def test_a_damaged_layer_leaves_nothing(registry: FakeRegistry, tmp_path: Path) -> None:
    reference = registry.push({"app/x": "1"})
    layer = max(registry.blobs, key=lambda key: registry.blobs[key][:2] == b"\x1f\x8b")
    whole = registry.blobs[layer]
    registry.blobs[layer] = whole[:-1]
    with pytest.raises(PullError, match="the content's digest is"):
        Images(tmp_path).pull(reference)
    registry.blobs[layer] = whole
    assert (Images(tmp_path).pull(reference).root / "app" / "x").read_text() == "1"


def _member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = link
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("../evil", tarfile.REGTYPE),
        _member("/evil", tarfile.REGTYPE),
        _member("app/../../evil", tarfile.REGTYPE),
        _member("app/link", tarfile.SYMTYPE, "/etc"),
        _member("app/hard", tarfile.LNKTYPE, "app/x"),
        _member("app/device", tarfile.CHRTYPE),
    ],
    ids=lambda member: member.name,
)
def test_what_could_lead_out_is_refused(registry: FakeRegistry, tmp_path: Path, member: tarfile.TarInfo) -> None:
    reference = registry.push({"app/x": "1"}, extra=(member,))
    with pytest.raises(PullError, match="not a plain file or folder"):
        Images(tmp_path / "images").pull(reference)
    assert not list(tmp_path.rglob("*evil*"))
