# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS clusters: their settings, capacity providers, namespace and tags, and an end that waits for the last tasks."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import PAUSE
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import PROVIDER
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import accepted
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import canonical_providers
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import items_of
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import retag
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import snake
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

INSIGHTS = "containerInsights"
# What AWS says while the last tasks of a service that is gone are still stopping.
STILL_BUSY = ("ClusterContainsTasksException", "UpdateInProgressException")


def insights(cluster: Document) -> str:
    """The cluster's Container Insights: disabled, enabled or enhanced."""
    settings = {item.get("name"): item.get("value") for item in cluster.get("settings", ())}
    return settings.get(INSIGHTS) or "disabled"


def settings(value: str) -> list[dict[str, str]]:
    return [{"name": INSIGHTS, "value": value}]


def namespace(cluster: Document) -> str:
    """ARN of the namespace that the cluster's services use unless they name one; empty for none."""
    return str((cluster.get("serviceConnectDefaults") or {}).get("namespace") or "")


def find(client: Any, name: str) -> dict[str, Any] | None:
    """The cluster, its tags a mapping. One that is INACTIVE was deleted, and only its name is still known to AWS."""
    for cluster in client.describe_clusters(clusters=[name], include=["SETTINGS", "TAGS"])["clusters"]:
        if cluster["status"] != "INACTIVE":
            return {**cluster, "tags": tags_to_dict(cluster.get("tags"))}
    return None


def providers(cluster: Document) -> dict[str, Any]:
    """The cluster's capacity providers and its default strategy, each in one order."""
    return {
        "capacity_providers": sorted(cluster.get("capacityProviders") or ()),
        "default_capacity_provider_strategy": canonical_providers(cluster.get("defaultCapacityProviderStrategy") or ()),
    }


def wanted_providers(options: Document, cluster: Document) -> dict[str, Any]:
    """What PutClusterCapacityProviders takes, which is always all: what no option sets is as the cluster has it."""
    given = {
        "capacityProviders": options.get("capacity_providers"),
        "defaultCapacityProviderStrategy": items_of(options.get("default_capacity_provider_strategy"), PROVIDER),
    }
    return {field: (cluster.get(field) or []) if value is None else value for field, value in given.items()}


def ensure_present(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Make the cluster, or make its settings, providers and tags the wanted ones; what is not set stays as it is."""
    name, wanted, home = options["name"], options.get("container_insights"), options.get("service_connect_namespace")
    cluster = find(client, name)
    places = wanted_providers(options, cluster or {})
    old_tags: Mapping[str, str] = cluster["tags"] if cluster else {}
    write, remove = tag_changes(old_tags, options.get("tags"))
    tags = {**{key: value for key, value in old_tags.items() if key not in remove}, **write}
    before: dict[str, Any] = {}
    if cluster:
        before = {
            "container_insights": insights(cluster),
            "service_connect_namespace": namespace(cluster),
            **providers(cluster),
            "tags": dict(old_tags),
        }
    after: dict[str, Any] = {
        "container_insights": wanted or before.get("container_insights"),
        "service_connect_namespace": before.get("service_connect_namespace", "") if home is None else home,
        **providers(places),
        "tags": tags,
    }
    defaults = {"namespace": after["service_connect_namespace"]}
    if cluster is None:
        cluster = {"clusterName": name, "status": "ACTIVE"}
        if not check:
            request: dict[str, Any] = {field: value for field, value in places.items() if value}
            if wanted:
                request["settings"] = settings(wanted)
            if home:
                request["serviceConnectDefaults"] = defaults
            answer = accepted(
                lambda: client.create_cluster(clusterName=name, tags=dict_to_tags(tags, "key", "value"), **request),
                wait,
            )
            cluster = answer["cluster"]
    elif not check:
        if before["container_insights"] != after["container_insights"]:
            client.update_cluster_settings(cluster=name, settings=settings(after["container_insights"]))
        if before["service_connect_namespace"] != after["service_connect_namespace"]:
            client.update_cluster(cluster=name, serviceConnectDefaults=defaults)
        if providers(cluster) != providers(places):
            accepted(lambda: client.put_cluster_capacity_providers(cluster=name, **places), wait)
        retag(client, cluster["clusterArn"], write, remove)
    difference = differing(before, after)
    shown = {**cluster, **places, "serviceConnectDefaults": defaults, "tags": tags}
    if wanted:
        shown["settings"] = settings(wanted)
    return Outcome(
        changed=before != after,
        values={"cluster": snake(shown)},
        before=difference["before"],
        after=difference["after"],
    )


def ensure_absent(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Delete the cluster once its last tasks have stopped.

    :raises Refused: when they have not within `wait_timeout`.
    """
    name = options["name"]
    cluster = find(client, name)
    if cluster is None:
        return Outcome(changed=False)
    if not check and not wait(options["wait_timeout"], PAUSE).until(lambda: _deleted(client, name)):
        raise Refused(
            f"Cluster {name} still has tasks after {options['wait_timeout']} s: stop them, or raise wait_timeout"
        )
    return Outcome(
        changed=True, before={"name": name, "status": cluster["status"]}, after={"name": name, "status": "INACTIVE"}
    )


def _deleted(client: Any, name: str) -> bool:
    try:
        client.delete_cluster(cluster=name)
    except ClientError as error:
        if error_code(error) in STILL_BUSY:
            return False
        if error_code(error) != "ClusterNotFoundException":
            raise
    return True
