from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._stack import Answers
from ansible_collections.amica.stack.plugins.module_utils._stack import assemble
from ansible_collections.amica.stack.plugins.module_utils._stack import balancer_url
from ansible_collections.amica.stack.plugins.module_utils._stack import is_open
from ansible_collections.amica.stack.plugins.module_utils._stack import secret_parts
from ansible_collections.amica.stack.plugins.module_utils._stack_reader import active_definitions
from ansible_collections.amica.stack.plugins.module_utils._stack_reader import read_tagged_elsewhere
from ansible_collections.amica.stack.plugins.module_utils._stack_reader import running_digest
from ansible_collections.amica.stack.plugins.module_utils._stack_reader import still_there
from ansible_collections.amica.stack.plugins.module_utils._summary import rows
from ansible_collections.amica.stack.plugins.module_utils._summary import scaling_text
from ansible_collections.amica.stack.plugins.modules import stack_info
from botocore.stub import Stubber

ACCOUNT, REGION = "111122223333", "eu-west-1"
NOTHING = Answers(account_id=ACCOUNT, region=REGION, partition="aws")
DIGEST = "sha256:" + "a" * 64


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("_", ":"), "Value": value} for key, value in given.items()]


def subnet(zone: str, cidr: str, public: bool = True) -> dict[str, Any]:
    return {
        "SubnetId": f"subnet-{zone}",
        "CidrBlock": cidr,
        "AvailabilityZone": f"{REGION}{zone}",
        "MapPublicIpOnLaunch": public,
        "Tags": tags(Name=f"amica-{'public' if public else 'private'}-{zone}"),
    }


def target(state: str, reason: str | None = None) -> dict[str, Any]:
    health = {"State": state} | ({"Reason": reason} if reason else {})
    return {"Target": {"Id": "10.0.0.9", "Port": 8080}, "TargetHealth": health}


def deployment(state: str = "COMPLETED", revision: int = 3, failed: int = 0, reason: str = "") -> dict[str, Any]:
    return {
        "id": "ecs-svc/1",
        "status": "PRIMARY",
        "rolloutState": state,
        "rolloutStateReason": reason,
        "taskDefinition": arn("ecs", f"task-definition/amica-task:{revision}"),
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "failedTasks": failed,
        "createdAt": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }


SERVICE: dict[str, Any] = {
    "serviceName": "amica-service",
    "serviceArn": arn("ecs", "service/amica-cluster/amica-service"),
    "status": "ACTIVE",
    "desiredCount": 2,
    "runningCount": 2,
    "pendingCount": 0,
    "taskDefinition": arn("ecs", "task-definition/amica-task:3"),
    "deployments": [deployment()],
    "events": [
        {"id": str(n), "createdAt": datetime(2026, 1, 1, tzinfo=UTC), "message": f"event {n}"} for n in range(9)
    ],
}
DEFINITION: dict[str, Any] = {
    "family": "amica-task",
    "revision": 3,
    "taskDefinitionArn": arn("ecs", "task-definition/amica-task:3"),
    "status": "ACTIVE",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "sidecar"}, {"name": "amica", "image": f"registry/amica-stack@{DIGEST}"}],
}
WHOLE = replace(
    NOTHING,
    vpc={"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "Tags": tags(Name="amica-vpc")},
    subnets=[subnet("b", "10.0.1.0/24"), subnet("a", "10.0.0.0/24"), subnet("c", "10.0.9.0/24", public=False)],
    nat_gateways=[
        {"NatGatewayId": "nat-1", "State": "available", "SubnetId": "subnet-a"},
        {"NatGatewayId": "nat-0", "State": "deleted", "SubnetId": "subnet-a"},
    ],
    endpoints=[{"VpcEndpointId": "vpce-1", "ServiceName": "com.amazonaws.eu-west-1.ecr.api", "State": "Available"}],
    network_acls=[{"NetworkAclId": "acl-0", "IsDefault": True}, {"NetworkAclId": "acl-1", "IsDefault": False}],
    flow_logs=[{"FlowLogId": "fl-1", "LogDestination": "arn:aws:s3:::records"}],
    security_groups=[
        {"GroupId": "sg-0", "GroupName": "amica-alb-sg", "VpcId": "vpc-other"},
        {"GroupId": "sg-1", "GroupName": "amica-alb-sg", "VpcId": "vpc-1"},
        {"GroupId": "sg-2", "GroupName": "amica-tasks-sg", "VpcId": "vpc-1"},
    ],
    repository={
        "repositoryName": "amica-stack",
        "repositoryArn": arn("ecr", "repository/amica-stack"),
        "repositoryUri": "registry/amica-stack",
    },
    log_group={
        "logGroupName": "/ecs/amica-stack",
        "arn": arn("logs", "log-group:/ecs/amica-stack:*"),
        "retentionInDays": 7,
    },
    load_balancer={
        "LoadBalancerName": "amica-alb",
        "LoadBalancerArn": arn("elasticloadbalancing", "loadbalancer/app/amica-alb/1"),
        "DNSName": "amica-alb-1.elb.amazonaws.com",
        "State": {"Code": "active"},
    },
    listeners=[
        {"ListenerArn": arn("elasticloadbalancing", "listener/app/amica-alb/1/1"), "Port": 80, "Protocol": "HTTP"}
    ],
    target_group={
        "TargetGroupName": "amica-tg",
        "TargetGroupArn": arn("elasticloadbalancing", "targetgroup/amica-tg/1"),
    },
    targets=[target("healthy"), target("healthy")],
    execution_role={"RoleName": "amica-execution-role", "Arn": "arn:aws:iam::111122223333:role/amica-execution-role"},
    task_role={"RoleName": "amica-task-role", "Arn": "arn:aws:iam::111122223333:role/amica-task-role"},
    cluster={"clusterName": "amica-cluster", "clusterArn": arn("ecs", "cluster/amica-cluster"), "status": "ACTIVE"},
    service=SERVICE,
    task_definition=DEFINITION,
    scalable_target={"MinCapacity": 2, "MaxCapacity": 4},
    scaling_policies=[
        {
            "PolicyName": "amica-cpu",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 60.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
        }
    ],
    scheduled_actions=[
        {"ScheduledActionName": "evening", "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}
    ],
    distribution={
        "Id": "E1",
        "ARN": "arn:aws:cloudfront::111122223333:distribution/E1",
        "DomainName": "d1.cloudfront.net",
        "Status": "InProgress",
        "Enabled": True,
    },
    tagged={arn("ec2", "vpc/vpc-1"): {"amica:stack": "amica", "amica:environment": "rag"}},
)


def stack_of(answers: Answers) -> dict[str, Any]:
    return assemble("amica", names("amica"), answers)


def test_a_whole_stack() -> None:
    stack = stack_of(WHOLE)
    assert stack["vpc"] == {
        "id": "vpc-1",
        "cidr": "10.0.0.0/16",
        "name": "amica-vpc",
        "public_subnet_ids": ["subnet-a", "subnet-b"],
        "private_subnet_ids": ["subnet-c"],
        "nat_gateways": [{"id": "nat-1", "state": "available", "subnet_id": "subnet-a"}],
        "endpoints": [{"id": "vpce-1", "service": "ecr.api", "state": "available"}],
        "network_acl_ids": ["acl-1"],
        "flow_logs": [{"id": "fl-1", "destination": "arn:aws:s3:::records"}],
        "subnets": [
            {"id": "subnet-a", "cidr": "10.0.0.0/24", "zone": "eu-west-1a", "name": "amica-public-a"},
            {"id": "subnet-b", "cidr": "10.0.1.0/24", "zone": "eu-west-1b", "name": "amica-public-b"},
            {"id": "subnet-c", "cidr": "10.0.9.0/24", "zone": "eu-west-1c", "name": "amica-private-c"},
        ],
    }
    assert stack["security_groups"] == {
        "alb": {"id": "sg-1", "name": "amica-alb-sg"},
        "tasks": {"id": "sg-2", "name": "amica-tasks-sg"},
    }
    assert stack["log_group"]["arn"] == arn("logs", "log-group:/ecs/amica-stack")
    assert stack["environment"] == "rag"
    assert stack["urls"] == {
        "load_balancer": "http://amica-alb-1.elb.amazonaws.com",
        "test": None,
        "cloudfront": "https://d1.cloudfront.net",
        "domain": None,
    }
    definition = stack["task_definition"]
    assert (definition["cpu"], definition["memory"], definition["ephemeral_storage"]) == (256, 512, 20)
    assert (definition["container"], definition["image_digest"]) == ("amica", DIGEST)
    assert [event["message"] for event in stack["service"]["events"]] == [f"event {n}" for n in range(5)]
    assert stack["service"]["deployments"][0]["created_at"] == "2026-01-02T03:04:05+00:00"
    assert stack["scaling"]["policies"] == [
        {"name": "amica-cpu", "metric": "ECSServiceAverageCPUUtilization", "target": 60.0}
    ]
    assert scaling_text(stack["scaling"]) == "2 to 4 tasks, CPU at 60 %, evening"
    assert stack["exists"] == [
        "vpc amica-vpc",
        "security group amica-alb-sg",
        "security group amica-tasks-sg",
        "repository amica-stack",
        "log group /ecs/amica-stack",
        "load balancer amica-alb",
        "target group amica-tg",
        "cluster amica-cluster",
        "service amica-service",
        "distribution E1",
        "role amica-execution-role",
        "role amica-task-role",
        "task definition amica-task:3",
        "scaling amica",
    ]
    assert (stack["absent"], stack["health"]) == (False, "healthy")
    assert stack["summary"] == "2 of 2 tasks running, 2 healthy behind the load balancer"


def test_where_the_traffic_is() -> None:
    second = {
        "TargetGroupName": "amica-tg2",
        "TargetGroupArn": arn("elasticloadbalancing", "targetgroup/amica-tg2/1"),
    }

    def traffic(*weights: int) -> dict[str, Any]:
        groups = [
            {"TargetGroupArn": group["TargetGroupArn"], "Weight": weight}
            for group, weight in zip((WHOLE.target_group or {}, second), weights, strict=True)
        ]
        rule = {"RuleArn": "rule", "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}
        return stack_of(replace(WHOLE, alternate_target_group=second, rules=[rule]))

    assert dict(rows(traffic(1, 0), {}))["Traffic"] == "100 % to amica-tg"
    canary = traffic(80, 20)
    assert dict(rows(canary, {}))["Traffic"] == "80 % to amica-tg, 20 % to amica-tg2"
    assert not canary["alternate_target_group"]["serving"]
    assert traffic(0, 100)["alternate_target_group"]["serving"]


def test_the_listener_for_tests_is_not_the_chat_s() -> None:
    second = {
        "TargetGroupName": "amica-tg2",
        "TargetGroupArn": arn("elasticloadbalancing", "targetgroup/amica-tg2/1"),
    }
    groups = [{"TargetGroupArn": group["TargetGroupArn"]} for group in (WHOLE.target_group or {}, second)]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}

    def rule(listener: int, priority: str) -> dict[str, Any]:
        own = arn("elasticloadbalancing", f"listener-rule/app/amica-alb/1/{listener}/9")
        return {"RuleArn": own, "Priority": priority, "Actions": [action]}

    def listener(number: int, port: int) -> dict[str, Any]:
        own = arn("elasticloadbalancing", f"listener/app/amica-alb/1/{number}")
        return {"ListenerArn": own, "Port": port, "Protocol": "HTTP"}

    answers = replace(
        WHOLE,
        alternate_target_group=second,
        listeners=[listener(1, 8088), listener(2, 8081)],
        rules=[rule(2, "2"), rule(1, "1")],
    )
    stack = stack_of(answers)
    assert stack["load_balancer"]["listeners"] == [
        {"port": 8081, "protocol": "HTTP", "test": True},
        {"port": 8088, "protocol": "HTTP", "test": False},
    ]
    assert stack["alternate_target_group"]["rule_arn"] == rule(1, "1")["RuleArn"]
    assert stack["alternate_target_group"]["test_rule_arn"] == rule(2, "2")["RuleArn"]
    assert str(stack["urls"]["load_balancer"]).endswith(":8088")
    assert str(stack["urls"]["test"]).endswith(":8081")
    assert dict(rows(stack, {}))["Tests"].startswith(stack["urls"]["test"])


def test_nothing() -> None:
    stack = stack_of(NOTHING)
    assert (stack["absent"], stack["health"]) == (True, "absent")
    assert stack["summary"] == "nothing of amica stands in eu-west-1"
    assert stack["security_groups"] == {"alb": None, "tasks": None}
    assert stack["roles"] == {"execution": None, "task": None, "infrastructure": None}
    assert stack["urls"] == {"load_balancer": None, "test": None, "cloudfront": None, "domain": None}
    assert {name for name, part in stack.items() if part is None} == {
        "alternate_target_group",
        "cluster",
        "dashboard",
        "distribution",
        "environment",
        "load_balancer",
        "log_group",
        "namespace",
        "repository",
        "scaling",
        "service",
        "target_group",
        "task_definition",
        "vpc",
    }


def test_alarms_dashboard_and_topics() -> None:
    alarm = {
        "AlarmName": "amica/app/memory",
        "AlarmArn": arn("cloudwatch", "alarm:amica/app/memory"),
        "StateValue": "ALARM",
        "StateReason": "Threshold Crossed",
    }
    board = {"DashboardName": "amica-dashboard", "DashboardArn": "arn:aws:cloudwatch::1:dashboard/amica-dashboard"}
    topic = arn("sns", "amica-alerts")
    heard = {topic: {"SubscriptionsConfirmed": "2", "SubscriptionsPending": "1"}}
    stack = stack_of(replace(NOTHING, alarms=[alarm], dashboard=board, topics=heard))
    assert stack["exists"] == ["alarm amica/app/memory", "dashboard amica-dashboard", "topic amica-alerts"]
    assert stack["topics"] == [{"arn": topic, "subscribers": 2, "unconfirmed": 1}]
    assert stack["rollback_alarms"] == []
    blame = stack_of(replace(NOTHING, alarms=[alarm, {**alarm, "AlarmName": "amica/app/server-errors"}]))
    assert blame["rollback_alarms"] == ["amica/app/server-errors"]
    assert dict(rows(stack, {}))["Alarms"] == "amica/app/memory: Threshold Crossed"
    quiet = stack_of(replace(NOTHING, alarms=[{**alarm, "StateValue": "INSUFFICIENT_DATA"}]))
    assert dict(rows(quiet, {}))["Alarms"] == "none of 1 speaks"


def test_the_stack_s_share_of_the_account_s_settings() -> None:
    scanning = {
        "scanFrequency": "SCAN_ON_PUSH",
        "repositoryFilters": [{"filter": "amica-stack", "filterType": "WILDCARD"}],
    }
    copying = {
        "destinations": [{"region": "us-east-1", "registryId": ACCOUNT}],
        "repositoryFilters": [{"filter": "amica-stack", "filterType": "PREFIX_MATCH"}],
    }
    stack = stack_of(replace(NOTHING, scanning_rules=[scanning], replication_rules=[copying]))
    assert stack["governance"] == {
        "image_scanning": "SCAN_ON_PUSH",
        "image_replication": ["us-east-1"],
        "trail": None,
        "audit_bucket": False,
        "config_rules": [],
        "violations": [],
        "config_bucket": False,
        "security_hub": None,
    }
    trail = arn("cloudtrail", "trail/amica-trail-eu-west-1")
    tagged: dict[str, dict[str, str]] = {trail: {}, f"arn:aws:s3:::amica-audit-{ACCOUNT}-{REGION}": {}}
    governance = stack_of(replace(NOTHING, tagged=tagged))["governance"]
    assert (governance["trail"], governance["audit_bucket"]) == (trail, True)
    assert stack["exists"] == ["scanning rule SCAN_ON_PUSH", "replication rule us-east-1"]
    assert stack_of(replace(NOTHING, scanning_rules=[], replication_rules=[{**copying, "repositoryFilters": []}]))[
        "absent"
    ]


def test_what_judges_the_stack_is_known_and_told() -> None:
    rule, hub = arn("config", "config-rule/config-rule-abc123"), arn("securityhub", "hub/default")
    tagged: dict[str, dict[str, str]] = {rule: {}, hub: {}, f"arn:aws:s3:::amica-config-{ACCOUNT}-{REGION}": {}}
    stack = stack_of(replace(NOTHING, tagged=tagged))
    governance = stack["governance"]
    assert (governance["config_rules"], governance["config_bucket"], governance["security_hub"]) == ([rule], True, hub)
    assert dict(rows(stack, {}))["Governance"] == "1 Config rules with a recorder, Security Hub"
    assert "Governance" not in dict(rows(stack_of(NOTHING), {}))


def test_what_does_not_meet_a_rule_is_named() -> None:
    rule, kind = "amica-ecs-containers-readonly-access", "AWS::ECS::TaskDefinition"
    found = [
        {"ConfigRuleName": rule, "ResourceType": kind, "ResourceId": arn("ecs", f"task-definition/amica-task:{number}")}
        for number in range(1, 5)
    ]
    bucket = {"ConfigRuleName": "amica-tls", "ResourceType": "AWS::S3::Bucket", "ResourceId": "records"}
    stack = stack_of(replace(NOTHING, violations=[*found, bucket]))
    assert stack["governance"]["violations"][-1] == {
        "rule": "amica-tls",
        "type": "AWS::S3::Bucket",
        "resource": "records",
    }
    lines = [text for label, text in rows(stack, {})]
    assert f"{rule} is not met by amica-task:1, amica-task:2, amica-task:3 and 1 more" in lines
    assert "amica-tls is not met by records" in lines
    assert "Config" not in dict(rows(stack_of(NOTHING), {}))


def test_service_connect_and_its_namespace() -> None:
    own = arn("servicediscovery", "namespace/ns-1")
    connect = {
        "enabled": True,
        "namespace": own,
        "services": [{"portName": "amica", "clientAliases": [{"port": 8080, "dnsName": "amica"}]}],
    }
    on = {**SERVICE, "deployments": [{**deployment(), "serviceConnectConfiguration": connect}]}
    stack = stack_of(replace(WHOLE, service=on, tagged={own: {"amica:stack": "amica"}}))
    assert stack["service"]["service_connect"] == {"namespace": own, "addresses": ["amica:8080"]}
    assert stack["namespace"] == {"name": "amica", "arn": own}
    assert "namespace amica" in stack["exists"]
    assert dict(rows(stack, {}))["Service Connect"] == "amica:8080"
    named = {"clusterName": "c", "clusterArn": "c", "status": "ACTIVE", "serviceConnectDefaults": {"namespace": own}}
    assert stack_of(replace(NOTHING, cluster=named))["namespace"]["arn"] == own
    off = {**SERVICE, "deployments": [{**deployment(), "serviceConnectConfiguration": {"enabled": False}}]}
    stack = stack_of(replace(WHOLE, service=off))
    assert (stack["service"]["service_connect"], stack["namespace"]) == (None, None)
    assert "Service Connect" not in dict(rows(stack, {}))


TLS_12 = {"ACMCertificateArn": "arn", "MinimumProtocolVersion": "TLSv1.2_2021"}


def test_the_chat_is_at_its_own_domain_and_the_certificate_is_known() -> None:
    distribution = {"Id": "E1", "ARN": "d", "DomainName": "d1.cloudfront.net", "Status": "Deployed"}
    viewers = {"HttpVersion": "HTTP2AND3", "IsIPV6Enabled": True, "ViewerCertificate": TLS_12}
    ours, another = (f"arn:aws:acm:us-east-1:111122223333:certificate/{number}" for number in (1, 2))
    logs = "arn:aws:s3:::amica-edge-access-111122223333"
    web_acl = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/amica-distribution/1"
    stack = stack_of(
        replace(
            NOTHING,
            distribution={**distribution, **viewers, "Aliases": {"Quantity": 1, "Items": ["chat.example.com"]}},
            tagged={
                ours: {"amica:domain": "chat.example.com", "amica:role": "cloudfront"},
                another: {"amica:stack": "amica"},
                web_acl: {},
                logs: {},
            },
        )
    )
    told = dict(rows(stack, {}))
    assert (told["Chat"], told["Edge"]) == ("https://chat.example.com", "HTTP/2 and 3, IPv6, TLSv1.2_2021, web ACL")
    assert told["Access logs"] == "CloudFront"
    assert stack["edge"]["certificates"] == [{"arn": ours, "domain": "chat.example.com"}]


def test_the_load_balancer_answers_at_its_own_domain_where_it_shows_the_certificate() -> None:
    shown, retired = (f"arn:aws:acm:ap-southeast-1:111122223333:certificate/{number}" for number in (1, 2))
    tagged = {
        shown: {"amica:domain": "alb.example.com", "amica:role": "alb"},
        retired: {"amica:domain": "old.example.com", "amica:role": "alb"},
    }
    own = arn("elasticloadbalancing", "listener/app/amica-alb/1/2")
    https = {"ListenerArn": own, "Port": 8443, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": shown}]}
    stack = stack_of(replace(WHOLE, listeners=[*WHOLE.listeners, https], tagged={**WHOLE.tagged, **tagged}))
    assert stack["urls"]["load_balancer"] == "https://alb.example.com:8443"
    assert [one["domain"] for one in stack["edge"]["load_balancer_certificates"]] == [
        "alb.example.com",
        "old.example.com",
    ]
    assert stack["edge"]["certificates"] == []
    assert dict(rows(stack, {}))["Chat"] == "https://alb.example.com:8443"
    aliased = {**(WHOLE.distribution or {}), "Aliases": {"Quantity": 1, "Items": ["chat.example.com"]}}
    origins = {"Origins": {"Quantity": 1, "Items": [{"DomainName": "alb.example.com"}]}}
    stack = stack_of(
        replace(WHOLE, listeners=[https], tagged={**WHOLE.tagged, **tagged}, distribution={**aliased, **origins})
    )
    told = dict(rows(stack, {}))
    assert (told["Chat"], told["Load balancer"]) == ("https://chat.example.com", "https://alb.example.com:8443")
    assert stack["distribution"]["origins"] == ["alb.example.com"]


@pytest.mark.parametrize(
    ("strategy", "percent", "base", "said"),
    [
        (None, 0, 0, "2 of 2 running"),
        ([{"capacityProvider": "FARGATE"}], 0, 0, "2 of 2 running"),
        ([{"capacityProvider": "FARGATE_SPOT", "weight": 1}], 100, 0, "2 of 2 running, 100 % on Fargate Spot"),
        (
            [
                {"capacityProvider": "FARGATE", "weight": 1, "base": 5},
                {"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0},
            ],
            75,
            5,
            "2 of 2 running, 75 % beyond 5 on demand on Fargate Spot",
        ),
    ],
    ids=["launch type", "on demand", "spot", "share"],
)
def test_the_share_on_spot(strategy: Any, percent: int, base: int, said: str) -> None:
    stack = stack_of(replace(WHOLE, service={**SERVICE, "capacityProviderStrategy": strategy}))
    assert (stack["service"]["spot_percent"], stack["service"]["on_demand_base"]) == (percent, base)
    assert dict(rows(stack, {}))["Tasks"] == said


def test_what_ecs_only_remembers_does_not_exist() -> None:
    remembered = replace(
        NOTHING,
        cluster={"clusterName": "amica-cluster", "clusterArn": "c", "status": "DEPROVISIONING"},
        service={**SERVICE, "status": "DRAINING"},
        task_definition={**DEFINITION, "status": "INACTIVE"},
    )
    stack = stack_of(remembered)
    assert (stack["exists"], stack["absent"]) == ([], True)
    assert stack["service"]["status"] == "DRAINING"


def test_a_tag_alone_is_a_part_that_is_left() -> None:
    left = stack_of(replace(NOTHING, tagged={arn("ec2", "internet-gateway/igw-1"): {"amica:stack": "amica"}}))
    assert (left["absent"], left["health"]) == (False, "incomplete")
    assert left["tagged_resources"] == [arn("ec2", "internet-gateway/igw-1")]


def test_the_digest_is_that_of_a_running_task_where_the_image_has_none() -> None:
    by_tag = {**DEFINITION, "containerDefinitions": [{"name": "amica", "image": "registry/amica-stack:v1"}]}
    answers = replace(WHOLE, task_definition=by_tag, running_digest=DIGEST)
    assert stack_of(answers)["task_definition"]["image_digest"] == DIGEST


def test_what_watches_the_stack_is_told_in_a_line() -> None:
    assert "Monitoring" not in dict(rows(stack_of(WHOLE), {}))
    topic = arn("sns", "amica-alerts")
    cluster = {**(WHOLE.cluster or {}), "settings": [{"name": "containerInsights", "value": "enabled"}]}
    board = {"DashboardName": "amica-dashboard", "DashboardArn": arn("cloudwatch", "dashboard/amica-dashboard")}
    watched = replace(
        WHOLE,
        cluster=cluster,
        dashboard=board,
        topics={topic: {"SubscriptionsConfirmed": "2", "SubscriptionsPending": "1"}},
        log_group={**(WHOLE.log_group or {}), "metricFilterCount": 3},
        saved_queries=[{"name": "amica/Slowest answers"}, {"name": "amica/Errors"}],
    )
    stack = stack_of(watched)
    assert stack["log_group"]["metric_filters"] == 3
    assert stack["saved_queries"] == ["amica/Errors", "amica/Slowest answers"]
    assert "saved query amica/Errors" in stack["exists"], "destroy would leave it"
    assert dict(rows(stack, {}))["Monitoring"] == (
        "amica-dashboard, 3 metrics of the log, 2 saved queries, alarms to 2 by amica-alerts (1 unconfirmed), "
        "Container Insights"
    )


def test_what_a_task_is_made_of_is_told() -> None:
    (box,) = [one for one in DEFINITION["containerDefinitions"] if one["name"] == "amica"]
    own, given = arn("secretsmanager", "secret:amica/CHAINLIT_AUTH_SECRET-AbCdEf"), arn("ssm", "parameter/team/TOKEN")
    container = {
        **box,
        "environment": [{"name": "LOG_LEVEL", "value": "quiet-9"}],
        "secrets": [
            {"name": "CHAINLIT_AUTH_SECRET", "valueFrom": own},
            {"name": "TOKEN", "valueFrom": given},
        ],
    }
    definition = {
        **DEFINITION,
        "containerDefinitions": [container],
        "ephemeralStorage": {"sizeInGiB": 30},
        "runtimePlatform": {"cpuArchitecture": "ARM64"},
    }
    told = dict(rows(stack_of(replace(WHOLE, task_definition=definition)), {}))
    assert told["Revision"] == "amica-task:3, 256 CPU units, 512 MiB, 30 GiB, ARM64"
    assert told["Variables"] == "LOG_LEVEL"
    assert told["Secrets"] == "CHAINLIT_AUTH_SECRET (Secrets Manager), TOKEN (Parameter Store)"
    assert told["Logs"] == "/ecs/amica-stack, kept 7 days"
    assert not [text for text in told.values() if "quiet-9" in text]


def test_for_how_long_clients_stay_with_their_task() -> None:
    attributes = {
        "stickiness.enabled": "true",
        "stickiness.type": "lb_cookie",
        "stickiness.lb_cookie.duration_seconds": "86400",
        "deregistration_delay.timeout_seconds": "60",
    }
    stack = stack_of(replace(WHOLE, attributes=attributes))
    assert (stack["target_group"]["stickiness_duration"], stack["target_group"]["deregistration_delay"]) == (86400, 60)
    assert dict(rows(stack, {}))["Clients"] == "stay with their task for 86400 s, and 60 s when it leaves"
    free = stack_of(replace(WHOLE, attributes={**attributes, "stickiness.enabled": "false"}))
    assert free["target_group"]["stickiness_duration"] == 0
    assert "Clients" not in dict(rows(free, {}))


def test_what_the_edge_adds_is_told() -> None:
    origin = {
        "DomainName": "alb",
        "CustomHeaders": {"Items": [{"HeaderName": "X-Amica-Edge", "HeaderValue": "s3cret"}]},
    }
    distribution = {
        **(WHOLE.distribution or {}),
        "Origins": {"Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "balancer", "ResponseHeadersPolicyId": "67f7725c"},
        "CacheBehaviors": {
            "Items": [
                {"PathPattern": "/assets/*", "TargetOriginId": "balancer"},
                {"PathPattern": "/error/*", "TargetOriginId": "page"},
            ]
        },
    }
    lists = {f"arn:aws:wafv2:us-east-1:1:global/ipset/amica-distribution-allowed-ipv4/{ACCOUNT}": {"a": "b"}}
    stack = stack_of(replace(WHOLE, distribution=distribution, tagged=lists))
    edge = stack["edge"]
    assert (edge["secret_header"], edge["allowed_networks"], edge["denied_networks"]) == (True, True, False)
    assert stack["distribution"]["cached_paths"] == ["/assets/*"]
    assert dict(rows(stack, {}))["Edge"].endswith("allowed networks, secret header, security headers, keeps /assets/*")
    assert "s3cret" not in str(stack)
    inside = {**(WHOLE.load_balancer or {}), "Scheme": "internal"}
    closed = stack_of(replace(WHOLE, load_balancer=inside, distribution=distribution))
    assert dict(rows(closed, {}))["Edge"].endswith("keeps /assets/*, the only way to the load balancer")


def test_all_that_is_known_of_a_stack_is_documented() -> None:
    documented = yaml.safe_load(stack_info.RETURN)["stack"]["contains"]
    stack = stack_of(WHOLE)
    assert documented.keys() == stack.keys()
    for name, value in stack.items():
        part = value[0] if isinstance(value, list) and value else value
        names = part.keys() if isinstance(part, dict) else ()
        told = documented[name].get("contains", {}).keys() | {*re.findall(r"C\((\w+)\)", str(documented[name]))}
        assert [one for one in names if one not in told] == [], name


def test_the_collector_beside_the_application_is_told_apart() -> None:
    boxes = [{"name": "amica-collector", "image": "registry/otel:v1"}, {"name": "amica", "image": "registry/chat:v1"}]
    answers = replace(WHOLE, task_definition={**DEFINITION, "containerDefinitions": boxes}, running_digest=DIGEST)
    stack = stack_of(answers)
    assert (stack["task_definition"]["image"], stack["task_definition"]["collector"]) == (
        "registry/chat:v1",
        "registry/otel:v1",
    )
    assert dict(rows(stack, {}))["Traces"] == "100 % to X-Ray, by registry/otel:v1"
    for argument, percent in (("0.1", 10), ("some", 100)):
        sampled = {**boxes[1], "environment": [{"name": "OTEL_TRACES_SAMPLER_ARG", "value": argument}]}
        definition = {**DEFINITION, "containerDefinitions": [boxes[0], sampled]}
        assert stack_of(replace(answers, task_definition=definition))["task_definition"]["tracing_percent"] == percent
    assert stack_of(WHOLE)["task_definition"]["collector"] is None
    assert "Traces" not in dict(rows(stack_of(WHOLE), {}))


def test_the_digest_that_runs_is_the_application_s(aws: Clients) -> None:
    boxes = [{"name": "amica-collector", "image": "otel:v1"}, {"name": "amica", "image": "chat:v1"}]
    running = [{"name": "amica-collector", "imageDigest": "sha256:c"}, {"name": "amica", "imageDigest": DIGEST}]
    with Stubber(aws("ecs")) as ecs:
        ecs.add_response("list_tasks", {"taskArns": ["one"]})
        ecs.add_response("describe_tasks", {"tasks": [{"containers": running}]})
        definition = {"taskDefinition": {"containerDefinitions": boxes}}
        assert running_digest(aws("ecs"), names("amica"), definition) == DIGEST
    boxes[1]["image"] = f"chat@{DIGEST}"
    assert running_digest(aws("ecs"), names("amica"), definition) is None, "the definition says it, and nobody is asked"


@pytest.mark.parametrize(
    ("listeners", "url"),
    [
        ([], None),
        ([("HTTP", 80)], "http://dns"),
        ([("HTTP", 8088)], "http://dns:8088"),
        ([("HTTP", 80), ("HTTPS", 443)], "https://dns"),
        ([("HTTP", 80), ("HTTPS", 8443)], "https://dns:8443"),
    ],
)
def test_where_the_load_balancer_answers(listeners: list[tuple[str, int]], url: str | None) -> None:
    named = [{"protocol": protocol, "port": port, "test": False} for protocol, port in listeners]
    named.append({"protocol": "HTTP", "port": 79, "test": True})
    balancer = {"dns_name": "dns", "domain": None, "listeners": named}
    assert balancer_url({**balancer, "open": True}) == url
    assert balancer_url({**balancer, "open": False}) is None
    assert balancer_url({**balancer, "open": False}, tests=True) == "http://dns:79"


def without(answers: Answers, **service: Any) -> Answers:
    return replace(answers, service={**SERVICE, **service})


PAUSED = {
    "status": "IN_PROGRESS",
    "lifecycleStage": "POST_SCALE_UP",
    "lifecycleHookDetails": [
        {"hookId": "h1", "status": "AWAITING_ACTION", "expiresAt": datetime(2026, 11, 30, 12, 5, tzinfo=UTC)}
    ],
}


@pytest.mark.parametrize(
    ("answers", "health", "said"),
    [
        (replace(WHOLE, service=None), "incomplete", "missing: service"),
        (replace(WHOLE, listeners=[], cluster=None), "incomplete", "missing: cluster, listener"),
        (without(WHOLE, status="DRAINING"), "incomplete", "missing: service"),
        (
            without(WHOLE, deployments=[deployment("IN_PROGRESS", 4, failed=1)]),
            "deploying",
            "amica-task:4 is being rolled out, 1 of its tasks failed",
        ),
        (
            replace(without(WHOLE, deployments=[deployment("IN_PROGRESS", 4)]), service_deployment=PAUSED),
            "deploying",
            "amica-task:4 is paused at POST_SCALE_UP, waiting for continue until 2026-11-30 12:05 UTC",
        ),
        (
            replace(WHOLE, load_balancer={**(WHOLE.load_balancer or {}), "State": {"Code": "provisioning"}}),
            "deploying",
            "the load balancer is being provisioned",
        ),
        (
            replace(WHOLE, load_balancer={**(WHOLE.load_balancer or {}), "State": {"Code": "failed"}}),
            "unhealthy",
            "the load balancer could not be set up",
        ),
        (without(WHOLE, desiredCount=0, runningCount=0), "degraded", "scaled to 0 tasks, so nobody answers"),
        (without(WHOLE, runningCount=0), "unhealthy", "0 of 2 tasks running"),
        (
            replace(WHOLE, targets=[target("unhealthy", "Target.Timeout"), target("draining", "Target.Draining")]),
            "unhealthy",
            "2 of 2 tasks running, 0 healthy behind the load balancer (Target.Timeout)",
        ),
        (
            replace(WHOLE, targets=[target("healthy"), target("initial", "Elb.InitialHealthChecking")]),
            "degraded",
            "1 healthy behind the load balancer (Elb.InitialHealthChecking)",
        ),
        (
            without(WHOLE, deployments=[deployment("FAILED", 4, reason="tasks failed to start")]),
            "degraded",
            "the deployment of amica-task:4 failed: tasks failed to start",
        ),
        (without(WHOLE, deployments=[deployment("FAILED")], runningCount=0), "unhealthy", "failed: no reason given"),
        (without(WHOLE, desiredCount=1), "healthy", "2 of 1 tasks running"),
    ],
)
def test_the_verdict(answers: Answers, health: str, said: str) -> None:
    stack = stack_of(answers)
    assert stack["health"] == health
    assert said in stack["summary"]


SHORT = arn("elasticloadbalancing", "targetgroup/amica-tg-short/1")


def varied(*targets: Any, **service: Any) -> Answers:
    """A stack with a variant that has a fifth of the visitors and those of a header."""

    def rule(shares: dict[str, int], *headers: tuple[str, str]) -> dict[str, Any]:
        groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in shares.items()]
        asked = [{"HttpHeaderName": name, "Values": [value]} for name, value in headers]
        return {
            "RuleArn": arn("elasticloadbalancing", "listener-rule/app/amica-alb/1/1/9"),
            "Conditions": [{"Field": "http-header", "HttpHeaderConfig": one} for one in asked],
            "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        }

    main = (WHOLE.target_group or {})["TargetGroupArn"]
    variant = {
        "service": {**SERVICE, "serviceName": "amica-service-short", "desiredCount": 1, "runningCount": 1, **service},
        "target_group": {"TargetGroupName": "amica-tg-short", "TargetGroupArn": SHORT},
        "targets": targets,
    }
    edge = ("X-Amica-Edge", "secret")
    rules = [rule({SHORT: 1}, edge, ("X-Variant", "short")), rule({main: 80, SHORT: 20}, edge), rule({main: 1})]
    return replace(WHOLE, rules=rules, variants={"short": variant})


@pytest.mark.parametrize(
    ("answers", "health", "row"),
    [
        (varied(target("healthy")), "healthy", "healthy: 1 of 1 tasks running, 1 healthy"),
        (varied(target("initial")), "degraded", "unhealthy: 1 of 1 tasks running, 0 healthy"),
        (
            varied(deployments=[deployment("FAILED", 4, reason="tasks failed to start")], runningCount=0),
            "degraded",
            "unhealthy: 0 of 1 tasks running, 0 healthy; the deployment of amica-task:3 failed: tasks failed to start",
        ),
        (
            varied(deployments=[deployment("IN_PROGRESS", 4)], runningCount=0),
            "deploying",
            "deploying: 0 of 1 tasks running, 0 healthy",
        ),
        (varied(target("healthy"), status="DRAINING"), "degraded", "unhealthy: no service"),
    ],
    ids=["healthy", "starting", "failed", "deploying", "no service"],
)
def test_a_variant_s_visitors_and_health(answers: Answers, health: str, row: str) -> None:
    stack = stack_of(answers)
    variant = stack["variants"]["short"]
    assert (variant["percent"], variant["header"]) == (20, {"name": "X-Variant", "values": ["short"]})
    assert stack["health"] == health
    assert (health == "healthy") is ("short" not in stack["summary"])
    assert dict(rows(stack, {}))["Variants"] == f"short: 20 % of new visitors, X-Variant: short; {row}"
    assert "target group of variant short" in stack["exists"]


# What the reader asks AWS


@pytest.fixture(scope="module")
def aws() -> Clients:
    return Clients(REGION, None, {"aws_access_key_id": "k", "aws_secret_access_key": "s", "verify": True})


def test_the_newest_revision_is_of_this_family_alone(aws: Clients) -> None:
    arns = [arn("ecs", "task-definition/amica-task-other:9"), arn("ecs", "task-definition/amica-task:3")]
    with Stubber(aws("ecs")) as stub:
        stub.add_response("list_task_definitions", {"taskDefinitionArns": arns})
        assert list(active_definitions(aws("ecs"), "amica-task")) == arns[1:]


def test_a_namesake_in_cloudfront_s_region_is_another_stack(aws: Clients) -> None:
    edge = "arn:aws:cloudfront::111122223333:distribution/E1"
    network = "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-9"
    found = [{"ResourceARN": one, "Tags": [{"Key": "amica:stack", "Value": "amica"}]} for one in (edge, network)]
    with Stubber(aws("resourcegroupstaggingapi", "us-east-1")) as stub:
        filters = [{"Key": "amica:stack", "Values": ["amica"]}]
        stub.add_response("get_resources", {"ResourceTagMappingList": found}, {"TagFilters": filters})
        assert read_tagged_elsewhere(aws, "amica") == {edge: {"amica:stack": "amica"}}
    at_home = Clients("us-east-1", None, {"aws_access_key_id": "k", "aws_secret_access_key": "s", "verify": True})
    assert read_tagged_elsewhere(at_home, "amica") == {}


def test_the_tagging_api_s_memory_is_not_believed(aws: Clients) -> None:
    gateway, gone_gateway = arn("ec2", "internet-gateway/igw-1"), arn("ec2", "internet-gateway/igw-2")
    listener = arn("elasticloadbalancing", "listener/app/amica-alb/1/2")
    task = arn("ecs", "task/amica-cluster/1")
    revision = arn("ecs", "task-definition/amica-task:1")
    unknown = arn("sqs", "amica-queue")
    with Stubber(aws("ec2")) as ec2, Stubber(aws("elbv2")) as elb, Stubber(aws("ecs")) as ecs:
        filters = [{"Name": "resource-id", "Values": ["igw-1", "igw-2"]}]
        ec2.add_response("describe_tags", {"Tags": [{"ResourceId": "igw-1"}]}, {"Filters": filters})
        elb.add_client_error("describe_listeners", "ListenerNotFound")
        ecs.add_response("describe_tasks", {"tasks": [{"taskArn": task, "lastStatus": "STOPPED"}]})
        assert still_there(aws, [gateway, gone_gateway, listener, task, unknown]) == {gateway, unknown}
        ecs.add_response("list_task_definitions", {"taskDefinitionArns": []})
        assert still_there(aws, [revision]) == set()
    assert still_there(aws, []) == set()


def test_alarms_and_topics_are_asked_for_in_their_own_region(aws: Clients) -> None:
    alarm = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:amica/edge/server-errors"
    gone = "arn:aws:sns:us-east-1:111122223333:amica-edge-alerts"
    with Stubber(aws("cloudwatch", "us-east-1")) as cloudwatch, Stubber(aws("sns", "us-east-1")) as sns:
        asked = {"AlarmNames": ["amica/edge/server-errors"]}
        cloudwatch.add_response("describe_alarms", {"MetricAlarms": [{"AlarmArn": alarm}]}, asked)
        sns.add_client_error("get_topic_attributes", "NotFound")
        assert still_there(aws, [alarm, gone]) == {alarm}


@pytest.mark.parametrize(
    ("resource", "operation", "answer", "there"),
    [
        ("service/amica-cluster/amica-service", "describe_services", {"services": [{"status": "DRAINING"}]}, False),
        ("service/amica-cluster/amica-service", "describe_services", {"services": [{"status": "ACTIVE"}]}, True),
        ("service/amica-cluster/amica-service", "describe_services", None, False),
    ],
)
def test_a_service_that_drains_is_not_there(
    aws: Clients, resource: str, operation: str, answer: dict[str, Any] | None, there: bool
) -> None:
    with Stubber(aws("ecs")) as stub:
        if answer is None:
            stub.add_client_error(operation, "ClusterNotFoundException")
        else:
            stub.add_response(operation, answer)
        assert still_there(aws, [arn("ecs", resource)]) == ({arn("ecs", resource)} if there else set())


def test_secrets_are_known_by_their_variable_in_either_store() -> None:
    ours = [
        arn("secretsmanager", "secret:amica/OPENAI_API_KEY-AbCdEf"),
        arn("ssm", "parameter/amica/CHAINLIT_AUTH_SECRET"),
    ]
    others = [arn("secretsmanager", "secret:chat-db-AbCdEf"), arn("ecs", "cluster/amica-cluster")]
    assert secret_parts("amica", [*ours, *others]) == [
        {"name": "CHAINLIT_AUTH_SECRET", "arn": ours[1], "store": "ssm"},
        {"name": "OPENAI_API_KEY", "arn": ours[0], "store": "secretsmanager"},
    ]


@pytest.mark.parametrize(
    ("scheme", "entry", "expected"),
    [
        ("internet-facing", {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, True),
        ("internet-facing", {"PrefixListIds": [{"PrefixListId": "pl-1"}]}, False),
        ("internal", {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, False),
        ("internet-facing", {"FromPort": 8081, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, False),
    ],
)
def test_a_load_balancer_that_people_reach_is_open(scheme: str, entry: dict[str, Any], expected: bool) -> None:
    groups: list[dict[str, Any]] = [
        {"GroupId": "sg-1", "IpPermissions": [entry]},
        {"GroupId": "sg-2", "IpPermissions": []},
    ]
    assert is_open({"Scheme": scheme, "SecurityGroups": ["sg-1"]}, groups, {8081}) is expected
