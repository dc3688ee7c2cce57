from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils import _acm_certificate
from ansible_collections.amica.stack.plugins.module_utils._route53 import DomainError
from ansible_collections.amica.stack.plugins.module_utils._route53 import Target
from ansible_collections.amica.stack.plugins.module_utils._route53 import aliases
from ansible_collections.amica.stack.plugins.module_utils._route53 import candidates
from ansible_collections.amica.stack.plugins.module_utils._route53 import find_zone
from botocore.stub import Stubber
from support.fake_clock import FakeClock

ARN = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
CERTIFICATE = {"CertificateArn": ARN, "DomainName": "chat.example.com", "Status": "PENDING_VALIDATION"}


@dataclass
class Stubbed:
    """A client whose answers are known, and a clock that nobody waits for."""

    client: Any
    stub: Stubber
    clock: FakeClock = field(default_factory=FakeClock)

    def reads(self, **members: Any) -> None:
        self.stub.add_response("describe_certificate", {"Certificate": {**CERTIFICATE, **members}})
        self.stub.add_response("list_tags_for_certificate", {"Tags": [{"Key": "Name", "Value": "amica"}]})


def stubbed(service: Any) -> Iterator[Stubbed]:
    client = boto3.client(service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield Stubbed(client, stub)
        stub.assert_no_pending_responses()


@pytest.fixture
def acm() -> Iterator[Stubbed]:
    yield from stubbed("acm")


@pytest.fixture
def route53() -> Iterator[Stubbed]:
    yield from stubbed("route53")


def test_zones_are_sought_from_the_domain_upwards() -> None:
    assert candidates("a.chat.example.com") == ["a.chat.example.com", "chat.example.com", "example.com"]
    assert candidates("example.com") == ["example.com"]


def test_a_private_zone_proves_nothing(route53: Stubbed) -> None:
    private = {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "1", "Config": {"PrivateZone": True}}
    public = {"Id": "/hostedzone/Z2", "Name": "example.com.", "CallerReference": "2", "Config": {"PrivateZone": False}}
    page = {"HostedZones": [private, public], "IsTruncated": False, "MaxItems": "100"}
    route53.stub.add_response("list_hosted_zones_by_name", page, {"DNSName": "example.com"})
    zone = find_zone(route53.client, "example.com")
    assert zone and zone.id == "Z2"


def test_a_certificate_is_waited_for_and_why_it_is_not_there_is_said(acm: Stubbed) -> None:
    acm.reads()
    acm.reads(Status="ISSUED")
    found = _acm_certificate.await_issued(acm.client, ARN, acm.clock.wait(60, 5))
    assert found and found.status == "ISSUED"
    acm.reads()
    acm.reads(Status="FAILED", FailureReason="CAA_ERROR")
    with pytest.raises(DomainError, match="FAILED CAA_ERROR"):
        _acm_certificate.await_issued(acm.client, ARN, acm.clock.wait(60, 5))
    acm.reads()
    acm.reads()
    with pytest.raises(DomainError, match="registrar must delegate"):
        _acm_certificate.await_issued(acm.client, ARN, acm.clock.wait(5, 5))


def test_a_certificate_that_is_in_use_is_removed_when_it_is_let_go(acm: Stubbed, route53: Stubbed) -> None:
    acm.reads(Status="ISSUED")
    for _ in range(2):
        acm.stub.add_client_error("delete_certificate", "ResourceInUseException")
    acm.stub.add_response("delete_certificate", {})
    zones = {"HostedZones": [], "IsTruncated": False, "MaxItems": "100"}
    for _ in candidates("chat.example.com"):
        route53.stub.add_response("list_hosted_zones_by_name", zones)
    assert _acm_certificate.absent(acm.client, route53.client, ARN, None, False, acm.clock.wait(60, 5)).changed
    acm.reads(Status="ISSUED")
    acm.stub.add_client_error("delete_certificate", "ResourceInUseException")
    with pytest.raises(DomainError, match="still in use"):
        _acm_certificate.absent(acm.client, route53.client, ARN, None, False, acm.clock.wait(0, 5))


def test_a_domain_whose_zone_is_gone_leads_nowhere(route53: Stubbed) -> None:
    assert not aliases(route53.client, "chat.example.com", None, Target("d1.cloudfront.net"), [], False).changed
