# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._status import status

DOCUMENTATION = r"""
name: stack_status
short_description: Says what runs since when, how it got there, and what differs from what is defined
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Turns what M(amica.stack.stack_info), M(amica.stack.ecs_service_health) and modules in check mode return into lines
    for a person.
positional: health, checks, embedded
options:
  _input:
    description: The RV(amica.stack.stack_info#module:stack) of M(amica.stack.stack_info).
    type: dict
    required: true
  health:
    description: The result of M(amica.stack.ecs_service_health) for the last deployment.
    type: dict
    default: {}
  checks:
    description:
      - Results, in check mode, of the modules that make what is defined, by the name to call them.
      - Results of tasks that were skipped do not count.
    type: dict
    default: {}
  embedded:
    description: What the embedded AWS says of itself; empty where the stack stands on AWS.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: How the stack is
  ansible.builtin.debug:
    msg: "{{ amica_stack | amica.stack.stack_status(amica_health, {'service': service_in_check_mode}) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def stack_status(
    stack: dict[str, Any],
    health: dict[str, Any] | None = None,
    checks: dict[str, dict[str, Any]] | None = None,
    embedded: dict[str, Any] | None = None,
) -> list[str]:
    return status(stack, health or {}, (checks or {}).items(), embedded or {})


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"stack_status": stack_status}
