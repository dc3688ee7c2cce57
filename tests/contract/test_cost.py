"""The bill of each profile, as the playbook shows it without credentials, is the one in the documentation."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from support.machine import ROOT


def bill(profile: str) -> str:
    command = ["ansible-playbook", "playbooks/cost.yml", "-i", f"inventories/{profile}.yml", "-e", "cost_live=false"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=kept | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.JSONDecoder().raw_decode(done.stdout, done.stdout.find("{\n"))[0]
    task = next(task for task in report["plays"][0]["tasks"] if task["task"]["name"].endswith("The bill is shown"))
    return str(task["hosts"][f"amica_{profile}"]["msg"])


@pytest.mark.parametrize("profile", ("dev", "rag", "enterprise"))
def test_the_documentation_shows_the_bill(profile: str) -> None:
    documented = (ROOT / "docs" / "cost.md").read_text()
    missing = [line for line in bill(profile).splitlines() if line not in documented]
    assert missing == [], "docs/cost.md wants what `ansible-playbook playbooks/cost.yml -i inventories/...` shows now"
