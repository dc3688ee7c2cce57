# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM, ACM, Route 53: a few small corrections."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import acm
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


def proven(record: dict[str, str]) -> bool:
    """Whether a hosted zone of the account has the record."""
    return any(
        (one["Name"], one["Type"], one.get("ResourceRecords")) == (record["Name"], record["Type"], [record["Value"]])
        for records in route53._records.values()
        for one in records
    )


def install() -> None:
    iam._IAM_HANDLERS["SetDefaultPolicyVersion"] = set_default_version

    @correct(acm, "_get_certificate")
    def get_certificate(original: Any, data: Any) -> Reply:
        """A certificate without a chain is its own chain here, since clients split what they get."""
        status, fields, body = original(data)
        answer = json.loads(body)
        if status == 200 and not answer.get("CertificateChain"):
            answer["CertificateChain"] = answer["Certificate"]
            body = json.dumps(answer).encode()
        return status, fields, body

    @correct(acm, "_request_certificate")
    def request_certificate(original: Any, data: Any) -> Reply:
        """A certificate is issued only when its domain has the record that proves it."""
        status, fields, body = original(data)
        if status == 200:
            certificate = acm._certificates[json.loads(body)["CertificateArn"]]
            certificate["Status"] = "PENDING_VALIDATION"
            for option in certificate["DomainValidationOptions"]:
                option["ValidationStatus"] = "PENDING_VALIDATION"
        return status, fields, body

    @correct(acm, "_describe_certificate")
    def describe_certificate(original: Any, data: Any) -> Reply:
        """The look of a client is when ACM looks for the records."""
        certificate = acm._get_local_certificate(data.get("CertificateArn", ""))
        if certificate and certificate["Status"] == "PENDING_VALIDATION":
            for option in certificate["DomainValidationOptions"]:
                if proven(option["ResourceRecord"]):
                    option["ValidationStatus"] = "SUCCESS"
            if all(option["ValidationStatus"] == "SUCCESS" for option in certificate["DomainValidationOptions"]):
                certificate["Status"] = "ISSUED"
        return original(data)

    @correct(route53, "handle_request")
    async def route53_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
        """GetDNSSEC answers that zones are not signed."""
        if method == "GET" and path.endswith("/dnssec"):
            return 200, {"Content-Type": "text/xml"}, DNSSEC_OFF
        return await original(method, path, headers, body, query)
