from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils import _cloudfront
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import DistributionError
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import Options
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import Origin
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import items
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import normal
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import wanted_config
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait
from botocore.stub import ANY
from botocore.stub import Stubber
from support.fake_clock import FakeClock

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1"
ARN = "arn:aws:cloudfront::111122223333:distribution/E1"
OPTIONS = Options(
    name="amica-distribution",
    origin=Origin(domain_name="alb.example.org", http_port=80, protocol="http-only", read_timeout=60),
    aliases=[],
    cached_paths=["/assets/*", "/public/*"],
    certificate_arn="",
    minimum_tls="TLSv1.2_2021",
    price_class="PriceClass_200",
    http_version="http2and3",
    ipv6=True,
)


def as_aws_answers(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as AWS gives it back: with what it fills in, and lists in an order of its own."""
    answer = copy.deepcopy(config)
    answer["HttpVersion"] = answer["HttpVersion"].upper()
    answer["Staging"] = False
    answer["ContinuousDeploymentPolicyId"] = ""
    answer["DefaultCacheBehavior"]["GrpcConfig"] = {"Enabled": False}
    answer["DefaultCacheBehavior"]["AllowedMethods"]["Items"].reverse()
    answer["Aliases"].get("Items", []).reverse()
    answer["CustomErrorResponses"]["Items"] = []
    certificate = answer["ViewerCertificate"]
    if certificate.get("CloudFrontDefaultCertificate"):
        certificate |= {"SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1", "CertificateSource": "cloudfront"}
    else:
        arn = certificate["ACMCertificateArn"]
        certificate |= {"CloudFrontDefaultCertificate": False, "Certificate": arn, "CertificateSource": "acm"}
    return answer


def standing(options: Options = OPTIONS) -> dict[str, Any]:
    return as_aws_answers(wanted_config(options, None, "reference"))


def test_a_new_distribution_carries_a_chat() -> None:
    config = wanted_config(OPTIONS, None, "reference")
    default = config["DefaultCacheBehavior"]
    assert default["CachePolicyId"] == _cloudfront.CACHING_DISABLED
    assert default["OriginRequestPolicyId"] == _cloudfront.ALL_VIEWER
    assert default["ViewerProtocolPolicy"] == "redirect-to-https"
    assert sorted(default["AllowedMethods"]["Items"]) == sorted(_cloudfront.ALL_METHODS)
    for cached in config["CacheBehaviors"]["Items"]:
        assert cached["CachePolicyId"] == _cloudfront.CACHING_OPTIMIZED
        assert "OriginRequestPolicyId" not in cached
    assert [cached["PathPattern"] for cached in config["CacheBehaviors"]["Items"]] == ["/assets/*", "/public/*"]
    (origin,) = config["Origins"]["Items"]
    assert origin["CustomOriginConfig"]["OriginReadTimeout"] == 60
    assert config["Comment"] == "amica-distribution"
    assert config["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}


WITH_NAMES = replace(OPTIONS, aliases=["b.example.org", "a.example.org"], certificate_arn=CERTIFICATE)


@pytest.mark.parametrize("options", [OPTIONS, WITH_NAMES], ids=["own name", "names"])
def test_what_stands_as_wanted_does_not_differ(options: Options) -> None:
    existing = standing(options)
    assert wanted_config(options, existing) == normal(existing)
    nothing_said = Options(name=options.name, origin=Origin())
    assert wanted_config(nothing_said, existing) == normal(existing)


@pytest.mark.parametrize(
    "changed",
    [
        replace(WITH_NAMES, origin=replace(OPTIONS.origin, domain_name="other.example.org")),
        replace(WITH_NAMES, origin=replace(OPTIONS.origin, http_port=8088)),
        replace(WITH_NAMES, origin=replace(OPTIONS.origin, https_port=8443)),
        replace(WITH_NAMES, origin=replace(OPTIONS.origin, protocol="https-only")),
        replace(WITH_NAMES, origin=replace(OPTIONS.origin, read_timeout=30)),
        replace(WITH_NAMES, origin=replace(OPTIONS.origin, keepalive_timeout=50)),
        replace(WITH_NAMES, aliases=["a.example.org"]),
        replace(WITH_NAMES, cached_paths=["/assets/*"]),
        replace(WITH_NAMES, cached_paths=["/public/*", "/assets/*"]),
        replace(WITH_NAMES, cached_paths=[]),
        replace(WITH_NAMES, certificate_arn=CERTIFICATE + "2"),
        replace(WITH_NAMES, certificate_arn="", aliases=[]),
        replace(WITH_NAMES, minimum_tls="TLSv1.2_2019"),
        replace(WITH_NAMES, price_class="PriceClass_All"),
        replace(WITH_NAMES, http_version="http2"),
        replace(WITH_NAMES, ipv6=False),
        replace(WITH_NAMES, enabled=False),
    ],
)
def test_one_change_is_a_difference_then_none(changed: Options) -> None:
    existing = standing(WITH_NAMES)
    config = wanted_config(changed, existing)
    assert config != normal(existing)
    before, after = _cloudfront.shown(normal(existing), {}), _cloudfront.shown(config, {})
    assert before != after, "the diff shows it"
    again = as_aws_answers(config)
    assert wanted_config(changed, again) == normal(again)


def test_what_no_option_names_stays() -> None:
    existing = standing()
    existing["WebACLId"] = "acl"
    existing["Logging"] = {"Enabled": True, "IncludeCookies": False, "Bucket": "logs.s3.amazonaws.com", "Prefix": "x"}
    bucket = {"Id": "bucket", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    existing["Origins"] = items([bucket, *existing["Origins"]["Items"]])
    existing["Origins"]["Items"][1]["CustomHeaders"] = items([{"HeaderName": "x-secret", "HeaderValue": "s"}])
    function = {"FunctionARN": "f", "EventType": "viewer-request"}
    existing["CacheBehaviors"]["Items"][0]["FunctionAssociations"] = items([function])
    config = wanted_config(replace(OPTIONS, price_class="PriceClass_100"), existing)
    assert config == {**normal(existing), "PriceClass": "PriceClass_100"}


def test_a_behaviour_of_old_style_gets_the_policies() -> None:
    existing = standing()
    default = existing["DefaultCacheBehavior"]
    del default["CachePolicyId"], default["OriginRequestPolicyId"]
    default |= {"ForwardedValues": {"QueryString": True, "Cookies": {"Forward": "all"}}, "MinTTL": 0}
    config = wanted_config(OPTIONS, existing)
    assert not {"ForwardedValues", "MinTTL"} & set(config["DefaultCacheBehavior"])
    assert config["DefaultCacheBehavior"]["CachePolicyId"] == _cloudfront.CACHING_DISABLED


def test_a_certificate_of_iam_stays_where_none_is_named() -> None:
    existing = standing()
    existing["ViewerCertificate"] = {"IAMCertificateId": "i", "SSLSupportMethod": "sni-only", "Certificate": "i"}
    config = wanted_config(replace(OPTIONS, certificate_arn=None), existing)
    assert config["ViewerCertificate"] == {"IAMCertificateId": "i", "SSLSupportMethod": "sni-only"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (replace(OPTIONS, name="n" * 129), "at most 128 characters"),
        (replace(OPTIONS, origin=Origin(domain_name="")), "origin.domain_name: it is empty"),
        (replace(OPTIONS, aliases=["a.example.org"]), "a.example.org need a certificate in us-east-1"),
    ],
)
def test_what_aws_would_refuse_is_said_before(options: Options, said: str) -> None:
    (problem,) = _cloudfront.problems(options)
    assert said in problem
    assert _cloudfront.problems(OPTIONS) == []


# The calls


def waiting(timeout: float = 60) -> Wait:
    return FakeClock().wait(timeout, 10)


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client("cloudfront", aws_access_key_id="k", aws_secret_access_key="s", region_name="eu-west-1")


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def summary(number: int, comment: str) -> dict[str, Any]:
    config = standing()
    kept = ("Aliases", "Origins", "DefaultCacheBehavior", "CacheBehaviors", "CustomErrorResponses", "PriceClass")
    more = ("ViewerCertificate", "Restrictions", "WebACLId", "HttpVersion", "IsIPV6Enabled", "Staging", "Enabled")
    return {
        **{name: config[name] for name in (*kept, *more)},
        "Id": f"E{number}",
        "ARN": ARN,
        "Status": "Deployed",
        "LastModifiedTime": "2026-01-01T00:00:00Z",
        "DomainName": "d1.cloudfront.net",
        "Comment": comment,
    }


def listing(*comments: str) -> dict[str, Any]:
    found = [summary(number, comment) for number, comment in enumerate(comments, 1)]
    page = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(found), "Items": found}
    return {"DistributionList": page}


def distribution(status: str = "Deployed", config: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "Id": "E1",
        "ARN": ARN,
        "Status": status,
        "LastModifiedTime": "2026-01-01T00:00:00Z",
        "InProgressInvalidationBatches": 0,
        "DomainName": "d1.cloudfront.net",
        "DistributionConfig": config or standing(),
    }


def reads(stub: Stubber, status: str = "Deployed", etag: str = "1", **changes: Any) -> None:
    answer = {"ETag": etag, "Distribution": distribution(status, {**standing(), **changes})}
    stub.add_response("get_distribution", answer, {"Id": "E1"})
    stub.add_response("list_tags_for_resource", {"Tags": {"Items": [{"Key": "a", "Value": "1"}]}}, {"Resource": ARN})


def finds(stub: Stubber, status: str = "Deployed", **changes: Any) -> None:
    stub.add_response("list_distributions", listing("amica-distribution"))
    reads(stub, status, **changes)


def test_nothing_to_do_is_nothing_done(stub: Stubber) -> None:
    finds(stub)
    result = _cloudfront.present(stub.client, OPTIONS, {"a": "1"}, check=False, wait=None, reference="r")
    assert (result.changed, result.diff) == (False, {"before": {}, "after": {}})
    assert result.distribution and result.distribution["domain_name"] == "d1.cloudfront.net"


def test_a_new_distribution_is_made_with_its_tags(stub: Stubber) -> None:
    stub.add_response("list_distributions", listing("somebody-else-s"))
    config = {"DistributionConfig": wanted_config(OPTIONS, None, "r"), "Tags": {"Items": [{"Key": "a", "Value": "1"}]}}
    stub.add_response(
        "create_distribution_with_tags", {"Distribution": distribution()}, {"DistributionConfigWithTags": config}
    )
    reads(stub, "InProgress")
    reads(stub)
    reads(stub)
    result = _cloudfront.present(stub.client, OPTIONS, {"a": 1}, check=False, wait=waiting(), reference="r")
    assert result.changed
    assert result.distribution and result.distribution["status"] == "Deployed"
    assert result.diff["after"]["Tags"] == {"a": "1"}


def test_a_correction_sends_all_that_stands(stub: Stubber) -> None:
    finds(stub, WebACLId="acl", Enabled=False)
    corrected = normal({**standing(), "WebACLId": "acl", "Enabled": True})
    stub.add_response(
        "update_distribution",
        {"Distribution": distribution("InProgress")},
        {"Id": "E1", "IfMatch": "1", "DistributionConfig": corrected},
    )
    stub.add_response("tag_resource", {}, {"Resource": ARN, "Tags": {"Items": [{"Key": "b", "Value": "2"}]}})
    stub.add_response("untag_resource", {}, {"Resource": ARN, "TagKeys": {"Items": ["a"]}})
    reads(stub, "InProgress", etag="2")
    result = _cloudfront.present(stub.client, OPTIONS, {"b": "2"}, check=False, wait=None, reference="r")
    assert result.diff == {
        "before": {"Enabled": False, "Tags": {"a": "1"}},
        "after": {"Enabled": True, "Tags": {"b": "2"}},
    }


@pytest.mark.parametrize("there", [True, False])
def test_check_mode_writes_nothing(stub: Stubber, there: bool) -> None:
    if there:
        finds(stub)
    else:
        stub.add_response("list_distributions", listing())
    options = replace(OPTIONS, ipv6=False)
    assert _cloudfront.present(stub.client, options, None, check=True, wait=waiting(), reference="r").changed


def test_two_of_one_name_are_nobody_s(stub: Stubber) -> None:
    stub.add_response("list_distributions", listing("amica-distribution", "amica-distribution"))
    with pytest.raises(DistributionError, match="2 distributions carry the comment amica-distribution: E1, E2"):
        _cloudfront.find(stub.client, "amica-distribution")


def disables(stub: Stubber) -> None:
    stub.add_response(
        "update_distribution",
        {"Distribution": distribution("InProgress")},
        {"Id": "E1", "IfMatch": "1", "DistributionConfig": normal({**standing(), "Enabled": False})},
    )


def deletes(stub: Stubber, etag: str = "2") -> None:
    stub.add_response("delete_distribution", {}, {"Id": "E1", "IfMatch": etag})


def test_the_end_is_disabled_then_waited_for_then_deleted(stub: Stubber) -> None:
    finds(stub)
    disables(stub)
    reads(stub, "InProgress", "2", Enabled=False)
    reads(stub, "InProgress", "2", Enabled=False)
    reads(stub, "Deployed", "2", Enabled=False)
    stub.add_client_error("delete_distribution", "DistributionNotDisabled")
    reads(stub, "Deployed", "3", Enabled=False)
    deletes(stub, "3")
    result = _cloudfront.absent(stub.client, "amica-distribution", check=False, wait=waiting())
    assert (result.changed, result.distribution) == (True, None)


def test_a_run_that_was_cut_short_is_continued(stub: Stubber) -> None:
    finds(stub, "Deployed", Enabled=False)
    deletes(stub, "1")
    assert _cloudfront.absent(stub.client, "amica-distribution", check=False, wait=None).changed


@pytest.mark.parametrize("enabled", [True, False])
def test_without_waiting_a_run_goes_as_far_as_it_can(stub: Stubber, enabled: bool) -> None:
    finds(stub, "InProgress", Enabled=enabled)
    if enabled:
        disables(stub)
        reads(stub, "InProgress", "2", Enabled=False)
    result = _cloudfront.absent(stub.client, "amica-distribution", check=False, wait=None)
    assert result.changed is enabled
    assert result.distribution


def test_the_wait_for_the_edge_ends(stub: Stubber) -> None:
    finds(stub, "InProgress", Enabled=False)
    for etag in "123":
        reads(stub, "InProgress", etag, Enabled=False)
    with pytest.raises(DistributionError, match="E1 is not deployed at every edge location after 20 s"):
        _cloudfront.absent(stub.client, "amica-distribution", check=False, wait=waiting(20))


def test_what_is_gone_is_gone(stub: Stubber) -> None:
    stub.add_response("list_distributions", listing("other"))
    assert not _cloudfront.absent(stub.client, "amica-distribution", check=False, wait=None).changed


@pytest.mark.parametrize(
    ("enabled", "status", "changed"),
    [(True, "InProgress", True), (False, "InProgress", False), (False, "Deployed", True)],
)
def test_the_end_in_check_mode(stub: Stubber, enabled: bool, status: str, changed: bool) -> None:
    finds(stub, status, Enabled=enabled)
    assert _cloudfront.absent(stub.client, "amica-distribution", check=True, wait=None).changed is changed


def test_any_value_is_understood_by_botocore(stub: Stubber) -> None:
    """The whole configuration, as sent, is one that botocore validates."""
    stub.add_response("list_distributions", listing())
    stub.add_response(
        "create_distribution_with_tags", {"Distribution": distribution()}, {"DistributionConfigWithTags": ANY}
    )
    reads(stub)
    assert _cloudfront.present(stub.client, WITH_NAMES, None, check=False, wait=None, reference="r").changed
