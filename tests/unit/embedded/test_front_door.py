# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy, over real sockets of the loopback address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable

import pytest
from embedded_aws.front_door import Answer
from embedded_aws.front_door import Door
from embedded_aws.front_door import Head
from embedded_aws.front_door import Upstream
from embedded_aws.front_door import error

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_a_head_is_read_and_written() -> None:
    raw = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
    head = Head.parse(raw)
    assert (head.method, head.target, head.get("cookie"), head.encode()) == ("GET", "/a?b=c", "a=1, b=2", raw)
    head.put("Host", "y")
    head.drop("cookie")
    assert head.encode() == b"GET /a?b=c HTTP/1.1\r\nHost: y\r\n\r\n"
    assert Head.parse(b"HTTP/1.1 204\r\n\r\n").status == 204


@pytest.mark.parametrize("raw", [b"\r\n\r\n", b"hello\r\n\r\n", b"GET /\r\n\r\n"])
def test_what_is_not_http_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not HTTP"):
        Head.parse(raw)


def talk(request: bytes, handler: Handler, until: bytes = b"", more: bytes = b"") -> bytes:
    """What a client reads when it sends the request to a door in front of the handler; `more` follows `until`."""

    async def run() -> bytes:
        target = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = target.sockets[0].getsockname()[1]

        async def route(head: Head, peer: str) -> Answer | Upstream:
            if head.target == "/self":
                return Answer(418, b"tea")
            if head.target == "/closed":
                return Upstream("127.0.0.1", 1)
            return Upstream("127.0.0.1", port, 0.3, lambda response: response.put("X-Peer", peer))

        front = await asyncio.start_server(Door(route), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*front.sockets[0].getsockname())
        writer.write(request)
        got = await asyncio.wait_for(reader.readuntil(until), 5) if until else b""
        writer.write(more)
        writer.write_eof()
        got += await asyncio.wait_for(reader.read(), 5)
        writer.close()
        target.close()
        front.close()
        return got

    return asyncio.run(run())


def answering(response: bytes, seen: list[bytes] | None = None, size: int = 0) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(size)
        if seen is not None:
            seen.append(head + body)
        writer.write(response)
        writer.close()

    return handle


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_requests_of_one_connection_go_one_after_the_other() -> None:
    seen: list[bytes] = []
    got = talk(
        b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        answering(OK, seen),
    )
    assert got.count(b"X-Peer: 127.0.0.1") == got.count(b"\r\n\r\nok") == 2
    assert [head.split()[1] for head in seen] == [b"/1", b"/2"]


@pytest.mark.parametrize(
    ("fields", "body"),
    [(b"Content-Length: 5", b"hello"), (b"Transfer-Encoding: chunked", b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")],
)
def test_a_body_goes_as_it_is_framed(fields: bytes, body: bytes) -> None:
    seen: list[bytes] = []
    answer = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + body
    got = talk(b"POST / HTTP/1.1\r\n" + fields + b"\r\n\r\n" + body, answering(answer, seen, len(body)))
    assert seen[0].endswith(b"\r\n\r\n" + body)
    assert got.endswith(b"\r\n\r\n" + body)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    got = talk(b"GET / HTTP/1.1\r\n\r\n", answering(b"HTTP/1.1 200 OK\r\n\r\nall of it"))
    assert b"Connection: close" in got
    assert got.endswith(b"all of it")


def test_a_head_request_has_no_body() -> None:
    got = talk(b"HEAD / HTTP/1.1\r\n\r\n", answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"))
    assert got.endswith(b"\r\n\r\n")


def test_interim_responses_are_passed_on() -> None:
    got = talk(b"GET / HTTP/1.1\r\n\r\n", answering(b"HTTP/1.1 100 Continue\r\n\r\n" + OK))
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_an_upgrade_opens_a_tunnel() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection: Upgrade" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        writer.write(b"echo " + await reader.readexactly(4))
        writer.close()

    request = b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert talk(request, handle, b"\r\n\r\n", b"ping").endswith(b"echo ping")


def test_own_answers_and_errors() -> None:
    nothing = answering(b"")
    assert talk(b"GET /self HTTP/1.1\r\n\r\n", nothing).endswith(b"\r\n\r\ntea")
    assert talk(b"GET /closed HTTP/1.1\r\n\r\n", nothing).startswith(b"HTTP/1.1 502 Bad Gateway")
    assert talk(b"GET / HTTP/1.1\r\n\r\n", nothing).startswith(b"HTTP/1.1 502")
    assert talk(b"GET / HTTP/1.1\r\n\r\n", answering(b"garbage\r\n\r\n")).startswith(b"HTTP/1.1 502")
    assert talk(b"garbage\r\n\r\n", nothing).startswith(b"HTTP/1.1 400 Bad Request")
    assert error(503).body.startswith(b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title>")


def test_a_client_that_speaks_tls_is_refused_at_once() -> None:
    refused = talk(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", answering(b""), until=b"</html>\r\n")
    assert refused.startswith(b"HTTP/1.1 400 ")


def test_a_target_that_is_silent_is_given_up() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert talk(b"GET / HTTP/1.1\r\n\r\n", handle).startswith(b"HTTP/1.1 504 Gateway Time-out")
