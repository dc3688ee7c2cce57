# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as a load balancer, a browser and an operator see it."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import time

import pytest
from support.app_server import Server
from support.chat_client import ChatError
from support.chat_client import Conversation
from support.chat_client import chat

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def test_health_is_json_and_names_the_version(server: Server) -> None:
    reply = server.request("GET", "/health")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.headers["cache-control"] == "no-store"
    assert {**reply.json(), "uptime_seconds": None} == {"status": "ok", "version": "1.2.3", "uptime_seconds": None}


def test_health_answers_head(server: Server) -> None:
    reply = server.request("HEAD", "/health")
    assert (reply.status, reply.body) == (200, b"")


def test_ready_runs_the_checks(server: Server) -> None:
    reply = server.request("GET", "/ready")
    assert reply.status == 200
    assert {name: check["ok"] for name, check in reply.json()["checks"].items()} == {"handlers": True, "files": True}
    assert server.request("HEAD", "/ready").status == 200


def test_a_chat_greets_and_answers_in_pieces_over_a_websocket(server: Server) -> None:
    answer = asyncio.run(chat(server.url, "good morning to you"))
    assert len(answer.greeting) == 1
    assert answer.replies == ["Echo: good morning to you"]
    assert answer.streamed == "Echo: good morning to you"
    assert answer.pieces > 2
    assert answer.transport == "websocket"
    assert answer.first_piece < answer.finished


def test_a_message_comes_back_as_it_was(server: Server) -> None:
    message = "  <b>two</b>\n\nlines, a   gap & ünïcödé 🙂 \n"
    (reply,) = asyncio.run(chat(server.url, message)).replies
    assert reply == f"Echo: {message}"


def test_many_people_chat_at_once(server: Server) -> None:
    async def everybody() -> list[list[str]]:
        answers = await asyncio.gather(*(chat(server.url, f"I am {number}") for number in range(20)))
        return [answer.replies for answer in answers]

    assert asyncio.run(everybody()) == [[f"Echo: I am {number}"] for number in range(20)]


@pytest.mark.skipif(
    not any(map(shutil.which, CHROMIUM)), reason="no Chromium on this machine: apt-get install chromium"
)
def test_a_browser_can_chat(server: Server) -> None:
    from support.browser_chat import browser_chat

    assert browser_chat(server.url, "hello from a browser") == "Echo: hello from a browser"


def test_the_page_uses_one_websocket_and_offers_no_uploads(server: Server) -> None:
    assert b'["websocket"]' in server.request("GET", "/").body
    settings = server.request("GET", "/project/settings?language=en-US").json()
    assert settings["features"]["spontaneous_file_upload"]["enabled"] is False
    assert settings["dataPersistence"] is False


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"])
def test_its_own_documentation_is_closed(server: Server, path: str) -> None:
    assert server.request("GET", path).status == 404


def test_a_large_body_is_refused(server: Server) -> None:
    reply = server.request("POST", "/project/file?session_id=x", content_length=str(100 * 1024**2))
    assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_a_large_body_without_a_length_is_refused(server: Server) -> None:
    # One byte more than the limit: what a server has not read when it closes may cost the client the answer.
    chunks = iter([b"x" * 65536] * 16 + [b"x"])
    reply = server.request("POST", "/set-session-cookie", chunks, content_type="application/json")
    assert reply.status == 413


def talk_from(server: Server, origin: str) -> list[str]:
    async def conversation() -> list[str]:
        async with Conversation(server.url, timeout=10, origin=origin) as page:
            return (await page.say("hello")).replies

    return asyncio.run(conversation())


def test_a_foreign_page_gets_no_websocket(server: Server) -> None:
    with pytest.raises(ChatError, match="did not open"):
        talk_from(server, "https://evil.example")


def test_its_own_page_and_allowed_ones_do(server: Server) -> None:
    assert talk_from(server, server.url) == ["Echo: hello"]
    assert talk_from(server, "https://friend.example") == ["Echo: hello"]


def test_a_foreign_page_changes_nothing_and_reads_nothing(server: Server) -> None:
    foreign = {"origin": "https://evil.example"}
    assert server.request("POST", "/set-session-cookie", '{"session_id": "x"}', **foreign).status == 403
    assert "access-control-allow-origin" not in server.request("GET", "/project/settings", **foreign).headers


def test_browsers_are_told_to_be_careful(server: Server) -> None:
    plain = server.request("GET", "/").headers
    assert plain["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in plain
    assert "server" not in plain
    assert "strict-transport-security" in server.request("GET", "/", x_forwarded_proto="https").headers


def test_an_idle_connection_stays_open(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/health")
    connection.getresponse().read()
    time.sleep(6)  # uvicorn's own default closes after 5 s
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()


def test_every_line_of_the_log_is_json(server: Server) -> None:
    asyncio.run(chat(server.url, "a confidential message"))
    events = server.events()
    assert {"app", "app.http", "chainlit", "uvicorn.error"} <= {event["logger"] for event in events}
    assert any(event["message"] == "answered" and event["characters"] > 0 for event in events)
    assert all(event.keys() >= {"time", "level", "logger", "message"} for event in events)
    text = server.output.read_text()
    assert "confidential" not in text  # no conversation
    assert "transport=" not in text  # no query string, which carries session ids
    assert "/health" not in text  # no routine
