"""Each inventory that is meant for AWS, on the embedded AWS: deployed, then nothing left to do, then gone.

The calls of the first run are all among those that the check before it asks the credentials' rights for.
"""

from __future__ import annotations

import pytest
from e2e.playbooks import Workspace
from support.census import census

COUNTS = {"dev": 1, "rag": 2, "enterprise": 5}
# What the check before a run looks at for its own sake, and does without; who one is everybody may ask.
LOOKS = {
    "ec2:DescribeRegions",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "sts:GetCallerIdentity",
}
# What AWS checks for a call of another name.
ACTIONS = {"cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution"}


@pytest.mark.parametrize("profile", COUNTS)
def test_a_profile_converges_and_goes(workspace: Workspace, profile: str) -> None:
    workspace.embedded_aws.start()
    empty = census(workspace.embedded_aws)
    before = workspace.embedded_aws.actions()
    first = workspace.play("site.yml", inventory=profile)
    assert first.code == 0, first.failure
    done = {ACTIONS.get(action, action) for action in workspace.embedded_aws.actions() - before}
    asked = first.result("Nothing stands in the way")["actions"]
    assert done - LOOKS - {*asked} == set(), "actions that the check of the credentials does not ask for"
    assert first.stack["health"] == "healthy"
    assert first.stack["service"]["running_count"] == COUNTS[profile]
    second = workspace.play("site.yml", inventory=profile)
    assert (second.code, second.changed) == (0, [])
    gone = workspace.play("playbooks/destroy.yml", inventory=profile, destroy_confirm="amica")
    assert gone.code == 0, gone.failure
    assert gone.stack["absent"]
    assert census(workspace.embedded_aws) == empty
