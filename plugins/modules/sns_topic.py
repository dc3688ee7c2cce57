#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sns_topic
short_description: Manages an SNS topic with its subscribers and tags
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes or deletes a topic, and makes its subscribers exactly the wanted ones.
  - A subscription that waits for its confirmation is there; it is no change until somebody confirms it.
  - A subscription that nobody confirmed cannot be deleted. Taken off the list it stays until AWS drops it, after two
    days, and is no change either.
options:
  name:
    description: Name of the topic.
    type: str
    required: true
  state:
    description: Whether the topic exists.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description: Sender that subscribers see. If not set, it stays as it is.
    type: str
  kms_key_id:
    description:
      - Key that encrypts messages, empty for none. If not set, it stays as it is.
      - CloudWatch can publish to an encrypted topic only with a key of your own whose policy lets it.
    type: str
  email:
    description: Addresses that get a mail. Each must confirm once.
    type: list
    elements: str
    default: []
  sms:
    description: Phone numbers that get a message, as in V(+6512345678).
    type: list
    elements: str
    default: []
  https:
    description:
      - Addresses that get a POST, as PagerDuty and Opsgenie give them out; these confirm by themselves.
      - They hold keys, so they are not shown.
    type: list
    elements: str
    default: []
  tags:
    description: Tags of the topic, exactly these. If not set, they stay as they are.
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Whoever is on call hears of alarms
  amica.stack.sns_topic:
    name: amica-alerts
    email: [ops@example.com]
    https: ["{{ vault_pagerduty_address }}"]
    tags:
      amica:stack: amica

- name: The topic is gone
  amica.stack.sns_topic:
    name: amica-alerts
    state: absent
"""

RETURN = r"""
topic:
  description: The topic. In check mode as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the topic.
      returned: always
      type: str
      sample: amica-alerts
    arn:
      description: ARN of the topic; none in check mode for one that is missing.
      returned: always
      type: str
      sample: arn:aws:sns:ap-southeast-1:123456789012:amica-alerts
    subscribers:
      description: All subscribers, addresses without what comes after the host.
      returned: always
      type: list
      elements: str
      sample: [email ops@example.com, https://events.pagerduty.com/...]
    unconfirmed:
      description: Those of them whose confirmation AWS waits for.
      returned: always
      type: list
      elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run
from ansible_collections.amica.stack.plugins.module_utils._sns_topic import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._sns_topic import ensure_present


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "display_name": {"type": "str"},
            "kms_key_id": {"type": "str", "no_log": False},
            "email": {"type": "list", "elements": "str", "default": []},
            "sms": {"type": "list", "elements": "str", "default": []},
            "https": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "tags": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    run(module, "sns", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
