# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web ACL of AWS WAF for CloudFront with its lists of networks: what it should be and the calls that make it so."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._named import paged
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

SCOPE = "CLOUDFRONT"
# Seconds over which WAF counts the requests of an address.
# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
WINDOW = 300
LOWEST_RATE, HIGHEST_RATE = 10, 2_000_000_000
FAMILIES = {4: "IPV4", 6: "IPV6"}
IN_USE = "WAFAssociatedItemException"


class WebAclError(Exception):
    """What cannot be done, as a sentence."""


@dataclass(frozen=True)
class Options:
    """What is asked of the web ACL.

    :param rate_limit: requests of one address in five minutes; 0 for no limit.
    :param managed_rule_groups: names of AWS's own groups, in the order in which they look at a request.
    :param counted_rules: by group, the rules that count a request instead of blocking it.
    """

    name: str
    allowed_networks: Sequence[str] = ()
    denied_networks: Sequence[str] = ()
    rate_limit: int = 0
    managed_rule_groups: Sequence[str] = ()
    counted_rules: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class IpSet:
    """A list of networks of one family."""

    name: str
    family: str
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What stands: the ACL's fields and tags, and the lists of networks by name."""

    acl: Mapping[str, Any] | None
    tags: Mapping[str, str]
    ip_sets: Mapping[str, Mapping[str, Any]]

    @property
    def arn(self) -> str:
        return str(self.acl["ARN"]) if self.acl else ""


@dataclass(frozen=True)
class Result:
    changed: bool
    arn: str
    diff: dict[str, dict[str, Any]]


def problems(options: Options) -> list[str]:
    """What AWS would refuse, said before anything is called."""
    found = []
    for option in ("allowed_networks", "denied_networks"):
        for network in getattr(options, option):
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                found.append(f"{option}: {error}; write a network such as 203.0.113.0/24 or 2001:db8::/32")
    if options.rate_limit and not LOWEST_RATE <= options.rate_limit <= HIGHEST_RATE:
        found.append(f"rate_limit: {options.rate_limit} is not 0 or a number from {LOWEST_RATE} to {HIGHEST_RATE}")
    for group in options.counted_rules:
        if group not in options.managed_rule_groups:
            found.append(f"counted_rules: {group} is not one of managed_rule_groups")
    return found


def ip_sets(options: Options) -> list[IpSet]:
    """The lists of networks that the rules need: one for each purpose and family that has any."""
    found = []
    for purpose, networks in (("allowed", options.allowed_networks), ("denied", options.denied_networks)):
        parsed = {ipaddress.ip_network(network) for network in networks}
        for version, family in FAMILIES.items():
            mine = tuple(sorted(str(network) for network in parsed if network.version == version))
            if mine:
                found.append(IpSet(f"{options.name}-{purpose}-{family.lower()}", family, mine))
    return found


def rules(options: Options, arns: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rules in their order: allowed, denied, too many requests, AWS's groups. `arns`: lists of networks by name."""
    named: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    for purpose, action in (("allowed", "Allow"), ("denied", "Block")):
        references = [
            {"IPSetReferenceStatement": {"ARN": arns.get(one.name, KNOWN_AFTER_APPLY)}}
            for one in ip_sets(options)
            if one.name.startswith(f"{options.name}-{purpose}-")
        ]
        if references:
            either: dict[str, Any] = {"OrStatement": {"Statements": references}}
            named.append((purpose, {"Action": {action: {}}}, references[0] if len(references) == 1 else either))
    if options.rate_limit:
        limit = {"Limit": options.rate_limit, "EvaluationWindowSec": WINDOW, "AggregateKeyType": "IP"}
        named.append(("rate-limit", {"Action": {"Block": {}}}, {"RateBasedStatement": limit}))
    for group in options.managed_rule_groups:
        managed: dict[str, Any] = {"VendorName": "AWS", "Name": group}
        counted = [{"Name": rule, "ActionToUse": {"Count": {}}} for rule in options.counted_rules.get(group, ())]
        if counted:
            managed["RuleActionOverrides"] = counted
        named.append((group, {"OverrideAction": {"None": {}}}, {"ManagedRuleGroupStatement": managed}))
    return [
        {"Name": name, "Priority": priority, "Statement": statement, **action, "VisibilityConfig": visibility(name)}
        for priority, (name, action, statement) in enumerate(named)
    ]


def visibility(metric: str) -> dict[str, Any]:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": metric}


def listed(client: Any, operation: str, key: str) -> list[dict[str, Any]]:
    return paged(client, operation, key, "NextMarker", Scope=SCOPE, Limit=100)


def read(client: Any, name: str) -> Found:
    acl, tags = None, {}
    for summary in listed(client, "list_web_acls", "WebACLs"):
        if summary["Name"] == name:
            answer = client.get_web_acl(Name=name, Scope=SCOPE, Id=summary["Id"])
            acl = {**answer["WebACL"], "LockToken": answer["LockToken"]}
            tags = tags_of(client, acl["ARN"])
    sets = {}
    for summary in listed(client, "list_ip_sets", "IPSets"):
        if summary["Name"].startswith((f"{name}-allowed-", f"{name}-denied-")):
            answer = client.get_ip_set(Name=summary["Name"], Scope=SCOPE, Id=summary["Id"])
            sets[summary["Name"]] = {**answer["IPSet"], "LockToken": answer["LockToken"]}
    return Found(acl, tags, sets)


def tags_of(client: Any, arn: str) -> dict[str, str]:
    answer = client.list_tags_for_resource(ResourceARN=arn)
    return tags_to_dict(answer["TagInfoForResource"].get("TagList"))


def shown(acl: Mapping[str, Any] | None, tags: Mapping[str, Any], sets: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What a person compares: rules by name in their order, networks by list, tags."""
    if acl is None and not sets:
        return {}
    listed_rules = (acl or {}).get("Rules", [])
    return {
        "Rules": {rule["Name"]: rule for rule in listed_rules},
        "Order": [rule["Name"] for rule in listed_rules],
        "DefaultAction": (acl or {}).get("DefaultAction"),
        "Networks": {name: sorted(networks) for name, networks in sets.items()},
        "Tags": dict(tags),
    }


def present(client: Any, options: Options, tags: Mapping[str, Any], check: bool) -> Result:
    found, wanted_sets = read(client, options.name), ip_sets(options)
    arns = {name: str(known["ARN"]) for name, known in found.ip_sets.items()}
    wanted = {"Rules": rules(options, arns), "DefaultAction": {"Allow": {}}}
    new_tags, old_tags = tag_changes(found.tags, tags)
    diff = differing(
        shown(found.acl, found.tags, {name: known["Addresses"] for name, known in found.ip_sets.items()}),
        shown(
            wanted,
            tags_after(found.tags, tags),
            {one.name: one.networks for one in wanted_sets},
        ),
    )
    changed = diff["before"] != diff["after"]
    if not changed or check:
        return Result(changed, found.arn or KNOWN_AFTER_APPLY, diff)
    for one in wanted_sets:
        known = found.ip_sets.get(one.name)
        if known is None:
            answer = client.create_ip_set(
                Name=one.name,
                Scope=SCOPE,
                IPAddressVersion=one.family,
                Addresses=list(one.networks),
                Tags=dict_to_tags(tags),
            )
            arns[one.name] = answer["Summary"]["ARN"]
        elif sorted(known["Addresses"]) != list(one.networks):
            client.update_ip_set(
                Name=one.name, Scope=SCOPE, Id=known["Id"], Addresses=list(one.networks), LockToken=known["LockToken"]
            )
    arn = write(client, options, found, rules(options, arns), tags)
    for resource in (arn, *(known["ARN"] for known in found.ip_sets.values())):
        if new_tags:
            client.tag_resource(ResourceARN=resource, Tags=dict_to_tags(new_tags))
        if old_tags:
            client.untag_resource(ResourceARN=resource, TagKeys=old_tags)
    remove_ip_sets(client, found, {one.name for one in wanted_sets})
    return Result(changed, arn, diff)


def write(client: Any, options: Options, found: Found, wanted: list[dict[str, Any]], tags: Mapping[str, Any]) -> str:
    fields = {
        "Name": options.name,
        "Scope": SCOPE,
        "DefaultAction": {"Allow": {}},
        "Rules": wanted,
        "VisibilityConfig": visibility(options.name),
    }
    if found.acl is None:
        extra = {"Tags": dict_to_tags(tags)} if tags else {}
        return str(client.create_web_acl(**fields, **extra)["Summary"]["ARN"])
    if found.acl["Rules"] != wanted or found.acl["DefaultAction"] != fields["DefaultAction"]:
        client.update_web_acl(**fields, Id=found.acl["Id"], LockToken=found.acl["LockToken"])
    return found.arn


def remove_ip_sets(client: Any, found: Found, kept: set[str]) -> None:
    for name, known in found.ip_sets.items():
        if name not in kept:
            client.delete_ip_set(Name=name, Scope=SCOPE, Id=known["Id"], LockToken=known["LockToken"])


def absent(client: Any, name: str, check: bool, wait: Wait) -> Result:
    """Removes ACL and lists. WAF lets the ACL go some time after the last distribution has let go of it."""
    found = read(client, name)
    before = shown(found.acl, found.tags, {name: known["Addresses"] for name, known in found.ip_sets.items()})
    if check or not before:
        return Result(bool(before), found.arn, differing(before, {}))
    if found.acl and not wait.until(lambda: deleted(client, name)):
        raise WebAclError(
            f"AWS WAF does not let go of the web ACL {name} after {wait.timeout:g} s: something still uses it. "
            "Take it from the distribution and run again"
        )
    remove_ip_sets(client, found, set())
    return Result(True, "", differing(before, {}))


def deleted(client: Any, name: str) -> bool:
    acl = read(client, name).acl
    if acl is None:
        return True
    try:
        client.delete_web_acl(Name=name, Scope=SCOPE, Id=acl["Id"], LockToken=acl["LockToken"])
    except ClientError as error:
        if error_code(error) != IN_USE:
            raise
        return False
    return True
