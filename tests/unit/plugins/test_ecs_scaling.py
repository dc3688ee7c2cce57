from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import bounds_problem
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import canonical_policy
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._ecs_scaling import tracking
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.stub import Stubber

ARN = "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/1"
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/amica-cluster/amica-service",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = {"name": "cpu", "metric": "ECSServiceAverageCPUUtilization", "target_value": 60}
CONFIGURATION = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}


def policy(name: str = "cpu", **configuration: Any) -> dict[str, Any]:
    return {
        **TARGET,
        "PolicyARN": f"arn:{name}",
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {**CONFIGURATION, **configuration},
        "CreationTime": 1,
    }


class Scaling:
    def __init__(self) -> None:
        self.client = boto3.client(
            "application-autoscaling", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stubber = Stubber(self.client)
        self.stubber.activate()

    def shows_nothing(self) -> None:
        self.stubber.add_response("describe_scalable_targets", {"ScalableTargets": []})

    def shows(
        self,
        *policies: dict[str, Any],
        tags: dict[str, str] | None = None,
        schedules: Sequence[dict[str, Any]] | None = (),
        bounds: tuple[int, int] = (1, 4),
    ) -> None:
        target = {
            **TARGET,
            "MinCapacity": bounds[0],
            "MaxCapacity": bounds[1],
            "RoleARN": "arn:role",
            "CreationTime": 1,
            "ScalableTargetARN": ARN,
        }
        self.stubber.add_response(
            "describe_scalable_targets",
            {"ScalableTargets": [target]},
            {
                "ServiceNamespace": "ecs",
                "ResourceIds": [TARGET["ResourceId"]],
                "ScalableDimension": TARGET["ScalableDimension"],
            },
        )
        self.stubber.add_response("list_tags_for_resource", {"Tags": tags or {}}, {"ResourceARN": ARN})
        self.stubber.add_response("describe_scaling_policies", {"ScalingPolicies": list(policies)}, TARGET)
        if schedules is not None:
            self.stubber.add_response("describe_scheduled_actions", {"ScheduledActions": list(schedules)}, TARGET)

    def puts(self, name: str, **configuration: Any) -> None:
        self.stubber.add_response(
            "put_scaling_policy",
            {"PolicyARN": "arn:1"},
            {
                **TARGET,
                "PolicyName": name,
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {**CONFIGURATION, **configuration},
            },
        )

    def deletes(self, name: str) -> None:
        self.stubber.add_response("delete_scaling_policy", {}, {**TARGET, "PolicyName": name})

    def present(self, check: bool = False, **options: Any) -> Any:
        given = {"cluster": "amica-cluster", "service": "amica-service", **options}
        outcome = ensure_present(self.client, given, check)
        self.stubber.assert_no_pending_responses()
        return outcome

    def absent(self, check: bool = False) -> Any:
        outcome = ensure_absent(self.client, {"cluster": "amica-cluster", "service": "amica-service"}, check)
        self.stubber.assert_no_pending_responses()
        return outcome


@pytest.fixture
def scaling() -> Scaling:
    return Scaling()


def test_a_policy_says_only_what_is_set() -> None:
    assert tracking(CPU) == CONFIGURATION
    assert tracking({**CPU, "scale_in_cooldown": 0, "disable_scale_in": False, "resource_label": "app/a/b"}) == {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ECSServiceAverageCPUUtilization",
            "ResourceLabel": "app/a/b",
        },
        "ScaleInCooldown": 0,
        "DisableScaleIn": False,
    }


def test_aws_s_defaults_are_no_difference() -> None:
    full = policy(ScaleInCooldown=300, ScaleOutCooldown=300, DisableScaleIn=False)
    assert canonical_policy(policy()) == canonical_policy(full)
    assert canonical_policy(policy()) != canonical_policy(policy(ScaleInCooldown=60))


@pytest.mark.parametrize(("least", "most", "fine"), [(1, 1, True), (0, 3, True), (4, 3, False), (-1, 3, False)])
def test_bounds(least: int, most: int, fine: bool) -> None:
    assert (bounds_problem(least, most) is None) is fine


def test_a_service_is_registered_with_its_policies(scaling: Scaling) -> None:
    scaling.shows_nothing()
    scaling.stubber.add_response(
        "register_scalable_target", {}, {**TARGET, "MinCapacity": 1, "MaxCapacity": 4, "Tags": {"a": "1"}}
    )
    scaling.puts("cpu")
    outcome = scaling.present(min_capacity=1, max_capacity=4, target_tracking=[CPU], tags={"a": 1})
    assert outcome.changed
    assert outcome.values["scaling"]["policies"][0]["policy_name"] == "cpu"


def test_the_same_is_no_change(scaling: Scaling) -> None:
    scaling.shows(policy(), tags={"a": "1", "aws:x": "y"})
    outcome = scaling.present(min_capacity=1, max_capacity=4, target_tracking=[CPU], tags={"a": "1"})
    assert not outcome.changed
    assert (outcome.before, outcome.after) == ({}, {})


def test_only_what_differs_is_written(scaling: Scaling) -> None:
    scaling.shows(policy(), policy("old"), policy("same"), tags={"a": "1", "b": "2"})
    scaling.stubber.add_response("register_scalable_target", {}, {**TARGET, "MinCapacity": 1, "MaxCapacity": 9})
    scaling.stubber.add_response("tag_resource", {}, {"ResourceARN": ARN, "Tags": {"a": "2"}})
    scaling.stubber.add_response("untag_resource", {}, {"ResourceARN": ARN, "TagKeys": ["b"]})
    scaling.deletes("old")
    scaling.puts("cpu", ScaleOutCooldown=60)
    wanted = [{**CPU, "scale_out_cooldown": 60}, {**CPU, "name": "same"}]
    outcome = scaling.present(max_capacity=9, target_tracking=wanted, tags={"a": "2"})
    assert outcome.before["MaxCapacity"] == 4
    assert outcome.before["Policies"].keys() == {"cpu", "old"}
    assert outcome.after["Policies"] == {"cpu": {"ScaleOutCooldown": 60}}


def test_what_is_not_set_stays(scaling: Scaling) -> None:
    step = {**policy("step"), "PolicyType": "StepScaling"}
    del step["TargetTrackingScalingPolicyConfiguration"]
    scaling.shows(policy(), step, tags={"a": "1"})
    outcome = scaling.present()
    assert not outcome.changed
    assert [item["policy_name"] for item in outcome.values["scaling"]["policies"]] == ["cpu", "step"]


def test_an_exact_list_removes_policies_of_every_type(scaling: Scaling) -> None:
    step = {**policy("step"), "PolicyType": "StepScaling"}
    del step["TargetTrackingScalingPolicyConfiguration"]
    scaling.shows(step)
    scaling.deletes("step")
    assert scaling.present(target_tracking=[]).changed


def test_a_new_target_needs_both_bounds(scaling: Scaling) -> None:
    scaling.shows_nothing()
    with pytest.raises(Refused, match="both min_capacity and max_capacity"):
        scaling.present(min_capacity=1)


def test_one_bound_is_held_against_the_other_that_there_is(scaling: Scaling) -> None:
    scaling.shows()
    with pytest.raises(Refused, match="at least 5 and at most 4"):
        scaling.present(min_capacity=5)


def test_check_mode_only_reads(scaling: Scaling) -> None:
    scaling.shows(policy("old"))
    assert scaling.present(check=True, max_capacity=5, target_tracking=[CPU], tags={"a": "1"}).changed
    scaling.shows_nothing()
    assert scaling.present(check=True, min_capacity=1, max_capacity=2).changed
    scaling.shows(policy(), schedules=None)
    assert scaling.absent(check=True).changed


def test_absent_removes_policies_and_target(scaling: Scaling) -> None:
    scaling.shows(policy(), policy("memory"), schedules=None)
    scaling.deletes("cpu")
    scaling.stubber.add_client_error("delete_scaling_policy", "ObjectNotFoundException")
    scaling.stubber.add_response("deregister_scalable_target", {}, TARGET)
    assert scaling.absent().changed


def test_what_nothing_scales_is_absent(scaling: Scaling) -> None:
    scaling.shows_nothing()
    assert not scaling.absent().changed


EVENING = {"name": "evening", "schedule": "cron(0 20 * * ? *)", "min_capacity": 2}
MORNING = {"name": "morning", "schedule": "cron(0 7 * * ? *)", "timezone": "Asia/Singapore", "max_capacity": 6}


def action(name: str, schedule: str, **bounds: int) -> dict[str, Any]:
    return {
        **TARGET,
        "ScheduledActionName": name,
        "ScheduledActionARN": f"arn:{name}",
        "Schedule": schedule,
        "ScalableTargetAction": bounds,
        "CreationTime": 1,
    }


STANDING = action("evening", EVENING["schedule"], MinCapacity=2)  # type: ignore[arg-type]


def test_schedules_are_exactly_these(scaling: Scaling) -> None:
    scaling.shows(schedules=[STANDING, action("old", "rate(1 day)", MinCapacity=1)])
    scaling.stubber.add_response("delete_scheduled_action", {}, {**TARGET, "ScheduledActionName": "old"})
    scaling.stubber.add_response(
        "put_scheduled_action",
        {},
        {
            **TARGET,
            "ScheduledActionName": "morning",
            "Schedule": MORNING["schedule"],
            "Timezone": "Asia/Singapore",
            "ScalableTargetAction": {"MaxCapacity": 6},
        },
    )
    outcome = scaling.present(scheduled_actions=[EVENING, MORNING])
    assert outcome.before["Schedules"].keys() == {"old"}
    assert outcome.after["Schedules"].keys() == {"morning"}


def test_schedules_that_are_not_set_stay(scaling: Scaling) -> None:
    scaling.shows(schedules=[STANDING])
    outcome = scaling.present()
    assert not outcome.changed
    assert [item["scheduled_action_name"] for item in outcome.values["scaling"]["scheduled_actions"]] == ["evening"]


def test_bounds_that_a_schedule_has_set_are_right(scaling: Scaling) -> None:
    scaling.shows(schedules=[STANDING], bounds=(2, 4))
    assert not scaling.present(min_capacity=1, max_capacity=4, scheduled_actions=[EVENING]).changed


def test_bounds_of_a_schedule_that_goes_are_not(scaling: Scaling) -> None:
    scaling.shows(schedules=[STANDING], bounds=(2, 4))
    scaling.stubber.add_response("register_scalable_target", {}, {**TARGET, "MinCapacity": 1, "MaxCapacity": 4})
    scaling.stubber.add_response("delete_scheduled_action", {}, {**TARGET, "ScheduledActionName": "evening"})
    assert scaling.present(min_capacity=1, max_capacity=4, scheduled_actions=[]).changed
