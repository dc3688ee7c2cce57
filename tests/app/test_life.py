# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop: wrong settings, the drain at SIGTERM, a read-only folder, and `chainlit run`."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.app_server import Server
from support.app_server import environment_of
from support.app_server import running
from support.chat_client import Answer
from support.chat_client import Conversation
from support.chat_client import chat
from support.fake_collector import collector
from support.machine import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
APP = REPOSITORY / "app"
LONG = " ".join(str(number) for number in range(30))

Start = Callable[..., Server]


async def begin(page: Conversation) -> None:
    """Say something that takes long to answer, and wait until the answer is being written."""
    await page.send(LONG)
    while not page.pieces:
        await asyncio.sleep(0.02)


def test_an_answer_in_progress_is_finished_at_sigterm(start: Start) -> None:
    server = start(ECHO_PAUSE_SECONDS="0.1")

    async def converse() -> tuple[int, int, Answer]:
        async with Conversation(server.url) as page:
            await begin(page)
            server.terminate()
            await asyncio.sleep(0.5)
            live = await asyncio.to_thread(server.request, "GET", "/health")
            ready = await asyncio.to_thread(server.request, "GET", "/ready")
            return live.status, ready.status, await page.answer()

    live, ready, answer = asyncio.run(converse())
    assert (live, ready) == (200, 503)
    assert answer.replies == [f"Echo: {LONG}"]
    assert server.end() == 0
    events = {event["message"]: event for event in server.events()}
    assert events["draining"]["answers"] == 1
    assert events["drained"]["answers_cut"] == 0
    assert events["drained"]["seconds"] > 1


def test_an_answer_that_takes_too_long_is_cut(start: Start) -> None:
    server = start(ECHO_PAUSE_SECONDS="1", DRAIN_SECONDS="0.5")

    async def converse() -> None:
        async with Conversation(server.url) as page:
            await begin(page)
            server.terminate()
            await asyncio.to_thread(server.end, 10)

    started = time.monotonic()
    asyncio.run(converse())
    assert time.monotonic() - started < 10
    assert {event["message"]: event for event in server.events()}["drained"]["answers_cut"] == 1


def test_a_page_comes_back_to_another_task(start: Start) -> None:
    async def converse() -> tuple[list[str], Answer]:
        gone = await asyncio.to_thread(start)
        async with Conversation(gone.url) as page:
            assert (await page.say("hello")).replies == ["Echo: hello"]
            gone.terminate()
            assert await asyncio.to_thread(gone.end) == 0
            page.url = (await asyncio.to_thread(start)).url
            await page.come_back()
            return page.greeting, await page.say("again")

    greeting, answer = asyncio.run(converse())
    assert greeting
    assert answer.replies == ["Echo: again"]


def test_an_idle_page_does_not_hold_it_up(start: Start) -> None:
    server = start()

    async def converse() -> float:
        async with Conversation(server.url) as page:
            await page.say("hello")
            started = time.monotonic()
            server.terminate()
            assert await asyncio.to_thread(server.end) == 0
            return time.monotonic() - started

    assert asyncio.run(converse()) < 3


def test_sigterm_while_it_imports_ends_it_at_once(app_python: str) -> None:
    settings = {"HOST": "127.0.0.1", "PORT": str(free_port())}
    process = subprocess.Popen([app_python, str(APP / "serve.py")], env=environment_of(settings))
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) in (128 + signal.SIGTERM, -signal.SIGTERM)


def refused(python: str, *command: str, **settings: str) -> list[dict[str, Any]]:
    """Start the application with settings that must be refused; return what it wrote."""
    process = subprocess.run(
        [python, *command],
        env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1", **settings},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (process.returncode, process.stderr) == (2, "")
    return [json.loads(line) for line in process.stdout.splitlines()]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"PORT": "http"}, "PORT='http' is not a whole number"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL='loud' is none of"),
        ({"CHAINLIT_AUTH_SECRET": ""}, "CHAINLIT_AUTH_SECRET is empty"),
        ({"CHAINLIT_CUSTOM_AUTH": "1"}, "CHAINLIT_AUTH_SECRET is missing"),
        ({"DATABASE_URL": "postgresql://user:sesame@db/x"}, "DATABASE_URL has no driver"),
        ({"CHAT_HISTORY": "true"}, "DATABASE_URL is missing"),
        ({"DRAIN_SECONDS": "-1"}, "DRAIN_SECONDS='-1' is not a number"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_said_at_start(app_python: str, settings: dict[str, str], problem: str) -> None:
    (event,) = refused(app_python, str(APP / "serve.py"), **settings)
    assert event["level"] == "critical"
    assert problem in event["message"]
    assert "sesame" not in str(event)


def test_all_that_is_wrong_is_one_event(app_python: str) -> None:
    (event,) = refused(app_python, str(APP / "serve.py"), PORT="x", LOG_LEVEL="y", OPENAI_API_KEY=" ")
    assert len(event["problems"]) == 3
    assert all(name in event["message"] for name in ("PORT='x'", "LOG_LEVEL='y'", "OPENAI_API_KEY is empty"))
    assert event["message"].startswith("The application cannot start, 3 settings are wrong.")


def test_a_port_in_use_is_said(start: Start, app_python: str) -> None:
    server = start()
    process = subprocess.run(
        [app_python, str(APP / "serve.py")],
        env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(server.port)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    (event,) = [json.loads(line) for line in process.stdout.splitlines()]
    assert event["message"] == f"cannot listen on 127.0.0.1:{server.port}: Address already in use"
    assert process.returncode == 1


def test_chainlit_run_works_as_well(app_python: str, tmp_path: Path) -> None:
    """The developer's way, from the repository's root: the same probes, limits, settings and logs."""
    port = free_port()
    command = ["-m", "chainlit", "run", "app/app.py", "--headless", "--host", "127.0.0.1", "--port", str(port)]
    with running(tmp_path, [app_python, *command], REPOSITORY, {"APP_VERSION": "dev-7"}, port) as server:
        assert server.request("GET", "/health").json()["version"] == "dev-7"
        assert server.request("HEAD", "/ready").status == 200
        assert server.request("GET", "/docs").status == 404
        assert server.request("POST", "/login", content_length="99999999").status == 413
        assert b'["websocket"]' in server.request("GET", "/").body
        assert asyncio.run(chat(server.url, "hello")).streamed == "Echo: hello"
        server.terminate()
        assert server.end() == 0
        assert {"app", "app.http", "chainlit"} <= {event["logger"] for event in server.events()}
    assert refused(app_python, *command, DRAIN_SECONDS="x")[-1]["level"] == "critical"


def test_it_writes_nothing_beside_itself(app_python: str, start: Start) -> None:
    """In the image the application's folder is read-only."""
    before = sorted(path for path in APP.rglob("*") if ".files" not in path.parts and "__pycache__" not in path.parts)
    asyncio.run(chat(start().url, "hello"))
    after = sorted(path for path in APP.rglob("*") if ".files" not in path.parts and "__pycache__" not in path.parts)
    assert after == before


def test_the_translations_are_those_of_the_chainlit_that_is_locked(app_python: str) -> None:
    """Chainlit would write the ones that are missing, which it cannot in the image."""
    code = "import chainlit, pathlib; print(pathlib.Path(chainlit.__file__).parent / 'translations')"
    shipped = Path(subprocess.check_output([app_python, "-c", code], cwd=APP, text=True).splitlines()[-1])
    own = APP / ".chainlit" / "translations"
    assert {path.name: json.loads(path.read_text()) for path in own.iterdir()} == {
        path.name: json.loads(path.read_text()) for path in shipped.glob("*.json")
    }


def test_requests_and_answers_are_traced_to_the_last(start: Start) -> None:
    with collector() as collected:
        server = start(OTEL_EXPORTER_OTLP_ENDPOINT=collected.url, OTEL_SERVICE_NAME="chat-under-test")
        forced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        server.request("GET", "/project/translations?language=en-US", traceparent=forced)
        asyncio.run(chat(server.url, "hello"))
        server.terminate()
        assert server.end() == 0
    (trace,) = {event["trace"] for event in server.events() if event["message"] == "answered"}
    for text in (b"chat-under-test", b"answer", b"GET /project/translations", bytes.fromhex(trace)):
        assert text in collected.all
    assert b"/health" not in collected.all
    assert bytes.fromhex(forced.split("-")[1]) not in collected.all, "a visitor joined his trace to ours"


def test_a_collector_that_is_gone_keeps_nobody(start: Start) -> None:
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert asyncio.run(chat(server.url, "hello"))
    server.terminate()
    assert server.end() == 0


def test_a_page_that_came_back_stays_while_another_thread_collects_garbage(server: Server) -> None:
    came_back, collected = threading.Event(), threading.Event()

    async def converse() -> bool:
        async with Conversation(server.url) as page:
            await page.socket.disconnect()
            await page.come_back()
            came_back.set()
            await asyncio.to_thread(collected.wait, 30)
            return "still here" in " ".join((await page.say("still here")).replies)

    with ThreadPoolExecutor() as pool:
        heard = pool.submit(asyncio.run, converse())
        assert came_back.wait(30)
        gc.collect()
        collected.set()
        assert heard.result()
