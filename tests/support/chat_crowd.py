# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many people who chat at once while something happens to the service, and what each of them noticed of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass
from dataclasses import field
from types import TracebackType

import aiohttp
from socketio.exceptions import SocketIOError
from support.chat_client import ChatError
from support.chat_client import Conversation

PAUSE_SECONDS = 1.0
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 60.0


@dataclass
class Crowd:
    """`with Crowd(url, 20) as crowd:` lets them chat until the end of the block.

    `lost` are messages that the application had taken and did not answer; `refused` are requests that got no good
    answer. By client, `heard` is the latest answer, and `returned` counts how often their task went away and the same
    page came back.
    """

    url: str
    size: int
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    heard: dict[int, str] = field(default_factory=dict)
    answered: Counter[int] = field(default_factory=Counter)
    returned: Counter[int] = field(default_factory=Counter)

    def __enter__(self) -> Crowd:
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._everybody()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join(2 * PATIENCE_SECONDS)

    def all_heard(self, words: str, seconds: float) -> bool:
        """Whether everybody's latest answer has these words, at the latest after so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(self.heard) == self.size and all(words in answer for answer in self.heard.values()):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    async def _everybody(self) -> None:
        await asyncio.gather(self._ask_for_health(), *map(self._chat, range(self.size)))

    async def _ask_for_health(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS)) as http:
            while not self._over.is_set():
                try:
                    async with http.get(f"{self.url}/health") as answer:
                        if answer.status != 200:
                            self.refused.append(f"/health answered {answer.status}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.refused.append(f"/health: {error or type(error).__name__}")
                await asyncio.sleep(0.2)

    async def _chat(self, number: int) -> None:
        try:
            async with Conversation(self.url, PATIENCE_SECONDS) as page:
                while not self._over.is_set():
                    if await self._say(page, number):
                        await asyncio.sleep(PAUSE_SECONDS)
                    else:
                        await page.come_back()
                        self.returned[number] += 1
        except (ChatError, SocketIOError) as error:
            self.refused.append(f"client {number}: {error}")

    async def _say(self, page: Conversation, number: int) -> bool:
        """Whether the page is still connected after it has said something and heard the answer."""
        message = f"message {self.answered[number]} of {number}"
        try:
            await page.send(message)
        except SocketIOError:
            return False
        while not page.idle.is_set():
            if not page.socket.connected:
                if page.taken:
                    self.lost.append(f"{message}: {''.join(page.pieces)!r}")
                return False
            await asyncio.sleep(LOOK_SECONDS)
        answer = await page.answer()
        if message not in " ".join(answer.replies):
            self.lost.append(f"{message}: {answer.replies}")
        self.heard[number] = " ".join(answer.replies)
        self.answered[number] += 1
        return True
