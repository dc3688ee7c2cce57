# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dossier as text of 80 columns and as JSON, and what changed between two looks as a line each. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC
from datetime import datetime
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import all_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import failures_of
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import is_failure
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import brief
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import own_targets
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import reason_of
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import running_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.judge import spell
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Dossier
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Failure
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Standing
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import redact
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble

COLUMNS = 80
MOST_EVENTS = 12
# A log line may be indented by more than there are columns.
MOST_INDENT = 20


def message(dossier: Dossier) -> str:
    """Verdict, cause and remedy: what a person must read first."""
    parts = [dossier.verdict.sentence]
    if dossier.cause:
        parts += [f"Likely cause: {dossier.cause.sentence}", f"Remedy: {dossier.cause.remedy}"]
    if dossier.action.sentence:
        parts.append(dossier.action.sentence)
    return redact(" ".join(parts))


def prose(dossier: Dossier) -> list[str]:
    """The dossier as lines of at most 80 columns."""
    return [line for part in sections(dossier) for line in wrapped(redact(part))]


def wrapped(line: str) -> list[str]:
    words = line.lstrip()
    indent = " " * min(len(line) - len(words), MOST_INDENT)
    folded = textwrap.wrap(
        words, COLUMNS, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )
    return folded or [""]


def sections(dossier: Dossier) -> Iterator[str]:
    yield dossier.verdict.sentence
    if dossier.cause:
        yield f"Likely cause: {dossier.cause.sentence}"
        yield f"Remedy: {dossier.cause.remedy}"
    if dossier.action.sentence:
        yield f"Action: {dossier.action.sentence}"
    if dossier.standing and not dossier.verdict.success:
        yield f"Service now: {standing_line(dossier.standing)}"
    if dossier.deployment:
        yield from deployment_lines(dossier, dossier.deployment)
    yield from titled("Tasks that failed", map(failure_line, dossier.failures))
    yield from titled("Tasks taken away by AWS or a person", map(failure_line, dossier.interruptions))
    yield from titled("Targets", target_lines(dossier))
    for words in dossier.last_words:
        title = f"Last lines of task {words.task} ({words.container})"
        yield from titled(title, words.lines or (f"({words.note})",))
    if not dossier.verdict.success:
        yield from titled(
            "Events", (f"{clock_time(event.at)} {plain(event.message)}" for event in dossier.events[-MOST_EVENTS:])
        )
    yield from titled("Phases", (phase_line(dossier),) if dossier.phases else ())
    if dossier.probe:
        yield from titled("Probe", (f"{dossier.probe.url}: {dossier.probe.detail}",))
    yield from titled("Not seen", dossier.notes)


def titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def deployment_lines(dossier: Dossier, item: Deployment) -> Iterator[str]:
    yield (
        f"Deployment: {item.id}, {item.state.value}, {item.running} of {item.desired} running, "
        f"{item.failed} failed, waited {spell(dossier.waited)}"
    )
    if item.breaker.threshold is not None:
        yield f"Circuit breaker: {item.breaker.failures or 0} of {item.breaker.threshold} failures"
    if item.reason:
        yield f"Reason: {item.reason}"
    if item.rollback_reason and item.rollback_reason != item.reason:
        yield f"Rollback: {item.rollback_reason}"
    if item.alarms:
        yield f"Alarms: {', '.join(item.alarms)}"
    if dossier.digests:
        yield f"Image: {', '.join(dossier.digests)}"


STANDS = {State.SUCCEEDED: "at rest", State.FAILED: "given up", State.IN_PROGRESS: "on the way"}


def standing_line(item: Standing) -> str:
    what = item.task_definition.rpartition("/")[2] or item.deployment
    return f"{what}, {item.running} of {item.desired} running, {STANDS[item.state]}"


def brought_to(kind: str, now: Deployment, stands: Standing) -> tuple[State, str]:
    """How a rollback or stop came out, and the same as the end of a sentence."""
    # ECS lists a deployment that it was told to stop as failed.
    end = State.STOPPED if kind == "stop" and now.state is State.FAILED else now.state
    if end is State.SUPERSEDED:  # By what the service was sent back to.
        end = State.ROLLED_BACK if stands.state is State.SUCCEEDED else State.ROLLBACK_FAILED
    failed = reason_of(now) if end is State.ROLLBACK_FAILED else ""
    return end, f"it is {end.value}{failed}, and the service stands at {standing_line(stands)}."


def failure_line(failure: Failure) -> str:
    return f"{len(failure.tasks)} x {failure.code or 'ended'}: {plain(brief(failure))}"


def target_lines(dossier: Dossier) -> Iterator[str]:
    for target in dossier.unhealthy:
        why = ", ".join(filter(None, (target.reason, target.description)))
        yield f"{target.address}:{target.port} {target.state}" + (f" ({why})" if why else "")
    if dossier.unhealthy or dossier.healthy:
        yield f"{dossier.healthy} healthy"


def phase_line(dossier: Dossier) -> str:
    return ", ".join(f"{row.name} {length_of(row.shortest, row.longest)}" for row in dossier.phases)


def length_of(shortest: float, longest: float) -> str:
    return f"{shortest:.0f} s" if round(shortest) == round(longest) else f"{shortest:.0f}-{longest:.0f} s"


_SERVICE = re.compile(r"^\(service [^)]*\) ")
_GROUP = re.compile(r"\(target-group arn:[^)]*?targetgroup/([^/)]*)[^)]*\)")
_TASK = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")


def plain(text: str) -> str:
    """AWS's sentence without what everybody knows: the service's name, long ARNs, whole task ids."""
    return _TASK.sub(r"\1", _GROUP.sub(r"(target group \1)", _SERVICE.sub("", text)))


def clock_time(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S")


def as_result(dossier: Dossier) -> dict[str, Any]:
    """The dossier for a module's result: plain JSON, times in ISO 8601, nothing secret."""
    item = dossier.deployment
    told = {
        "verdict": dossier.verdict.sentence,
        "outcome": dossier.verdict.outcome.value,
        "missing": dossier.verdict.missing,
        "cause": {"name": dossier.cause.name, "sentence": dossier.cause.sentence, "remedy": dossier.cause.remedy}
        if dossier.cause
        else None,
        "action": dossier.action.sentence,
        "action_outcome": dossier.action.end.value.replace(" ", "_") if dossier.action.end else "",
        "service_now": standing_result(dossier.standing) if dossier.standing else None,
        "waited": round(dossier.waited, 1),
        "deployment": deployment_result(item) if item else None,
        "image_digests": dossier.digests,
        "events": [{"id": event.id, "at": iso(event.at), "message": event.message} for event in dossier.events],
        "failures": [failure_result(failure) for failure in dossier.failures],
        "interruptions": [failure_result(failure) for failure in dossier.interruptions],
        "targets": {"healthy": dossier.healthy, "unhealthy": [asdict(target) for target in dossier.unhealthy]},
        "last_words": [
            {"task": words.task, "container": words.container, "lines": words.lines, "note": words.note}
            for words in dossier.last_words
        ],
        "phases": [
            {"name": row.name, "shortest": round(row.shortest, 1), "longest": round(row.longest, 1), "tasks": row.tasks}
            for row in dossier.phases
        ],
        "probe": asdict(dossier.probe) if dossier.probe else None,
        "notes": dossier.notes,
    }
    result: dict[str, Any] = without_secrets(told)
    return result


def without_secrets(value: Any) -> Any:
    """The same, each text in it redacted."""
    if isinstance(value, Mapping):
        return {key: without_secrets(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(one) for one in value]
    return redact(value) if isinstance(value, str) else value


def deployment_result(item: Deployment) -> dict[str, Any]:
    return {
        "id": item.id,
        "arn": item.arn,
        "state": item.state.value,
        "reason": item.reason,
        "rollback_reason": item.rollback_reason,
        "stage": item.stage,
        "paused": item.pause is not None,
        "strategy": item.strategy,
        "task_definition": item.task_definition,
        "desired_count": item.desired,
        "running_count": item.running,
        "pending_count": item.pending,
        "failed_tasks": item.failed,
        "circuit_breaker": {
            "failures": item.breaker.failures,
            "threshold": item.breaker.threshold,
            "tripped": item.breaker.tripped,
        },
        "alarms": item.alarms,
        "created_at": iso(item.created_at) if item.created_at is not None else None,
    }


def standing_result(item: Standing) -> dict[str, Any]:
    return {
        "deployment_id": item.deployment,
        "state": item.state.value,
        "task_definition": item.task_definition,
        "desired_count": item.desired,
        "running_count": item.running,
    }


def failure_result(failure: Failure) -> dict[str, Any]:
    return {
        "stop_code": failure.code,
        "reason": failure.reason,
        "exit_code": failure.exit_code,
        "count": len(failure.tasks),
        "tasks": failure.tasks,
    }


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def changes(history: Sequence[Snapshot], look: Snapshot, elapsed: float) -> list[str]:
    """What this look brought that those before it had not, a line each; failures first."""
    before = next((item for item in reversed(history) if item.deployment), None)
    said = [*trouble_changes(history, look)]
    if look.deployment:
        said += task_failures(history, look, look.deployment)
        said += state_changes(before.deployment if before else None, look.deployment)
        said += count_changes(before, look, look.deployment)
        said += new_events(history, look)
    return [redact(f"{elapsed_time(elapsed)} {line}") for line in said]


def elapsed_time(elapsed: float) -> str:
    return f"{int(elapsed) // 60:d}:{int(elapsed) % 60:02d}"


def trouble_changes(history: Sequence[Snapshot], look: Snapshot) -> Iterator[str]:
    was = history[-1].trouble if history else None
    if look.trouble and look.trouble is not was:
        yield (
            "AWS throttles the calls; waiting"
            if look.trouble is Trouble.THROTTLED
            else f"AWS cannot be asked: {look.note}"
        )
    elif was and not look.trouble:
        yield "AWS answers again"
    if not look.exists:
        yield look.note


def task_failures(history: Sequence[Snapshot], look: Snapshot, deployment: Deployment) -> Iterator[str]:
    known = {task.id for task in all_tasks(history).values() if is_failure(task)}
    fresh = [
        task
        for task in look.tasks or ()
        if task.id not in known and is_failure(task) and task.started_by == deployment.id
    ]
    for failure in failures_of(fresh):
        times = f" ({len(failure.tasks)} tasks)" if len(failure.tasks) > 1 else ""
        yield f"failed: {plain(brief(failure))}{times}"


def state_changes(before: Deployment | None, now: Deployment) -> Iterator[str]:
    if before is None or before.state is not now.state:
        reason = f": {now.reason}" if now.reason and now.state not in (State.IN_PROGRESS, State.SUCCEEDED) else ""
        yield f"{now.id} {now.state.value}{reason}"
    if now.stage and (before is None or before.stage != now.stage):
        yield f"stage {now.stage}"
    if now.pause and (before is None or before.pause != now.pause):
        yield now.pause.sentence


def count_changes(before: Snapshot | None, look: Snapshot, now: Deployment) -> Iterator[str]:
    if now.state not in (State.IN_PROGRESS, State.SUCCEEDED):
        return
    line = counts(look, now)
    if before is None or before.deployment is None or counts(before, before.deployment) != line:
        yield line


def counts(look: Snapshot, item: Deployment) -> str:
    parts = [f"running {item.running}/{item.desired}"]
    if item.pending:
        parts.append(f"pending {item.pending}")
    if item.failed:
        parts.append(f"failed {item.failed}")
    if look.balanced and look.targets is not None:
        own = own_targets(look, running_tasks(look, item))
        parts.append(f"healthy {sum(target.state == 'healthy' for target in own)}/{item.desired}")
    return ", ".join(parts)


def new_events(history: Sequence[Snapshot], look: Snapshot) -> Iterator[str]:
    known = {event.id or (event.at, event.message) for item in history for event in item.events}
    for event in look.events:
        if (event.id or (event.at, event.message)) not in known:
            yield f"event: {plain(event.message)}"
