# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the application: defaults, values, and everything that is wrong in one message."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings import Settings
from settings import SettingsError
from settings import read


def nothing_installed(_: str) -> bool:
    return False


def problems(environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(environment, nothing_installed)
    return caught.value.problems


def test_an_empty_environment_is_enough() -> None:
    settings = read({}, nothing_installed)
    assert (settings.host, settings.port, settings.log_level, settings.version) == ("0.0.0.0", 8080, "INFO", "dev")
    assert settings.keep_alive_seconds > 300  # the load balancer's idle timeout
    assert settings.drain_seconds + 5 < 30  # the task's stop timeout
    assert settings.files_directory.name == "chainlit-files"
    assert not settings.chat_history
    assert not settings.traces


def test_every_value_is_taken() -> None:
    environment = {
        "HOST": "127.0.0.2",
        "PORT": "9000",
        "LOG_LEVEL": "debug",
        "APP_VERSION": "1.2.3",
        "MAX_BODY_BYTES": "2048",
        "ALLOWED_ORIGINS": "https://a.example/, https://b.example:8443",
        "FORWARDED_ALLOW_IPS": "10.0.0.0/16",
        "KEEP_ALIVE_SECONDS": "75",
        "DRAIN_SECONDS": "2.5",
        "FILES_DIRECTORY": "/data",
        "ECHO_PAUSE_SECONDS": "0",
        "CHAT_HISTORY": "true",
        "DATABASE_URL": "postgresql://u:p@h/d",
        "CHAINLIT_URL": "https://chat.example",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
    }
    assert read(environment, lambda module: module == "asyncpg") == Settings(
        host="127.0.0.2",
        port=9000,
        log_level="DEBUG",
        version="1.2.3",
        max_body_bytes=2048,
        allowed_origins=("https://a.example", "https://b.example:8443", "https://chat.example"),
        forwarded_allow_ips="10.0.0.0/16",
        keep_alive_seconds=75,
        drain_seconds=2.5,
        files_directory=Path("/data"),
        echo_pause_seconds=0,
        chat_history=True,
        traces=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "http", "not a whole number from 1 to 65535"),
        ("PORT", "0", "not a whole number from 1 to 65535"),
        ("PORT", "65536", "not a whole number from 1 to 65535"),
        ("PORT", "-1", "not a whole number"),
        ("PORT", "٣", "not a whole number"),
        ("PORT", "", "PORT is empty"),
        ("PORT", "  ", "PORT is empty"),
        ("HOST", " ", "HOST is empty"),
        ("LOG_LEVEL", "verbose", "none of DEBUG, INFO"),
        ("LOG_LEVEL", "", "LOG_LEVEL is empty"),
        ("DRAIN_SECONDS", "soon", "not a number from 0 to 115"),
        ("DRAIN_SECONDS", "nan", "not a number from 0 to 115"),
        ("DRAIN_SECONDS", "inf", "not a number from 0 to 115"),
        ("KEEP_ALIVE_SECONDS", "1.5", "not a whole number"),
        ("MAX_BODY_BYTES", "10", "not a whole number from 1024"),
        ("ALLOWED_ORIGINS", "chat.example", "not an origin"),
        ("ALLOWED_ORIGINS", "https://a.example/path", "not an origin"),
        ("CHAT_HISTORY", "maybe", "neither true nor false"),
        ("CHAINLIT_URL", "chat.example", "not an address"),
        ("CHAINLIT_URL", "", "not an address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "not an address such as http://localhost:4318"),
        ("CHAINLIT_AUTH_SECRET", "", "CHAINLIT_AUTH_SECRET is empty"),
        ("OPENAI_API_KEY", " ", "OPENAI_API_KEY is empty"),
        ("DATABASE_URL", "", "DATABASE_URL is empty"),
        ("DATABASE_URL", "mysql://h/d", "does not begin with postgresql://"),
        ("DATABASE_URL", "postgresql://h/d", "DATABASE_URL has no driver: none of asyncpg, psycopg"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, said: str) -> None:
    (problem,) = problems({name: value})
    assert problem.startswith(name)
    assert said in problem


def test_one_message_lists_everything() -> None:
    with pytest.raises(SettingsError) as caught:
        read({"PORT": "x", "LOG_LEVEL": "y", "DATABASE_URL": " "}, nothing_installed)
    text = str(caught.value)
    assert text.startswith("The application cannot start, 3 settings are wrong. ")
    assert all(name in text for name in ("PORT='x'", "LOG_LEVEL='y'", "DATABASE_URL is empty"))
    assert "\n" not in text


def test_no_secret_is_shown() -> None:
    text = " ".join(problems({"DATABASE_URL": "mysql://user:sesame@db/x", "CHAT_HISTORY": "true"}))
    assert "sesame" not in text


def test_history_needs_a_database_and_its_own_driver() -> None:
    assert problems({"CHAT_HISTORY": "true"}) == ["DATABASE_URL is missing: CHAT_HISTORY=true needs it."]
    with pytest.raises(SettingsError, match="needs asyncpg, which is not installed"):
        read({"CHAT_HISTORY": "1", "DATABASE_URL": "postgres://h/d"}, lambda module: module == "psycopg")


def test_a_database_without_history_takes_any_driver() -> None:
    assert not read({"DATABASE_URL": "postgres://h/d"}, lambda module: module == "psycopg").chat_history


def test_a_login_needs_its_secret() -> None:
    (problem,) = problems({"CHAINLIT_CUSTOM_AUTH": "true"})
    assert problem.startswith("CHAINLIT_AUTH_SECRET is missing")
    read({"CHAINLIT_CUSTOM_AUTH": "true", "CHAINLIT_AUTH_SECRET": "s"}, nothing_installed)
