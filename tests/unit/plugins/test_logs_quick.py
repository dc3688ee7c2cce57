# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick way to read events gives what botocore gives; and which errors pass by waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.quick import quickened
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble
from ansible_collections.amica.stack.plugins.module_utils._trouble import trouble_of
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError
from botocore.exceptions import CredentialRetrievalError
from botocore.exceptions import EndpointConnectionError
from botocore.exceptions import NoCredentialsError

EVENT = {
    "logStreamName": "ecs/amica/one",
    "timestamp": 1_800_000_000_123,
    "message": "söme \u2028 text\n",
    "ingestionTime": 1_800_000_000_456,
    "eventId": "38",
}
ANSWERS: dict[str, tuple[int, dict[str, Any]]] = {
    "full": (200, {"events": [EVENT, {**EVENT, "eventId": "39"}], "searchedLogStreams": [], "nextToken": "more"}),
    "empty": (200, {"events": [], "nextToken": "more"}),
    "last": (200, {"events": [EVENT]}),
    "throttled": (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
    "gone": (400, {"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."}),
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = ANSWERS[asked["logGroupName"]]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def answer(address: str, group: str, *, quick: bool) -> Any:
    logs: Any = boto3.client(
        "logs",
        endpoint_url=address,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        said = (quickened(logs) if quick else logs).filter_log_events(logGroupName=group)
    except ClientError as error:
        return error.response["Error"]
    return {key: said.get(key) for key in ("events", "nextToken")}


@pytest.mark.parametrize("group", ANSWERS)
def test_the_quick_way_gives_what_botocore_gives(address: str, group: str) -> None:
    assert answer(address, group, quick=True) == answer(address, group, quick=False)


@pytest.mark.parametrize(
    ("code", "status", "trouble"),
    [
        ("ThrottlingException", 400, Trouble.THROTTLED),
        ("Throttling", 400, Trouble.THROTTLED),
        ("TooManyRequestsException", 429, Trouble.THROTTLED),
        ("ServerException", 500, Trouble.OUTAGE),
        ("Unheard", 503, Trouble.OUTAGE),
        ("ExpiredTokenException", 400, Trouble.EXPIRED),
        ("UnrecognizedClientException", 400, Trouble.EXPIRED),
        ("AccessDeniedException", 400, Trouble.DENIED),
        ("InvalidParameterException", 400, None),
        ("ResourceNotFoundException", 400, None),
    ],
)
def test_what_aws_says(code: str, status: int, trouble: Trouble | None) -> None:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert trouble_of(ClientError(response, "DescribeServices")) is trouble


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (EndpointConnectionError(endpoint_url="https://x"), Trouble.OUTAGE),
        (CredentialRetrievalError(provider="sso", error_msg="x"), Trouble.EXPIRED),
        (NoCredentialsError(), Trouble.EXPIRED),
    ],
)
def test_what_never_reached_aws(error: BotoCoreError, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble
