# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants beside an application, as the roles make them on a running embedded AWS without the rest of a stack."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.module import Module
from support.role import Role
from support.run_module import run_module
from support.small_service import SmallService

NAME = "varied"
GROUP = "The target group checks the tasks' health"
BALANCER = "The load balancer forwards to the target group"
RULES = "Visitors come to the variants"
REVISION = ["The task definition says what runs", "The service runs the task definition"]
GONE = [
    "The services of variants of before are gone",
    "The task definitions of variants of before are gone",
    "The target groups of variants of before are gone",
]
HEADER = "X-Chat-Variant"
SHORT = {"name": "short", "weight": "50", "environment": {"VERSION": "short"}}
BETA = {"name": "beta", "header": {"name": HEADER, "values": ["beta"]}, "environment": {"VERSION": "beta"}}
AFTERWARDS = ("amica/ready", "ecs_fargate/purge", "alb/purge")


@pytest.fixture(scope="module")
def parts(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    """What the stack stands on: network, image, log group."""
    made = SmallService(embedded_aws, "contract-variants")
    made.client("logs").create_log_group(logGroupName=made.group)
    yield made
    made.client("logs").delete_log_group(logGroupName=made.group)
    made.client("ecr").delete_repository(repositoryName=made.name, force=True)


@pytest.fixture(scope="module")
def stack(embedded_aws: EmbeddedAws, parts: SmallService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Role]:
    """The roles `alb` and `ecs_fargate`, the wait for what they started, and what follows it."""
    ec2 = parts.client("ec2")
    vpc = ec2.describe_subnets(SubnetIds=parts.subnets)["Subnets"][0]["VpcId"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    given = {
        "amica_name": NAME,
        "amica_http_port": parts.port,
        "amica_edge_secrets": [],
        "alb_vpc_id": vpc,
        "alb_subnet_ids": parts.subnets,
        "alb_security_group_ids": [groups[0]["GroupId"]],
        "alb_health_check_interval": 10,
        "alb_deregistration_delay": 10,
        "ecs_fargate_image": f"{parts.repository}@{parts.image}",
        "ecs_fargate_repository_arn": "",
        "ecs_fargate_log_group": parts.group,
        "ecs_fargate_subnet_ids": parts.subnets,
        "ecs_fargate_security_group_ids": [],
        "ecs_fargate_environment": {"VERSION": "main"},
    }
    folder = tmp_path_factory.mktemp("stack")
    made = Role("alb ecs_fargate", embedded_aws, folder, given, afterwards=AFTERWARDS)
    made()
    yield made
    Role("ecs_fargate alb", embedded_aws, folder, given)({"amica_state": "absent"})
    assert told(embedded_aws)["absent"], told(embedded_aws)["exists"]


def told(embedded_aws: EmbeddedAws) -> dict[str, Any]:
    stack: dict[str, Any] = run_module("stack_info", {**embedded_aws.options, "name": NAME})["stack"]
    return stack


def ask(parts: SmallService, **fields: str) -> tuple[str, Message]:
    """Who answers, and the head of the answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{parts.port}/", headers=fields)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def cookies(head: Message) -> str:
    return "; ".join(one.partition(";")[0] for one in head.get_all("Set-Cookie", ()))


def visitors(parts: SmallService) -> set[str]:
    return {ask(parts)[0] for _ in range(40)}


def left(parts: SmallService) -> list[str]:
    """Names of target groups, services and families of variants."""
    groups = parts.client("elbv2").describe_target_groups()["TargetGroups"]
    arns = parts.client("ecs").list_services(cluster=f"{NAME}-cluster")["serviceArns"]
    arns += parts.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    found = [group["TargetGroupName"] for group in groups] + [arn.rpartition("/")[2] for arn in arns]
    return sorted(name for name in found if name.startswith((f"{NAME}-tg-", f"{NAME}-service-", f"{NAME}-task-")))


@pytest.mark.usefixtures("stack")
def test_the_rules_come_and_go(parts: SmallService, embedded_aws: EmbeddedAws) -> None:
    main = told(embedded_aws)["target_group"]["arn"]
    rules = Module(
        "elb_variant_rules",
        {
            **embedded_aws.options,
            "load_balancer": f"{NAME}-alb",
            "port": parts.port,
            "target_group": main,
            "variants": {"one": main},
            "headers": {"one": {"name": "X-One", "values": ["1"]}},
        },
    )
    rules.comes_and_goes()
    rules.changes_once(headers={"one": {"name": "X-One", "values": ["1", "2"]}})
    assert rules(state="absent")["changed"]


def test_variants_are_on_again_changed_and_off(stack: Role, parts: SmallService, embedded_aws: EmbeddedAws) -> None:
    assert visitors(parts) == {"main"}
    on = {"amica_variants": [SHORT, BETA]}
    foreseen = stack(on, check=True)
    assert left(parts) == [], "check mode wrote something"
    assert stack(on) == foreseen == [GROUP, RULES, *REVISION, RULES]
    variants = told(embedded_aws)["variants"]
    assert {name: (one["percent"], one["serves"]) for name, one in variants.items()} == {
        "beta": (0, True),
        "short": (50, True),
    }
    assert variants["beta"]["header"] == BETA["header"]
    assert visitors(parts) == {"main", "short"}
    who, head = ask(parts)
    assert {ask(parts, Cookie=cookies(head))[0] for _ in range(20)} == {who}, "a visitor stays"
    assert {ask(parts, **{HEADER: "beta"})[0] for _ in range(5)} == {"beta"}
    assert ask(parts, **{HEADER: "other"})[0] in ("main", "short")
    assert stack(on) == []

    # A secret header, without which nobody passes, is asked for in each rule.
    changed = {
        "amica_variants": [{**SHORT, "weight": 1}, {**BETA, "environment": {"VERSION": "two"}, "desired_count": 2}],
        "amica_edge_secrets": ["not to be guessed"],
    }
    assert stack(changed) == [BALANCER, RULES, *REVISION]
    variants = told(embedded_aws)["variants"]
    assert (variants["short"]["percent"], variants["beta"]["service"]["running_count"]) == (1, 2)
    assert ask(parts, **{HEADER: "beta", "X-Amica-Edge": "not to be guessed"})[0] == "two"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(parts, **{HEADER: "beta"})

    foreseen = stack(check=True)
    assert stack() == foreseen == [BALANCER, RULES, *GONE]
    assert left(parts) == []
    assert told(embedded_aws)["variants"] == {}
    assert visitors(parts) == {"main"}


def test_a_variant_that_does_not_come_up_ends_the_run_and_has_no_visitors(
    stack: Role, parts: SmallService, embedded_aws: EmbeddedAws
) -> None:
    broken = {"amica_variants": [{**SHORT, "environment": {"CRASH": "3"}}]}
    with pytest.raises(AssertionError, match=rf"{NAME}-service-short"):
        stack(broken)
    variant = told(embedded_aws)["variants"]["short"]
    assert (variant["percent"], variant["serves"], variant["service"]["rollout_state"]) == (0, False, "FAILED")
    assert visitors(parts) == {"main"}
    assert stack({"amica_variants": [SHORT]}) == [*REVISION, RULES]
    assert visitors(parts) == {"main", "short"}
