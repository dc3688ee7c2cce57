# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulls application artifacts over the OCI distribution API and unpacks them.

An application artifact is an OCI image manifest with an ordinary image config and `artifactType` `APPLICATION`; its
layers hold an application's files without an operating system, so only the process runtime can run it.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pathlib import PurePosixPath
from typing import IO
from typing import Any

from embedded_aws.ecs.folders import exclusive
from embedded_aws.ecs.folders import remove_tree
from embedded_aws.ecs.runtime import ForeignImage
from embedded_aws.ecs.runtime import PullError

APPLICATION = "application/vnd.amica.app.v1"
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
TIMEOUT_SECONDS = 60
CHUNK_BYTES = 1 << 20

# The registry is on this machine, so no proxy of the environment may stand between.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Reference:
    """Where an image is: `host/repository:tag@digest`; tag and digest may be empty."""

    host: str
    repository: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        name, _, digest = text.partition("@")
        host, _, path = name.partition("/")
        if not path or not (host == "localhost" or set(".:") & set(host)):
            host, path = "docker.io", name
        repository, _, tag = path.partition(":")
        return cls(host, repository, tag, digest)

    @property
    def local(self) -> bool:
        """Whether the registry is on this machine."""
        name = self.host.rpartition(":")[0] or self.host
        try:
            return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return False

    def url(self, kind: str, item: str) -> str:
        return f"http://{self.host}/v2/{self.repository}/{kind}/{item}"


@dataclass(frozen=True)
class Image:
    """An unpacked application artifact; `root` is what the container would see as `/`."""

    digest: str
    root: Path
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str

    @classmethod
    def of(cls, digest: str, root: Path, config: Mapping[str, Any]) -> Image:
        """:param config: the member `config` of an OCI image config."""
        return cls(
            digest=digest,
            root=root,
            entry_point=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            environment=dict(item.split("=", 1) for item in config.get("Env") or () if "=" in item),
            working_directory=config.get("WorkingDir") or "/",
        )


class Images:
    """The unpacked images of one folder, one sub-folder a digest."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def pull(self, text: str) -> Image:
        """Fetch what the reference names now, and unpack it unless it already is.

        :raises PullError: not there, not intact, or not an application artifact.
        """
        reference = Reference.parse(text)
        if not reference.local:
            raise ForeignImage(_foreign(text, f"{reference.host} is not the registry of the embedded AWS"))
        body = _manifest(reference, text)
        digest = _digest(body)
        if reference.digest not in ("", digest):
            raise PullError(f"failed to pull {text}: the manifest's digest is {digest}")
        manifest = json.loads(body)
        if manifest.get("artifactType") != APPLICATION:
            raise ForeignImage(_foreign(text, "it is a container image"))
        place = self._home / digest.removeprefix("sha256:")
        with exclusive(place.with_suffix(".lock")):
            if not place.exists():
                self._unpack(reference, manifest, place)
        config = json.loads((place / "config.json").read_text())
        return Image.of(digest, place / "root", config.get("config") or {})

    def _unpack(self, reference: Reference, manifest: Mapping[str, Any], place: Path) -> None:
        """Make `place` in one step at the end, so that half an image is never taken for a whole one."""
        half = place.with_suffix(".part")
        remove_tree(half)
        (half / "root").mkdir(parents=True)
        with (half / "config.json").open("wb") as config:
            _download(reference, manifest["config"], config)
        for layer in manifest["layers"]:
            with tempfile.TemporaryFile(dir=half) as archive:
                _download(reference, layer, archive)
                archive.seek(0)
                _extract(archive, half / "root")
        half.rename(place)


def _foreign(text: str, why: str) -> str:
    return (
        f"the process runtime runs application artifacts only, and {text} is none: {why}. "
        "Let this collection's build role push the application, or run the embedded AWS where Docker or Podman answers."
    )


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _manifest(reference: Reference, text: str) -> bytes:
    """The manifest as the registry stores it; errors in the words of the ECS agent."""
    url = reference.url("manifests", reference.digest or reference.tag or "latest")
    failed = f"pull image manifest has been retried 1 time(s): failed to resolve ref {text}: "
    try:
        with _OPENER.open(
            urllib.request.Request(url, headers={"Accept": ", ".join(MANIFESTS)}), timeout=TIMEOUT_SECONDS
        ) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        missing = f"{text}: not found"
        raise PullError(failed + (missing if error.code == 404 else f"GET {url}: status {error.code}")) from error
    except (OSError, http.client.HTTPException) as error:
        raise PullError(f"{failed}failed to do request: GET {url}: {getattr(error, 'reason', error)}") from error


def _download(reference: Reference, descriptor: Mapping[str, Any], target: IO[bytes]) -> None:
    """Copy the blob to `target`.

    :raises PullError: it is not there, or its content is not what its digest says.
    """
    digest = descriptor["digest"]
    url = reference.url("blobs", digest)
    checksum = hashlib.sha256()
    try:
        with _OPENER.open(url, timeout=TIMEOUT_SECONDS) as answer:
            for chunk in _chunks(answer):
                checksum.update(chunk)
                target.write(chunk)
    except (OSError, http.client.HTTPException) as error:
        raise PullError(f"failed to copy: GET {url}: {error}") from error
    if digest != "sha256:" + checksum.hexdigest():
        raise PullError(f"failed to copy: GET {url}: the content's digest is sha256:{checksum.hexdigest()}")


def _chunks(answer: IO[bytes]) -> Iterator[bytes]:
    while chunk := answer.read(CHUNK_BYTES):
        yield chunk


def _extract(archive: IO[bytes], root: Path) -> None:
    """Unpack files and folders; an artifact has no use for links and devices, which could lead out of `root`."""
    try:
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                if name.is_absolute() or ".." in name.parts or not (member.isreg() or member.isdir()):
                    raise PullError(f"failed to extract layer: {member.name} is not a plain file or folder within it")
                target = root.joinpath(name)
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                assert content is not None
                with target.open("wb") as file:
                    for chunk in _chunks(content):
                        file.write(chunk)
                target.chmod(0o755 if member.mode & 0o111 else 0o644)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise PullError(f"failed to extract layer: {error}") from error
