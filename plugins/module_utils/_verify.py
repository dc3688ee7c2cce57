# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a stack before anything of it is made: from observations to findings. Nothing calls AWS.

An observation is what AWS said, or `Unseen` with the reason why it could not be asked; the latter becomes a finding of
its own, never silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeVar

from ansible_collections.amica.stack.plugins.module_utils._ecs_fargate import fargate_problem
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import reference

Seen = TypeVar("Seen")

PROBLEM, WARNING, NOT_CHECKED = "problem", "warning", "not checked"
KINDS = (PROBLEM, WARNING, NOT_CHECKED)
CPU_UNITS = 1024
TASKS_PRINCIPAL, ECS_PRINCIPAL = "ecs-tasks.amazonaws.com", "ecs.amazonaws.com"
OCI_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
# What a task without a way out needs an endpoint for; S3 holds the layers of ECR's images.
ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "s3")
SECRET_ENDPOINTS = {"secretsmanager": "secretsmanager", "ssm": "ssm"}
# What can be switched on and needs no rights of whoever runs this, but an endpoint.
ENDPOINTS_OF = {"tracing": "xray"}
OBSOLETE = {
    "PINECONE_ENVIRONMENT": "Pinecone's client does not read it any more; an index is found by its host. Set "
    "PINECONE_INDEX_HOST and leave it out",
}
"""Variables that may be set and do nothing: name, and what to do instead."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, or could not be looked at, and what to do about it."""

    kind: str
    check: str
    subject: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind.capitalize()}: {self.subject}: {self.reason}. {self.remedy}"


@dataclass(frozen=True)
class Unseen:
    """Why something could not be looked at; a sentence without its full stop."""

    why: str


@dataclass(frozen=True)
class Decision:
    """Whether the credentials may do something. `missing` are the keys of conditions that only a real call has."""

    action: str
    resource: str
    allowed: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quota:
    """A limit of the account, and what it has of it; `used` is None where that is not counted."""

    name: str
    code: str
    limit: float
    used: int | None = None


@dataclass(frozen=True)
class Secret:
    """A secret or parameter. `keys` are its JSON's, None if it is no JSON object."""

    exists: bool
    scheduled_for_deletion: bool = False
    keys: frozenset[str] | None = None


@dataclass(frozen=True)
class Certificate:
    status: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """An image of a registry; no architectures where it does not say."""

    exists: bool
    architectures: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subnet:
    """A subnet, where its default route leads (`internet`, `nat`, another id, or nowhere), and its VPC's endpoints."""

    id: str
    vpc: str
    zone: str
    free_addresses: int
    way_out: str = ""
    endpoints: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Taken:
    """A part that stands under a name of the stack's without its tag."""

    kind: str
    name: str
    owner: str


@dataclass(frozen=True)
class CertificateWanted:
    variable: str
    arn: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to be made, as far as something can stand in its way. Memory is in MiB, storage in GiB."""

    name: str
    region: str
    cpu: int = 256
    memory: int = 512
    ephemeral_storage: int = 20
    architecture: str = "x86_64"
    most_tasks: int = 1
    # Of these on Fargate Spot.
    spot_tasks: int = 0
    zones: int = 2
    elastic_ips: int = 0
    vpc_stands: bool = False
    load_balancer_stands: bool = False
    image: str = ""
    subnet_ids: tuple[str, ...] = ()
    public_addresses: bool = True
    # Services that get an endpoint, by the end of their names.
    endpoints: tuple[str, ...] = ()
    switched_on: frozenset[str] = frozenset()
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    certificates: tuple[CertificateWanted, ...] = ()
    domains: tuple[str, ...] = ()
    hosted_domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """What AWS said. Mappings are by the name, ARN or code that was asked for."""

    decisions: Sequence[Decision] | Unseen = ()
    opt_in_status: str | Unseen = "opt-in-not-required"
    zones: int | Unseen = 3
    quotas: Sequence[Quota | Unseen] = ()
    trust: Mapping[str, Sequence[Mapping[str, Any]] | Unseen] = field(default_factory=dict)
    secrets: Mapping[str, Secret | Unseen] = field(default_factory=dict)
    image: Image | Unseen | None = None
    certificates: Mapping[str, Certificate | Unseen | None] = field(default_factory=dict)
    hosted_zones: Sequence[str] | Unseen = ()
    # Of the services that are to have an endpoint those that AWS offers one for.
    endpoints: Collection[str] | Unseen = ()
    subnets: Sequence[Subnet] | Unseen = ()
    taken: Sequence[Taken] | Unseen = ()


def unseen(check: str, subject: str, observed: Unseen, remedy: str) -> Finding:
    return Finding(NOT_CHECKED, check, subject, observed.why, remedy)


def size_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    sentence = fargate_problem(wanted.cpu, wanted.memory, wanted.ephemeral_storage)
    if sentence:
        size = f"{wanted.cpu} CPU units, {wanted.memory} MiB, {wanted.ephemeral_storage} GiB"
        yield Finding(PROBLEM, "size", "size of a task", f"Fargate offers none with {size}", sentence)


def permission_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    decisions = observed.decisions
    if isinstance(decisions, Unseen):
        yield unseen(
            "permissions",
            "what the credentials may do",
            decisions,
            "Allow iam:SimulatePrincipalPolicy to have it checked",
        )
        return
    denied = [decision for decision in decisions if not decision.allowed]
    for action_resource, actions in grouped(denied, sure=True).items():
        yield Finding(
            PROBLEM,
            "permissions",
            action_resource[0],
            f"the credentials may not {', '.join(actions)} on {action_resource[1]}",
            "Add these actions to the policy of the role or user that runs this",
        )
    for action_resource, actions in grouped(denied, sure=False).items():
        yield Finding(
            NOT_CHECKED,
            "permissions",
            action_resource[0],
            f"whether the credentials may {', '.join(actions)} on {action_resource[1]} depends on conditions that only "
            "a real call meets",
            "Look at the conditions of their policies if the run is refused",
        )


def grouped(denied: Iterable[Decision], sure: bool) -> dict[tuple[str, str], list[str]]:
    """(service, resource) -> actions of the decisions that are sure, or of those that hang on a missing key."""
    groups: dict[tuple[str, str], list[str]] = {}
    for decision in denied:
        service, _colon, action = decision.action.partition(":")
        if bool(decision.missing) is not sure:
            groups.setdefault((service, decision.resource), []).append(action)
    return groups


def region_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    status = observed.opt_in_status
    if isinstance(status, Unseen):
        yield unseen("region", wanted.region, status, "Allow ec2:DescribeRegions to have it checked")
    elif not status:
        yield Finding(
            PROBLEM, "region", wanted.region, "AWS does not know this region", "Set amica_region to one it has"
        )
    elif status == "not-opted-in":
        yield Finding(
            PROBLEM,
            "region",
            wanted.region,
            "the account has not enabled this region",
            "Enable it (AWS Account, Regions), which takes some minutes, or set amica_region to another",
        )
    zones = observed.zones
    if isinstance(zones, Unseen):
        yield unseen("region", "availability zones", zones, "Allow ec2:DescribeAvailabilityZones to have it checked")
    elif status and status != "not-opted-in" and zones < wanted.zones:
        yield Finding(
            PROBLEM,
            "region",
            "availability zones",
            f"{wanted.region} offers {zones}, and vpc_availability_zone_count wants {wanted.zones}",
            f"Set vpc_availability_zone_count: {zones}, or take another region",
        )


FARGATE_QUOTA, SPOT_QUOTA = "L-3032A538", "L-36FBB829"
VPC_QUOTA, BALANCER_QUOTA, ADDRESS_QUOTA = "L-F678F1CE", "L-53DA6B97", "L-0263D0A3"


def quota_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    needed = {
        FARGATE_QUOTA: math.ceil((wanted.most_tasks - wanted.spot_tasks) * wanted.cpu / CPU_UNITS),
        SPOT_QUOTA: math.ceil(wanted.spot_tasks * wanted.cpu / CPU_UNITS),
        VPC_QUOTA: int(not wanted.vpc_stands),
        BALANCER_QUOTA: int(not wanted.load_balancer_stands),
        ADDRESS_QUOTA: wanted.elastic_ips,
    }
    for quota in observed.quotas:
        if isinstance(quota, Unseen):
            yield unseen("quotas", "a quota", quota, "Look at Service Quotas in the AWS console if the run is refused")
            continue
        need, used = needed[quota.code], quota.used or 0
        if need and used + need > quota.limit:
            has = f", of which {used} are in use" if quota.used is not None else ""
            yield Finding(
                PROBLEM,
                "quotas",
                quota.name,
                f"the stack needs {need}, and the account may have {quota.limit:g} in {wanted.region}{has}",
                f"Ask for more (Service Quotas, {quota.code}), or free some",
            )


def trust_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    for role, statements in observed.trust.items():
        if isinstance(statements, Unseen):
            yield unseen("roles", role, statements, "Allow iam:GetRole to have it checked")
            continue
        principal, end = TASKS_PRINCIPAL, "no new task starts"
        if role == names(wanted.name).infrastructure_role:
            principal, end = ECS_PRINCIPAL, "no traffic moves"
        if not any(trusts(statement, principal) for statement in statements):
            yield Finding(
                WARNING,
                "roles",
                role,
                f"its trust policy does not let {principal} assume it, so {end}",
                "The next ansible-playbook site.yml --tags ecs_fargate writes the policy; find out who changed it",
            )


def trusts(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal")
    services = principal.get("Service", ()) if isinstance(principal, Mapping) else ()
    return (
        statement.get("Effect") == "Allow"
        and bool({"sts:AssumeRole", "sts:*", "*"} & set(listed(statement.get("Action"))))
        and service in listed(services)
    )


def listed(value: Any) -> list[str]:
    """IAM writes a list of one as that one."""
    return [value] if isinstance(value, str) else list(value or ())


def secret_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    for name, arn in wanted.secrets.items():
        state, place = observed.secrets.get(arn), reference(arn)
        if place is None or state is None:
            continue
        if isinstance(state, Unseen):
            yield unseen("secrets", name, state, "Allow the credentials to read it to have it checked")
        elif not state.exists:
            yield Finding(
                PROBLEM, "secrets", name, f"there is no {place.resource}", "Make it, or correct the ARN in secrets_arns"
            )
        elif state.scheduled_for_deletion:
            yield Finding(
                PROBLEM,
                "secrets",
                name,
                f"{place.resource} is scheduled for deletion, and nobody can read it",
                f"aws secretsmanager restore-secret --secret-id {place.resource}",
            )
        elif place.json_key and place.json_key not in (state.keys or ()):
            has = f"has the keys {', '.join(sorted(state.keys))}" if state.keys else "is no JSON object"
            yield Finding(
                PROBLEM,
                "secrets",
                name,
                f"{place.resource} {has}, and not {place.json_key}",
                "Correct the key at the end of the ARN in secrets_arns, or put it into the secret",
            )


def variable_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    for name in sorted({*wanted.variables, *wanted.secrets} & OBSOLETE.keys()):
        yield Finding(WARNING, "variables", name, "it is obsolete", OBSOLETE[name])


def image_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    image, architecture = observed.image, OCI_ARCHITECTURES.get(wanted.architecture, wanted.architecture)
    if image is None:
        return
    if isinstance(image, Unseen):
        yield unseen("image", wanted.image, image, "See to it that the image exists and is built for the tasks")
    elif not image.exists:
        yield Finding(
            PROBLEM, "image", wanted.image, "the registry has no such image", "Push it, or correct build_image"
        )
    elif image.architectures and architecture not in image.architectures:
        yield Finding(
            PROBLEM,
            "image",
            wanted.image,
            f"it is built for {', '.join(sorted(image.architectures))}, and the tasks run on {wanted.architecture}",
            "Set ecs_fargate_architecture, or build the image for the tasks",
        )


def certificate_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    for asked in wanted.certificates:
        found = observed.certificates.get(asked.arn)
        if isinstance(found, Unseen):
            yield unseen("certificates", asked.variable, found, "Allow acm:DescribeCertificate to have it checked")
        elif found is None:
            yield Finding(
                PROBLEM, "certificates", asked.variable, f"there is no {asked.arn}", "Request it, or correct the ARN"
            )
        elif found.status != "ISSUED":
            yield Finding(
                PROBLEM,
                "certificates",
                asked.variable,
                f"{asked.arn} is {found.status}, not ISSUED",
                "Validate its domains (ACM shows the records that DNS has to hold), or request a new one",
            )
        else:
            for domain in asked.domains:
                if not any(covers(name, domain) for name in found.domains):
                    yield Finding(
                        PROBLEM,
                        "certificates",
                        asked.variable,
                        f"it is for {', '.join(found.domains)}, and not for {domain}",
                        "Request a certificate that names the domain",
                    )


def covers(name: str, domain: str) -> bool:
    """Whether a certificate's name, perhaps `*.example.com`, stands for a domain."""
    name, domain = name.lower(), domain.lower()
    return name == domain or (name.startswith("*.") and name[2:] == domain.partition(".")[2])


def domain_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    zones, asked = observed.hosted_zones, [*wanted.domains, *wanted.hosted_domains]
    if isinstance(zones, Unseen):
        if asked:
            yield unseen("domain", ", ".join(asked), zones, "Allow route53:ListHostedZones to have it checked")
        return
    for domain in wanted.hosted_domains:
        if not is_held(domain, zones):
            yield Finding(
                PROBLEM,
                "domain",
                domain,
                "no public hosted zone of this account holds it, and the run makes records in one",
                "Make the zone in Route 53 and have the registrar delegate to it, or set cloudfront_aliases or "
                "alb_certificate_arn instead",
            )
    for domain in wanted.domains:
        if not is_held(domain, zones):
            yield Finding(
                WARNING,
                "domain",
                domain,
                "no public hosted zone of this account holds it",
                "Point it at the distribution's name where its DNS is kept",
            )


def is_held(domain: str, zones: Iterable[str]) -> bool:
    return any(f".{domain}.".endswith(f".{zone.rstrip('.')}.") for zone in zones)


def endpoint_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    offered = observed.endpoints
    if isinstance(offered, Unseen):
        yield unseen("network", "vpc_endpoints", offered, "Allow ec2:DescribeVpcEndpointServices to have it checked")
        return
    lacking = [service for service in wanted.endpoints if service not in offered]
    if lacking:
        yield Finding(
            PROBLEM,
            "network",
            "vpc_endpoints",
            f"{wanted.region} offers no endpoint for {', '.join(lacking)}",
            "Correct it (aws ec2 describe-vpc-endpoint-services lists them), or leave it out",
        )


def network_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    subnets = observed.subnets
    if isinstance(subnets, Unseen):
        yield unseen("network", "the tasks' subnets", subnets, "Allow the ec2:Describe calls to have it checked")
        return
    missing = set(wanted.subnet_ids) - {subnet.id for subnet in subnets}
    if missing:
        yield Finding(
            PROBLEM,
            "network",
            ", ".join(sorted(missing)),
            f"{wanted.region} has no such subnet",
            "Correct ecs_fargate_subnet_ids",
        )
    if len({subnet.vpc for subnet in subnets}) > 1:
        yield Finding(PROBLEM, "network", "the tasks' subnets", "they lie in several VPCs", "Name subnets of one VPC")
    free = sum(subnet.free_addresses for subnet in subnets)
    if subnets and free < wanted.most_tasks:
        yield Finding(
            PROBLEM,
            "network",
            "the tasks' subnets",
            f"they have {free} free addresses, and {wanted.most_tasks} tasks may run while a deployment does",
            "Add subnets, or make room in these",
        )
    for subnet in subnets:
        yield from way_out_findings(wanted, subnet)


def no_way_out(subnet: Subnet, public_addresses: bool) -> tuple[str, str] | None:
    """Why tasks in a subnet do not get out of their VPC, and what lets them; None where they do."""
    if subnet.way_out == "internet" and not public_addresses:
        return (
            "its way out is an internet gateway, which takes only tasks with a public address",
            "Set ecs_fargate_assign_public_ip: true, or route it through a NAT gateway",
        )
    if not subnet.way_out:
        return "it has no route out", "Add a NAT gateway, an internet gateway, or the endpoints"
    return None


def way_out_findings(wanted: Wanted, subnet: Subnet) -> Iterator[Finding]:
    """Whether tasks in a subnet reach the registry, the log and the secrets."""
    closed = no_way_out(subnet, wanted.public_addresses)
    if not closed:
        return
    reason, remedy = closed
    lacking = [name for name in needed_endpoints(wanted) if name not in subnet.endpoints]
    if lacking:
        yield Finding(
            PROBLEM,
            "network",
            subnet.id,
            f"{reason}, and its VPC has no endpoint for {', '.join(lacking)}, so tasks reach neither image nor log",
            remedy,
        )


def needed_endpoints(wanted: Wanted) -> list[str]:
    stores = {place.store for arn in wanted.secrets.values() if (place := reference(arn))}
    stores |= SECRET_ENDPOINTS.keys() & wanted.switched_on
    switched = [service for name, service in ENDPOINTS_OF.items() if name in wanted.switched_on]
    return [*ENDPOINTS, *sorted(SECRET_ENDPOINTS[store] for store in stores), *switched]


def name_findings(wanted: Wanted, observed: Observed) -> Iterator[Finding]:
    taken = observed.taken
    if isinstance(taken, Unseen):
        yield unseen("names", "who owns what has the stack's names", taken, "Allow the calls that list tags")
        return
    for part in taken:
        owner = f"belongs to the stack {part.owner}" if part.owner else f"has no tag amica:stack={wanted.name}"
        yield Finding(
            PROBLEM,
            "names",
            f"{part.kind} {part.name}",
            f"it exists and {owner}; the run would change it",
            "Choose another amica_name, or, if it is this stack's, give it that tag",
        )


CHECKS: tuple[Callable[[Wanted, Observed], Iterator[Finding]], ...] = (
    permission_findings,
    region_findings,
    quota_findings,
    size_findings,
    endpoint_findings,
    network_findings,
    name_findings,
    trust_findings,
    image_findings,
    secret_findings,
    variable_findings,
    certificate_findings,
    domain_findings,
)


def findings(wanted: Wanted, observed: Observed) -> list[Finding]:
    """Everything that is found, problems first, each kind in the order of the checks."""
    found = [finding for check in CHECKS for finding in check(wanted, observed)]
    return sorted(found, key=lambda finding: KINDS.index(finding.kind))


def prose(found: Sequence[Finding]) -> list[str]:
    """A line each, and one that counts."""
    counts = ((sum(one.kind == kind for one in found), kind) for kind in KINDS)
    tally = [f"{count} {kind}{'s' if count > 1 and kind != NOT_CHECKED else ''}" for count, kind in counts if count]
    return [*map(str, found), ", ".join(tally) or "Nothing stands in the way"]
