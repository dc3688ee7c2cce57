#!/usr/bin/python

# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_logs_analysis
short_description: Manages metric filters and saved queries of a log group
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes the metric filters of a log group, and the saved queries of CloudWatch Logs Insights, whose names begin with
    O(name_prefix) exactly the wanted ones, in one run. What has the prefix and is not wanted is deleted.
options:
  log_group:
    description: Log group of the filters, and the one that the queries ask.
    type: str
    required: true
  name_prefix:
    description:
      - Start of the names of all filters and queries that this run is about.
      - The console shows queries in folders by the V(/) in their names.
    type: str
    required: true
  state:
    description: V(present) makes them the wanted ones; V(absent) deletes all that have the prefix.
    type: str
    choices: [present, absent]
    default: present
  metric_filters:
    description:
      - The rest of each filter's name, and its C(filterPattern) and C(metricTransformations) as in
        U(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html).
    type: dict
    default: {}
  queries:
    description: The rest of each query's name, and its text.
    type: dict
    default: {}
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Errors in the log are a metric and can be looked up
  amica.stack.cloudwatch_logs_analysis:
    log_group: /ecs/amica-stack
    name_prefix: amica/
    metric_filters:
      errors:
        filterPattern: '{ $.level = "error" }'
        metricTransformations:
          - metricNamespace: amica
            metricName: LogErrors
            metricValue: "1"
            defaultValue: 0
    queries:
      errors: |
        fields @timestamp, message
        | filter level = "error"
        | sort @timestamp desc

- name: Nothing is made of the log any more
  amica.stack.cloudwatch_logs_analysis:
    log_group: /ecs/amica-stack
    name_prefix: amica/
    state: absent
"""

RETURN = r"""
metric_filters:
  description: Names of all metric filters with the prefix. In check mode as it would be.
  returned: always
  type: list
  elements: str
  sample: [amica/errors]
queries:
  description: Names of all saved queries with the prefix. In check mode as it would be.
  returned: always
  type: list
  elements: str
  sample: [amica/errors]
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_logs_analysis import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_logs_analysis import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_run import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "log_group": {"type": "str", "required": True},
            "name_prefix": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "metric_filters": {"type": "dict", "default": {}},
            "queries": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    if not module.params["name_prefix"]:
        module.fail_json(msg="name_prefix: an empty one would stand for every saved query of the account")
    run(module, "logs", {"present": ensure_present, "absent": ensure_absent})


if __name__ == "__main__":
    main()
