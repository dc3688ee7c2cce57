#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_info
version_added: 1.0.0
short_description: Everything that stands of a stack, in one answer
description:
  - Reads every part of a stack by its name, all services at the same time, and says how the stack is.
  - The parts' names derive from O(name), so a stack that another machine deployed is found as well.
  - What ECS only remembers (inactive and draining services, inactive clusters and task definitions) does not count as
    existing. Whatever carries the tag C(amica:stack) is listed by the tagging API of the region and, for CloudFront, of
    us-east-1; as that API remembers what was deleted, each such resource is asked for before it counts.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
attributes:
  diff_mode:
    support: none
    details: It changes nothing.
options:
  name:
    description: Name of the stack, from which the names of its parts derive.
    type: str
    default: amica
"""

EXAMPLES = r"""
- name: What stands in AWS is known
  amica.stack.stack_info:
    name: amica
    region: ap-southeast-1
  register: amica_read

- name: The chat's address is shown
  ansible.builtin.debug:
    msg: "{{ amica_read.stack.urls.load_balancer }}"
"""

RETURN = r"""
stack:
  description: The stack. A part that does not exist is none.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the stack.
      type: str
      sample: amica
    environment:
      description: Profile of the stack, from its resources' tag C(amica:environment); none if nothing has it.
      type: str
      sample: dev
    region:
      description: Region that was read.
      type: str
      sample: ap-southeast-1
    partition:
      description: Partition of the region.
      type: str
      sample: aws
    account_id:
      description: Account that was read.
      type: str
      sample: "123456789012"
    absent:
      description: Whether nothing of the stack exists and nothing carries its tag.
      type: bool
    exists:
      description: Kind and name of every part that exists.
      type: list
      elements: str
      sample: [vpc amica-vpc, load balancer amica-alb]
    tagged_resources:
      description: ARNs of everything that exists and carries the stack's tag.
      type: list
      elements: str
    health:
      description:
        - V(absent) nothing exists; V(incomplete) a part is missing without which nobody can chat; V(deploying) a
          deployment or the load balancer is on its way; V(unhealthy) no task answers; V(degraded) fewer tasks answer
          than wanted, or the last deployment failed; V(healthy) all answer.
      type: str
      sample: healthy
    summary:
      description: The health as a sentence.
      type: str
      sample: 1 of 1 tasks running, 1 healthy behind the load balancer
    urls:
      description: Where the stack answers.
      type: dict
      contains:
        load_balancer:
          description: Address of the load balancer; over HTTPS if it has such a listener, and by its own domain.
          type: str
          sample: http://amica-alb-1234567890.ap-southeast-1.elb.amazonaws.com
        test:
          description: Address at which tests reach a new version before it has traffic; none without such a listener.
          type: str
          sample: http://amica-alb-1234567890.ap-southeast-1.elb.amazonaws.com:8081
        cloudfront:
          description: Address of the distribution.
          type: str
          sample: https://d111111abcdef8.cloudfront.net
        domain:
          description: Address of the distribution by its own domain; none if it has none.
          type: str
          sample: https://chat.example.com
    vpc:
      description: The VPC.
      type: dict
      contains:
        id:
          description: Id of the VPC.
          type: str
        cidr:
          description: IPv4 network.
          type: str
        name:
          description: Its name.
          type: str
        public_subnet_ids:
          description: Subnets that give public addresses, by zone.
          type: list
          elements: str
        private_subnet_ids:
          description: Subnets that cannot be reached from the internet, by zone.
          type: list
          elements: str
        nat_gateways:
          description: NAT gateways, each with C(id), C(state) and C(subnet_id).
          type: list
          elements: dict
        endpoints:
          description: VPC endpoints, each with C(id), C(service) and C(state).
          type: list
          elements: dict
        network_acl_ids:
          description: Network ACLs beside the VPC's own.
          type: list
          elements: str
        flow_logs:
          description: Flow logs, each with C(id) and C(destination).
          type: list
          elements: dict
        subnets:
          description: All subnets, each with C(id), C(cidr), C(zone) and C(name).
          type: list
          elements: dict
    security_groups:
      description: C(alb) and C(tasks), each with C(id) and C(name), or none.
      type: dict
    repository:
      description: The image repository; C(name), C(arn) and C(uri).
      type: dict
    log_group:
      description: The log group; C(name), C(arn), C(retention_days), none when it keeps its events for ever,
        and C(metric_filters), how many metrics are made of its events.
      type: dict
    saved_queries:
      description: Names of the saved queries of CloudWatch Logs.
      type: list
      elements: str
    load_balancer:
      description:
        - The load balancer; C(name), C(arn), C(dns_name), C(hosted_zone_id), which AWS keeps that name in, C(domain),
          its own or none, C(state), C(scheme), C(open), whether networks reach it and not CloudFront alone,
          C(zones), and C(listeners) with C(port), C(protocol), and C(test), whether it is the one for tests.
      type: dict
    target_group:
      description:
        - The target group; C(name), C(arn), C(targets) with C(id), C(port), C(state) and C(reason),
          C(stickiness_duration), the seconds for which a client stays with its task, 0 where it does not, and
          C(deregistration_delay), those that a task which leaves has to finish.
      type: dict
    alternate_target_group:
      description:
        - The target group that deployments move traffic to and from, or none; as C(target_group), with C(rule_arn), the
          rule that forwards to both, C(test_rule_arn), that of the listener for tests, or none, C(percent), how much of
          the traffic goes here, and C(serving), whether that is most.
      type: dict
    variants:
      description:
        - What runs beside the application, by name; each C(service), with C(name), C(arn), C(desired_count),
          C(running_count), C(task_definition), C(rollout_state) and C(rollout_state_reason), C(target_group),
          C(percent), its share of the new visitors, C(header), with C(name) and C(values), which leads to it, or none,
          and C(serves), whether it has a healthy task.
      type: dict
    roles:
      description: C(execution), C(task) and C(infrastructure), each with C(name) and C(arn), or none.
      type: dict
    namespace:
      description: The stack's own Cloud Map namespace of Service Connect; C(name) and C(arn).
      type: dict
    cluster:
      description: The cluster; C(name), C(arn), C(status) and C(container_insights).
      type: dict
    service:
      description:
        - The service; C(name), C(arn), C(status), C(desired_count), C(running_count), C(pending_count),
          C(task_definition), C(target_group_arn), C(assign_public_ip), C(spot_percent), the share of its tasks
          on Fargate Spot beyond C(on_demand_base), C(deployments), and C(events), the last five with C(created_at) and
          C(message).
        - C(service_connect) is none, or has C(namespace), an ARN, and C(addresses), as host:port.
        - C(strategy) is how a new version takes over; C(name) as in C(ecs_fargate_strategy),
          C(minimum_healthy_percent), C(maximum_percent), C(bake_minutes), C(step_percent) and C(step_minutes),
          C(circuit_breaker), whether tasks that fail end it, C(early_success_percent), of the tasks that are enough, or
          0, C(alarms) that send a deployment back, and C(pauses), the stages at which it waits.
        - C(paused) is none, or has C(stage), at which a deployment waits for a person now, and C(sentence).
      type: dict
    task_definition:
      description:
        - The revision that the service runs, without a service the newest active one; C(family), C(revision), C(arn),
          C(status), C(cpu) in CPU units, C(memory) in MiB, C(ephemeral_storage) in GiB, C(architecture), C(container),
          C(image), C(image_digest), C(collector), the image of the one that takes its traces, or none,
          C(tracing_percent), how many of them are kept, C(environment), the names of its variables, C(secrets), those
          that are secrets with their ARNs, and C(secrets_version).
      type: dict
    distribution:
      description:
        - The distribution; C(id), C(arn), C(domain_name), C(origins), their domain names, C(status), C(enabled),
          C(aliases), C(http_version), C(ipv6), C(minimum_tls), the oldest TLS version that a browser may speak,
          C(response_headers_policy_id), and C(cached_paths), which it keeps.
      type: dict
    edge:
      description:
        - What stands around distribution and load balancer; whether there is C(web_acl), its C(allowed_networks) and
          C(denied_networks), C(error_page), C(vpc_origin), C(secret_header), without which the load balancer answers
          403, C(load_balancer_logs) and C(distribution_logs), and C(certificates) of the distribution and
          C(load_balancer_certificates), each with C(arn) and C(domain).
      type: dict
    secrets:
      description: The secrets that the stack keeps, each with C(name), the variable, C(arn) and C(store).
      type: list
      elements: dict
    scaling:
      description:
        - C(min) and C(max) of the running tasks, C(policies) with C(name), C(metric) and C(target), and
          C(schedules) with C(name), C(schedule), C(timezone), C(min) and C(max).
      type: dict
    alarms:
      description: The alarms; C(name), C(arn), C(state) as OK, ALARM or INSUFFICIENT_DATA, and C(reason).
      type: list
      elements: dict
    rollback_alarms:
      description: Names of the alarms that a deployment may be to blame for.
      type: list
      elements: str
    topics:
      description:
        - The topics that the alarms notify; each C(arn), C(subscribers), how many hear of it, and C(unconfirmed), how
          many have not said yet that they want to.
      type: list
      elements: dict
    dashboard:
      description: The dashboard; C(name) and C(arn).
      type: dict
    governance:
      description:
        - What the stack has set in settings of the whole account; C(image_scanning), the frequency or none,
          C(image_replication), a list of regions, C(trail), the ARN or none, whether C(audit_bucket) and
          C(config_bucket) exist, C(config_rules), a list of ARNs, and C(security_hub), the ARN or none.
        - C(violations) are the C(rule), C(type) and C(resource) of what does not meet one of the rules.
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._stack_reader import read


def main() -> None:
    module = AnsibleAWSModule(argument_spec={"name": {"type": "str", "default": "amica"}}, supports_check_mode=True)
    aws = clients(module)
    with reported(module, f"reading the stack {module.params['name']}"):
        stack = read(aws, module.params["name"])
    module.exit_json(changed=False, stack=stack)


if __name__ == "__main__":
    main()
