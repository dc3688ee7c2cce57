"""What must hold of the repository as a whole."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.splitter import parse_kv
from support.machine import ROOT
from support.machine import project_files

LOCKS = ["requirements/run.lock", "requirements/test.lock", "app/requirements.lock", "local/requirements.lock"]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_with_hashes_and_holds_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "index-url" not in text
    requirements = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert requirements
    assert [line for line in requirements if "==" not in line] == []
    assert text.count("--hash=sha256:") >= len(requirements)


def test_no_lock_of_another_kind_is_kept() -> None:
    assert [name for name in project_files() if Path(name).name in ("uv.lock", "poetry.lock", "Pipfile.lock")] == []


def test_the_action_group_names_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    modules = [path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__"]
    files = [path for folder in ("roles", "playbooks", "molecule") for path in (ROOT / folder).rglob("*.yml")]
    others = {
        name for path in files for name in re.findall(r"^ +((?:amazon|community)\.aws\.\w+):", path.read_text(), re.M)
    }
    assert runtime["action_groups"]["aws"] == [*sorted(modules), *sorted(others)]


def role_imports(part: Any) -> list[dict[str, Any]]:
    """What is imported as a role anywhere in a play."""
    if isinstance(part, list):
        return [found for one in part for found in role_imports(one)]
    if not isinstance(part, dict):
        return []
    own = [part["ansible.builtin.import_role"]] if "ansible.builtin.import_role" in part else []
    return own + [found for value in part.values() for found in role_imports(value)]


def test_no_role_of_site_yml_shows_others_its_variables_or_validates_what_is_validated() -> None:
    (site,) = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    first, *others = role_imports(site)
    assert first == {"name": "amica.stack.amica", "public": False}
    assert [one for one in others if (one.get("public"), one.get("rolespec_validate")) != (False, False)] == []


def test_every_role_is_part_of_deployment_and_teardown() -> None:
    roles = {path.name for path in (ROOT / "roles").iterdir()} - {"cost", "embedded_aws", "verify"}
    (site,) = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    (destroy,) = yaml.safe_load((ROOT / "playbooks" / "destroy.yml").read_text())
    imports = role_imports(site)
    for names in (
        {entry["name"] for entry in imports if "tasks_from" not in entry},
        {entry["role"] for entry in destroy["roles"]},
    ):
        assert {name.removeprefix("amica.stack.") for name in names} - {"verify"} == roles


def test_the_readme_names_every_role_and_every_playbook() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in (ROOT / "roles").iterdir() if f"roles/{path.name}/README.md" not in readme] == []
    playbooks = [path.name for path in (ROOT / "playbooks").glob("*.yml") if path.name != "site.yml"]
    assert [name for name in playbooks if f"playbooks/{name}" not in readme] == []


def test_what_is_given_by_e_arrives_as_it_is_written() -> None:
    """Ansible cuts the words of `-e name=value` at their spaces, unless quotes inside of the shell's hold them."""
    given = [
        word
        for name in project_files()
        if name.startswith(("README.md", "docs/", "playbooks/", "roles/")) and name.endswith((".md", ".yml"))
        for text in re.findall(r"-e ((?:'[^'\n]*'|[^\s'\"`{}])+)", (ROOT / name).read_text())
        for word in shlex.split(text)
    ]
    assert len(given) > 20
    assert [word for word in given if "_raw_params" in parse_kv(word)] == []
