# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role `vpc` on a running embedded AWS, without the rest of a stack: on, again, changed, and off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.census import census
from support.embedded import EmbeddedAws
from support.role import Role

NETWORK = "The network stands"
GROUP = "The record of the traffic has a log group"
NO_RECORD = ["No role writes a record of the traffic", "No log group keeps a record of the traffic"]
WRITER = "The role writes the record and nothing else"


def test_on_again_changed_and_off(embedded_aws: EmbeddedAws, tmp_path: Any) -> None:
    role = Role("vpc", embedded_aws, tmp_path, {"amica_name": "wired"}, afterwards=("vpc/purge",))
    off = replace(role, given={**role.given, "vpc_state": "absent"}, afterwards=())
    empty = census(embedded_aws)
    assert role(check=True) == [NETWORK]
    assert census(embedded_aws) == empty, "check mode wrote something"
    assert role() == [NETWORK]
    plain = census(embedded_aws)
    assert role() == []

    changed = {
        "vpc_network_mode": "nat_per_zone",
        "vpc_network_acls": "true",
        "vpc_availability_zone_count": "3",
        "vpc_endpoints": ["s3"],
        "vpc_flow_logs": "cloudwatch",
    }
    assert role(changed, check=True) == [GROUP, WRITER, NETWORK]
    assert census(embedded_aws) == plain
    assert role(changed) == [GROUP, WRITER, NETWORK]
    stands = census(embedded_aws)
    assert len(stands["ec2 describe_nat_gateways"]) == 3
    assert stands["logs describe_log_groups"] == ["/vpc/wired-flow-logs"]
    assert role(changed) == []

    foreseen = role(check=True)
    assert census(embedded_aws) == stands
    assert role() == foreseen == [NETWORK, NETWORK, *NO_RECORD]
    assert census(embedded_aws) == plain
    assert role() == []

    role(changed)
    stands = census(embedded_aws)
    foreseen = off(check=True)
    assert census(embedded_aws) == stands
    assert off() == foreseen == ["The network is gone", *NO_RECORD]
    assert census(embedded_aws) == empty
    assert off() == []
