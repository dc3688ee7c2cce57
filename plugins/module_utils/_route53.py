# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records in the public hosted zone of a domain: the zone, what it says, and what makes it say the right thing."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import differing

# https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html: the zone of every distribution.
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
TTL_SECONDS = 300

Record = Mapping[str, Any]


class DomainError(Exception):
    """What cannot be done, as a sentence."""


@dataclass(frozen=True)
class Zone:
    """A public hosted zone; the name without the dot at its end."""

    id: str
    name: str


def candidates(domain: str) -> list[str]:
    """The zones that a domain may lie in, nearest first: a.example.com, example.com. A top level is nobody's."""
    labels = domain.rstrip(".").split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def find_zone(client: Any, domain: str, name: str | None = None) -> Zone | None:
    """The public zone called `name`, or else the nearest one above the domain."""
    for candidate in [name.rstrip(".")] if name else candidates(domain):
        page = client.list_hosted_zones_by_name(DNSName=candidate)
        for zone in page["HostedZones"]:
            if zone["Name"] == f"{candidate}." and not zone.get("Config", {}).get("PrivateZone"):
                return Zone(zone["Id"].rpartition("/")[2], candidate)
    return None


def needed_zone(client: Any, domain: str, name: str | None) -> Zone:
    """:raises DomainError: when this account has no such zone."""
    zone = find_zone(client, domain, name)
    if zone is None:
        sought = [name] if name else candidates(domain)
        raise DomainError(
            f"Route 53 has no public hosted zone {' or '.join(sought)} in this account for {domain}. Create it and "
            "have the domain's registrar delegate to it, or name another in hosted_zone"
        )
    return zone


def records(client: Any, zone: Zone, name: str, types: Iterable[str]) -> list[Record]:
    """The records of a name, of these types."""
    wanted = set(types)
    page = client.list_resource_record_sets(HostedZoneId=zone.id, StartRecordName=name)
    # They come in order, so that those of one name come first, and there are far fewer of them than a page holds.
    return [
        record
        for record in page["ResourceRecordSets"]
        if record["Name"].rstrip(".") == name.rstrip(".") and record["Type"] in wanted
    ]


def change(client: Any, zone: Zone, changes: Sequence[tuple[str, Record]]) -> None:
    """Changes all or none of (action, record)."""
    batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    client.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch={"Changes": batch})


@dataclass(frozen=True)
class Target:
    """A distribution or load balancer: its domain name, and the hosted zone that AWS keeps it in."""

    name: str
    zone_id: str = CLOUDFRONT_ZONE


def alias_record(domain: str, kind: str, target: Target) -> Record:
    """The record by which a name of one's own is the target."""
    alias = {"HostedZoneId": target.zone_id, "DNSName": f"{target.name}.", "EvaluateTargetHealth": False}
    return {"Name": f"{domain}.", "Type": kind, "AliasTarget": alias}


def alias_target(record: Record) -> str:
    return str(record.get("AliasTarget", {}).get("DNSName", "")).rstrip(".").lower()


@dataclass(frozen=True)
class Result:
    """How a run ended, with the diff by type of record."""

    changed: bool
    diff: dict[str, dict[str, Any]]


def aliases(client: Any, domain: str, zone: Zone | None, target: Target, wanted: Sequence[str], check: bool) -> Result:
    """Makes the domain's records of the wanted types lead to the target, and removes its others of A and AAAA.

    Records that lead elsewhere go only where one of ours takes their place.
    """
    if zone is None:
        return Result(False, {"before": {}, "after": {}})
    standing = {record["Type"]: record for record in records(client, zone, domain, ("A", "AAAA"))}
    made = {kind: alias_record(domain, kind, target) for kind in wanted}
    changes = [
        ("UPSERT", record)
        for kind, record in made.items()
        if kind not in standing or alias_target(standing[kind]) != target.name.lower()
    ]
    gone = [kind for kind in standing if kind not in made and alias_target(standing[kind]) == target.name.lower()]
    changes += [("DELETE", standing[kind]) for kind in gone]
    before = {kind: destination(record) for kind, record in standing.items()}
    after = {kind: to for kind, to in before.items() if kind not in gone} | dict.fromkeys(made, target.name)
    if changes and not check:
        change(client, zone, changes)
    return Result(bool(changes), differing(before, after))


def destination(record: Record) -> str:
    """Where a record leads, for a diff."""
    values = ", ".join(str(value["Value"]) for value in record.get("ResourceRecords", ()))
    return alias_target(record) or values
