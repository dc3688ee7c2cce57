# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict over everything seen so far. Pure: no AWS, no clock, no sleep.

Evidence of a failure counts from whichever snapshot holds it, in whatever order they came; success is read from the
newest one alone, and only when no snapshot speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import failed_tasks
from ansible_collections.amica.stack.plugins.module_utils._deployment.failures import failures_of
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Deployment
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Failure
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Outcome
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Snapshot
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import State
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Target
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Task
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Verdict
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Wanted
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble

# Worst evidence first: what is told when snapshots show several.
ENDS: tuple[tuple[State, Outcome, str], ...] = (
    (State.ROLLBACK_FAILED, Outcome.ROLLBACK_FAILED, "failed, and so did ECS's rollback"),
    (State.ROLLED_BACK, Outcome.ROLLED_BACK, "failed, and ECS has rolled it back"),
    (State.ROLLING_BACK, Outcome.ROLLING_BACK, "failed, and ECS is rolling it back"),
    (State.FAILED, Outcome.FAILED, "failed"),
    (State.STOPPED, Outcome.STOPPED, "was stopped"),
    (State.STOPPING, Outcome.STOPPED, "is being stopped"),
    (State.SUPERSEDED, Outcome.SUPERSEDED, "was superseded by another deployment"),
)
# A task that cannot be started twice for the same reason will not be started at the third attempt.
HOPELESS_STARTS = 2
HOPELESS = ("CannotPull", "ResourceInitializationError", "unable to pull secrets", "image cannot be pulled")


def judge(history: Sequence[Snapshot], wanted: Wanted) -> Verdict:
    """The verdict over all snapshots; `waiting` as long as the end is open, with what a success still lacks."""
    for verdict in certain_failures(history, wanted):
        return verdict
    if not history:
        return Verdict(Outcome.WAITING, "Nothing has been seen yet.", ("a first answer of AWS",))
    latest = newest(history)
    if latest.trouble or latest.deployment is None:
        return waiting(history, (trouble_sentence(history),))
    missing = tuple(lacking(latest, latest.deployment, wanted))
    if latest.deployment.pause:
        said = f"Deployment {latest.deployment.id} of {wanted.service} is {latest.deployment.pause.sentence}."
        return Verdict(Outcome.PAUSED, said, missing)
    if missing:
        return waiting(history, missing)
    return Verdict(Outcome.SUCCEEDED, success_sentence(latest, latest.deployment, wanted))


def timed_out(verdict: Verdict, waited: float) -> Verdict:
    """The verdict when patience ends first: it says what was still missing."""
    lacks = "; ".join(verdict.missing) or "nothing that can be named"
    return Verdict(
        Outcome.TIMED_OUT,
        f"The deployment was not done after {spell(waited)}. Still missing: {lacks}.",
        verdict.missing,
    )


def newest(history: Iterable[Snapshot]) -> Snapshot:
    """The latest look, by the looker's clock."""
    return max(history, key=lambda look: look.at)


def spell(duration: float) -> str:
    whole = round(duration)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"


def certain_failures(history: Sequence[Snapshot], wanted: Wanted) -> Iterator[Verdict]:
    """The failures that are certain, worst first."""
    yield from unreachable(history)
    yield from ended_badly(history, wanted)
    yield from vanished(history, wanted)
    yield from tripped(history, wanted)
    yield from dying(history, wanted)
    yield from wrong_image(history, wanted)


def unreachable(history: Sequence[Snapshot]) -> Iterator[Verdict]:
    """Waiting does not bring back credentials. A refusal counts only while nothing could be read at all."""
    for look in history:
        if look.trouble is Trouble.EXPIRED:
            yield Verdict(Outcome.CREDENTIALS, sentence(look.note))
    if history and all(look.trouble is Trouble.DENIED for look in history):
        yield Verdict(Outcome.DENIED, sentence(newest(history).note))


def ended_badly(history: Sequence[Snapshot], wanted: Wanted) -> Iterator[Verdict]:
    deployments = [look.deployment for look in history if look.deployment]
    alarms = next((item.alarms for item in deployments if item.alarms), ())
    for state, outcome, what in ENDS:
        # The look with most to say: a reason may come a poll later than the state.
        item = max((item for item in deployments if item.state is state), key=lambda it: len(it.reason), default=None)
        if item is None:
            continue
        how = f"{what}, {item.successor}" if outcome is Outcome.SUPERSEDED and item.successor else what
        because = f": the alarm {', '.join(alarms)} went off" if alarms else reason_of(item)
        yield Verdict(outcome, f"Deployment {item.id} of {wanted.service} {how}{because}.")


def reason_of(deployment: Deployment) -> str:
    reason = (deployment.rollback_reason or deployment.reason).strip().rstrip(".")
    if not reason or "completed" in reason or "in progress" in reason:
        return ""
    return f": {reason}"


def vanished(history: Sequence[Snapshot], wanted: Wanted) -> Iterator[Verdict]:
    """The service or its cluster is not there. Never there at all is another mistake than deleted meanwhile."""
    gone = [look for look in history if not look.exists]
    if not gone:
        return
    if any(look.deployment for look in history):
        yield Verdict(
            Outcome.SERVICE_GONE,
            f"The service {wanted.service} was deleted while its deployment was in progress: {sentence(gone[0].note)}",
        )
    else:
        yield Verdict(Outcome.NOT_FOUND, sentence(gone[0].note))


def tripped(history: Sequence[Snapshot], wanted: Wanted) -> Iterator[Verdict]:
    """ECS has decided, though the deployment's status does not say so yet."""
    for look in history:
        item = look.deployment
        if item is None:
            continue
        if item.alarms:
            yield Verdict(
                Outcome.ALARM,
                f"Deployment {item.id} of {wanted.service} failed: the alarm {', '.join(item.alarms)} went off.",
            )
        if item.breaker.tripped:
            counts = (
                f" after {item.breaker.failures} of {item.breaker.threshold} failed tasks"
                if item.breaker.threshold
                else ""
            )
            yield Verdict(
                Outcome.FAILED, f"Deployment {item.id} of {wanted.service} failed: the circuit breaker tripped{counts}."
            )


def dying(history: Sequence[Snapshot], wanted: Wanted) -> Iterator[Verdict]:
    """Tasks that keep ending alike, where nothing but a person will end that."""
    looks = [look for look in history if look.deployment and look.tasks is not None]
    if not looks:
        return
    last = newest(looks)
    item = last.deployment
    if item is None or item.state is State.SUCCEEDED:
        return
    failures = failures_of(failed_tasks(history, item.id))
    for failure in failures:
        times = len(failure.tasks)
        if is_hopeless(failure) and times >= min(HOPELESS_STARTS, wanted.identical_failures):
            yield Verdict(
                Outcome.CANNOT_START,
                f"The tasks of {wanted.service} cannot start ({times} times): {sentence(brief(failure))}",
            )
    for failure in failures:
        if len(failure.tasks) >= wanted.identical_failures and not will_be_ended(item) and not serving(last, item):
            why = (
                "it is the service's first, so there is nothing to roll back to"
                if not item.recoverable
                else "no circuit breaker will end it"
            )
            yield Verdict(
                Outcome.STALLED,
                f"The tasks of {wanted.service} keep dying ({len(failure.tasks)} times alike, {why}): "
                f"{sentence(brief(failure))}",
            )


def is_hopeless(failure: Failure) -> bool:
    return any(word.lower() in failure.reason.lower() for word in HOPELESS)


def brief(failure: Failure) -> str:
    exit_code = f" (exit code {failure.exit_code})" if failure.exit_code is not None else ""
    return f"{failure.reason or failure.code}{exit_code}"


def will_be_ended(deployment: Deployment) -> bool:
    """Whether ECS itself puts an end to it. A breaker that shall roll back and has nothing to go back to does not."""
    return deployment.breaker.enabled and (deployment.recoverable or not deployment.breaker.rollback)


def serving(look: Snapshot, deployment: Deployment) -> bool:
    """Whether some task of the deployment is of use: it runs, and its targets are healthy where there are any."""
    running = running_tasks(look, deployment)
    if not look.balanced:
        return bool(running) and deployment.running >= deployment.desired
    healthy = {target.address for target in look.targets or () if target.state == "healthy"}
    return any(task.address in healthy for task in running)


def running_tasks(look: Snapshot, deployment: Deployment) -> list[Task]:
    return [
        task
        for task in look.tasks or ()
        if task.status == "RUNNING" and not task.ended and task.started_by in (deployment.id, "")
    ]


def wrong_image(history: Sequence[Snapshot], wanted: Wanted) -> Iterator[Verdict]:
    """ECS calls it done, and yet other images run than the ones that were pushed."""
    if not history:
        return
    look = newest(history)
    item = look.deployment
    if not wanted.image_digests or item is None or item.state is not State.SUCCEEDED:
        return
    digests, expected = running_digests(look, item), frozenset(wanted.image_digests)
    # Without a load balancer nothing says which of the digests are the application's.
    foreign = digests - expected if item.container else frozenset()
    if digests and (foreign or not expected <= digests):
        yield Verdict(
            Outcome.WRONG_IMAGE,
            f"Deployment {item.id} of {wanted.service} completed, but it runs {', '.join(map(short, sorted(digests)))} "
            f"instead of {', '.join(map(short, wanted.image_digests))}.",
        )


def running_digests(look: Snapshot, deployment: Deployment) -> frozenset[str]:
    """The application that runs: the digests that the tasks report, else those of the deployment's revision."""
    boxes = [box for task in running_tasks(look, deployment) for box in task.containers]
    reported = {box.digest for box in boxes if box.digest and deployment.container in ("", box.name)}
    return frozenset(reported) or deployment.digests


def short(digest: str) -> str:
    return digest[: len("sha256:") + 12]


def lacking(look: Snapshot, deployment: Deployment, wanted: Wanted) -> Iterator[str]:
    """What the deployment lacks to be a success, a phrase each."""
    if deployment.state is not State.SUCCEEDED:
        yield unfinished(deployment)
    running = running_tasks(look, deployment)
    counted = max(len(running), deployment.running) if look.tasks is not None else deployment.running
    if counted < deployment.desired:
        yield f"{deployment.desired - counted} of {deployment.desired} tasks are not running"
    if look.balanced:
        yield from unhealthy_targets(look, deployment, running)
    if wanted.image_digests and deployment.desired and deployment.state is State.SUCCEEDED:
        digests = running_digests(look, deployment)
        if not all(digest in digests for digest in wanted.image_digests):
            yield "AWS has not said which image runs"
    if wanted.probe and deployment.state is State.SUCCEEDED and not (look.probe and look.probe.ok):
        yield (
            f"{look.probe.url} does not answer as it should: {look.probe.detail}"
            if look.probe
            else "the end-to-end probe has not run"
        )


def unfinished(deployment: Deployment) -> str:
    stage = f" (stage {deployment.stage})" if deployment.stage else ""
    return f"ECS has not completed the deployment{stage}"


def unhealthy_targets(look: Snapshot, deployment: Deployment, running: Sequence[Task]) -> Iterator[str]:
    if look.targets is None:
        yield "the targets' health could not be read"
        return
    own = own_targets(look, running)
    healthy = len({target.address for target in own if target.state == "healthy"})
    if healthy < deployment.desired:
        reasons = sorted(
            {target.reason or target.state for target in own if target.state not in ("healthy", "draining")}
        )
        because = f" ({', '.join(reasons)})" if reasons else ""
        yield f"{deployment.desired - healthy} of {deployment.desired} targets are not healthy{because}"


def own_targets(look: Snapshot, running: Sequence[Task]) -> list[Target]:
    """The targets of the running tasks of this deployment; all of them where the tasks' addresses are not known."""
    addresses = {task.address for task in running if task.address}
    unknown = look.tasks is None or (running and not addresses)
    return [target for target in look.targets or () if unknown or target.address in addresses]


def waiting(history: Sequence[Snapshot], missing: tuple[str, ...]) -> Verdict:
    return Verdict(Outcome.WAITING, f"In progress; still missing: {'; '.join(missing)}.", missing)


def trouble_sentence(history: Sequence[Snapshot]) -> str:
    look = newest(history)
    if look.trouble is Trouble.THROTTLED:
        return "AWS throttles the calls of this account"
    if look.trouble:
        return f"AWS does not answer ({look.note.rstrip('.')})"
    return look.note or "the deployment is not listed yet"


def success_sentence(look: Snapshot, deployment: Deployment, wanted: Wanted) -> str:
    tasks = f"{deployment.desired} task{'' if deployment.desired == 1 else 's'}"
    health = ", targets healthy" if look.balanced and deployment.desired else ""
    image = f", image {short(wanted.image_digests[0])}" if wanted.image_digests else ""
    return f"Deployment {deployment.id} of {wanted.service} completed: {tasks} running{health}{image}."


def sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
