# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a network what it shall be, or removes it, and says what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._vpc_network import parts
from ansible_collections.amica.stack.plugins.module_utils._vpc_network import plan
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait


@dataclass(frozen=True)
class Result:
    """How a run ended: what changed, what stands, what stands though it is not wanted, and the diff."""

    changed: bool
    network: dict[str, Any]
    surplus: list[str]
    diff: dict[str, dict[str, Any]]


def present(
    ec2: Any, network: plan.Network, purge: bool, check: bool, spread: Wait, leave: Wait, *, made: bool = False
) -> Result:
    """Makes or corrects the network. Without `purge` nothing goes that may still be in use.

    `made`: a run without `purge` has done its part, or has foretold it, and only the rest is to be done.

    :raises plan.NetworkError: when the region has too few zones, or a part would have to be what AWS cannot make of it.
    """
    stands = parts.read(ec2, network.name, parts.find_vpc(ec2, network.name, network.tags))
    wants = plan.wanted(network, parts.zones_of(ec2))
    before = plan.target(stands.view, wants, purge=False) if made else stands.view
    after = plan.target(before, wants, purge)
    changes = plan.changes(before, after)
    diff = difference(before, after)
    writer = parts.Writer(ec2, stands.ids, spread, leave)
    if not check:
        for change in changes:
            writer.carry_out(change)
    pending = [*stands.pending, *writer.pending]
    shown = summary(after, writer.ids, wants, [one for one in pending if one in writer.ids.values()])
    return Result(bool(changes), shown, [] if purge else plan.surplus(stands.view, wants), diff)


def absent(ec2: Any, name: str, tags: Mapping[str, str] | None, check: bool, spread: Wait, leave: Wait) -> Result:
    """Removes the network; what somebody else put into the VPC is not touched, and keeps it.

    :raises plan.NetworkError: when a part is still in use after the wait.
    """
    stands = parts.read(ec2, name, parts.find_vpc(ec2, name, tags))
    changes = plan.changes(stands.view, {})
    writer = parts.Writer(ec2, stands.ids, spread, leave)
    if not check:
        for change in changes:
            writer.carry_out(change)
    return Result(bool(changes), {}, [], difference(stands.view, {}))


def difference(before: plan.View, after: plan.View) -> dict[str, dict[str, Any]]:
    """The diff, without the kinds of which nothing differs."""
    sides = differing(before, after)
    return {side: {kind: named for kind, named in view.items() if named} for side, view in sides.items()}


def summary(view: plan.View, ids: plan.Ids, wants: plan.View, pending: list[str]) -> dict[str, Any]:
    """The ids that others need, of what is wanted; of what check mode does not make, a text in their place."""

    def id_of(kind: str, name: str) -> str:
        return ids.get((kind, name), f"{kind}-{KNOWN_AFTER_APPLY}")

    (vpc,) = wants["vpc"]

    def subnet_ids(public: bool) -> list[str]:
        names = [name for name in sorted(wants["subnet"]) if view["subnet"][name]["public_addresses"] is public]
        return [id_of("subnet", name) for name in names]

    return {
        "id": id_of("vpc", vpc),
        "cidr": view["vpc"][vpc]["cidr"],
        "public_subnet_ids": subnet_ids(public=True),
        "private_subnet_ids": subnet_ids(public=False),
        "route_table_ids": [id_of("route_table", name) for name in sorted(wants["route_table"])],
        "nat_gateway_ids": [id_of("nat_gateway", name) for name in sorted(wants["nat_gateway"])],
        "endpoint_ids": [id_of("endpoint", name) for name in sorted(wants["endpoint"])],
        "pending": pending,
    }
