# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a correction takes the place of something in MiniStack."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import MutableMapping
from typing import Any

VERSION = "1.5.33"
# What MiniStack's handlers answer: status, headers and body; it has no types of its own.
Reply = Any


class OtherMiniStack(Exception):
    """MiniStack has not what a correction is to take the place of."""


Function = Callable[..., Any]


def correct(module: Any, name: str, table: str = "", action: str = "") -> Callable[[Function], Function]:
    """Put the decorated function in the place of `module.name`; it gets the original as its first argument.

    :param table: the module's mapping of actions to handlers that holds the original too, under `action`.
    """

    def put(function: Function) -> Function:
        original = getattr(module, name, None)
        handlers: MutableMapping[str, Any] = getattr(module, table, {}) if table else {}
        if original is None or (table and action not in handlers):
            raise OtherMiniStack(f"{module.__name__} has no {action or name}: this is not MiniStack {VERSION}")

        def corrected(*arguments: Any, **keywords: Any) -> Any:
            return function(original, *arguments, **keywords)

        setattr(module, name, corrected)
        if table:
            handlers[action] = corrected
        return corrected

    return put
