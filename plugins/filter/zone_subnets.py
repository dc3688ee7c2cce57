# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict

from ansible.errors import AnsibleFilterError
from ansible_collections.amica.stack.plugins.module_utils import _network

DOCUMENTATION = r"""
name: zone_subnets
short_description: Divides a network over availability zones
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Gives each of the first availability zones a sixteenth of the network, always the same one.
positional: cidr, count
options:
  _input:
    description: Names of the region's availability zones, in order.
    type: list
    elements: str
    required: true
  cidr:
    description: The network to divide.
    type: str
    required: true
  count:
    description: How many zones get a subnet.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Two subnets
  ansible.builtin.debug:
    msg: "{{ ['ap-southeast-1a', 'ap-southeast-1b'] | amica.stack.zone_subnets('10.0.0.0/16', 2) }}"
"""

RETURN = r"""
_value:
  description: The subnets, each with its C(zone) and C(cidr).
  type: list
  elements: dict
"""


def zone_subnets(zones: Sequence[str], cidr: str, count: int) -> list[dict[str, str]]:
    try:
        return [asdict(subnet) for subnet in _network.zone_subnets(list(zones), cidr, count)]
    except ValueError as error:
        raise AnsibleFilterError(f"zone_subnets: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[[Sequence[str], str, int], list[dict[str, str]]]]:
        return {"zone_subnets": zone_subnets}
