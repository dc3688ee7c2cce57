# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS services: what AWS makes of one, which fields differ, and the calls around them.

What is not set stays as it is. The number of tasks of a service that exists is sent only when asked for, because
scaling may have changed it since.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import PAUSE
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import PROVIDER
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import accepted
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import canonical_providers
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import filled
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import items_of
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import retag
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import snake
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import unknown_members
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import unmet
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

# What AWS fills in where a service says nothing.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
DEFAULT_DEPLOYMENT: dict[str, Any] = {
    "strategy": "ROLLING",
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
    "deploymentCircuitBreaker": {
        "enable": False,
        "rollback": False,
        "resetOnHealthyTask": True,
        "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
    },
    "alarms": {"alarmNames": [], "enable": False, "rollback": False},
    "earlySuccessCriteria": {"enable": False},
    "lifecycleHooks": [],
}
# What only these strategies have; AWS refuses it of the others.
OF_STRATEGIES = {
    "bakeTimeInMinutes": ("BLUE_GREEN", "LINEAR", "CANARY"),
    "canaryConfiguration": ("CANARY",),
    "linearConfiguration": ("LINEAR",),
}
DEFAULTS: dict[str, Any] = {
    "platformVersion": "LATEST",
    "propagateTags": "NONE",
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "healthCheckGracePeriodSeconds": 0,
    "capacityProviderStrategy": [],
    "loadBalancers": [],
    "serviceConnectConfiguration": {"enabled": False},
    "serviceRegistries": [],
}
# The other fields only count for tasks that start later.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
STARTS_DEPLOYMENT = frozenset(
    {
        "capacityProviderStrategy",
        "forceNewDeployment",
        "loadBalancers",
        "networkConfiguration",
        "platformVersion",
        "serviceConnectConfiguration",
        "serviceRegistries",
        "taskDefinition",
    }
)


def wanted_service(options: Document) -> dict[str, Any]:
    """The module's options in AWS's spelling, without what is not set. An empty list is set: to none."""
    members: dict[str, Any] = {
        "taskDefinition": options.get("task_definition"),
        "desiredCount": options.get("desired_count"),
        "launchType": options.get("launch_type"),
        "capacityProviderStrategy": items_of(options.get("capacity_provider_strategy"), PROVIDER),
        "platformVersion": options.get("platform_version"),
        "networkConfiguration": _network(options.get("network_configuration")),
        "loadBalancers": items_of(
            options.get("load_balancers"),
            {
                "targetGroupArn": "target_group_arn",
                "containerName": "container_name",
                "containerPort": "container_port",
                "advancedConfiguration": "advanced_configuration",
            },
        ),
        "serviceRegistries": items_of(
            options.get("service_registries"),
            {
                "registryArn": "registry_arn",
                "port": "port",
                "containerName": "container_name",
                "containerPort": "container_port",
            },
        ),
        "serviceConnectConfiguration": _service_connect(options.get("service_connect_configuration")),
        "healthCheckGracePeriodSeconds": options.get("health_check_grace_period"),
        "deploymentConfiguration": _deployment(options.get("deployment_configuration")),
        "enableExecuteCommand": options.get("enable_execute_command"),
        "enableECSManagedTags": options.get("enable_ecs_managed_tags"),
        "propagateTags": options.get("propagate_tags"),
        "availabilityZoneRebalancing": options.get("availability_zone_rebalancing"),
    }
    return {field: value for field, value in members.items() if value is not None}


def _network(network: Document | None) -> dict[str, Any] | None:
    if network is None:
        return None
    public = network.get("assign_public_ip")
    members = {
        "subnets": network.get("subnets"),
        "securityGroups": network.get("security_groups"),
        "assignPublicIp": None if public is None else "ENABLED" if public else "DISABLED",
    }
    return {"awsvpcConfiguration": {field: value for field, value in members.items() if value is not None}}


def _service_connect(connect: Document | None) -> dict[str, Any] | None:
    if connect is None:
        return None
    if not connect["enabled"]:
        return {"enabled": False}
    log = connect.get("log_configuration") or {}
    services = [
        {
            "portName": service["port_name"],
            "discoveryName": service.get("discovery_name") or service["port_name"],
            "clientAliases": items_of(service.get("client_aliases"), {"port": "port", "dnsName": "dns_name"}),
        }
        for service in connect.get("services") or ()
    ]
    members = {
        "enabled": True,
        "namespace": connect.get("namespace"),
        "services": services,
        "logConfiguration": {"logDriver": log.get("log_driver"), "options": log.get("options")},
    }
    return dict(filled(members))


def _deployment(deployment: Document | None) -> dict[str, Any] | None:
    if deployment is None:
        return None
    breaker = deployment.get("circuit_breaker") or {}
    alarms = deployment.get("alarms") or {}
    early = deployment.get("early_success_criteria") or {}
    canary, linear = deployment.get("canary") or {}, deployment.get("linear") or {}
    return {
        field: value
        for field, value in {
            "strategy": deployment.get("strategy"),
            "bakeTimeInMinutes": deployment.get("bake_time"),
            "canaryConfiguration": filled(
                {"canaryPercent": canary.get("percent"), "canaryBakeTimeInMinutes": canary.get("bake_time")}
            ),
            "linearConfiguration": filled(
                {"stepPercent": linear.get("percent"), "stepBakeTimeInMinutes": linear.get("bake_time")}
            ),
            "lifecycleHooks": _hooks(deployment.get("lifecycle_hooks")),
            "minimumHealthyPercent": deployment.get("minimum_healthy_percent"),
            "maximumPercent": deployment.get("maximum_percent"),
            "deploymentCircuitBreaker": filled(
                {
                    "enable": breaker.get("enable"),
                    "rollback": breaker.get("rollback"),
                    "resetOnHealthyTask": breaker.get("reset_on_healthy_task"),
                    "thresholdConfiguration": breaker.get("threshold"),
                }
            ),
            "alarms": alarms
            and {"alarmNames": alarms["names"], "enable": alarms["enable"], "rollback": alarms["rollback"]},
            "earlySuccessCriteria": filled(
                {
                    "enable": early.get("enable"),
                    "healthyPercent": early.get("healthy_percent"),
                    "sourceServiceRevisionCleanup": early.get("source_service_revision_cleanup"),
                }
            ),
        }.items()
        if value not in (None, {})
    }


def _hooks(hooks: list[Document] | None) -> list[dict[str, Any]] | None:
    if hooks is None:
        return None
    return [
        filled(
            {
                "targetType": hook["type"],
                "hookTargetArn": hook.get("target_arn"),
                "roleArn": hook.get("role_arn"),
                "lifecycleStages": hook["stages"],
                "timeoutConfiguration": {
                    "timeoutInMinutes": hook.get("timeout"),
                    "action": hook.get("timeout_action"),
                },
            }
        )
        for hook in hooks
    ]


# The lists of a service whose order means nothing, by the members of their items that an option can set.
ITEMS = {
    "clientAliases": ("port", "dnsName"),
    "lifecycleHooks": ("targetType", "hookTargetArn", "roleArn", "lifecycleStages", "timeoutConfiguration"),
    "loadBalancers": ("targetGroupArn", "containerName", "containerPort", "advancedConfiguration"),
    "serviceRegistries": ("registryArn", "port", "containerName", "containerPort"),
    "services": ("portName", "discoveryName", "clientAliases"),
}
# What an option says as a whole: a member that it does not set is none.
WHOLES = {"serviceConnectConfiguration": ("enabled", "namespace", "services", "logConfiguration")}
SETS = frozenset({"alarmNames", "lifecycleStages", "securityGroups", "subnets"})


def canonical(document: Document) -> dict[str, Any]:
    """The members of a service, wanted or AWS's, with lists whose order means nothing in one order."""
    return {field: _canonical(field, value) for field, value in document.items()}


def _canonical(field: str, value: Any) -> Any:
    if field in SETS and value is not None:
        return sorted(value)
    if field == "capacityProviderStrategy" and value is not None:
        return canonical_providers(value)
    if field in ITEMS and value is not None:
        items = [{member: _canonical(member, item.get(member)) for member in ITEMS[field]} for item in value]
        return sorted(items, key=lambda item: [str(member) for member in item.values()])
    if field in WHOLES:
        return {member: _canonical(member, value.get(member)) for member in WHOLES[field]}
    return canonical(value) if isinstance(value, Mapping) else value


def complete(service: Document) -> dict[str, Any]:
    """A service as AWS returns it, with AWS's defaults where an answer leaves them out."""
    given = {field: value for field, value in service.items() if value not in (None, "")}
    deployment = merged(DEFAULT_DEPLOYMENT, service.get("deploymentConfiguration") or {})
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return {
        **DEFAULTS,
        **given,
        # AWS says it of each deployment, not of the service.
        "serviceConnectConfiguration": primary(service).get("serviceConnectConfiguration")
        or DEFAULTS["serviceConnectConfiguration"],
        "deploymentConfiguration": deployment,
        "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED", **network}} if network else {},
    }


def changes(wanted: Document, service: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after) of the wanted members in which the service differs.

    :raises Refused: when AWS cannot change a member of a service that exists.
    """
    members = dict(wanted)
    strategy = service.get("capacityProviderStrategy")
    if "launchType" in members and strategy:
        # The service goes back to its launch type when it is given no providers.
        members["capacityProviderStrategy"] = []
        del members["launchType"]
    elif members.get("capacityProviderStrategy"):
        members.pop("launchType", None)
    before, after = unmet(canonical(members), canonical(complete(service)))
    if "launchType" in after:
        raise Refused(
            f"A service cannot go from launch type {before['launchType']} to {after['launchType']}: "
            "use capacity providers, or delete the service first"
        )
    return before, after


def update_request(wanted: Document, service: Document, after: Document) -> dict[str, Any]:
    """What UpdateService takes so that the members of `after` become the wanted ones and nothing else changes."""
    request: dict[str, Any] = {}
    for field in after:
        value = wanted.get(field, [])
        merges = isinstance(value, Mapping) and field not in WHOLES
        request[field] = merged(without_off(service.get(field)), value) if merges else value
    if "deploymentConfiguration" in request:
        request["deploymentConfiguration"] = _of_strategy(request["deploymentConfiguration"])
    if "capacityProviderStrategy" in request:
        request["forceNewDeployment"] = True  # AWS takes other providers in no other way.
    return request


def _of_strategy(deployment: Document) -> dict[str, Any]:
    """A deployment configuration without what another strategy left in it."""
    strategy = deployment.get("strategy", "ROLLING")
    return {field: value for field, value in deployment.items() if strategy in OF_STRATEGIES.get(field, (strategy,))}


def without_off(value: Any) -> Any:
    """A document without what only says that something is off, which AWS does not always take back."""
    if not isinstance(value, Mapping):
        return value
    members = {key: without_off(item) for key, item in value.items()}
    return {key: item for key, item in members.items() if item or key == "minimumHealthyPercent"}


def merged(old: Any, new: Document) -> dict[str, Any]:
    """The new document with what only the old one says."""
    result = dict(old or {})
    for key, value in new.items():
        result[key] = merged(result.get(key), value) if isinstance(value, Mapping) else value
    return result


def without_grace(wanted: Document, service: Document) -> dict[str, Any]:
    """The wanted members without a grace period where no load balancer checks: AWS would refuse it."""
    balancers = wanted.get("loadBalancers", service.get("loadBalancers"))
    return {field: value for field, value in wanted.items() if balancers or field != "healthCheckGracePeriodSeconds"}


def understood(wanted: Document, defaults: Document, shape: Any) -> dict[str, Any]:
    """The wanted members without those that say what AWS does anyway and an older SDK has no words for.

    :param shape: the structure in botocore's service model.
    """
    return {
        field: understood(value, defaults[field], shape.members[field])
        if field in shape.members and isinstance(value, Mapping) and isinstance(defaults.get(field), Mapping)
        else value
        for field, value in wanted.items()
        if field in shape.members or value != defaults.get(field)
    }


def primary(service: Document) -> dict[str, Any]:
    """The deployment that the service is going to, or has reached."""
    deployments = service.get("deployments", ())
    return next((item for item in deployments if item.get("status") == "PRIMARY"), {})


class Services:
    """One service of one cluster, in AWS."""

    def __init__(self, client: Any, cluster: str, name: str, wait: Callable[[float, float], Wait]) -> None:
        self.client = client
        self.cluster = cluster
        self.name = name
        self.wait = wait

    def find(self) -> dict[str, Any] | None:
        """The service, its tags a mapping; None where AWS no longer runs anything of it, or has no such cluster."""
        answer = absent_as_none(
            lambda: self.client.describe_services(cluster=self.cluster, services=[self.name], include=["TAGS"]),
            "ClusterNotFoundException",
        )
        for service in answer["services"] if answer else ():
            if service["status"] != "INACTIVE":
                return {**service, "tags": tags_to_dict(service.get("tags"))}
        return None

    def active(self) -> dict[str, Any]:
        """The service.

        :raises Refused: there is none, or it is being deleted.
        """
        service = self.find()
        if service is None or service["status"] != "ACTIVE":
            raise Refused(f"There is no service {self.name} in cluster {self.cluster}")
        return service

    def await_end(self, timeout: float) -> None:
        """Wait until the service has drained; it can be made again afterwards. `timeout` in seconds."""
        if not self.wait(timeout, PAUSE).until(lambda: self.find() is None):
            raise Refused(
                f"Service {self.name} still drains after {timeout:g} s: run again later, or raise wait_timeout"
            )

    def resolve(self, task_definition: str) -> str:
        """The ARN of a task definition that is named by family or family:revision; the name where there is none."""
        if task_definition.startswith("arn:"):
            return task_definition
        answer = absent_as_none(
            lambda: self.client.describe_task_definition(taskDefinition=task_definition), "ClientException"
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"]) if answer else task_definition

    def create(self, request: Document) -> dict[str, Any]:
        """Make the service, once what it needs has reached all of AWS. The service as AWS answers."""
        answer = accepted(
            lambda: self.client.create_service(cluster=self.cluster, serviceName=self.name, **request), self.wait
        )
        return dict(answer["service"])

    def update(self, request: Document) -> dict[str, Any]:
        answer = self.client.update_service(cluster=self.cluster, service=self.name, **request)
        return dict(answer["service"])

    def delete(self) -> None:
        absent_as_none(
            lambda: self.client.delete_service(cluster=self.cluster, service=self.name, force=True),
            "ClusterNotFoundException",
            "ServiceNotActiveException",
            "ServiceNotFoundException",
        )


def ensure_present(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Make the service, or make its members and tags the wanted ones.

    :raises Refused: when AWS or the installed SDK cannot do what is wanted.
    """
    services = Services(client, options["cluster"], options["name"], wait)
    shape = client.meta.service_model.operation_model("CreateService").input_shape
    wanted = understood(wanted_service(options), {"deploymentConfiguration": DEFAULT_DEPLOYMENT}, shape)
    unknown = list(unknown_members(wanted, shape))
    if unknown:
        raise Refused(f"The installed botocore does not know {', '.join(unknown)}: install a newer boto3 and botocore")
    service = services.find()
    if service and service["status"] == "DRAINING":
        if not check:
            services.await_end(options["wait_timeout"])
        service = None
    if service is None:
        return _create(services, wanted, options, check)
    return _update(services, wanted, service, options, check)


def _create(services: Services, wanted: Document, options: Document, check: bool) -> Outcome:
    tags = {str(key): str(value) for key, value in (options.get("tags") or {}).items()}
    request = {"desiredCount": 1, **without_grace(wanted, {})}
    if request.get("capacityProviderStrategy"):
        request.pop("launchType", None)
    if tags:
        request["tags"] = dict_to_tags(tags, "key", "value")
    after = {**canonical(wanted), "tags": tags}
    if check:
        predicted = {"serviceName": services.name, "status": "ACTIVE", **request, "tags": tags}
        return Outcome(True, _values(predicted, started=True), {}, after)
    service = {**services.create(request), "tags": tags}
    return Outcome(True, _values(service, started=True), {}, after)


def _update(services: Services, wanted: Document, service: dict[str, Any], options: Document, check: bool) -> Outcome:
    members = without_grace(wanted, service)
    if not options.get("update_desired_count"):
        members.pop("desiredCount", None)
    if "taskDefinition" in members:
        members["taskDefinition"] = services.resolve(members["taskDefinition"])
    before, after = changes(members, service)
    request = update_request(members, service, after)
    if options.get("force_new_deployment"):
        request["forceNewDeployment"] = True
    write, remove = tag_changes(service["tags"], options.get("tags"))
    tags = {**{key: value for key, value in service["tags"].items() if key not in remove}, **write}
    if write or remove:
        changed_keys = {*write, *remove}
        before["tags"] = {key: value for key, value in service["tags"].items() if key in changed_keys}
        after["tags"] = write
    started = bool(STARTS_DEPLOYMENT & request.keys())
    if not check:
        retag(services.client, service["serviceArn"], write, remove)
    if request and not check:
        old = primary(service).get("id")
        service = services.update(request)
        started = primary(service).get("id") != old
    elif check:
        service = {**service, **request}
    service["tags"] = tags
    return Outcome(bool(request or write or remove), _values(service, started=started), before, after)


def _values(service: Document, started: bool) -> dict[str, Any]:
    return {
        "service": snake(service),
        "deployment_id": primary(service).get("id"),
        "deployment_started": started,
        "service_deployment_arn": service.get("currentServiceDeployment"),
    }


def ensure_absent(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Stop the service's tasks, delete it and wait until it has drained.

    :raises Refused: when it has not within `wait_timeout`.
    """
    services = Services(client, options["cluster"], options["name"], wait)
    service = services.find()
    if service is None:
        return Outcome(changed=False)
    deletes = service["status"] != "DRAINING"
    if not check:
        if deletes:
            services.delete()
        services.await_end(options["wait_timeout"])
    return Outcome(
        changed=deletes,
        before={"status": service["status"]} if deletes else {},
        after={"status": "INACTIVE"} if deletes else {},
    )
