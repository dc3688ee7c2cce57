# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM and Route 53: a few small corrections."""

from __future__ import annotations

from typing import Any

from ministack.services import iam
from ministack.services import route53

from embedded_aws.correction import Reply
from embedded_aws.correction import correct

DNSSEC_OFF = (
    b'<?xml version="1.0"?><GetDNSSECResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
    b"<Status><ServeSignature>NOT_SIGNING</ServeSignature></Status><KeySigningKeys/></GetDNSSECResponse>"
)


def set_default_version(params: Any) -> Reply:
    policy = iam._policies.get(iam._p(params, "PolicyArn"))
    version = iam._p(params, "VersionId")
    if not policy or version not in policy["Versions"]:
        return iam._error(404, "NoSuchEntity", f"Policy version {version} does not exist.", ns="iam")
    for name, item in policy["Versions"].items():
        item["IsDefaultVersion"] = name == version
    policy["DefaultVersionId"] = version
    return iam._xml(200, "SetDefaultPolicyVersionResponse", "", ns="iam")


def install() -> None:
    iam._IAM_HANDLERS["SetDefaultPolicyVersion"] = set_default_version

    @correct(route53, "handle_request")
    async def route53_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
        """GetDNSSEC answers that zones are not signed."""
        if method == "GET" and path.endswith("/dnssec"):
            return 200, {"Content-Type": "text/xml"}, DNSSEC_OFF
        return await original(method, path, headers, body, query)
