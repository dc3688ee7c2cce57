from __future__ import annotations

import datetime
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import cast
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import snake
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import unknown_members
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import unmet


@pytest.fixture(scope="module")
def shape() -> Any:
    client = boto3.client("ecs", region_name="eu-west-1")
    return client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape


def test_scalars_become_what_the_model_says(shape: Any) -> None:
    container = {
        "essential": "yes",
        "privileged": "false",
        "stopTimeout": "30",
        "environment": [{"name": "PORT", "value": 8080}, {"name": "DEBUG", "value": True}],
        "dockerLabels": {"team": 7},
    }
    assert cast({"containerDefinitions": [container]}, shape)["containerDefinitions"] == [
        {
            "essential": True,
            "privileged": False,
            "stopTimeout": 30,
            "environment": [{"name": "PORT", "value": "8080"}, {"name": "DEBUG", "value": "true"}],
            "dockerLabels": {"team": "7"},
        }
    ]


def test_what_cannot_be_cast_stays_for_botocore_to_refuse(shape: Any) -> None:
    document = {"containerDefinitions": [{"stopTimeout": "soon", "essential": "maybe", "nme": 1}], "volumes": "tmp"}
    assert cast(document, shape) == document


def test_unknown_members_are_named_by_their_path(shape: Any) -> None:
    document = {"cpu": "256", "containerDefinitions": [{"name": "a", "nme": "b"}], "future": {"x": 1}}
    assert list(unknown_members(document, shape)) == ["containerDefinitions.nme", "future"]


def test_empty_members_are_left_out_but_values_and_maps_stay() -> None:
    document = {
        "command": [],
        "user": "",
        "cpu": 0,
        "essential": False,
        "linuxParameters": {"capabilities": {"add": []}},
        "environment": [{"name": "EMPTY", "value": ""}],
        "options": {"tag": ""},
    }
    assert filled(document) == {
        "cpu": 0,
        "essential": False,
        "environment": [{"name": "EMPTY", "value": ""}],
        "options": {"tag": ""},
    }


def test_answers_get_ansible_s_spelling_and_maps_keep_theirs() -> None:
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    answer = {"createdAt": moment, "containers": [{"dockerLabels": {"myLabel": "x"}}], "tags": {"costCentre": "1"}}
    assert snake(answer) == {
        "created_at": "2026-01-02T00:00:00+00:00",
        "containers": [{"docker_labels": {"myLabel": "x"}}],
        "tags": {"costCentre": "1"},
    }


def test_only_wanted_members_count() -> None:
    current = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    assert unmet({"a": 1, "b": {"c": 2}}, current) == ({}, {})
    assert unmet({"b": {"c": 5}, "f": [1]}, current) == ({"b": {"c": 2}, "f": None}, {"b": {"c": 5}, "f": [1]})


def test_an_outcome_is_a_result() -> None:
    outcome = Outcome(True, {"name": "x"}, {"a": 1}, {"a": 2})
    assert outcome.result() == {"changed": True, "name": "x", "diff": {"before": {"a": 1}, "after": {"a": 2}}}
