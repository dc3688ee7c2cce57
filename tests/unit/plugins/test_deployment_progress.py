# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the health module shows what the module adds to its file, and nothing that it must not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.action import ecs_service_health


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(ecs_service_health.display, "display", lines.append)
    return lines


class FakeModule:
    """What `_execute_module` does: the module writes its progress and ends."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.arguments: dict[str, Any] = {}

    def __call__(
        self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        self.arguments = module_args
        assert module_name == "amica.stack.ecs_service_health"
        if "progress_file" in module_args:
            Path(module_args["progress_file"]).write_text("0:00 running 0/1\n0:07 running 1/1\n")
        return dict(self.answer)


def run(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], *, no_log: bool = False, transport: str = "local"
) -> tuple[dict[str, Any], FakeModule]:
    module = FakeModule(answer)
    action = object.__new__(ecs_service_health.ActionModule)
    options = {"cluster": "amica-cluster", "service": "amica-service"}
    monkeypatch.setattr(action, "_task", SimpleNamespace(args=options, no_log=no_log), raising=False)
    monkeypatch.setattr(action, "_connection", SimpleNamespace(transport=transport), raising=False)
    monkeypatch.setattr(action, "_execute_module", module, raising=False)
    monkeypatch.setattr(ecs_service_health.ActionModule.__mro__[1], "run", lambda *_arguments: {})
    return action.run(), module


def test_progress_is_shown_and_the_result_is_the_modules_own(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    result, _module = run(monkeypatch, {"outcome": "succeeded", "prose": ["all is well"]})
    assert shown == ["amica-service in amica-cluster:", "  0:00 running 0/1", "  0:07 running 1/1"]
    assert result == {"outcome": "succeeded", "prose": ["all is well"]}


def test_a_failure_shows_the_dossier(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    run(monkeypatch, {"failed": True, "prose": ["It failed.", "Remedy: mend it."]})
    assert shown[-3:] == ["It failed.", "Remedy: mend it.", ""]


@pytest.mark.parametrize(("no_log", "transport"), [(True, "local"), (False, "ssh")])
def test_nothing_is_shown_that_must_not_or_cannot(
    monkeypatch: pytest.MonkeyPatch, shown: list[str], no_log: bool, transport: str
) -> None:
    _result, module = run(monkeypatch, {"failed": True, "prose": ["x"]}, no_log=no_log, transport=transport)
    assert shown == []
    assert "progress_file" not in module.arguments
