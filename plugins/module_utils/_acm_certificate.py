# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate of ACM that Route 53 proves: what it should be and the calls that make it so.

https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html. ACM renews it by the same record, which stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._route53 import TTL_SECONDS
from ansible_collections.amica.stack.plugins.module_utils._route53 import DomainError
from ansible_collections.amica.stack.plugins.module_utils._route53 import Record
from ansible_collections.amica.stack.plugins.module_utils._route53 import Zone
from ansible_collections.amica.stack.plugins.module_utils._route53 import change
from ansible_collections.amica.stack.plugins.module_utils._route53 import find_zone
from ansible_collections.amica.stack.plugins.module_utils._route53 import needed_zone
from ansible_collections.amica.stack.plugins.module_utils._route53 import records
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

GONE = "ResourceNotFoundException"
IN_USE = "ResourceInUseException"
# Those that stand or may still come to.
LIVING = ["PENDING_VALIDATION", "ISSUED"]
NAME_TAG = "Name"
NOTHING: dict[str, dict[str, Any]] = {"before": {}, "after": {}}


@dataclass(frozen=True)
class Wanted:
    """The certificate of a domain; by `name`, a tag, it is told from others of the same domain."""

    name: str
    domain: str
    hosted_zone: str | None = None
    tags: Mapping[str, Any] | None = None

    def all_tags(self, standing: Mapping[str, str]) -> dict[str, Any]:
        return {**(standing if self.tags is None else self.tags), NAME_TAG: self.name}


@dataclass(frozen=True)
class Found:
    """A certificate that stands."""

    arn: str
    domain: str
    status: str
    reason: str
    proof: Record | None
    tags: dict[str, str]

    def described(self) -> dict[str, str]:
        return {"arn": self.arn, "domain_name": self.domain, "status": self.status}


@dataclass(frozen=True)
class Result:
    """How a run ended: what changed, what stands now (None: nothing), and the diff."""

    changed: bool
    certificate: dict[str, str] | None
    diff: dict[str, dict[str, Any]]


def of_domain(client: Any, domain: str) -> Iterator[str]:
    """ARNs of the domain's certificates in the region."""
    for page in client.get_paginator("list_certificates").paginate(CertificateStatuses=LIVING):
        for summary in page["CertificateSummaryList"]:
            if summary["DomainName"] == domain:
                yield summary["CertificateArn"]


def read(client: Any, arn: str) -> Found | None:
    answer = absent_as_none(lambda: client.describe_certificate(CertificateArn=arn), GONE)
    if answer is None:
        return None
    certificate = answer["Certificate"]
    options = certificate.get("DomainValidationOptions") or [{}]
    tags = absent_as_none(lambda: client.list_tags_for_certificate(CertificateArn=arn), GONE) or {}
    return Found(
        arn=arn,
        domain=certificate["DomainName"],
        status=certificate["Status"],
        reason=certificate.get("FailureReason", ""),
        proof=proof(options[0].get("ResourceRecord")),
        tags=tags_to_dict(tags.get("Tags")),
    )


def proof(record: Mapping[str, str] | None) -> Record | None:
    """The record by which ACM knows that the domain is ours; a new certificate has it after some seconds."""
    if record is None:
        return None
    values = [{"Value": record["Value"]}]
    return {"Name": record["Name"], "Type": record["Type"], "TTL": TTL_SECONDS, "ResourceRecords": values}


def find(client: Any, wanted: Wanted) -> Found | None:
    found = (read(client, arn) for arn in of_domain(client, wanted.domain))
    return next((one for one in found if one and one.tags.get(NAME_TAG) == wanted.name), None)


def proven(route53: Any, zone: Zone, record: Record) -> bool:
    standing = records(route53, zone, record["Name"], [record["Type"]])
    return any(one.get("ResourceRecords") == record["ResourceRecords"] for one in standing)


def present(acm: Any, route53: Any, wanted: Wanted, check: bool, wait: Wait, issued: bool) -> Result:
    """Requests or corrects the certificate and its record. `issued`: until browsers can be shown it."""
    zone = needed_zone(route53, wanted.domain, wanted.hosted_zone)
    found = find(acm, wanted)
    standing = found.tags if found else {}
    new_tags, old_tags = tag_changes(standing, wanted.all_tags(standing))
    wanted_tags = tags_after(standing, wanted.all_tags(standing))
    shown = bool(found and found.proof and proven(route53, zone, found.proof))
    before = {"domain_name": found.domain, "record_in": zone.name if shown else None, "tags": standing} if found else {}
    diff = differing(before, {"domain_name": wanted.domain, "record_in": zone.name, "tags": wanted_tags})
    changed = diff != NOTHING
    if check:
        return Result(changed, found.described() if found else None, diff)
    if found is None:
        arn = acm.request_certificate(
            DomainName=wanted.domain,
            ValidationMethod="DNS",
            IdempotencyToken=uuid.uuid4().hex,
            Tags=dict_to_tags(wanted_tags),
        )["CertificateArn"]
    else:
        arn = found.arn
        if new_tags:
            acm.add_tags_to_certificate(CertificateArn=arn, Tags=dict_to_tags(new_tags))
        if old_tags:
            acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": key} for key in old_tags])
    if not shown:
        change(route53, zone, [("UPSERT", await_proof(acm, arn, wait))])
    now = await_issued(acm, arn, wait) if issued else read(acm, arn)
    return Result(changed, now.described() if now else None, diff)


def await_proof(acm: Any, arn: str, wait: Wait) -> Record:
    found, _known = wait.for_answer(lambda: read(acm, arn), lambda answer: bool(answer and answer.proof))
    if not found or not found.proof:
        raise DomainError(f"ACM has not named the validation record of {arn} after {wait.timeout:g} s. Run again")
    return found.proof


def await_issued(acm: Any, arn: str, wait: Wait) -> Found | None:
    """The certificate once it is issued, None if somebody deleted it meanwhile."""
    found, settled = wait.for_answer(
        lambda: read(acm, arn), lambda answer: answer is None or answer.status != "PENDING_VALIDATION"
    )
    if not settled:
        name = found.domain if found else arn
        raise DomainError(
            f"ACM has not issued the certificate of {name} after {wait.timeout:g} s. It reads the validation record "
            "from the internet: the domain's registrar must delegate to the name servers of the hosted zone. Run again"
        )
    if found and found.status != "ISSUED":
        raise DomainError(f"ACM did not issue the certificate of {found.domain}: {found.status} {found.reason}")
    return found


def absent(acm: Any, route53: Any, arn: str, hosted_zone: str | None, check: bool, wait: Wait) -> Result:
    """Removes the certificate once nothing uses it any more, and the record unless another certificate needs it."""
    found = read(acm, arn)
    if found is None:
        return Result(False, None, NOTHING)
    diff = {"before": found.described(), "after": {}}
    if check:
        return Result(True, found.described(), diff)

    def deleted() -> bool:
        return absent_as_none(lambda: acm.delete_certificate(CertificateArn=arn) or True, IN_USE) is not None

    if not wait.until(deleted):
        raise DomainError(
            f"The certificate {arn} of {found.domain} is still in use after {wait.timeout:g} s. CloudFront lets it go "
            "minutes after the distribution; run again"
        )
    zone = find_zone(route53, found.domain, hosted_zone)
    if zone and found.proof and not any(of_domain(acm, found.domain)):
        standing = records(route53, zone, found.proof["Name"], [found.proof["Type"]])
        ours = [one for one in standing if one.get("ResourceRecords") == found.proof["ResourceRecords"]]
        if ours:
            change(route53, zone, [("DELETE", one) for one in ours])
    return Result(True, None, diff)
