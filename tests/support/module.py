"""A module with options that a contract test varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from support.run_module import run_module


@dataclass(frozen=True)
class Module:
    """One module with options that the tests vary."""

    name: str
    options: dict[str, Any]

    def __call__(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        options = {key: value for key, value in {**self.options, **changes}.items() if value is not None}
        return run_module(self.name, options, check=check, diff=True)

    def changes_once(self, **changes: Any) -> dict[str, Any]:
        """From the module's own options to changed ones: check mode foresees what happens, once. The run's result."""
        self()
        foreseen, done = self(check=True, **changes), self(**changes)
        assert foreseen["changed"] and done["changed"], changes
        assert foreseen["diff"] == done["diff"]
        assert not self(check=True, **changes)["changed"], changes
        assert not self(**changes)["changed"], changes
        return done

    def comes_and_goes(self) -> None:
        """A life: made once, gone once, and check mode writes nothing."""
        assert self(check=True)["changed"]
        assert self(check=True)["changed"], "check mode made something"
        assert self()["changed"]
        assert not self(check=True)["changed"]
        assert not self()["changed"]
        assert self(check=True, state="absent")["changed"]
        assert not self()["changed"], "check mode removed something"
        assert self(state="absent")["changed"]
        assert not self(state="absent")["changed"]
        assert not self(check=True, state="absent")["changed"]
