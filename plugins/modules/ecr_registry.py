#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_registry
short_description: Manages one repository's rules of an account's image registry
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes AWS scan a repository's images for known weaknesses and copy them to other regions.
  - Both are settings of the whole account in its region. Only what names exactly this repository is written or
    removed, a filter of the scanning rules and a replication rule without other filters; everybody else's stays.
  - The scan type, basic or enhanced, belongs to the account and is left as it is.
options:
  repository:
    description: Name of the repository, which need not exist yet.
    type: str
    required: true
  state:
    description: Whether the registry has rules of this repository.
    type: str
    choices: [present, absent]
    default: present
  scan_frequency:
    description:
      - When AWS scans the images. If not set, no rule names the repository.
      - V(CONTINUOUS_SCAN) needs an account with the scan type ENHANCED, and fails in another.
    type: str
    choices: [SCAN_ON_PUSH, CONTINUOUS_SCAN]
  replicate_to:
    description:
      - Regions of the same account to which AWS copies what is pushed from then on.
      - What has been copied stays there when a region is taken off the list.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Images are scanned when pushed, and copied to Ireland
  amica.stack.ecr_registry:
    repository: amica-stack
    scan_frequency: SCAN_ON_PUSH
    replicate_to: [eu-west-1]

- name: The registry has no rules of the repository
  amica.stack.ecr_registry:
    repository: amica-stack
    state: absent
"""

RETURN = r"""
registry:
  description: The repository's share of the registry. In check mode as it would be.
  returned: always
  type: dict
  contains:
    scan_type:
      description: Scan type of the account.
      returned: always
      type: str
      sample: BASIC
    scan_frequency:
      description: When the images are scanned, none without a rule that names the repository.
      returned: always
      type: str
      sample: SCAN_ON_PUSH
    replicate_to:
      description: Regions that images are copied to.
      returned: always
      type: list
      elements: str
      sample: [eu-west-1]
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "scan_frequency": {"type": "str", "choices": ["SCAN_ON_PUSH", "CONTINUOUS_SCAN"]},
            "replicate_to": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run(module, "ecr", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
