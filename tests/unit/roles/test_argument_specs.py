from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._settings import CHOICES
from ansible_collections.amica.stack.plugins.module_utils._settings import SWITCHES

ROLES = sorted((Path(__file__).parents[3] / "roles").iterdir())
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "list": (list,),
    "dict": (dict,),
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def is_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


@pytest.fixture(params=ROLES, ids=lambda path: path.name)
def role(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_specs_and_defaults_agree(role: Path) -> None:
    defaults = load(role / "defaults" / "main.yml")
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: option["default"] for name, option in options.items()} == defaults


def test_a_default_has_the_type_that_the_spec_says(role: Path) -> None:
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    for name, option in options.items():
        if option["type"] != "raw" and not is_template(option["default"]):
            assert isinstance(option["default"], TYPES[option["type"]]), name


def test_variables_begin_with_the_role_s_name(role: Path) -> None:
    assert [name for name in load(role / "defaults" / "main.yml") if not name.startswith(f"{role.name}_")] == []


def test_each_default_is_explained(role: Path) -> None:
    lines = (role / "defaults" / "main.yml").read_text().splitlines()
    for before, line in pairwise(lines):
        if re.match(r"[a-z0-9_]+:", line):
            assert before.startswith("# "), line


def test_each_variable_stands_in_the_readme(role: Path) -> None:
    readme = (role / "README.md").read_text()
    assert [name for name in load(role / "defaults" / "main.yml") if f"`{name}`" not in readme] == []


# Validated by themselves also in site.yml, or no part of it.
VALIDATING = {"amica", "embedded_aws", "cost"}


@pytest.mark.parametrize("name", sorted({path.name for path in ROLES} - VALIDATING))
def test_what_a_spec_lets_choose_is_validated_before_the_first_call(name: str) -> None:
    options = load(ROLES[0].parent / name / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    # The first may depend on the embedded AWS, which is started after that; the other may be empty.
    for looked_at_elsewhere in ("build_mode", "governance_image_scanning"):
        options.pop(looked_at_elsewhere, None)
    assert {option: CHOICES.get(option) for option, spec in options.items() if "choices" in spec} == {
        option: tuple(spec["choices"]) for option, spec in options.items() if "choices" in spec
    }
    assert {option for option, spec in options.items() if spec["type"] == "bool"} <= {*SWITCHES}


def test_every_choice_and_switch_is_looked_at() -> None:
    looked_at = load(ROLES[0].parent / "amica" / "vars" / "main.yml")["amica_validated_variables"]
    assert ({*CHOICES} | {*SWITCHES}) - {*looked_at} == set()


@pytest.mark.parametrize("name", sorted({path.name for path in ROLES} - VALIDATING))
def test_a_role_reads_another_s_variable_only_with_a_default(name: str) -> None:
    """The roles of site.yml do not see each other's variables; what a role hands on is a fact."""
    others = "|".join(sorted({path.name for path in ROLES} - {name, "amica"}, key=len, reverse=True))
    foreign = re.compile(rf"(?<![\w.'/:-])(?:{others})_(?!output\b)\w+\b(?! \| default\(|: )")
    found = []
    for path in sorted((ROLES[0].parent / name).glob("[dtv]*s/*.yml")):
        for expression in re.findall(r"\{\{.*?\}\}|^ *when: [^\n]*", path.read_text(), re.DOTALL | re.MULTILINE):
            found += foreign.findall(expression)
    assert found == []


def test_present_is_paired_with_absent(role: Path) -> None:
    if f"{role.name}_state" in load(role / "defaults" / "main.yml"):
        assert (role / "tasks" / "absent.yml").exists()
