"""What is to be done about an application's secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import NEW
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import Held
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import Step
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import Wanted
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import Wish
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import described
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import fingerprint
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import foreign
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import obsolete
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import plan
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import tell_tale
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import Reference
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import reference

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:amica/TOKEN-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/amica/TOKEN"
TAGS = {"amica:stack": "amica"}
HELD = Held("secretsmanager", "amica/TOKEN", SECRET, "v1", tags=TAGS, value="old")
KEPT = Held("ssm", "/amica/TOKEN", PARAMETER, "3", tags=TAGS, value="kept")
WANTED = Wanted("amica", "secretsmanager", (Wish("TOKEN", "old"),), tags=TAGS)
MADE_UP = replace(WANTED, wishes=(Wish("TOKEN", None),))


def step(wanted: Wanted, held: Held | None = None, elsewhere: Held | None = None) -> Step:
    (only,) = plan(
        wanted,
        {held.path: held} if held else {},
        {elsewhere.path: elsewhere} if elsewhere else {},
        lambda: "made up",
    )
    return only


def test_what_is_as_wanted_needs_nothing() -> None:
    assert not step(WANTED, HELD).needed
    assert not step(MADE_UP, HELD).needed


@pytest.mark.parametrize(
    ("wanted", "held", "changes"),
    [
        (replace(WANTED, wishes=(Wish("TOKEN", "new"),)), HELD, {"value": "new"}),
        (replace(WANTED, kms_key="arn:aws:kms:eu-west-1:111122223333:key/1"), HELD, {"rekey": True}),
        (replace(WANTED, tags={**TAGS, "team": "chat"}), HELD, {"write_tags": {"team": "chat"}}),
        (WANTED, replace(HELD, tags={**TAGS, "team": "chat"}), {"remove_tags": ("team",)}),
        (MADE_UP, replace(HELD, scheduled_for_deletion=True, value=None), {"restore": True}),
    ],
    ids=["value", "key", "new tag", "old tag", "restored"],
)
def test_what_differs_is_done_and_nothing_else(wanted: Wanted, held: Held, changes: dict[str, Any]) -> None:
    found = step(wanted, held)
    assert found == replace(Step("TOKEN", "amica/TOKEN", held), **changes)
    assert found.needed


def test_a_secret_is_made_with_the_given_the_kept_or_a_made_up_value() -> None:
    assert step(WANTED, elsewhere=KEPT).value == "old"
    assert step(MADE_UP, elsewhere=KEPT).value == "kept"
    assert step(MADE_UP, elsewhere=replace(KEPT, tags={})).value == "made up"
    assert step(MADE_UP).value == "made up"


def test_a_key_may_be_named_by_its_id() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1"
    assert not step(replace(WANTED, kms_key=key), replace(HELD, kms_key="1")).needed


def test_what_carries_another_stack_s_tag_is_foreign_and_stays() -> None:
    other = replace(HELD, tags={"amica:stack": "other"})
    assert foreign(WANTED, {other.path: other}) == ["amica/TOKEN"]
    assert foreign(WANTED, {HELD.path: HELD}) == []
    assert obsolete(replace(WANTED, wishes=()), [other]) == []


def test_what_is_not_wanted_any_more_is_obsolete_in_either_store() -> None:
    more = replace(HELD, path="amica/OLD")
    leaving = replace(more, path="amica/LEAVING", scheduled_for_deletion=True)
    assert obsolete(WANTED, [HELD, KEPT, more, leaving]) == [KEPT, more]


def test_a_description_shows_versions_and_no_values() -> None:
    changed = step(replace(WANTED, wishes=(Wish("TOKEN", "new"),)), HELD)
    before, after = described(changed, WANTED)
    assert (before["version"], after["version"]) == ("v1", "(new)")
    assert "old" not in str(before) and "new'" not in repr((changed, WANTED, HELD))


def test_another_version_is_another_fingerprint() -> None:
    assert fingerprint({}) == ""
    assert fingerprint({"A": "1", "B": "2"}) == fingerprint({"B": "2", "A": "1"})
    assert fingerprint({"A": "1"}) != fingerprint({"A": "2"})
    assert fingerprint({"A": NEW, "B": "2"}) == "known-after-apply"


def test_a_value_that_is_part_of_what_is_shown_is_found() -> None:
    wishes = [Wish("A", "amica"), Wish("B", "sk-1"), Wish("C", None)]
    assert list(tell_tale(wishes, [SECRET, PARAMETER])) == ["A"]


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (SECRET, Reference("secretsmanager", "eu-west-1", SECRET)),
        (f"{SECRET}:key::", Reference("secretsmanager", "eu-west-1", SECRET, "key")),
        (f"{SECRET}::AWSPREVIOUS:", Reference("secretsmanager", "eu-west-1", SECRET, stage="AWSPREVIOUS")),
        (f"{SECRET}:key::v1", Reference("secretsmanager", "eu-west-1", SECRET, "key", version="v1")),
        (PARAMETER, Reference("ssm", "eu-west-1", PARAMETER)),
        (f"{SECRET}:key", None),
        ("arn:aws:s3:::bucket", None),
        ("sk-12345", None),
    ],
)
def test_what_an_arn_refers_to(arn: str, expected: Reference | None) -> None:
    assert reference(arn) == expected
