"""The role `monitoring` on a running embedded AWS, without the rest of a stack: on, again, changed, and off."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.machine import free_port
from support.module import Module
from support.role import Role
from support.waiting import eventually

CLOCK_SPEED = 60
NAME = "watched"
BALANCER = "arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:loadbalancer/app/watched-alb/0123456789abcdef"
GROUP = "arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:targetgroup/watched-tg/0123456789abcdef"
APP_ALARMS = ["cpu", "few-tasks", "latency", "log-errors", "memory", "server-errors", "unhealthy-targets"]
GIVEN = {
    "amica_name": NAME,
    "monitoring_load_balancer_arn": BALANCER,
    "monitoring_target_group_arn": GROUP,
    "monitoring_distribution_id": "E123",
    "monitoring_log_group": "/ecs/watched-stack",
}


@pytest.fixture(scope="module")
def role(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory, clients: Any) -> Any:
    clients("logs").create_log_group(logGroupName=GIVEN["monitoring_log_group"])
    yield Role("monitoring", embedded_aws, tmp_path_factory.mktemp("role"), GIVEN)
    clients("logs").delete_log_group(logGroupName=GIVEN["monitoring_log_group"])


def alarms(clients: Callable[..., Any], region: str = "") -> dict[str, dict[str, Any]]:
    found = clients("cloudwatch", region).describe_alarms(AlarmNamePrefix=f"{NAME}/")["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


def test_on_again_changed_and_off(role: Role, clients: Any) -> None:
    foreseen = role(check=True)
    assert alarms(clients) == {}, "check mode wrote something"
    assert set(foreseen) == set(role()) and foreseen

    made = alarms(clients)
    assert [*made] == [f"{NAME}/app/{name}" for name in APP_ALARMS]
    assert {alarm["TreatMissingData"] for alarm in made.values()} == {"notBreaching"}
    assert [*alarms(clients, "us-east-1")] == [f"{NAME}/edge/server-errors"]
    body = json.loads(clients("cloudwatch").get_dashboard(DashboardName=f"{NAME}-dashboard")["DashboardBody"])
    assert "{{" not in json.dumps(body)
    assert sorted(body["widgets"][0]["properties"]["alarms"]) == sorted(alarm["AlarmArn"] for alarm in made.values())
    assert {widget["properties"]["region"] for widget in body["widgets"][1:]} == {"ap-southeast-1", "us-east-1"}
    assert clients("sns").list_topics()["Topics"] == []
    assert role() == []

    changed = {
        "monitoring_memory_percent": "80",
        "monitoring_emails": ["ops@example.com"],
        "monitoring_webhooks": ["https://127.0.0.1:1/geheim"],
        "ecs_fargate_container_insights": "enabled",
        "monitoring_alternate_target_group_arn": GROUP.replace("-tg/", "-tg2/"),
    }
    assert role(changed) == [
        "Whoever is on call hears of alarms",
        "Alarms say when the chat is not well",
        "The dashboard tells how the chat is",
    ]
    assert role(changed) == []
    now = alarms(clients)
    assert now[f"{NAME}/app/memory"]["Threshold"] == 80
    assert [query["Id"] for query in now[f"{NAME}/app/few-tasks"]["Metrics"]] == ["missing", "desired", "running"]
    assert "MetricName" not in now[f"{NAME}/app/unhealthy-targets"]
    groups = [
        dimension["Value"].split("/")[1]
        for query in now[f"{NAME}/app/unhealthy-targets"]["Metrics"][1:]
        for dimension in query["MetricStat"]["Metric"]["Dimensions"]
        if dimension["Name"] == "TargetGroup"
    ]
    assert groups == ["watched-tg", "watched-tg2"]
    for region in ("ap-southeast-1", "us-east-1"):
        (topic,) = clients("sns", region).list_topics()["Topics"]
        assert {tuple(alarm["AlarmActions"]) for alarm in alarms(clients, region).values()} == {(topic["TopicArn"],)}

    role({"monitoring_alarms": "false", "monitoring_dashboard": "false"})
    assert alarms(clients) == alarms(clients, "us-east-1") == {}
    assert clients("sns").list_topics()["Topics"] == clients("sns", "us-east-1").list_topics()["Topics"] == []
    assert clients("cloudwatch").list_dashboards(DashboardNamePrefix=NAME)["DashboardEntries"] == []

    role(changed)
    off = {"monitoring_state": "absent"}
    foreseen = role(off, check=True)
    assert alarms(clients) != {}
    assert foreseen == role(off)
    assert alarms(clients) == alarms(clients, "us-east-1") == {}
    assert clients("sns").list_topics()["Topics"] == clients("sns", "us-east-1").list_topics()["Topics"] == []
    assert clients("logs").describe_metric_filters(logGroupName=GIVEN["monitoring_log_group"])["metricFilters"] == []
    assert clients("logs").describe_query_definitions(queryDefinitionNamePrefix=f"{NAME}/")["queryDefinitions"] == []
    assert role(off) == []


def test_errors_at_the_edge_ring_its_alarm(role: Role, embedded_aws: EmbeddedAws, clients: Any) -> None:
    edge = Module("cloudfront_distribution", {**embedded_aws.options, "name": NAME})
    distribution = edge(origin={"domain_name": "127.0.0.1", "http_port": free_port()})["distribution"]
    role({"monitoring_distribution_id": distribution["id"], "monitoring_minimum_requests": "1"})

    def state() -> str:
        return str(alarms(clients, "us-east-1")[f"{NAME}/edge/server-errors"]["StateValue"])

    def ask() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", embedded_aws.port, timeout=10)
        connection.request("GET", "/", headers={"Host": distribution["domain_name"], "X-Forwarded-Proto": "https"})
        return connection.getresponse().status

    eventually(lambda: state() == "OK")
    eventually(lambda: ask() == 502 and state() == "ALARM")
    eventually(lambda: state() == "OK")
    role({"monitoring_state": "absent"})
    edge(state="absent", wait=True)
