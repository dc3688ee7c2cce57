"""A distribution as the module makes it on the embedded AWS and as CloudFront's API shows it."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import ErrorPage
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import Options
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import Origin
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import present
from support.embedded import EmbeddedAws
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
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
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
    {"origin": Origin(custom_headers={"X-Edge": "one"})},
    {"origin": Origin(custom_headers={"X-Edge": "two"})},
    {"origin": Origin(custom_headers={})},
    {"response_headers_policy_id": SECURITY_HEADERS},
    {"response_headers_policy_id": ""},
    {"error_page": ErrorPage((502, 503), "/sorry/page.html", "pages.s3.ap-southeast-1.amazonaws.com")},
    {"error_page": ErrorPage((502, 503), "/down/page.html", "pages.s3.ap-southeast-1.amazonaws.com")},
    {"error_page": ErrorPage()},
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


class Pages(http.server.BaseHTTPRequestHandler):
    """A load balancer that answers with the status that the path names, and with the header it was asked with."""

    def do_GET(self) -> None:
        body = self.headers.get("X-Edge", "").encode()
        self.send_response(int(self.path.strip("/") or 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def pages() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(embedded_aws: EmbeddedAws, host: str, path: str = "/") -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", embedded_aws.port, timeout=10)
    connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_viewers_see_the_error_page_and_the_policys_headers(edge: Edge, embedded_aws: EmbeddedAws, pages: int) -> None:
    def page(check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**embedded_aws.options, "bucket": f"{edge.name}-page", **options}
        return run_module("cloudfront_error_page", given, check=check, diff=True)

    options: dict[str, Any] = {"html": "back soon", "tags": {"amica:stack": "contract"}}
    predicted, made = page(check=True, **options), page(**options)
    assert (predicted["changed"], predicted["diff"]) == (True, made["diff"])
    assert predicted["origin_access_control_id"] == "known-after-apply"
    assert not page(check=True, **options)["changed"]
    assert not page(**options)["changed"]
    error_page = {key: made[key] for key in ("bucket_domain_name", "origin_access_control_id")}
    made = edge(
        **{
            **OPTIONS,
            "origin": {**ORIGIN, "http_port": pages, "custom_headers": {"X-Edge": "secret"}},
            "response_headers_policy_id": SECURITY_HEADERS,
            "error_page": {"codes": [503], **error_page},
            "aliases": ["chat.example.net"],
            "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
        }
    )
    assert "secret" not in json.dumps(made)
    host = made["distribution"]["domain_name"]
    status, headers, body = ask(embedded_aws, host)
    assert (status, body, headers["X-Content-Type-Options"]) == (200, b"secret", "nosniff")
    status, headers, body = ask(embedded_aws, host, "/503")
    assert (status, body, headers["Content-Type"]) == (503, b"back soon", "text/html; charset=utf-8")
    assert ask(embedded_aws, host, "/500")[0] == 500
    by_alias = [ask(embedded_aws, "Chat.example.net", path)[::2] for path in ("/", "/503", "/maintenance/index.html")]
    assert by_alias == [(200, b"secret"), (503, b"back soon"), (200, b"back soon")]
    assert ask(embedded_aws, "other.example.net")[1]["Via"] is None

    changes: list[dict[str, Any]] = [{"html": "soon"}, {"path": "/down/index.html"}, {"tags": {}}]
    for change in changes:
        options |= change
        assert page(check=True, **options)["diff"] == page(**options)["diff"] != NOTHING, change
        assert not page(**options)["changed"], change
    edge(**OPTIONS, error_page={"codes": []})
    assert page(check=True, state="absent")["changed"]
    assert page(state="absent")["changed"]
    assert not page(state="absent")["changed"]


class Inside:
    """The module of VPC origins, with an internal load balancer."""

    def __init__(self, connection: dict[str, Any], clients: Any) -> None:
        self.connection, self.name = connection, f"inside-{uuid.uuid4().hex[:8]}"
        ec2, elb = clients("ec2"), clients("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for number, zone in enumerate(zones)
        ]
        balancer = elb.create_load_balancer(Name=self.name, Subnets=subnets, Scheme="internal")
        self.balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"]

    def __call__(self, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**self.connection, "name": self.name, **options}
        return run_module("cloudfront_vpc_origin", given, check=check, diff=True)


def test_a_vpc_origin_from_its_beginning_to_its_end(
    edge: Edge, embedded_aws: EmbeddedAws, clients: Any, pages: int
) -> None:
    inside = Inside(embedded_aws.options, clients)
    options = {"load_balancer_arn": inside.balancer, "http_port": pages, "tags": {"amica:stack": "contract"}}
    predicted = inside(check=True, **options)
    assert (predicted["changed"], predicted["vpc_origin"]) == (True, None)
    made = inside(**options, wait=True)
    assert (made["diff"], made["vpc_origin"]["status"]) == (predicted["diff"], "Deployed")
    assert not inside(check=True, **options)["changed"]
    assert inside(**options)["diff"] == NOTHING
    changed = {**options, "https_port": 8443, "tags": {"amica:stack": "other"}}
    assert inside(check=True, **changed)["diff"] == inside(**changed, wait=True)["diff"] != NOTHING
    assert not inside(**changed)["changed"]

    through = {"domain_name": "127.0.0.1", "vpc_origin_id": made["vpc_origin"]["id"], "read_timeout": 60}
    distribution = edge(**{**OPTIONS, "origin": through})["distribution"]
    assert not edge(**{**OPTIONS, "origin": through})["changed"]
    assert ask(embedded_aws, distribution["domain_name"])[0] == 200
    with pytest.raises(ModuleFailed, match="CannotDeleteEntityWhileInUse"):
        inside(state="absent")
    edge(**{**OPTIONS, "origin": {**ORIGIN, "http_port": pages, "vpc_origin_id": ""}})
    assert ask(embedded_aws, distribution["domain_name"])[0] == 200
    assert inside(check=True, state="absent")["changed"]
    assert inside(state="absent", wait=True)["changed"]
    assert not inside(state="absent")["changed"]
