#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: price_info
short_description: Looks up what AWS charges
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Asks the Pricing API for prices on demand, in USD. It needs C(pricing:GetProducts) and costs nothing.
  - A price that the API does not have is left out.
options:
  prices:
    description: What to look up, by a name of one's own. Each entry with C(usage) is, the others are left alone.
    type: dict
    required: true
  of_region:
    description: Region whose prices are looked up.
    type: str
    required: true
attributes:
  diff_mode:
    support: none
    details: It changes nothing.
notes:
  - C(usage) has C(service), the service's code, and C(type), the usage type without the region's prefix; also
    C(operation) and C(family), the product family, where they are needed to find one price among many.
  - The API has endpoints in a few regions only, so O(region) is us-east-1 in most cases.
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: What a NAT gateway costs in Singapore is known
  amica.stack.price_info:
    region: us-east-1
    of_region: ap-southeast-1
    prices:
      nat_hour:
        usage: {service: AmazonEC2, type: NatGateway-Hours, family: NAT Gateway}
"""

RETURN = r"""
prices:
  description: USD for each unit, as text, by the name that was asked for.
  returned: success
  type: dict
  sample: {"nat_hour": "0.059"}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._prices import look_up


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "prices": {"type": "dict", "required": True},
            "of_region": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    aws = clients(module)
    with reported(module, "looking up prices"):
        prices = look_up(aws("pricing", attempts=2), module.params["prices"], module.params["of_region"])
    module.exit_json(changed=False, prices=prices)


if __name__ == "__main__":
    main()
