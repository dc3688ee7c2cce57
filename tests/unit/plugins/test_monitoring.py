from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils import _cloudwatch_dashboard
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_alarms import canonical
from ansible_collections.amica.stack.plugins.module_utils._cloudwatch_logs_analysis import canonical_filter
from ansible_collections.amica.stack.plugins.module_utils._named import changes
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._sns_topic import Subscriber
from ansible_collections.amica.stack.plugins.module_utils._sns_topic import find


def test_things_are_written_where_they_differ_and_deleted_where_they_are_not_wanted() -> None:
    change = changes({"same": 1, "other": 2, "gone": 3}, {"same": 1, "other": 4, "new": 5})
    assert (change.write, change.delete) == (["new", "other"], ["gone"])
    assert change.before == {"other": 2, "gone": 3}
    assert change.after == {"other": 4, "new": 5}
    assert change
    assert not changes({"same": 1}, {"same": 1})


def test_what_aws_fills_in_is_no_difference() -> None:
    wanted = {"MetricName": "CPUUtilization", "Dimensions": [{"Name": "B", "Value": "2"}, {"Name": "A", "Value": "1"}]}
    answered = {
        "AlarmName": "amica/cpu",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:1:alarm:amica/cpu",
        "StateValue": "OK",
        "ActionsEnabled": True,
        "OKActions": [],
        "TreatMissingData": "missing",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}],
    }
    assert canonical(wanted) == canonical(answered)


def test_a_query_of_an_alarm_returns_its_data_unless_said() -> None:
    query = {"Id": "rate", "Expression": "a / b"}
    assert canonical({"Metrics": [query]}) == canonical({"Metrics": [{**query, "ReturnData": True}]})
    assert canonical({"Metrics": [query]}) != canonical({"Metrics": [{**query, "ReturnData": False}]})


def test_a_filter_that_gives_no_unit_has_the_one_that_aws_says() -> None:
    transformation = {"metricName": "X", "defaultValue": 0}
    given = {"filterPattern": "x", "metricTransformations": [transformation]}
    answered = {"filterPattern": "x", "creationTime": 1, "metricTransformations": [{**transformation, "unit": "None"}]}
    assert canonical_filter(given) == canonical_filter(answered)


def test_an_address_is_shown_without_the_key_in_it() -> None:
    assert str(Subscriber("https", "https://events.pagerduty.com/integration/geheim/enqueue")) == (
        "https://events.pagerduty.com/..."
    )
    assert str(Subscriber("email", "ops@example.com")) == "email ops@example.com"


class Pages:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [self.answer]


class Sns:
    """One topic, and subscriptions in each state that AWS knows."""

    ARN = "arn:aws:sns:eu-west-1:1:alerts"
    STATES = {"a": "PendingConfirmation", "b": "Deleted", "c": f"{ARN}:1234"}

    def get_paginator(self, operation: str) -> Pages:
        others = [{"TopicArn": self.ARN.replace("alerts", "more-alerts")}, {"TopicArn": self.ARN}]
        subscriptions = [
            {"Protocol": "email", "Endpoint": name, "SubscriptionArn": arn} for name, arn in self.STATES.items()
        ]
        return Pages({"Topics": others} if operation == "list_topics" else {"Subscriptions": subscriptions})

    def get_topic_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {}}

    def list_tags_for_resource(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}


def test_a_subscription_that_ended_is_none_and_one_that_waits_has_no_arn() -> None:
    topic = find(Sns(), "alerts")
    assert topic is not None
    assert topic.subscribers == {Subscriber("email", "a"): "", Subscriber("email", "c"): f"{Sns.ARN}:1234"}


class Dashboards:
    """Keeps a body or not, and finds fault with it."""

    def __init__(self, keeps: bool) -> None:
        self.keeps, self.body = keeps, "{}"

    def get_dashboard(self, **_: Any) -> dict[str, Any]:
        return {"DashboardBody": self.body}

    def put_dashboard(self, *, DashboardBody: str, **_: Any) -> dict[str, Any]:
        if self.keeps:
            self.body = DashboardBody
        return {"DashboardValidationMessages": [{"Message": "Should NOT have additional properties"}]}


def test_a_dashboard_that_aws_did_not_keep_is_an_error_and_one_with_a_warning_is_not() -> None:
    wanted = {"name": "x", "body": {"widgets": [{"type": "text"}]}}
    kept = Dashboards(keeps=True)
    assert _cloudwatch_dashboard.ensure_present(kept, wanted, check=False).changed
    assert json.loads(kept.body) == wanted["body"]
    with pytest.raises(Refused, match="additional properties"):
        _cloudwatch_dashboard.ensure_present(Dashboards(keeps=False), wanted, check=False)
