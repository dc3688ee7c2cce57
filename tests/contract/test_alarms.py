# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alarms of a running embedded AWS ring by their metrics, tell their topic, and are quiet again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from support.waiting import eventually

Clients = Callable[..., Any]
CLOCK_SPEED = 60
GROUP = "/ecs/contract-alarms"
NAMESPACE = "contract-alarms"


def test_lines_of_a_log_ring_an_alarm_and_it_tells_who_listens(clients: Clients) -> None:
    logs, watch, topics, queues = clients("logs"), clients("cloudwatch"), clients("sns"), clients("sqs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    for name, value in (("errors", "1"), ("seconds", "$.seconds")):
        transformation = {"metricNamespace": NAMESPACE, "metricName": name, "metricValue": value}
        logs.put_metric_filter(
            logGroupName=GROUP,
            filterName=name,
            filterPattern='{ $.level = "error" }',
            metricTransformations=[transformation],
        )
    topic = topics.create_topic(Name=NAMESPACE)["TopicArn"]
    queue = queues.create_queue(QueueName=NAMESPACE)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    watch.put_metric_alarm(
        AlarmName=NAMESPACE,
        MetricName="errors",
        Namespace=NAMESPACE,
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=2,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
        OKActions=[topic],
    )

    def state() -> str:
        return str(watch.describe_alarms(AlarmNames=[NAMESPACE])["MetricAlarms"][0]["StateValue"])

    def told() -> dict[str, str]:
        messages = eventually(lambda: queues.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
        queues.delete_message(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"])
        change: dict[str, str] = json.loads(json.loads(messages[0]["Body"])["Message"])
        return change

    assert state() == "INSUFFICIENT_DATA"
    eventually(lambda: state() == "OK")
    assert (told()["OldStateValue"], state()) == ("INSUFFICIENT_DATA", "OK")
    lines = [{"level": "error", "seconds": 4}, {"level": "error"}, {"level": "info"}, {"level": "error", "seconds": 6}]
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": json.dumps(line)} for line in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
    rung = told()
    assert (rung["OldStateValue"], rung["NewStateValue"]) == ("OK", "ALARM")
    assert "1 of the last 1 datapoints [3] were GreaterThanThreshold 2" in rung["NewStateReason"]
    assert told()["NewStateValue"] == "OK"
    answer = watch.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="seconds",
        StartTime=now / 1000 - 60,
        EndTime=now / 1000 + 60,
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )
    assert [(point["Sum"], point["SampleCount"]) for point in answer["Datapoints"]] == [(10, 2)]
    watch.delete_alarms(AlarmNames=[NAMESPACE])
