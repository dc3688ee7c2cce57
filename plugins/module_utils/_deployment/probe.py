# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end-to-end probe: one HTTP request and one real WebSocket upgrade, with nothing but the standard library."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult
from urllib.parse import urljoin
from urllib.parse import urlsplit

from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Probe

# https://www.rfc-editor.org/rfc/rfc6455#section-1.3
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MOST_BODY = 1 << 20


@dataclass(frozen=True)
class ProbeOptions:
    """`websocket`: path (and query) to upgrade, empty for none. `timeout` in seconds, for each of the two."""

    url: str
    status: int = 200
    contains: str = ""
    websocket: str = ""
    timeout: float = 10
    validate_certs: bool = True


def probe(options: ProbeOptions) -> Probe:
    """Whether the address answers as it should. Never raises: what failed is the detail."""
    try:
        problem = http_problem(options) or (websocket_problem(options) if options.websocket else "")
    except (OSError, http.client.HTTPException) as error:
        problem = f"{error or type(error).__name__}"
    done = f"HTTP {options.status}" + (" and WebSocket 101" if options.websocket else "")
    return Probe(options.url, not problem, problem or done)


def prober(options: ProbeOptions) -> Callable[[], Probe]:
    return lambda: probe(options)


def connect(place: SplitResult, options: ProbeOptions) -> http.client.HTTPConnection:
    if place.scheme != "https":
        return http.client.HTTPConnection(place.hostname or "", place.port, timeout=options.timeout)
    context = ssl.create_default_context()
    if not options.validate_certs:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(place.hostname or "", place.port, timeout=options.timeout, context=context)


def target_of(place: SplitResult) -> str:
    return (place.path or "/") + (f"?{place.query}" if place.query else "")


def http_problem(options: ProbeOptions) -> str:
    place = urlsplit(options.url)
    connection = connect(place, options)
    try:
        connection.request("GET", target_of(place))
        answer = connection.getresponse()
        body = answer.read(MOST_BODY).decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status != options.status:
        return f"HTTP {answer.status} instead of {options.status}"
    if options.contains and options.contains not in body:
        return f"HTTP {answer.status} without the expected text"
    return ""


def websocket_problem(options: ProbeOptions) -> str:
    """The upgrade is real when the answer proves that it was computed for this request's key."""
    place = urlsplit(urljoin(options.url, options.websocket))
    key = base64.b64encode(os.urandom(16)).decode()
    wanted = base64.b64encode(hashlib.sha1((key + WEBSOCKET_GUID).encode(), usedforsecurity=False).digest()).decode()
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        "Origin": f"{place.scheme}://{place.netloc}",
    }
    connection = connect(place, options)
    try:
        connection.request("GET", target_of(place), headers=headers)
        answer = connection.getresponse()
    finally:
        connection.close()
    if answer.status != http.client.SWITCHING_PROTOCOLS:
        return f"the WebSocket upgrade answers HTTP {answer.status} instead of 101"
    if answer.getheader("Sec-WebSocket-Accept") != wanted:
        return "the WebSocket upgrade does not answer this request's key"
    return ""
