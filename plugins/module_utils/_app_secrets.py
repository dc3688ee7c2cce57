# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application's secrets: what is wanted, what is held, and the steps between the two. Nothing here calls AWS.

Values never leave `Held`, `Wish` and `Step`, whose texts do not show them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import PARAMETER_STORE
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import STORES

OWNER_TAG = "amica:stack"
# What a version is called before AWS has given it an id.
NEW = "(new)"


@dataclass(frozen=True)
class Held:
    """A secret or parameter as AWS holds it. `kms_key` is empty for AWS's own; `value` None where it was not read."""

    store: str
    path: str
    arn: str
    version: str
    kms_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    scheduled_for_deletion: bool = False
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Wish:
    """A secret that is to exist; with `value` None its value is made up once."""

    name: str
    value: str | None = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """All that is to exist, in which store, under which key and with which tags."""

    stack: str
    store: str
    wishes: tuple[Wish, ...]
    kms_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str, store: str = "") -> str:
        return path(self.stack, name, store or self.store)


def path(stack: str, name: str, store: str) -> str:
    """What a store calls the secret of one variable; parameters in a hierarchy begin with a slash."""
    return f"/{stack}/{name}" if store == PARAMETER_STORE else f"{stack}/{name}"


@dataclass(frozen=True)
class Step:
    """What is to be done to one secret. Without `held` it is made; `value` None leaves the value."""

    name: str
    path: str
    held: Held | None
    value: str | None = field(default=None, repr=False)
    restore: bool = False
    rekey: bool = False
    write_tags: Mapping[str, str] = field(default_factory=dict)
    remove_tags: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        changes = (self.value is not None, self.restore, self.rekey, self.write_tags, self.remove_tags)
        return self.held is None or any(changes)


def belongs_to(held: Held, stack: str) -> bool:
    return held.tags.get(OWNER_TAG) == stack


def foreign(wanted: Wanted, held: Mapping[str, Held]) -> list[str]:
    """The paths that are wanted and taken by what does not carry the stack's tag."""
    paths = [wanted.path(wish.name) for wish in wanted.wishes]
    return [name for name in paths if name in held and not belongs_to(held[name], wanted.stack)]


def plan(
    wanted: Wanted, held: Mapping[str, Held], elsewhere: Mapping[str, Held], make: Callable[[], str]
) -> list[Step]:
    """One step a secret, in the order of the wishes.

    :param held: what the wanted store holds, by path.
    :param elsewhere: what the other store holds, by path: a value that was made up there moves, it is not made again.
    :param make: makes up a value.
    """
    return [_step(wanted, wish, held, elsewhere, make) for wish in wanted.wishes]


def _step(
    wanted: Wanted, wish: Wish, held: Mapping[str, Held], elsewhere: Mapping[str, Held], make: Callable[[], str]
) -> Step:
    place = wanted.path(wish.name)
    found = held.get(place)
    if found is None:
        (other,) = (store for store in STORES if store != wanted.store)
        moved = elsewhere.get(wanted.path(wish.name, other))
        carried = moved.value if moved and belongs_to(moved, wanted.stack) else None
        value = wish.value if wish.value is not None else carried if carried is not None else make()
        return Step(wish.name, place, None, value, write_tags=dict(wanted.tags))
    write, remove = tag_changes(found.tags, wanted.tags)
    return Step(
        wish.name,
        place,
        found,
        value=wish.value if wish.value is not None and wish.value != found.value else None,
        restore=found.scheduled_for_deletion,
        rekey=not same_key(found.kms_key, wanted.kms_key),
        write_tags=write,
        remove_tags=tuple(remove),
    )


def same_key(current: str, wanted: str) -> bool:
    """Whether two names of a KMS key, ARN or id, are one key's."""
    return current.rpartition("/")[2] == wanted.rpartition("/")[2]


def obsolete(wanted: Wanted, owned: Iterable[Held]) -> list[Held]:
    """What belongs to the stack and is not wanted (any more), in either store."""
    kept = {(wanted.store, wanted.path(wish.name)) for wish in wanted.wishes}
    return [
        held
        for held in owned
        if belongs_to(held, wanted.stack) and not held.scheduled_for_deletion and (held.store, held.path) not in kept
    ]


def described(step: Step, wanted: Wanted) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after) of one step, without values: another value is another version."""
    held = step.held
    before: dict[str, Any] = {}
    if held and not step.restore:
        before = {"version": held.version, "kms_key": held.kms_key, "tags": dict(held.tags)}
    return before, {
        "version": NEW if held is None or step.value is not None else held.version,
        "kms_key": wanted.kms_key if held is None or step.rekey else held.kms_key,
        "tags": dict(wanted.tags),
    }


def fingerprint(versions: Mapping[str, str]) -> str:
    """What changes when any secret has another version; empty for no secrets."""
    if not versions:
        return ""
    if NEW in versions.values():
        return KNOWN_AFTER_APPLY
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]


def tell_tale(wishes: Iterable[Wish], texts: Iterable[str]) -> Iterator[str]:
    """The names of the secrets whose values stand in texts that a run shows, so that they could not be hidden."""
    shown = list(texts)
    for wish in wishes:
        if wish.value and any(wish.value in text for text in shown):
            yield wish.name
