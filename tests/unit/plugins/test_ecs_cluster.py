from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecs_cluster import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._ecs_cluster import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from support.fake_clock import FakeClock

ARN = "arn:aws:ecs:eu-west-1:123456789012:cluster/amica-cluster"


class Ecs:
    def __init__(self) -> None:
        self.client = boto3.client("ecs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        self.stubber = Stubber(self.client)
        self.stubber.activate()

    def shows(
        self, *, status: str = "ACTIVE", insights: str = "disabled", places: Sequence[str] = (), **tags: str
    ) -> None:
        cluster = {
            "clusterArn": ARN,
            "clusterName": "amica-cluster",
            "status": status,
            "settings": [{"name": "containerInsights", "value": insights}],
            "capacityProviders": list(places),
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        self.stubber.add_response("describe_clusters", {"clusters": [cluster]})

    def shows_nothing(self) -> None:
        self.stubber.add_response("describe_clusters", {"clusters": [], "failures": [{"reason": "MISSING"}]})


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()


def options(**given: Any) -> dict[str, Any]:
    return {"name": "amica-cluster", "wait_timeout": 10, **given}


@pytest.mark.parametrize("inactive", [True, False])
def test_a_deleted_cluster_is_made_again_like_one_that_never_was(ecs: Ecs, inactive: bool) -> None:
    if inactive:
        ecs.shows(status="INACTIVE")
    else:
        ecs.shows_nothing()
    ecs.stubber.add_response(
        "create_cluster",
        {"cluster": {"clusterArn": ARN, "clusterName": "amica-cluster", "status": "ACTIVE"}},
        {
            "clusterName": "amica-cluster",
            "settings": [{"name": "containerInsights", "value": "enabled"}],
            "tags": [{"key": "a", "value": "1"}],
        },
    )
    outcome = ensure_present(ecs.client, options(container_insights="enabled", tags={"a": 1}), check=False)
    assert outcome.changed
    assert outcome.values["cluster"]["cluster_arn"] == ARN
    assert outcome.values["cluster"]["tags"] == {"a": "1"}
    ecs.stubber.assert_no_pending_responses()


def test_only_what_differs_is_written(ecs: Ecs) -> None:
    ecs.shows(insights="enabled", a="1")
    ecs.stubber.add_response(
        "update_cluster_settings",
        {},
        {"cluster": "amica-cluster", "settings": [{"name": "containerInsights", "value": "enhanced"}]},
    )
    outcome = ensure_present(ecs.client, options(container_insights="enhanced", tags={"a": "1"}), check=False)
    assert outcome.before == {"container_insights": "enabled"}
    assert outcome.after == {"container_insights": "enhanced"}
    ecs.stubber.assert_no_pending_responses()


BOTH = ["FARGATE", "FARGATE_SPOT"]
ON_SPOT = [{"capacity_provider": "FARGATE_SPOT", "weight": 1, "base": None}]


def test_a_new_cluster_has_its_providers_once_the_account_is_ready(ecs: Ecs) -> None:
    ecs.shows_nothing()
    message = "Unable to assume the service linked role. Please verify that the ECS service linked role exists."
    ecs.stubber.add_client_error("create_cluster", "InvalidParameterException", message)
    answer = {"clusterArn": ARN, "clusterName": "amica-cluster", "status": "ACTIVE"}
    request = {"clusterName": "amica-cluster", "tags": [], "capacityProviders": BOTH}
    ecs.stubber.add_response("create_cluster", {"cluster": answer}, request)
    outcome = ensure_present(ecs.client, options(capacity_providers=BOTH), check=False, wait=FakeClock().wait)
    assert outcome.values["cluster"]["capacity_providers"] == BOTH
    ecs.stubber.assert_no_pending_responses()


def test_other_providers_are_written_with_all_that_stays(ecs: Ecs) -> None:
    ecs.shows(places=BOTH)
    ecs.stubber.add_response(
        "put_cluster_capacity_providers",
        {},
        {
            "cluster": "amica-cluster",
            "capacityProviders": BOTH,
            "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        },
    )
    outcome = ensure_present(ecs.client, options(default_capacity_provider_strategy=ON_SPOT), check=False)
    assert outcome.before == {"default_capacity_provider_strategy": []}
    ecs.stubber.assert_no_pending_responses()


def test_the_order_of_providers_is_no_change(ecs: Ecs) -> None:
    ecs.shows(places=BOTH[::-1])
    assert not ensure_present(ecs.client, options(capacity_providers=BOTH), check=False).changed


def test_what_is_not_set_stays(ecs: Ecs) -> None:
    ecs.shows(insights="enhanced", a="1")
    outcome = ensure_present(ecs.client, options(), check=False)
    assert not outcome.changed
    assert outcome.values["cluster"]["settings"] == [{"name": "containerInsights", "value": "enhanced"}]


def test_check_mode_only_reads(ecs: Ecs) -> None:
    ecs.shows(a="1")
    assert ensure_present(ecs.client, options(container_insights="enabled", tags={}), check=True).changed
    ecs.shows_nothing()
    assert ensure_present(ecs.client, options(), check=True).changed
    ecs.shows()
    assert ensure_absent(ecs.client, options(), check=True).changed


@pytest.mark.parametrize("inactive", [True, False])
def test_what_is_gone_is_absent(ecs: Ecs, inactive: bool) -> None:
    if inactive:
        ecs.shows(status="INACTIVE")
    else:
        ecs.shows_nothing()
    assert not ensure_absent(ecs.client, options(), check=False).changed


def test_the_last_tasks_are_waited_for(ecs: Ecs) -> None:
    ecs.shows()
    for _ in range(3):
        ecs.stubber.add_client_error("delete_cluster", "ClusterContainsTasksException")
    ecs.stubber.add_response("delete_cluster", {})
    time = FakeClock()
    assert ensure_absent(ecs.client, options(), check=False, wait=time.wait).changed
    assert time.time == 6


def test_tasks_that_do_not_stop_are_said(ecs: Ecs) -> None:
    ecs.shows()
    for _ in range(6):
        ecs.stubber.add_client_error("delete_cluster", "ClusterContainsTasksException")
    with pytest.raises(Refused, match="still has tasks after 10 s"):
        ensure_absent(ecs.client, options(), check=False, wait=FakeClock().wait)


def test_a_cluster_with_services_is_not_waited_for(ecs: Ecs) -> None:
    ecs.shows()
    ecs.stubber.add_client_error("delete_cluster", "ClusterContainsServicesException")
    with pytest.raises(ClientError, match="ClusterContainsServicesException"):
        ensure_absent(ecs.client, options(), check=False, wait=FakeClock().wait)
