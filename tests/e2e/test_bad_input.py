"""Wrong input ends a run before the first call to AWS, with the variable, its value and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from e2e.playbooks import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Nothing listens at this one's endpoint, so that any call to AWS would fail the run in another way."""
    return Workspace.make(tmp_path_factory.mktemp("bad-input"))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"vpc_cidr": "10.0.0.0/33"}, ["vpc_cidr", "10.0.0.0/33", "10.0.0.0/16"]),
        ({"ecs_fargate_cpu": "256", "ecs_fargate_memory": "8192"}, ["ecs_fargate_cpu", "8192", "512"]),
        ({"ecs_fargate_min_count": 3, "ecs_fargate_max_count": 2}, ["ecs_fargate_min_count", "3", "2"]),
        ({"amica_environment": "staging"}, ["amica_environment", "staging", "enterprise"]),
        ({"amica_region": ""}, ["amica_region", "ap-southeast-1"]),
        ({"ecs_fargate_ephemeral_storage": "500"}, ["ecs_fargate_ephemeral_storage", "500", "200"]),
        ({"amica_container_port": "http"}, ["amica_container_port", "http", "8080"]),
        ({"amica_name": "a" * 40}, ["amica_name", "a" * 40, "28"]),
        (
            {"cloudfront_certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/1"},
            ["cloudfront_certificate_arn", "eu-west-1", "us-east-1"],
        ),
    ],
    ids=["cidr", "size", "counts", "profile", "region", "storage", "port", "name", "certificate"],
)
def test_bad_input_ends_before_any_call(workspace: Workspace, variables: dict[str, Any], said: list[str]) -> None:
    run = workspace.play("site.yml", inventory="dev", **variables)
    assert run.code != 0
    assert [word for word in said if word not in run.failure] == []
    assert "What stands in AWS is known" not in [name for name, result in run.tasks]


def test_the_local_inventory_refuses_an_endpoint_elsewhere(workspace: Workspace) -> None:
    run = workspace.play("site.yml", amica_endpoint_url="https://ecs.ap-southeast-1.amazonaws.com")
    assert run.code != 0
    assert "is not this machine" in run.failure


def test_no_credentials_is_one_sentence(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def environment(self: Workspace, **extra: str) -> dict[str, str]:
        without_keys = {name: value for name, value in extra.items() if "KEY" not in name}
        return original(self, **without_keys) | {
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(tmp_path),
        }

    original = Workspace.environment
    monkeypatch.setattr(Workspace, "environment", environment)
    run = workspace.play("site.yml", inventory="dev")
    assert run.code != 0
    assert "credentials" in run.failure
    assert "Traceback" not in run.failure + run.stderr
