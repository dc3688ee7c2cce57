# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX shows of a wait: it runs playbooks with ansible-runner, whose events are a job's output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.small_service import SmallService

TIMEOUT_SECONDS = 300
CHANGE = re.compile(r"^  (\d+:\d\d) (.+)$")


@pytest.fixture(scope="module")
def service(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    made = SmallService(embedded_aws, "contract-awx")
    made.make({"VERSION": "one"})
    yield made
    made.remove()


def events(folder: Path, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of one job, in their order."""
    for name, content in {
        "project/play.yml": [{"hosts": "one", "gather_facts": False, "tasks": tasks}],
        "inventory/hosts.yml": {
            "all": {
                "hosts": {"one": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
            }
        },
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [sys.executable, "-m", "ansible_runner", "run", str(folder), "--playbook", "play.yml", "--ident", "job"],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))},
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(path.read_text()) for path in (folder / "artifacts" / "job" / "job_events").glob("*.json")]
    return sorted(found, key=lambda event: int(event["counter"]))


def test_a_job_shows_each_change_while_it_waits_and_nothing_of_what_is_hidden(
    service: SmallService, tmp_path: Path
) -> None:
    place = {"cluster": service.name, **service.aws.options}
    wait = {**place, "service": service.name, "deployment_id": "{{ made.deployment_id }}", "wait_timeout": 60}
    restart = {**place, "name": service.name, "task_definition": service.name, "force_new_deployment": True}
    tasks: list[dict[str, Any]] = [
        {"name": "made", "amica.stack.ecs_service": restart, "register": "made"},
        {"name": "shown", "amica.stack.ecs_service_health": wait},
        {"name": "made again", "amica.stack.ecs_service": restart, "register": "made"},
        {"name": "hidden", "amica.stack.ecs_service_health": wait, "no_log": True},
    ]
    told = events(tmp_path, tasks)
    ends = {
        event["event_data"]["task"]: number for number, event in enumerate(told) if event["event"] == "runner_on_ok"
    }

    def changes(after: str, until: str) -> list[tuple[dict[str, Any], str]]:
        between = told[ends[after] + 1 : ends[until]]
        return [(event, line) for event in between for line in event["stdout"].splitlines() if CHANGE.match(line)]

    shown = changes("made", "shown")
    lines = [line for _event, line in shown]
    assert len(lines) == len(set(lines)) > 3, "a line a change"
    assert any(re.search("running 1/1.*healthy 1/1", line) for line in lines)
    assert any(line.endswith("succeeded") for line in lines)
    came = [datetime.fromisoformat(event["created"]) for event, _line in shown]
    ended = datetime.fromisoformat(told[ends["shown"]]["created"])
    assert (ended - came[0]).total_seconds() > 1, "they come while it waits, not at its end"
    assert len(set(came)) > 1
    assert f"{service.name} in {service.name}:" in "".join(event["stdout"] for event in told[: ends["shown"]])

    assert changes("made again", "hidden") == []
    hidden = json.dumps(told[ends["made again"] + 1 :])
    assert f"{service.name} in {service.name}:" not in hidden
    assert "verdict" not in hidden
