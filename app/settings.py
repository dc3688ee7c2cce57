# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's settings: read from the environment and checked before anything else happens.

| Variable | Default | Meaning |
|---|---|---|
| HOST, PORT | 0.0.0.0, 8080 | where `serve.py` listens |
| LOG_LEVEL | INFO | DEBUG, INFO, WARNING, ERROR or CRITICAL |
| APP_VERSION | dev | what `/health` names as the version |
| MAX_BODY_BYTES | 1048576 | largest request body; a larger one is answered with 413 before it is read |
| ALLOWED_ORIGINS | | other sites whose pages may talk to the chat: `https://a.example,https://b.example` |
| FORWARDED_ALLOW_IPS | * | whose X-Forwarded-For and -Proto count; in AWS only the load balancer reaches a task |
| KEEP_ALIVE_SECONDS | 320 | life of an idle connection; longer than at the load balancer (300 s), or that answers 502 |
| DRAIN_SECONDS | 20 | time that answers in progress get after SIGTERM; the task's stop timeout (30 s) less 5 s |
| FILES_DIRECTORY | in the temporary folder | where files of a conversation lie |
| ECHO_PAUSE_SECONDS | 0.02 | pause between two words of an answer |
| CHAT_HISTORY | false | keep conversations in the database of DATABASE_URL |
| DATABASE_URL | | postgresql://... |
| CHAINLIT_AUTH_SECRET | | signs the login cookie; the same on every task |
| CHAINLIT_URL | | the address that people use, if the load balancer's is another |
| OTEL_EXPORTER_OTLP_ENDPOINT | | OpenTelemetry's collector, which gets traces: `http://localhost:4318` |
"""

from __future__ import annotations

import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import logs

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")
# A secret that is there but blank breaks the first chat, or Chainlit's import, with a message that names no variable.
SECRETS = (
    "ANTHROPIC_API_KEY",
    "CHAINLIT_AUTH_SECRET",
    "COHERE_API_KEY",
    "DATABASE_URL",
    "OPENAI_API_KEY",
    "PINECONE_API_KEY",
    "REDIS_URL",
)
HISTORY_DRIVER = "asyncpg"
DATABASE_DRIVERS = (HISTORY_DRIVER, "psycopg")


@dataclass(frozen=True)
class Settings:
    """What the application runs with. Durations are in seconds."""

    host: str
    port: int
    log_level: str
    version: str
    max_body_bytes: int
    allowed_origins: tuple[str, ...]
    forwarded_allow_ips: str
    keep_alive_seconds: int
    drain_seconds: float
    files_directory: Path
    echo_pause_seconds: float
    chat_history: bool
    traces: bool


class SettingsError(Exception):
    """The environment holds wrong settings; the text names all of them. It never holds a secret's value."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        count = "1 setting is" if len(self.problems) == 1 else f"{len(self.problems)} settings are"
        super().__init__(f"The application cannot start, {count} wrong. " + " ".join(self.problems))


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


class _Reader:
    """Reads one variable after the other and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        value = self.environment.get(name, default).strip()
        if not value and default:
            self.problems.append(f"{name} is empty: give it a value or leave it out (then it is {default}).")
            return default
        return value

    def number(self, name: str, default: float, lowest: float, highest: float) -> float:
        value = self.text(name, f"{default:g}")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not lowest <= number <= highest:
            self.problems.append(f"{name}={value!r} is not a number from {lowest:g} to {highest:g}.")
            return default
        return number

    def whole(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and lowest <= int(value) <= highest):
            self.problems.append(f"{name}={value!r} is not a whole number from {lowest} to {highest}.")
            return default
        return int(value)

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        value = self.text(name, default)
        if value.upper() not in choices:
            self.problems.append(f"{name}={value!r} is none of {', '.join(choices)}.")
            return default
        return value.upper()

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default).lower()).lower()
        if value not in YES + NO:
            self.problems.append(f"{name}={value!r} is neither true nor false.")
            return default
        return value in YES

    def origins(self, name: str) -> tuple[str, ...]:
        origins = tuple(part.strip().rstrip("/") for part in self.text(name, "").split(",") if part.strip())
        for origin in origins:
            if not _is_address(origin) or urlsplit(origin).path:
                self.problems.append(f"{name}: {origin!r} is not an origin such as https://chat.example.com.")
        return origins

    def secrets(self) -> None:
        self.problems += [
            f"{name} is empty: give the secret a value or leave the variable out."
            for name in SECRETS
            if name in self.environment and not self.environment[name].strip()
        ]

    def login(self) -> None:
        if self.environment.get("CHAINLIT_CUSTOM_AUTH") and "CHAINLIT_AUTH_SECRET" not in self.environment:
            self.problems.append("CHAINLIT_AUTH_SECRET is missing: a login needs it (`chainlit create-secret`).")

    def public_origin(self) -> tuple[str, ...]:
        value = self.environment.get("CHAINLIT_URL")
        if value is None:
            return ()
        if not _is_address(value):
            self.problems.append(f"CHAINLIT_URL={value!r} is not an address such as https://chat.example.com.")
        return (value,)

    def collector(self) -> bool:
        name = "OTEL_EXPORTER_OTLP_ENDPOINT"
        value = self.text(name, "")
        if value and not _is_address(value):
            self.problems.append(f"{name}={value!r} is not an address such as http://localhost:4318.")
        return bool(value)

    def database(self, history: bool, has: Callable[[str], bool]) -> None:
        url = self.environment.get("DATABASE_URL")
        if url is None:
            if history:
                self.problems.append("DATABASE_URL is missing: CHAT_HISTORY=true needs it.")
            return
        if not url.strip():
            return  # said among the secrets
        if urlsplit(url).scheme not in ("postgres", "postgresql"):
            self.problems.append("DATABASE_URL does not begin with postgresql://.")
        elif history and not has(HISTORY_DRIVER):
            self.problems.append(
                f"DATABASE_URL has no driver: CHAT_HISTORY=true needs {HISTORY_DRIVER}, which is not installed; "
                "add it to app/requirements.in and lock again, or set CHAT_HISTORY=false."
            )
        elif not any(has(driver) for driver in DATABASE_DRIVERS):
            self.problems.append(
                f"DATABASE_URL has no driver: none of {', '.join(DATABASE_DRIVERS)} is installed; "
                "add one to app/requirements.in and lock again, or leave DATABASE_URL out."
            )


def _is_address(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def read(environment: Mapping[str, str], has: Callable[[str], bool] = installed) -> Settings:
    """Return the settings of the environment, or raise SettingsError with everything that is wrong.

    `has` tells whether a Python module is installed.
    """
    reader = _Reader(environment)
    reader.secrets()
    reader.login()
    chat_history = reader.flag("CHAT_HISTORY", False)
    reader.database(chat_history, has)
    settings = Settings(
        host=reader.text("HOST", "0.0.0.0"),
        port=reader.whole("PORT", 8080, 1, 65535),
        log_level=reader.choice("LOG_LEVEL", "INFO", LOG_LEVELS),
        version=reader.text("APP_VERSION", "dev"),
        max_body_bytes=reader.whole("MAX_BODY_BYTES", 1024**2, 1024, 1024**3),
        allowed_origins=reader.origins("ALLOWED_ORIGINS") + reader.public_origin(),
        forwarded_allow_ips=reader.text("FORWARDED_ALLOW_IPS", "*"),
        keep_alive_seconds=reader.whole("KEEP_ALIVE_SECONDS", 320, 1, 4200),
        drain_seconds=reader.number("DRAIN_SECONDS", 20, 0, 115),
        files_directory=Path(reader.text("FILES_DIRECTORY", str(Path(tempfile.gettempdir()) / "chainlit-files"))),
        echo_pause_seconds=reader.number("ECHO_PAUSE_SECONDS", 0.02, 0, 5),
        chat_history=chat_history,
        traces=reader.collector(),
    )
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def start() -> Settings:
    """Return this process's settings, with the log configured; end it with one message if a setting is wrong."""
    try:
        found = read(os.environ)
    except SettingsError as wrong:
        logs.configure("INFO")
        logging.getLogger("app").critical(str(wrong), extra={"problems": wrong.problems})
        raise SystemExit(2) from None
    logs.configure(found.log_level)
    return found
