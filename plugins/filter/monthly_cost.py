# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.amica.stack.plugins.module_utils._cost import change_table
from ansible_collections.amica.stack.plugins.module_utils._cost import estimate
from ansible_collections.amica.stack.plugins.module_utils._cost import plan_table
from ansible_collections.amica.stack.plugins.module_utils._cost import planned
from ansible_collections.amica.stack.plugins.module_utils._cost import price_book
from ansible_collections.amica.stack.plugins.module_utils._cost import running as shape_running
from ansible_collections.amica.stack.plugins.module_utils._cost import traffic_of
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

DOCUMENTATION = r"""
name: monthly_cost
short_description: Says what a stack costs in a month, line by line
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Multiplies what the stack consists of and what the month brings with prices, rounds each line to cents and adds the
    lines up.
  - Calls nothing. A price that is nowhere ends the run with what to do about it.
positional: traffic, prices, region, overrides, looked_up, running
options:
  _input:
    description: What the stack consists of, as C(cost_stack) of the role C(amica.stack.cost).
    type: dict
    required: true
  traffic:
    description: What the month brings, as C(cost_traffic) of the role.
    type: dict
    required: true
  prices:
    description: Prices by name, each by region or C(everywhere).
    type: dict
    required: true
  region:
    description: Region of the stack.
    type: str
    required: true
  overrides:
    description: Prices that come before all others, by name.
    type: dict
    default: {}
  looked_up:
    description: Prices that M(amica.stack.price_info) found, by name.
    type: dict
    default: {}
  running:
    description:
      - The RV(amica.stack.stack_info#module:stack) of M(amica.stack.stack_info).
      - With it each line is compared with what runs.
    type: dict
"""

EXAMPLES = r"""
- name: What the stack would cost is shown
  ansible.builtin.debug:
    msg: "{{ cost_stack | amica.stack.monthly_cost(cost_traffic, cost_prices, 'ap-southeast-1') }}"
"""

RETURN = r"""
_value:
  description: The bill, amounts in USD as text.
  type: dict
  contains:
    table:
      description: Lines for a person, at most 80 characters each.
      type: list
      elements: str
    lines:
      description: Each line with C(label), C(quantity), C(unit), C(price) and C(amount).
      type: list
      elements: dict
    total:
      description: What the month costs.
      type: str
    floor:
      description: What it costs with the fewest tasks and no traffic.
      type: str
    ceiling:
      description: What it costs with the most tasks all month.
      type: str
    running_total:
      description: What the stack that stands costs with the same traffic; only with O(running).
      type: str
"""


def monthly_cost(
    stack: Mapping[str, Any],
    traffic: Mapping[str, Any],
    prices: Mapping[str, Mapping[str, Any]],
    region: str,
    overrides: Mapping[str, Any] | None = None,
    looked_up: Mapping[str, Any] | None = None,
    running: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    try:
        price = price_book(prices, region, overrides or {}, looked_up or {})
        shape, month = planned(stack), traffic_of(traffic)
        plan = estimate(shape, month, price)
        before = estimate(shape_running(running, shape), month, price) if running else None
    except Refused as refusal:
        raise AnsibleFilterError(str(refusal)) from refusal
    bill = {
        "table": change_table(before, plan) if before else plan_table(plan),
        "lines": [
            {
                "label": line.label,
                "quantity": str(line.quantity),
                "unit": line.unit,
                "price": str(line.price),
                "amount": str(line.amount),
            }
            for line in plan.lines
        ],
        "total": str(plan.total),
        "floor": str(plan.floor),
        "ceiling": str(plan.ceiling),
    }
    return bill | ({"running_total": str(before.total)} if before else {})


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"monthly_cost": monthly_cost}
