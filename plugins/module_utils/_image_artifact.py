# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as an OCI artifact: an image without an operating system.

It holds the application's folder and the command that starts it. A task runtime that has a Python of its own makes
the environment from the lock inside and runs the command; digest, tags and clean-up are those of any image.
Source: https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._image_source import SourceFile
from ansible_collections.amica.stack.plugins.module_utils._registry import MANIFEST
from ansible_collections.amica.stack.plugins.module_utils._registry import Manifest
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry
from ansible_collections.amica.stack.plugins.module_utils._registry import digest_of

ARTIFACT_TYPE = "application/vnd.amica.app.v1"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
APP_FOLDER = "app"
LOCK = "requirements.lock"
PORT = 8080
# What the Dockerfile sets too, as far as it does not depend on where the application lies.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONUNBUFFERED": "1",
    "TRACELOOP_TELEMETRY": "false",
    "HOST": "0.0.0.0",
    "PORT": str(PORT),
}


@dataclass(frozen=True)
class Artifact:
    """The three blobs of a packed application."""

    manifest: Manifest
    config: bytes
    layer: bytes

    def push(self, registry: Registry, repository: str, tag: str) -> str:
        """Upload what the repository lacks and name it; returns the digest."""
        for blob in (self.layer, self.config):
            registry.push_blob(repository, blob)
        return registry.push_manifest(repository, tag, self.manifest)


def pack(files: Sequence[SourceFile], architecture: str, labels: Mapping[str, str], version: str = "") -> Artifact:
    """Pack files; the same ones always give the same bytes.

    :param architecture: of the task, in OCI's names.
    :param version: what the application says of itself (APP_VERSION); empty for nothing.
    """
    environment = ENVIRONMENT | ({"APP_VERSION": version} if version else {})
    archive = tar(files)
    layer = gzip.compress(archive, mtime=0)
    config = compact(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Cmd": ["python", "serve.py"],
                "Env": [f"{name}={value}" for name, value in environment.items()],
                "ExposedPorts": {f"{PORT}/tcp": {}},
                "Labels": dict(labels),
                "WorkingDir": f"/{APP_FOLDER}",
            },
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": descriptor(CONFIG_TYPE, config),
        "layers": [descriptor(LAYER_TYPE, layer)],
    }
    return Artifact(Manifest(MANIFEST, compact(manifest)), config, layer)


def tar(files: Sequence[SourceFile]) -> bytes:
    """The files and the folders above them, owned by nobody in particular and without times."""
    buffer = io.BytesIO()
    folders = {str(parent) for file in files for parent in PurePosixPath(file.path).parents} - {"."}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in sorted(folders):
            archive.addfile(entry(folder, tarfile.DIRTYPE, 0o755))
        for file in files:
            if file.link is not None:
                archive.addfile(entry(file.path, tarfile.SYMTYPE, 0o777, link=file.link))
            else:
                content = file.read()
                mode = 0o755 if file.executable else 0o644
                archive.addfile(entry(file.path, tarfile.REGTYPE, mode, size=len(content)), io.BytesIO(content))
    return buffer.getvalue()


def entry(path: str, kind: bytes, mode: int, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(path)
    made.type, made.mode, made.size, made.linkname = kind, mode, size, link
    return made


def descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def compact(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
