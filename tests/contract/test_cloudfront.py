"""A distribution as the module makes it on the embedded AWS and as CloudFront's API shows it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import Options
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import Origin
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import present
from support.run_module import ModuleFailed
from support.run_module import run_module

ORIGIN = {"domain_name": "127.0.0.1", "http_port": 8088, "protocol": "http-only", "read_timeout": 60}
OPTIONS: dict[str, Any] = {
    "origin": ORIGIN,
    "aliases": [],
    "certificate_arn": "",
    "minimum_tls": "TLSv1.2_2021",
    "price_class": "PriceClass_200",
    "http_version": "http2and3",
    "ipv6": True,
    "cached_paths": ["/assets/*", "/public/*"],
    "tags": {"amica:stack": "contract"},
}
NOTHING: dict[str, Any] = {"before": {}, "after": {}}


class Edge:
    """One distribution's name on the embedded AWS, and the module with the options that reach it."""

    def __init__(self, connection: dict[str, str], client: Any) -> None:
        self.connection, self.client, self.name = connection, client, f"edge-{uuid.uuid4().hex[:8]}"

    def __call__(self, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**self.connection, "name": self.name, **options}
        return run_module("cloudfront_distribution", given, check=check, diff=True)

    def comments(self) -> list[str]:
        page = self.client.list_distributions()["DistributionList"]
        return [summary["Comment"] for summary in page.get("Items", [])]


@pytest.fixture
def edge(embedded_aws: Any, clients: Any) -> Iterator[Edge]:
    made = Edge(embedded_aws.options, clients("cloudfront"))
    yield made
    made(state="absent", wait=True)


def test_a_distribution_is_made_as_asked_then_left_alone(edge: Edge) -> None:
    predicted = edge(check=True, **OPTIONS)
    assert (predicted["changed"], edge.comments().count(edge.name)) == (True, 0)
    made = edge(**OPTIONS)
    assert made["diff"] == predicted["diff"]
    for check in (False, True):
        again = edge(check=check, **OPTIONS)
        assert (again["changed"], again["diff"]) == (False, NOTHING)
    assert edge.comments().count(edge.name) == 1
    found = edge.client.get_distribution(Id=made["distribution"]["id"])["Distribution"]
    assert found["DomainName"] == made["distribution"]["domain_name"]
    assert found["DistributionConfig"]["DefaultCacheBehavior"]["AllowedMethods"]["Quantity"] == 7
    tags = edge.client.list_tags_for_resource(Resource=found["ARN"])["Tags"]["Items"]
    assert tags == [{"Key": "amica:stack", "Value": "contract"}]


CHANGES: list[dict[str, Any]] = [
    {"origin": Origin(domain_name="localhost", http_port=8088, protocol="http-only", read_timeout=60)},
    {"origin": Origin(read_timeout=30)},
    {"cached_paths": ["/assets/*"]},
    {"price_class": "PriceClass_All"},
    {"http_version": "http2"},
    {"ipv6": False},
    {"enabled": False},
]


def test_each_change_alone_is_one_change_then_none(edge: Edge) -> None:
    made = edge(**OPTIONS)["distribution"]
    for change in CHANGES:
        options = Options(name=edge.name, **{"origin": Origin(), **change})
        runs = [present(edge.client, options, None, check=check, wait=None, reference="") for check in (True, False)]
        assert [run.changed for run in runs] == [True, True], change
        assert runs[0].diff == runs[1].diff
        assert runs[1].distribution and runs[1].distribution["id"] == made["id"]
        again = present(edge.client, options, None, check=False, wait=None, reference="")
        assert (again.changed, again.diff) == (False, NOTHING), change


def test_the_end_and_after_it(edge: Edge) -> None:
    edge(**OPTIONS)
    assert edge(check=True, state="absent", wait=True)["changed"]
    assert edge(state="absent", wait=True) | {"diff": None} == {"changed": True, "distribution": None, "diff": None}
    assert edge.name not in edge.comments()
    assert not edge(state="absent", wait=True)["changed"]


def test_no_load_balancer_is_said(edge: Edge) -> None:
    with pytest.raises(ModuleFailed, match="domain_name: it is empty"):
        edge(**{**OPTIONS, "origin": {"domain_name": ""}})
