"""The built collection, installed elsewhere, deploys the stack by its own name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from e2e.playbooks import Workspace
from support.machine import ROOT


def test_the_installed_collection_deploys(workspace: Workspace, tmp_path: Path) -> None:
    build = ["ansible-galaxy", "collection", "build", str(workspace.folder), "--output-path", str(tmp_path)]
    subprocess.run(build, cwd=tmp_path, env=workspace.environment(), check=True)
    (tarball,) = tmp_path.glob("amica-stack-*.tar.gz")
    # From a folder without the project's ansible.cfg, in whose collections this one is installed already.
    install = ["ansible-galaxy", "collection", "install", str(tarball), "--no-deps", "-p", str(tmp_path)]
    subprocess.run(install, cwd=tmp_path, env=workspace.environment(), check=True)
    installed = tmp_path / "ansible_collections"
    for name in ("amazon", "community", "ansible"):
        (installed / name).symlink_to(ROOT / "collections" / "ansible_collections" / name)
    inventory = installed / "amica" / "stack" / "inventories" / "local.yml"
    variables = json.dumps(workspace.variables)
    done = subprocess.run(
        ["ansible-playbook", "amica.stack.site", "-i", str(inventory), "-e", variables],
        cwd=tmp_path,
        env=workspace.environment(
            ANSIBLE_COLLECTIONS_PATH=str(tmp_path), ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default"
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "healthy" in done.stdout
