# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Map as ECS Service Connect uses it. What ECS is told of it is kept; no proxy stands beside a task."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import ecs
from ministack.services import servicediscovery

from embedded_aws.correction import Reply
from embedded_aws.correction import correct


class CloudMap:
    """MiniStack's Cloud Map, as the ECS service sees it."""

    def namespace(self, reference: str) -> str:
        found = servicediscovery._namespaces.values()
        return next((str(one["Arn"]) for one in found if reference in (one["Arn"], one["Name"])), "")

    def join(self, namespace: str, name: str) -> str:
        identity = namespace.rpartition("/")[2]
        for service in servicediscovery._services.values():
            if (service["NamespaceId"], service["Name"]) == (identity, name):
                return str(service["Arn"])
        made = servicediscovery._create_service({"NamespaceId": identity, "Name": name})
        return str(json.loads(made[2])["Service"]["Arn"])

    def leave(self, arn: str) -> None:
        servicediscovery._delete_service({"Id": arn.rpartition("/")[2]})


def install() -> None:
    @correct(ecs, "_put_cluster")
    def put_cluster(original: Any, data: dict[str, Any]) -> Any:
        """A cluster has the namespace that it was made with."""
        cluster = original(data)
        if data.get("serviceConnectDefaults"):
            cluster["serviceConnectDefaults"] = data["serviceConnectDefaults"]
        return cluster

    @correct(ecs, "_update_cluster", "_ACTION_MAP", "UpdateCluster")
    def update_cluster(original: Any, data: dict[str, Any]) -> Reply:
        """An empty name takes the cluster's namespace away."""
        reply = original(data)
        if reply[0] == 200 and not data.get("serviceConnectDefaults", {"namespace": "stays"})["namespace"]:
            ecs._clusters[ecs._resolve_cluster_name(data.get("cluster"))].pop("serviceConnectDefaults", None)
        return reply
