"""Alarms, topic, dashboard, metric filters and saved queries on a running embedded AWS: each change is one change."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from support.embedded import EmbeddedAws
from support.module import Module
from support.run_module import ModuleFailed

Make = Callable[..., Module]
GROUP = "/ecs/contract-monitoring"
TAGS = {"amica:stack": "contract", "amica:role": "monitoring"}
DIMENSIONS = [{"Name": "ServiceName", "Value": "chat"}, {"Name": "ClusterName", "Value": "contract"}]
MEMORY: dict[str, Any] = {
    "AlarmDescription": "Tasks have little memory left",
    "Namespace": "AWS/ECS",
    "MetricName": "MemoryUtilization",
    "Dimensions": DIMENSIONS,
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 5,
    "DatapointsToAlarm": 3,
    "Threshold": 90,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
ERRORS: dict[str, Any] = {
    "Metrics": [
        {
            "Id": "rate",
            "Expression": "IF(requests > 20, 100 * errors / requests, 0)",
            "Label": "percent",
            "ReturnData": True,
        },
        *(
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": DIMENSIONS},
                    "Period": 60,
                    "Stat": "Sum",
                },
                "ReturnData": False,
            }
            for name, metric in (("errors", "HTTPCode_Target_5XX_Count"), ("requests", "RequestCount"))
        ),
    ],
    "EvaluationPeriods": 5,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
ALARMS = {"memory": MEMORY, "errors": ERRORS}


@pytest.fixture(scope="module")
def make(embedded_aws: EmbeddedAws) -> Make:
    return lambda module, **options: Module(module, {**embedded_aws.options, **options})


@pytest.fixture(scope="module")
def alarms(make: Make) -> Iterator[Module]:
    module = make("cloudwatch_alarms", name_prefix="contract/", alarms=ALARMS, tags=TAGS)
    yield module
    module(state="absent")


def with_member(alarm: str, **members: Any) -> dict[str, Any]:
    return {"alarms": {**ALARMS, alarm: {**ALARMS[alarm], **members}}}


def with_query(**members: Any) -> dict[str, Any]:
    changed = deepcopy(ERRORS)
    changed["Metrics"][1]["MetricStat"].update(members)
    return {"alarms": {**ALARMS, "errors": changed}}


def test_alarms_come_and_go(make: Make) -> None:
    make("cloudwatch_alarms", name_prefix="life/", alarms=ALARMS, tags=TAGS).comes_and_goes()


@pytest.mark.parametrize(
    "changes",
    [
        with_member("memory", Threshold=80),
        with_member("memory", Dimensions=DIMENSIONS[:1]),
        with_member("memory", DatapointsToAlarm=None),
        with_member("memory", TreatMissingData=None),
        with_member("memory", Statistic=None, ExtendedStatistic="p95"),
        with_member("memory", AlarmActions=["arn:aws:sns:ap-southeast-1:123456789012:alerts"]),
        with_member("memory", AlarmDescription=None),
        with_query(Period=300),
        with_query(Stat="Average"),
        {"alarms": {"memory": MEMORY}},
        {"tags": {"amica:stack": "other"}},
    ],
    ids=["threshold", "dimension", "datapoints", "missing", "p95", "action", "text", "period", "stat", "fewer", "tags"],
)
def test_each_change_of_the_alarms_is_one(alarms: Module, changes: dict[str, Any]) -> None:
    alarms.changes_once(**changes)


def test_the_same_alarms_in_other_words_are_no_change(alarms: Module) -> None:
    alarms()
    memory = {**MEMORY, "Dimensions": DIMENSIONS[::-1], "Threshold": "90.0", "Period": "60", "OKActions": []}
    errors = {**ERRORS, "Metrics": ERRORS["Metrics"][::-1]}
    result = alarms(alarms={"memory": memory, "errors": errors}, tags=None)
    assert not result["changed"], result["diff"]


def test_an_alarm_is_the_same_in_each_protocol_of_cloudwatch(alarms: Module, embedded_aws: EmbeddedAws) -> None:
    """Terraform and older tools speak the query protocol, today's SDKs another."""
    alarms()
    cloudwatch = embedded_aws.client("cloudwatch")

    def query(operation: str, **members: Any) -> dict[str, Any]:
        shapes = cloudwatch.meta.service_model.operation_model(operation)
        request = create_serializer("query").serialize_to_request(members, shapes)
        credentials = "Credential=embedded/20261129/ap-southeast-1/monitoring/aws4_request"
        answer = requests.post(
            embedded_aws.endpoint,
            data=request["body"],
            headers={"Authorization": f"AWS4-HMAC-SHA256 {credentials}, SignedHeaders=host, Signature=0"},
            timeout=30,
        )
        reply = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}
        parsed: dict[str, Any] = create_parser("query").parse(reply, shapes.output_shape)
        assert answer.status_code == 200, parsed
        return parsed

    def described() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cloudwatch.describe_alarms(AlarmNamePrefix="contract/")["MetricAlarms"]
        return found

    standing = described()
    assert query("DescribeAlarms", AlarmNamePrefix="contract/")["MetricAlarms"] == standing
    changing = ("AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp")
    for alarm in standing:
        settable = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
        query("PutMetricAlarm", **{name: value for name, value in alarm.items() if name in settable})
    kept = [{name: value for name, value in alarm.items() if name not in changing} for alarm in described()]
    assert kept == [{name: value for name, value in alarm.items() if name not in changing} for alarm in standing]


def test_alarms_of_other_prefixes_stay(make: Make, alarms: Module) -> None:
    alarms()
    make("cloudwatch_alarms", name_prefix="contract/other/", alarms={}, tags=TAGS)()
    assert not alarms(check=True)["changed"]


def test_a_member_that_aws_does_not_know_is_refused_in_check_mode_too(alarms: Module) -> None:
    for check in (True, False):
        with pytest.raises(ModuleFailed, match='"Treshold"'):
            alarms(check=check, **with_member("memory", Treshold=1))


@pytest.fixture(scope="module")
def topic(make: Make) -> Iterator[Module]:
    module = make("sns_topic", name="contract-alerts", email=["a@example.com"], sms=["+6512345678"], tags=TAGS)
    yield module
    module(state="absent")


def test_a_topic_comes_and_goes(make: Make) -> None:
    make("sns_topic", name="contract-life", email=["a@example.com"], display_name="Life", tags=TAGS).comes_and_goes()


@pytest.mark.parametrize(
    "changes",
    [
        {"display_name": "Alerts"},
        {"sms": []},
        {"email": ["a@example.com", "b@example.com"]},
        {"tags": {"amica:stack": "other"}},
    ],
    ids=["name", "fewer", "more", "tags"],
)
def test_each_change_of_a_topic_is_one(topic: Module, changes: dict[str, Any]) -> None:
    topic.changes_once(**changes)


def test_what_waits_for_confirmation_is_no_change(make: Make) -> None:
    module = make("sns_topic", name="contract-waiting", email=["a@example.com"])
    assert module()["topic"]["unconfirmed"] == ["email a@example.com"]
    again = module()
    assert not again["changed"]
    assert again["topic"]["unconfirmed"] == ["email a@example.com"]
    assert not module(email=[])["changed"], "AWS has no call that would remove it"
    module(state="absent")


def test_the_key_in_an_address_is_not_shown(make: Make) -> None:
    secret = "geheim0123456789"
    module = make("sns_topic", name="contract-secret", https=[f"https://127.0.0.1:1/integration/{secret}"])
    made, removed = module(), module(state="absent")
    assert secret not in f"{made}{removed}"
    assert made["topic"]["subscribers"] == ["https://127.0.0.1/..."]


BODY: dict[str, Any] = {
    "widgets": [
        {"type": "text", "width": 24, "height": 1, "properties": {"markdown": "# Chat"}},
        {"type": "metric", "properties": {"title": "CPU", "metrics": [["AWS/ECS", "CPUUtilization"]]}},
    ]
}


def test_a_dashboard_comes_and_goes(make: Make) -> None:
    make("cloudwatch_dashboard", name="contract-life", body=BODY).comes_and_goes()


def test_one_widget_of_a_dashboard_is_one_change(make: Make, clients: Any) -> None:
    module = make("cloudwatch_dashboard", name="contract-dashboard", body=BODY)
    changed = deepcopy(BODY)
    changed["widgets"][1]["properties"]["title"] = "Memory"
    result = module.changes_once(body=changed)
    assert [*result["diff"]["after"]["widgets"]] == ["1 Memory"]
    clients("cloudwatch").put_dashboard(
        DashboardName="contract-dashboard", DashboardBody=str(BODY).replace("'", '"').replace(", ", " ,\n ")
    )
    assert not module()["changed"], "white space is no change"
    module(state="absent")


FILTERS = {
    "errors": {
        "filterPattern": '{ $.level = "error" }',
        "metricTransformations": [
            {"metricNamespace": "contract", "metricName": "LogErrors", "metricValue": "1", "defaultValue": 0}
        ],
    }
}
QUERIES = {"errors": 'fields @timestamp, message\n| filter level = "error"\n', "slow": "filter milliseconds > 1000"}


@pytest.fixture(scope="module")
def analysis(make: Make, clients: Any) -> Iterator[Module]:
    clients("logs").create_log_group(logGroupName=GROUP)
    module = make(
        "cloudwatch_logs_analysis", log_group=GROUP, name_prefix="contract/", metric_filters=FILTERS, queries=QUERIES
    )
    yield module
    module(state="absent")
    clients("logs").delete_log_group(logGroupName=GROUP)


def test_filters_and_queries_come_and_go(analysis: Module) -> None:
    analysis.comes_and_goes()


@pytest.mark.parametrize(
    "changes",
    [
        {"queries": {"errors": QUERIES["errors"]}},
        {"queries": {**QUERIES, "slow": "filter milliseconds > 2000"}},
        {"metric_filters": {}},
        {"metric_filters": {"errors": {**FILTERS["errors"], "filterPattern": "error"}}},
    ],
    ids=["fewer", "query", "no filter", "pattern"],
)
def test_each_change_of_filters_and_queries_is_one(analysis: Module, changes: dict[str, Any]) -> None:
    analysis.changes_once(**changes)


def test_a_missing_log_group_has_no_filters(make: Make) -> None:
    module = make("cloudwatch_logs_analysis", log_group="/nowhere", name_prefix="nowhere/", metric_filters=FILTERS)
    assert module(check=True)["changed"]
    assert not module(state="absent")["changed"]
