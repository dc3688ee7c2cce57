"""The README's table of capabilities says what is: variables, what each profile sets, and the tests."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._settings import setting_problems
from support.machine import ROOT

PROFILES = ("dev", "rag", "enterprise")
NAMED = {"67f7725c-6f97-4210-82d7-5512b31e9d03": "AWS's own"}


def rows() -> list[list[str]]:
    section = (ROOT / "README.md").read_text().partition("## Capabilities")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [row for row in cells[2:] if not row[0].startswith("**")]


def variables(row: list[str]) -> list[str]:
    return re.findall(r"`(\w+)`", row[1])


def settings(profile: str) -> dict[str, Any]:
    files = [*sorted((ROOT / "roles").glob("*/defaults/main.yml"))]
    files += [ROOT / "inventories" / "group_vars" / f"{name}.yml" for name in ("all", profile)]
    return {name: value for file in files for name, value in yaml.safe_load(file.read_text()).items()}


def word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in ("", [], {}):
        return "none"
    return " ".join(value) if isinstance(value, list) else NAMED.get(value, str(value))


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_profile_sets_is_what_the_table_says(profile: str) -> None:
    have = settings(profile)
    wrong = []
    for row in rows():
        said = row[2 + PROFILES.index(profile)].split(", ")
        values = [have[name] for name in variables(row)]
        if not any("{{" in str(value) for value in values) and said != [word(value) for value in values]:
            wrong.append((variables(row), said, values))
    assert wrong == []


def table() -> list[str]:
    return [name for row in rows() for name in variables(row)]


@pytest.mark.parametrize("variable", table())
@pytest.mark.parametrize("value", ["???", -5], ids=["text", "number"])
def test_a_value_that_cannot_be_is_refused_before_any_call(variable: str, value: Any) -> None:
    settings_file = ROOT / "roles" / "amica" / "vars" / "main.yml"
    assert variable in yaml.safe_load(settings_file.read_text())["amica_validated_variables"]
    assert [problem for problem in setting_problems({variable: value}) if variable in problem.variable]


def test_each_row_names_variables_and_tests_that_there_are() -> None:
    have = settings("dev")
    for row in rows():
        assert len(row) == 7, row
        assert variables(row) and [name for name in variables(row) if name not in have] == [], row
        tests = re.findall(r"\]\((tests/\S+)\)", row[6])
        assert tests and [name for name in tests if not (ROOT / name).is_file()] == [], row
