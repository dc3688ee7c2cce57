"""A domain's certificate and records as the modules make them on the embedded AWS and as ACM and Route 53 show them."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.role import Role
from support.run_module import ModuleFailed
from support.run_module import run_module
from support.waiting import eventually

pytestmark = pytest.mark.long

NOTHING: dict[str, Any] = {"before": {}, "after": {}}


class Domain:
    """A domain below a hosted zone of its own on the embedded AWS, and the modules with the options that reach it."""

    def __init__(self, connection: dict[str, str], clients: Any) -> None:
        self.connection = {**connection, "region": "us-east-1"}
        self.zone = f"zone-{uuid.uuid4().hex[:8]}.example"
        self.name = f"chat.{self.zone}"
        self.acm, self.route53 = clients("acm", "us-east-1"), clients("route53")
        made = self.route53.create_hosted_zone(Name=self.zone, CallerReference=self.zone)
        self.zone_id = made["HostedZone"]["Id"]

    def certificate(self, check: bool = False, **options: Any) -> dict[str, Any]:
        if options.get("state") != "absent":
            options = {"name": "contract", "domain_name": self.name, "wait_timeout": 60, **options}
        return run_module("acm_certificate", {**self.connection, **options}, check=check, diff=True)

    def alias(self, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**self.connection, "domain_name": self.name, "target": "d1.cloudfront.net", **options}
        return run_module("route53_alias", given, check=check, diff=True)

    def records(self) -> list[dict[str, Any]]:
        """Those that a new zone has not."""
        page = self.route53.list_resource_record_sets(HostedZoneId=self.zone_id)
        return [record for record in page["ResourceRecordSets"] if record["Type"] not in ("NS", "SOA")]


@pytest.fixture
def domain(embedded_aws: Any, clients: Any) -> Iterator[Domain]:
    made = Domain(embedded_aws.options, clients)
    yield made
    for record in made.records():
        batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
        made.route53.change_resource_record_sets(HostedZoneId=made.zone_id, ChangeBatch=batch)
    made.route53.delete_hosted_zone(Id=made.zone_id)


def test_a_certificate_is_issued_once_its_record_stands(domain: Domain) -> None:
    request = {"DomainName": domain.name, "ValidationMethod": "DNS"}
    someone_elses = domain.acm.request_certificate(**request)["CertificateArn"]
    assert (
        domain.acm.describe_certificate(CertificateArn=someone_elses)["Certificate"]["Status"] == "PENDING_VALIDATION"
    )
    domain.acm.delete_certificate(CertificateArn=someone_elses)

    options: dict[str, Any] = {"tags": {"amica:stack": "contract"}}
    predicted = domain.certificate(check=True, **options)
    assert (predicted["changed"], predicted["certificate"], domain.records()) == (True, None, [])
    made = domain.certificate(**options)
    assert (made["diff"], made["certificate"]["status"]) == (predicted["diff"], "ISSUED")
    arn = made["certificate"]["arn"]
    for check in (True, False):
        again = domain.certificate(check=check, **options)
        assert (again["changed"], again["diff"], again["certificate"]["arn"]) == (False, NOTHING, arn)

    changes: list[dict[str, Any]] = [{"tags": {"amica:stack": "other"}}, {"tags": {}}]
    for change in changes:
        assert domain.certificate(check=True, **change)["diff"] == domain.certificate(**change)["diff"] != NOTHING
        assert not domain.certificate(**change)["changed"]
    (record,) = domain.records()
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
    domain.route53.change_resource_record_sets(HostedZoneId=domain.zone_id, ChangeBatch=batch)
    assert domain.certificate(check=True)["diff"] == domain.certificate()["diff"] != NOTHING
    assert domain.records() == [record]

    second = domain.certificate(name="another")["certificate"]["arn"]
    assert second != arn
    assert domain.certificate(state="absent", arn=second)["changed"]
    assert domain.records() == [record]
    assert domain.certificate(check=True, state="absent", arn=arn)["changed"]
    assert domain.certificate(state="absent", arn=arn)["changed"]
    assert not domain.certificate(state="absent", arn=arn)["changed"]
    assert domain.records() == []


def test_a_domain_without_a_zone_is_said(domain: Domain) -> None:
    with pytest.raises(ModuleFailed, match=r"zone chat\.nowhere\.example or nowhere\.example in this account"):
        domain.certificate(check=True, domain_name="chat.nowhere.example")
    with pytest.raises(ModuleFailed, match=r"zone example\.net in this account"):
        domain.alias(hosted_zone="example.net")


def test_a_domain_leads_to_the_distribution_and_no_more(domain: Domain) -> None:
    steps: list[dict[str, Any]] = [{}, {"target": "d2.cloudfront.net"}, {"target": "d2.cloudfront.net", "ipv6": False}]
    for step in steps:
        predicted, made = domain.alias(check=True, **step), domain.alias(**step)
        assert predicted["diff"] == made["diff"] != NOTHING, step
        for check in (True, False):
            assert domain.alias(check=check, **step)["diff"] == NOTHING, step
    (record,) = domain.records()
    assert (record["Type"], record["AliasTarget"]["DNSName"]) == ("A", "d2.cloudfront.net.")
    assert not domain.alias(state="absent", target="d1.cloudfront.net")["changed"]
    assert domain.alias(check=True, state="absent", target="d2.cloudfront.net")["changed"]
    assert domain.alias(state="absent", target="d2.cloudfront.net")["changed"]
    assert not domain.alias(state="absent", target="d2.cloudfront.net")["changed"]
    assert domain.records() == []
    balancer: dict[str, Any] = {
        "target": "amica-alb-1.elb.amazonaws.com",
        "target_zone_id": "Z1LMS91P8CMLE5",
        "ipv6": False,
    }
    assert domain.alias(**balancer)["changed"]
    (record,) = domain.records()
    assert (record["AliasTarget"]["HostedZoneId"], record["Type"]) == ("Z1LMS91P8CMLE5", "A")
    assert domain.alias(state="absent", target=balancer["target"])["changed"]


def test_a_stack_gets_a_domain_moves_to_another_and_gives_it_up(
    domain: Domain, embedded_aws: EmbeddedAws, tmp_path: Any, clients: Any
) -> None:
    given = {"amica_name": "domain", "cloudfront_origin_domain": "127.0.0.1", "amica_http_port": 8088}
    role = Role("cloudfront", embedded_aws, tmp_path, given)

    def state() -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Aliases of the distribution, domains of the certificates in use or not, and the chat's records."""
        items = clients("cloudfront").list_distributions()["DistributionList"].get("Items", [])
        aliases = [
            name for one in items if one["Comment"] == "domain-distribution" for name in one["Aliases"].get("Items", [])
        ]
        certificates = domain.acm.list_certificates()["CertificateSummaryList"]
        found = [one["DomainName"] for one in certificates if one["DomainName"].endswith(domain.zone)]
        chat = [(one["Name"], one["Type"]) for one in domain.records() if "AliasTarget" in one]
        return aliases, found, sorted(chat)

    on = {"amica_domain": domain.name}
    foreseen = role(on, check=True)
    assert state() == ([], [], [])
    assert set(role(on)) == set(foreseen)
    assert state() == ([domain.name], [domain.name], [(f"{domain.name}.", "A"), (f"{domain.name}.", "AAAA")])
    assert role(on) == []

    other = f"talk.{domain.zone}"
    role({"amica_domain": other, "cloudfront_ipv6": "false"})
    assert state() == ([other], [other], [(f"{other}.", "A")])
    role()
    assert (state(), domain.records()) == (([], [], []), [])

    role(on)
    role({"cloudfront_state": "absent"})
    assert (state(), domain.records()) == (([], [], []), [])


class Front:
    """The roles `alb` and `cloudfront` before an application that answers, and what a viewer gets of it."""

    def __init__(self, domain: Domain, embedded_aws: EmbeddedAws, folder: Any, clients: Any) -> None:
        self.domain, self.embedded_aws, self.clients = domain, embedded_aws, clients
        self.name = f"alb.{domain.zone}"
        self.http, self.https = free_port(), free_port()
        ec2 = clients("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for number, zone in enumerate(zones)
        ]
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        given = {
            "amica_name": "front",
            "amica_http_port": self.http,
            "amica_https_port": self.https,
            "alb_vpc_id": vpc,
            "alb_subnet_ids": subnets,
            "alb_security_group_ids": [groups[0]["GroupId"]],
        }
        self.run = Role("alb cloudfront", embedded_aws, folder, given, afterwards=("alb/purge",))
        self.gone = Role("cloudfront alb", embedded_aws, folder, {**given, "amica_state": "absent"})

    def stands(self) -> tuple[list[str], list[str], list[str]]:
        """Protocols of the listeners, domains of the region's certificates, and the types of the domain's records."""
        elb = self.clients("elbv2")
        (balancer,) = elb.describe_load_balancers(Names=["front-alb"])["LoadBalancers"]
        listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        certificates = self.clients("acm").list_certificates()["CertificateSummaryList"]
        return (
            sorted(one["Protocol"] for one in listeners),
            [one["DomainName"] for one in certificates if one["DomainName"].endswith(self.domain.zone)],
            [one["Type"] for one in self.domain.records() if "AliasTarget" in one],
        )

    def through_cloudfront(self) -> int:
        """The status of a request over the distribution; 503 comes from a load balancer without targets."""
        items = self.clients("cloudfront").list_distributions()["DistributionList"]["Items"]
        (host,) = (one["DomainName"] for one in items if one["Comment"] == "front-distribution")
        connection = http.client.HTTPConnection("127.0.0.1", self.embedded_aws.port, timeout=10)
        connection.request("GET", "/", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return connection.getresponse().status

    def directly(self) -> tuple[int, str]:
        """The status of a browser's request over HTTP, and where it is sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)
        connection.request("GET", "/a?b=c", headers={"Host": "x"})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", "")


def test_a_load_balancer_gets_a_domain_over_which_cloudfront_speaks_https_and_gives_it_up(
    domain: Domain, embedded_aws: EmbeddedAws, tmp_path: Any, clients: Any
) -> None:
    front = Front(domain, embedded_aws, tmp_path, clients)
    front.run()
    assert (front.stands(), front.through_cloudfront(), front.directly()) == ((["HTTP"], [], []), 503, (503, ""))
    on = {"alb_domain": front.name}
    foreseen = front.run(on, check=True)
    assert front.stands() == (["HTTP"], [], [])
    assert front.run(on) == foreseen
    assert front.stands() == (["HTTP", "HTTPS"], [front.name], ["A"])
    assert eventually(lambda: front.through_cloudfront() == 503)
    assert front.directly() == (301, f"https://{front.name}:{front.https}/a?b=c")
    told = run_module("stack_info", {**embedded_aws.options, "name": "front"})["stack"]
    assert (told["distribution"]["origins"], told["load_balancer"]["domain"]) == ([front.name], front.name)
    for check in (True, False):
        assert front.run(on, check=check) == []
    # The listener's certificate is the domain's; with another one CloudFront would show 502.
    other = f"other.{domain.zone}"
    front.run({"alb_domain": other})
    assert front.stands() == (["HTTP", "HTTPS"], [other], ["A"])
    assert eventually(lambda: front.through_cloudfront() == 503)
    foreseen = front.run(check=True)
    assert front.run() == foreseen
    assert front.stands() == (["HTTP"], [], [])
    assert (domain.records(), front.through_cloudfront(), front.directly()) == ([], 503, (503, ""))

    front.run(on)
    front.gone()
    assert domain.records() == []
    left = run_module("stack_info", {**embedded_aws.options, "name": "front"})["stack"]
    assert left["tagged_resources"] == []


def test_what_leads_to_the_load_balancer_stays_until_cloudfront_has_moved_away(
    domain: Domain, embedded_aws: EmbeddedAws, tmp_path: Any, clients: Any
) -> None:
    front = Front(domain, embedded_aws, tmp_path, clients)
    front.run({"alb_domain": front.name})
    alone = Role("alb", embedded_aws, tmp_path, front.run.given, afterwards=("alb/purge",))
    alone()
    assert front.stands() == (["HTTP", "HTTPS"], [front.name], ["A"])
    assert eventually(lambda: front.through_cloudfront() == 503)
    front.gone()
