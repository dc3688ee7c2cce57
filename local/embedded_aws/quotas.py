# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service Quotas, which MiniStack lacks: AWS's defaults of the few limits that a stack can meet, and one raised."""

from __future__ import annotations

import json
from typing import Any

import ministack.app as ministack
from ministack.core import router
from ministack.core.responses import error_response_json
from ministack.core.responses import json_response

from embedded_aws.correction import Reply

NAME = "service-quotas"
# (service, code) -> name and value.
DEFAULTS = {
    ("fargate", "L-3032A538"): ("Fargate On-Demand vCPU resource count", 6.0),
    ("fargate", "L-36FBB829"): ("Fargate Spot vCPU resource count", 6.0),
    ("vpc", "L-F678F1CE"): ("VPCs per Region", 5.0),
    ("elasticloadbalancing", "L-53DA6B97"): ("Application Load Balancers per Region", 50.0),
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5.0),
}
# What was applied to this account; AWS raises this one by itself as an account is used.
APPLIED = {("fargate", "L-3032A538"): 1000.0}


async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    data = json.loads(body or b"{}")
    asked = (data.get("ServiceCode", ""), data.get("QuotaCode", ""))
    values = APPLIED if action == "GetServiceQuota" else {key: value for key, (_name, value) in DEFAULTS.items()}
    if action not in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        return error_response_json("UnknownOperationException", f"Unknown action: {action}", 400)
    if asked not in values:
        return error_response_json("NoSuchResourceException", "The request failed because it has no such quota.", 400)
    service, code = asked
    name = DEFAULTS[asked][0]
    return json_response(
        {"Quota": {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": values[asked]}}
    )


def install() -> None:
    ministack.SERVICE_HANDLERS[NAME] = handle_request
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["ServiceQuotasV20190624"]}
