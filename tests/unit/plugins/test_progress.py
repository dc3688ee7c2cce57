# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of a module shows what the module adds to its file, and nothing that it must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.amica.stack.plugins.action import cloudwatch_logs_tail
from ansible_collections.amica.stack.plugins.action import ecs_service_health
from ansible_collections.amica.stack.plugins.plugin_utils import _progress

HEALTH = {"cluster": "amica-cluster", "service": "amica-service"}
LOGS = {"log_groups": ["/ecs/a", "/ecs/b"]}
PROGRESS = {ecs_service_health: "0:00 running 0/1\n0:07 running 1/1\n", cloudwatch_logs_tail: "\x1b[36mone\x1b[0m hi\n"}


class Run:
    """Runs an action with a module that writes its progress and ends; `shown` is what came to the screen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.shown: list[str] = []
        self.arguments: dict[str, Any] = {}
        self.colour = False
        monkeypatch.setattr(_progress.display, "display", lambda text: self.shown.extend(text.split("\n")))

    def __call__(
        self,
        plugin: Any,
        answer: dict[str, Any],
        options: dict[str, Any] | None = None,
        *,
        no_log: bool = False,
        transport: str = "local",
        become: str | None = None,
        hosts: tuple[str, ...] = ("here",),
    ) -> dict[str, Any]:
        def module(module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            assert module_name == f"amica.stack.{plugin.__name__.rsplit('.', 1)[-1]}"
            self.arguments = module_args
            if "progress_file" in module_args and module_args["progress_file"] != "/dev/null":
                with Path(module_args["progress_file"]).open("a", encoding="utf-8") as file:
                    file.write(PROGRESS[plugin])
            return {**answer, "invocation": {"module_args": dict(module_args)}}

        set_attribute: Callable[..., None] = self.monkeypatch.setattr
        action = object.__new__(plugin.ActionModule)
        given = options if options is not None else (HEALTH if plugin is ecs_service_health else LOGS)
        set_attribute(_progress, "ANSIBLE_COLOR", self.colour)
        set_attribute(action, "_task", SimpleNamespace(args=given, no_log=no_log), raising=False)
        set_attribute(action, "_connection", SimpleNamespace(transport=transport, become=become), raising=False)
        set_attribute(action, "_execute_module", module, raising=False)
        set_attribute(ActionBase, "run", lambda *_arguments: {})
        result: dict[str, Any] = action.run(None, {"inventory_hostname": hosts[0], "ansible_play_hosts": list(hosts)})
        assert "progress_file" not in result.pop("invocation")["module_args"] or "progress_file" in given
        return result


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_progress_is_shown_and_the_result_is_the_modules_own(run: Run) -> None:
    answer = {"outcome": "succeeded", "prose": ["all is well"]}
    assert run(ecs_service_health, answer) == answer
    assert run.shown == ["amica-service in amica-cluster:", "  0:00 running 0/1", "  0:07 running 1/1"]


def test_a_failure_shows_the_dossier(run: Run) -> None:
    run(
        ecs_service_health,
        {"failed": True, "prose": ["It failed.", "Remedy: mend it.", "  \x1b[31mlast\x1b[0m\x1b[2J words"]},
    )
    assert run.shown[-4:] == ["It failed.", "Remedy: mend it.", "  last[2J words", ""]


def test_lines_are_shown_and_what_there_is_to_remark(run: Run) -> None:
    answer = {"lines": ["one hi"], "notes": ["The task two has written nothing"]}
    assert run(cloudwatch_logs_tail, answer) == answer
    assert run.shown == ["The log of /ecs/a, /ecs/b:", "one hi", "The task two has written nothing"]


def test_colours_are_for_a_terminal(run: Run) -> None:
    run.colour = True
    run(cloudwatch_logs_tail, {"lines": ["one hi"]})
    assert run.shown[1] == "\x1b[36mone\x1b[0m hi"


def test_several_hosts_are_told_apart(run: Run) -> None:
    run(cloudwatch_logs_tail, {}, hosts=("dev", "rag"))
    run(ecs_service_health, {}, hosts=("rag", "dev"))
    assert run.shown[:2] == ["dev | The log of /ecs/a, /ecs/b:", "dev | one hi"]
    assert run.shown[2:4] == ["rag | amica-service in amica-cluster:", "rag |   0:00 running 0/1"]


@pytest.mark.parametrize("elsewhere", [{"transport": "ssh"}, {"become": "sudo"}])
def test_a_module_out_of_reach_has_its_lines_shown_at_the_end(run: Run, elsewhere: dict[str, Any]) -> None:
    run(cloudwatch_logs_tail, {"lines": ["\x1b[36mone\x1b[0m hi"]}, **elsewhere)
    assert run.shown == ["The log of /ecs/a, /ecs/b:", "one hi"]
    assert "progress_file" not in run.arguments


@pytest.mark.parametrize("plugin", [ecs_service_health, cloudwatch_logs_tail])
def test_no_log_shows_nothing(run: Run, plugin: Any) -> None:
    run(plugin, {"failed": True, "prose": ["x"], "lines": ["x"], "notes": ["x"]}, no_log=True)
    assert run.shown == []
    assert "progress_file" not in run.arguments


@pytest.mark.parametrize("taken", [{"output_file": "/tmp/lines"}, {"progress_file": "/dev/null"}])
def test_lines_that_somebody_else_takes_are_not_shown(run: Run, taken: dict[str, Any]) -> None:
    run(cloudwatch_logs_tail, {"lines": ["x"]}, {**LOGS, **taken})
    assert run.shown == []
    assert run.arguments == {**LOGS, **taken}


@pytest.mark.parametrize(
    ("text", "plain", "coloured"),
    [
        ("\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m"),
        ("\x1b[2Jgone\x07\r", "[2Jgone", "[2Jgone"),
        ("tab\tand söme \u4f60", "tab\tand söme \u4f60", "tab\tand söme \u4f60"),
    ],
)
def test_a_line_does_nothing_to_the_terminal(text: str, plain: str, coloured: str) -> None:
    assert _progress.clean(text, colour=False) == plain
    assert _progress.clean(text, colour=True) == coloured


def test_a_module_faster_than_the_screen_waits_for_it(run: Run) -> None:
    """More than a pipe holds, in pieces that cut characters: all of it comes, in order."""
    lines = [f"{number} söme" * 9 for number in range(20_000)]
    PROGRESS[cloudwatch_logs_tail], kept = "".join(f"{line}\n" for line in lines), PROGRESS[cloudwatch_logs_tail]
    try:
        run(cloudwatch_logs_tail, {})
    finally:
        PROGRESS[cloudwatch_logs_tail] = kept
    assert run.shown[1:] == lines
