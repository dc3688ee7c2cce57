# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small HTTP/1.1 proxy: each request goes where the router says, or is answered on the spot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from http import HTTPStatus

logger = logging.getLogger("embedded_aws")
HEAD_LIMIT = 128 * 1024
PIECE = 64 * 1024
# Seconds that an AWS load balancer waits for a connection to a target.
CONNECT_TIMEOUT = 10.0
# With this a client begins that speaks TLS, as Docker does to every registry at first, and waits for the answer.
TLS_HANDSHAKE = b"\x16"
# Where an AWS load balancer's words are not the usual ones.
REASONS = {503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


@dataclass
class Head:
    """The first line and the fields of a request or a response."""

    first: tuple[str, str, str]
    fields: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """:raises ValueError: this is not HTTP."""
        lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        first = lines[0].split(" ", 2)
        if len(first) == 2 and first[0].startswith("HTTP/"):
            first.append("")
        if len(first) != 3 or not any(part.startswith("HTTP/") for part in (first[0], first[2])):
            raise ValueError(f"not HTTP: {lines[0][:80]}")
        pairs = [line.partition(":") for line in lines[1:]]
        return cls((first[0], first[1], first[2]), [(name.strip(), value.strip()) for name, _, value in pairs])

    def get(self, name: str) -> str:
        return ", ".join(value for key, value in self.fields if key.lower() == name)

    def drop(self, *names: str) -> None:
        self.fields = [pair for pair in self.fields if pair[0].lower() not in names]

    def put(self, name: str, value: str) -> None:
        self.drop(name.lower())
        self.fields.append((name, value))

    @property
    def method(self) -> str:
        return self.first[0]

    @property
    def target(self) -> str:
        return self.first[1]

    @property
    def status(self) -> int:
        return int(self.first[1])

    @property
    def upgrades(self) -> bool:
        return "upgrade" in self.get("connection").lower()

    def encode(self) -> bytes:
        lines = [" ".join(self.first), *(f"{name}: {value}" for name, value in self.fields)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True)
class Answer:
    """What the proxy says itself."""

    status: int
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()


def reason(status: int) -> str:
    known = HTTPStatus._value2member_map_.get(status)
    return REASONS.get(status) or (HTTPStatus(status).phrase if known else "Unknown")


def error(status: int, server: str = "awselb/2.0") -> Answer:
    """The page that an AWS load balancer shows."""
    title = f"{status} {reason(status)}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return Answer(status, page.encode(), (("Server", server), ("Content-Type", "text/html")))


async def nothing_instead(_status: int, _of_target: bool) -> Answer | None:
    return None


@dataclass(frozen=True)
class Tls:
    """TLS from 1.2 on towards an origin, whose certificate has one of the names; the first one is asked for.

    `authorities` are the certificates that are trusted, as PEM.
    """

    names: tuple[str, ...]
    authorities: str

    def context(self) -> ssl.SSLContext:
        """:raises ssl.SSLError: nobody is trusted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.load_verify_locations(cadata=self.authorities)
        return context

    def check(self, writer: asyncio.StreamWriter) -> None:
        """:raises ConnectionError: the certificate is for other names."""
        found = [name for _, name in writer.get_extra_info("peercert")["subjectAltName"]]
        if not any(covers(pattern, name) for pattern in found for name in self.names):
            raise ConnectionError(f"The origin's certificate is for {', '.join(found)}, not {' or '.join(self.names)}")


def covers(pattern: str, name: str) -> bool:
    """Whether a name of a certificate, perhaps *.example.com, stands for a domain."""
    return pattern == name or (pattern.startswith("*.") and pattern[2:] == name.partition(".")[2])


@dataclass(frozen=True)
class Upstream:
    """Where the request goes. `polish` may change the response's head; `timeout` is in seconds, 0 for none.

    `instead` may have another answer for a response's status; it is told whether the target gave it.
    """

    host: str
    port: int
    timeout: float = 0.0
    polish: Callable[[Head], None] = lambda head: None
    instead: Callable[[int, bool], Awaitable[Answer | None]] = nothing_instead
    tls: Tls | None = None


# May change the request's head before it is sent on. Arguments: the head, and the client's address.
Router = Callable[[Head, str], Awaitable[Answer | Upstream]]


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """None at the end of the connection.

    :raises ValueError: not HTTP, or a head beyond the limit.
    """
    begin = await reader.read(1)
    if begin == TLS_HANDSHAKE:
        raise ValueError("not HTTP: TLS")
    try:
        return Head.parse(begin + await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as end:
        if (begin + end.partial).strip():
            raise ValueError("the head is cut short") from end
        return None
    except asyncio.LimitOverrunError as overrun:
        raise ValueError("the head is too long") from overrun


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    """:param size: how many bytes; -1 for all until the end."""
    while size:
        piece = await reader.read(PIECE if size < 0 else min(size, PIECE))
        if not piece:
            if size > 0:
                raise ConnectionError("the body is cut short")
            return
        writer.write(piece)
        await writer.drain()
        size -= len(piece) if size > 0 else 0


async def copy_body(head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open_end: bool) -> None:
    """Pass on the head's body as it is framed. `open_end`: without a length it ends with the connection."""
    if "chunked" in head.get("transfer-encoding").lower():
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            writer.write(line)
            if not size:
                break
            await copy(reader, writer, size + 2)
        while line != b"\r\n":
            line = await reader.readuntil(b"\r\n")
            writer.write(line)
        await writer.drain()
    elif head.get("content-length"):
        await copy(reader, writer, int(head.get("content-length").split(",")[0]))
    elif open_end:
        await copy(reader, writer, -1)


async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await copy(reader, writer, -1)
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()


async def tunnel(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Pass bytes both ways until both sides have said all, or one is lost."""
    tasks = [asyncio.create_task(one_way(reader, writer)) for reader, writer in ways]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def connect(where: Upstream) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """:raises OSError: nobody answers there, or not as somebody to be trusted."""
    if not where.tls:
        return await asyncio.open_connection(where.host, where.port, limit=HEAD_LIMIT)
    reader, writer = await asyncio.open_connection(
        where.host, where.port, limit=HEAD_LIMIT, ssl=where.tls.context(), server_hostname=where.tls.names[0]
    )
    try:
        where.tls.check(writer)
    except ConnectionError:
        writer.close()
        raise
    return reader, writer


class Door:
    """Handles the connections of one listening port."""

    def __init__(self, route: Router) -> None:
        self.route = route

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = (writer.get_extra_info("peername") or ("127.0.0.1",))[0]
        try:
            while await self.exchange(reader, writer, peer):
                pass
        except ValueError:
            with contextlib.suppress(OSError):
                await self.answer(writer, error(400), closes=True)
        except (OSError, EOFError):
            pass
        except Exception:
            logger.exception("A request failed")
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> bool:
        """One request and its response; true if the connection can take another."""
        request = await read_head(reader)
        if not request:
            return False
        closes = "close" in request.get("connection").lower() or request.first[2] == "HTTP/1.0"
        bodiless = not request.get("content-length").strip("0") and not request.get("transfer-encoding")
        upgrades = request.upgrades
        where = await self.route(request, peer)
        if isinstance(where, Answer):
            return await self.answer(writer, where, closes or not bodiless, request.method == "HEAD")
        request.put("Connection", "Upgrade" if upgrades else "close")
        try:
            up_reader, up_writer = await asyncio.wait_for(connect(where), CONNECT_TIMEOUT)
        except OSError as problem:
            if where.tls:
                logger.warning("No connection with %s: %s", where.tls.names[-1], problem)
            status = 504 if isinstance(problem, TimeoutError) else 502
            page = await where.instead(status, False) or error(status)
            return await self.answer(writer, page, closes or not bodiless, request.method == "HEAD")
        up_writer.write(request.encode())
        sending = asyncio.create_task(copy_body(request, reader, up_writer, open_end=False))
        try:
            response = await self.response(up_reader, writer, where.timeout)
            told = await where.instead(response.status, isinstance(response, Head))
            told = told or (response if isinstance(response, Answer) else None)
            if told:
                return await self.answer(writer, told, closes or not bodiless, request.method == "HEAD")
            assert isinstance(response, Head)
            where.polish(response)
            if response.status == 101:
                writer.write(response.encode())
                await tunnel((reader, up_writer), (up_reader, writer))
                return False
            empty = request.method == "HEAD" or response.status in (204, 304)
            closes = closes or not (empty or response.get("content-length") or response.get("transfer-encoding"))
            closes = closes or not sending.done()
            response.drop("connection", "keep-alive")
            response.put("Connection", "close" if closes else "keep-alive")
            writer.write(response.encode())
            if not empty:
                await copy_body(response, up_reader, writer, open_end=True)
            await writer.drain()
            return not closes
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            up_writer.close()

    @staticmethod
    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float) -> Head | Answer:
        """The final response's head; interim ones are passed on."""
        while True:
            try:
                head = await asyncio.wait_for(read_head(reader), timeout or None)
            except TimeoutError:
                return error(504)
            except (ValueError, OSError):
                return error(502)
            if not head:
                return error(502)
            if head.status >= 200 or head.status == 101:
                return head
            writer.write(head.encode())

    @staticmethod
    async def answer(writer: asyncio.StreamWriter, answer: Answer, closes: bool, no_body: bool = False) -> bool:
        head = Head(("HTTP/1.1", str(answer.status), reason(answer.status)), list(answer.fields))
        head.put("Content-Length", str(len(answer.body)))
        head.put("Connection", "close" if closes else "keep-alive")
        writer.write(head.encode() + (b"" if no_body else answer.body))
        await writer.drain()
        return not closes
