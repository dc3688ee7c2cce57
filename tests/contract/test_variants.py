# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants beside an application, as the roles make them on a running embedded AWS without the rest of a stack."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.module import Module
from support.role import Role
from support.run_module import stack_told
from support.small_service import SmallService
from support.small_service import foundations
from support.waiting import eventually

pytestmark = pytest.mark.long

NAME = "varied"
GROUP = "The target group checks the tasks' health"
BALANCER = "The load balancer forwards to the target group"
RULES = "Visitors come to the variants"
OPEN = "The rule for CloudFront's requests is gone where all may pass"
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
    with foundations(embedded_aws, "contract-variants") as made:
        yield made


@pytest.fixture(scope="module")
def stack(embedded_aws: EmbeddedAws, parts: SmallService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Role]:
    """The roles `alb` and `ecs_fargate`, the wait for what they started, and what follows it."""
    given = parts.stack(NAME)
    folder = tmp_path_factory.mktemp("stack")
    made = Role("alb ecs_fargate", embedded_aws, folder, given, afterwards=AFTERWARDS)
    made()
    yield made
    Role("cloudfront ecs_fargate alb", embedded_aws, folder, given)({"amica_state": "absent"})
    assert told(embedded_aws)["absent"], told(embedded_aws)["exists"]


def told(embedded_aws: EmbeddedAws) -> dict[str, Any]:
    return stack_told(embedded_aws.options, NAME)


def ask(port: int, **fields: str) -> tuple[str, Message]:
    """Who answers, and the head of the answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=fields)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def cookies(head: Message) -> str:
    return "; ".join(one.partition(";")[0] for one in head.get_all("Set-Cookie", ()))


def visitors(port: int, **fields: str) -> set[str]:
    return {ask(port, **fields)[0] for _ in range(40)}


def priorities(parts: SmallService) -> dict[str, list[str]]:
    """Those of the rules before the default one, by the listener's protocol."""
    elb = parts.client("elbv2")
    (balancer,) = elb.describe_load_balancers(Names=[f"{NAME}-alb"])["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = {one["Protocol"]: elb.describe_rules(ListenerArn=one["ListenerArn"])["Rules"] for one in listeners}
    return {
        protocol: sorted((one["Priority"] for one in found if not one["IsDefault"]), key=int)
        for protocol, found in rules.items()
    }


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
    assert visitors(parts.port) == {"main"}
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
    assert visitors(parts.port) == {"main", "short"}
    who, head = ask(parts.port)
    assert {ask(parts.port, Cookie=cookies(head))[0] for _ in range(20)} == {who}, "a visitor stays"
    assert {ask(parts.port, **{HEADER: "beta"})[0] for _ in range(5)} == {"beta"}
    assert ask(parts.port, **{HEADER: "other"})[0] in ("main", "short")
    assert stack(on) == []

    # A secret header, without which nobody passes, is asked for in each rule.
    changed = {
        "amica_variants": [{**SHORT, "weight": 1}, {**BETA, "environment": {"VERSION": "two"}, "desired_count": 2}],
        "amica_edge_secrets": ["not-to-be-guessed"],
    }
    assert stack(changed) == [BALANCER, RULES, *REVISION]
    variants = told(embedded_aws)["variants"]
    assert (variants["short"]["percent"], variants["beta"]["service"]["running_count"]) == (1, 2)
    assert ask(parts.port, **{HEADER: "beta", "X-Amica-Edge": "not-to-be-guessed"})[0] == "two"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(parts.port, **{HEADER: "beta"})

    foreseen = stack(check=True)
    assert stack() == foreseen == [BALANCER, RULES, OPEN, *GONE]
    assert (priorities(parts), left(parts)) == ({"HTTP": []}, [])
    assert told(embedded_aws)["variants"] == {}
    assert visitors(parts.port) == {"main"}


def test_a_variant_that_does_not_come_up_ends_the_run_and_has_no_visitors(
    stack: Role, parts: SmallService, embedded_aws: EmbeddedAws
) -> None:
    broken = {"amica_variants": [{**SHORT, "environment": {"CRASH": "3"}}]}
    with pytest.raises(AssertionError, match=rf"{NAME}-service-short"):
        stack(broken)
    variant = told(embedded_aws)["variants"]["short"]
    assert (variant["percent"], variant["serves"], variant["service"]["rollout_state"]) == (0, False, "FAILED")
    assert visitors(parts.port) == {"main"}
    assert stack({"amica_variants": [SHORT]}) == [*REVISION, RULES]
    assert visitors(parts.port) == {"main", "short"}


def test_variants_behind_cloudfront_alone_which_speaks_https(
    stack: Role, parts: SmallService, embedded_aws: EmbeddedAws
) -> None:
    zone = parts.client("route53").create_hosted_zone(Name="varied.example", CallerReference=NAME)["HostedZone"]["Id"]
    given = {**stack.given, "amica_https_port": free_port(), "amica_edge": "cloudfront_only"}
    edge = replace(stack, name="alb ecs_fargate cloudfront", given=given)
    varied = {"amica_variants": [SHORT, BETA]}
    on = {**varied, "alb_domain": "alb.varied.example", "amica_edge_secrets": ["not-to-be-guessed"]}
    foreseen = edge(on, check=True)
    assert edge(on) == foreseen
    assert priorities(parts) == {"HTTP": ["100"], "HTTPS": ["11", "20", "100"]}
    viewer = {"Host": told(embedded_aws)["distribution"]["domain_name"], "X-Forwarded-Proto": "https"}

    def everybody_comes() -> None:
        assert eventually(lambda: visitors(embedded_aws.port, **viewer) == {"main", "short"})
        who, head = ask(embedded_aws.port, **viewer)
        again = {**viewer, "Cookie": cookies(head)}
        assert visitors(embedded_aws.port, **again) == {who}, "a visitor stays"
        assert visitors(embedded_aws.port, **viewer, **{HEADER: "beta"}) == {"beta"}

    everybody_comes()
    assert edge(on) == []

    foreseen = edge(varied, check=True)
    assert edge(varied) == foreseen
    assert priorities(parts) == {"HTTP": ["11", "20"]}
    everybody_comes()
    parts.client("route53").delete_hosted_zone(Id=zone)


def test_variants_beside_the_target_group_to_which_blue_green_brought_the_traffic(
    stack: Role, parts: SmallService, embedded_aws: EmbeddedAws
) -> None:
    stack({"ecs_fargate_strategy": "blue_green", "ecs_fargate_environment": {"VERSION": "two"}})
    assert (priorities(parts), visitors(parts.port), left(parts)) == ({"HTTP": ["100"]}, {"two"}, [])

    varied = {"amica_variants": [SHORT, BETA], "ecs_fargate_environment": {"VERSION": "three"}}
    foreseen = stack(varied, check=True)
    assert stack(varied) == foreseen
    assert priorities(parts) == {"HTTP": ["11", "20", "100"]}
    assert visitors(parts.port) == {"three", "short"}
    assert visitors(parts.port, **{HEADER: "beta"}) == {"beta"}
    assert stack(varied) == []
    before = embedded_aws.actions()
    assert told(embedded_aws)["variants"]["short"]["percent"] == 50
    assert (embedded_aws.actions() - before)["elasticloadbalancing:DescribeRules"] == 1, "each listener is asked once"

    # The traffic moves to the other one, when no variant has a share of it any more.
    stack({"ecs_fargate_strategy": "blue_green", "ecs_fargate_environment": {"VERSION": "four"}})
    assert (priorities(parts), visitors(parts.port), left(parts)) == ({"HTTP": ["100"]}, {"four"}, [])

    # With the traffic in the first one, a service that rolls needs the second no more.
    foreseen = stack(varied, check=True)
    assert stack(varied) == foreseen
    assert (priorities(parts), visitors(parts.port)) == ({"HTTP": ["11", "20"]}, {"three", "short"})
    assert told(embedded_aws)["alternate_target_group"] is None
    assert told(embedded_aws)["roles"]["infrastructure"] is None
    assert stack(varied) == []
