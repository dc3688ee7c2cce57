#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_alarms
short_description: Manages all CloudWatch alarms whose names begin with one prefix
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes the metric alarms whose names begin with O(name_prefix) exactly those of O(alarms), in one run. An alarm that
    has the prefix and is not in O(alarms) is deleted.
  - Every field is compared, queries of metric math included; a member that is not set has AWS's default.
options:
  name_prefix:
    description:
      - Start of the names of all alarms that this run is about.
      - End it with a character that no other prefix of yours has there, such as V(/).
    type: str
    required: true
  state:
    description: V(present) makes the alarms those of O(alarms); V(absent) deletes all that have the prefix.
    type: str
    choices: [present, absent]
    default: present
  alarms:
    description:
      - The rest of each alarm's name, and its members as in
        U(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html).
      - Required when O(state=present).
    type: dict
  tags:
    description: Tags of every alarm, exactly these. If not set, they stay as they are.
    type: dict
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Somebody hears of a service that has too little memory
  amica.stack.cloudwatch_alarms:
    name_prefix: amica/
    alarms:
      memory:
        Namespace: AWS/ECS
        MetricName: MemoryUtilization
        Dimensions:
          - {Name: ClusterName, Value: amica-cluster}
          - {Name: ServiceName, Value: amica-service}
        Statistic: Average
        Period: 60
        EvaluationPeriods: 5
        Threshold: 90
        ComparisonOperator: GreaterThanThreshold
        TreatMissingData: notBreaching
        AlarmActions: [arn:aws:sns:ap-southeast-1:123456789012:amica-alerts]

- name: The alarms are gone
  amica.stack.cloudwatch_alarms:
    name_prefix: amica/
    state: absent
"""

RETURN = r"""
alarms:
  description: Names of all alarms that there are with the prefix. In check mode as it would be.
  returned: always
  type: list
  elements: str
  sample: [amica/memory]
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_alarms import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_alarms import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name_prefix": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "alarms": {"type": "dict"},
            "tags": {"type": "dict"},
        },
        required_if=[("state", "present", ["alarms"])],
        supports_check_mode=True,
    )
    if not module.params["name_prefix"]:
        module.fail_json(msg="name_prefix: an empty one would stand for every alarm of the account")
    run(module, "cloudwatch", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
