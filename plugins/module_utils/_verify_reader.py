# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks AWS for what `_verify` judges: everything at the same time, and what may not be asked for is `Unseen`."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from typing import TypeVar

try:
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError
except ImportError:
    pass  # AnsibleAWSModule has said so by the time anything here runs.

from ansible_collections.amica.stack.plugins.module_utils._app_secrets import OWNER_TAG
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import sentence
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import short
from ansible_collections.amica.stack.plugins.module_utils._image import login_data
from ansible_collections.amica.stack.plugins.module_utils._image import tag_of
from ansible_collections.amica.stack.plugins.module_utils._image_engine import repository_of
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry
from ansible_collections.amica.stack.plugins.module_utils._registry import RegistryError
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import PARAMETER_STORE
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import reference
from ansible_collections.amica.stack.plugins.module_utils._stack import existing
from ansible_collections.amica.stack.plugins.module_utils._verify import ADDRESS_QUOTA
from ansible_collections.amica.stack.plugins.module_utils._verify import BALANCER_QUOTA
from ansible_collections.amica.stack.plugins.module_utils._verify import FARGATE_QUOTA
from ansible_collections.amica.stack.plugins.module_utils._verify import SPOT_QUOTA
from ansible_collections.amica.stack.plugins.module_utils._verify import VPC_QUOTA
from ansible_collections.amica.stack.plugins.module_utils._verify import Certificate
from ansible_collections.amica.stack.plugins.module_utils._verify import Decision
from ansible_collections.amica.stack.plugins.module_utils._verify import Image
from ansible_collections.amica.stack.plugins.module_utils._verify import Observed
from ansible_collections.amica.stack.plugins.module_utils._verify import Quota
from ansible_collections.amica.stack.plugins.module_utils._verify import Secret
from ansible_collections.amica.stack.plugins.module_utils._verify import Subnet
from ansible_collections.amica.stack.plugins.module_utils._verify import Taken
from ansible_collections.amica.stack.plugins.module_utils._verify import Unseen
from ansible_collections.amica.stack.plugins.module_utils._verify import Wanted
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import Need
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import Place
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import needs

Answer = TypeVar("Answer")
Stack = Mapping[str, Any]

THREADS = 16
# A check answers soon or is not made.
ATTEMPTS = 3


def or_unseen(call: Callable[[], Answer]) -> Answer | Unseen:
    try:
        return call()
    except (ClientError, BotoCoreError, RegistryError) as error:
        return Unseen(str(error) if isinstance(error, RegistryError) else sentence(error))


class Reader:
    """One look at an account; `stack` is what stack_info said of the stack."""

    def __init__(self, aws: Clients, wanted: Wanted, stack: Stack, connect: Callable[[str, str], Registry]) -> None:
        self.aws = aws
        self.wanted = wanted
        self.stack = stack
        self.connect = connect
        self.pool = ThreadPoolExecutor(THREADS)

    def client(self, service: str, region: str | None = None) -> Any:
        return self.aws(service, region, ATTEMPTS)

    def ask(self, call: Callable[[], Answer]) -> Future[Answer | Unseen]:
        return self.pool.submit(or_unseen, call)

    def ask_each(self, keys: Iterable[str], call: Callable[[str], Answer]) -> dict[str, Future[Answer | Unseen]]:
        return {key: self.ask(lambda key=key: call(key)) for key in keys}  # type: ignore[misc]

    def read(self) -> Observed:
        with self.pool:
            decisions = self.decisions()
            opt_in, zones = self.ask(self.opt_in_status), self.ask(self.zones)
            quotas = [self.ask(lambda ask=ask: ask()) for ask in self.quotas()]  # type: ignore[misc]
            roles = [role["name"] for role in self.stack["roles"].values() if role]
            trust = self.ask_each(roles, self.trust)
            secrets = self.ask_each(set(self.wanted.secrets.values()), self.secret)
            image = self.ask(self.image) if self.wanted.image else None
            certificates = self.ask_each({one.arn for one in self.wanted.certificates}, self.certificate)
            zones_of_dns = self.ask(self.hosted_zones) if self.wanted.domains or self.wanted.hosted_domains else None
            subnets = self.ask(self.subnets) if self.wanted.subnet_ids else None
            endpoints = self.ask(self.endpoints) if self.wanted.endpoints else None
            taken = self.ask(self.taken)
            return Observed(
                decisions=decisions() if callable(decisions) else decisions,
                opt_in_status=opt_in.result(),
                zones=zones.result(),
                quotas=[future.result() for future in quotas],
                trust=results(trust),
                secrets=results(secrets),
                image=image.result() if image else None,
                certificates=results(certificates),
                hosted_zones=zones_of_dns.result() if zones_of_dns else (),
                endpoints=endpoints.result() if endpoints else (),
                subnets=subnets.result() if subnets else (),
                taken=taken.result(),
            )

    def needs(self) -> Iterator[Need]:
        wanted, account = self.wanted, self.stack["account_id"]
        place = Place(self.aws.partition, self.aws.region, account, names(wanted.name), wanted.name)
        return needs(place, wanted.switched_on)

    def decisions(self) -> Unseen | Callable[[], Sequence[Decision] | Unseen]:
        """Starts the simulations; what to call for their outcome."""
        principal = or_unseen(self.principal)
        if isinstance(principal, Unseen):
            return principal
        if principal is None:
            return lambda: ()
        running = [
            self.ask(lambda need=need: self.simulated(principal, need))  # type: ignore[misc]
            for need in by_resource(self.needs())
        ]

        def outcome() -> Sequence[Decision] | Unseen:
            answers = [future.result() for future in running]
            failed = next((answer for answer in answers if isinstance(answer, Unseen)), None)
            return failed or [decision for answer in answers if not isinstance(answer, Unseen) for decision in answer]

        return outcome

    def principal(self) -> str | None:
        return principal(self.client("sts"), self.client("iam"))

    def simulated(self, principal: str, need: Need) -> list[Decision]:
        keys = {
            "aws:RequestedRegion": self.aws.region,
            "iam:PassedToService": need.passed_to,
            f"aws:RequestTag/{OWNER_TAG}": self.wanted.name,
            f"aws:ResourceTag/{OWNER_TAG}": self.wanted.name,
        }
        return simulated(self.client("iam"), principal, need.actions, need.resource, keys)

    def opt_in_status(self) -> str:
        found = self.client("ec2").describe_regions(RegionNames=[self.aws.region], AllRegions=True)["Regions"]
        return str(found[0].get("OptInStatus", "opt-in-not-required")) if found else ""

    def zones(self) -> int:
        found = self.client("ec2").describe_availability_zones()["AvailabilityZones"]
        return sum(zone.get("State") == "available" for zone in found)

    def quotas(self) -> list[Callable[[], Quota]]:
        ec2, elb, wanted = self.client("ec2"), self.client("elbv2"), self.wanted
        asked = [lambda: self.quota("fargate", FARGATE_QUOTA, "Fargate vCPUs", None)]
        if wanted.spot_tasks:
            asked.append(lambda: self.quota("fargate", SPOT_QUOTA, "Fargate Spot vCPUs", None))
        if not wanted.vpc_stands:
            asked.append(lambda: self.quota("vpc", VPC_QUOTA, "VPCs", lambda: len(ec2.describe_vpcs()["Vpcs"])))
        if not wanted.load_balancer_stands:
            asked.append(
                lambda: self.quota(
                    "elasticloadbalancing",
                    BALANCER_QUOTA,
                    "Application Load Balancers",
                    lambda: sum(
                        one.get("Type") == "application" for one in elb.describe_load_balancers()["LoadBalancers"]
                    ),
                )
            )
        if wanted.elastic_ips:
            asked.append(
                lambda: self.quota(
                    "ec2", ADDRESS_QUOTA, "Elastic IP addresses", lambda: len(ec2.describe_addresses()["Addresses"])
                )
            )
        return asked

    def quota(self, service: str, code: str, name: str, used: Callable[[], int] | None) -> Quota:
        """AWS tells what was applied to the account, and where nothing was, what every account has."""
        client, asked = self.client("service-quotas"), {"ServiceCode": service, "QuotaCode": code}
        answer = absent_as_none(lambda: client.get_service_quota(**asked), "NoSuchResourceException")
        if answer is None:
            answer = client.get_aws_default_service_quota(**asked)
        return Quota(name, code, answer["Quota"]["Value"], used() if used else None)

    def trust(self, role: str) -> Sequence[Mapping[str, Any]]:
        document = self.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
        return [statements] if isinstance(statements, Mapping) else statements

    def secret(self, arn: str) -> Secret:
        place = reference(arn)
        if place is None:
            return Secret(exists=False)
        if place.store == PARAMETER_STORE:
            answer = self.client("ssm", place.region).get_parameters(Names=[place.resource])
            return Secret(exists=bool(answer["Parameters"]))
        client = self.client("secretsmanager", place.region)
        found = absent_as_none(lambda: client.describe_secret(SecretId=place.resource), "ResourceNotFoundException")
        if found is None or "DeletedDate" in found or not place.json_key:
            return Secret(found is not None, scheduled_for_deletion="DeletedDate" in (found or {}))
        text = client.get_secret_value(
            SecretId=place.resource,
            **({"VersionStage": place.stage} if place.stage else {}),
            **({"VersionId": place.version} if place.version else {}),
        ).get("SecretString", "")
        return Secret(True, keys=json_keys(text))

    def image(self) -> Image:
        image = self.wanted.image
        name = repository_of(image)
        host, _slash, repository = name.partition("/")
        endpoint, authorization = login_data(self.client("ecr"))
        registry = self.connect(endpoint, authorization)
        own = (self.stack.get("repository") or {}).get("uri") or ""
        if host not in (registry.host, own.partition("/")[0]):
            raise RegistryError(f"it is not in this account's registry {registry.host}, and others are not asked")
        manifest = registry.manifest(repository, image.partition("@")[2] or tag_of(image) or "latest")
        if manifest is None:
            return Image(exists=False)
        return Image(True, frozenset(registry.architectures(repository, manifest)))

    def certificate(self, arn: str) -> Certificate | None:
        client = self.client("acm", arn.split(":")[3])
        answer = absent_as_none(lambda: client.describe_certificate(CertificateArn=arn), "ResourceNotFoundException")
        if answer is None:
            return None
        found = answer["Certificate"]
        names_of = found.get("SubjectAlternativeNames") or [found["DomainName"]]
        return Certificate(found["Status"], tuple(names_of))

    def hosted_zones(self) -> list[str]:
        pages = self.client("route53").get_paginator("list_hosted_zones").paginate()
        return [
            zone["Name"]
            for page in pages
            for zone in page["HostedZones"]
            if not (zone.get("Config") or {}).get("PrivateZone")
        ]

    def endpoints(self) -> set[str]:
        start = f"com.amazonaws.{self.aws.region}."
        asked = [{"Name": "service-name", "Values": [f"{start}{service}" for service in self.wanted.endpoints]}]
        pages = self.client("ec2").get_paginator("describe_vpc_endpoint_services").paginate(Filters=asked)
        return {name.removeprefix(start) for page in pages for name in page["ServiceNames"]}

    def subnets(self) -> list[Subnet]:
        return subnets_of(self.client("ec2"), self.aws.region, self.wanted.subnet_ids)

    def taken(self) -> list[Taken]:
        """What has the stack's names and not its tag. What the tagging API has not noticed yet is asked for itself."""
        tagged = set(self.stack["tagged_resources"])
        parts = [(kind, name, arn) for kind, name, arn in existing(self.stack) if arn and arn not in tagged]
        owners = [(kind, name, self.tags(arn).get(OWNER_TAG, "")) for kind, name, arn in parts]
        return [Taken(kind, name, owner) for kind, name, owner in owners if owner != self.wanted.name]

    def tags(self, arn: str) -> dict[str, str]:
        service = arn.split(":")[2]
        return tags_to_dict(TAGS[service](self, arn)) if service in TAGS else {OWNER_TAG: self.wanted.name}


TAGS: dict[str, Callable[[Reader, str], Iterable[Mapping[str, str]]]] = {
    "cloudfront": lambda reader, arn: reader.client("cloudfront").list_tags_for_resource(Resource=arn)["Tags"]["Items"],
    "ec2": lambda reader, arn: reader.client("ec2").describe_tags(
        Filters=[{"Name": "resource-id", "Values": [short(arn)]}]
    )["Tags"],
    "ecr": lambda reader, arn: reader.client("ecr").list_tags_for_resource(resourceArn=arn)["tags"],
    "ecs": lambda reader, arn: reader.client("ecs").list_tags_for_resource(resourceArn=arn)["tags"],
    "elasticloadbalancing": lambda reader, arn: reader.client("elbv2").describe_tags(ResourceArns=[arn])[
        "TagDescriptions"
    ][0]["Tags"],
    "iam": lambda reader, arn: reader.client("iam").list_role_tags(RoleName=short(arn))["Tags"],
    "logs": lambda reader, arn: [
        {"Key": key, "Value": value}
        for key, value in reader.client("logs").list_tags_for_resource(resourceArn=arn)["tags"].items()
    ],
}


def results(futures: Mapping[str, Future[Answer | Unseen]]) -> dict[str, Answer | Unseen]:
    return {key: future.result() for key, future in futures.items()}


def by_resource(asked: Iterable[Need]) -> list[Need]:
    """One need a resource, since a simulation takes any number of actions, each once."""
    actions: dict[tuple[str, str], tuple[str, ...]] = {}
    for need in asked:
        place = (need.resource, need.passed_to)
        actions[place] = tuple(dict.fromkeys((*actions.get(place, ()), *need.actions)))
    return [Need(resource, every, passed_to) for (resource, passed_to), every in actions.items()]


def principal(sts: Any, iam: Any) -> str | None:
    """The user or role whose policies count; None for the root user, who may do everything."""
    arn = str(sts.get_caller_identity()["Arn"])
    if arn.endswith(":root"):
        return None
    if ":assumed-role/" in arn:
        return str(iam.get_role(RoleName=arn.split("/")[1])["Role"]["Arn"])
    return arn


def simulated(
    iam: Any, principal: str, actions: Iterable[str], resource: str, keys: Mapping[str, str]
) -> list[Decision]:
    """What IAM would answer the principal; `keys`: condition keys and their values, empty ones left out."""
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=list(actions),
        ResourceArns=[resource],
        ContextEntries=[
            {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for name, value in keys.items()
            if value
        ],
    )
    return [
        Decision(
            result["EvalActionName"],
            resource,
            result["EvalDecision"] == "allowed",
            tuple(result.get("MissingContextValues") or ()),
        )
        for page in pages
        for result in page["EvaluationResults"]
    ]


def subnets_of(ec2: Any, region: str, identities: Iterable[str]) -> list[Subnet]:
    """Those of the subnets that exist."""
    found = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": list(identities)}])["Subnets"]
    inside = [{"Name": "vpc-id", "Values": sorted({subnet["VpcId"] for subnet in found})}]
    tables = ec2.describe_route_tables(Filters=inside)["RouteTables"] if found else []
    endpoints = ec2.describe_vpc_endpoints(Filters=inside)["VpcEndpoints"] if found else []
    return [
        Subnet(
            subnet["SubnetId"],
            subnet["VpcId"],
            subnet["AvailabilityZone"],
            int(subnet.get("AvailableIpAddressCount", 0)),
            way_out(table_of(subnet, tables)),
            frozenset(
                endpoint["ServiceName"].partition(f"{region}.")[2]
                for endpoint in endpoints
                if endpoint["VpcId"] == subnet["VpcId"]
            ),
        )
        for subnet in found
    ]


def json_keys(text: str) -> frozenset[str] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return frozenset(content) if isinstance(content, dict) else None


def table_of(subnet: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The route table of a subnet: its own, else its VPC's main one."""
    main = None
    for table in tables:
        for association in table.get("Associations", ()):
            if association.get("SubnetId") == subnet["SubnetId"]:
                return table
            if association.get("Main") and table["VpcId"] == subnet["VpcId"]:
                main = table
    return main


def way_out(table: Mapping[str, Any] | None) -> str:
    """Where the default route leads: `internet`, `nat`, the id of something else, or nowhere."""
    for route in table["Routes"] if table else ():
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State", "active") == "active":
            if str(route.get("GatewayId", "")).startswith("igw-"):
                return "internet"
            if route.get("NatGatewayId"):
                return "nat"
            others = ("TransitGatewayId", "NetworkInterfaceId", "InstanceId", "VpcPeeringConnectionId", "GatewayId")
            return str(next((route[key] for key in others if route.get(key)), ""))
    return ""
