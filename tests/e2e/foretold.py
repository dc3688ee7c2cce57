# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run did what `--check --diff` had foretold, and the check made no writing call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from difflib import ndiff
from typing import Any

from e2e.playbooks import Run
from e2e.playbooks import Workspace
from support.census import census

READING = ("Describe", "Get", "List", "BatchGet")
# The latter is what stock modules take for the id of a security group.
UNKNOWN = re.compile("known-after-apply|sg-0{17}")
# What Secrets Manager adds to a secret's name in its ARN.
SUFFIX = re.compile(r"(:secret:[\w/-]+)-[A-Za-z0-9]{6}\b")


def done(run: Run) -> Run:
    assert run.code == 0, run.failure
    return run


def diffs(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """What each task that changed something says of it, by the path to each value."""
    return [
        (name, dict(leaves(one.get("diff"))))
        for name, result in run.tasks
        if result.get("changed")
        for one in result.get("results", [result])
    ]


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Its values by their paths; a list of plain ones is one value."""
    if isinstance(document, list) and document and not any(isinstance(one, dict | list) for one in document):
        yield path, document
    elif isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from leaves(value, f"{path}/{key}")
    else:
        yield path, document


def plain(value: Any) -> str:
    return SUFFIX.sub(r"\1", str(value))


def unknown(value: Any) -> bool:
    return UNKNOWN.search(str(value)) is not None


def alike(told: Any, real: Any) -> bool:
    """Whether that was foretold. What is not known yet may take any place in a list, whose order is that of names."""
    if not unknown(told) or not (isinstance(told, list) and isinstance(real, list)):
        return unknown(told) or plain(told) == plain(real)
    known = Counter(plain(one) for one in told if not unknown(one))
    return len(told) == len(real) and known <= Counter(map(plain, real))


def unforetold(check: Run, run: Run) -> Iterator[str]:
    """Where what came is not what was foretold. What only AWS knows may be left open.

    Check mode makes nothing, so a later task may still foretell what an earlier one makes, or see what that changes.
    """
    earlier: dict[str, Any] = {}
    for (name, foretold), (_name, came) in zip(diffs(check), diffs(run), strict=True):
        for path in sorted({*foretold, *came}):
            told, real = foretold.get(path), came.get(path)
            repeated = path not in came and path in earlier and told == earlier[path]
            made = path.startswith("/before/") and real == earlier.get(path.replace("/before/", "/after/", 1))
            if not alike(told, real) and not repeated and not made:
                yield f"{name}: {path} was to be {told!r} and is {real!r}"
        earlier |= foretold


def foretell(workspace: Workspace, playbook: str, profile: str, **variables: Any) -> Run:
    """Ask what a run would do, which writes nothing."""
    aws = workspace.embedded_aws
    stands, calls = census(aws), aws.actions()
    check = done(workspace.play(playbook, "--check", "--diff", inventory=profile, **variables))
    made = {action for action in aws.actions() - calls if not action.partition(":")[2].startswith(READING)}
    assert (made, census(aws)) == (set(), stands), "check mode wrote something"
    return check


def fulfil(check: Run, workspace: Workspace, playbook: str, profile: str, **variables: Any) -> Run:
    """Let a run do what was foretold, and compare."""
    run = done(workspace.play(playbook, "--diff", inventory=profile, **variables))
    assert [*ndiff(check.changed, run.changed)] == [f"  {name}" for name in run.changed]
    assert [*unforetold(check, run)] == []
    return run


def carry_out(workspace: Workspace, playbook: str, profile: str, **variables: Any) -> Run:
    return fulfil(foretell(workspace, playbook, profile, **variables), workspace, playbook, profile, **variables)
