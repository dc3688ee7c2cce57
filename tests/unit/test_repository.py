"""What must hold of the repository as a whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
LOCKS = ["requirements/run.lock", "requirements/test.lock", "app/requirements.lock", "local/requirements.lock"]


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.split("\0") if name]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_with_hashes_and_holds_no_address(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    assert "://" not in text
    assert "index-url" not in text
    requirements = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert requirements
    assert [line for line in requirements if "==" not in line] == []
    assert text.count("--hash=sha256:") >= len(requirements)


def test_no_lock_of_another_kind_is_kept() -> None:
    assert [name for name in tracked() if Path(name).name in ("uv.lock", "poetry.lock", "Pipfile.lock")] == []


def test_the_action_group_names_every_module() -> None:
    runtime = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text())
    listed = [entry for entry in runtime["action_groups"]["aws"] if isinstance(entry, str)]
    modules = [path.stem for path in (REPOSITORY / "plugins" / "modules").glob("*.py") if path.stem != "__init__"]
    assert listed == sorted(modules)


def test_every_role_is_part_of_deployment_and_teardown() -> None:
    roles = {path.name for path in (REPOSITORY / "roles").iterdir()} - {"embedded_aws"}
    for playbook in ("site", "destroy"):
        (play,) = yaml.safe_load((REPOSITORY / "playbooks" / f"{playbook}.yml").read_text())
        assert {entry["role"].removeprefix("amica.stack.") for entry in play["roles"]} == roles


def test_the_readme_names_every_role_and_every_playbook() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    assert [
        path.name for path in (REPOSITORY / "roles").iterdir() if f"roles/{path.name}/README.md" not in readme
    ] == []
    playbooks = [path.name for path in (REPOSITORY / "playbooks").glob("*.yml") if path.name != "site.yml"]
    assert [name for name in playbooks if f"playbooks/{name}" not in readme] == []
