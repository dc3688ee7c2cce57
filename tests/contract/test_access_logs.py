"""Access logs as the modules switch them on, and as load balancers and distributions of the embedded AWS write them."""

from __future__ import annotations

import gzip
import http.client
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.module import Module
from support.waiting import eventually

HEADERS = {"X-Forwarded-Proto": "https", "User-Agent": "a test"}


def bucket(embedded_aws: EmbeddedAws, name: str, **options: Any) -> Module:
    return Module("log_bucket", {**embedded_aws.options, "name": name, **options})


def ask(port: int, host: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={**HEADERS, "Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def logged(clients: Any, name: str, start: str, path: str) -> str:
    """The first line about a path in the files of a bucket that begin so."""
    s3 = clients("s3")

    def find() -> str:
        for item in s3.list_objects_v2(Bucket=name, Prefix=start).get("Contents", []):
            text = gzip.decompress(s3.get_object(Bucket=name, Key=item["Key"])["Body"].read()).decode()
            for line in text.splitlines():
                if path in line:
                    return line
        return ""

    return str(eventually(find))


@pytest.fixture
def balancer(clients: Any) -> Iterator[tuple[str, int]]:
    """ARN and port of a load balancer that answers everything itself."""
    ec2, elb, port = clients("ec2"), clients("elbv2"), free_port()
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    made = elb.create_load_balancer(Name=f"logs-{uuid.uuid4().hex[:8]}", Subnets=[subnet])["LoadBalancers"][0]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "MessageBody": "no"}}
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=[fixed])
    yield made["LoadBalancerArn"], port
    elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])


def test_a_load_balancer_writes_where_it_may(
    balancer: tuple[str, int], embedded_aws: EmbeddedAws, clients: Any
) -> None:
    arn, port = balancer
    name, elb = f"logs-{uuid.uuid4().hex[:8]}", clients("elbv2")
    wanted = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": name}
    attributes = [{"Key": key, "Value": value} for key, value in wanted.items()]
    with pytest.raises(ClientError, match="Access Denied for bucket"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    bucket(embedded_aws, name, trail="contract")()
    with pytest.raises(ClientError, match="Access Denied for bucket"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    its = bucket(embedded_aws, name, load_balancers=True, expire_days=30)
    assert its()["changed"] and not its()["changed"]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    assert ask(port, "chat.example.net", "/tea?hot=1") == 418
    folder = "AWSLogs/123456789012"
    fields = logged(clients, name, f"{folder}/elasticloadbalancing/ap-southeast-1/", "/tea").split(" ")
    assert (fields[0], fields[8], fields[12:14]) == ("http", "418", ['"GET', "http://chat.example.net/tea?hot=1"])
    assert clients("s3").list_objects_v2(Bucket=name, Prefix=f"{folder}/ELBAccessLogTestFile")["KeyCount"] == 1
    off = [{"Key": "access_logs.s3.enabled", "Value": "false"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=off)
    assert its(state="absent")["changed"]


@pytest.fixture
def distribution(embedded_aws: EmbeddedAws) -> Iterator[dict[str, Any]]:
    origin = {"domain_name": "127.0.0.1", "http_port": free_port()}
    made = Module("cloudfront_distribution", {**embedded_aws.options, "name": f"logs-{uuid.uuid4().hex[:8]}"})
    yield made(origin=origin)["distribution"]
    made(state="absent", wait=True)


@pytest.fixture
def delivery(embedded_aws: EmbeddedAws, distribution: dict[str, Any]) -> Iterator[Module]:
    name = f"logs-{uuid.uuid4().hex[:8]}"
    options = {"name": name, "bucket": name, "distribution_arn": distribution["arn"], "expire_days": 30}
    made = Module("cloudfront_access_logs", {**embedded_aws.options, **options, "tags": {"a": "b"}})
    yield made
    made(state="absent")


def test_a_distribution_s_logs_come_and_go(
    delivery: Module, distribution: dict[str, Any], embedded_aws: EmbeddedAws, clients: Any
) -> None:
    delivery.comes_and_goes()
    delivery()
    name = delivery.options["bucket"]
    assert ask(embedded_aws.port, distribution["domain_name"], "/coffee?black=1") == 502
    fields = logged(clients, name, "AWSLogs/123456789012/CloudFront/", "/coffee").split("\t")
    assert {"/coffee", "502", "black=1", "a%20test", "https"} <= set(fields)
    logs = clients("logs", "us-east-1")
    for refused in (logs.delete_delivery_source, logs.delete_delivery_destination):
        with pytest.raises(ClientError, match="in use"):
            refused(name=name)
    assert delivery(state="absent")["changed"]
    assert logs.describe_delivery_sources()["deliverySources"] == []
    assert logs.describe_delivery_destinations()["deliveryDestinations"] == []
    assert name not in [one["Name"] for one in clients("s3").list_buckets()["Buckets"]]


def test_each_change_is_one_and_what_was_cut_short_is_mended(delivery: Module, clients: Any) -> None:
    others = "arn:aws:cloudfront::123456789012:distribution/EOTHER"
    changes: list[dict[str, Any]] = [
        {"expire_days": 60},
        {"tags": {"a": "c"}},
        {"tags": {}},
        {"distribution_arn": others},
    ]
    for change in changes:
        delivery.changes_once(**change)
    delivery()
    logs = clients("logs", "us-east-1")
    for breaks in (
        lambda name: None,
        lambda name: logs.delete_delivery_source(name=name),
        lambda name: logs.delete_delivery_destination(name=name),
    ):
        for one in logs.describe_deliveries()["deliveries"]:
            logs.delete_delivery(id=one["id"])
        breaks(delivery.options["name"])
        foreseen, done = delivery(check=True), delivery()
        assert foreseen["diff"] == done["diff"] and done["changed"]
        assert not delivery()["changed"]
