# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metric alarms whose names begin with one prefix, each with every field and its tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._named import changes
from ansible_collections.amica.stack.plugins.module_utils._named import prefixed
from ansible_collections.amica.stack.plugins.module_utils._named import requests

# What AWS says of an alarm beside what PutMetricAlarm took.
STATE = (
    "AlarmName",
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "StateValue",
    "StateReason",
    "StateReasonData",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "EvaluationState",
)
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
DEFAULTS = {"ActionsEnabled": True, "TreatMissingData": "missing"}
# DeleteAlarms takes a hundred names.
MOST_DELETED = 100


def canonical(alarm: Document) -> dict[str, Any]:
    """An alarm as AWS returns it, or as PutMetricAlarm takes it, in the same shape."""
    members = {**DEFAULTS, **filled({key: value for key, value in alarm.items() if key not in STATE})}
    if "Dimensions" in members:
        members["Dimensions"] = by_name(members["Dimensions"])
    if "Metrics" in members:
        members["Metrics"] = {query["Id"]: _canonical_query(query) for query in members["Metrics"]}
    for actions in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        if actions in members:
            members[actions] = sorted(members[actions])
    return members


def by_name(dimensions: list[Document]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions}


def _canonical_query(query: Document) -> dict[str, Any]:
    made = {"ReturnData": True, **query}
    del made["Id"]
    if "MetricStat" in made:
        stat = dict(made["MetricStat"])
        metric = dict(stat["Metric"])
        metric["Dimensions"] = by_name(metric.get("Dimensions", []))
        made["MetricStat"] = {**stat, "Metric": metric}
    return made


def find(client: Any, prefix: str) -> dict[str, dict[str, Any]]:
    """The alarms by name, as AWS describes them, each with its tags as a mapping."""
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"])
    return {
        alarm["AlarmName"]: {
            **alarm,
            "Tags": tags_to_dict(client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]),
        }
        for page in pages
        for alarm in page["MetricAlarms"]
    }


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the alarms of the prefix exactly the wanted ones. Tags that are not set stay as they are."""
    return _ensure(client, options, options["alarms"], check)


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    return _ensure(client, options, {}, check)


def _ensure(client: Any, options: Document, alarms: Document, check: bool) -> Outcome:
    wanted = requests(client, "PutMetricAlarm", prefixed(options["name_prefix"], alarms), "Alarm")
    found = find(client, options["name_prefix"])
    tags = {name: _tags(found.get(name), options.get("tags")) for name in wanted}
    change = changes(
        {name: canonical(alarm) for name, alarm in found.items()},
        {name: canonical({**alarm, "Tags": tags[name]}) for name, alarm in wanted.items()},
    )
    if not check:
        for start in range(0, len(change.delete), MOST_DELETED):
            client.delete_alarms(AlarmNames=change.delete[start : start + MOST_DELETED])
        for name in change.write:
            # PutMetricAlarm leaves the tags of an alarm that exists alone.
            client.put_metric_alarm(AlarmName=name, **wanted[name], **_given(tags[name]))
            if name in found:
                _retag(client, found[name], options.get("tags"))
    return Outcome(changed=bool(change), values={"alarms": sorted(wanted)}, before=change.before, after=change.after)


def _tags(found: Document | None, wanted: Mapping[str, Any] | None) -> dict[str, str]:
    old: Mapping[str, str] = found["Tags"] if found else {}
    write, remove = tag_changes(old, wanted)
    return {**{key: value for key, value in old.items() if key not in remove}, **write}


def _given(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"Tags": dict_to_tags(tags)} if tags else {}


def _retag(client: Any, alarm: Document, wanted: Mapping[str, Any] | None) -> None:
    write, remove = tag_changes(alarm["Tags"], wanted)
    if write:
        client.tag_resource(ResourceARN=alarm["AlarmArn"], Tags=dict_to_tags(write))
    if remove:
        client.untag_resource(ResourceARN=alarm["AlarmArn"], TagKeys=remove)
