# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A listener rule between whose target groups somebody else moves the traffic: its weights are never written."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused


def conditions(options: Document) -> list[dict[str, Any]]:
    """The conditions of a rule in AWS's spelling."""
    header = options.get("header")
    return spelled(options.get("paths") or (), [header] if header else ())


def spelled(paths: Sequence[str], headers: Sequence[Document]) -> list[dict[str, Any]]:
    """Conditions on the path and on each of the headers, in AWS's spelling."""
    made: list[dict[str, Any]] = []
    if paths:
        made.append({"Field": "path-pattern", "PathPatternConfig": {"Values": sorted(paths)}})
    for header in headers:
        config = {"HttpHeaderName": header["name"], "Values": sorted(header["values"])}
        made.append({"Field": "http-header", "HttpHeaderConfig": config})
    return made


def view(rule: Document) -> dict[str, Any]:
    """What the module compares of a rule as AWS returns it: its conditions, and its target groups without weights."""
    known = ("path-pattern", "http-header")
    others = {one["Field"]: one for one in rule.get("Conditions", ()) if one["Field"] not in known}
    header = next(iter(headers(rule)), None)
    return {"paths": paths(rule), "header": header, **others, "target_groups": sorted(weights(rule))}


def paths(rule: Document) -> list[str]:
    """The patterns of paths that a rule holds for."""
    asked = [one for one in rule.get("Conditions", ()) if one["Field"] == "path-pattern"]
    return sorted(
        path for one in asked for path in (one.get("PathPatternConfig") or {}).get("Values") or one.get("Values", ())
    )


def headers(rule: Document) -> list[dict[str, Any]]:
    """The headers that a rule holds for."""
    asked = [one["HttpHeaderConfig"] for one in rule.get("Conditions", ()) if one["Field"] == "http-header"]
    return [{"name": one["HttpHeaderName"], "values": sorted(one["Values"])} for one in asked]


def weights(rule: Document) -> dict[str, int]:
    """The target groups that a rule forwards to, with their weights."""
    found: dict[str, int] = {}
    for action in rule.get("Actions", ()):
        for group in (action.get("ForwardConfig") or {}).get("TargetGroups", ()):
            found[group["TargetGroupArn"]] = int(group.get("Weight", 1))
        if action.get("TargetGroupArn"):
            found.setdefault(action["TargetGroupArn"], 1)
    return found


def wanted_view(options: Document) -> dict[str, Any]:
    header = options.get("header")
    return {
        "paths": sorted(options.get("paths") or ()),
        "header": {"name": header["name"], "values": sorted(header["values"])} if header else None,
        "target_groups": sorted(options["target_groups"]),
    }


def forward(groups: Sequence[str], present: Mapping[str, int]) -> list[dict[str, Any]]:
    """The action of a rule: groups keep the weights that they have; of a new rule the first one has all traffic."""
    kept = {group: present.get(group, 0) for group in groups}
    if not any(kept.values()):
        kept[groups[0]] = 1
    listed = [{"TargetGroupArn": group, "Weight": weight} for group, weight in kept.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": listed}}]


def listeners(client: Any, load_balancer: str) -> dict[int, str]:
    """The ARNs of a load balancer's listeners by their ports; of one that does not exist there are none."""
    answer = absent_as_none(lambda: client.describe_load_balancers(Names=[load_balancer]), "LoadBalancerNotFound")
    return {
        int(one["Port"]): str(one["ListenerArn"])
        for balancer in (answer["LoadBalancers"] if answer else ())
        for page in client.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer["LoadBalancerArn"])
        for one in page["Listeners"]
    }


def find(client: Any, listener_arn: str | None, priority: int) -> dict[str, Any] | None:
    if listener_arn is None:
        return None
    rules = client.describe_rules(ListenerArn=listener_arn)["Rules"]
    return next((dict(rule) for rule in rules if rule["Priority"] == str(priority)), None)


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the rule, or make its conditions and target groups the wanted ones.

    :raises Refused: the load balancer has no such listener.
    """
    on = listeners(client, options["load_balancer"]).get(options["port"])
    rule = find(client, on, options["priority"])
    wanted = wanted_view(options)
    now = view(rule) if rule else {}
    differs = {name for name in {*wanted, *now} if wanted.get(name) != now.get(name)}
    arn = rule["RuleArn"] if rule else None
    if differs and not check:
        if on is None:
            raise Refused(f"{options['load_balancer']} has no listener on port {options['port']}: make it first")
        request: dict[str, Any] = {}
        if not rule or differs - {"target_groups"}:
            request["Conditions"] = conditions(options)
        if not rule or "target_groups" in differs:
            request["Actions"] = forward(options["target_groups"], weights(rule or {}))
        if rule:
            client.modify_rule(RuleArn=arn, **request)
        else:
            made = client.create_rule(ListenerArn=on, Priority=options["priority"], **request)
            arn = made["Rules"][0]["RuleArn"]
    return Outcome(
        bool(differs),
        {"rule_arn": arn},
        {name: now[name] for name in sorted(differs) if name in now},
        {name: wanted.get(name) for name in sorted(differs)},
    )


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    on = listeners(client, options["load_balancer"]).get(options["port"])
    rule = find(client, on, options["priority"])
    if rule and not check:
        delete(client, rule)
    return Outcome(bool(rule), {}, view(rule) if rule else {}, {})


def delete(client: Any, rule: Document) -> None:
    """Delete a rule, which may be gone already."""
    absent_as_none(lambda: client.delete_rule(RuleArn=rule["RuleArn"]), "RuleNotFound")
