# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection costs beside Terraform and the usual small tools, in alternating runs on the embedded AWS.

make bench, or PYTHONPATH=collections:tests python tests/benchmarks/run.py [--quick] [--rounds N]

It deploys the dev stack twice, once with site.yml and once with the Terraform module beside this file, and writes
docs/performance.md. A tool that is not installed or fails is left out, and both the output and the page say so.
It asserts no times.
"""

from __future__ import annotations

import argparse
import compileall
import json
import multiprocessing
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.meter import Spent
from benchmarks.meter import spent
from benchmarks.report import Page
from benchmarks.report import Sample
from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port

HERE = Path(__file__).resolve().parent
HOME = ROOT / ".cache" / "benchmarks"
REGION = "ap-southeast-1"
ROUNDS = 3
# How often a round repeats what changes nothing.
REPEATS = 3
LOG_EVENTS = 2_000
OURS, TERRAFORM, ECS_DEPLOY, AWSLOGS, AWS_CLI = "amica.stack", "Terraform", "ecs-deploy", "awslogs", "AWS CLI"


class Failed(Exception):
    """A command failed; the text says which, and the end of what it said."""


@dataclass
class Bench:
    """One benchmark: its tools, where they stand, and what was measured so far."""

    aws: EmbeddedAws
    folder: Path
    words: list[str]
    samples: list[Sample] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    release: int = 1

    def __post_init__(self) -> None:
        self.ports = {OURS: free_port(), TERRAFORM: free_port()}
        self.image = ""
        self.auth_secret = secrets.token_urlsafe(32)

    @property
    def environment(self) -> dict[str, str]:
        dropped = ("AWS_", "ANSIBLE_", "TF_VAR_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return kept | {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }

    def calls(self) -> int:
        with urllib.request.urlopen(f"{self.aws.endpoint}/_embedded_aws/calls") as answer:
            return sum(json.load(answer).values())

    def run(self, tool: str, command: list[str], folder: Path = ROOT) -> Spent:
        """:raises Failed: its exit code is not 0."""
        log = self.folder / f"{len(self.samples):03d}-{tool.split()[0]}.log"
        cost = spent(command, folder, self.environment, log)
        if cost.code:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"exit code {cost.code} of {' '.join(command)}\n{end}")
        return cost

    def play(self, playbook: str, *words: str, **variables: Any) -> list[str]:
        known = {
            "amica_name": "ansible",
            "build_mode": "artifact",
            "amica_http_port": self.ports[OURS],
            "ecs_fargate_architecture": architecture().lower(),
            "ecs_fargate_environment": {"RELEASE": str(self.release)},
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        return [
            str(program),
            playbook,
            "-i",
            "inventories/dev.yml",
            "-e",
            json.dumps(known | variables),
            *words,
            *self.words,
        ]

    def terraform(self, command: str) -> list[str]:
        values = {
            "endpoint_url": self.aws.endpoint,
            "http_port": self.ports[TERRAFORM],
            "image": self.image,
            "architecture": architecture(),
            "release": self.release,
            "auth_secret": self.auth_secret,
        }
        words = [word for name, value in values.items() for word in ("-var", f"{name}={value}")]
        approval = [] if command == "plan" else ["-auto-approve"]
        return ["terraform", command, "-input=false", "-no-color", *approval, *words]

    def measure(self, measure: str, tool: str, command: list[str], rollout_of: str = "") -> None:
        """Run a command, if its tool still takes part.

        :param rollout_of: name of the stack whose rollout is no cost of the tool.
        """
        if tool in self.missing:
            return
        folder = self.folder / "terraform" if tool == TERRAFORM else ROOT
        before = self.calls()
        started = time.time()
        try:
            cost = self.run(tool, command, folder)
            rollout = self.rollout(rollout_of, started) if rollout_of else 0.0
        except Failed as problem:
            self.leave_out(tool, f"{measure}: {problem}")
            return
        sample = Sample(measure, tool, cost.wall - rollout, cost.cpu, cost.memory, self.calls() - before)
        self.samples.append(sample)
        print(f"{sample}", flush=True)

    def rollout(self, stack: str, started: float) -> float:
        """Seconds that ECS itself took for the deployment that the command started: from its begin to COMPLETED."""
        answer = self.aws.client("ecs").describe_services(cluster=f"{stack}-cluster", services=[f"{stack}-service"])
        (primary,) = [item for item in answer["services"][0]["deployments"] if item["status"] == "PRIMARY"]
        if primary["rolloutState"] != "COMPLETED" or primary["createdAt"].timestamp() < started - 1:
            raise Failed(f"it started no deployment of {stack}, or did not wait until it had completed")
        return float((primary["updatedAt"] - primary["createdAt"]).total_seconds())

    def leave_out(self, tool: str, why: str) -> None:
        self.missing[tool] = why
        print(f"\n*** NOT MEASURED: {tool}: {why}\n", file=sys.stderr, flush=True)

    def prepare(self) -> None:
        """Byte-code for both sides, an image for Terraform, and who takes part."""
        environment = Path(sys.prefix) / "lib"
        for place in (ROOT / "plugins", ROOT / "local", ROOT / "collections", environment):
            compileall.compile_dir(place, quiet=2, workers=0)
        for tool, program in ((TERRAFORM, "terraform"), (ECS_DEPLOY, "ecs"), (AWSLOGS, "awslogs"), (AWS_CLI, "aws")):
            if not shutil.which(program):
                self.leave_out(tool, f"{program} is not installed")
        # Terraform builds no image: it gets one that lies in the registry already.
        playbook = self.folder / "image.yml"
        module = {"amica.stack.app_image": {"repository": "images", "mode": "artifact", "context": str(ROOT),
                  "architecture": architecture().lower(), **self.aws.options}, "register": "made"}  # fmt: skip
        copy = {"ansible.builtin.copy": {"content": "{{ made.image }}", "dest": str(self.folder / "image")}}
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [module, copy]}]))
        self.aws.client("ecr").create_repository(repositoryName="images")
        self.run("image", self.play(str(playbook), "-i", "localhost,", "-e", "ansible_connection=local"))
        self.image = (self.folder / "image").read_text()
        if TERRAFORM not in self.missing:
            shutil.copytree(HERE / "terraform", self.folder / "terraform")
            try:
                self.run(TERRAFORM, ["terraform", "init", "-input=false", "-no-color"], self.folder / "terraform")
            except Failed as problem:
                self.leave_out(TERRAFORM, f"its provider cannot be had: {problem}")

    def both(self, measure: str, ours: list[str], theirs: list[str], rolls_out: bool = False) -> None:
        self.measure(measure, OURS, ours, "ansible" if rolls_out else "")
        self.measure(measure, TERRAFORM, theirs, "terraform" if rolls_out else "")

    def round(self, repeats: int) -> None:
        """From an empty account to an empty account."""
        self.both("first deploy", self.play("site.yml"), self.terraform("apply"))
        for _time in range(repeats):
            self.both("no-op converge", self.play("site.yml"), self.terraform("apply"))
        self.release += 1
        self.both("redeploy", self.play("site.yml", "--tags", "redeploy"), self.terraform("apply"), rolls_out=True)
        for _time in range(repeats):
            self.both("status with drift", self.play("playbooks/status.yml"), self.terraform("plan"))
            self.measure("status", OURS, self.play("playbooks/status.yml", status_drift=False))
        self.peers(repeats)
        confirm = self.play("playbooks/destroy.yml", destroy_confirm="ansible")
        self.both("destroy", confirm, self.terraform("destroy"))

    def peers(self, repeats: int) -> None:
        """The small tools work on our stack."""
        service = ["--cluster", "ansible-cluster", "--service", "ansible-service"]
        force = ["aws", "ecs", "update-service", *service, "--force-new-deployment"]
        wait = [
            "aws",
            "ecs",
            "wait",
            "services-stable",
            "--cluster",
            "ansible-cluster",
            "--services",
            "ansible-service",
        ]
        both = f"{' '.join(force)} && {' '.join(wait)}"
        self.measure("redeploy", AWS_CLI, ["sh", "-c", both], "ansible")
        release = ["-e", "ansible", "RELEASE", f"{self.release}-again"]
        command = ["ecs", "deploy", "ansible-cluster", "ansible-service", *release, "--timeout", "600"]
        self.measure("redeploy", ECS_DEPLOY, command, "ansible")
        group = "/ecs/ansible-stack"
        put_events(self.aws.client("logs"), group)
        for _time in range(repeats):
            self.measure("log tail", OURS, self.play("playbooks/logs.yml", logs_lines=LOG_EVENTS))
            self.measure("log tail", AWSLOGS, ["awslogs", "get", group, "ALL", "-s15m"])
            since = str(int((time.time() - 900) * 1000))
            words = ["filter-log-events", "--log-group-name", group, "--start-time", since, "--output", "text"]
            self.measure("log tail", AWS_CLI, ["aws", "logs", *words])


def put_events(logs: Any, group: str) -> None:
    now = int(time.time() * 1000)
    logs.create_log_stream(logGroupName=group, logStreamName="benchmark")
    events = [{"timestamp": now, "message": f"INFO request {number} answered"} for number in range(LOG_EVENTS)]
    logs.put_log_events(logGroupName=group, logStreamName="benchmark", logEvents=events)


def architecture() -> str:
    return "ARM64" if platform.machine() in ("aarch64", "arm64") else "X86_64"


def versions(missing: dict[str, str]) -> dict[str, str]:
    """What each tool calls itself."""
    commands = {
        "ansible-core": [str(Path(sys.executable).with_name("ansible")), "--version"],
        TERRAFORM: ["terraform", "version"],
        ECS_DEPLOY: ["ecs", "--version"],
        AWSLOGS: ["awslogs", "--version"],
        AWS_CLI: ["aws", "--version"],
    }
    found = {"Python": platform.python_version()}
    for name, command in commands.items():
        if name not in missing or shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = [line for line in (done.stdout + done.stderr).splitlines() if any(map(str.isdigit, line))]
            found[name] = lines[0] if lines else "unknown"
    return found


@contextmanager
def embedded_aws() -> Iterator[EmbeddedAws]:
    """An empty one, whose own costs are not counted."""
    words = ("--runtime", "processes", "--clock-speed", "10")
    aws = EmbeddedAws(HOME / "aws", free_port(), REGION, words)
    aws.command("stop")
    aws.command("reset")
    aws.start()
    try:
        yield aws
    finally:
        aws.command("stop")


def one_task(rounds: int) -> list[Sample]:
    """One AWS task on the warm and on the local connection, without Ansible's own start."""
    rows = import_module("benchmarks.warm_task").measure(rounds)
    return [Sample("one AWS task", row.connection, row.wall, row.cpu) for row in rows]


def reader(rounds: int) -> str:
    """The reader of log events beside botocore's own paginator; one round is of the smaller size only."""
    sizes = ["20000", "200000"] if rounds > 1 else ["20000"]
    command = [sys.executable, str(HERE / "logs_tail.py"), *sizes]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'collections'}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def alone(name: str, function: Callable[[int], Any], rounds: int, missing: dict[str, str], otherwise: Any) -> Any:
    """Run a benchmark that needs nothing of this one in a process of its own; what goes wrong there costs only it."""
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(function, rounds).result()
    except Exception as problem:
        missing[name] = f"{type(problem).__name__}: {problem}"
        print(f"\n*** NOT MEASURED: {name}: {missing[name]}\n", file=sys.stderr, flush=True)
        return otherwise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"from nothing to nothing, each tool ({ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="one round, nothing repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of performance.md and .svg")
    parser.add_argument("words", nargs="*", metavar="-- WORD", help="more words for each ansible-playbook command")
    arguments = parser.parse_args()
    rounds, repeats = (1, 1) if arguments.quick else (arguments.rounds, REPEATS)
    folder = HOME / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    with embedded_aws() as aws:
        bench = Bench(aws, folder, arguments.words)
        try:
            bench.prepare()
            for number in range(rounds):
                print(f"--- round {number + 1} of {rounds}", flush=True)
                bench.round(repeats)
        except Failed as problem:
            print(problem, file=sys.stderr)
            print(f"The logs are in {folder}", file=sys.stderr)
            return 1
    missing = bench.missing
    bench.samples += alone("one AWS task", one_task, rounds, missing, [])
    lines = alone("logs_tail.py", reader, rounds, missing, "")
    words = [] if sys.argv[1:] == [] else [f"ARGS='{' '.join(sys.argv[1:])}'"]
    page = Page(" ".join(["make bench", *words]), versions(missing), missing, LOG_EVENTS, lines)
    print(page.write(arguments.out, bench.samples))
    for tool, why in missing.items():
        print(f"*** NOT MEASURED: {tool}: {why}", file=sys.stderr)
    return 1 if OURS in missing else 0


if __name__ == "__main__":
    sys.exit(main())
