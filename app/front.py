# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before Chainlit: limits, origins, headers and a line in the log for each request. Plain ASGI."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DEFAULT_PORTS = {"http": 80, "https": 443}
# Routine requests, which at INFO would bury the others.
QUIET_PATHS = ("/health", "/ready", "/assets/", "/favicon", "/logo", "/avatars/")

log = logging.getLogger("app.http")


def header(scope: Scope, name: bytes) -> str:
    """Value of the request's first such header; empty if there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def refuse(send: Send, status: int, detail: str) -> None:
    """Answer an HTTP request without reading more of it."""
    body = f'{{"detail": "{detail}"}}'.encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class BodyLimit:
    """Refuses a body above the limit before the framework sees it.

    Chainlit checks a limit of its own once the whole file is in memory. A body without a length is read here, up to
    the limit.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        length = header(scope, b"content-length")
        if length.isdigit():
            if int(length) > self.limit:
                return await refuse(send, 413, f"the body is larger than {self.limit} bytes")
            return await self.app(scope, receive, send)
        if not header(scope, b"transfer-encoding"):
            return await self.app(scope, receive, send)

        read: list[Message] = []
        size = 0
        while not read or (read[-1]["type"] == "http.request" and read[-1].get("more_body")):
            read.append(await receive())
            size += len(read[-1].get("body", b""))
            if size > self.limit:
                return await refuse(send, 413, f"the body is larger than {self.limit} bytes")
        unread = iter(read)

        async def replay() -> Message:
            return next(unread, None) or await receive()

        return await self.app(scope, replay, send)


class OriginGuard:
    """Refuses what a foreign site's page asks of the chat with its visitor's cookies.

    A page's Origin must be the Host that it talks to, or be among those allowed. That holds for WebSockets, to which
    CORS does not apply, and for requests that change something. X-Forwarded-Host does not count: anybody can send it.
    Programs other than browsers send no Origin.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self.app = app
        self.allowed = {_authority(origin) for origin in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in SAFE_METHODS)
        if not guarded or self.welcome(header(scope, b"origin"), header(scope, b"host")):
            return await self.app(scope, receive, send)
        log.warning("foreign origin refused", extra={"origin": header(scope, b"origin"), "path": scope["path"]})
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        return await refuse(send, 403, "foreign origin")

    def welcome(self, origin: str, host: str) -> bool:
        if not origin:
            return True
        scheme, name, port = _authority(origin)
        same = (scheme, name, port) == _authority(f"{scheme}://{host}")
        return bool(name) and (same or (scheme, name, port) in self.allowed)


def _authority(origin: str) -> tuple[str, str, int | None]:
    """Scheme, host name and port; a name that is empty if it is no origin."""
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


class SecurityHeaders:
    """Adds the headers that a browser needs to be careful; HSTS only where the page came over https."""

    HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
    )
    HSTS = (b"strict-transport-security", b"max-age=31536000")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {key for key, _ in message["headers"]}
                wanted = (*self.HEADERS, self.HSTS) if scope.get("scheme") == "https" else self.HEADERS
                message["headers"] = [*message["headers"], *(pair for pair in wanted if pair[0] not in known)]
            await send(message)

        return await self.app(scope, receive, send_with_headers)


class RequestLog:
    """Writes one line for each request and each WebSocket. Query strings stay out: they carry session ids."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        started = self.clock()
        status = 500 if scope["type"] == "http" else 403

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            return await self.app(scope, receive, send_and_note)
        finally:
            self.write(scope, status, self.clock() - started)

    def write(self, scope: Scope, status: int, seconds: float) -> None:
        level = logging.DEBUG if status < 400 and scope["path"].startswith(QUIET_PATHS) else logging.INFO
        method = scope.get("method", "WEBSOCKET")
        extra = {
            "method": method,
            "path": scope["path"],
            "status": status,
            "milliseconds": round(1000 * seconds, 1),
            "client": (scope.get("client") or ("",))[0],
        }
        log.log(level, "%s %s %s", method, scope["path"], status, extra=extra)
