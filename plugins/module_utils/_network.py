# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the stack's network is divided."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

SUBNET_BITS = 4


@dataclass(frozen=True)
class ZoneSubnet:
    """One subnet: the availability zone that it lies in and its IPv4 network."""

    zone: str
    cidr: str


def zone_subnets(zones: Sequence[str], cidr: str, count: int) -> list[ZoneSubnet]:
    """Give each of the first `count` zones a sixteenth of the network.

    The place of a zone's subnet depends on nothing but its rank, so a later, larger count leaves the first ones alone.

    :raises ValueError: if the region has fewer zones than `count`, or more are asked for than a network divides into.
    """
    network = ipaddress.IPv4Network(cidr)
    if count > len(zones):
        raise ValueError(
            f"the region has {len(zones)} availability zones ({', '.join(zones)}), not {count}: lower the count"
        )
    subnets = network.subnets(prefixlen_diff=SUBNET_BITS)
    return [ZoneSubnet(zone, str(subnet)) for zone, subnet in zip(zones[:count], subnets, strict=False)]
