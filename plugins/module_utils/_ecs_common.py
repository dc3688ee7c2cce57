# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules over ECS have in common: an outcome, patience, and AWS's documents as plain data."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.botocore import normalize_boto3_result
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

Document = Mapping[str, Any]

# Maps whose keys are data, not names of fields.
VERBATIM = frozenset({"options", "dockerLabels", "driverOpts", "labels", "tags"})
# The members of a capacity provider strategy's items, and the suboptions that stand for them.
PROVIDER = {"capacityProvider": "capacity_provider", "weight": "weight", "base": "base"}
# What AWS says for a while to the first cluster and service of an account, and while a listener is new.
NOT_YET = ("unable to assume the service linked role", "does not have an associated load balancer")
SECONDS_OF_ATTEMPTS = 60.0
PAUSE = 2.0  # seconds


@dataclass(frozen=True)
class Outcome:
    """What a module did, or in check mode would do.

    `before` and `after` hold the fields that differ, `values` what the module returns beside.
    """

    changed: bool
    values: Document = field(default_factory=dict)
    before: Document = field(default_factory=dict)
    after: Document = field(default_factory=dict)

    def result(self) -> dict[str, Any]:
        return {"changed": self.changed, **self.values, "diff": {"before": self.before, "after": self.after}}


def retag(client: Any, arn: str, write: Mapping[str, str], remove: Sequence[str]) -> None:
    """Write and remove tags of anything in ECS."""
    if write:
        client.tag_resource(resourceArn=arn, tags=dict_to_tags(write, "key", "value"))
    if remove:
        client.untag_resource(resourceArn=arn, tagKeys=list(remove))


def accepted(call: Callable[[], Document], wait: Callable[[float, float], Wait]) -> Document:
    """The answer to a call, once what it needs has reached all of AWS."""
    answers: list[Document] = []
    refusals: list[ClientError] = []

    def attempt() -> bool:
        try:
            answers.append(call())
        except ClientError as error:
            if not is_not_yet(error):
                raise
            refusals.append(error)
        return bool(answers)

    if not wait(SECONDS_OF_ATTEMPTS, PAUSE).until(attempt):
        raise refusals[-1]
    return answers[0]


def is_not_yet(error: Any) -> bool:
    """Whether AWS refuses something only because something that it needs is a few seconds old."""
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    return any(sentence in message for sentence in NOT_YET)


def items_of(items: Sequence[Document] | None, fields: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """An option's items in AWS's spelling, without what is not set; `fields` are AWS's members and our suboptions."""
    if items is None:
        return None
    return [filled({field: _member(item.get(option)) for field, option in fields.items()}) for item in items]


def _member(value: Any) -> Any:
    """An option's value; a structure of options in AWS's spelling."""
    return snake_dict_to_camel_dict(value) if isinstance(value, Mapping) else value


def canonical_providers(strategy: Sequence[Document]) -> list[dict[str, Any]]:
    """A capacity provider strategy in one order; a provider without weight and base has none of either."""
    items = ({member: item.get(member) or 0 for member in PROVIDER} for item in strategy)
    return sorted(items, key=lambda item: str(item["capacityProvider"]))


def short(arn: str) -> str:
    """The last part of an ARN: a task's id, a role's name, a family and its revision."""
    return arn.rpartition("/")[2]


def filled(value: Any) -> Any:
    """A request without its empty members: None, empty text, list and mapping. What stands in a `value` stays."""
    if isinstance(value, Mapping):
        members = {key: item if key in VERBATIM else filled(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if key == "value" or item not in (None, "", [], {})}
    if isinstance(value, (list, tuple)):
        return [filled(item) for item in value]
    return value


def snake(value: Any) -> Any:
    """An answer of AWS with field names in Ansible's spelling, dates as text, and tags as a mapping."""
    return _snake(normalize_boto3_result(value))


def _snake(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_snake_name(key): item if key in VERBATIM else _snake(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_snake(item) for item in value]
    return value


def _snake_name(name: str) -> str:
    return str(next(iter(camel_dict_to_snake_dict({name: None}))))


def cast(value: Any, shape: Any) -> Any:
    """A document with scalars of the types that AWS's model says, as templates often make text of numbers.

    Members that the model does not know, and values that are not of the type, stay as they are for botocore to refuse.

    :param shape: a shape of botocore's service model.
    """
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {key: cast(item, shape.members[key]) if key in shape.members else item for key, item in value.items()}
    if kind == "list" and isinstance(value, (list, tuple)):
        return [cast(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, Mapping):
        return {str(key): cast(item, shape.value) for key, item in value.items()}
    return _cast_scalar(value, kind)


def _cast_scalar(value: Any, kind: str) -> Any:
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, (int, float)):
        return str(value)
    if kind in ("integer", "long") and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    if kind in ("float", "double") and isinstance(value, (int, str)):
        try:
            return float(value)
        except ValueError:
            return value
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.lower(), value)
    return value


def unknown_members(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """The members of a request that AWS's model, as the installed SDK has it, does not know."""
    if isinstance(value, Mapping) and shape.type_name == "structure":
        for key, item in value.items():
            name = f"{path}.{key}" if path else key
            if key in shape.members:
                yield from unknown_members(item, shape.members[key], name)
            else:
                yield name
    elif isinstance(value, list) and shape.type_name == "list":
        for item in value:
            yield from unknown_members(item, shape.member, path)


def unmet(wanted: Document, current: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after) of the members in which the current document is not the wanted one; others do not count."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for key, value in wanted.items():
        now = current.get(key)
        if now == value:
            continue
        if isinstance(value, Mapping) and isinstance(now, Mapping):
            inner_before, inner_after = unmet(value, now)
            if inner_after:
                before[key], after[key] = inner_before, inner_after
        else:
            before[key], after[key] = now, value
    return before, after
