# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets of load balancers: who is registered, and how each answers the health checks that are really made."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb

from embedded_aws.clock import Clock
from embedded_aws.health import ABSENT
from embedded_aws.health import DRAINING
from embedded_aws.health import UNUSED
from embedded_aws.health import Health
from embedded_aws.health import judge
from embedded_aws.health import probe
from embedded_aws.rules import action_groups
from embedded_aws.rules import attribute

# Real seconds between two looks at what is due.
TICK = 0.1
Key = tuple[str, str, int]


def scope(arn: str) -> AbstractContextManager[None]:
    """The account and region that an ARN names."""
    part = arn.split(":")
    return request_scope(part[4], part[3])  # type: ignore[no-any-return]


class Targets:
    """All registered targets. MiniStack's own list holds them: they are kept, reset and deleted with their groups."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.health: dict[Key, Health] = {}
        self.due: dict[Key, float] = {}
        self.turn = itertools.count()

    # What a container service and the API call ---------------------------------------------------------------------
    def register(self, group: str, address: str, port: int, owner: str = "") -> None:
        with self.lock, scope(group):
            if group not in alb._tgs:
                return
            key = (group, address, port)
            known = next((item for item in alb._targets.get(group, []) if self.key(group, item) == key), None)
            if known and not known.get("Until"):
                return
            self.forget(key)
            entry = {"Id": address, "Port": port, "Owner": owner}
            alb._targets[group] = [*(item for item in alb._targets.get(group, []) if item is not known), entry]

    def deregister(self, group: str, address: str, port: int) -> None:
        """The target drains for the deregistration delay; one of an unused group goes at once."""
        with self.lock, scope(group):
            delay = self.clock.real(
                float(attribute(alb._tg_attrs.get(group, []), "deregistration_delay.timeout_seconds", "300"))
            )
            until = time.time() + (delay if users(group) else 0)
            for item in alb._targets.get(group, []):
                if self.key(group, item) == (group, address, port):
                    item.setdefault("Until", until)
            self.sweep(group)

    def state(self, group: str, address: str, port: int) -> tuple[str, str]:
        health = self.describe(group, address, port)
        return ("", "") if health is ABSENT else (health.state, health.description)

    # What the load balancer and the health checker ask ---------------------------------------------------------------
    @staticmethod
    def key(group: str, item: dict[str, Any]) -> Key:
        return group, item["Id"], int(item.get("Port") or alb._tgs[group]["Port"])

    def describe(self, group: str, address: str, port: int) -> Health:
        with self.lock, scope(group):
            self.sweep(group)
            key = (group, address, port)
            item = next((item for item in alb._targets.get(group, []) if self.key(group, item) == key), None)
            if not item:
                return ABSENT
            if item.get("Until"):
                return DRAINING
            return self.health.get(key, Health()) if users(group) else UNUSED

    def registered(self, group: str) -> list[Key]:
        with self.lock, scope(group):
            self.sweep(group)
            return [self.key(group, item) for item in alb._targets.get(group, [])] if group in alb._tgs else []

    def pick(self, group: str, wanted: tuple[str, int] | None) -> tuple[str, int] | None:
        """The target of the next request: the wanted one if it is fit, else the next in turn.

        Without a healthy target the unhealthy ones get the requests, as AWS's fail-open does.
        """
        states = {key[1:]: self.describe(*key).state for key in self.registered(group)}
        for state in ("healthy", "unhealthy"):
            fit = [target for target, its in states.items() if its == state]
            if fit:
                return wanted if wanted in fit else fit[next(self.turn) % len(fit)]
        return None

    def forget(self, key: Key) -> None:
        self.health.pop(key, None)
        self.due.pop(key, None)

    def sweep(self, group: str) -> None:
        """Drop the targets whose drain is over."""
        now = time.time()
        old = alb._targets.get(group, [])
        kept = [item for item in old if item.get("Until", now + 1) > now]
        if len(kept) != len(old):
            for item in old:
                if item not in kept:
                    self.forget(self.key(group, item))
            alb._targets[group] = kept

    def drop_owned(self) -> None:
        """After a restart no task of the container service runs any more."""
        for key, items in list(alb._targets._data.items()):
            alb._targets._data[key] = [item for item in items if not item.get("Owner") and not item.get("Until")]

    async def watch(self, running: Callable[[], bool]) -> None:
        """Make the health checks that are due, each on its group's interval."""
        checks: set[asyncio.Task[None]] = set()
        while running():
            now = time.monotonic()
            live = set()
            for (_, _, group), settings in list(alb._tgs._data.items()):
                with scope(group):
                    used = any(provisioned(alb._lbs.get(arn, {})) for arn in users(group))
                for key in self.registered(group) if used else ():
                    live.add(key)
                    if self.due.get(key, 0.0) <= now and self.describe(*key).state != "draining":
                        self.due[key] = now + self.clock.real(settings["HealthCheckIntervalSeconds"])
                        task = asyncio.create_task(self.check(key, settings))
                        checks.add(task)
                        task.add_done_callback(checks.discard)
            for key in set(self.due) - live:
                self.forget(key)
            await asyncio.sleep(TICK)

    async def check(self, key: Key, settings: dict[str, Any]) -> None:
        _, address, port = key
        own = settings.get("HealthCheckPort", "traffic-port")
        failure = await probe(
            address,
            port if own == "traffic-port" else int(own),
            settings["HealthCheckPath"],
            settings["HealthCheckTimeoutSeconds"],
            settings["Matcher"].get("HttpCode", "200"),
        )
        with self.lock:
            if key in self.due:
                before = self.health.get(key, Health())
                self.health[key] = judge(
                    before, failure, settings["HealthyThresholdCount"], settings["UnhealthyThresholdCount"]
                )


def provisioned(balancer: dict[str, Any]) -> bool:
    """Whether a load balancer has been set up: before, it checks nothing."""
    return time.time() >= balancer.get("Ready", 0)  # type: ignore[no-any-return]


def users(group: str) -> list[str]:
    """The load balancers whose rules forward to the group."""
    found = {
        alb._listeners[rule["ListenerArn"]]["LoadBalancerArn"]
        for rule in list(alb._rules.values())
        if group in action_groups(rule.get("Actions", [])) and rule["ListenerArn"] in alb._listeners
    }
    return sorted(found)
