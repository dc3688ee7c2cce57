"""The module over an application's secrets on a running embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.run_module import ModuleFailed
from support.run_module import run_module

NAME = "contract-secrets"
KEY = "arn:aws:kms:ap-southeast-1:123456789012:key/11111111-2222-3333-4444-555555555555"
VALUE = "sk-value-nobody-sees"


class Secrets:
    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.options: dict[str, Any] = {
            "name": NAME,
            "values": {"OPENAI_API_KEY": VALUE},
            "generated": ["CHAINLIT_AUTH_SECRET"],
            "tags": {"amica:role": "secrets"},
            "recovery_days": 7,
        }

    def __call__(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        options = {**self.aws.options, **self.options, **changes}
        result = run_module("app_secrets", options, check=check, diff=True)
        assert VALUE not in json.dumps(result)
        return result

    def changes_once(self, **changes: Any) -> dict[str, Any]:
        foreseen, done = self(check=True, **changes), self(**changes)
        assert foreseen["changed"] and done["changed"]
        assert foreseen["diff"] == done["diff"]
        assert not self(check=True, **changes)["changed"]
        assert not self(**changes)["changed"]
        return done

    def value(self, result: dict[str, Any], name: str) -> str:
        arn = result["secrets"][name]
        if ":ssm:" in arn:
            return str(self.aws.client("ssm").get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"])
        return str(self.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


@pytest.fixture
def secrets(embedded_aws: EmbeddedAws) -> Iterator[Secrets]:
    module = Secrets(embedded_aws)
    yield module
    module(state="absent")
    manager = embedded_aws.client("secretsmanager")
    for secret in manager.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        manager.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)


@pytest.fixture(params=["secretsmanager", "ssm"])
def stored(request: pytest.FixtureRequest, secrets: Secrets) -> Secrets:
    secrets.options["store"] = request.param
    return secrets


def test_they_come_and_go(stored: Secrets) -> None:
    result = stored.changes_once()
    assert stored.value(result, "OPENAI_API_KEY") == VALUE
    assert len(stored.value(result, "CHAINLIT_AUTH_SECRET")) == 64
    assert result["secrets"].keys() == result["versions"].keys() == {"OPENAI_API_KEY", "CHAINLIT_AUTH_SECRET"}
    assert stored(state="absent", check=True)["changed"]
    assert len(stored(state="absent")["obsolete"]) == 2
    assert not stored(state="absent", check=True)["changed"]
    assert not stored(state="absent")["changed"]


def test_each_change_is_one_and_what_was_made_up_stays(stored: Secrets) -> None:
    before = stored()
    stored.options |= {"kms_key": KEY, "tags": {"amica:role": "secrets", "team": "chat"}}
    assert stored.value(stored.changes_once(), "CHAINLIT_AUTH_SECRET") == stored.value(before, "CHAINLIT_AUTH_SECRET")
    stored.options |= {"values": {"OPENAI_API_KEY": "rotated-value"}, "generated": ["CHAINLIT_AUTH_SECRET", "MORE"]}
    after = stored.changes_once()
    assert stored.value(after, "OPENAI_API_KEY") == "rotated-value"
    assert stored.value(after, "CHAINLIT_AUTH_SECRET") == stored.value(before, "CHAINLIT_AUTH_SECRET")
    assert {name: after["secrets"][name] for name in before["secrets"]} == before["secrets"]
    assert after["version"] != before["version"]


def test_what_is_not_wanted_any_more_goes_only_with_purge(secrets: Secrets) -> None:
    old = secrets()["secrets"]["OPENAI_API_KEY"]
    kept = secrets(values={})
    assert not kept["changed"]
    assert kept["obsolete"] == [old]
    secrets.changes_once(values={}, purge=True)
    assert secrets(values={})["obsolete"] == []


def test_a_secret_that_was_scheduled_for_deletion_comes_back_with_its_value(secrets: Secrets) -> None:
    first = secrets()
    value = secrets.value(first, "CHAINLIT_AUTH_SECRET")
    secrets(state="absent")
    second = secrets.changes_once()
    assert secrets.value(second, "CHAINLIT_AUTH_SECRET") == value
    assert secrets.value(second, "OPENAI_API_KEY") == VALUE


def test_a_value_that_was_made_up_moves_to_another_store(secrets: Secrets) -> None:
    first = secrets(store="ssm")
    value = secrets.value(first, "CHAINLIT_AUTH_SECRET")
    second = secrets.changes_once(store="secretsmanager")
    assert secrets.value(second, "CHAINLIT_AUTH_SECRET") == value
    assert sorted(second["obsolete"]) == sorted(first["secrets"].values())
    assert secrets(purge=True)["changed"]
    assert not secrets(purge=True)["changed"]


def test_secrets_of_others_are_named_and_their_rotation_is_seen(secrets: Secrets, embedded_aws: EmbeddedAws) -> None:
    manager, ssm = embedded_aws.client("secretsmanager"), embedded_aws.client("ssm")
    arn = manager.create_secret(Name="contract-others", SecretString='{"url": "postgresql://x"}')["ARN"]
    ssm.put_parameter(Name="/contract-others/url", Value="redis://x", Type="SecureString")
    parameter = ssm.get_parameter(Name="/contract-others/url")["Parameter"]["ARN"]
    arns = {"DATABASE_URL": f"{arn}:url::", "REDIS_URL": parameter}
    first = secrets(arns=arns)
    assert first["secrets"]["DATABASE_URL"] == f"{arn}:url::"
    manager.put_secret_value(SecretId=arn, SecretString='{"url": "postgresql://y"}')
    second = secrets(arns=arns)
    assert not second["changed"]
    assert second["version"] != first["version"]
    ssm.put_parameter(Name="/contract-others/url", Value="redis://y", Type="SecureString", Overwrite=True)
    assert secrets(arns=arns)["version"] != second["version"]
    secrets(state="absent")
    assert manager.describe_secret(SecretId=arn)["ARN"] == arn
    ssm.delete_parameter(Name="/contract-others/url")


def test_a_secret_of_another_owner_is_not_touched(secrets: Secrets, embedded_aws: EmbeddedAws) -> None:
    manager = embedded_aws.client("secretsmanager")
    manager.create_secret(Name=f"{NAME}/OPENAI_API_KEY", SecretString="theirs")
    with pytest.raises(ModuleFailed, match="somebody else's"):
        secrets()
    assert not secrets(state="absent")["changed"]


def test_a_value_that_a_run_shows_anyway_is_refused(secrets: Secrets) -> None:
    with pytest.raises(ModuleFailed, match="OPENAI_API_KEY"):
        secrets(values={"OPENAI_API_KEY": "contract"})
