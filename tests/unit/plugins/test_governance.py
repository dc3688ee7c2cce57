"""What an account's settings become when a stack adds its share, and when it takes it away."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils import _config_rules
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import replication_regions
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import replication_rules
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import scan_frequency
from ansible_collections.amica.stack.plugins.module_utils._ecr_registry import scanning_rules
from ansible_collections.amica.stack.plugins.module_utils._log_bucket import LogBucket
from ansible_collections.amica.stack.plugins.module_utils._log_bucket import config_statements
from ansible_collections.amica.stack.plugins.module_utils._security_hub import live
from ansible_collections.amica.stack.plugins.module_utils._security_hub import standard_arn

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


@pytest.mark.parametrize(
    ("name", "identifier", "state", "mine"),
    [
        ("amica-ecs-containers-nonprivileged", "ECS_CONTAINERS_NONPRIVILEGED", "ACTIVE", True),
        ("amica-ecs-containers-nonprivileged", "ECS_CONTAINERS_NONPRIVILEGED", "DELETING", False),
        ("amica-two-ecs-containers-nonprivileged", "ECS_CONTAINERS_NONPRIVILEGED", "ACTIVE", False),
        ("amica-something-of-somebody", "ECS_CONTAINERS_NONPRIVILEGED", "ACTIVE", False),
    ],
)
def test_whose_a_rule_is(name: str, identifier: str, state: str, mine: bool) -> None:
    rule = {"ConfigRuleName": name, "Source": {"SourceIdentifier": identifier}, "ConfigRuleState": state}
    assert _config_rules.is_mine(rule, "amica") is mine


def standing(recorder: str | None = None, channel: str | None = None) -> _config_rules.Standing:
    return _config_rules.Standing(
        rules={},
        recorder={"name": recorder} if recorder else None,
        recording=recorder is not None,
        channel={"name": channel, "s3BucketName": f"{channel}-bucket"} if channel else None,
        bucket={},
    )


@pytest.mark.parametrize(
    ("found", "types", "place", "makes_bucket"),
    [
        (standing(), [], "amica-config", True),
        (standing(), ["AWS::S3::Bucket"], "amica-config", True),
        (standing(recorder="amica-recorder", channel="amica-recorder"), [], "amica-config", True),
        (standing(channel="left-over"), [], "left-over-bucket", False),
        (standing(recorder="default", channel="default"), [], None, False),
    ],
    ids=["nothing", "types", "own", "a channel of somebody", "a recorder of somebody"],
)
def test_what_config_becomes(
    found: _config_rules.Standing, types: list[str], place: str | None, makes_bucket: bool
) -> None:
    writers = config_statements("amica-config", ACCOUNT, "aws")
    bucket = LogBucket("amica-config", writers, 365, "eu-west-1", "aws", {})
    wanted = _config_rules.Wanted("amica", {"ECS_X": {"port": 80}}, types, bucket, ACCOUNT, {"amica:stack": "amica"})
    after = _config_rules.after_present(wanted, found)
    assert after["rules"]["ECS_X"] == {
        "parameters": {"port": "80"},
        "scope": {"TagKey": "amica:stack", "TagValue": "amica"},
        "tags": {"amica:stack": "amica"},
    }
    assert after["recorder"].get("bucket") == place
    assert after["recorder"].get("types") == ((types or ["all"]) if place else None)
    assert bool(after["bucket"]) is makes_bucket


def test_standards_by_the_end_of_their_arns() -> None:
    arns = {
        "cis-aws-foundations-benchmark/v/1.2.0": "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0",
        "pci-dss/v/3.2.1": standard_arn("pci-dss/v/3.2.1", "aws", "eu-west-1"),
    }
    found = [
        {"StandardsArn": arn, "StandardsSubscriptionArn": name, "StandardsStatus": "READY"}
        for name, arn in arns.items()
    ]
    assert live(found) == {name: name for name in arns}
    assert live([{**found[0], "StandardsStatus": "DELETING"}]) == {}
