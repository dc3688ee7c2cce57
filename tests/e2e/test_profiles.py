"""Each inventory that is meant for AWS, on the embedded AWS: deployed, then nothing left to do, then gone."""

from __future__ import annotations

import pytest
from e2e.playbooks import Workspace

COUNTS = {"dev": 1, "rag": 2, "enterprise": 5}


@pytest.mark.parametrize("profile", COUNTS)
def test_a_profile_converges_and_goes(workspace: Workspace, profile: str) -> None:
    workspace.embedded_aws.start()
    first = workspace.play("site.yml", inventory=profile)
    assert first.code == 0, first.failure
    assert first.stack["health"] == "healthy"
    assert first.stack["service"]["running_count"] == COUNTS[profile]
    second = workspace.play("site.yml", inventory=profile)
    assert (second.code, second.changed) == (0, [])
    gone = workspace.play("playbooks/destroy.yml", inventory=profile, destroy_confirm="amica")
    assert gone.code == 0, gone.failure
    assert gone.stack["absent"]
