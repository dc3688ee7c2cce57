# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much longer a first deploy takes than the slowest chain of what AWS does for it, and a picture of it.

PYTHONPATH=collections:tests python tests/benchmarks/critical_path.py [--speed N] [--svg FILE] [-e NAME=VALUE]

The embedded AWS takes its time as AWS does, in seconds of its own clock: load balancer 150, NAT gateway 90,
CloudFront 240, VPC origin 300, a new task 60. Somebody apart asks it four times a second what is ready.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from support.embedded import EmbeddedAws
from support.machine import ROOT
from support.machine import free_port

# Seconds on AWS's clock.
DELAYS = {"alb": 150, "nat": 90, "cloudfront": 240, "vpc_origin": 300, "deployment": 60}
INTERVAL = 0.25
# A target is healthy after one check, and these many seconds lie between two.
HEALTH_CHECK = 30


@dataclass(frozen=True)
class Bar:
    """Something that took from `began` to `ended`, in seconds since the run's beginning."""

    name: str
    began: float
    ended: float

    @property
    def length(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Run:
    """One first deploy: its wall seconds, its tasks by role, what AWS set up meanwhile, and the clock's speed."""

    wall: float
    tasks: list[Bar]
    resources: list[Bar]
    speed: float

    @property
    def chain(self) -> float:
        """Seconds of the slowest chain: things that AWS cannot begin before another is ready come one after another."""
        seconds = {one.name: DELAYS[KINDS[one.name]] for one in self.resources}
        balancer, edge = seconds.get("load balancer", 0), seconds.get("CloudFront", 0)
        # A VPC origin needs an active load balancer, and a distribution one that is deployed.
        if "VPC origin" in seconds:
            edge += balancer + seconds["VPC origin"]
        service = seconds.get("NAT gateway", 0) + seconds.get("deployment", 0) + HEALTH_CHECK
        return max(balancer + HEALTH_CHECK, edge, service) / self.speed

    @property
    def in_a_row(self) -> float:
        """Seconds that all of it would take one after another."""
        return sum(DELAYS[KINDS[one.name]] for one in self.resources) / self.speed

    @property
    def ratio(self) -> float:
        return self.wall / self.chain


KINDS = {
    "NAT gateway": "nat",
    "load balancer": "alb",
    "VPC origin": "vpc_origin",
    "CloudFront": "cloudfront",
    "deployment": "deployment",
}


def states(aws: EmbeddedAws) -> Iterator[tuple[str, bool]]:
    """(what, whether it is ready) of all that there is."""
    for gateway in aws.client("ec2").describe_nat_gateways()["NatGateways"]:
        yield "NAT gateway", gateway["State"] == "available"
    for balancer in aws.client("elbv2").describe_load_balancers()["LoadBalancers"]:
        yield "load balancer", balancer["State"]["Code"] == "active"
    for origin in aws.client("cloudfront").list_vpc_origins()["VpcOriginList"].get("Items", ()):
        yield "VPC origin", origin["Status"] == "Deployed"
    for distribution in aws.client("cloudfront").list_distributions()["DistributionList"].get("Items", ()):
        yield "CloudFront", distribution["Status"] == "Deployed"
    for cluster in aws.client("ecs").list_clusters()["clusterArns"]:
        for arn in aws.client("ecs").list_services(cluster=cluster)["serviceArns"]:
            (service,) = aws.client("ecs").describe_services(cluster=cluster, services=[arn])["services"]
            yield "deployment", service["deployments"][0]["rolloutState"] == "COMPLETED"


def observe(aws: EmbeddedAws, over: threading.Event, bars: dict[str, list[float]]) -> None:
    """Note when each thing is first there and first ready."""
    while not over.wait(INTERVAL):
        for name, ready in states(aws):
            seen = bars.setdefault(name, [time.time()])
            if ready and len(seen) == 1:
                seen.append(time.time())


def roles(lines: Iterable[dict[str, Any]], start: float) -> list[Bar]:
    """The tasks, one bar for each stretch of a role; the join is a bar of its own."""
    bars: list[Bar] = []
    for line in lines:
        name = "ready" if line["module"].endswith("stack_ready") else line["role"]
        began, ended = line["began"] - start, line["ended"] - start
        if bars and bars[-1].name == name:
            bars[-1] = Bar(name, bars[-1].began, ended)
        else:
            bars.append(Bar(name, began, ended))
    return bars


def deploy(speed: float, say: Callable[[str], None] = print, **variables: Any) -> Run:
    """One first deploy on an embedded AWS of its own.

    :raises RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="critical-path-") as folder:
        words = ("--runtime", "processes", "--clock-speed", f"{speed:g}")
        delays = ("--delay", *(f"{name}={seconds}" for name, seconds in DELAYS.items()))
        aws = EmbeddedAws(Path(folder) / "home", free_port(), words=(*words, *delays))
        aws.start()
        times = Path(folder) / "times"
        known = {
            "embedded_aws_home": str(aws.home),
            "embedded_aws_port": aws.port,
            "embedded_aws_runtime": "processes",
            "embedded_aws_clock_speed": f"{speed:g}",
            "embedded_aws_delays": DELAYS,
            "amica_http_port": free_port(),
        }
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))},
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "TASK_TIMES": str(times),
        }
        bars: dict[str, list[float]] = {}
        over = threading.Event()
        watching = threading.Thread(target=observe, args=(aws, over, bars))
        program = Path(sys.executable).with_name("ansible-playbook")
        try:
            watching.start()
            start = time.time()
            command = [str(program), "site.yml", "-e", json.dumps(known | variables)]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            wall = time.time() - start
            time.sleep(2 * INTERVAL)
        finally:
            over.set()
            watching.join()
            aws.command("stop")
        if done.returncode:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-1000:])
        resources = [Bar(name, began - start, ended - start) for name, (began, ended) in bars.items()]
        tasks = roles(map(json.loads, times.read_text().splitlines()), start)
    run = Run(wall, tasks, resources, speed)
    say(f"{run.wall:.1f} s, {run.ratio:.2f} times the slowest chain ({run.chain:.0f} s); in a row {run.in_a_row:.0f} s")
    for stretch in (*run.tasks, *run.resources):
        say(f"  {stretch.began:7.1f} {stretch.ended:7.1f}  {stretch.name}")
    return run


WIDTH, LEFT, ROW = 920, 170, 24


def picture(run: Run) -> str:
    """The run as an SVG: what Ansible did above, what AWS did below. Seconds are AWS's."""
    scale = (WIDTH - LEFT - 30) / (run.wall * run.speed)
    title = (
        f"First deploy: {run.wall * run.speed:.0f} s, {run.ratio:.2f} times the slowest chain "
        f"({run.chain * run.speed:.0f} s)"
    )
    rows = [("#1f6feb", one) for one in run.tasks if one.length * run.speed * scale >= 1 or one.name == "build"]
    rows += [("#8250df", one) for one in run.resources]
    height = 60 + ROW * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 30}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(title)}">',
        f'  <rect width="{WIDTH}" height="{height + 30}" fill="#fff"/>',
        f'  <text x="20" y="28" font-size="15" fill="#1f2328">{escape(title)}</text>',
    ]
    step = next(one for one in (10, 30, 60, 120, 300, 600) if run.wall * run.speed / one <= 10)
    for second in range(0, int(run.wall * run.speed) + 1, step):
        x = LEFT + second * scale
        lines.append(f'  <path d="M{x:.1f} 45V{height}" stroke="#d0d7de"/>')
        lines.append(f'  <text x="{x:.1f}" y="{height + 18}" text-anchor="middle" fill="#57606a">{second} s</text>')
    for number, (colour, stretch) in enumerate(rows):
        y = 50 + ROW * number
        x, width = LEFT + stretch.began * run.speed * scale, max(2.0, stretch.length * run.speed * scale)
        lines.append(
            f'  <text x="{LEFT - 10}" y="{y + 15}" text-anchor="end" fill="#1f2328">{escape(stretch.name)}</text>'
        )
        lines.append(f'  <rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 8}" rx="3" fill="{colour}"/>')
    return "\n".join((*lines, "</svg>")) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=1, help="AWS's seconds in one real second (1)")
    parser.add_argument("--svg", type=Path, help="file for the picture")
    parser.add_argument("-e", dest="variables", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    run = deploy(arguments.speed, **dict(word.split("=", 1) for word in arguments.variables))
    if arguments.svg:
        arguments.svg.write_text(picture(run))


if __name__ == "__main__":
    main()
