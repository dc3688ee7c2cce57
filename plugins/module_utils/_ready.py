# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for several slow things at once: what AWS sets up after it was asked, and beside it a deployment.

There is one thread: whoever watches the deployment sleeps with `Join.sleep`, and meanwhile the other things are looked
at. Clock and sleep are given.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import sentence
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import elapsed_time
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Clock
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble
from ansible_collections.amica.stack.plugins.module_utils._trouble import trouble_of

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError

# Seconds between two looks at what is not ready yet.
PAUSE = 2.0
READY = frozenset({"available", "active", "active_impaired", "deployed"})
HOPELESS = frozenset({"failed", "deleting", "deleted", "rejected", "expired", "gone"})
PASSING = (Trouble.THROTTLED, Trouble.OUTAGE)

States = dict[str, str]


class ReadyError(Exception):
    """What will not be ready, or not in time, as a sentence."""


@dataclass(frozen=True)
class Kind:
    """How one kind of thing is known by its id or ARN, what it is called, and how all of them are asked for at once."""

    pattern: re.Pattern[str]
    title: str
    read: Callable[[Callable[..., Any], Sequence[str]], States]


def tail(arn: str) -> str:
    return arn.rpartition("/")[2]


def load_balancers(aws: Callable[..., Any], arns: Sequence[str]) -> States:
    listed = aws("elbv2").describe_load_balancers(LoadBalancerArns=list(arns))["LoadBalancers"]
    return {one["LoadBalancerArn"]: one["State"]["Code"] for one in listed}


def nat_gateways(aws: Callable[..., Any], ids: Sequence[str]) -> States:
    listed = aws("ec2").describe_nat_gateways(NatGatewayIds=list(ids))["NatGateways"]
    return {one["NatGatewayId"]: one["State"] for one in listed}


def endpoints(aws: Callable[..., Any], ids: Sequence[str]) -> States:
    listed = aws("ec2").describe_vpc_endpoints(VpcEndpointIds=list(ids))["VpcEndpoints"]
    return {one["VpcEndpointId"]: one["State"] for one in listed}


def distributions(aws: Callable[..., Any], arns: Sequence[str]) -> States:
    return {arn: aws("cloudfront").get_distribution(Id=tail(arn))["Distribution"]["Status"] for arn in arns}


def vpc_origins(aws: Callable[..., Any], arns: Sequence[str]) -> States:
    return {arn: aws("cloudfront").get_vpc_origin(Id=tail(arn))["VpcOrigin"]["Status"] for arn in arns}


KINDS = (
    Kind(re.compile(r"arn:[a-z-]+:elasticloadbalancing:.+:loadbalancer/.+"), "load balancer", load_balancers),
    Kind(re.compile(r"nat-.+"), "NAT gateway", nat_gateways),
    Kind(re.compile(r"vpce-.+"), "VPC endpoint", endpoints),
    Kind(re.compile(r"arn:[a-z-]+:cloudfront:.+:distribution/.+"), "CloudFront distribution", distributions),
    Kind(re.compile(r"arn:[a-z-]+:cloudfront:.+:vpcorigin/.+"), "VPC origin", vpc_origins),
)


def kind_of(resource: str) -> Kind | None:
    """The kind that an id or ARN is of; None if it is none that can be waited for."""
    return next((kind for kind in KINDS if kind.pattern.fullmatch(resource)), None)


def name_of(resource: str) -> str:
    """What a person knows it by: `load balancer amica-alb`."""
    kind = kind_of(resource)
    short = resource.split("/")[2] if ":loadbalancer/" in resource else tail(resource)
    return f"{kind.title} {short}" if kind else short


def states(aws: Callable[..., Any], resources: Iterable[str]) -> States:
    """AWS's word for the state of each, one call for all of a kind where AWS has one. What is not there is `gone`."""
    asked = list(resources)
    found: States = {}
    for kind in KINDS:
        mine = [resource for resource in asked if kind.pattern.fullmatch(resource)]
        if mine:
            try:
                found |= kind.read(aws, mine)
            except ClientError as error:
                if "NotFound" not in str(error.response.get("Error", {}).get("Code")):
                    raise
    return {resource: found.get(resource, "gone") for resource in asked}


@dataclass
class Join:
    """Looks at things until all are ready.

    :param look: ids -> their states in AWS's words.
    :param tell: gets a line for each change, beginning with minutes and seconds.
    """

    resources: Sequence[str]
    look: Callable[[Iterable[str]], States]
    clock: Clock
    tell: Callable[[str], None]
    # Of each thing its last state, and of what is ready after how many seconds it was seen to be.
    seen: States = field(default_factory=dict)
    waited: dict[str, float] = field(default_factory=dict)
    progress: list[str] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.start = self.clock.now()
        self.due = self.start
        self.troubled = False

    @property
    def missing(self) -> list[str]:
        return [resource for resource in self.resources if resource not in self.waited]

    def say(self, text: str) -> None:
        line = f"{elapsed_time(self.clock.now() - self.start)} {text}"
        self.progress.append(line)
        self.tell(line)

    def look_now(self) -> None:
        """:raises ReadyError: when a thing will never be ready."""
        self.looks += 1
        self.due = self.clock.now() + PAUSE
        try:
            found = self.look(self.missing)
        except (ClientError, BotoCoreError) as error:
            if trouble_of(error) not in PASSING:
                raise
            if not self.troubled:
                self.say(f"AWS cannot be asked: {sentence(error)}")
            self.troubled = True
            return
        self.troubled = False
        for resource, state in found.items():
            if self.seen.get(resource) != state:
                self.say(f"{name_of(resource)} {state}")
            self.seen[resource] = state
            if state.lower() in HOPELESS:
                raise ReadyError(f"The {name_of(resource)} is {state} and will not be ready")
            if state.lower() in READY:
                self.waited[resource] = self.clock.now() - self.start

    def sleep(self, seconds: float) -> None:
        """Pass this time with looking at what is not ready yet."""
        end = self.clock.now() + seconds
        while (now := self.clock.now()) < end:
            if self.missing and now >= self.due:
                self.look_now()
            else:
                self.clock.sleep((min(end, self.due) if self.missing else end) - now)

    def finish(self, timeout: float) -> None:
        """Look until all are ready, or so many seconds have passed since the start.

        :raises ReadyError: when they are not.
        """
        end = self.start + timeout
        while self.missing:
            now = self.clock.now()
            if now >= self.due:
                self.look_now()
            elif now >= end:
                named = ", ".join(f"{name_of(one)} ({self.seen.get(one, 'not seen')})" for one in self.missing)
                raise ReadyError(f"Not ready after {timeout:g} s: {named}. Run again to go on waiting")
            else:
                self.clock.sleep(min(end, self.due) - now)

    def result(self) -> list[Mapping[str, Any]]:
        return [
            {"id": one, "name": name_of(one), "state": self.seen.get(one), "waited": round(self.waited[one], 1)}
            if one in self.waited
            else {"id": one, "name": name_of(one), "state": self.seen.get(one), "waited": None}
            for one in self.resources
        ]
