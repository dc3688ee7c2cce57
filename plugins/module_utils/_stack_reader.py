# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a stack from AWS: every part by its name, all services at the same time."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._cloudfront import distribution_summaries
from ansible_collections.amica.stack.plugins.module_utils._cloudfront_web_acl import listed
from ansible_collections.amica.stack.plugins.module_utils._config_rules import is_mine
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import read as read_rules
from ansible_collections.amica.stack.plugins.module_utils._names import StackNames
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._security_hub import NOT_SUBSCRIBED
from ansible_collections.amica.stack.plugins.module_utils._stack import VARIANT_TAG
from ansible_collections.amica.stack.plugins.module_utils._stack import Answers
from ansible_collections.amica.stack.plugins.module_utils._stack import application
from ansible_collections.amica.stack.plugins.module_utils._stack import assemble
from ansible_collections.amica.stack.plugins.module_utils._stack import existing
from ansible_collections.amica.stack.plugins.module_utils._stack import of_stack
from ansible_collections.amica.stack.plugins.module_utils._stack import parts
from ansible_collections.amica.stack.plugins.module_utils._stack_health import GONE
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_of

Found = dict[str, Any]

THREADS = 12
STACK_TAG = "amica:stack"
# Services whose ARNs say no kind, or whose check needs none.
NO_KINDS = ("ec2", "s3", "sns")
EDGE_SERVICES = ("acm", "cloudfront", "wafv2")
DELIVERY_KINDS = ("delivery", "delivery-destination", "delivery-source")


def pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(key) or []


def first(values: Iterable[Any]) -> Any:
    return next(iter(values), None)


def equals(name: str, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


def read_network(aws: Clients, stack: str, wanted: StackNames) -> Found:
    ec2 = aws("ec2")
    vpcs = list(pages(ec2, "describe_vpcs", "Vpcs", Filters=[equals("tag:Name", wanted.vpc)]))
    vpc = of_stack(vpcs, stack)
    if vpc is None:
        return {}
    inside, of_it = [equals("vpc-id", vpc["VpcId"])], [equals("resource-id", vpc["VpcId"])]
    asked = {
        "subnets": ("describe_subnets", "Subnets", inside),
        "nat_gateways": ("describe_nat_gateways", "NatGateways", inside),
        "endpoints": ("describe_vpc_endpoints", "VpcEndpoints", inside),
        "network_acls": ("describe_network_acls", "NetworkAcls", inside),
        "flow_logs": ("describe_flow_logs", "FlowLogs", of_it),
    }
    with ThreadPoolExecutor(len(asked)) as pool:
        reading = {
            part: pool.submit(lambda words: list(pages(ec2, words[0], words[1], Filters=words[2])), words)
            for part, words in asked.items()
        }
        return {"vpc": vpc, **{part: future.result() for part, future in reading.items()}}


def read_security_groups(aws: Clients, stack: str, wanted: StackNames) -> Found:
    by_name = [equals("group-name", wanted.alb_security_group, wanted.tasks_security_group)]
    return {"security_groups": list(pages(aws("ec2"), "describe_security_groups", "SecurityGroups", Filters=by_name))}


def read_repository(aws: Clients, stack: str, wanted: StackNames) -> Found:
    answer = absent_as_none(
        lambda: aws("ecr").describe_repositories(repositoryNames=[wanted.repository]), "RepositoryNotFoundException"
    )
    return {"repository": first(answer["repositories"]) if answer else None}


def read_registry(aws: Clients, stack: str, wanted: StackNames) -> Found:
    scanning, registry = read_rules(aws("ecr"))
    return {
        "scanning_rules": scanning.get("rules") or (),
        "replication_rules": registry["replicationConfiguration"]["rules"],
    }


def read_log_group(aws: Clients, stack: str, wanted: StackNames) -> Found:
    groups = pages(aws("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=wanted.log_group)
    return {"log_group": first(group for group in groups if group["logGroupName"] == wanted.log_group)}


def read_saved_queries(aws: Clients, stack: str, wanted: StackNames) -> Found:
    """Their names begin as those of the alarms. AWS has no pages for botocore here, and gives a thousand at once."""
    answer = aws("logs").describe_query_definitions(queryDefinitionNamePrefix=wanted.alarms, maxResults=1000)
    return {"saved_queries": answer["queryDefinitions"]}


def read_load_balancer(aws: Clients, stack: str, wanted: StackNames) -> Found:
    elb = aws("elbv2")
    answer = absent_as_none(lambda: elb.describe_load_balancers(Names=[wanted.load_balancer]), "LoadBalancerNotFound")
    balancer = first(answer["LoadBalancers"]) if answer else None
    if balancer is None:
        return {}
    listeners = absent_as_none(
        lambda: list(pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])),
        "LoadBalancerNotFound",
    )
    return {"load_balancer": balancer, "listeners": listeners or []}


def read_target_group(aws: Clients, stack: str, wanted: StackNames) -> Found:
    group, targets = target_group(aws, wanted.target_group)
    if group is None:
        return {}
    answer = absent_as_none(
        lambda: aws("elbv2").describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"]),
        "TargetGroupNotFound",
    )
    attributes = {one["Key"]: one["Value"] for one in answer["Attributes"]} if answer else {}
    return {"target_group": group, "targets": targets, "attributes": attributes}


def read_alternate_target_group(aws: Clients, stack: str, wanted: StackNames) -> Found:
    """With the rules that may forward to it."""
    elb = aws("elbv2")
    group, targets = target_group(aws, wanted.alternate_target_group)
    rules: list[Any] = []
    for balancer in group["LoadBalancerArns"] if group else ():
        rules += rules_of(aws, pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=balancer))
    return {"alternate_target_group": group, "alternate_targets": targets, "rules": rules}


def rules_of(aws: Clients, listeners: Iterable[Any]) -> list[Any]:
    elb = aws("elbv2")
    return [rule for one in listeners for rule in elb.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]]


def read_variants(aws: Clients, wanted: StackNames, called: Sequence[str], answers: Answers) -> Found:
    """The variants of these names, with the rules of the load balancer, which say who comes there.

    Where an alternate target group stands, the rules are known.
    """
    asked = [f"{wanted.service}-{name}" for name in called]
    answer = absent_as_none(
        lambda: aws("ecs").describe_services(cluster=wanted.cluster, services=asked), "ClusterNotFoundException"
    )
    services = {service["serviceName"]: service for service in answer["services"]} if answer else {}
    found = {}
    for name in called:
        group, targets = target_group(aws, f"{wanted.target_group}-{name}")
        service = services.get(f"{wanted.service}-{name}")
        found[name] = {"service": service, "target_group": group, "targets": targets}
    return {"variants": found, "rules": answers.rules or rules_of(aws, answers.listeners)}


def target_group(aws: Clients, name: str) -> tuple[Any, list[Any]]:
    """The target group of this name and its targets' health."""
    elb = aws("elbv2")
    answer = absent_as_none(lambda: elb.describe_target_groups(Names=[name]), "TargetGroupNotFound")
    group = first(answer["TargetGroups"]) if answer else None
    if group is None:
        return None, []
    health = absent_as_none(
        lambda: elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"]), "TargetGroupNotFound"
    )
    return group, list(health["TargetHealthDescriptions"]) if health else []


def read_roles(aws: Clients, stack: str, wanted: StackNames) -> Found:
    def role(name: str) -> Any:
        answer = absent_as_none(lambda: aws("iam").get_role(RoleName=name), "NoSuchEntity")
        return answer["Role"] if answer else None

    return {
        "execution_role": role(wanted.execution_role),
        "task_role": role(wanted.task_role),
        "infrastructure_role": role(wanted.infrastructure_role),
    }


def read_cluster(aws: Clients, stack: str, wanted: StackNames) -> Found:
    cluster = first(aws("ecs").describe_clusters(clusters=[wanted.cluster], include=["SETTINGS"])["clusters"])
    return {"cluster": cluster if cluster and cluster["status"] != "INACTIVE" else None}


def read_service(aws: Clients, stack: str, wanted: StackNames) -> Found:
    """The service and the definition that it runs; without a service the newest active one."""
    ecs = aws("ecs")
    answer = absent_as_none(
        lambda: ecs.describe_services(cluster=wanted.cluster, services=[wanted.service]), "ClusterNotFoundException"
    )
    service = first(answer["services"]) if answer else None
    if service and service["status"] == "INACTIVE":
        service = None
    if service and service["status"] not in GONE:
        arn = service["taskDefinition"]
    else:
        arn = first(active_definitions(ecs, wanted.family))
    if arn is None:
        return {"service": service}
    going = (service or {}).get("currentServiceDeployment")
    release = None
    # Only what has hooks can be paused.
    if going and service and strategy_of(service)["pauses"]:
        release = first(ecs.describe_service_deployments(serviceDeploymentArns=[going])["serviceDeployments"])
    definition = absent_as_none(lambda: ecs.describe_task_definition(taskDefinition=arn), "ClientException")
    return {
        "service": service,
        "service_deployment": release,
        "task_definition": definition["taskDefinition"] if definition else None,
        "running_digest": running_digest(ecs, wanted, definition) if service and definition else None,
    }


def active_definitions(ecs: Any, family: str) -> Iterator[str]:
    """The ARNs of a family's active revisions, newest first."""
    arns = pages(ecs, "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status="ACTIVE", sort="DESC")
    return (arn for arn in arns if arn.rpartition("/")[2].rpartition(":")[0] == family)


def running_digest(ecs: Any, wanted: StackNames, definition: Mapping[str, Any]) -> str | None:
    """What a running task pulled; asked only where the definition names no digest itself."""
    container = application(definition["taskDefinition"], wanted)
    if "@" in container.get("image", ""):
        return None
    arns = ecs.list_tasks(cluster=wanted.cluster, serviceName=wanted.service)["taskArns"]
    tasks = ecs.describe_tasks(cluster=wanted.cluster, tasks=arns[:1])["tasks"] if arns else []
    digests = (
        box.get("imageDigest") for task in tasks for box in task["containers"] if box["name"] == container["name"]
    )
    return next(digests, None)


def read_scaling(aws: Clients, stack: str, wanted: StackNames) -> Found:
    client, resource = aws("application-autoscaling"), f"service/{wanted.cluster}/{wanted.service}"
    dimension = "ecs:service:DesiredCount"
    targets = client.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[resource], ScalableDimension=dimension
    )
    target = first(targets["ScalableTargets"])
    if target is None:
        return {}
    of_service = {"ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": dimension}
    return {
        "scalable_target": target,
        "scaling_policies": list(pages(client, "describe_scaling_policies", "ScalingPolicies", **of_service)),
        "scheduled_actions": list(pages(client, "describe_scheduled_actions", "ScheduledActions", **of_service)),
    }


def read_distribution(aws: Clients, stack: str, wanted: StackNames) -> Found:
    return {"distribution": first(distribution_summaries(aws("cloudfront"), wanted.distribution))}


def read_alarms(aws: Clients, stack: str, wanted: StackNames) -> Found:
    """Those of the stack's region, and CloudFront's in its own."""
    places = {aws.region: wanted.alarms}
    if aws.global_region != aws.region:
        places[aws.global_region] = wanted.edge_alarms
    found = [
        alarm
        for region, prefix in places.items()
        for alarm in pages(aws("cloudwatch", region), "describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix)
    ]
    return {"alarms": found}


def read_dashboard(aws: Clients, stack: str, wanted: StackNames) -> Found:
    board = absent_as_none(
        lambda: aws("cloudwatch").get_dashboard(DashboardName=wanted.dashboard),
        "ResourceNotFound",
        "DashboardNotFoundError",
    )
    return {"dashboard": board}


def read_topics(aws: Clients, arns: Iterable[str]) -> dict[str, Any]:
    """What is set of the topics that still exist, by their ARN."""
    found = {}
    for arn in arns:
        client = aws("sns", arn.split(":")[3])
        answer = absent_as_none(partial(client.get_topic_attributes, TopicArn=arn), "NotFound")
        if answer:
            found[arn] = answer["Attributes"]
    return found


def read_tagged(aws: Clients, stack: str, region: str | None = None) -> dict[str, dict[str, str]]:
    """ARN -> tags of whatever carries the stack's tag in a region; AWS keeps what was deleted for a while."""
    client = aws("resourcegroupstaggingapi", region)
    found = pages(client, "get_resources", "ResourceTagMappingList", TagFilters=[{"Key": STACK_TAG, "Values": [stack]}])
    return {entry["ResourceARN"]: tags_to_dict(entry.get("Tags")) for entry in found}


def read_tagged_elsewhere(aws: Clients, stack: str) -> dict[str, dict[str, str]]:
    """The same of what CloudFront needs in its own region, where a stack of the same name may have a network too."""
    if aws.region == aws.global_region:
        return {}
    found = read_tagged(aws, stack, aws.global_region)
    wanted = names(stack)

    def is_edge_s(arn: str) -> bool:
        service, resource = arn.split(":", 5)[2::3]
        return service in EDGE_SERVICES or resource.partition(":")[0] in DELIVERY_KINDS

    return {
        arn: tags
        for arn, tags in found.items()
        if is_edge_s(arn) or wanted.edge_alarms in arn or arn.endswith(f":{wanted.edge_topic}")
    }


def read_violations(aws: Clients, stack: str) -> list[Any]:
    """What the stack's rules of Config found wrong: rule and resource, as Config names them."""
    config, wrong = aws("config"), {"ComplianceTypes": ["NON_COMPLIANT"]}
    mine = {
        rule["ConfigRuleName"] for rule in pages(config, "describe_config_rules", "ConfigRules") if is_mine(rule, stack)
    }
    judged = pages(config, "describe_compliance_by_config_rule", "ComplianceByConfigRules", **wrong)
    return [
        result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
        for name in sorted(mine.intersection(one["ConfigRuleName"] for one in judged))
        for result in pages(
            config, "get_compliance_details_by_config_rule", "EvaluationResults", ConfigRuleName=name, **wrong
        )
    ]


READERS: tuple[Callable[[Clients, str, StackNames], Found], ...] = (
    read_network,
    read_service,
    read_cluster,
    read_load_balancer,
    read_target_group,
    read_alternate_target_group,
    read_distribution,
    read_repository,
    read_registry,
    read_log_group,
    read_saved_queries,
    read_roles,
    read_scaling,
    read_alarms,
    read_dashboard,
    read_security_groups,
)


def read(aws: Clients, stack: str) -> dict[str, Any]:
    """The stack as it stands in AWS, whoever deployed it.

    The account is asked first and alone, so that wrong credentials or a wrong endpoint end the run at once.
    """
    wanted = names(stack)
    answers = Answers(account_id=aws.account_id(), region=aws.region, partition=aws.partition)
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            running = [pool.submit(reader, aws, stack, wanted) for reader in READERS]
            tagging = [pool.submit(read_tagged, aws, stack), pool.submit(read_tagged_elsewhere, aws, stack)]
            for future in running:
                answers = replace(answers, **future.result())
            tagged = {arn: tags for future in tagging for arn, tags in future.result().items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    answers = replace(answers, topics=read_topics(aws, (arn for arn in tagged if arn.split(":")[2] == "sns")))
    known = {arn for kind, name, arn in existing(parts(stack, wanted, answers))}
    alive = known | still_there(aws, [arn for arn in tagged if arn not in known])
    answers = replace(answers, tagged={arn: tags for arn, tags in tagged.items() if arn in alive})
    # Tasks outlive their service for a moment.
    of_variants = {tags.get(VARIANT_TAG) for arn, tags in answers.tagged.items() if ":task/" not in arn}
    if variants := sorted(filter(None, of_variants)):
        answers = replace(answers, **read_variants(aws, wanted, variants, answers))
    if any(":config-rule/" in arn for arn in answers.tagged):
        answers = replace(answers, violations=read_violations(aws, stack))
    return assemble(stack, wanted, answers)


def still_there(aws: Clients, arns: Collection[str]) -> set[str]:
    """Which of these exist. AWS lists tags of what was deleted for hours; what cannot be asked for counts as there."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for arn in arns:
        service, resource = arn.split(":", 5)[2::3]
        kind = resource.replace(":", "/").partition("/")[0]
        by_kind.setdefault((service, "" if service in NO_KINDS else kind), []).append(arn)
    if not by_kind:
        return set()
    with ThreadPoolExecutor(THREADS) as pool:
        checks = [pool.submit(CHECKS[kind], aws, found) for kind, found in by_kind.items() if kind in CHECKS]
        unknown = {arn for kind, found in by_kind.items() if kind not in CHECKS for arn in found}
        return unknown.union(*(check.result() for check in checks))


def tail(arn: str) -> str:
    return arn.rpartition("/")[2]


def ec2_there(aws: Clients, arns: list[str]) -> set[str]:
    """EC2 forgets the tags of a thing with the thing, but lists NAT gateways for an hour after their end."""
    tags = pages(aws("ec2"), "describe_tags", "Tags", Filters=[equals("resource-id", *map(tail, arns))])
    ids = {tag["ResourceId"] for tag in tags}
    if any(":natgateway/" in arn for arn in arns):
        ended = [equals("state", "deleted", "failed")]
        ids -= {one["NatGatewayId"] for one in pages(aws("ec2"), "describe_nat_gateways", "NatGateways", Filters=ended)}
    return {arn for arn in arns if tail(arn) in ids}


def definitions_there(aws: Clients, arns: list[str]) -> set[str]:
    families = {tail(arn).rpartition(":")[0] for arn in arns}
    return {arn for family in families for arn in active_definitions(aws("ecs"), family)}.intersection(arns)


def tasks_there(aws: Clients, arns: list[str]) -> set[str]:
    """ECS tells of at most a hundred tasks of one cluster at a time."""
    by_cluster: dict[str, list[str]] = {}
    for arn in arns:
        by_cluster.setdefault(arn.split("/")[1], []).append(arn)
    batches = [(name, found[n : n + 100]) for name, found in by_cluster.items() for n in range(0, len(found), 100)]

    def alive(cluster: str, tasks: list[str]) -> set[str]:
        answer = absent_as_none(
            lambda: aws("ecs").describe_tasks(cluster=cluster, tasks=tasks), "ClusterNotFoundException"
        )
        return {task["taskArn"] for task in (answer or {}).get("tasks", []) if task["lastStatus"] != "STOPPED"}

    return set().union(*(alive(*batch) for batch in batches))


def services_there(aws: Clients, arns: list[str]) -> set[str]:
    def alive(arn: str) -> bool:
        answer = absent_as_none(
            lambda: aws("ecs").describe_services(cluster=arn.split("/")[1], services=[arn]), "ClusterNotFoundException"
        )
        return any(service["status"] not in GONE for service in (answer or {}).get("services", []))

    return set(filter(alive, arns))


def clusters_there(aws: Clients, arns: list[str]) -> set[str]:
    clusters = aws("ecs").describe_clusters(clusters=arns)["clusters"]
    return {cluster["clusterArn"] for cluster in clusters if cluster["status"] not in GONE}


def one_by_one(
    service: str, operation: str, arguments: Callable[[str], dict[str, Any]], *codes: str
) -> Callable[[Clients, list[str]], set[str]]:
    """A check that asks for each thing, in its own region, and takes one of these codes as a no."""

    def alive(aws: Clients, arn: str) -> bool:
        call = getattr(aws(service, arn.split(":")[3] or None), operation)
        return absent_as_none(lambda: call(**arguments(arn)), *codes) is not None

    def there(aws: Clients, arns: list[str]) -> set[str]:
        return {arn for arn in arns if alive(aws, arn)}

    return there


def log_groups_there(aws: Clients, arns: list[str]) -> set[str]:
    def alive(arn: str) -> bool:
        name = arn.removesuffix(":*").split(":", 6)[6]
        groups = pages(aws("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        return any(group["logGroupName"] == name for group in groups)

    return set(filter(alive, arns))


def web_acls_there(aws: Clients, arns: list[str]) -> set[str]:
    client = aws("wafv2", aws.global_region)
    found = [*listed(client, "list_web_acls", "WebACLs"), *listed(client, "list_ip_sets", "IPSets")]
    return {str(one["ARN"]) for one in found}.intersection(arns)


def alarms_there(aws: Clients, arns: list[str]) -> set[str]:
    """Alarms of any region."""
    found: set[str] = set()
    for region in {arn.split(":")[3] for arn in arns}:
        names_there = [arn.split(":", 6)[6] for arn in arns if arn.split(":")[3] == region]
        alarms = pages(aws("cloudwatch", region), "describe_alarms", "MetricAlarms", AlarmNames=names_there)
        found.update(alarm["AlarmArn"] for alarm in alarms)
    return found


def config_rules_there(aws: Clients, arns: list[str]) -> set[str]:
    rules = pages(aws("config"), "describe_config_rules", "ConfigRules")
    return {rule["ConfigRuleArn"] for rule in rules if not rule["ConfigRuleState"].startswith("DELETING")} & {*arns}


def scalable_targets_there(aws: Clients, arns: list[str]) -> set[str]:
    client = aws("application-autoscaling")
    targets = pages(client, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs")
    return {target.get("ScalableTargetARN") for target in targets}.intersection(arns)


def secrets_there(aws: Clients, arns: list[str]) -> set[str]:
    """A secret that is scheduled for deletion is read by nobody and costs nothing."""

    def alive(arn: str) -> bool:
        answer = absent_as_none(
            lambda: aws("secretsmanager").describe_secret(SecretId=arn), "ResourceNotFoundException"
        )
        return answer is not None and "DeletedDate" not in answer

    return set(filter(alive, arns))


CHECKS: dict[tuple[str, str], Callable[[Clients, list[str]], set[str]]] = {
    ("ec2", ""): ec2_there,
    ("ecs", "task-definition"): definitions_there,
    ("ecs", "task"): tasks_there,
    ("ecs", "service"): services_there,
    ("ecs", "cluster"): clusters_there,
    ("logs", "log-group"): log_groups_there,
    ("logs", "delivery"): one_by_one(
        "logs", "get_delivery", lambda arn: {"id": arn.rpartition(":")[2]}, "ResourceNotFoundException"
    ),
    ("logs", "delivery-destination"): one_by_one(
        "logs", "get_delivery_destination", lambda arn: {"name": arn.rpartition(":")[2]}, "ResourceNotFoundException"
    ),
    ("logs", "delivery-source"): one_by_one(
        "logs", "get_delivery_source", lambda arn: {"name": arn.rpartition(":")[2]}, "ResourceNotFoundException"
    ),
    ("acm", "certificate"): one_by_one(
        "acm", "describe_certificate", lambda arn: {"CertificateArn": arn}, "ResourceNotFoundException"
    ),
    ("cloudwatch", "alarm"): alarms_there,
    ("sns", ""): one_by_one("sns", "get_topic_attributes", lambda arn: {"TopicArn": arn}, "NotFound"),
    ("application-autoscaling", "scalable-target"): scalable_targets_there,
    ("elasticloadbalancing", "loadbalancer"): one_by_one(
        "elbv2", "describe_load_balancers", lambda arn: {"LoadBalancerArns": [arn]}, "LoadBalancerNotFound"
    ),
    ("elasticloadbalancing", "targetgroup"): one_by_one(
        "elbv2", "describe_target_groups", lambda arn: {"TargetGroupArns": [arn]}, "TargetGroupNotFound"
    ),
    ("elasticloadbalancing", "listener"): one_by_one(
        "elbv2", "describe_listeners", lambda arn: {"ListenerArns": [arn]}, "ListenerNotFound", "LoadBalancerNotFound"
    ),
    ("elasticloadbalancing", "listener-rule"): one_by_one(
        "elbv2", "describe_rules", lambda arn: {"RuleArns": [arn]}, "RuleNotFound", "ListenerNotFound"
    ),
    ("ecr", "repository"): one_by_one(
        "ecr",
        "describe_repositories",
        lambda arn: {"repositoryNames": [arn.partition("repository/")[2]]},
        "RepositoryNotFoundException",
    ),
    ("cloudfront", "distribution"): one_by_one(
        "cloudfront", "get_distribution", lambda arn: {"Id": tail(arn)}, "NoSuchDistribution"
    ),
    ("secretsmanager", "secret"): secrets_there,
    ("ssm", "parameter"): one_by_one(
        "ssm", "get_parameter", lambda arn: {"Name": arn.partition(":parameter")[2]}, "ParameterNotFound"
    ),
    ("cloudfront", "vpcorigin"): one_by_one(
        "cloudfront", "get_vpc_origin", lambda arn: {"Id": tail(arn)}, "EntityNotFound"
    ),
    ("servicediscovery", "namespace"): one_by_one(
        "servicediscovery", "get_namespace", lambda arn: {"Id": tail(arn)}, "NamespaceNotFound"
    ),
    ("s3", ""): one_by_one("s3", "head_bucket", lambda arn: {"Bucket": arn.rpartition(":")[2]}, "404", "NoSuchBucket"),
    ("cloudtrail", "trail"): one_by_one("cloudtrail", "get_trail", lambda arn: {"Name": arn}, "TrailNotFoundException"),
    ("config", "config-rule"): config_rules_there,
    ("securityhub", "hub"): one_by_one("securityhub", "describe_hub", lambda arn: {"HubArn": arn}, *NOT_SUBSCRIBED),
    ("wafv2", "global"): web_acls_there,
    ("iam", "role"): one_by_one("iam", "get_role", lambda arn: {"RoleName": tail(arn)}, "NoSuchEntity"),
}
