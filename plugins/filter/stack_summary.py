# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._summary import summary

DOCUMENTATION = r"""
name: stack_summary
short_description: Says in a few lines what stands and how to reach it
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Turns what M(amica.stack.stack_info) returns into lines for a person.
positional: embedded
options:
  _input:
    description: The RV(amica.stack.stack_info#module:stack) of M(amica.stack.stack_info).
    type: dict
    required: true
  embedded:
    description: What the embedded AWS says of itself; empty where the stack stands on AWS.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: What stands
  ansible.builtin.debug:
    msg: "{{ amica_stack | amica.stack.stack_summary }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def stack_summary(stack: dict[str, Any], embedded: dict[str, Any] | None = None) -> list[str]:
    return summary(stack, embedded or {})


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"stack_summary": stack_summary}
