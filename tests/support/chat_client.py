# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real conversation with a Chainlit chat over socket.io, in the order in which its own page does it.

`python tests/support/chat_client.py URL MESSAGE` prints it as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import time
import uuid
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from types import TracebackType
from typing import Any

import aiohttp
import socketio

GREETING_SECONDS = 5.0


class ChatError(Exception):
    """The conversation did not come about; the text says at which step and why."""


@dataclass(frozen=True)
class Answer:
    """What the chat said. Times are in seconds from the start of the conversation."""

    greeting: list[str]
    replies: list[str]
    streamed: str
    """The reply as its pieces arrived; empty if it came whole."""
    pieces: int
    transport: str
    connected: float
    first_piece: float
    finished: float


@dataclass
class Conversation:
    """A page that is open: `async with Conversation(url) as page: answer = await page.say('hello')`."""

    url: str
    timeout: float = 30.0
    transports: tuple[str, ...] = ("websocket",)
    origin: str = ""
    session: str = field(default_factory=lambda: str(uuid.uuid4()))

    async def __aenter__(self) -> Conversation:
        self.url = self.url.rstrip("/")
        self.started = time.monotonic()
        self.steps: dict[str, dict[str, Any]] = {}
        self.pieces: list[str] = []
        self.first_piece = 0.0
        # Whether the application has said that it works on what was sent.
        self.taken = False
        self.idle = asyncio.Event()
        # One that Python collects closes the HTTP session, which is the others', too.
        self.sockets: list[socketio.AsyncClient] = []
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(self.timeout)
        )
        try:
            await self._connect()
        except BaseException:
            await self.http.close()
            raise
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.socket.connected:
            await self.socket.emit("clear_session")  # what "New chat" does: frees the session at once
        await self.socket.disconnect()
        await self.http.close()

    async def _connect(self) -> None:
        await self._request("GET", "/project/settings?language=en-US")
        await self._request("POST", "/set-session-cookie", {"session_id": self.session})
        await self._open()

    async def come_back(self) -> None:
        """Open the socket of the same session again, as the page does by itself when its task has gone."""
        self._forget()
        await self._open()

    def _forget(self) -> None:
        self.steps.clear()
        self.pieces.clear()
        self.first_piece = 0.0
        self.taken = False

    async def _open(self) -> None:
        self.socket = socketio.AsyncClient(http_session=self.http, reconnection=False)
        self.sockets.append(self.socket)
        self.socket.on("*", self._note)
        # The jar keeps Secure cookies back on plain http, and a load balancer's stickiness lives in cookies.
        headers = {"Cookie": "; ".join(f"{cookie.key}={cookie.value}" for cookie in self.http.cookie_jar)}
        if self.origin:
            headers["Origin"] = self.origin
        page = {"clientType": "webapp", "sessionId": self.session, "threadId": "", "userEnv": "{}", "chatProfile": ""}
        try:
            await self.socket.connect(
                self.url,
                socketio_path="/ws/socket.io",
                transports=list(self.transports),
                headers=headers,
                auth=page,
                wait_timeout=self.timeout,
            )
        except socketio.exceptions.ConnectionError as error:
            raise ChatError(f"the socket of {self.url} did not open: {error}") from error
        self.connected = self._seconds()
        self.idle.clear()
        await self.socket.emit("connection_successful")  # without it the chat does not start
        await self._settle()
        self.greeting = self._said()

    async def _request(self, method: str, path: str, body: object = None) -> None:
        try:
            async with self.http.request(method, self.url + path, json=body) as response:
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ChatError(f"{method} {self.url}{path} failed: {error or type(error).__name__}") from error
        if status != 200:
            raise ChatError(f"{method} {self.url}{path} answered {status}")

    async def _note(self, event: str, data: Any = None, *_: Any) -> None:
        if event in ("new_message", "update_message"):
            self.steps[data["id"]] = data
        elif event == "stream_start":
            self.pieces.append(data["output"])
        elif event == "stream_token":
            self.first_piece = self.first_piece or self._seconds()
            self.pieces.append(data["token"])
        elif event == "task_start":
            self.taken = True
            self.idle.clear()
        elif event == "task_end":
            self.idle.set()

    async def _settle(self) -> None:
        """Wait until the chat has greeted. It may not greet at all, so a few quiet seconds will do."""
        end = time.monotonic() + min(self.timeout, GREETING_SECONDS)
        while time.monotonic() < end and not (self._said() and self.idle.is_set()):
            await asyncio.sleep(0.02)

    def _said(self) -> list[str]:
        return [step["output"] for step in self.steps.values() if step.get("type") == "assistant_message"]

    def _seconds(self) -> float:
        return round(time.monotonic() - self.started, 3)

    async def send(self, message: str) -> None:
        """Say something without waiting for the answer."""
        self._forget()
        self.idle.clear()
        step = {
            "id": str(uuid.uuid4()),
            "threadId": "",
            "name": "User",
            "type": "user_message",
            "output": message,
            "createdAt": datetime.now(UTC).isoformat(),
        }
        await self.socket.emit("client_message", {"message": step, "fileReferences": []})

    async def answer(self) -> Answer:
        """Wait for the answer to what was sent."""
        try:
            await asyncio.wait_for(self.idle.wait(), self.timeout)
        except TimeoutError:
            heard = "".join(self.pieces)
            raise ChatError(f"no whole answer from {self.url} within {self.timeout:g} s; heard {heard!r}") from None
        return Answer(
            greeting=self.greeting,
            replies=self._said(),
            streamed="".join(self.pieces),
            pieces=len(self.pieces),
            transport=str(self.socket.transport()),
            connected=self.connected,
            first_piece=self.first_piece,
            finished=self._seconds(),
        )

    async def say(self, message: str) -> Answer:
        await self.send(message)
        return await self.answer()


async def chat(url: str, message: str, timeout: float = 30.0) -> Answer:
    """Open the chat at the URL, wait for its greeting, say one thing and return what it answers.

    Raises ChatError when a step fails or takes longer than the timeout, in seconds.
    """
    async with Conversation(url, timeout) as page:
        return await page.say(message)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("message")
    arguments = parser.parse_args()
    try:
        answer = asyncio.run(chat(arguments.url, arguments.message))
    except ChatError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(answer)))
    return int(not answer.replies)


if __name__ == "__main__":
    sys.exit(main())
