# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable

DOCUMENTATION = r"""
name: secret_resources
short_description: Names the resources that a task's secrets are read from
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - A task definition may add a JSON key, version stage and version id to the ARN of a Secrets Manager secret; an IAM
    policy names the secret itself. ARNs of SSM parameters stay as they are.
options:
  _input:
    description: ARNs as they stand in a task definition.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: One secret, two of its keys
  ansible.builtin.debug:
    msg: >-
      {{ ['arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-AbCdEf:user::',
          'arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-AbCdEf:password::']
         | amica.stack.secret_resources }}
"""

RETURN = r"""
_value:
  description: ARNs for an IAM policy, each once, sorted.
  type: list
  elements: str
"""

SECRET_ARN_PARTS = 7


def secret_resources(arns: Iterable[str]) -> list[str]:
    return sorted(
        {
            ":".join(str(arn).split(":")[:SECRET_ARN_PARTS]) if ":secretsmanager:" in str(arn) else str(arn)
            for arn in arns
        }
    )


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[[Iterable[str]], list[str]]]:
        return {"secret_resources": secret_resources}
