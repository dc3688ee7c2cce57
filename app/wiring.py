# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts probes, limits and logs in front of Chainlit's web application, whoever serves it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import chainlit.config
import traces
import uvicorn.config
from front import BodyLimit
from front import OriginGuard
from front import RequestLog
from front import SecurityHeaders
from health import Health
from health import Report
from settings import Settings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PROBES = ["GET", "HEAD"]
# FastAPI's documentation of itself, which Chainlit leaves open to the world.
CLOSED = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")


def install(web: Any, settings: Settings) -> Health:
    """Prepare Chainlit's FastAPI application; do it once, even if `chainlit run --watch` loads the app again."""
    known: Health | None = getattr(web.state, "health", None)
    if known:
        return known
    health = Health(settings.version, {"handlers": _handlers, "files": _files})
    web.state.health = health

    async def live(_: Request) -> JSONResponse:
        return _answer(health.live())

    async def ready(_: Request) -> JSONResponse:
        return _answer(await health.ready())

    async def closed(_: Request) -> JSONResponse:
        return JSONResponse({"detail": "Not Found"}, 404)

    # In front of Chainlit's own routes: its last one takes every path and answers with the page.
    web.router.routes[:0] = [
        Route("/health", live, methods=PROBES),
        Route("/ready", ready, methods=PROBES),
        *(Route(path, closed) for path in CLOSED),
    ]
    # The one added last sees a request first.
    web.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    web.add_middleware(OriginGuard, allowed=settings.allowed_origins)
    web.add_middleware(SecurityHeaders)
    web.add_middleware(RequestLog)
    if settings.traces:
        traces.start(settings.version)
        # Those that FastAPI makes by itself count every health check, hold query strings and let visitors decide.
        getattr(web, "_telemetry", {}).update(tracing=False)
        web.add_middleware(traces.RequestSpans)
    # `chainlit run` makes its uvicorn.Config later, and this default would give it loggers of its own, in plain text.
    uvicorn.config.LOGGING_CONFIG.clear()
    uvicorn.config.LOGGING_CONFIG.update(version=1, disable_existing_loggers=False)
    return health


def _answer(report: Report) -> JSONResponse:
    return JSONResponse(report.body, 200 if report.ok else 503, headers={"Cache-Control": "no-store"})


async def _handlers() -> None:
    if not chainlit.config.config.code.on_message:
        raise LookupError("no message handler")


async def _files() -> None:
    """The files of a conversation can be written."""
    if not await asyncio.to_thread(os.access, chainlit.config.FILES_DIRECTORY, os.W_OK):
        raise PermissionError
