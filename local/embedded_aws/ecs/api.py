# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each ECS call answers for services, tasks and deployments. Texts of errors are AWS's."""

from __future__ import annotations

import copy
import secrets
import uuid
from collections.abc import Callable
from collections.abc import Iterable
from functools import partial
from typing import Any

from embedded_aws.ecs import definitions
from embedded_aws.ecs import deployments
from embedded_aws.ecs import mesh
from embedded_aws.ecs.scheduler import Ecs
from embedded_aws.ecs.store import ApiError
from embedded_aws.ecs.store import Record
from embedded_aws.ecs.store import option
from embedded_aws.ecs.store import public
from embedded_aws.ecs.store import short
from embedded_aws.rules import action_groups

# Members of a service with their defaults. A change of one of the first kind starts a deployment; of the others, not.
ROLLING: Record = {
    "networkConfiguration": None, "loadBalancers": [], "serviceRegistries": [], "platformVersion": None,
    "capacityProviderStrategy": None, "serviceConnectConfiguration": None, "volumeConfigurations": None,
}  # fmt: skip
PLAIN: Record = {
    "desiredCount": 1, "healthCheckGracePeriodSeconds": 0, "enableExecuteCommand": False, "propagateTags": "NONE",
    "enableECSManagedTags": False, "availabilityZoneRebalancing": "ENABLED", "placementConstraints": [],
    "placementStrategy": [],
}  # fmt: skip
FIXED: Record = {"schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"}}
OWN: Record = {"events": [], "deployments": [], "_releases": [], "_revisions": {}, "_good": None, "_steady": False}
BREAKER = {"enable": False, "rollback": False}
NO_AGENT = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn't running. Wait and try again or run a new task with execute command enabled and try again."
)
BOTH = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
NOT_FORCED = (
    "When switching from launch type to capacity provider strategy on an existing service, or making a change to a "
    "capacity provider strategy on a service that is already using one, you must force a new deployment."
)
NOT_ASSOCIATED = (
    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the "
    "cluster. Associate the capacity provider with the cluster and try again."
)


def handlers(ecs: Ecs) -> dict[str, Callable[[Record], Record]]:
    """The calls by their names; the scheduler's lock is to be held around each."""
    api = Api(ecs)
    calls = {
        name.title().replace("_", ""): getattr(api, name) for name in vars(Api) if not name.startswith("_")
    }  # fmt: skip
    return calls | {
        "RegisterTaskDefinition": lambda data: public(definitions.register(ecs.store, data, ecs.wall())),
        "DeregisterTaskDefinition": lambda data: definitions.deregister(ecs.store, data, ecs.wall()),
        "DeleteTaskDefinitions": lambda data: definitions.delete(ecs.store, data, ecs.wall()),
        "DescribeTaskDefinition": partial(definitions.describe, ecs.store),
        "DescribeServiceDeployments": partial(deployments.describe, ecs.store),
        "DescribeServiceRevisions": partial(deployments.describe_revisions, ecs.store),
        "StopServiceDeployment": lambda data: deployments.stop(ecs.store, data, ecs.wall(), ecs.context.clock.now()),
        "ContinueServiceDeployment": lambda data: deployments.proceed(
            ecs.store, data, ecs.wall(), ecs.context.clock.now()
        ),
    }


def refused(text: str) -> ApiError:
    return ApiError("InvalidParameterException", text)


class Api:
    def __init__(self, ecs: Ecs) -> None:
        self._ecs = ecs
        self._store = ecs.store

    def create_service(self, data: Record) -> Record:
        cluster = self._store.cluster(data.get("cluster"))
        name = data.get("serviceName")
        if not name:
            raise refused("Service name cannot be empty.")
        key = f"{cluster['clusterName']}/{name}"
        status = option(self._store.services.get(key), "status")
        if status == "ACTIVE":
            raise refused("Creation of service was not idempotent.")
        if status == "DRAINING":
            raise refused("Unable to Start a service that is still Draining.")
        launch, strategy = data.get("launchType"), data.get("capacityProviderStrategy")
        if strategy and launch:
            raise refused(BOTH)
        strategy = strategy or (not launch and cluster.get("defaultCapacityProviderStrategy")) or None
        _check_providers(cluster.get("capacityProviders", ()), strategy)
        fargate = launch == "FARGATE" or bool(strategy)
        account = f"arn:aws:iam::{self._store.account()}"
        service = {
            **_chosen({**PLAIN, **ROLLING, **FIXED}, data),
            **copy.deepcopy(OWN),
            "serviceArn": self._store.arn("service", cluster["clusterName"], name),
            "serviceName": name,
            "clusterArn": cluster["clusterArn"],
            "status": "ACTIVE",
            "launchType": None if strategy else launch or "EC2",
            "capacityProviderStrategy": strategy,
            "platformVersion": data.get("platformVersion", "LATEST") if fargate else None,
            "platformFamily": "Linux" if fargate else None,
            "taskDefinition": self._definition(data.get("taskDefinition", ""))["taskDefinitionArn"],
            "networkConfiguration": _network(data.get("networkConfiguration")),
            "serviceConnectConfiguration": mesh.chosen(data.get("serviceConnectConfiguration"), cluster),
            "deploymentConfiguration": _deployment_configuration({}, data.get("deploymentConfiguration") or {}),
            "roleArn": f"{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "createdBy": f"{account}:root",
            "createdAt": self._ecs.wall(),
        }
        self._check(service)
        self._store.services[key] = service
        if data.get("tags"):
            self._store.tags[service["serviceArn"]] = list(data["tags"])
        deployments.begin(self._store, service, self._ecs.wall(), self._ecs.context.clock.now())
        return self._answer(service)

    def update_service(self, data: Record) -> Record:
        service = self._store.service(data)
        if service["status"] != "ACTIVE":
            raise ApiError("ServiceNotActiveException", "Service was not ACTIVE.")
        wanted = _chosen({name: service.get(name) for name in (*PLAIN, *ROLLING, "launchType")}, data)
        wanted["networkConfiguration"] = _network(wanted["networkConfiguration"])
        wanted["serviceConnectConfiguration"] = mesh.chosen(
            wanted["serviceConnectConfiguration"], self._store.cluster(service["clusterArn"])
        )
        wanted["deploymentConfiguration"] = _deployment_configuration(
            service["deploymentConfiguration"], data.get("deploymentConfiguration") or {}
        )
        wanted["taskDefinition"] = service["taskDefinition"]
        if data.get("taskDefinition"):
            wanted["taskDefinition"] = self._definition(data["taskDefinition"])["taskDefinitionArn"]
        wanted["capacityProviderStrategy"] = wanted["capacityProviderStrategy"] or None
        if wanted["capacityProviderStrategy"] != service.get("capacityProviderStrategy"):
            if not data.get("forceNewDeployment"):
                raise refused(NOT_FORCED)
            cluster = self._store.cluster(service["clusterArn"])
            _check_providers(cluster.get("capacityProviders", ()), wanted["capacityProviderStrategy"])
            # Without providers it goes back to its launch type.
            wanted["launchType"] = None if wanted["capacityProviderStrategy"] else "FARGATE"
        self._check({**service, **wanted})
        rolls = any(wanted[name] != service.get(name) for name in (*ROLLING, "taskDefinition"))
        wanted["_steady"] = service["_steady"] and wanted["desiredCount"] == service["desiredCount"]
        service.update(wanted)
        if rolls or data.get("forceNewDeployment"):
            deployments.begin(self._store, service, self._ecs.wall(), self._ecs.context.clock.now())
        return self._answer(service)

    def delete_service(self, data: Record) -> Record:
        service = self._store.service(data)
        if service["status"] == "INACTIVE":
            raise ApiError("ServiceNotFoundException", "Service not found.")
        if service["desiredCount"] and not data.get("force"):
            raise refused("The service cannot be stopped while the primary deployment is scaled above 0.")
        service.update(status="DRAINING", desiredCount=0)
        tasks = self._store.tasks_of(service)
        deployments.finish(service, "STOPPED", "because the service was deleted.", tasks, self._ecs.wall())
        return self._answer(service)

    def describe_services(self, data: Record) -> Record:
        cluster = self._store.cluster(data.get("cluster"))["clusterName"]
        names = [short(reference) for reference in data.get("services", ())]
        known = {name: self._store.services.get(f"{cluster}/{name}") for name in names}
        tags = "TAGS" in data.get("include", ())
        return {
            "services": [self._view(service, tags=tags) for service in known.values() if service],
            "failures": [
                {"arn": self._store.arn("service", cluster, name), "reason": "MISSING"}
                for name, service in known.items()
                if not service
            ],
        }

    def list_services(self, data: Record) -> Record:
        cluster = self._store.cluster(data.get("cluster"))
        arns = [
            item["serviceArn"]
            for item in self._store.services.values()
            if item["clusterArn"] == cluster["clusterArn"]
            and item["status"] != "INACTIVE"
            and all(data.get(name) in (None, item.get(name)) for name in ("launchType", "schedulingStrategy"))
        ]
        return _page(data, "serviceArns", arns, 10)

    def list_service_deployments(self, data: Record) -> Record:
        return _page(data, "serviceDeployments", deployments.listing(self._store.service(data), data), 20)

    def list_task_definitions(self, data: Record) -> Record:
        return _page(data, "taskDefinitionArns", definitions.listing(self._store, data), 100)

    def run_task(self, data: Record) -> Record:
        cluster = self._store.cluster(data.get("cluster"))
        definition = self._definition(data.get("taskDefinition", ""))
        self._check_network(data, definition)
        started = [self._ecs.run(cluster, definition, data) for _ in range(data.get("count", 1))]
        return {"tasks": public(started), "failures": []}

    def stop_task(self, data: Record) -> Record:
        task = self._task(data, data.get("task", ""))
        if not task:
            raise refused("The referenced task was not found.")
        self._ecs.stop(task, data.get("reason") or "Task stopped by user")
        return {"task": public(task)}

    def execute_command(self, data: Record) -> Record:
        """The session is refused as AWS refuses it, and otherwise only described: nothing listens at its address."""
        cluster = self._store.cluster(data.get("cluster"))
        task = self._task(data, data.get("task", ""))
        if not task:
            raise refused("The referenced task was not found.")
        if not data.get("interactive"):
            raise refused("Interactive is the only mode supported currently.")
        boxes = [item for item in task["containers"] if data.get("container") in (None, item["name"])]
        if len(boxes) != 1:
            raise refused("The container name must be that of one of the task's containers.")
        if task["desiredStatus"] == "STOPPED" or not any(
            agent["lastStatus"] == "RUNNING" for agent in boxes[0].get("managedAgents", ())
        ):
            raise refused(NO_AGENT)
        session = f"ecs-execute-command-{uuid.uuid4().hex[:17]}"
        address = (
            f"wss://ssmmessages.{self._store.region()}.amazonaws.com/v1/data-channel/{session}?role=publish_subscribe"
        )
        return {
            "clusterArn": cluster["clusterArn"],
            "taskArn": task["taskArn"],
            "containerArn": boxes[0]["containerArn"],
            "containerName": boxes[0]["name"],
            "interactive": True,
            "session": {"sessionId": session, "streamUrl": address, "tokenValue": secrets.token_urlsafe(256)},
        }

    def describe_tasks(self, data: Record) -> Record:
        cluster = self._store.cluster(data.get("cluster"))["clusterName"]
        known = {reference: self._task(data, reference) for reference in data.get("tasks", ())}
        tags = "TAGS" in data.get("include", ())
        return {
            "tasks": [
                public(task) | {"tags": self._store.tags.get(task["taskArn"], task["tags"]) if tags else []}
                for task in known.values()
                if task
            ],
            "failures": [
                {"arn": self._store.arn("task", cluster, short(reference)), "reason": "MISSING"}
                for reference, task in known.items()
                if not task
            ],
        }

    def list_tasks(self, data: Record) -> Record:
        cluster = self._store.cluster(data.get("cluster"))
        service, family = short(data.get("serviceName") or ""), data.get("family")
        if service and not self._store.services.get(f"{cluster['clusterName']}/{service}"):
            raise ApiError("ServiceNotFoundException", "Service not found.")
        arns = [
            task["taskArn"]
            for task in self._store.tasks.values()
            if task["clusterArn"] == cluster["clusterArn"]
            and task["desiredStatus"] == data.get("desiredStatus", "RUNNING")
            and (not service or task["group"] == f"service:{service}")
            and family in (None, short(task["taskDefinitionArn"]).rsplit(":", 1)[0])
            and all(data.get(name) in (None, task[name]) for name in ("startedBy", "launchType"))
        ]
        return _page(data, "taskArns", arns, 100)

    def put_cluster_capacity_providers(self, data: Record) -> Record:
        """One that a task or a service still uses stays."""
        cluster = self._store.cluster(data.get("cluster"))
        wanted, strategy = data.get("capacityProviders", []), data.get("defaultCapacityProviderStrategy", [])
        _check_providers(wanted, strategy)
        arn = cluster["clusterArn"]
        services = [item for item in self._store.services.values() if item["clusterArn"] == arn]
        used = {
            item["capacityProvider"]
            for service in services
            if service["status"] != "INACTIVE"
            for item in service.get("capacityProviderStrategy") or ()
        } | {
            task.get("capacityProviderName")
            for task in self._store.tasks.values()
            if task["clusterArn"] == arn and task["lastStatus"] != "STOPPED"
        }
        if used & {*cluster.get("capacityProviders", ())} - {*wanted}:
            raise ApiError("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")
        cluster.update(capacityProviders=wanted, defaultCapacityProviderStrategy=strategy)
        self._store.clusters[cluster["clusterName"]] = cluster
        return {"cluster": cluster}

    def delete_cluster(self, data: Record) -> Record:
        """A cluster that still has services or tasks stays."""
        cluster = self._store.cluster(data.get("cluster"))
        arn = cluster["clusterArn"]
        for kind, table, status, ended in (
            ("Services", self._store.services, "status", "INACTIVE"),
            ("Tasks", self._store.tasks, "lastStatus", "STOPPED"),
        ):
            if any(item["clusterArn"] == arn and item[status] != ended for item in table.values()):
                text = f"The Cluster cannot be deleted while {kind} are active."
                raise ApiError(f"ClusterContains{kind}Exception", text)
        self._store.clusters.pop(cluster["clusterName"])
        self._store.tags.pop(arn, None)
        return {"cluster": {**cluster, "status": "INACTIVE"}}

    def _definition(self, reference: str) -> Record:
        try:
            definition = self._store.definition(reference)
        except ApiError:
            raise ApiError("ClientException", "TaskDefinition not found.") from None
        if definition["status"] != "ACTIVE":
            raise ApiError("ClientException", "TaskDefinition is inactive")
        return definition

    def _check(self, service: Record) -> None:
        """What ECS refuses of a service.

        :raises ApiError: why.
        """
        definition = self._store.definition(service["taskDefinition"])
        self._check_network(service, definition)
        mesh.check(self._store, service["serviceConnectConfiguration"], definition)
        containers = {item["name"]: item for item in definition["containerDefinitions"]}
        for item in service["loadBalancers"]:
            name, port, arn = (item.get(key) for key in ("containerName", "containerPort", "targetGroupArn"))
            if name not in containers:
                raise refused(f"The container {name} does not exist in the task definition.")
            if port not in [mapping.get("containerPort") for mapping in containers[name]["portMappings"]]:
                raise refused(f"The container {name} did not have a container port {port} defined.")
            group = self._store.target_groups.get(arn)
            if not group:
                raise refused(f"The target group with targetGroupArn {arn} does not exist.")
            if not group.get("LoadBalancerArns"):
                raise refused(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")

            if service["deploymentConfiguration"]["strategy"] != "ROLLING":
                self._check_shift(item)
            elif service["deploymentConfiguration"].get("lifecycleHooks"):
                raise refused("The embedded AWS does not act lifecycle hooks of the strategy ROLLING.")

    def _check_shift(self, balancer: Record) -> None:
        """What ECS refuses of a load balancer between whose target groups it is to move the traffic.

        :raises ApiError: why.
        """
        advanced = balancer.get("advancedConfiguration") or {}
        both = {balancer["targetGroupArn"], advanced.get("alternateTargetGroupArn")}
        if not advanced.get("roleArn") or None in both:
            raise refused("Advanced configuration is required for the deployment strategy.")
        for kind in ("production", "test"):
            arn = advanced.get(f"{kind}ListenerRule")
            if not arn and kind == "test":
                continue
            rule = self._store.rules.get(arn or "")
            if not rule:
                raise refused(f"The {kind} listener rule does not exist.")
            if not both <= action_groups(rule["Actions"]).keys():
                raise refused(f"The {kind} listener rule must forward to both target groups.")

    def _check_network(self, data: Record, definition: Record) -> None:
        if data.get("launchType") == "FARGATE" and "FARGATE" not in definition["compatibilities"]:
            raise refused("Task definition does not support launch_type FARGATE.")
        subnets = option(data, "networkConfiguration", "awsvpcConfiguration", "subnets", default=[])
        if definition["networkMode"] == "awsvpc" and not subnets:
            raise refused("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
        for subnet in subnets:
            if not self._store.subnets.get(subnet):
                missing = f"The subnet ID '{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
                raise refused(f"Error retrieving subnet information for [{subnet}]: {missing}")

    def _task(self, data: Record, reference: str) -> Record | None:
        cluster = self._store.cluster(data.get("cluster"))["clusterName"]
        return self._store.tasks.get(self._store.arn("task", cluster, short(reference)))  # type: ignore[no-any-return]

    def _answer(self, service: Record) -> Record:
        mesh.keep(self._store, service, self._store.tasks_of(service))
        self._ecs.wake()
        return {"service": self._view(service, tags=True)}

    def _view(self, service: Record, *, tags: bool) -> Record:
        shown = deployments.view(service, self._store.tasks_of(service))
        return {**shown, **({"tags": self._store.tags.get(service["serviceArn"], [])} if tags else {})}


def _chosen(defaults: Record, data: Record) -> Record:
    """The members of `defaults`, with what the request gives."""
    return copy.deepcopy({name: data[name] if data.get(name) is not None else defaults[name] for name in defaults})


def _check_providers(associated: Iterable[str], strategy: list[Record] | None) -> None:
    """What ECS refuses of a capacity provider strategy.

    :raises ApiError: why.
    """
    if not {item["capacityProvider"] for item in strategy or ()} <= {*associated}:
        raise refused(NOT_ASSOCIATED)
    if strategy and not any(item.get("weight") for item in strategy):
        raise refused("The specified capacity provider strategy must contain at least one weight greater than 0.")
    if sum(bool(item.get("base")) for item in strategy or ()) > 1:
        raise refused("The specified capacity provider strategy can only contain one base value.")


def _network(wanted: Record | None) -> Record | None:
    """The network configuration with its default: no public address."""
    if not wanted or "awsvpcConfiguration" not in wanted:
        return wanted or None
    vpc = {"securityGroups": [], "assignPublicIp": "DISABLED", **public(wanted["awsvpcConfiguration"])}
    return {"awsvpcConfiguration": vpc}


def _deployment_configuration(known: Record, wanted: Record) -> Record:
    """The deployment configuration after an update: given members replace, others stay, defaults fill up."""
    defaults = {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0}
    merged = {**defaults, **known, **public(copy.deepcopy(wanted))}
    return {**merged, "deploymentCircuitBreaker": {**BREAKER, **merged.get("deploymentCircuitBreaker", {})}}


def _page(data: Record, name: str, items: list[Any], limit: int) -> Record:
    """One page of a list, and the token of the next."""
    start, size = int(data.get("nextToken") or 0), min(data.get("maxResults") or limit, 100)
    more = {"nextToken": str(start + size)} if start + size < len(items) else {}
    return {name: items[start : start + size], **more}
