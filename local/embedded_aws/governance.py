# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for a whole account: the settings of its image registry, which MiniStack lacks, and the tags of trails.

The settings are kept and do nothing: nothing is scanned and nothing copied.
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import ministack.app as ministack
from ministack.core.responses import AccountRegionScopedDict
from ministack.core.responses import error_response_json
from ministack.core.responses import get_account_id
from ministack.core.responses import get_region
from ministack.core.responses import json_response
from ministack.services import cloudtrail
from ministack.services import ecr

from embedded_aws.correction import Reply
from embedded_aws.correction import correct

NAME = "embedded_governance"
# "scanning", "replication" -> what was put.
_registry = AccountRegionScopedDict()


def get_state() -> dict[str, Any]:
    return {"registry": copy.deepcopy(_registry)}


def load_persisted_state(data: dict[str, Any]) -> None:
    _registry.update(data.get("registry", {}))


def reset() -> None:
    _registry.clear()


def scanning(_data: dict[str, Any]) -> Reply:
    found = _registry.get("scanning") or {"scanType": "BASIC", "rules": []}
    return json_response({"registryId": get_account_id(), "scanningConfiguration": found})


def put_scanning(data: dict[str, Any]) -> Reply:
    known = _registry.get("scanning") or {}
    wanted = {"scanType": data.get("scanType") or known.get("scanType", "BASIC"), "rules": data.get("rules", [])}
    frequencies = [rule["scanFrequency"] for rule in wanted["rules"]]
    if ("CONTINUOUS_SCAN" in frequencies and wanted["scanType"] == "BASIC") or len(frequencies) > len({*frequencies}):
        return error_response_json("InvalidParameterException", "Invalid parameter: the scanning rules", 400)
    _registry["scanning"] = wanted
    return json_response({"registryScanningConfiguration": wanted})


def registry(_data: dict[str, Any]) -> Reply:
    found = _registry.get("replication") or {"rules": []}
    return json_response({"registryId": get_account_id(), "replicationConfiguration": found})


def put_replication(data: dict[str, Any]) -> Reply:
    wanted = data["replicationConfiguration"]
    here = {"region": get_region(), "registryId": get_account_id()}
    if any(here in rule["destinations"] for rule in wanted["rules"]):
        return error_response_json("InvalidParameterException", "A registry cannot replicate to itself.", 400)
    _registry["replication"] = wanted
    return json_response({"replicationConfiguration": wanted})


REGISTRY_ACTIONS = {
    "GetRegistryScanningConfiguration": scanning,
    "PutRegistryScanningConfiguration": put_scanning,
    "DescribeRegistry": registry,
    "PutReplicationConfiguration": put_replication,
}


def install() -> None:
    """Register this module's state to be saved, restored and reset like MiniStack's own."""
    ministack._loaded_modules[NAME] = sys.modules[__name__]
    ministack._state_map[NAME] = NAME

    @correct(ecr, "handle_request")
    async def ecr_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
        """The registry keeps its rules for scanning and replication."""
        action = REGISTRY_ACTIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
        return action(json.loads(body or b"{}")) if action else await original(method, path, headers, body, query)

    @correct(cloudtrail, "_create_trail", "_DISPATCH", "CreateTrail")
    def create_trail(original: Any, body: dict[str, Any]) -> Reply:
        """A trail has the tags that it was made with."""
        reply = original(body)
        if reply[0] == 200 and body.get("TagsList"):
            arn = json.loads(reply[2])["TrailARN"]
            cloudtrail._trail_tags[arn] = {tag["Key"]: tag.get("Value", "") for tag in body["TagsList"]}
        return reply

    @correct(cloudtrail, "_delete_trail", "_DISPATCH", "DeleteTrail")
    def delete_trail(original: Any, body: dict[str, Any]) -> Reply:
        """Its tags go with it."""
        trail = cloudtrail._find_mutable_trail(body.get("Name", ""))[2] or {}
        reply = original(body)
        if reply[0] == 200:
            cloudtrail._trail_tags.pop(trail.get("TrailARN", ""), None)
        return reply
