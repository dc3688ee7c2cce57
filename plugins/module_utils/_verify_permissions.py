# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does in AWS: the actions that its credentials need, each with a resource that it would do it to.

Resources are named as exactly as they can be before they exist, so that a policy which allows the stack's own names
passes. `*` stands where AWS makes up the name, or knows no resource for the action.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

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
    """Actions on one resource."""

    resource: str
    actions: tuple[str, ...]


ANY = "*"
# (service, resource without arn:..., actions). {names of the stack's parts} are filled in; an empty resource is any.
NEEDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
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
            "DescribeAvailabilityZones",
            "DescribeInternetGateways",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcAttribute",
            "DescribeVpcs",
            "ModifySubnetAttribute",
            "ModifyVpcAttribute",
            "RevokeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
        ),
    ),
    ("ecr", "", ("DescribeRegistry", "GetAuthorizationToken", "GetRegistryScanningConfiguration")),
    (
        "ecr",
        "repository/{repository}",
        (
            "BatchCheckLayerAvailability",
            "BatchGetImage",
            "CompleteLayerUpload",
            "CreateRepository",
            "DescribeImages",
            "DescribeRepositories",
            "GetDownloadUrlForLayer",
            "GetLifecyclePolicy",
            "InitiateLayerUpload",
            "ListTagsForResource",
            "PutImage",
            "PutImageScanningConfiguration",
            "PutImageTagMutability",
            "PutLifecyclePolicy",
            "TagResource",
            "UploadLayerPart",
        ),
    ),
    ("logs", "", ("DescribeLogGroups",)),
    (
        "logs",
        "log-group:{log_group}",
        ("CreateLogGroup", "ListTagsForResource", "PutRetentionPolicy", "TagResource"),
    ),
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
    *(
        (
            "iam",
            f"role/{{{role}}}",
            ("CreateRole", "GetRole", "GetRolePolicy", "ListRolePolicies", "PassRole", "PutRolePolicy", "TagRole"),
        )
        for role in ("execution_role", "task_role")
    ),
    (
        "ecs",
        "",
        (
            "DeregisterTaskDefinition",
            "DescribeTaskDefinition",
            "ListServiceDeployments",
            "ListTaskDefinitions",
            "RegisterTaskDefinition",
        ),
    ),
    ("ecs", "cluster/{cluster}", ("CreateCluster", "DescribeClusters", "TagResource", "UpdateCluster")),
    (
        "ecs",
        "service/{cluster}/{service}",
        ("CreateService", "DescribeServices", "TagResource", "UpdateService"),
    ),
    (
        "application-autoscaling",
        "",
        ("DescribeScalableTargets", "DescribeScalingPolicies", "PutScalingPolicy", "RegisterScalableTarget"),
    ),
    (
        "cloudfront",
        "",
        ("CreateDistribution", "GetDistribution", "ListDistributions", "TagResource", "UpdateDistribution"),
    ),
)
# Each store of secrets, by its name.
SECRET_NEEDS: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "secretsmanager": (
        ("secretsmanager", "", ("ListSecrets",)),
        (
            "secretsmanager",
            "secret:{stack}/VARIABLE-AbCdEf",
            ("CreateSecret", "DeleteSecret", "DescribeSecret", "GetSecretValue", "PutSecretValue", "TagResource"),
        ),
    ),
    "ssm": (
        ("ssm", "", ("DescribeParameters",)),
        (
            "ssm",
            "parameter/{stack}/VARIABLE",
            ("AddTagsToResource", "DeleteParameter", "GetParameters", "ListTagsForResource", "PutParameter"),
        ),
    ),
}
GLOBAL_SERVICES = ("iam",)


def needs(place: Place, store: str) -> Iterator[Need]:
    """What a run of the whole play needs."""
    words = {**vars(place.names), "stack": place.stack}
    for service, resource, actions in (*NEEDS, *SECRET_NEEDS[store]):
        region = "" if service in GLOBAL_SERVICES else place.region
        arn = f"arn:{place.partition}:{service}:{region}:{place.account}:{resource.format(**words)}"
        yield Need(arn if resource else ANY, tuple(f"{service}:{action}" for action in actions))
