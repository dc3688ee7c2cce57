#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: acm_certificate
version_added: 1.0.0
short_description: A certificate of a domain whose hosted zone is in Route 53
description:
  - Requests a certificate from ACM, writes the record that proves the domain into Route 53, and waits until it is
    issued.
  - ACM renews the certificate by the same record, so that stays as long as the certificate does.
  - CloudFront takes certificates of us-east-1 only.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  name:
    description:
      - Value of the certificate's tag C(Name), by which it is told from others of the same domain.
      - Required with O(state=present).
    type: str
  domain_name:
    description: The domain. Required with O(state=present).
    type: str
  state:
    description: Whether the certificate exists.
    type: str
    choices: [present, absent]
    default: present
  arn:
    description: ARN of the certificate to remove. Required with O(state=absent).
    type: str
  hosted_zone:
    description: Name of the public hosted zone of the record; by default the nearest one above the domain.
    type: str
  tags:
    description: Tags of the certificate besides C(Name), exactly these. AWS's own stay.
    type: dict
  wait:
    description: Whether to wait until the certificate is issued.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most, until it is issued or, with O(state=absent), until nothing uses it any more.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: The domain has a certificate for CloudFront
  amica.stack.acm_certificate:
    name: amica-distribution
    domain_name: chat.example.com
    region: us-east-1
  register: certificate

- name: The certificate is gone
  amica.stack.acm_certificate:
    arn: "{{ certificate.certificate.arn }}"
    region: us-east-1
    state: absent
"""

RETURN = r"""
certificate:
  description: The certificate as it stands after the run; none when there is none.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the certificate.
      type: str
      sample: arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012
    domain_name:
      description: Its domain.
      type: str
      sample: chat.example.com
    status:
      description: V(PENDING_VALIDATION) until ACM has read the record, then V(ISSUED).
      type: str
      sample: ISSUED
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _acm_certificate as certificate
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._route53 import DomainError
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE_SECONDS = 5


def argument_spec() -> dict[str, object]:
    return {
        "name": {"type": "str"},
        "domain_name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "arn": {"type": "str"},
        "hosted_zone": {"type": "str"},
        "tags": {"type": "dict"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 1800},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ["name", "domain_name"]), ("state", "absent", ["arn"])],
    )
    given, check = module.params, module.check_mode
    wait = Wait(given["wait_timeout"], PAUSE_SECONDS)
    aws = clients(module)
    try:
        with reported(module):
            acm, route53 = aws("acm"), aws("route53")
            if given["state"] == "absent":
                result = certificate.absent(acm, route53, given["arn"], given["hosted_zone"], check, wait)
            else:
                wanted = certificate.Wanted(given["name"], given["domain_name"], given["hosted_zone"], given["tags"])
                result = certificate.present(acm, route53, wanted, check, wait, issued=given["wait"])
    except DomainError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, certificate=result.certificate, diff=result.diff)


if __name__ == "__main__":
    main()
