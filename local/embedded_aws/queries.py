# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch Logs Insights: the saved queries, which MiniStack lacks."""

from __future__ import annotations

import copy
import json
import sys
import time
import uuid
from typing import Any

import ministack.app as ministack
from ministack.core.responses import AccountRegionScopedDict
from ministack.core.responses import error_response_json
from ministack.core.responses import json_response
from ministack.services import cloudwatch_logs as logs

from embedded_aws.correction import Reply
from embedded_aws.correction import correct

NAME = "embedded_queries"
_definitions = AccountRegionScopedDict()  # id -> definition


def get_state() -> dict[str, Any]:
    return {"definitions": copy.deepcopy(_definitions)}


def load_persisted_state(data: dict[str, Any]) -> None:
    _definitions.update(data.get("definitions", {}))


def reset() -> None:
    _definitions.clear()


def missing(identifier: str) -> Reply:
    return error_response_json("ResourceNotFoundException", f"Query definition does not exist: {identifier}", 400)


def put(data: dict[str, Any]) -> Reply:
    identifier = data.get("queryDefinitionId") or str(uuid.uuid4())
    if "queryDefinitionId" in data and identifier not in _definitions:
        return missing(identifier)
    kept: dict[str, Any] = {
        name: data[name] for name in ("name", "queryString", "logGroupNames", "queryLanguage") if name in data
    }
    definition = {**kept, "queryDefinitionId": identifier, "lastModified": int(time.time() * 1000)}
    _definitions[identifier] = definition
    return json_response({"queryDefinitionId": identifier})


def describe(data: dict[str, Any]) -> Reply:
    prefix = data.get("queryDefinitionNamePrefix", "")
    found = [item for item in _definitions.values() if item["name"].startswith(prefix)]
    return json_response({"queryDefinitions": sorted(found, key=lambda item: item["name"])})


def delete(data: dict[str, Any]) -> Reply:
    identifier = data.get("queryDefinitionId", "")
    if identifier not in _definitions:
        return missing(identifier)
    del _definitions[identifier]
    return json_response({"success": True})


ACTIONS = {"PutQueryDefinition": put, "DescribeQueryDefinitions": describe, "DeleteQueryDefinition": delete}


def install() -> None:
    ministack._loaded_modules[NAME] = sys.modules[__name__]
    ministack._state_map[NAME] = NAME

    @correct(logs, "handle_request")
    async def request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in ACTIONS:
            return ACTIONS[action](json.loads(body or b"{}"))
        return await original(method, path, headers, body, query)
