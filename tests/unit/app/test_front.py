# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before Chainlit, driven as plain ASGI."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import pytest
from front import ASGIApp
from front import BodyLimit
from front import Message
from front import OriginGuard
from front import Receive
from front import RequestLog
from front import Scope
from front import SecurityHeaders
from front import Send


async def reader(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads the whole body and answers with its size."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    size = 0
    more = True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"DENY")]})
    await send({"type": "http.response.body", "body": str(size).encode()})


def scope_of(method: str = "GET", kind: str = "http", path: str = "/", **headers: str) -> Scope:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": pairs, "client": ("10.0.0.1", 1)}
    return scope if kind == "websocket" else {**scope, "method": method}


def call(app: ASGIApp, scope: Scope, body: Iterable[bytes] = ()) -> tuple[list[Message], int]:
    """Return what the application sent, and how many messages of the body it read."""
    parts = list(body)
    sent: list[Message] = []
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": parts[read - 1] if parts else b"", "more_body": read < len(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return sent, read


def status(sent: list[Message]) -> int:
    return int(sent[0]["status"])


def test_a_body_with_a_length_above_the_limit_is_not_read() -> None:
    sent, read = call(BodyLimit(reader, 10), scope_of("POST", content_length="11"), [b"x" * 11])
    assert (status(sent), read) == (413, 0)


def test_a_body_at_the_limit_passes() -> None:
    sent, _ = call(BodyLimit(reader, 10), scope_of("POST", content_length="10"), [b"x" * 4, b"x" * 6])
    assert (status(sent), sent[1]["body"]) == (200, b"10")


def test_a_chunked_body_is_read_up_to_the_limit() -> None:
    scope = scope_of("POST", transfer_encoding="chunked")
    sent, read = call(BodyLimit(reader, 10), scope, [b"x" * 6] * 100)
    assert (status(sent), read) == (413, 2)
    sent, _ = call(BodyLimit(reader, 10), scope_of("POST", transfer_encoding="chunked"), [b"x" * 5, b"x" * 5])
    assert (status(sent), sent[1]["body"]) == (200, b"10")


def test_a_request_without_a_body_and_a_websocket_pass() -> None:
    assert status(call(BodyLimit(reader, 10), scope_of())[0]) == 200
    assert call(BodyLimit(reader, 10), scope_of(kind="websocket"))[0] == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
    [
        ("", "chat.example", True),
        ("https://chat.example", "chat.example", True),
        ("https://CHAT.example", "chat.EXAMPLE", True),
        ("https://chat.example", "chat.example:443", True),
        ("http://chat.example:8088", "chat.example:8088", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("https://friend.example", "chat.example", True),
        ("http://friend.example", "chat.example", False),
        ("https://friend.example:8443", "chat.example", False),
        ("http://chat.example:8089", "chat.example:8088", False),
        ("https://evil.example", "chat.example", False),
        ("https://chat.example.evil.example", "chat.example", False),
        ("https://chat.example", "", False),
        ("null", "null", False),
        ("null", "", False),
        ("https://chat.example:port", "chat.example:port", False),
        ("file://", "", False),
    ],
)
def test_an_origin_must_be_the_host_or_a_friend(origin: str, host: str, welcome: bool) -> None:
    assert OriginGuard(reader, ["https://friend.example"]).welcome(origin, host) is welcome


def test_a_foreign_websocket_is_closed_before_it_opens() -> None:
    scope = scope_of(kind="websocket", origin="https://evil.example", host="chat.example")
    assert call(OriginGuard(reader), scope)[0] == [{"type": "websocket.close", "code": 1008}]


def test_a_forwarded_host_helps_nobody() -> None:
    scope = scope_of(
        kind="websocket", origin="https://evil.example", host="chat.example", x_forwarded_host="evil.example"
    )
    assert call(OriginGuard(reader), scope)[0][0]["type"] == "websocket.close"


def test_a_foreign_page_may_read_public_pages_but_change_nothing() -> None:
    foreign = {"origin": "https://evil.example", "host": "chat.example"}
    assert status(call(OriginGuard(reader), scope_of("POST", **foreign))[0]) == 403
    assert status(call(OriginGuard(reader), scope_of("GET", **foreign))[0]) == 200


@pytest.mark.parametrize(("scheme", "strict"), [("http", False), ("https", True)])
def test_headers_are_added_and_hsts_only_over_https(scheme: str, strict: bool) -> None:
    sent, _ = call(SecurityHeaders(reader), {**scope_of(), "scheme": scheme})
    headers = dict(sent[0]["headers"])
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"x-frame-options"] == b"DENY"  # the application's own stays
    assert (b"strict-transport-security" in headers) is strict


def records_of(caplog: pytest.LogCaptureFixture, app: ASGIApp, scope: Scope) -> list[dict[str, Any]]:
    ticks = iter((1.0, 1.25))
    with caplog.at_level(logging.DEBUG, "app.http"):
        call(RequestLog(app, lambda: next(ticks)), scope)
    return [vars(record) for record in caplog.records if record.name == "app.http"]


def test_a_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = records_of(caplog, reader, scope_of("POST", path="/login"))
    assert line["levelno"] == logging.INFO
    assert [line[name] for name in ("method", "path", "status", "milliseconds", "client")] == [
        "POST",
        "/login",
        200,
        250.0,
        "10.0.0.1",
    ]


@pytest.mark.parametrize("path", ["/health", "/assets/index.js"])
def test_routine_is_quiet(caplog: pytest.LogCaptureFixture, path: str) -> None:
    (line,) = records_of(caplog, reader, scope_of(path=path))
    assert line["levelno"] == logging.DEBUG


def test_a_request_that_breaks_is_logged_as_500(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        records_of(caplog, broken, scope_of())
    assert vars(caplog.records[-1])["status"] == 500


def test_a_websocket_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = records_of(caplog, reader, scope_of(kind="websocket", path="/ws"))
    assert (line["method"], line["status"]) == ("WEBSOCKET", 101)
