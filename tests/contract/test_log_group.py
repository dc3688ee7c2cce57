"""A log group on a running embedded AWS: each change is one change, and check mode writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.module import Module
from support.run_module import ModuleFailed

NAME = "/contract/log-group"
TAGS = {"amica:stack": "contract", "amica:environment": "dev"}


@pytest.fixture
def group(embedded_aws: EmbeddedAws) -> Iterator[Module]:
    options = {**embedded_aws.options, "name": NAME, "retention_days": 14, "tags": TAGS}
    module = Module("cloudwatch_log_group", options)
    yield module
    module(state="absent")


def retention(clients: Any) -> int | None:
    groups = clients("logs").describe_log_groups(logGroupNamePrefix=NAME)["logGroups"]
    days: int | None = next(one.get("retentionInDays") for one in groups if one["logGroupName"] == NAME)
    return days


def test_a_log_group_comes_and_goes(group: Module) -> None:
    group.comes_and_goes()


@pytest.mark.parametrize(
    ("changes", "days"),
    [({"retention_days": 90}, 90), ({"retention_days": 0}, None), ({"tags": {"amica:environment": "rag"}}, 14)],
    ids=["longer", "for ever", "tags"],
)
def test_each_change_is_one(group: Module, clients: Any, changes: dict[str, Any], days: int | None) -> None:
    group()
    assert group(check=True, **changes)["changed"]
    assert retention(clients) == 14, "check mode wrote something"
    done = group.changes_once(**changes)
    assert retention(clients) == days
    assert done["log_group"]["tags"] == changes.get("tags", TAGS)


def test_what_is_not_set_stays(group: Module, embedded_aws: EmbeddedAws) -> None:
    group()
    assert not Module("cloudwatch_log_group", {**embedded_aws.options, "name": NAME})()["changed"]


def test_another_group_whose_name_begins_alike_is_another(group: Module, embedded_aws: EmbeddedAws) -> None:
    longer = Module("cloudwatch_log_group", {**embedded_aws.options, "name": f"{NAME}-2"})
    longer()
    assert group()["changed"] and group(state="absent")["changed"]
    assert longer(state="absent")["changed"]


def test_an_impossible_retention_is_refused_and_deletes_nothing(group: Module, clients: Any) -> None:
    group()
    with pytest.raises(ModuleFailed, match="10 is not a retention that CloudWatch Logs knows"):
        group(retention_days=10)
    assert retention(clients) == 14
