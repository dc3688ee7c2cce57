# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a stack is, by what stands of it. Without boto3, since filters tell it, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What ECS keeps listing after its end; a draining service has tasks that stop, and nothing is left to do about it.
GONE = ("INACTIVE", "DRAINING", "DEPROVISIONING", "DELETE_IN_PROGRESS")
# Without these nobody can chat.
NEEDED = ("vpc", "load_balancer", "target_group", "cluster", "service", "task_definition")


def judge(stack: Mapping[str, Any]) -> tuple[str, str]:
    """(health, one sentence) of a stack: absent, incomplete, deploying, unhealthy, degraded or healthy."""
    if stack["absent"]:
        return "absent", f"nothing of {stack['name']} stands in {stack['region']}"
    missing = [kind.replace("_", " ") for kind in NEEDED if not stack[kind] or stack[kind].get("status") in GONE]
    if stack["load_balancer"] and not stack["load_balancer"]["listeners"]:
        missing.append("listener")
    if missing:
        return "incomplete", f"missing: {', '.join(missing)}"
    service, states = stack["service"], [target["state"] for target in all_targets(stack)]
    wanted, running, healthy = service["desired_count"], service["running_count"], states.count("healthy")
    tally = f"{running} of {wanted} tasks running, {healthy} healthy behind the load balancer"
    primary = next((one for one in service["deployments"] if one["status"] == "PRIMARY"), None)
    variants = {name: variant_health(variant) for name, variant in stack["variants"].items()}
    if stack["load_balancer"]["state"] == "provisioning":
        return "deploying", f"{tally}; the load balancer is being provisioned"
    if stack["load_balancer"]["state"] == "failed":
        return "unhealthy", f"{tally}; the load balancer could not be set up"
    if primary and primary["rollout_state"] == "IN_PROGRESS":
        failed = f", {primary['failed_tasks']} of its tasks failed" if primary["failed_tasks"] else ""
        how = service["paused"]["sentence"] if service["paused"] else "being rolled out"
        return "deploying", f"{tally}; {revision(primary['task_definition'])} is {how}{failed}"
    coming = [name for name, (health, _how) in variants.items() if health == "deploying"]
    if coming:
        return "deploying", f"{tally}; {', '.join(f'variant {name} is being rolled out' for name in coming)}"
    failure = f"; {rollout_failure(primary)}" if primary and primary["rollout_state"] == "FAILED" else ""
    if wanted == 0:
        return "degraded", "scaled to 0 tasks, so nobody answers"
    if min(running, healthy) == 0:
        return "unhealthy", f"{tally}{failure}{target_reasons(stack)}"
    if failure or min(running, healthy) < wanted:
        return "degraded", f"{tally}{failure}{target_reasons(stack)}"
    weak = [f"variant {name}: {how}" for name, (health, how) in variants.items() if health != "healthy"]
    if weak:
        return "degraded", "; ".join((tally, *weak))
    return "healthy", tally


def variant_health(variant: Mapping[str, Any]) -> tuple[str, str]:
    """(health, how many tasks run and answer) of a variant: deploying, unhealthy or healthy."""
    service, group = variant["service"], variant["target_group"]
    if not service:
        return "unhealthy", "no service"
    states = [target["state"] for target in group["targets"]] if group else []
    wanted, running, healthy = service["desired_count"], service["running_count"], states.count("healthy")
    how = f"{running} of {wanted} tasks running, {healthy} healthy"
    if service["rollout_state"] == "IN_PROGRESS":
        return "deploying", how
    if service["rollout_state"] == "FAILED":
        return "unhealthy", f"{how}; {rollout_failure(service)}"
    return ("unhealthy" if min(running, healthy) < wanted else "healthy"), how


def all_targets(stack: Mapping[str, Any]) -> list[dict[str, Any]]:
    alternate = stack["alternate_target_group"]
    return [*stack["target_group"]["targets"], *(alternate["targets"] if alternate else ())]


def revision(arn: str) -> str:
    return arn.rpartition("/")[2]


def rollout_failure(deployment: Mapping[str, Any]) -> str:
    reason = deployment["rollout_state_reason"] or "no reason given"
    return f"the deployment of {revision(deployment['task_definition'])} failed: {reason}"


def target_reasons(stack: Mapping[str, Any]) -> str:
    """Why targets are not healthy, each reason once; those that leave are left out."""
    targets = all_targets(stack)
    reasons = {target["reason"] for target in targets if target["state"] not in ("healthy", "draining", "unused")}
    return f" ({', '.join(sorted(filter(None, reasons)))})" if any(reasons) else ""
