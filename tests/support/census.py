# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that stands in an account, of each kind that a stack can be made of, as the services themselves list it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jmespath
from support.embedded import EmbeddedAws

EDGE_REGION = "us-east-1"


@dataclass(frozen=True)
class Kind:
    """One list of a service, in the stack's region or others. `names` is the JMESPath of what identifies each entry."""

    service: str
    operation: str
    names: str
    arguments: tuple[tuple[str, Any], ...] = ()
    regions: tuple[str, ...] = ("",)

    def title(self, region: str) -> str:
        return " ".join(filter(None, (self.service, self.operation, *dict(self.arguments).values(), region)))

    def listed(self, aws: EmbeddedAws, region: str, **more: Any) -> list[str]:
        client, arguments = aws.client(self.service, region), {**dict(self.arguments), **more}
        if client.can_paginate(self.operation):
            answers = list(client.get_paginator(self.operation).paginate(**arguments))
        else:
            answers = [getattr(client, self.operation)(**arguments)]
        return sorted(name for answer in answers for name in jmespath.search(self.names, answer) or ())


BOTH = ("", EDGE_REGION)
EDGE = (EDGE_REGION,)
HEADERS = "ResponseHeadersPolicyList"
OF_ECS = (("ServiceNamespace", "ecs"),)
OWN = (("Type", "custom"),)
OF_CLOUDFRONT = (("Scope", "CLOUDFRONT"),)
KINDS = (
    Kind("acm", "list_certificates", "CertificateSummaryList[].CertificateArn", regions=BOTH),
    Kind("application-autoscaling", "describe_scalable_targets", "ScalableTargets[].ResourceId", OF_ECS),
    Kind("application-autoscaling", "describe_scaling_policies", "ScalingPolicies[].PolicyName", OF_ECS),
    Kind("application-autoscaling", "describe_scheduled_actions", "ScheduledActions[].ScheduledActionName", OF_ECS),
    Kind("cloudfront", "list_cache_policies", "CachePolicyList.Items[].CachePolicy.Id", OWN),
    Kind("cloudfront", "list_distributions", "DistributionList.Items[].Id"),
    Kind("cloudfront", "list_functions", "FunctionList.Items[].Name"),
    Kind("cloudfront", "list_origin_access_controls", "OriginAccessControlList.Items[].Id"),
    Kind("cloudfront", "list_origin_request_policies", "OriginRequestPolicyList.Items[].OriginRequestPolicy.Id", OWN),
    Kind(
        "cloudfront",
        "list_response_headers_policies",
        "ResponseHeadersPolicyList.Items[].ResponseHeadersPolicy.Id",
        OWN,
    ),
    Kind("cloudfront", "list_vpc_origins", "VpcOriginList.Items[].Id"),
    Kind("cloudtrail", "list_trails", "Trails[].TrailARN"),
    Kind("cloudwatch", "describe_alarms", "[MetricAlarms, CompositeAlarms][][].AlarmName", regions=BOTH),
    Kind("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    Kind("config", "describe_config_rules", "ConfigRules[].ConfigRuleName"),
    Kind("config", "describe_configuration_recorders", "ConfigurationRecorders[].name"),
    Kind("config", "describe_delivery_channels", "DeliveryChannels[].name"),
    Kind("ec2", "describe_addresses", "Addresses[].AllocationId"),
    Kind("ec2", "describe_flow_logs", "FlowLogs[].FlowLogId"),
    Kind("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    # AWS lists one for an hour after its end.
    Kind("ec2", "describe_nat_gateways", "NatGateways[?State != 'deleted'].NatGatewayId"),
    Kind("ec2", "describe_network_acls", "NetworkAcls[].NetworkAclId"),
    Kind("ec2", "describe_route_tables", "RouteTables[].RouteTableId"),
    Kind("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    Kind("ec2", "describe_subnets", "Subnets[].SubnetId"),
    Kind("ec2", "describe_vpc_endpoints", "VpcEndpoints[].VpcEndpointId"),
    Kind("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    Kind("ecr", "describe_repositories", "repositories[].repositoryName"),
    Kind("ecs", "list_clusters", "clusterArns"),
    Kind("ecs", "list_task_definition_families", "families", (("status", "ACTIVE"),)),
    Kind("ecs", "list_task_definition_families", "families", (("status", "INACTIVE"),)),
    Kind("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerArn"),
    Kind("elbv2", "describe_target_groups", "TargetGroups[].TargetGroupArn"),
    Kind("iam", "list_instance_profiles", "InstanceProfiles[].InstanceProfileName"),
    Kind("iam", "list_policies", "Policies[].Arn", (("Scope", "Local"),)),
    # Without those that AWS makes for a service of its own, and that outlive what they were made for.
    Kind("iam", "list_roles", "Roles[?!starts_with(Path, '/aws-service-role/')].RoleName"),
    Kind("logs", "describe_deliveries", "deliveries[].id", regions=EDGE),
    Kind("logs", "describe_delivery_destinations", "deliveryDestinations[].name", regions=EDGE),
    Kind("logs", "describe_delivery_sources", "deliverySources[].name", regions=EDGE),
    Kind("logs", "describe_log_groups", "logGroups[].logGroupName", regions=BOTH),
    Kind("logs", "describe_metric_filters", "metricFilters[].filterName"),
    Kind("logs", "describe_query_definitions", "queryDefinitions[].name"),
    Kind("route53", "list_hosted_zones", "HostedZones[].Id"),
    Kind("s3", "list_buckets", "Buckets[].Name"),
    # Without those that are scheduled for deletion and can come back until then.
    Kind("secretsmanager", "list_secrets", "SecretList[].Name"),
    Kind("servicediscovery", "list_namespaces", "Namespaces[].Name"),
    Kind("servicediscovery", "list_services", "Services[].Name"),
    Kind("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn", regions=BOTH),
    Kind("sns", "list_topics", "Topics[].TopicArn", regions=BOTH),
    Kind("ssm", "describe_parameters", "Parameters[].Name"),
    Kind("wafv2", "list_ip_sets", "IPSets[].Name", OF_CLOUDFRONT, EDGE),
    Kind("wafv2", "list_web_acls", "WebACLs[].Name", OF_CLOUDFRONT, EDGE),
)
# What a service lists for one of its owners: the owner's list, and the argument that takes its entry.
PARTS = {
    Kind("ecr", "list_images", "imageIds[].imageDigest"): ("ecr describe_repositories", "repositoryName"),
    Kind("ecs", "list_services", "serviceArns"): ("ecs list_clusters", "cluster"),
    Kind("elbv2", "describe_listeners", "Listeners[].ListenerArn"): (
        "elbv2 describe_load_balancers",
        "LoadBalancerArn",
    ),
    Kind("elbv2", "describe_rules", "Rules[].RuleArn"): ("elbv2 describe_listeners", "ListenerArn"),
    Kind("iam", "list_role_policies", "PolicyNames"): ("iam list_roles", "RoleName"),
    Kind("iam", "list_attached_role_policies", "AttachedPolicies[].PolicyArn"): ("iam list_roles", "RoleName"),
    Kind("route53", "list_resource_record_sets", "ResourceRecordSets[].Name"): (
        "route53 list_hosted_zones",
        "HostedZoneId",
    ),
}


def census(aws: EmbeddedAws) -> dict[str, list[str]]:
    """Names by the list that has them; what an account has nothing of is left out."""
    found = {kind.title(region): kind.listed(aws, region) for kind in KINDS for region in kind.regions}
    for part, (owners, argument) in PARTS.items():
        found[part.title("")] = [name for owner in found[owners] for name in part.listed(aws, "", **{argument: owner})]
    return {kind: names for kind, names in found.items() if names}
