"""Runs the project's playbooks as a user does, from a copy of the tracked files, and reads what they report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port
from support.machine import project_files

LIMIT_SECONDS = 600
# Five tasks that start at once on two busy cores take half a minute, of which alarms must not make five.
WORDS = ("--runtime", "processes", "--clock-speed", "5")


@dataclass(frozen=True)
class Run:
    """How one ansible-playbook run ended."""

    code: int
    stdout: str
    stderr: str

    @cached_property
    def results(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, result) of every task on the one host, skipped ones too: each is a fork of Ansible's process."""
        start = self.stdout.find("{\n")
        report = json.JSONDecoder().raw_decode(self.stdout, start)[0] if start >= 0 else {"plays": []}
        return [
            (task["task"]["name"].split(" : ")[-1], result)
            for play in report["plays"]
            for task in play["tasks"]
            for result in task["hosts"].values()
        ]

    @property
    def tasks(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, result) of every task that ran, on the one host."""
        return [(name, result) for name, result in self.results if not result.get("skipped")]

    @property
    def module_runs(self) -> int:
        """How often a module ran; what ansible.builtin brings runs in Ansible's own process."""
        results = [result for _name, result in self.tasks if not result["action"].startswith("ansible.builtin.")]
        return sum(len(result.get("results", (result,))) for result in results)

    @property
    def changed(self) -> list[str]:
        return [name for name, result in self.tasks if result.get("changed")]

    @property
    def failure(self) -> str:
        return (
            "\n".join(f"{name}: {result.get('msg')}" for name, result in self.tasks if result.get("failed"))
            or self.stderr
        )

    def result(self, name: str) -> dict[str, Any]:
        return next(result for task, result in reversed(self.tasks) if task == name)

    @property
    def stack(self) -> dict[str, Any]:
        """What stack_info said last."""
        stack: dict[str, Any] = self.result("What stands in AWS is known")["stack"]
        return stack


@dataclass(frozen=True)
class Workspace:
    """A copy of the project with an embedded AWS of its own."""

    folder: Path
    home: Path
    port: int
    http_port: int

    @classmethod
    def make(cls, folder: Path) -> Workspace:
        project = folder / "project"
        for name in project_files():
            source, target = ROOT / name, project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                target.symlink_to(source.readlink())
            elif source.is_file():
                shutil.copy2(source, target)
        for name in ("amazon", "community", "ansible"):
            (project / "collections" / "ansible_collections" / name).symlink_to(
                ROOT / "collections" / "ansible_collections" / name
            )
        return cls(project, folder / "home", free_port(), free_port())

    @property
    def embedded_aws(self) -> EmbeddedAws:
        return EmbeddedAws(self.home, self.port, words=WORDS, project=self.folder)

    @property
    def variables(self) -> dict[str, Any]:
        return {"embedded_aws_port": self.port, "embedded_aws_runtime": "processes", "amica_http_port": self.http_port}

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
        return kept | {
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "AMICA_HOME": str(self.home),
            **extra,
        }

    def aws_environment(self) -> dict[str, str]:
        """What a shell needs to reach the embedded AWS with other tools, or with an inventory meant for AWS."""
        return {
            "AWS_ENDPOINT_URL": self.embedded_aws.endpoint,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": "ap-southeast-1",
        }

    def play(
        self, playbook: str, *arguments: str, inventory: str | None = None, limit: int = LIMIT_SECONDS, **variables: Any
    ) -> Run:
        """Run a playbook. Without an inventory it is the default one, `local`."""
        command = ["ansible-playbook", playbook, *arguments]
        extra: dict[str, str] = {}
        if inventory:
            command += ["-i", f"inventories/{inventory}.yml"]
            extra = self.aws_environment()
            variables = {"build_mode": "artifact"} | variables
        command += ["-e", json.dumps(self.variables | variables)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def aws(self, *arguments: str) -> Any:
        """Run one AWS CLI command against the embedded AWS and return its answer."""
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        done = subprocess.run(
            command, env=self.environment(**self.aws_environment()), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")
