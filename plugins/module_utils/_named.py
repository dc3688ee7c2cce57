# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that a list names, such as alarms or saved queries: what is missing or differs is written, the rest goes."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import cast
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import unknown_members
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused


@dataclass(frozen=True)
class Changes:
    """What makes the existing things the wanted ones: names to write and to delete, and the diff."""

    write: list[str]
    delete: list[str]
    before: Document
    after: Document

    def __bool__(self) -> bool:
        return bool(self.write or self.delete)


def changes(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> Changes:
    """Compare two sets of things by name, each in the same canonical form."""
    difference = differing(existing, wanted)
    return Changes(
        write=sorted(name for name, thing in wanted.items() if existing.get(name) != thing),
        delete=sorted(existing.keys() - wanted.keys()),
        before=difference["before"],
        after=difference["after"],
    )


def requests(client: Any, operation: str, things: Mapping[str, Any], what: str) -> dict[str, dict[str, Any]]:
    """Members of an operation, by the name of the thing, with the types that AWS's model says and without empty ones.

    :param what: what one thing is called, as in `alarm`.
    :raises Refused: when one of them has a member that the operation does not know.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    made = {}
    for name, thing in things.items():
        if not isinstance(thing, Mapping):
            raise Refused(f"{what} {name} is not a mapping of members of {operation}")
        unknown = list(unknown_members(thing, shape))
        if unknown:
            raise Refused(f'{what} {name} has "{unknown[0]}", which {operation} does not know')
        made[name] = filled(cast(thing, shape))
    return made


def prefixed(prefix: str, things: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": thing for name, thing in things.items()}


def paged(client: Any, operation: str, key: str, token: str, **arguments: Any) -> list[Any]:
    """All items of an operation for which boto3 has no paginator."""
    call: Callable[..., Any] = getattr(client, operation)
    answer = call(**arguments)
    items = list(answer.get(key) or ())
    while answer.get(token):
        answer = call(**arguments, **{token: answer[token]})
        items += answer.get(key) or ()
    return items
