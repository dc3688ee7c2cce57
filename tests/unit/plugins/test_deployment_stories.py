# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every story of tests/unit/plugins/stories, told by both of ECS's ways to tell it: verdict, cause, time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Outcome
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Wanted
from ansible_collections.amica.stack.plugins.module_utils._deployment.observe import Observer
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import as_result
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import message
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import prose
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Budget
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Clock
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Patience
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Watched
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import watch
from support.fake_clock import FakeClock
from support.scripted_aws import START
from support.scripted_aws import ScriptedAws
from support.scripted_aws import deployment_id
from support.scripted_aws import digest

STORIES = sorted((Path(__file__).parent / "stories").glob("*.yml"))
LOOKS_UNTIL_TOLD = 2
SLOWEST_POLL = 6.0
BUDGET = 240
LEAST_BUDGET = 10


def load(path: Path) -> dict[str, Any]:
    story: dict[str, Any] = yaml.safe_load(path.read_text())
    return story


def play(story: dict[str, Any], *, releases: bool, calls_per_minute: int = BUDGET) -> tuple[Watched, ScriptedAws]:
    """The end of a watch over the story, and the AWS that played it."""
    clock = FakeClock(START)
    budget = Budget(calls_per_minute, Clock(clock.now, clock.sleep))
    aws = ScriptedAws(story, clock, releases=releases)
    aws.before_request = budget.take
    wants = story.get("wants", {})
    judged = wants.get("deployment", "new")
    observer = Observer(aws, "amica-cluster", "amica-service", deployment_id(judged) if judged else None)
    wanted = Wanted(
        service="amica-service",
        cluster="amica-cluster",
        image_digests=tuple(digest(name) for name in wants.get("digests", ["new"])),
        identical_failures=wants.get("identical_failures", 3),
    )
    patience = Patience(
        wait_timeout=wants.get("timeout", 1800),
        on_failure=wants.get("on_failure", "report"),
        action_timeout=wants.get("action_timeout", 600),
    )
    return watch(observer, wanted, patience, Clock(clock.now, clock.sleep), budget), aws


def tellings() -> list[Any]:
    """Each story by both ways, but for the few that only service deployments tell."""
    return [
        pytest.param(path, releases, id=f"{path.stem}-{'service-deployments' if releases else 'services-only'}")
        for path in STORIES
        for releases in (True, False)
        if releases or not load(path).get("releases_only")
    ]


@pytest.mark.parametrize(("path", "releases"), tellings())
def test_story(path: Path, releases: bool) -> None:
    story = load(path)
    expected = story["expect"]
    seen, aws = play(story, releases=releases)
    dossier = seen.dossier
    text = "\n".join(prose(dossier))
    told = f"{message(dossier)}\n\n{text}\n\n" + "\n".join(seen.progress)

    assert dossier.verdict.outcome is Outcome(expected["outcome"]), told
    assert (dossier.cause.name if dossier.cause else None) == expected.get("cause"), told
    assert expected["certain_at"] <= dossier.waited <= expected["certain_at"] + LOOKS_UNTIL_TOLD * SLOWEST_POLL, told
    looks = [at - START for at, call in aws.calls if call == "describe_services"]
    assert sum(expected["certain_at"] <= at <= dossier.waited for at in looks) <= LOOKS_UNTIL_TOLD, told
    says = expected.get("says", ())
    for words in says if releases else expected.get("says_without", says):
        assert words in told, told
    for words in expected.get("never_says", ()):
        assert words not in told, told
        assert words not in str(as_result(dossier)), told
    assert [request.get("stopType", "update") for _name, request in aws.told] == (
        expected.get("does", []) if releases else expected.get("does_without", [])
    ), told
    assert as_result(dossier)["action_outcome"] == (
        expected.get("ends", "") if releases else expected.get("ends_without", expected.get("ends", ""))
    ), told
    assert all(len(line) <= 80 for line in prose(dossier))
    assert within_budget(aws, BUDGET)


@pytest.mark.parametrize(("path", "releases"), tellings())
def test_the_least_budget_is_kept_to_and_changes_no_verdict(path: Path, releases: bool) -> None:
    story = load(path)
    seen, aws = play(story, releases=releases, calls_per_minute=LEAST_BUDGET)
    assert seen.dossier.verdict.outcome is Outcome(story["expect"]["outcome"])
    assert within_budget(aws, LEAST_BUDGET)


def within_budget(aws: ScriptedAws, budget: int) -> bool:
    moments = [at for at, _call in aws.calls]
    return all(sum(at - 60 < other <= at for other in moments) <= budget for at in moments)


def test_there_is_a_story_for_each_way_a_deployment_can_go() -> None:
    outcomes = {load(path)["expect"]["outcome"] for path in STORIES}
    assert len(STORIES) >= 30
    assert outcomes == {outcome.value for outcome in Outcome} - {"waiting"}
