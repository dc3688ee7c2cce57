# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listener rules by which visitors come to variants of an application: those with a header, and a share of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import delete
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import headers
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import listeners
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import paths
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import spelled
from ansible_collections.amica.stack.plugins.module_utils._listener_rule import weights as weights_of
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

# By which the rules are found again: one for each header, and the last for the shares.
PRIORITIES = range(11, 21)

View = dict[str, Any]


def wanted_rules(options: Document) -> dict[int, View]:
    """The rules by their priorities.

    :raises Refused: for a weight or a header of no variant.
    """
    always, groups = options.get("required_header"), options["variants"]
    weights, leading = options.get("weights") or {}, options.get("headers") or {}
    if unknown := sorted({*weights, *leading} - {*groups}):
        raise Refused(
            f"weights and headers name {', '.join(unknown)}, and variants does not. Write its target group there"
        )

    def rule(shares: dict[str, int], header: Document | None = None, stickiness: int = 0) -> View:
        asked = [one for one in (always, header) if one]
        return {
            "paths": [] if asked else ["*"],
            "headers": {one["name"]: sorted(one["values"]) for one in asked},
            "target_groups": shares,
            "stickiness": stickiness,
        }

    led = [rule({groups[name]: 1}, header) for name, header in leading.items()]
    rules = dict(zip(PRIORITIES, led, strict=False))
    shares = {groups[name]: int(weight) for name, weight in weights.items()}
    if shares:
        rest = {options["target_group"]: 100 - sum(shares.values())}
        rules[PRIORITIES[-1]] = rule({**rest, **shares}, stickiness=options["stickiness_duration"])
    return rules


def view(rule: Document) -> View:
    """A rule as AWS returns it, in the same words."""
    forwards = [action.get("ForwardConfig") or {} for action in rule["Actions"]]
    sticky = [one.get("TargetGroupStickinessConfig") or {} for one in forwards]
    return {
        "paths": paths(rule),
        "headers": {one["name"]: one["values"] for one in headers(rule)},
        "target_groups": weights_of(rule),
        "stickiness": max((one["DurationSeconds"] for one in sticky if one.get("Enabled")), default=0),
    }


def arguments(wanted: View) -> dict[str, Any]:
    """Conditions and action of a rule as AWS takes them."""
    asked = [{"name": name, "values": values} for name, values in wanted["headers"].items()]
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in wanted["target_groups"].items()]
    seconds = wanted["stickiness"]
    sticky = {"Enabled": True, "DurationSeconds": seconds} if seconds else {"Enabled": False}
    forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}
    return {"Conditions": spelled(wanted["paths"], asked), "Actions": [{"Type": "forward", "ForwardConfig": forward}]}


def rules_of(client: Any, listener: str) -> Iterator[tuple[int, Document]]:
    """The rules on a listener that have one of the priorities."""
    for rule in client.describe_rules(ListenerArn=listener)["Rules"]:
        if rule["Priority"] in map(str, PRIORITIES):
            yield int(rule["Priority"]), rule


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the rules exactly the wanted ones, on this listener, and on none other of the load balancer.

    :raises Refused: the load balancer has no such listener.
    """
    on, found = options["port"], listeners(client, options["load_balancer"])
    wanted = {(on, priority): rule for priority, rule in wanted_rules(options).items()}
    standing = {(port, priority): rule for port, arn in found.items() for priority, rule in rules_of(client, arn)}
    now = {key: view(rule) for key, rule in standing.items()}
    differing = [key for key in sorted({*wanted, *now}) if wanted.get(key) != now.get(key)]
    if wanted and on not in found and not check:
        raise Refused(f"{options['load_balancer']} has no listener on port {on}: make it first")
    for key in () if check else differing:
        if key not in wanted:
            delete(client, standing[key])
        elif key in standing:
            client.modify_rule(RuleArn=standing[key]["RuleArn"], **arguments(wanted[key]))
        else:
            client.create_rule(ListenerArn=found[on], Priority=key[1], **arguments(wanted[key]))
    return Outcome(
        bool(differing),
        {},
        {f"port {key[0]}, priority {key[1]}": now[key] for key in differing if key in now},
        {f"port {key[0]}, priority {key[1]}": wanted[key] for key in differing if key in wanted},
    )


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    return ensure_present(client, {**options, "variants": {}, "weights": {}, "headers": {}}, check)
