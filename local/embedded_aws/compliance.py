# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Config's limits, tags, deletes and some of its judgements, and Security Hub, which MiniStack lacks.

Nothing is recorded. Rules of which `JUDGES` does not know how they judge stay without data, as new ones are on AWS.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import ministack.app as ministack
from ministack.core import router
from ministack.core.responses import AccountRegionScopedDict
from ministack.core.responses import error_response_json
from ministack.core.responses import get_account_id
from ministack.core.responses import get_region
from ministack.core.responses import json_response
from ministack.services import config
from ministack.services import ecr
from ministack.services import ecs
from ministack.services import s3

from embedded_aws.correction import Reply
from embedded_aws.correction import correct

NAME = "embedded_compliance"
# ARN of a rule -> tags.
_tags = AccountRegionScopedDict()
# "hub" -> the hub; ARN of a standard -> subscription.
_hub = AccountRegionScopedDict()


def get_state() -> dict[str, Any]:
    return copy.deepcopy({"tags": _tags, "hub": _hub})


def load_persisted_state(data: dict[str, Any]) -> None:
    _tags.update(data.get("tags", {}))
    _hub.update(data.get("hub", {}))


def reset() -> None:
    _tags.clear()
    _hub.clear()


def pairs(tags: list[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags or ()}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def tag(data: dict[str, Any]) -> Reply:
    if data["ResourceArn"] not in (rule["ConfigRuleArn"] for rule in config._config_rules.values()):
        return error_response_json("ResourceNotFoundException", f"{data['ResourceArn']} does not exist", 400)
    _tags[data["ResourceArn"]] = {**_tags.get(data["ResourceArn"], {}), **pairs(data["Tags"])}
    return json_response({})


def untag(data: dict[str, Any]) -> Reply:
    held = _tags.get(data["ResourceArn"], {})
    _tags[data["ResourceArn"]] = {key: value for key, value in held.items() if key not in data["TagKeys"]}
    return json_response({})


def list_tags(data: dict[str, Any]) -> Reply:
    held = _tags.get(data["ResourceArn"], {})
    return json_response({"Tags": [{"Key": key, "Value": value} for key, value in held.items()]})


def delete_recorder(data: dict[str, Any]) -> Reply:
    name = data["ConfigurationRecorderName"]
    if name not in config._recorders:
        return error_response_json("NoSuchConfigurationRecorderException", f"Cannot find {name}.", 400)
    del config._recorders[name]
    return json_response({})


def delete_channel(data: dict[str, Any]) -> Reply:
    name = data["DeliveryChannelName"]
    if name not in config._delivery_channels:
        return error_response_json("NoSuchDeliveryChannelException", f"Cannot find {name}.", 400)
    if any(recorder["recording"] for recorder in config._recorders.values()):
        text = f"Failed to delete last specified delivery channel with name '{name}': a configuration recorder runs."
        return error_response_json("LastDeliveryChannelDeleteFailedException", text, 400)
    del config._delivery_channels[name]
    return json_response({})


Verdict = dict[str, bool]


def tag_of(entry: dict[str, Any]) -> tuple[str, str]:
    return entry.get("Key") or entry.get("key", ""), entry.get("Value") or entry.get("value", "")


def in_scope(rule: dict[str, Any], tags: list[dict[str, Any]]) -> bool:
    scope = rule.get("Scope") or {}
    return not scope.get("TagKey") or (scope["TagKey"], scope.get("TagValue", "")) in map(tag_of, tags)


def definitions(rule: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> Verdict:
    """Whether each container of each active task definition is as it should be."""
    return {
        definition["taskDefinitionArn"]: all(map(holds, definition["containerDefinitions"]))
        for definition in ecs._task_defs.values()
        if definition["status"] == "ACTIVE" and in_scope(rule, ecs._tags.get(definition["taskDefinitionArn"]) or [])
    }


def repositories(rule: dict[str, Any]) -> Verdict:
    return {
        name: name in ecr._lifecycle_policies
        for name, repository in ecr._repositories.items()
        if in_scope(rule, repository.get("tags") or [])
    }


TASK_DEFINITION, REPOSITORY = "AWS::ECS::TaskDefinition", "AWS::ECR::Repository"
# AWS's identifier of a rule -> the type of what it judges, and the verdict on each such thing by its id.
JUDGES: dict[str, tuple[str, Callable[[dict[str, Any]], Verdict]]] = {
    "ECR_PRIVATE_LIFECYCLE_POLICY_CONFIGURED": (REPOSITORY, repositories),
    "ECS_CONTAINERS_NONPRIVILEGED": (
        TASK_DEFINITION,
        lambda rule: definitions(rule, lambda container: not container.get("privileged")),
    ),
    "ECS_CONTAINERS_READONLY_ACCESS": (
        TASK_DEFINITION,
        lambda rule: definitions(rule, lambda container: bool(container.get("readonlyRootFilesystem"))),
    ),
    "ECS_TASK_DEFINITION_LOG_CONFIGURATION": (
        TASK_DEFINITION,
        lambda rule: definitions(rule, lambda container: bool(container.get("logConfiguration"))),
    ),
}


def judge(rule: dict[str, Any]) -> tuple[str, Verdict]:
    kind, verdict = JUDGES.get(rule["Source"]["SourceIdentifier"], ("", lambda _rule: {}))
    return kind, verdict(rule)


def compliance(rule: dict[str, Any]) -> str:
    _kind, verdict = judge(rule)
    if not verdict:
        return "INSUFFICIENT_DATA"
    return "COMPLIANT" if all(verdict.values()) else "NON_COMPLIANT"


def compliance_details(data: dict[str, Any]) -> Reply:
    rule = config._config_rules[data["ConfigRuleName"]]
    kind, verdict = judge(rule)
    results = [
        {
            "EvaluationResultIdentifier": {
                "EvaluationResultQualifier": {
                    "ConfigRuleName": rule["ConfigRuleName"],
                    "ResourceType": kind,
                    "ResourceId": resource,
                }
            },
            "ComplianceType": "COMPLIANT" if holds else "NON_COMPLIANT",
        }
        for resource, holds in verdict.items()
    ]
    asked = data.get("ComplianceTypes")
    return json_response({"EvaluationResults": [one for one in results if not asked or one["ComplianceType"] in asked]})


CONFIG_ACTIONS: dict[str, Callable[[dict[str, Any]], Reply]] = {
    "DeleteConfigurationRecorder": delete_recorder,
    "DeleteDeliveryChannel": delete_channel,
    "ListTagsForResource": list_tags,
    "TagResource": tag,
    "UntagResource": untag,
}
NO_RECORDER = ("NoAvailableConfigurationRecorderException", "Configuration recorder is not available.", 400)


def hub_arn() -> str:
    return arn("securityhub", "hub/default")


def enable(data: dict[str, Any]) -> Reply:
    if "hub" in _hub:
        return error_response_json("ResourceConflictException", "Account is already subscribed to Security Hub", 409)
    _hub["hub"] = {"SubscribedAt": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "Tags": data.get("Tags", {})}
    return json_response({})


def describe(_data: dict[str, Any]) -> Reply:
    about = {"HubArn": hub_arn(), "SubscribedAt": _hub["hub"]["SubscribedAt"], "AutoEnableControls": True}
    return json_response({**about, "ControlFindingGenerator": "SECURITY_CONTROL"})


def disable(_data: dict[str, Any]) -> Reply:
    for name in _hub:
        _hub.pop(name)
    return json_response({})


def subscriptions(chosen: list[dict[str, Any]]) -> Reply:
    return json_response({"StandardsSubscriptions": chosen})


def register(data: dict[str, Any]) -> Reply:
    chosen = []
    for standard in (request["StandardsArn"] for request in data["StandardsSubscriptionRequests"]):
        name = standard.partition("standards/")[2]
        chosen.append(
            {
                "StandardsSubscriptionArn": arn("securityhub", f"subscription/{name}"),
                "StandardsArn": standard,
                "StandardsInput": {},
                "StandardsStatus": "READY",
            }
        )
        _hub[standard] = chosen[-1]
    return subscriptions(chosen)


def enabled(_data: dict[str, Any]) -> Reply:
    return subscriptions([found for name, found in _hub.items() if name != "hub"])


def deregister(data: dict[str, Any]) -> Reply:
    arns = data["StandardsSubscriptionArns"]
    gone = [name for name, found in _hub.items() if found.get("StandardsSubscriptionArn") in arns]
    return subscriptions([{**_hub.pop(name), "StandardsStatus": "DELETING"} for name in gone])


HUB_ACTIONS: dict[tuple[str, str], Callable[[dict[str, Any]], Reply]] = {
    ("POST", "/accounts"): enable,
    ("GET", "/accounts"): describe,
    ("DELETE", "/accounts"): disable,
    ("POST", "/standards/get"): enabled,
    ("POST", "/standards/register"): register,
    ("POST", "/standards/deregister"): deregister,
}


def hub_tags(method: str, data: dict[str, Any], query: Any) -> Reply:
    held = _hub["hub"]
    if method == "POST":
        held["Tags"] = {**held["Tags"], **data["Tags"]}
    elif method == "DELETE":
        held["Tags"] = {key: value for key, value in held["Tags"].items() if key not in query["tagKeys"]}
    _hub["hub"] = held
    return json_response({"Tags": held["Tags"]} if method == "GET" else {})


async def handle_hub(method: str, path: str, _headers: dict[str, str], body: bytes, query: Any) -> Reply:
    data = json.loads(body or b"{}")
    if "hub" not in _hub and (method, path) != ("POST", "/accounts"):
        text = f"Account {get_account_id()} is not subscribed to AWS Security Hub"
        return error_response_json("InvalidAccessException", text, 401)
    if unquote(path) == f"/tags/{hub_arn()}":
        return hub_tags(method, data, query)
    action = HUB_ACTIONS.get((method, path))
    return action(data) if action else error_response_json("InvalidInputException", f"{method} {path}", 400)


def install_hub() -> None:
    ministack.SERVICE_REGISTRY["securityhub"] = {"module": NAME}
    ministack.SERVICE_HANDLERS["securityhub"] = handle_hub
    router.SERVICE_PATTERNS["securityhub"] = {}


def install() -> None:
    """Register this module's state and Security Hub like MiniStack's own."""
    ministack._loaded_modules[NAME] = sys.modules[__name__]
    ministack._state_map[NAME] = NAME
    install_hub()

    @correct(config, "handle_request")
    async def config_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
        """Recorders and channels can be removed, and rules have tags."""
        action = CONFIG_ACTIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
        return action(json.loads(body or b"{}")) if action else await original(method, path, headers, body, query)

    @correct(config, "_put_config_rule")
    def put_rule(original: Any, data: dict[str, Any]) -> Reply:
        """A rule needs a recorder, and has the tags that it was made with."""
        if not config._recorders:
            return error_response_json(*NO_RECORDER)
        name = data["ConfigRule"]["ConfigRuleName"]
        is_new = name not in config._config_rules
        reply = original(data)
        if is_new and reply[0] == 200 and data.get("Tags"):
            _tags[config._config_rules[name]["ConfigRuleArn"]] = pairs(data["Tags"])
        return reply

    @correct(config, "_delete_config_rule")
    def delete_rule(original: Any, data: dict[str, Any]) -> Reply:
        """Its tags go with it."""
        _tags.pop(config._config_rules.get(data["ConfigRuleName"], {}).get("ConfigRuleArn", ""), None)
        return original(data)

    @correct(config, "_describe_compliance_by_config_rule")
    def describe_compliance(original: Any, data: dict[str, Any]) -> Reply:
        """Of the types that are asked for."""
        status, headers, body = original(data)
        if status != 200:
            return status, headers, body
        asked, found = data.get("ComplianceTypes"), []
        for one in json.loads(body)["ComplianceByConfigRules"]:
            kind = compliance(config._config_rules[one["ConfigRuleName"]])
            if not asked or kind in asked:
                found.append({**one, "Compliance": {"ComplianceType": kind}})
        return json_response({"ComplianceByConfigRules": found})

    @correct(config, "_get_compliance_details_by_config_rule")
    def details(original: Any, data: dict[str, Any]) -> Reply:
        """What a rule found of each thing."""
        reply = original(data)
        return compliance_details(data) if reply[0] == 200 else reply

    @correct(config, "_put_configuration_recorder")
    def put_recorder(original: Any, data: dict[str, Any]) -> Reply:
        """A region has one recorder, which tells all of its recording group."""
        wanted = data["ConfigurationRecorder"]
        name = wanted.setdefault("name", "default")
        if config._recorders and name not in config._recorders:
            text = "Failed to put configuration recorder because the maximum number is reached."
            return error_response_json("MaxNumberOfConfigurationRecordersExceededException", text, 400)
        reply = original(data)
        group = wanted.get("recordingGroup") or {"allSupported": True}
        use = "ALL_SUPPORTED_RESOURCE_TYPES" if group.get("allSupported") else "INCLUSION_BY_RESOURCE_TYPES"
        config._recorders[name]["recorder"] |= {
            "recordingGroup": {
                "allSupported": False,
                "includeGlobalResourceTypes": False,
                "resourceTypes": [],
                "exclusionByResourceTypes": {"resourceTypes": []},
                "recordingStrategy": {"useOnly": use},
                **group,
            },
            "recordingScope": "PAID",
        }
        return reply

    @correct(config, "_put_delivery_channel")
    def put_channel(original: Any, data: dict[str, Any]) -> Reply:
        """A region has one channel, which needs a recorder and a bucket."""
        name, bucket = data["DeliveryChannel"].get("name", "default"), data["DeliveryChannel"]["s3BucketName"]
        if not config._recorders:
            return error_response_json(*NO_RECORDER)
        if config._delivery_channels and name not in config._delivery_channels:
            text = "Failed to put delivery channel because the maximum number is reached."
            return error_response_json("MaxNumberOfDeliveryChannelsExceededException", text, 400)
        if bucket not in s3._buckets:
            return error_response_json("NoSuchBucketException", f"Cannot find a S3 bucket with name {bucket}", 400)
        return original(data)

    @correct(config, "_start_configuration_recorder")
    def start_recorder(original: Any, data: dict[str, Any]) -> Reply:
        """It records to a channel."""
        if not config._delivery_channels:
            text = "Delivery channel is not available to start configuration recorder."
            return error_response_json("NoAvailableDeliveryChannelException", text, 400)
        return original(data)
