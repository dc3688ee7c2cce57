from __future__ import annotations

import pytest
from ansible_collections.amica.stack.plugins.module_utils._network import ZoneSubnet
from ansible_collections.amica.stack.plugins.module_utils._network import zone_subnets

ZONES = ["ap-southeast-1a", "ap-southeast-1b", "ap-southeast-1c"]


def test_each_zone_gets_a_sixteenth() -> None:
    assert zone_subnets(ZONES, "10.0.0.0/16", 2) == [
        ZoneSubnet("ap-southeast-1a", "10.0.0.0/20"),
        ZoneSubnet("ap-southeast-1b", "10.0.16.0/20"),
    ]


def test_a_larger_count_leaves_the_first_subnets_alone() -> None:
    assert zone_subnets(ZONES, "10.0.0.0/16", 3)[:2] == zone_subnets(ZONES, "10.0.0.0/16", 2)


def test_more_zones_than_the_region_has_are_refused() -> None:
    with pytest.raises(ValueError, match="3 availability zones"):
        zone_subnets(ZONES, "10.0.0.0/16", 4)
