# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container's own check, against servers that answer well, badly and not at all."""

from __future__ import annotations

import socket
import threading

import pytest
from probe import alive


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok"}', True),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<!doctype html>", False),
        (b'HTTP/1.1 503 Unavailable\r\n\r\n{"status":"ok"}', False),
        (b"", False),
        (b"nonsense", False),
    ],
)
def test_only_a_good_answer_is_health(answer: bytes, well: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert alive("127.0.0.1", server.getsockname()[1], 2) is well
        thread.join()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not alive("127.0.0.1", port, 1)
