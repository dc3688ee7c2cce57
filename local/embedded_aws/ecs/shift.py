# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves traffic between the two target groups of a service by the weights of its listener rules.

A service deployment that does so holds its `_shift` (a course's state); a service revision, whether its tasks are in
the `_alternate` target group.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from dataclasses import replace

from embedded_aws.ecs import course
from embedded_aws.ecs.store import ApiError
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import Store
from embedded_aws.ecs.store import option

TIMED_OUT = "because a lifecycle hook timed out."
DAY = 24 * 60


def targets(revision: Record) -> list[tuple[str, int]]:
    """The target groups and ports that the tasks of a service revision register in."""
    return [
        (option(item, "advancedConfiguration", "alternateTargetGroupArn") if turned else item["targetGroupArn"], port)
        for item in revision.get("loadBalancers", ())
        for turned, port in [(revision.get("_alternate") and item.get("advancedConfiguration"), item["containerPort"])]
    ]


def begin(service: Record, release: Record, revision: Record, clock: float) -> None:
    """The new revision's tasks get the target group that the present one's are not in."""
    good = service["_good"]
    present = {group for group, _ in targets(service["_revisions"][good["_revision"]])} if good else set()
    shifted = [item for item in revision.get("loadBalancers", ()) if item.get("advancedConfiguration")]
    revision["_alternate"] = any(item["targetGroupArn"] in present for item in shifted)
    revision["resolvedConfiguration"] = {"loadBalancers": [{"targetGroupArn": group} for group, _ in targets(revision)]}
    if release["deploymentConfiguration"]["strategy"] in course.STRATEGIES:
        release.update(_shift=asdict(course.State(since=clock)), lifecycleHookDetails=[])


def holds(release: Record) -> bool:
    """Whether the old tasks must stay as they are."""
    going = release["status"] in ("PENDING", "IN_PROGRESS") and "_shift" in release
    return going and release["_shift"]["stage"] != course.LAST


def step(store: Store, service: Record, now: float, clock: float, pace: float, *, ready: bool) -> str:
    """Take the current service deployment one stage further, if it is time; why it must be rolled back, if it must.

    `ready`: whether all new tasks are healthy. `now` is the wall's time, `clock` the scheduler's, and `pace` how many
    of the clock's seconds a real one takes.
    """
    release = service["_releases"][0]
    if not holds(release):
        return ""
    waiting = [hook for hook in release["lifecycleHookDetails"] if hook["status"] == "AWAITING_ACTION"]
    for hook in waiting:
        if clock >= hook["_until"]:
            hook["status"] = "TIMED_OUT"
            if hook["timeoutAction"] == "ROLLBACK":
                return TIMED_OUT
    if waiting:
        return ""
    revision = service["_revisions"][release["targetServiceRevision"]["arn"]]
    rules = [item.get("advancedConfiguration") or {} for item in revision.get("loadBalancers", ())]
    wanted = course.course(
        release["deploymentConfiguration"],
        test=any(item.get("testListenerRule") for item in rules),
        first=service["_good"] is None,
    )
    state = course.State(**release["_shift"])
    following = course.after(state, wanted, clock, ready=ready)
    if following is state:
        return ""
    release.update(_shift=asdict(following), updatedAt=now)
    if (following.production, following.test) != (state.production, state.test):
        write(store, revision, following)
    for hook in release["deploymentConfiguration"].get("lifecycleHooks", ()):
        if hook.get("targetType") == "PAUSE" and following.stage in hook["lifecycleStages"]:
            wait = option(hook, "timeoutConfiguration", "timeoutInMinutes", default=DAY) * course.MINUTE
            release["lifecycleHookDetails"].append({
                "hookId": f"ecs-pause-{uuid.uuid4()}", "targetType": "PAUSE", "status": "AWAITING_ACTION",
                "expiresAt": now + wait / pace, "_until": clock + wait,
                "timeoutAction": option(hook, "timeoutConfiguration", "action", default="ROLLBACK"),
            })  # fmt: skip
    return ""


def give_back(store: Store, service: Record) -> None:
    """The tasks before the current service deployment have all traffic again."""
    release = service["_releases"][0]
    if "_shift" in release and service["_good"]:
        state = replace(course.State(**release["_shift"]), production=0.0, test=0.0)
        release["_shift"] = asdict(state)
        write(store, service["_revisions"][release["targetServiceRevision"]["arn"]], state)


def write(store: Store, revision: Record, state: course.State) -> None:
    """Give the listener rules the weights that the state says."""
    for item in revision.get("loadBalancers", ()):
        advanced = item.get("advancedConfiguration") or {}
        both = (item["targetGroupArn"], advanced.get("alternateTargetGroupArn"))
        new = both[bool(revision["_alternate"])]
        for name, percent in (("productionListenerRule", state.production), ("testListenerRule", state.test)):
            rule = store.rules.get(advanced.get(name, ""))
            if rule:
                weights = {group: round(percent if group == new else 100 - percent) for group in both}
                groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
                rule["Actions"] = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}, "Order": 1}]


def waiting_hook(release: Record, hook_id: str) -> Record:
    """The hook of this id.

    :raises ApiError: it does not wait.
    """
    for hook in release.get("lifecycleHookDetails", ()):
        if hook["hookId"] == hook_id and hook["status"] == "AWAITING_ACTION":
            return hook  # type: ignore[no-any-return]
    raise ApiError("InvalidParameterException", "The lifecycle hook is not awaiting an action.")
