from __future__ import annotations

from dataclasses import astuple

import pytest
from ansible_collections.amica.stack.plugins.module_utils._names import LONGEST_NAME
from ansible_collections.amica.stack.plugins.module_utils._names import name_problems
from ansible_collections.amica.stack.plugins.module_utils._names import names


def test_every_name_comes_from_the_one() -> None:
    stack = names("amica")
    assert (stack.cluster, stack.service, stack.family) == ("amica-cluster", "amica-service", "amica-task")
    assert (stack.log_group, stack.repository) == ("/ecs/amica-stack", "amica-stack")
    assert stack.container == stack.namespace == "amica"
    assert len(set(astuple(stack))) == len(astuple(stack)) - 1, "no two others have one name"


@pytest.mark.parametrize("name", ["amica", "a", "a1", "amica-prod-2", "a" * LONGEST_NAME, "sgx", "awsome"])
def test_names_that_aws_takes(name: str) -> None:
    assert name_problems(name) == []


def test_the_longest_name_still_fits_a_load_balancer_and_a_role() -> None:
    stack = names("a" * LONGEST_NAME)
    assert max(len(stack.load_balancer), len(stack.target_group)) == 32
    assert max(len(stack.execution_role), len(stack.task_role)) <= 64


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "for example amica"),
        ("a" * (LONGEST_NAME + 1), "at most 28"),
        ("Amica", "lower-case"),
        ("amica_prod", "hyphens"),
        ("-amica", "beginning with a letter"),
        ("amica-", "not ending"),
        ("a--b", "single hyphens"),
        ("1amica", "beginning with a letter"),
        ("sg-amica", "sg-"),
        ("sg", "sg-"),
        ("internal", "internal-"),
    ],
)
def test_names_that_aws_refuses_for_some_resource(name: str, hint: str) -> None:
    (sentence,) = name_problems(name)
    assert hint in sentence


def test_every_problem_of_a_name_is_said() -> None:
    assert len(name_problems("A" * 40)) == 2
