"""One role, or some, on an embedded AWS, without the rest of a stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.playbooks import Run
from support.embedded import EmbeddedAws
from support.machine import ROOT

LIMIT_SECONDS = 300


@dataclass(frozen=True)
class Role:
    """Called, it applies the role after `amica`, and answers the names of the tasks that changed something.

    `name` may be several, with blanks between them; `afterwards` are task files of theirs, as `ecs_fargate/purge`, for
    the play's end.
    """

    name: str
    embedded_aws: EmbeddedAws
    folder: Path
    given: dict[str, Any]
    afterwards: tuple[str, ...] = ()

    def __call__(self, variables: Mapping[str, Any] | None = None, *, check: bool = False) -> list[str]:
        """:raises AssertionError: the play failed; the text is what it said."""
        playbook = self.folder / "play.yml"
        options = {"region": self.embedded_aws.region, "endpoint_url": self.embedded_aws.endpoint}
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/amica.stack.aws": options},
            "roles": [f"amica.stack.{name}" for name in ("amica", *self.name.split())],
            "post_tasks": [
                {"ansible.builtin.import_role": {"name": f"amica.stack.{name}", "tasks_from": file}}
                for name, file in (task.split("/") for task in self.afterwards)
            ],
        }
        playbook.write_text(json.dumps([play]))
        extra = {
            "amica_region": options["region"],
            "amica_endpoint_url": options["endpoint_url"],
            "ansible_connection": "amica.stack.warm",
            "ansible_python_interpreter": sys.executable,
        }
        words = ["--extra-vars", json.dumps({**extra, **self.given, **(variables or {})})]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                "-i",
                "localhost,",
                str(playbook),
                *words,
                *(["--check"] if check else []),
            ],
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "AWS_ACCESS_KEY_ID": "embedded",
                "AWS_SECRET_ACCESS_KEY": "embedded",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        assert run.code == 0, run.failure
        return run.changed
