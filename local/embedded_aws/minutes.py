# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each minute of the clock: the services' metrics go to CloudWatch, alarms are judged, and what scales by them does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from ministack.services import alb
from ministack.services import cloudwatch

from embedded_aws import alarms
from embedded_aws import autoscaling
from embedded_aws import metrics
from embedded_aws.balancer import Balancer
from embedded_aws.clock import Clock
from embedded_aws.cloudfront import Edge
from embedded_aws.ecs import deployments
from embedded_aws.ecs.scheduler import Ecs
from embedded_aws.ecs.store import short
from embedded_aws.metrics import Datum
from embedded_aws.targets import Targets
from embedded_aws.targets import scope
from embedded_aws.targets import users
from embedded_aws.tracking import IN_MINUTES

log = logging.getLogger("embedded_aws.minutes")
# Account, region, namespace, metric, dimensions.
Key = tuple[str, str, str, str, frozenset[tuple[str, str]]]


class Minutes:
    """Looks, writes, and remembers the last minutes of each metric."""

    def __init__(self, clock: Clock, ecs: Ecs, targets: Targets, balancer: Balancer, edge: Edge) -> None:
        self.clock = clock
        self.ecs = ecs
        self.targets = targets
        self.balancer = balancer
        self.edge = edge
        self.recent: dict[Key, deque[float]] = {}

    async def watch(self) -> None:
        while True:
            now = self.clock.now()
            await asyncio.sleep(self.clock.real(metrics.MINUTE - now % metrics.MINUTE))
            try:
                await asyncio.to_thread(self.end)
            except Exception:
                log.exception("The metrics of a minute are lost.")

    def end(self) -> None:
        """A minute is over."""
        end = self.clock.now() // metrics.MINUTE * metrics.MINUTE
        data = [*self.of_balancers(), *self.of_distributions(), *self.of_tasks(), *self.of_clusters()]
        for one in data:
            with scope(one.place):
                # The middle, so that no rounding moves it into another minute.
                write(one, self.clock.wall(end - metrics.MINUTE / 2))
        self.remember(data)
        autoscaling.track(self.minutes, self.clock.now())
        for alarm in list(cloudwatch._alarms._data.values()):
            with scope(alarm["AlarmArn"]):
                self.judge(alarm, end)

    def of_balancers(self) -> Iterator[Datum]:
        answered, self.balancer.answered = self.balancer.answered, []
        yield from metrics.of_requests(answered)
        for _, _, group in list(alb._tgs._data):
            states = [self.targets.describe(*key).state for key in self.targets.registered(group)]
            with scope(group):
                using = users(group)
            for balancer in using:
                yield from metrics.of_targets(balancer, group, states, answered)

    def of_distributions(self) -> Iterator[Datum]:
        answered, self.edge.answered = self.edge.answered, []
        yield from metrics.of_views(answered)

    def of_tasks(self) -> Iterator[Datum]:
        usage = self.ecs.runtime.usage()
        with self.ecs.lock:
            running = [task for _, task in self.ecs.store.tasks.all_items() if task["lastStatus"] == "RUNNING"]
            owners = [(self.ecs.owner(task)[0], task) for task in running]
            looked_into = self.looked_into()
        for service, task in owners:
            mine = [used for (identity, _), used in usage.items() if identity == short(task["taskArn"])]
            cores, memory = sum(used.cores for used in mine), sum(used.memory for used in mine)
            if service and mine:
                yield from metrics.of_task(service, task, cores, memory)
            if mine and task["clusterArn"] in looked_into:
                yield from metrics.of_task_insights(service, task, cores, memory)

    def of_clusters(self) -> Iterator[Datum]:
        store, services = self.ecs.store, []
        with self.ecs.lock:
            looked_into = self.looked_into()
            running = [task for _, task in store.tasks.all_items() if task["lastStatus"] == "RUNNING"]
            for (account, region, _), service in store.services.all_items():
                if service["clusterArn"] in looked_into and service["status"] != "INACTIVE":
                    with store.scope(account, region):
                        services.append(deployments.view(service, store.tasks_of(service)))
        for service in services:
            yield from metrics.of_service_insights(service)
        for cluster in looked_into:
            counts = [sum(one["clusterArn"] == cluster for one in found) for found in (services, running)]
            yield from metrics.of_cluster_insights(cluster, *counts)

    def looked_into(self) -> set[str]:
        """The ARNs of the clusters with Container Insights."""
        return {
            cluster["clusterArn"]
            for _, cluster in self.ecs.store.clusters.all_items()
            if cluster["status"] == "ACTIVE"
            and any(one["name"] == "containerInsights" and one["value"] != "disabled" for one in cluster["settings"])
        }

    def remember(self, data: Sequence[Datum]) -> None:
        """Averages; a metric that nobody wrote for a minute begins anew."""
        found: defaultdict[Key, list[float]] = defaultdict(list)
        for one in data:
            _, _, _, region, account, *_ = one.place.split(":")
            key = (account, region, one.namespace, one.metric, frozenset(one.dimensions.items()))
            found[key].append(one.value)
        self.recent = {
            key: deque((*self.recent.get(key, ()), fmean(values)), IN_MINUTES) for key, values in found.items()
        }

    def minutes(
        self, account: str, region: str, namespace: str, metric: str, dimensions: dict[str, str]
    ) -> Sequence[float]:
        return [*self.recent.get((account, region, namespace, metric, frozenset(dimensions.items())), ())]

    def judge(self, alarm: dict[str, Any], end: float) -> None:
        try:
            verdict = alarms.judge(alarm, lambda metric, periods: self.read(metric, periods, end))
        except alarms.Unknown as problem:
            alarm["StateReason"] = f"Unchecked: the embedded AWS does not know the {problem}"
            return
        before = alarm["StateValue"]
        if verdict.state != before:
            alarm.update(StateValue=verdict.state, StateReason=verdict.reason, StateUpdatedTimestamp=int(time.time()))
            cloudwatch._record_history(alarm["AlarmName"], before, verdict.state, verdict.reason)
            cloudwatch._dispatch_alarm_actions(alarm, before, verdict.state, verdict.reason)
            cloudwatch._evaluate_parent_alarms(alarm)

    def read(self, metric: alarms.Metric, periods: int, end: float) -> alarms.Series:
        """A metric's statistic in the last periods, the oldest first."""
        key = (metric.namespace, metric.name, cloudwatch._dims_key(dict(metric.dimensions)))
        found: list[list[Any]] = [[] for _ in range(periods)]
        for point in cloudwatch._metrics.get(key) or ():
            ago = int((end - self.clock.at(point["Timestamp"])) // metric.period)
            if 0 <= ago < periods:
                found[ago].append(point)
        return [
            cloudwatch._stat_value(cloudwatch._calc_stats(points), metric.statistic, points) if points else None
            for points in reversed(found)
        ]


def write(one: Datum, timestamp: float) -> None:
    cloudwatch._store_datum(
        one.namespace, one.metric, dict(one.dimensions), timestamp, one.unit, one.value, None, None, None
    )
