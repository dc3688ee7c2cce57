"""The bill of each profile, as the playbook shows it without credentials, is the one in the documentation."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from support.machine import ROOT

PROFILES = ("dev", "rag", "enterprise")


@pytest.fixture(scope="module")
def bills() -> dict[str, Any]:
    inventories = [word for profile in PROFILES for word in ("-i", f"inventories/{profile}.yml")]
    command = ["ansible-playbook", "playbooks/cost.yml", *inventories, "-e", "cost_live=false"]
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
    return {host.removeprefix("amica_"): result["msg"] for host, result in task["hosts"].items()}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_documentation_shows_the_bill(bills: dict[str, str], profile: str) -> None:
    documented = (ROOT / "docs" / "cost.md").read_text()
    missing = [line for line in bills[profile].splitlines() if line not in documented]
    assert missing == [], "docs/cost.md wants what `ansible-playbook playbooks/cost.yml -i inventories/...` shows now"
