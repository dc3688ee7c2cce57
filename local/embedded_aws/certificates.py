# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ACM: a certificate is issued once its domain is proven, has a key, and stays as long as something uses it."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import acm
from ministack.services import alb
from ministack.services import cloudfront
from ministack.services import route53

from embedded_aws.context import ACCOUNT
from embedded_aws.correction import Reply
from embedded_aws.correction import correct

PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n", re.DOTALL)
DAYS = 395


class CertificateProblem(Exception):
    """A certificate cannot be shown to clients."""


def proven(record: dict[str, str]) -> bool:
    """Whether a hosted zone of the account has the record."""
    return any(
        (one["Name"], one["Type"], one.get("ResourceRecords")) == (record["Name"], record["Type"], [record["Value"]])
        for records in route53._records.values()
        for one in records
    )


def users(arn: str) -> list[str]:
    """ARNs of the load balancers and distributions that show the certificate."""
    listeners = [one for one in alb._listeners._data.values() if arn in one.get("Certificates", ())]
    mark = f"<ACMCertificateArn>{arn}</ACMCertificateArn>"
    distributions = [one for one in cloudfront._distributions._data.values() if mark in one.get("config_xml", "")]
    return [*dict.fromkeys(one["LoadBalancerArn"] for one in listeners), *(one["ARN"] for one in distributions)]


def new_pair(names: list[str]) -> tuple[str, str]:
    """A certificate of these names that signs itself, and its key, both as PEM.

    :raises CertificateProblem: this machine has no openssl.
    """
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-keyout", "/dev/stdout", "-out", "/dev/stdout", "-days", str(DAYS), "-subj", f"/CN={names[0]}"]
    words += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]
    words += ["-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in names)}"]
    try:
        text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as problem:
        raise CertificateProblem(
            f"No certificate of {names[0]} can be made without openssl ({problem}): apt-get install openssl."
        ) from problem
    found = {block[1]: block[0] for block in PEM.finditer(text)}
    return found["CERTIFICATE"], found["PRIVATE KEY"]


def pair(arn: str) -> tuple[str, str] | None:
    """A certificate with its chain and its key, which no disk has.

    After a restart one that ACM issued gets another pair, and of an imported one there is None.

    :raises CertificateProblem: there is none, it is not issued, or it cannot be made.
    """
    with request_scope(ACCOUNT, (arn.split(":") + [""] * 4)[3]):
        found = acm._certificates.get(arn)
    if not found:
        raise CertificateProblem(f"Certificate ARN '{arn}' is not valid.")
    if found["Status"] != "ISSUED":
        raise CertificateProblem(f"Certificate '{arn}' is {found['Status']}, not ISSUED.")
    if not found.get("_private_key") and found["Type"] == "AMAZON_ISSUED":
        found["_pem_body"], found["_private_key"] = new_pair(found["SubjectAlternativeNames"])
    chain = "\n".join(filter(None, (found["_pem_body"], found["_pem_chain"])))
    return (chain, found["_private_key"]) if found.get("_private_key") else None


def authorities() -> str:
    """Whom clients of the world trust: here every certificate that ACM issued and that has been shown."""
    issued = (one for one in acm._certificates._data.values() if one["Type"] == "AMAZON_ISSUED")
    return "\n".join(one["_pem_body"] for one in issued if one.get("_private_key"))


def install() -> None:
    @correct(acm, "_get_certificate")
    def get_certificate(original: Any, data: Any) -> Reply:
        """A certificate without a chain is its own chain here, since clients split what they get."""
        arn = data.get("CertificateArn", "")
        certificate = acm._get_local_certificate(arn)
        if certificate and certificate["Status"] == "ISSUED":
            pair(arn)
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
        arn = data.get("CertificateArn", "")
        certificate = acm._get_local_certificate(arn)
        if certificate and certificate["Status"] == "PENDING_VALIDATION":
            for option in certificate["DomainValidationOptions"]:
                if proven(option["ResourceRecord"]):
                    option["ValidationStatus"] = "SUCCESS"
            if all(option["ValidationStatus"] == "SUCCESS" for option in certificate["DomainValidationOptions"]):
                certificate["Status"] = "ISSUED"
        if certificate:
            certificate["InUseBy"] = users(arn)
        return original(data)

    @correct(acm, "_delete_certificate")
    def delete_certificate(original: Any, data: Any) -> Reply:
        """Refused while a load balancer or a distribution shows it."""
        arn = data.get("CertificateArn", "")
        if used := users(arn):
            text = f"Certificate {arn} in account {ACCOUNT} is in use by {', '.join(used)}."
            return acm.error_response_json("ResourceInUseException", text, 400)
        return original(data)
