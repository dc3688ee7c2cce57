# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls came, by the action that IAM would be asked about, as `ecs:DescribeServices`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import ministack.app as ministack
from ministack.core import iam_actions
from ministack.core import router

from embedded_aws.correction import Reply
from embedded_aws.correction import correct

SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/[^/]*/([^/]+)/aws4_request")
counted: Counter[str] = Counter()


def action(method: str, path: str, headers: Any, body: bytes, query: Any, signed_for: str) -> str:
    words = ministack._routing_params(method, path, headers, body, query)
    service = router.detect_service(method, path, headers, words)
    found = iam_actions.extract_iam_action(service, method, path, headers, body, words)
    return found or f"{signed_for}:{headers.get('x-amz-target', path).rpartition('.')[2]}"


def install() -> None:
    # Of the services that MiniStack lacks the only one whose requests do not name their action.
    iam_actions.SERVICE_TO_IAM_NAMESPACE["securityhub"] = "securityhub"
    iam_actions._BOTOCORE_SERVICE_MAP["securityhub"] = ["securityhub"]

    @correct(ministack, "_dispatch_service_request")
    async def dispatch(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any, id_: str) -> Reply:
        """Each signed request is counted."""
        if signed := SIGNED_FOR.search(headers.get("authorization", "")):
            counted[action(method, path, headers, body, query, signed[1])] += 1
        return await original(method, path, headers, body, query, id_)
