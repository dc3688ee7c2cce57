from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

import pytest
from ansible_collections.amica.stack.plugins.module_utils._registry import INDEX
from ansible_collections.amica.stack.plugins.module_utils._registry import MANIFEST
from ansible_collections.amica.stack.plugins.module_utils._registry import Manifest
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry
from ansible_collections.amica.stack.plugins.module_utils._registry import RegistryError
from ansible_collections.amica.stack.plugins.module_utils._registry import digest_of

AUTHORIZATION = "Basic c2VjcmV0"


class Storage:
    """A registry as the specification has it: uploads have their own place, blobs are handed out from another host."""

    def __init__(self, repository: str = "chat") -> None:
        self.repository = repository
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, Manifest] = {}
        self.upload = b""
        self.elsewhere = ""
        self.seen: list[tuple[str, str, str | None]] = []

    def answer(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, dict[str, str], bytes]:
        place, _mark, query = path.partition("?")
        head, _slash, last = place.rpartition("/")
        if place.startswith("/bucket/"):
            return 200, {}, self.blobs[last]
        if not place.startswith(f"/v2/{self.repository}/"):
            return 404, {}, json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "no such repository"}]}).encode()
        if method == "POST":
            return 202, {"Location": f"/v2/{self.repository}/blobs/uploads/1?state=a"}, b""
        if method == "PATCH":
            self.upload = body
            return 202, {"Location": f"/v2/{self.repository}/blobs/uploads/1?state=b"}, b""
        if method == "PUT" and head.endswith("/uploads"):
            assert query.startswith("state=b&digest=sha256%3A")
            self.blobs[f"sha256:{hashlib.sha256(self.upload).hexdigest()}"] = self.upload
            return 201, {}, b""
        if method == "PUT":
            self.manifests[last] = Manifest(content_type, body)
            return 201, {}, b""
        if head.endswith("/manifests"):
            if last not in self.manifests:
                return 404, {}, b""
            found = self.manifests[last]
            return 200, {"Content-Type": f"{found.media_type}; charset=utf-8"}, found.body
        if last not in self.blobs:
            return 404, {}, b""
        return (200, {}, b"") if method == "HEAD" else (307, {"Location": f"{self.elsewhere}/bucket/{last}"}, b"")


@contextmanager
def serving(storage: Storage) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            storage.seen.append((self.command, self.path, self.headers.get("Authorization")))
            content_type = self.headers.get("Content-Type", "")
            status, headers, content = storage.answer(self.command, self.path, body, content_type)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")

        do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = handle_any

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host, port = server.server_address[:2]
        storage.elsewhere = f"http://localhost:{port}"
        yield f"http://{host!s}:{port}"
        server.shutdown()


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def registry(storage: Storage) -> Iterator[Registry]:
    with serving(storage) as endpoint:
        yield Registry(endpoint, AUTHORIZATION)


def test_a_blob_is_uploaded_once(storage: Storage, registry: Registry) -> None:
    digest = registry.push_blob("chat", b"layer")
    assert storage.blobs == {digest: b"layer"}
    asked = [method for method, _path, _authorization in storage.seen]
    assert registry.push_blob("chat", b"layer") == digest
    assert asked == ["HEAD", "POST", "PATCH", "PUT"]
    assert len(storage.seen) == len(asked) + 1


def test_a_redirect_does_not_get_the_authorization(storage: Storage, registry: Registry) -> None:
    digest = registry.push_blob("chat", b"layer")
    storage.seen.clear()
    assert registry.blob("chat", digest) == b"layer"
    assert [authorization for _method, _path, authorization in storage.seen] == [AUTHORIZATION, None]


def test_a_manifest_comes_back_as_it_was_written(registry: Registry) -> None:
    manifest = Manifest(MANIFEST, b'{"schemaVersion": 2}')
    assert registry.push_manifest("chat", "src-1", manifest) == digest_of(manifest.body)
    assert registry.manifest("chat", "src-1") == manifest
    assert registry.manifest("chat", "src-2") is None


def test_architectures_of_an_image_and_of_an_index(registry: Registry) -> None:
    config = registry.push_blob("chat", b'{"architecture": "arm64"}')
    image = Manifest(MANIFEST, json.dumps({"config": {"digest": config}}).encode())
    platforms = [{"platform": {"architecture": name}} for name in ("amd64", "arm64", "unknown")]
    index = Manifest(INDEX, json.dumps({"manifests": platforms}).encode())
    assert registry.architectures("chat", image) == {"arm64"}
    assert registry.architectures("chat", index) == {"amd64", "arm64"}


def test_a_refusal_is_a_sentence(registry: Registry) -> None:
    with pytest.raises(
        RegistryError, match=r"POST .*/v2/other/blobs/uploads/ with 404: NAME_UNKNOWN: no such repository"
    ):
        registry.push_blob("other", b"layer")


def test_nobody_there_is_a_sentence() -> None:
    with pytest.raises(RegistryError, match=r"http://127\.0\.0\.1:9 could not be reached"):
        Registry("http://127.0.0.1:9", AUTHORIZATION).manifest("chat", "src-1")
