# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded AWS behaves as AWS where the stack touches it, beyond what MiniStack does by itself."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.waiting import eventually

DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
Clients = Callable[..., Any]


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


class App(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; `/ws` echoes after an upgrade.

    `/health` has the status that the server holds, and answers once it has started.
    """

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if self.path == "/ws":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            self.wfile.write(b"echo " + self.rfile.read(4))
            self.close_connection = True
            return
        if self.path == "/health":
            self.server.started.wait(10)
        me = self.server.server_address[0]
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "me": me}).encode()
        self.send_response(self.server.health if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    health = 200

    def __init__(self, address: str, port: int) -> None:
        super().__init__((address, port), App)
        self.started = threading.Event()
        self.started.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


@dataclass
class Balancer:
    """A load balancer with a listener, a target group and two targets."""

    clients: Clients
    name: str
    subnets: list[str]
    vpc: str
    port: int = field(default_factory=free_port)
    target_port: int = field(default_factory=free_port)
    arn: str = ""
    group: str = ""
    listener: str = ""

    def make(self) -> None:
        elb = self.clients("elbv2")
        self.arn = elb.create_load_balancer(Name=self.name, Subnets=self.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        self.group = elb.create_target_group(
            Name=self.name, Protocol="HTTP", Port=self.target_port, VpcId=self.vpc, TargetType="ip",
            HealthCheckPath="/health", HealthCheckIntervalSeconds=5, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "20"}
        elb.modify_target_group_attributes(TargetGroupArn=self.group, Attributes=[delay])

    def listen(self) -> None:
        action = {"Type": "forward", "TargetGroupArn": self.group}
        self.listener = self.clients("elbv2").create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=self.port, DefaultActions=[action]
        )["Listeners"][0]["ListenerArn"]

    def targets(self, verb: str, *addresses: str) -> None:
        call = getattr(self.clients("elbv2"), f"{verb}_targets")
        call(TargetGroupArn=self.group, Targets=[{"Id": address} for address in addresses])

    def health(self) -> dict[str, tuple[str, str]]:
        answer = self.clients("elbv2").describe_target_health(TargetGroupArn=self.group)
        found = ((item["Target"]["Id"], item["TargetHealth"]) for item in answer["TargetHealthDescriptions"])
        return {name: (health["State"], health.get("Reason", "")) for name, health in found}

    def ask(self, path: str = "/", port: int = 0, /, **fields: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        connection.request("GET", path, headers=fields)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers, body

    def refuses(self) -> bool:
        """Whether nothing listens; a connection that still came in while the listener closed was reset."""
        try:
            self.ask()
        except ConnectionResetError:
            return False
        except ConnectionRefusedError:
            return True
        return False


@pytest.fixture
def balancer(clients: Clients) -> Iterator[Balancer]:
    ec2 = clients("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.3.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    made = Balancer(clients, f"lb-{uuid.uuid4().hex[:6]}", subnets, vpc)
    made.make()
    yield made
    clients("elbv2").delete_load_balancer(LoadBalancerArn=made.arn)
    clients("elbv2").delete_target_group(TargetGroupArn=made.group)


@pytest.fixture
def apps(balancer: Balancer) -> Iterator[dict[str, Server]]:
    servers = {address: Server(address, balancer.target_port) for address in ("127.9.0.1", "127.9.0.2")}
    yield servers
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def serving(balancer: Balancer, apps: dict[str, Server]) -> Balancer:
    balancer.targets("register", *apps)
    balancer.listen()
    eventually(lambda: {state for state, _ in balancer.health().values()} == {"healthy"})
    return balancer


def test_what_does_not_exist_is_an_error(clients: Clients) -> None:
    elb = clients("elbv2")
    with refused("TargetGroupNotFound"):
        elb.describe_target_groups(Names=["nowhere"])
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancers(Names=["nowhere"])


def test_a_load_balancer_as_it_is_made(balancer: Balancer, clients: Clients) -> None:
    elb = clients("elbv2")
    (made,) = elb.describe_load_balancers(Names=[balancer.name])["LoadBalancers"]
    assert (made["DNSName"], made["VpcId"], made["State"]["Code"]) == ("127.0.0.1", balancer.vpc, "active")
    assert len({zone["ZoneName"] for zone in made["AvailabilityZones"]}) == 2
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer.arn)["Attributes"]
    assert {"routing.http2.enabled", "access_logs.s3.bucket"} <= {item["Key"] for item in attributes}
    attributes = elb.describe_target_group_attributes(TargetGroupArn=balancer.group)["Attributes"]
    assert {"Key": "stickiness.lb_cookie.duration_seconds", "Value": "86400"} in attributes


def test_targets_live_and_drain(balancer: Balancer, apps: dict[str, Server]) -> None:
    one, two = apps
    balancer.targets("register", one, two)
    assert set(balancer.health().values()) == {("unused", "Target.NotInUse")}
    for server in apps.values():
        server.started.clear()
    balancer.listen()
    assert balancer.ask()[0] == 503
    for server in apps.values():
        server.started.set()
    balancer.targets("register", "127.9.0.3")
    eventually(lambda: balancer.health()["127.9.0.3"] == ("unhealthy", "Target.FailedHealthChecks"))
    eventually(lambda: balancer.health()[one] == balancer.health()[two] == ("healthy", ""))
    apps[one].health = 500
    eventually(lambda: balancer.health()[one] == ("unhealthy", "Target.ResponseCodeMismatch"))
    assert {json.loads(balancer.ask()[2])["me"] for _ in range(6)} == {two}
    balancer.targets("deregister", one)
    assert balancer.health()[one] == ("draining", "Target.DeregistrationInProgress")
    eventually(lambda: one not in balancer.health())


def test_the_load_balancer_passes_on(serving: Balancer, embedded_aws: EmbeddedAws) -> None:
    answers = [json.loads(serving.ask("/a?b=c")[2]) for _ in range(4)]
    assert {answer["me"] for answer in answers} == {"127.9.0.1", "127.9.0.2"}
    headers = answers[0]["headers"]
    assert (answers[0]["path"], headers["X-Forwarded-Proto"], headers["X-Forwarded-For"]) == (
        "/a?b=c",
        "http",
        "127.0.0.1",
    )
    assert headers["X-Forwarded-Port"] == str(serving.port)
    # Also by name on the API's port, where /health is the application's too.
    for path, host in (("/health", f"{serving.name}.alb.localhost"), (f"/_alb/{serving.name}/health", "x")):
        assert json.loads(serving.ask(path, embedded_aws.port, Host=host)[2])["path"] == "/health"


def test_a_cookie_keeps_a_client_at_its_target(serving: Balancer, clients: Clients) -> None:
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
    clients("elbv2").modify_target_group_attributes(TargetGroupArn=serving.group, Attributes=sticky)
    _, headers, body = serving.ask()
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith("AWSALB=")
    assert {json.loads(serving.ask(Cookie=cookie)[2])["me"] for _ in range(4)} == {json.loads(body)["me"]}


@pytest.mark.parametrize("by", ["port", "name", "distribution"])
def test_websockets_pass(serving: Balancer, embedded_aws: EmbeddedAws, clients: Clients, by: str) -> None:
    ports = {"port": serving.port}
    hosts = {"name": f"{serving.name}.alb.localhost"}
    if by == "distribution":
        hosts[by] = distribution(clients, serving, "allow-all")["DomainName"]
    with socket.create_connection(("127.0.0.1", ports.get(by, embedded_aws.port)), timeout=10) as connection:
        fields = f"Host: {hosts.get(by, 'x')}\r\nConnection: Upgrade\r\nUpgrade: websocket"
        connection.sendall(f"GET /ws HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        connection.sendall(b"ping")
        assert connection.recv(4096) == b"echo ping"


def test_rules(serving: Balancer, clients: Clients) -> None:
    elb = clients("elbv2")
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403", "MessageBody": "no"}}
    header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Key", "Values": ["wrong"]}}
    elb.create_rule(ListenerArn=serving.listener, Priority=1, Conditions=[header], Actions=[fixed])
    redirect = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    path = {"Field": "path-pattern", "Values": ["/old/*"]}
    elb.create_rule(ListenerArn=serving.listener, Priority=2, Conditions=[path], Actions=[redirect])
    assert serving.ask("/", **{"X-Key": "wrong"})[::2] == (403, b"no")
    status, headers, _ = serving.ask("/old/x?y=z")
    assert (status, headers["Location"]) == (301, "https://127.0.0.1:443/old/x?y=z")
    assert serving.ask("/")[0] == 200


def test_weights_share_out_clients_whom_a_cookie_keeps(serving: Balancer, clients: Clients) -> None:
    elb = clients("elbv2")
    (mine,) = elb.describe_target_groups(Names=[serving.name])["TargetGroups"]
    same = {name: mine[name] for name in ("Protocol", "Port", "VpcId", "TargetType", "HealthCheckPath")}
    other = elb.create_target_group(
        Name=f"{serving.name}-b", HealthCheckIntervalSeconds=5, HealthyThresholdCount=2, **same
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=other, Targets=[{"Id": "127.9.0.2"}])

    def forward(**weights: int) -> list[dict[str, Any]]:
        arns = {"mine": serving.group, "other": other}
        groups = [{"TargetGroupArn": arns[name], "Weight": weight} for name, weight in weights.items()]
        sticky = {"Enabled": True, "DurationSeconds": 60}
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}}]

    def cookie(**fields: str) -> str:
        return str(serving.ask("/ab", **fields)[1]["Set-Cookie"]).partition(";")[0]

    given = {"Priority": 7, "Conditions": [{"Field": "path-pattern", "Values": ["/ab"]}]}
    rule = elb.create_rule(ListenerArn=serving.listener, Actions=forward(mine=0, other=100), **given)["Rules"][0]
    assert rule["Actions"][0]["ForwardConfig"] == forward(mine=0, other=100)[0]["ForwardConfig"]
    with refused("PriorityInUse"):
        elb.create_rule(ListenerArn=serving.listener, Actions=forward(mine=1), **given)
    eventually(lambda: serving.ask("/ab")[0] == 200)
    known = cookie()
    assert known.startswith("AWSALBTG=")
    elb.modify_rule(RuleArn=rule["RuleArn"], Actions=forward(mine=100, other=0))
    assert (cookie() == known, cookie(Cookie=known) == known) == (False, True)
    elb.modify_rule(RuleArn=rule["RuleArn"], Actions=forward(mine=100))
    assert cookie(Cookie=known) != known
    elb.delete_rule(RuleArn=rule["RuleArn"])
    elb.delete_target_group(TargetGroupArn=other)


def test_a_listener_shows_the_action_that_it_was_given(serving: Balancer, clients: Clients) -> None:
    (listener,) = clients("elbv2").describe_listeners(LoadBalancerArn=serving.arn)["Listeners"]
    (action,) = listener["DefaultActions"]
    assert "Order" not in action
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": serving.group, "Weight": 1}]
    (group,) = clients("elbv2").describe_target_groups(Names=[serving.name])["TargetGroups"]
    assert group["LoadBalancerArns"] == [serving.arn]
    with refused("ResourceInUse"):
        clients("elbv2").delete_target_group(TargetGroupArn=serving.group)
    clients("elbv2").delete_listener(ListenerArn=serving.listener)
    eventually(serving.refuses)


def test_a_port_that_cannot_be_had_is_said(balancer: Balancer, embedded_aws: EmbeddedAws) -> None:
    balancer.port = embedded_aws.port
    with pytest.raises(ClientError, match=f"Port {embedded_aws.port} of 127.0.0.1 cannot be opened .* another port"):
        balancer.listen()


@pytest.fixture
def zone(clients: Clients) -> Iterator[tuple[str, str]]:
    """A hosted zone's name and id."""
    name = f"zone-{uuid.uuid4().hex[:8]}.example"
    made = clients("route53").create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    yield name, made
    for record in clients("route53").list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]:
        if record["Type"] not in ("NS", "SOA"):
            change = {"Action": "DELETE", "ResourceRecordSet": record}
            clients("route53").change_resource_record_sets(HostedZoneId=made, ChangeBatch={"Changes": [change]})
    clients("route53").delete_hosted_zone(Id=made)


def certificate(clients: Clients, zone: str, name: str, issued: bool = True) -> str:
    """The ARN of a certificate of ACM."""
    acm = clients("acm")
    arn: str = acm.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    if issued:
        option = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
        given = option["ResourceRecord"]
        record = {**given, "TTL": 60, "ResourceRecords": [{"Value": given["Value"]}]}
        record.pop("Value")
        change = {"Action": "UPSERT", "ResourceRecordSet": record}
        clients("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
        assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"
    return arn


def listen_with_tls(clients: Clients, serving: Balancer, port: int, certificate_arn: str) -> str:
    made = clients("elbv2").create_listener(
        LoadBalancerArn=serving.arn, Protocol="HTTPS", Port=port, Certificates=[{"CertificateArn": certificate_arn}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": serving.group}],
    )  # fmt: skip
    return str(made["Listeners"][0]["ListenerArn"])


def test_https(serving: Balancer, clients: Clients, zone: tuple[str, str]) -> None:
    """A listener shows the certificate that it has, which then cannot go."""
    port, name = free_port(), f"alb.{zone[0]}"
    with refused("CertificateNotFound"):
        listen_with_tls(clients, serving, port, "arn:aws:acm:ap-southeast-1:123456789012:certificate/none")
    pending = certificate(clients, zone[1], name, issued=False)
    with refused("UnsupportedCertificate"):
        listen_with_tls(clients, serving, port, pending)
    arn = certificate(clients, zone[1], name)
    listener = listen_with_tls(clients, serving, port, arn)
    trusted = ssl.create_default_context(cadata=clients("acm").get_certificate(CertificateArn=arn)["Certificate"])

    def ask(server_name: str) -> Any:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
            trusted.wrap_socket(connection, server_hostname=server_name) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return json.loads(b"".join(iter(lambda: secured.recv(4096), b"")).partition(b"\r\n\r\n")[2])

    assert ask(name)["headers"]["X-Forwarded-Proto"] == "https"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        ask("other.example")
    assert clients("acm").describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [serving.arn]
    with refused("ResourceInUseException"):
        clients("acm").delete_certificate(CertificateArn=arn)
    clients("elbv2").delete_listener(ListenerArn=listener)
    for gone in (arn, pending):
        clients("acm").delete_certificate(CertificateArn=gone)


def distribution(
    clients: Clients, balancer: Balancer, viewers: str, domain: str = "127.0.0.1", https_port: int = 0
) -> dict[str, Any]:
    """:param https_port: speaks HTTPS with the origin; 0: HTTP."""
    protocol = "https-only" if https_port else "http-only"
    ports = {"HTTPPort": balancer.port, "HTTPSPort": https_port or 443, "OriginProtocolPolicy": protocol}
    origin = {"Id": "alb", "DomainName": domain, "CustomOriginConfig": ports}
    config = {
        "CallerReference": uuid.uuid4().hex, "Comment": "", "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "alb", "ViewerProtocolPolicy": viewers,
            "CachePolicyId": DISABLED, "OriginRequestPolicyId": ALL_VIEWER,
        },
    }  # fmt: skip
    made: dict[str, Any] = clients("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]
    return made


def test_a_distribution_leads_to_its_origin(serving: Balancer, clients: Clients, embedded_aws: EmbeddedAws) -> None:
    host = distribution(clients, serving, "redirect-to-https")["DomainName"]
    status, headers, _ = serving.ask("/health?a=b", embedded_aws.port, Host=host)
    assert (status, headers["Location"]) == (301, f"https://{host}/health?a=b")
    status, headers, body = serving.ask("/health?a=b", embedded_aws.port, Host=host, **{"X-Forwarded-Proto": "https"})
    assert (status, json.loads(body)["path"]) == (200, "/health?a=b")
    assert json.loads(body)["headers"]["Host"].startswith(host)


def test_a_distribution_asks_its_origin_for_a_certificate(
    serving: Balancer, clients: Clients, embedded_aws: EmbeddedAws, zone: tuple[str, str]
) -> None:
    port, name = free_port(), f"alb.{zone[0]}"
    arn = certificate(clients, zone[1], name)
    listener = listen_with_tls(clients, serving, port, arn)
    alias = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": "127.0.0.1.", "EvaluateTargetHealth": False}
    record = {"Name": f"{name}.", "Type": "A", "AliasTarget": alias}
    change = {"Action": "UPSERT", "ResourceRecordSet": record}
    clients("route53").change_resource_record_sets(HostedZoneId=zone[1], ChangeBatch={"Changes": [change]})
    by_name, by_address = (
        distribution(clients, serving, "allow-all", domain, port)["DomainName"] for domain in (name, "127.0.0.1")
    )
    assert eventually(lambda: serving.ask("/", embedded_aws.port, Host=by_name)[0] == 200)
    told = json.loads(serving.ask("/", embedded_aws.port, Host=by_name)[2])["headers"]
    assert (told["X-Forwarded-Proto"], told["Host"].partition(":")[0]) == ("https", by_name)
    assert serving.ask("/", embedded_aws.port, Host=by_address)[0] == 502
    clients("elbv2").delete_listener(ListenerArn=listener)
    clients("acm").delete_certificate(CertificateArn=arn)


@dataclass
class Repository:
    """A repository, and the registry's own protocol on the API's port."""

    name: str
    port: int

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def blob(self, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        _, headers, _ = self.send("POST", f"/v2/{self.name}/blobs/uploads/")
        self.send("PATCH", headers["Location"], content)
        assert self.send("PUT", f"{headers['Location']}?digest={digest}")[0] == 201
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}

    def push(self, tag: str, layer: bytes) -> tuple[int, str]:
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.amica.app.v1", "config": self.blob(b"{}"), "layers": [self.blob(layer)],
        }  # fmt: skip
        raw = json.dumps(manifest).encode()
        status, headers, _ = self.send("PUT", f"/v2/{self.name}/manifests/{tag}", raw, str(manifest["mediaType"]))
        return status, headers.get("Docker-Content-Digest", "")


@pytest.fixture
def repository(clients: Clients, embedded_aws: EmbeddedAws) -> Iterator[Repository]:
    name = f"repository-{uuid.uuid4().hex[:6]}"
    answer = clients("ecr").create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")["repository"]
    assert answer["repositoryUri"] == f"127.0.0.1:{embedded_aws.port}/{name}"
    yield Repository(name, embedded_aws.port)
    clients("ecr").delete_repository(repositoryName=name, force=True)


def test_images_lie_on_disk(repository: Repository, clients: Clients, embedded_aws: EmbeddedAws) -> None:
    status, digest = repository.push("one", b"x" * 1000)
    assert status == 201
    (image,) = clients("ecr").describe_images(repositoryName=repository.name)["imageDetails"]
    assert (image["imageDigest"], image["imageTags"], image["imageSizeInBytes"]) == (digest, ["one"], 1002)
    assert image["artifactMediaType"] == "application/vnd.amica.app.v1"
    assert (embedded_aws.home / "registry" / "blobs" / "sha256" / digest.removeprefix("sha256:")).exists()
    endpoint = clients("ecr").get_authorization_token()["authorizationData"][0]["proxyEndpoint"]
    assert endpoint == embedded_aws.endpoint


def test_tags_are_immutable_and_go_one_by_one(repository: Repository, clients: Clients) -> None:
    ecr, name = clients("ecr"), repository.name
    _, digest = repository.push("one", b"first")
    assert repository.push("one", b"second")[0] == 400
    manifest = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "one"}])["images"][0]["imageManifest"]
    ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="two")
    with refused("ImageAlreadyExistsException"):
        ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="two")
    with refused("ImageTagAlreadyExistsException"):
        ecr.put_image(repositoryName=name, imageManifest=manifest + " ", imageTag="two")
    assert repository.send("GET", f"/v2/{name}/manifests/two")[1]["Docker-Content-Digest"] == digest
    assert {item["imageTag"] for item in ecr.list_images(repositoryName=name)["imageIds"]} == {"one", "two"}
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "one"}])
    assert ecr.list_images(repositoryName=name)["imageIds"] == [{"imageDigest": digest, "imageTag": "two"}]
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "two"}])
    with refused("ImageNotFoundException"):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
    assert repository.send("GET", f"/v2/{name}/manifests/{digest}")[0] == 404


def test_a_manifest_without_its_layers_is_refused(repository: Repository) -> None:
    body = json.dumps({"schemaVersion": 2, "config": {"digest": f"sha256:{'0' * 64}"}, "layers": []}).encode()
    status, _, answer = repository.send("PUT", f"/v2/{repository.name}/manifests/x", body)
    assert (status, json.loads(answer)["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_no_log_event_is_lost_between_pages(clients: Clients) -> None:
    logs, group = clients("logs"), f"/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=group)
    start = int(time.time() * 1000)
    for stream in ("a/1", "a/2", "b/1"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": start + number // 9, "message": f"{stream} {number}"} for number in range(4000)]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
    found = [event["message"] for page in pages for event in page["events"]]
    assert (len(pages), len(found), len(set(found))) == (2, 12000, 12000)
    few = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="a/", limit=5)
    assert (len(few["events"]), "nextToken" in few) == (5, True)
    with refused("InvalidParameterException"):
        logs.filter_log_events(logGroupName=group, nextToken="nonsense")
    logs.delete_log_group(logGroupName=group)


def test_zones_are_the_region_s_and_can_be_chosen(clients: Clients, embedded_aws: EmbeddedAws) -> None:
    ec2 = clients("ec2")
    wanted = [{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones(Filters=wanted)["AvailabilityZones"]]
    assert zones == [f"{embedded_aws.region}{letter}" for letter in "abc"]
    local = [{"Name": "zone-type", "Values": ["local-zone"]}]
    assert ec2.describe_availability_zones(Filters=local)["AvailabilityZones"] == []


def test_a_rule_for_all_protocols_has_no_ports(balancer: Balancer, clients: Clients) -> None:
    ec2, name = clients("ec2"), uuid.uuid4().hex
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=balancer.vpc)["GroupId"]
    everything = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"] == []


def test_calls_are_counted(clients: Clients, embedded_aws: EmbeddedAws) -> None:
    before = embedded_aws.actions()
    clients("sts").get_caller_identity()
    clients("s3").list_buckets()
    clients("cloudfront").list_distributions()
    made = ("sts:GetCallerIdentity", "s3:ListAllMyBuckets", "cloudfront:ListDistributions")
    assert embedded_aws.actions() - before == dict.fromkeys(made, 1)


def test_network_parts(balancer: Balancer, clients: Clients) -> None:
    ec2 = clients("ec2")
    address = ec2.allocate_address(Domain="vpc")
    made = ec2.create_nat_gateway(SubnetId=balancer.subnets[0], AllocationId=address["AllocationId"])["NatGateway"]
    (shown,) = ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"]
    assert shown["NatGatewayAddresses"][0]["PublicIp"] == address["PublicIp"]
    ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    live = [{"Name": "state", "Values": ["pending", "available"]}, {"Name": "vpc-id", "Values": [balancer.vpc]}]
    assert ec2.describe_nat_gateways(Filters=live)["NatGateways"] == []
    acl = ec2.create_network_acl(VpcId=balancer.vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=1, Protocol="6", RuleAction="allow", Egress=False, CidrBlock="0.0.0.0/0",
        PortRange={"From": 80, "To": 81},
    )  # fmt: skip
    (entry,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    assert entry["PortRange"] == {"From": 80, "To": 81}


def test_small_parts(clients: Clients) -> None:
    iam, allowed = clients("iam"), {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    arn = iam.create_policy(PolicyName=uuid.uuid4().hex, PolicyDocument=document)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    zone = clients("route53").create_hosted_zone(Name="example.com", CallerReference=uuid.uuid4().hex)["HostedZone"][
        "Id"
    ]
    assert clients("route53").get_dnssec(HostedZoneId=zone)["Status"]["ServeSignature"] == "NOT_SIGNING"
    with refused("ObjectNotFoundException"):
        clients("application-autoscaling").deregister_scalable_target(
            ServiceNamespace="ecs", ResourceId="service/a/b", ScalableDimension="ecs:service:DesiredCount"
        )


def test_tags_find_all_kinds_of_resources(balancer: Balancer, clients: Clients) -> None:
    key = uuid.uuid4().hex
    clients("elbv2").add_tags(ResourceArns=[balancer.arn, balancer.group], Tags=[{"Key": key, "Value": "1"}])
    clients("ec2").create_tags(Resources=[balancer.vpc, *balancer.subnets], Tags=[{"Key": key, "Value": "1"}])
    clients("logs").create_log_group(logGroupName=key, tags={key: "1"})
    filters = [{"Key": key, "Values": ["1"]}]
    answer = clients("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
    kinds = sorted(item["ResourceARN"].split(":")[2] for item in answer)
    assert kinds == ["ec2"] * 3 + ["elasticloadbalancing"] * 2 + ["logs"]
    clients("logs").delete_log_group(logGroupName=key)
