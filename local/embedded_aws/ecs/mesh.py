# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service Connect: what a service says of it, and the Cloud Map services that stand for its ports.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
"""

from __future__ import annotations

import copy

from embedded_aws.ecs.store import ApiError
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import Store
from embedded_aws.ecs.store import option


def chosen(wanted: Record | None, cluster: Record) -> Record | None:
    """The configuration with its defaults: the cluster's namespace, and the port's name for the service's."""
    if not wanted or not wanted.get("enabled"):
        return wanted or None
    filled = {"namespace": option(cluster, "serviceConnectDefaults", "namespace", default=""), **copy.deepcopy(wanted)}
    filled["services"] = [{"discoveryName": one["portName"], **one} for one in wanted.get("services", ())]
    return filled


def check(store: Store, wanted: Record | None, definition: Record) -> None:
    """:raises ApiError: what ECS refuses of it."""
    if not wanted or not wanted.get("enabled"):
        return
    if not store.mesh.namespace(wanted["namespace"]):
        raise ApiError("NamespaceNotFoundException", "The specified namespace was not found.")
    ports = {mapping.get("name") for item in definition["containerDefinitions"] for mapping in item["portMappings"]}
    for one in wanted["services"]:
        if one["portName"] not in ports:
            name = one["portName"]
            text = f"The portName {name} does not refer to any named port mapping in the task definition."
            raise ApiError("InvalidParameterException", text)


def keep(store: Store, service: Record, tasks: list[Record]) -> None:
    """Have a Cloud Map service for each port of the deployments that have tasks, or will have; others go."""
    alive = {task["startedBy"] for task in tasks if task["lastStatus"] != "STOPPED"}
    used = []
    for item in service["deployments"]:
        wanted = item.get("serviceConnectConfiguration") or {}
        if wanted.get("enabled") and (item["status"] == "PRIMARY" or item["id"] in alive):
            home = store.mesh.namespace(wanted["namespace"])
            names = [one["discoveryName"] for one in wanted["services"] if home]
            item["serviceConnectResources"] = [
                {"discoveryName": name, "discoveryArn": store.mesh.join(home, name)} for name in names
            ]
            used += [one["discoveryArn"] for one in item["serviceConnectResources"]]
    for arn in set(service.get("_mesh", ())).difference(used):
        store.mesh.leave(arn)
    service["_mesh"] = used
