# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image registry in this process, as far as pulling goes, and images made in memory to put in it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

from embedded_aws.ecs.images import APPLICATION

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(files: Mapping[str, str | bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A compressed layer of executable files, and of further members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o755
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return gzip.compress(buffer.getvalue(), mtime=0)


class FakeRegistry:
    """What is in `blobs` and `manifests` is served as it is, so that a test can damage it."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.requests: list[str] = []

    def push(
        self,
        files: Mapping[str, str | bytes],
        tag: str = "latest",
        extra: tuple[tarfile.TarInfo, ...] = (),
        artifact_type: str = APPLICATION,
        architecture: str = "amd64",
        **config: Any,
    ) -> str:
        """Store an image of one layer under the tag and return the reference by digest."""
        archive = layer(files, extra)
        image = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [digest(gzip.decompress(archive))]},
            }
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            **({"artifactType": artifact_type} if artifact_type else {}),
            "config": self._blob("application/vnd.oci.image.config.v1+json", image),
            "layers": [self._blob("application/vnd.oci.image.layer.v1.tar+gzip", archive)],
        }
        body = json.dumps(manifest).encode()
        self.manifests[tag] = self.manifests[digest(body)] = body
        return f"{self.host}/app@{digest(body)}"

    def _blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        self.blobs[digest(content)] = content
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """Serve a registry with the one repository `app` on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.requests.append(self.path)
            kind, _, item = self.path.removeprefix("/v2/app/").partition("/")
            found = {"blobs": registry.blobs, "manifests": registry.manifests}.get(kind, {}).get(item)
            known = found is not None or self.path == "/v2/"
            body = found or (b"{}" if known else b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}')
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", MANIFEST if kind == "manifests" and known else "application/json")
            self.send_header("Content-Length", str(len(body)))
            if found is not None:
                self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = FakeRegistry(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
