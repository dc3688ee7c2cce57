# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One wait for several slow things: each is looked at meanwhile, and the first certain failure ends it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Clock
from ansible_collections.amica.stack.plugins.module_utils._ready import Join
from ansible_collections.amica.stack.plugins.module_utils._ready import ReadyError
from ansible_collections.amica.stack.plugins.module_utils._ready import States
from ansible_collections.amica.stack.plugins.module_utils._ready import kind_of
from ansible_collections.amica.stack.plugins.module_utils._ready import name_of
from botocore.exceptions import ClientError
from support.fake_clock import FakeClock

BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/amica-alb/0123456789abcdef"
DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/E2QWRUHAPOMQZL"
ORIGIN = "arn:aws:cloudfront::123456789012:vpcorigin/vo_1234567890"
# Thing -> when it changes, in seconds, into what.
SLOW = {
    BALANCER: {0: "provisioning", 150: "active"},
    "nat-1": {0: "pending", 90: "available"},
    DISTRIBUTION: {0: "InProgress", 240: "Deployed"},
    ORIGIN: {0: "Deploying", 300: "Deployed"},
}


class Story:
    """AWS as a timetable, by a clock that only sleeping moves."""

    def __init__(self, timetable: dict[str, dict[int, str]]) -> None:
        self.timetable, self.clock, self.lines = timetable, FakeClock(), list[str]()
        self.join = Join(list(timetable), self.look, Clock(self.clock.now, self.clock.sleep), self.lines.append)

    def look(self, asked: Iterable[str]) -> States:
        return {
            one: [state for at, state in self.timetable[one].items() if at <= self.clock.now()][-1] for one in asked
        }


def test_the_wait_is_as_long_as_the_slowest() -> None:
    story = Story(SLOW)
    story.join.finish(1800)
    assert 300 <= story.clock.now() < 303
    waited = {one["name"]: one["waited"] for one in story.join.result()}
    assert waited == {
        "load balancer amica-alb": pytest.approx(150, abs=2.1),
        "NAT gateway nat-1": pytest.approx(90, abs=2.1),
        "CloudFront distribution E2QWRUHAPOMQZL": pytest.approx(240, abs=2.1),
        "VPC origin vo_1234567890": pytest.approx(300, abs=2.1),
    }
    assert story.lines[0] == "0:00 load balancer amica-alb provisioning"
    assert story.lines[-1] == "5:00 VPC origin vo_1234567890 Deployed"
    assert len(story.lines) == 8


def test_what_sleeps_elsewhere_looks_meanwhile() -> None:
    story = Story(SLOW)
    for _ in range(10):
        story.join.sleep(31.5)
    assert story.join.missing == []
    assert story.clock.now() == 315
    story.join.finish(1800)
    assert story.clock.now() == 315


def test_what_is_ready_is_not_asked_for_again() -> None:
    story = Story({"nat-1": {0: "available"}})
    story.join.finish(1800)
    assert (story.join.looks, story.clock.now()) == (1, 0)
    story.join.sleep(100)
    assert story.join.looks == 1


def test_one_look_without_patience() -> None:
    story = Story(SLOW)
    with pytest.raises(ReadyError, match=r"Not ready after 0 s: load balancer amica-alb \(provisioning\), NAT"):
        story.join.finish(0)
    assert (story.join.looks, story.clock.now()) == (1, 0)


@pytest.mark.parametrize("state", ["failed", "deleting", "gone"])
def test_a_certain_failure_ends_the_wait_whoever_sleeps(state: str) -> None:
    story = Story({"nat-1": {0: "pending", 20: state}, BALANCER: {0: "provisioning"}})
    with pytest.raises(ReadyError, match=f"The NAT gateway nat-1 is {state} and will not be ready"):
        story.join.sleep(1000)
    assert story.clock.now() == 20


def test_aws_in_trouble_is_said_once_and_waited_for() -> None:
    story = Story({"nat-1": {0: "available"}})

    def look(asked: Iterable[str]) -> States:
        if story.clock.now() < 20:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "DescribeNatGateways")
        return story.look(asked)

    story.join.look = look
    story.join.finish(60)
    assert [line[:30] for line in story.lines] == ["0:00 AWS cannot be asked: AWS ", "0:20 NAT gateway nat-1 availab"]


def test_a_mistake_is_no_trouble() -> None:
    def look(asked: Iterable[str]) -> States:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "no"}}, "DescribeLoadBalancers")

    join = Story(SLOW).join
    join.look = look
    with pytest.raises(ClientError):
        join.finish(60)


def test_ids_tell_what_a_thing_is() -> None:
    assert [name_of(one).rpartition(" ")[0] for one in (*SLOW, "vpce-1")] == [
        "load balancer",
        "NAT gateway",
        "CloudFront distribution",
        "VPC origin",
        "VPC endpoint",
    ]
    assert kind_of("amica-alb-known-after-apply") is None
