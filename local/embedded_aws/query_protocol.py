# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's query protocol, by the service's own model: parameters become data, and data becomes XML."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape
from botocore.model import ServiceModel
from botocore.model import Shape
from botocore.model import StructureShape


@functools.cache
def model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def read(shape: Shape, parameters: Mapping[str, str], prefix: str = "") -> Any:
    """The value of one member, `prefix` its name; None where the parameters have none."""
    if isinstance(shape, StructureShape):
        start = f"{prefix}." if prefix else ""
        members = ((name, read(member, parameters, start + name)) for name, member in shape.members.items())
        return {name: value for name, value in members if value is not None} or None
    if isinstance(shape, ListShape):
        values: list[Any] = []
        while (value := read(shape.member, parameters, f"{prefix}.member.{len(values) + 1}")) is not None:
            values.append(value)
        return values or ([] if prefix in parameters else None)
    text = parameters.get(prefix)
    if text is None:
        return None
    if shape.type_name == "boolean":
        return text == "true"
    if shape.type_name in ("integer", "long"):
        return int(text)
    return float(text) if shape.type_name in ("float", "double") else text


def write(shape: Shape, value: Any) -> str:
    """What stands between the tags of one member; a timestamp is given in seconds since 1970."""
    if isinstance(shape, StructureShape):
        members = ((name, member) for name, member in shape.members.items() if value.get(name) is not None)
        return "".join(f"<{name}>{write(member, value[name])}</{name}>" for name, member in members)
    if isinstance(shape, ListShape):
        return "".join(f"<member>{write(shape.member, item)}</member>" for item in value)
    if shape.type_name == "boolean":
        return str(value).lower()
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, UTC).isoformat()
    return escape(str(value))
