# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health module on a running embedded AWS: real tasks that come up, die and are rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.run_module import ModuleFailed
from support.run_module import run_module
from support.small_service import SmallService
from support.small_service import configuration

# A failing story ends in half a minute, its cause in the first line.
SOON = 30.0
Health = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def service(embedded_aws: EmbeddedAws) -> Iterator[SmallService]:
    """A service whose first version is up."""
    made = SmallService(embedded_aws, "contract-health")
    first = made.make({"VERSION": "one"})
    assert health_of(made)(deployment_id=first, image_digests=[made.image])["outcome"] == "succeeded"
    yield made
    made.remove()


def health_of(service: SmallService) -> Health:
    def health(*, check: bool = False, **options: Any) -> dict[str, Any]:
        asked = {"cluster": service.name, "service": service.name, "wait_timeout": 60, **service.aws.options, **options}
        return run_module("ecs_service_health", asked, check=check)

    return health


@pytest.fixture
def health(service: SmallService) -> Health:
    return health_of(service)


@pytest.fixture
def failure(health: Health) -> Health:
    """The result of a run that fails, in time."""

    def failing(**options: Any) -> dict[str, Any]:
        began = time.monotonic()
        with pytest.raises(ModuleFailed) as caught:
            health(**options)
        assert time.monotonic() - began < SOON
        result = caught.value.result
        assert result["cause"]["sentence"] in result["msg"].splitlines()[0]
        assert all(len(line) <= 80 for line in result["prose"])
        return result

    return failing


@pytest.fixture(autouse=True)
def steady(service: SmallService) -> Iterator[None]:
    """Each test finds and leaves a service that nothing happens to."""
    yield
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = service.client("ecs").describe_services(cluster=service.name, services=[service.name])["services"][0]
        primary = next(item for item in found["deployments"] if item["status"] == "PRIMARY")
        if primary["rolloutState"] == "COMPLETED" and primary["runningCount"] == primary["desiredCount"]:
            return
        time.sleep(0.3)
    pytest.fail("the service has not come to rest")


def test_a_good_version_succeeds_and_answers(service: SmallService, health: Health) -> None:
    deployment = service.deploy({"VERSION": "two"})
    probe = {"url": f"http://127.0.0.1:{service.port}/", "contains": "two"}
    result = health(deployment_id=deployment, image_digests=[service.image], probe=probe)
    assert (result["outcome"], result["changed"], result["failures"]) == ("succeeded", False, [])
    assert result["image_digests"] == [service.image]
    assert result["targets"]["healthy"] >= 1
    assert {"queued", "pull", "start"} <= {phase["name"] for phase in result["phases"]}
    assert health(deployment_id=deployment)["looks"] == 1


def test_by_the_arn_of_the_service_deployment(service: SmallService, health: Health) -> None:
    ecs = service.client("ecs")
    told = ecs.list_service_deployments(cluster=service.name, service=service.name)["serviceDeployments"]
    latest = max(told, key=lambda item: item["createdAt"])["serviceDeploymentArn"]
    assert health(deployment_id=latest)["deployment"]["arn"] == latest
    assert health()["deployment"]["arn"] == latest


def test_another_image_than_the_pushed_one(failure: Health) -> None:
    result = failure(image_digests=["sha256:" + "0" * 64])
    assert (result["outcome"], result["cause"]["name"]) == ("wrong_image", "digest")


def test_a_crash_at_the_start_with_its_last_words(service: SmallService, failure: Health) -> None:
    say = "cannot find my mind, password=hunter22"
    result = failure(deployment_id=service.deploy({"CRASH": "3", "SAY": say}))
    assert result["outcome"] in ("rolling_back", "rolled_back")
    assert (result["cause"]["name"], result["failures"][0]["exit_code"]) == ("crash", 3)
    assert any("cannot find my mind" in line for words in result["last_words"] for line in words["lines"])
    assert "hunter22" not in str(result)


def test_the_rolled_back_deployment_stays_a_failure(service: SmallService, health: Health, failure: Health) -> None:
    bad = service.deploy({"CRASH": "1"})
    failure(deployment_id=bad)
    deadline = time.monotonic() + 30
    while health(check=True, deployment_id=bad)["outcome"] != "rolled_back" and time.monotonic() < deadline:
        time.sleep(0.5)
    assert failure(deployment_id=bad)["outcome"] == "rolled_back"


def test_a_deployment_that_another_takes_over(service: SmallService, failure: Health) -> None:
    first = service.deploy({"VERSION": "three"})
    service.deploy({"VERSION": "four"})
    assert failure(deployment_id=first)["outcome"] == "superseded"


@pytest.fixture
def unending(service: SmallService) -> Iterator[str]:
    """A deployment that neither comes up nor fails: its targets are ill, and ECS has been told to be patient."""
    ecs = service.client("ecs")
    ecs.update_service(cluster=service.name, service=service.name, healthCheckGracePeriodSeconds=6000)
    yield service.deploy({"STATUS": "404"})
    ecs.update_service(cluster=service.name, service=service.name, healthCheckGracePeriodSeconds=0)


def test_check_mode_looks_once_takes_no_action_and_does_not_fail(unending: str, health: Health) -> None:
    result = health(check=True, deployment_id=unending, on_failure="rollback")
    assert (result["outcome"], result["changed"], result["looks"]) == ("waiting", False, 1)
    assert result["missing"]


@pytest.mark.parametrize("verbosity", [0, 1])
def test_with_v_progress_says_what_is_missing(unending: str, health: Health, tmp_path: Path, verbosity: int) -> None:
    file = tmp_path / "progress"
    with pytest.raises(ModuleFailed, match="Still missing"):
        health(deployment_id=unending, wait_timeout=2, progress_file=str(file), _ansible_verbosity=verbosity)
    said = [line for line in file.read_text().splitlines() if "still missing: ECS has not completed" in line]
    assert bool(said) is bool(verbosity)


def test_giving_up_says_what_is_missing_and_can_roll_back(unending: str, failure: Health) -> None:
    result = failure(deployment_id=unending, wait_timeout=3, on_failure="rollback")
    assert (result["outcome"], result["changed"]) == ("timed_out", True)
    assert result["action_outcome"] == "rolled_back", result["action"]
    assert "roll it back; it is rolled back, and the service stands at" in result["action"]
    assert result["service_now"]["state"] == "succeeded"
    assert result["service_now"]["task_definition"] != result["deployment"]["task_definition"]
    assert "1 of 1 targets are not healthy" in result["verdict"]
    assert result["cause"]["name"] == "health_path"


@pytest.fixture
def alarm(service: SmallService) -> Iterator[str]:
    """An alarm that watches the service's deployments."""
    name = f"{service.name}-5xx"
    service.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName="HTTPCode_Target_5XX_Count",
        Namespace="AWS/ApplicationELB",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
    )

    def watches(*, enable: bool) -> None:
        found = service.client("ecs").describe_services(cluster=service.name, services=[service.name])["services"][0]
        asked = {"cluster": service.name, "name": service.name, "task_definition": found["taskDefinition"]}
        alarms = {"names": [name], "enable": enable, "rollback": True}
        made = run_module(
            "ecs_service", {**asked, "deployment_configuration": {"alarms": alarms}, **service.aws.options}
        )
        assert (made["changed"], made["deployment_started"]) == (True, False)

    watches(enable=True)
    yield name
    watches(enable=False)
    service.client("cloudwatch").delete_alarms(AlarmNames=[name])


def test_an_alarm_during_the_deployment(service: SmallService, alarm: str, unending: str, failure: Health) -> None:
    service.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="5xx answers")
    result = failure(deployment_id=unending, on_failure="rollback")
    assert result["outcome"] in ("alarm", "rolling_back", "rolled_back")
    assert f"the alarm {alarm} went off" in result["verdict"]
    assert (result["cause"]["name"], result["deployment"]["alarms"]) == ("alarm", [alarm])
    assert result["service_now"]["state"] == "succeeded"


def test_giving_up_can_stop(unending: str, service: SmallService, failure: Health) -> None:
    result = failure(deployment_id=unending, wait_timeout=2, on_failure="stop")
    assert (result["changed"], result["action_outcome"]) == (True, "stopped"), result["action"]
    service.deploy({"VERSION": "after the stop"})


def test_a_completed_version_that_does_not_answer_is_sent_back(service: SmallService, failure: Health) -> None:
    asked = {"url": f"http://127.0.0.1:{service.port}/", "contains": "good"}
    for version in ("good", "bad"):
        deployed = service.deploy({"VERSION": version})
        health_of(service)(deployment_id=deployed)
    result = failure(deployment_id=deployed, probe=asked, wait_timeout=2, on_failure="rollback")
    assert (result["outcome"], result["cause"]["name"]) == ("timed_out", "probe")
    assert (result["changed"], result["action_outcome"]) == (True, "rolled_back"), result["action"]
    assert health_of(service)(probe=asked)["outcome"] == "succeeded"


def test_a_first_deployment_that_keeps_dying(embedded_aws: EmbeddedAws) -> None:
    made = SmallService(embedded_aws, "contract-first")
    first = made.make({"CRASH": "4"}, deploymentConfiguration=configuration(breaker=False))
    try:
        with pytest.raises(ModuleFailed) as caught:
            health_of(made)(deployment_id=first)
    finally:
        made.remove()
    assert (caught.value.result["outcome"], caught.value.result["cause"]["name"]) == ("stalled", "crash")


@pytest.mark.parametrize(("cluster", "words"), [("nowhere", "no cluster nowhere"), (None, "no service nothing")])
def test_no_such_service(service: SmallService, health: Health, cluster: str | None, words: str) -> None:
    with pytest.raises(ModuleFailed, match=words):
        health(service="nothing", cluster=cluster or service.name)
