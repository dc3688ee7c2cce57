# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end-to-end probe against a small server of its own."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

import pytest
from ansible_collections.amica.stack.plugins.module_utils._deployment.probe import WEBSOCKET_GUID
from ansible_collections.amica.stack.plugins.module_utils._deployment.probe import ProbeOptions
from ansible_collections.amica.stack.plugins.module_utils._deployment.probe import probe


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/ws") and self.headers.get("Upgrade") == "websocket":
            self.upgrade()
            return
        status = int(self.path.strip("/") or 200)
        body = b'{"status":"ok"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def upgrade(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + ("wrong" if self.path == "/ws-false" else WEBSOCKET_GUID)
        foreign = self.headers["Origin"] != f"http://{self.headers['Host']}"
        self.send_response(403 if foreign or self.path == "/ws-refused" else 101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_all_is_well(address: str) -> None:
    seen = probe(ProbeOptions(f"{address}/", contains='"ok"', websocket="/ws?transport=websocket"))
    assert (seen.ok, seen.detail) == (True, "HTTP 200 and WebSocket 101")


@pytest.mark.parametrize(
    ("path", "options", "detail"),
    [
        ("/503", {}, "HTTP 503 instead of 200"),
        ("/", {"contains": "ready"}, "HTTP 200 without the expected text"),
        ("/", {"websocket": "/ws-refused"}, "the WebSocket upgrade answers HTTP 403 instead of 101"),
        ("/", {"websocket": "/ws-false"}, "the WebSocket upgrade does not answer this request's key"),
    ],
)
def test_what_is_wrong_is_the_detail(address: str, path: str, options: dict[str, str], detail: str) -> None:
    seen = probe(
        ProbeOptions(address + path, contains=options.get("contains", ""), websocket=options.get("websocket", ""))
    )
    assert (seen.ok, seen.detail) == (False, detail)


def test_nobody_there() -> None:
    seen = probe(ProbeOptions("http://127.0.0.1:9/", timeout=2))
    assert not seen.ok
    assert "refused" in seen.detail
