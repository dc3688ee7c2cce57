# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a first run does in AWS: the actions that its credentials need, each with a resource that it would do it to.

What is not switched on is not asked for, and neither is what only takes the stack away.

Resources are named as exactly as they can be before they exist, so that a policy which allows the stack's own names
passes. `*` stands where AWS makes up the name, or knows no resource for the action.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.amica.stack.plugins.module_utils._names import StackNames


@dataclass(frozen=True)
class Place:
    """Where a stack stands, and what its parts are called."""

    partition: str
    region: str
    account: str
    names: StackNames
    stack: str


@dataclass(frozen=True)
class Need:
    """Actions on one resource; `passed_to` is the service that gets a role, where one is passed."""

    resource: str
    actions: tuple[str, ...]
    passed_to: str = ""


# (service, resource without arn:..., actions). {names of the stack's parts} are filled in; an empty resource is any.
Row = tuple[str, str, tuple[str, ...]]
ANY = "*"
CONFIG_ROLE = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
MAKE_ROLE = ("CreateRole", "GetRole", "TagRole", "UpdateAssumeRolePolicy", "UpdateRoleDescription")
WRITE_POLICIES = ("GetRolePolicy", "ListRolePolicies", "PutRolePolicy")
ATTACH_POLICIES = ("AttachRolePolicy", "ListAttachedRolePolicies")
MAKE_LOG_GROUP = (
    "CreateLogGroup",
    "ListTagsForResource",
    "PutRetentionPolicy",
    "TagResource",
)
MAKE_BUCKET = (
    "CreateBucket",
    "GetBucketPolicy",
    "GetBucketPublicAccessBlock",
    "GetBucketTagging",
    "ListBucket",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketTagging",
)
EXPIRE = ("GetLifecycleConfiguration", "PutLifecycleConfiguration")
ALWAYS: tuple[Row, ...] = (
    ("tag", "", ("GetResources",)),
    (
        "ec2",
        "",
        (
            "AssociateRouteTable",
            "AttachInternetGateway",
            "AuthorizeSecurityGroupEgress",
            "AuthorizeSecurityGroupIngress",
            "CreateInternetGateway",
            "CreateRoute",
            "CreateRouteTable",
            "CreateSecurityGroup",
            "CreateSubnet",
            "CreateTags",
            "CreateVpc",
            "DescribeAddresses",
            "DescribeAvailabilityZones",
            "DescribeFlowLogs",
            "DescribeInternetGateways",
            "DescribeNatGateways",
            "DescribeNetworkAcls",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeTags",
            "DescribeVpcAttribute",
            "DescribeVpcEndpoints",
            "DescribeVpcs",
            "ModifySubnetAttribute",
            "ModifyVpcAttribute",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
            "RevokeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
        ),
    ),
    ("ecr", "", ("DescribeRegistry", "GetAuthorizationToken", "GetRegistryScanningConfiguration")),
    (
        "ecr",
        "repository/{repository}",
        (
            "BatchGetImage",
            "CreateRepository",
            "DescribeImages",
            "DescribeRepositories",
            "GetDownloadUrlForLayer",
            "GetLifecyclePolicy",
            "ListTagsForResource",
            "PutImageScanningConfiguration",
            "PutImageTagMutability",
            "PutLifecyclePolicy",
            "TagResource",
        ),
    ),
    ("logs", "", ("DescribeLogGroups", "DescribeQueryDefinitions")),
    ("logs", "log-group:{log_group}", MAKE_LOG_GROUP),
    # What a task that failed said last.
    ("logs", "log-group:{log_group}:log-stream:{container}/{container}/TASK", ("GetLogEvents",)),
    ("cloudwatch", "", ("DescribeAlarms", "GetDashboard")),
    (
        "elasticloadbalancing",
        "",
        (
            "DescribeListeners",
            "DescribeLoadBalancerAttributes",
            "DescribeLoadBalancers",
            "DescribeRules",
            "DescribeTags",
            "DescribeTargetGroupAttributes",
            "DescribeTargetGroups",
            "DescribeTargetHealth",
        ),
    ),
    (
        "elasticloadbalancing",
        "loadbalancer/app/{load_balancer}/0123456789abcdef",
        ("AddTags", "CreateListener", "CreateLoadBalancer", "ModifyLoadBalancerAttributes"),
    ),
    (
        "elasticloadbalancing",
        "targetgroup/{target_group}/0123456789abcdef",
        ("AddTags", "CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
    ),
    *(("iam", f"role/{{{role}}}", MAKE_ROLE + WRITE_POLICIES) for role in ("execution_role", "task_role")),
    (
        "ecs",
        "",
        (
            "DeregisterTaskDefinition",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "DescribeTaskDefinition",
            "DescribeTasks",
            "ListClusters",
            "ListServiceDeployments",
            "ListServices",
            "ListTaskDefinitions",
            "ListTasks",
            "RegisterTaskDefinition",
        ),
    ),
    (
        "ecs",
        "cluster/{cluster}",
        (
            "CreateCluster",
            "DescribeClusters",
            "PutClusterCapacityProviders",
            "TagResource",
            "UpdateCluster",
            "UpdateClusterSettings",
        ),
    ),
    (
        "ecs",
        "service/{cluster}/{service}",
        ("CreateService", "DescribeServices", "TagResource", "UpdateService"),
    ),
    ("application-autoscaling", "", ("DescribeScalableTargets",)),
    ("cloudfront", "", ("ListDistributions",)),
    # Either store may hold what an earlier run has left.
    ("secretsmanager", "", ("ListSecrets",)),
    ("ssm", "", ("DescribeParameters",)),
)
# What a variable switches on, by the name that the role verify gives it.
SWITCHED: dict[str, tuple[Row, ...]] = {
    "image_push": (
        (
            "ecr",
            "repository/{repository}",
            (
                "BatchCheckLayerAvailability",
                "CompleteLayerUpload",
                "InitiateLayerUpload",
                "PutImage",
                "UploadLayerPart",
            ),
        ),
    ),
    "nat": (("ec2", "", ("AllocateAddress", "CreateNatGateway")),),
    "endpoints": (("ec2", "", ("CreateVpcEndpoint", "ModifyVpcEndpoint")),),
    "network_acls": (
        (
            "ec2",
            "",
            (
                "CreateNetworkAcl",
                "CreateNetworkAclEntry",
                "DeleteNetworkAclEntry",
                "ReplaceNetworkAclAssociation",
                "ReplaceNetworkAclEntry",
            ),
        ),
    ),
    "flow_logs_to_cloudwatch": (
        ("ec2", "", ("CreateFlowLogs",)),
        ("logs", "log-group:/vpc/{vpc}-flow-logs", MAKE_LOG_GROUP),
        ("iam", "role/{vpc}-flow-logs-role", MAKE_ROLE + WRITE_POLICIES),
    ),
    # AWS makes the delivery with the rights of whoever asks for it.
    "flow_logs_to_s3": (("ec2", "", ("CreateFlowLogs",)), ("logs", "", ("CreateLogDelivery", "DeleteLogDelivery"))),
    "cloudfront_only": (("ec2", "", ("DescribeManagedPrefixLists",)),),
    "listener_rules": (("elasticloadbalancing", "", ("CreateRule", "DeleteRule", "ModifyListener", "ModifyRule")),),
    "variants": (
        ("elasticloadbalancing", "", ("CreateRule", "ModifyRule")),
        (
            "elasticloadbalancing",
            "targetgroup/{target_group}-variant/0123456789abcdef",
            ("AddTags", "CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
        ),
        (
            "ecs",
            "service/{cluster}/{service}-variant",
            ("CreateService", "DescribeServices", "TagResource", "UpdateService"),
        ),
    ),
    "traffic_shifts": (
        ("elasticloadbalancing", "", ("CreateRule", "ModifyRule")),
        (
            "elasticloadbalancing",
            "targetgroup/{alternate_target_group}/0123456789abcdef",
            ("AddTags", "CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
        ),
        ("iam", "role/{infrastructure_role}", MAKE_ROLE + ATTACH_POLICIES),
    ),
    "pauses": (("ecs", "", ("ContinueServiceDeployment",)),),
    "scaling": (
        (
            "application-autoscaling",
            "",
            (
                "DescribeScalingPolicies",
                "DescribeScheduledActions",
                "ListTagsForResource",
                "PutScalingPolicy",
                "PutScheduledAction",
                "RegisterScalableTarget",
                "TagResource",
            ),
        ),
    ),
    "distribution": (
        (
            "cloudfront",
            "",
            ("CreateDistribution", "GetDistribution", "ListTagsForResource", "TagResource", "UpdateDistribution"),
        ),
    ),
    "web_acl": (
        (
            "wafv2",
            "",
            (
                "CreateIPSet",
                "CreateWebACL",
                "GetIPSet",
                "GetWebACL",
                "ListIPSets",
                "ListTagsForResource",
                "ListWebACLs",
                "TagResource",
                "UpdateIPSet",
                "UpdateWebACL",
            ),
        ),
    ),
    "error_page": (
        ("s3", "{error_page_bucket}-{account}-{region}", MAKE_BUCKET),
        ("s3", "{error_page_bucket}-{account}-{region}/*", ("DeleteObject", "GetObject", "PutObject")),
        ("cloudfront", "", ("CreateOriginAccessControl", "ListOriginAccessControls")),
    ),
    "vpc_origin": (
        ("cloudfront", "", ("CreateVpcOrigin", "GetVpcOrigin", "ListVpcOrigins", "TagResource", "UpdateVpcOrigin")),
    ),
    "domain": (
        (
            "acm",
            "",
            (
                "AddTagsToCertificate",
                "DescribeCertificate",
                "ListCertificates",
                "ListTagsForCertificate",
                "RequestCertificate",
            ),
        ),
        ("route53", "", ("ChangeResourceRecordSets", "ListHostedZonesByName", "ListResourceRecordSets")),
    ),
    "load_balancer_logs": (("s3", "{load_balancer_logs_bucket}-{account}-{region}", (*EXPIRE, *MAKE_BUCKET)),),
    "distribution_logs": (
        ("cloudfront", "", ("AllowVendedLogDeliveryForResource",)),
        (
            "logs",
            "",
            (
                "CreateDelivery",
                "DescribeDeliveries",
                "GetDelivery",
                "GetDeliveryDestination",
                "GetDeliverySource",
                "PutDeliveryDestination",
                "PutDeliverySource",
                "TagResource",
            ),
        ),
        ("s3", "{distribution_logs_bucket}-{account}", (*EXPIRE, *MAKE_BUCKET)),
    ),
    "namespace": (
        (
            "servicediscovery",
            "",
            (
                "CreateHttpNamespace",
                "GetNamespace",
                "GetOperation",
                "ListNamespaces",
                "ListTagsForResource",
                "TagResource",
            ),
        ),
    ),
    "alarms": (("cloudwatch", "", ("ListTagsForResource", "PutMetricAlarm", "TagResource")),),
    "notifications": (
        (
            "sns",
            "",
            (
                "CreateTopic",
                "GetTopicAttributes",
                "ListSubscriptionsByTopic",
                "ListTagsForResource",
                "ListTopics",
                "SetTopicAttributes",
                "Subscribe",
                "TagResource",
                "Unsubscribe",
            ),
        ),
    ),
    "dashboard": (("cloudwatch", "", ("PutDashboard",)),),
    "log_analysis": (
        (
            "logs",
            "",
            ("DescribeMetricFilters", "PutMetricFilter", "PutQueryDefinition"),
        ),
    ),
    "image_rules": (("ecr", "", ("PutRegistryScanningConfiguration", "PutReplicationConfiguration")),),
    "trail": (
        (
            "cloudtrail",
            "trail/{stack}-trail-{region}",
            ("AddTags", "CreateTrail", "GetTrail", "GetTrailStatus", "ListTags", "StartLogging", "UpdateTrail"),
        ),
        ("cloudtrail", "", ("DescribeTrails",)),
        ("s3", "{audit_bucket}-{account}-{region}", (*EXPIRE, *MAKE_BUCKET)),
    ),
    "config": (
        (
            "config",
            "",
            (
                "DeleteConfigRule",
                "DescribeComplianceByConfigRule",
                "DescribeConfigRules",
                "DescribeConfigurationRecorderStatus",
                "DescribeConfigurationRecorders",
                "DescribeDeliveryChannels",
                "GetComplianceDetailsByConfigRule",
                "ListTagsForResource",
                "PutConfigRule",
                "PutConfigurationRecorder",
                "PutDeliveryChannel",
                "StartConfigurationRecorder",
                "TagResource",
            ),
        ),
        ("iam", CONFIG_ROLE, ("CreateServiceLinkedRole", "GetRole")),
        ("s3", "{config_bucket}-{account}-{region}", (*EXPIRE, *MAKE_BUCKET)),
    ),
    "security_hub": (
        (
            "securityhub",
            "",
            (
                "BatchDisableStandards",
                "BatchEnableStandards",
                "DescribeHub",
                "EnableSecurityHub",
                "GetEnabledStandards",
                "ListTagsForResource",
                "TagResource",
            ),
        ),
    ),
    "secretsmanager": (
        (
            "secretsmanager",
            "secret:{stack}/VARIABLE-AbCdEf",
            (
                "CreateSecret",
                "DeleteSecret",
                "DescribeSecret",
                "GetSecretValue",
                "PutSecretValue",
                "RestoreSecret",
                "TagResource",
                "UpdateSecret",
            ),
        ),
    ),
    "ssm": (
        (
            "ssm",
            "parameter/{stack}/VARIABLE",
            (
                "AddTagsToResource",
                "DeleteParameter",
                "GetParameter",
                "GetParameters",
                "ListTagsForResource",
                "PutParameter",
            ),
        ),
    ),
}
# Roles that are handed to a service: the service, and the role without arn:...
PASSED = {
    "": (("ecs-tasks.amazonaws.com", "role/{execution_role}"), ("ecs-tasks.amazonaws.com", "role/{task_role}")),
    "flow_logs_to_cloudwatch": (("vpc-flow-logs.amazonaws.com", "role/{vpc}-flow-logs-role"),),
    "traffic_shifts": (("ecs.amazonaws.com", "role/{infrastructure_role}"),),
    "config": (("config.amazonaws.com", CONFIG_ROLE),),
}
# Services whose ARNs name no region, and neither region nor account.
NO_REGION = ("iam", "s3")
NO_ACCOUNT = ("s3",)


def needs(place: Place, switched_on: Collection[str]) -> Iterator[Need]:
    """What a run of the whole play needs.

    :param switched_on: names of `SWITCHED`.
    """
    words = {**vars(place.names), "stack": place.stack, "account": place.account, "region": place.region}

    def arn(service: str, resource: str) -> str:
        region = "" if service in NO_REGION else place.region
        account = "" if service in NO_ACCOUNT else place.account
        return f"arn:{place.partition}:{service}:{region}:{account}:{resource.format(**words)}" if resource else ANY

    chosen = [name for name in SWITCHED if name in switched_on]
    for rows in (ALWAYS, *(SWITCHED[name] for name in chosen)):
        for service, resource, actions in rows:
            yield Need(arn(service, resource), tuple(f"{service}:{action}" for action in actions))
    for name in ("", *chosen):
        for service, role in PASSED.get(name, ()):
            yield Need(arn("iam", role), ("iam:PassRole",), service)
