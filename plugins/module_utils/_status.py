# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads who asks how the stack is: what runs since when, how it got there, what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._summary import NEXT_COMMANDS
from ansible_collections.amica.stack.plugins.module_utils._summary import part
from ansible_collections.amica.stack.plugins.module_utils._summary import rows

Result = Mapping[str, Any]

# The outcomes of a deployment that has not failed.
OPEN_OUTCOMES = ("succeeded", "paused", "waiting")
MOST_DIFFERENCES = 12


def short(value: Any) -> str:
    """A value on one line; of an ARN what a person knows it by."""
    if value is None:
        return "nothing"
    text = str(value)
    return text.rpartition("/")[2] if text.startswith("arn:") else text


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """`field: running -> defined` of every leaf that differs."""
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        old, new = (side if isinstance(side, Mapping) else {} for side in (before, after))
        for key in sorted({*old, *new}):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif before != after:
        yield f"{path}: {short(before)} -> {short(after)}"


def drift(checks: Iterable[tuple[str, Result]]) -> list[str] | None:
    """What a run would change, by the results of its modules in check mode; None where none of them ran."""
    each = (one for name, result in checks for one in runs(name, result))
    ran = [(name, result) for name, result in each if "changed" in result and not result.get("skipped")]
    if not ran:
        return None
    lines: list[str] = []
    for name, result in ran:
        sides = result.get("diff") or {}
        found = list(differences(sides.get("before"), sides.get("after")))
        if not found and result["changed"]:
            found = ["something that has no name"]
        lines += [f"{name} {line}" for line in found]
    return lines


def runs(name: str, result: Result) -> Iterator[tuple[str, Result]]:
    """The runs of a module, of which a variant's is named after it."""
    for one in result.get("results", (result,)):
        variant = (one.get("ecs_fargate_application") or {}).get("name")
        yield f"{name} of {variant}" if variant else name, one


def running_since(stack: Result) -> str | None:
    """When the deployment began that the service now works towards or has reached, as `2026-11-24 22:05:01 UTC`."""
    deployments = part(stack, "service").get("deployments") or ()
    primary: Result = next((item for item in deployments if item.get("status") == "PRIMARY"), {})
    moment = primary.get("created_at")
    if not moment:
        return None
    text = str(moment).replace("T", " ")
    zone = text[19:].lstrip("0123456789.")
    return f"{text[:19]} {'UTC' if zone in ('', 'Z', '+00:00') else zone}"


def deployment_rows(health: Result) -> Iterator[tuple[str, str]]:
    if not health.get("verdict"):
        return
    yield "Roll-out", str(health["verdict"])
    cause = health.get("cause")
    if cause and health.get("outcome") not in OPEN_OUTCOMES:
        yield "Cause", cause["sentence"]
        yield "Remedy", cause["remedy"]


def drift_rows(lines: list[str] | None) -> Iterator[tuple[str, str]]:
    if lines is None:
        return
    if not lines:
        yield "Drift", "none: what runs is what the variables say"
    for index, line in enumerate(lines[:MOST_DIFFERENCES]):
        yield "" if index else "Drift", line
    if len(lines) > MOST_DIFFERENCES:
        yield "", f"and {len(lines) - MOST_DIFFERENCES} more: ansible-playbook site.yml --check --diff"


def status(stack: Result, health: Result, checks: Iterable[tuple[str, Result]], embedded: Result) -> list[str]:
    """The lines.

    :param stack: the answer of stack_info.
    :param health: the result of ecs_service_health for the last deployment, empty without a service.
    :param checks: names, and results in check mode, of the modules that would make what is defined.
    :param embedded: the embedded AWS's own account of itself, empty for AWS.
    """
    table: list[tuple[str, str]] = []
    for label, text in rows(stack, embedded):
        table.append((label, text))
        since = running_since(stack) if label == "Revision" else None
        if since:
            table.append(("Since", since))
    table += deployment_rows(health)
    table += drift_rows(drift(checks))
    if not stack.get("absent"):
        commands = (*NEXT_COMMANDS[1:], ("go back", "ansible-playbook playbooks/rollback.yml --check"))
        table += [("" if index else "Next", f"{done}   # {why}") for index, (why, done) in enumerate(commands)]
    width = max(len(label) for label, text in table)
    lines = [f"{label:<{width}}  {text}" for label, text in table]
    if health.get("outcome") != "succeeded":
        lines += story(health.get("prose") or ())
    return lines


def story(prose: Iterable[str]) -> list[str]:
    """The dossier's lines after verdict, cause and remedy, which the table has told."""
    rest = list(dropwhile(lambda line: not line.startswith("Deployment:"), prose))
    return ["", *rest] if rest else []
