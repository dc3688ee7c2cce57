# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.amica.stack.plugins.module_utils._settings import setting_problems as find_problems

DOCUMENTATION = r"""
name: setting_problems
short_description: Finds what is wrong with a stack's variables
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Looks at plain values, calls nothing, and returns one sentence for each wrong value.
positional: neighbours
options:
  _input:
    description: The stack's variables by name. A variable that is not there is the role's default and is not looked at.
    type: dict
    required: true
  neighbours:
    description: The variables of the other stacks of the run, of which none may have the same name.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Every variable is valid
  ansible.builtin.assert:
    that: problems == []
  vars:
    problems: "{{ {'vpc_cidr': '10.0.0.0/33'} | amica.stack.setting_problems }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem, with the variable, its value and what to write instead.
  type: list
  elements: str
"""


def setting_problems(settings: Any, neighbours: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    if not isinstance(settings, Mapping):
        raise AnsibleFilterError(f"setting_problems takes a mapping of variables, not {type(settings).__name__}")
    return [str(problem) for problem in find_problems(settings, neighbours)]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"setting_problems": setting_problems}
