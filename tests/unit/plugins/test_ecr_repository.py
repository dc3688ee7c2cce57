from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecr_repository import AWS_DEFAULTS
from ansible_collections.amica.stack.plugins.module_utils._ecr_repository import canonical_policy
from ansible_collections.amica.stack.plugins.module_utils._ecr_repository import encryption_problem
from ansible_collections.amica.stack.plugins.module_utils._ecr_repository import wanted_settings

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234"


def rule(priority: Any, count: Any, *prefixes: str) -> dict[str, Any]:
    selection = {"tagStatus": "tagged", "tagPrefixList": list(prefixes), "countNumber": count}
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


def test_policies_that_mean_the_same_are_equal() -> None:
    first = {"rules": [rule("2", "5", "a", "b"), rule(1, 9)]}
    second = {"rules": [rule(1, 9), rule(2, 5, "b", "a")]}
    assert canonical_policy(first) == canonical_policy(second)
    assert canonical_policy(first) != canonical_policy({"rules": [rule(1, 9), rule(2, 6, "a", "b")]})


@pytest.mark.parametrize("empty", [None, {}, {"rules": []}])
def test_no_rules_is_no_policy(empty: dict[str, Any] | None) -> None:
    assert canonical_policy(empty) is None


def test_what_is_not_given_stays() -> None:
    current = {**AWS_DEFAULTS, "scan_on_push": True, "tags": {"a": "1"}}
    assert wanted_settings({"immutable_tags": True, "tags": None}, current) == {**current, "immutable_tags": True}
    assert wanted_settings({}, None) == AWS_DEFAULTS


def test_tags_replace_or_join() -> None:
    current = {**AWS_DEFAULTS, "tags": {"a": "1"}}
    assert wanted_settings({"tags": {"b": 2}, "purge_tags": True}, current)["tags"] == {"b": "2"}
    assert wanted_settings({"tags": {"b": 2}, "purge_tags": False}, current)["tags"] == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("current", "wanted", "same"),
    [
        (("AES256", None), ("AES256", None), True),
        (("AES256", None), ("KMS", None), False),
        (("KMS", KEY), ("KMS", None), True),
        (("KMS", KEY), ("KMS", KEY), True),
        (("KMS", KEY), ("KMS", "1234"), True),
        (("KMS", KEY), ("KMS", "alias/mine"), True),
        (("KMS", KEY), ("KMS", "4321"), False),
        (("KMS", KEY), ("AES256", None), False),
    ],
)
def test_encryption_cannot_be_changed(current: tuple[str, str], wanted: tuple[str, str], same: bool) -> None:
    names = ("encryption_type", "kms_key")
    problem = encryption_problem("r", dict(zip(names, current, strict=True)), dict(zip(names, wanted, strict=True)))
    assert (problem is None) is same
