# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What every module of this collection says of itself."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Says what it would change and calls nothing that writes.
    support: full
  diff_mode:
    description: Shows the fields that differ, before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  action_group:
    description: Use C(group/amica.stack.aws) in C(module_defaults) to set its AWS options once.
    support: full
    membership:
      - amica.stack.aws
"""
