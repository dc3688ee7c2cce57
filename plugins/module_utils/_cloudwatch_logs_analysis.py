# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of a log group's lines: metric filters and saved queries whose names begin with one prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._named import changes
from ansible_collections.amica.stack.plugins.module_utils._named import paged
from ansible_collections.amica.stack.plugins.module_utils._named import prefixed
from ansible_collections.amica.stack.plugins.module_utils._named import requests

FILTER_MEMBERS = ("filterPattern", "metricTransformations")
GONE = "ResourceNotFoundException"


def canonical_filter(members: Document) -> dict[str, Any]:
    """A filter as AWS returns it or as PutMetricFilter takes it; AWS says the unit None where none was given."""
    kept = {key: value for key, value in members.items() if key in FILTER_MEMBERS}
    transformations = [{"unit": "None", **filled(item)} for item in kept.get("metricTransformations", ())]
    return {"filterPattern": "", **kept, "metricTransformations": transformations}


def find_filters(client: Any, log_group: str, prefix: str) -> dict[str, dict[str, Any]]:
    """The filters by name; none where there is no such log group."""
    found = absent_as_none(
        lambda: paged(
            client,
            "describe_metric_filters",
            "metricFilters",
            "nextToken",
            logGroupName=log_group,
            filterNamePrefix=prefix,
        ),
        GONE,
    )
    return {item["filterName"]: canonical_filter(item) for item in found or ()}


def find_queries(client: Any, prefix: str) -> dict[str, dict[str, Any]]:
    """The saved queries by name. A name may occur twice in AWS: the second then has its id in its name here."""
    found: dict[str, dict[str, Any]] = {}
    items = paged(
        client, "describe_query_definitions", "queryDefinitions", "nextToken", queryDefinitionNamePrefix=prefix
    )
    for item in items:
        name = item["name"] if item["name"] not in found else f"{item['name']} {item['queryDefinitionId']}"
        found[name] = item
    return found


def canonical_query(query: Document) -> dict[str, Any]:
    return {"queryString": query["queryString"].strip(), "logGroupNames": sorted(query.get("logGroupNames") or ())}


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make filters and queries of the prefix exactly the wanted ones."""
    return _ensure(client, options, options["metric_filters"], options["queries"], check)


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    return _ensure(client, options, {}, {}, check)


def _ensure(
    client: Any, options: Document, filters: Mapping[str, Any], queries: Mapping[str, str], check: bool
) -> Outcome:
    group, prefix = options["log_group"], options["name_prefix"]
    wanted = requests(client, "PutMetricFilter", prefixed(prefix, filters), "Metric filter")
    filter_change = changes(
        find_filters(client, group, prefix), {name: canonical_filter(item) for name, item in wanted.items()}
    )
    found = find_queries(client, prefix)
    texts = {name: {"queryString": text, "logGroupNames": [group]} for name, text in prefixed(prefix, queries).items()}
    query_change = changes(
        {name: canonical_query(query) for name, query in found.items()},
        {name: canonical_query(query) for name, query in texts.items()},
    )
    if not check:
        for name in filter_change.delete:
            client.delete_metric_filter(logGroupName=group, filterName=name)
        for name in filter_change.write:
            client.put_metric_filter(logGroupName=group, filterName=name, **{"filterPattern": "", **wanted[name]})
        for name in query_change.delete:
            client.delete_query_definition(queryDefinitionId=found[name]["queryDefinitionId"])
        for name in query_change.write:
            known = {"queryDefinitionId": found[name]["queryDefinitionId"]} if name in found else {}
            client.put_query_definition(name=name, **canonical_query(texts[name]), **known)
    return Outcome(
        changed=bool(filter_change or query_change),
        values={"metric_filters": sorted(wanted), "queries": sorted(texts)},
        before={"metric_filters": filter_change.before, "queries": query_change.before},
        after={"metric_filters": filter_change.after, "queries": query_change.after},
    )
