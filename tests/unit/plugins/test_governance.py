"""What an account's settings become when a stack adds its share, and when it takes it away."""

from __future__ import annotations

from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import replication_regions
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import replication_rules
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import scan_frequency
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import scanning_rules

ACCOUNT = "111122223333"


def scanning(frequency: str, *names: str) -> dict[str, Any]:
    filters = [{"filter": name, "filterType": "WILDCARD"} for name in names]
    return {"scanFrequency": frequency, "repositoryFilters": filters}


def copying(region: str, *names: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"destinations": [{"region": region, "registryId": ACCOUNT}]}
    if names:
        rule["repositoryFilters"] = [{"filter": name, "filterType": "PREFIX_MATCH"} for name in names]
    return rule


def test_a_repository_joins_the_scanning_rules_and_leaves_them() -> None:
    others = [scanning("CONTINUOUS_SCAN", "prod*"), scanning("SCAN_ON_PUSH", "amica-*", "shop")]
    joined = scanning_rules(others, "amica-stack", "SCAN_ON_PUSH")
    assert joined == [others[0], scanning("SCAN_ON_PUSH", "amica-*", "shop", "amica-stack")]
    assert scan_frequency(joined, "amica-stack") == "SCAN_ON_PUSH"
    moved = scanning_rules(joined, "amica-stack", "CONTINUOUS_SCAN")
    assert moved == [scanning("CONTINUOUS_SCAN", "prod*", "amica-stack"), others[1]]
    assert scanning_rules(moved, "amica-stack", None) == others
    assert scan_frequency(others, "amica-stack") is None, "a pattern that matches is somebody else's"


def test_a_rule_that_was_the_repository_s_alone_goes() -> None:
    alone = scanning_rules([], "amica-stack", "SCAN_ON_PUSH")
    assert alone == [scanning("SCAN_ON_PUSH", "amica-stack")]
    assert scanning_rules(alone, "amica-stack", None) == []


def test_replication_rules_of_others_stay() -> None:
    others = [copying("us-east-1"), copying("eu-west-1", "amica"), copying("eu-west-1", "amica-stack", "shop")]
    joined = replication_rules(others, "amica-stack", ["eu-west-1", "eu-central-1"], ACCOUNT)
    assert joined[:3] == others
    assert replication_regions(joined, "amica-stack") == ["eu-central-1", "eu-west-1"]
    assert replication_regions(others, "amica-stack") == []
    assert replication_rules(joined, "amica-stack", [], ACCOUNT) == others
