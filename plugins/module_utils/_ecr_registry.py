# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One repository's share of an account's image registry: where its images are scanned and copied to.

Scanning and replication are one document each for the whole account, without tags. What is ours in them is what names
exactly our repository: a filter of the scanning rules, a replication rule with no other filter. All else stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused


def scan_filter(repository: str) -> dict[str, str]:
    return {"filter": repository, "filterType": "WILDCARD"}


def replication_filter(repository: str) -> dict[str, str]:
    return {"filter": repository, "filterType": "PREFIX_MATCH"}


def scan_frequency(rules: Iterable[Document], repository: str) -> str | None:
    """How often AWS scans the repository because a rule names it; None where none does."""
    mine = scan_filter(repository)
    return next((str(rule["scanFrequency"]) for rule in rules if mine in rule["repositoryFilters"]), None)


def replication_regions(rules: Iterable[Document], repository: str) -> list[str]:
    """Where AWS copies the repository's images because a rule names it alone."""
    return sorted(place["region"] for rule in rules if is_mine(rule, repository) for place in rule["destinations"])


def is_mine(rule: Document, repository: str) -> bool:
    return rule.get("repositoryFilters") == [replication_filter(repository)]


def scanning_rules(rules: Sequence[Document], repository: str, frequency: str | None) -> list[dict[str, Any]]:
    """The account's scanning rules, in which the repository has this frequency, or none.

    AWS has one rule a frequency, so others' filters may stand beside ours.
    """
    mine = scan_filter(repository)
    merged = {rule["scanFrequency"]: [one for one in rule["repositoryFilters"] if one != mine] for rule in rules}
    if frequency:
        merged.setdefault(frequency, []).append(mine)
    return [{"scanFrequency": name, "repositoryFilters": filters} for name, filters in merged.items() if filters]


def replication_rules(
    rules: Sequence[Document], repository: str, regions: Iterable[str], account: str
) -> list[dict[str, Any]]:
    """The account's replication rules, of which the repository's own copies it to these regions of the account."""
    kept = [dict(rule) for rule in rules if not is_mine(rule, repository)]
    places = [{"region": region, "registryId": account} for region in sorted(set(regions))]
    if places:
        kept.append({"destinations": places, "repositoryFilters": [replication_filter(repository)]})
    return kept


def read(client: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(scanning configuration, registry) as AWS describes them."""
    return client.get_registry_scanning_configuration()["scanningConfiguration"], client.describe_registry()


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Give the repository its rules.

    :raises Refused: for continuous scanning in an account whose scan type has none.
    """
    return _ensure(client, options["repository"], options["scan_frequency"], options["replicate_to"], check)


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    return _ensure(client, options["repository"], None, (), check)


def _ensure(client: Any, repository: str, frequency: str | None, regions: Iterable[str], check: bool) -> Outcome:
    scanning, registry = read(client)
    kind, rules = scanning["scanType"], scanning.get("rules") or []
    copies = registry["replicationConfiguration"]["rules"]
    if frequency == "CONTINUOUS_SCAN" and kind != "ENHANCED":
        raise Refused(
            f"scan_frequency: CONTINUOUS_SCAN needs the scan type ENHANCED, and this account's registry has {kind}, "
            "which holds for all its repositories. Change it there, or take SCAN_ON_PUSH"
        )
    regions = sorted(set(regions))
    before = shown(scan_frequency(rules, repository), replication_regions(copies, repository))
    after = shown(frequency, regions)
    if not check and before.get("scan_frequency") != frequency:
        client.put_registry_scanning_configuration(scanType=kind, rules=scanning_rules(rules, repository, frequency))
    if not check and before.get("replicate_to", []) != regions:
        client.put_replication_configuration(
            replicationConfiguration={"rules": replication_rules(copies, repository, regions, registry["registryId"])}
        )
    difference = differing(before, after)
    return Outcome(
        changed=before != after,
        values={"registry": {"scan_type": kind, "scan_frequency": frequency, "replicate_to": regions}},
        before=difference["before"],
        after=difference["after"],
    )


def shown(frequency: str | None, regions: list[str]) -> Mapping[str, Any]:
    return {
        **({"scan_frequency": frequency} if frequency else {}),
        **({"replicate_to": regions} if regions else {}),
    }
