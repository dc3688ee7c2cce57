# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chat: greets, and says again what it is told, word by word as a model would.

`python serve.py` runs it as in production, `chainlit run app/app.py` while it is being written.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time

import chainlit as cl
import settings
import traces
import wiring
from chainlit.chat_context import chat_contexts
from chainlit.server import app as web

log = logging.getLogger("app")

GREETING = "Hello! I am the echo of this chat: whatever you write, I say it again."

SETTINGS = settings.start()
wiring.install(web, SETTINGS)


def no_history() -> None:
    """Keep Chainlit from taking DATABASE_URL for the address of its own history."""


async def greet() -> None:
    await cl.Message(content=GREETING).send()


async def echo(message: cl.Message) -> None:
    with traces.span("answer"):
        started = time.monotonic()
        answer = cl.Message(content="")
        for token in ("Echo: ", *re.findall(r"\S+\s*|\s+", message.content)):
            await answer.stream_token(token)
            await asyncio.sleep(SETTINGS.echo_pause_seconds)
        await answer.send()
        # How much and how long, never what: conversations do not belong in a log.
        seconds = round(time.monotonic() - started, 3)
        log.info("answered", extra={"characters": len(answer.content), "seconds": seconds})


async def forget() -> None:
    """Drop the conversation, which Chainlit would keep for as long as the process lives."""
    chat_contexts.pop(cl.context.session.id, None)


cl.on_chat_start(greet)
cl.on_message(echo)
cl.on_chat_end(forget)
if not SETTINGS.chat_history:
    cl.data_layer(no_history)
