# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an embedded AWS: started, stopped, killed, reset; and how long new resources take."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support.embedded import EmbeddedAws
from support.machine import free_port

# Real seconds, and MB.
START_LIMIT = 3.0
MEMORY_LIMIT = 150


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    made = EmbeddedAws(tmp_path_factory.mktemp("life"), free_port())
    yield made
    made.command("stop")


def groups(aws: EmbeddedAws) -> list[str]:
    return [group["logGroupName"] for group in aws.client("logs").describe_log_groups()["logGroups"]]


def test_it_starts_once_and_keeps_what_it_holds(aws: EmbeddedAws) -> None:
    first = aws.start()
    assert (first["changed"], first["running"], first["runtime"]) == (True, True, "processes")
    assert {**aws.start(), "changed": True} == first
    aws.client("logs").create_log_group(logGroupName="/kept")
    assert aws.command("stop")["changed"]
    assert aws.command("stop") == aws.command("status")
    started = time.monotonic()
    assert aws.start()["changed"]
    assert time.monotonic() - started < START_LIMIT * (1 + max(0.0, os.getloadavg()[0] - 2))
    assert groups(aws) == ["/kept"]


def test_it_is_small(aws: EmbeddedAws) -> None:
    status = Path(f"/proc/{aws.start()['pid']}/status")
    if not status.exists():
        pytest.skip("this system has no /proc")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    assert int(line.split()[1]) < MEMORY_LIMIT * 1024


def test_other_options_start_it_anew(aws: EmbeddedAws) -> None:
    before = aws.start()["pid"]
    done = aws.run("start", "--port", str(aws.port), "--region", aws.region, "--runtime", "processes")
    assert "Starting the embedded AWS anew: clock_speed changed." in done.stderr
    assert aws.command("status")["pid"] != before


def test_it_listens_on_the_loopback_address_only(aws: EmbeddedAws) -> None:
    aws.start()
    with socket.socket() as other:
        other.bind(("127.0.0.2", aws.port))


def test_a_killed_one_is_started_again(aws: EmbeddedAws) -> None:
    os.kill(aws.start()["pid"], signal.SIGKILL)
    time.sleep(0.2)
    assert not aws.command("status")["running"]
    assert aws.start()["changed"]
    assert groups(aws) == ["/kept"]


def test_a_half_made_environment_is_mended(aws: EmbeddedAws) -> None:
    aws.command("stop")
    (aws.home / "venv" / "complete").unlink()
    assert aws.start()["running"]


def test_two_cannot_have_one_port(aws: EmbeddedAws, tmp_path: Path) -> None:
    aws.start()
    done = EmbeddedAws(tmp_path, aws.port).run("start", "--port", str(aws.port))
    assert done.returncode == 1
    assert f"Port {aws.port} on 127.0.0.1 is taken by another embedded AWS" in done.stderr


def test_reset_empties_it_and_it_runs_on(aws: EmbeddedAws) -> None:
    pid = aws.start()["pid"]
    aws.client("ecr").create_repository(repositoryName="some")
    assert aws.command("reset")["changed"]
    assert aws.command("status")["pid"] == pid
    assert groups(aws) == aws.client("ecr").describe_repositories()["repositories"] == []


def test_new_resources_take_as_long_as_they_are_told(aws: EmbeddedAws) -> None:
    aws.start("--delay", "alb=20", "nat=20")
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    balancer = elb.create_load_balancer(Name="slow", Subnets=[subnet])["LoadBalancers"][0]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]
    assert (balancer["State"]["Code"], gateway["State"]) == ("provisioning", "pending")
    time.sleep(2.1)
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (gateway,) = ec2.describe_nat_gateways()["NatGateways"]
    assert (balancer["State"]["Code"], gateway["State"]) == ("active", "available")


def test_a_vpc_origin_needs_a_load_balancer_that_is_active(aws: EmbeddedAws) -> None:
    aws.start("--delay", "alb=100000")
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    (balancer,) = aws.client("elbv2").create_load_balancer(Name="coming", Subnets=[subnet])["LoadBalancers"]
    endpoint = {
        "Name": "early",
        "Arn": balancer["LoadBalancerArn"],
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "http-only",
    }
    with pytest.raises(ClientError, match="must be active"):
        aws.client("cloudfront").create_vpc_origin(VpcOriginEndpointConfig=endpoint)
