# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces of OpenTelemetry: a span for each request that is not routine, and for each answer.

They go where OTEL_EXPORTER_OTLP_ENDPOINT says, and nowhere without it; OpenTelemetry's other variables count too. Its
packages come with Chainlit, which imports them anyway.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from front import QUIET_PATHS
from front import ASGIApp
from front import Message
from front import Receive
from front import Scope
from front import Send
from opentelemetry import trace

# Does nothing until `start`.
TRACER = trace.get_tracer("app")


def start(version: str) -> None:
    """Send spans from now on, and write the trace's id into the log lines that belong to one."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.version": version}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_name_the_trace)


def flush() -> None:
    """Send what has not been sent yet."""
    getattr(trace.get_tracer_provider(), "force_flush", bool)()


def span(name: str) -> AbstractContextManager[Any]:
    """A span with a trace of its own: a visitor's headers must not decide what is kept, and paid for."""
    own = trace.set_span_in_context(trace.INVALID_SPAN)
    begun: AbstractContextManager[Any] = TRACER.start_as_current_span(name, own, trace.SpanKind.SERVER)
    return begun


def _name_the_trace(record: logging.LogRecord) -> bool:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace = trace.format_trace_id(context.trace_id)
    return True


class RequestSpans:
    """Wraps each HTTP request in a span. A WebSocket has none, as it lasts for hours; its answers have."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(QUIET_PATHS):
            await self.app(scope, receive, send)
            return
        with span(scope["method"]) as request:
            request.set_attributes({"http.request.method": scope["method"], "url.path": scope["path"]})

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    request.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        request.set_status(trace.StatusCode.ERROR)
                await send(message)

            await self.app(scope, receive, send_and_note)
            # The router has left its route, whose path holds no ids.
            if route := getattr(scope.get("route"), "path", ""):
                request.update_name(f"{scope['method']} {route}")
