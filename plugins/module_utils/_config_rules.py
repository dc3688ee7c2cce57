# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Config for one stack: managed rules over its parts, and where the region has none, the recorder that they read.

A region has one recorder and one delivery channel. Which of them, and which rules, are the stack's say their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils import _log_bucket
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import OWNER_TAG
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._log_bucket import LogBucket
from ansible_collections.amica.stack.plugins.module_utils._named import changes
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

Found = Mapping[str, Any]

SERVICE = "config.amazonaws.com"
ROLE = "AWSServiceRoleForConfig"
# What AWS says while a role or a bucket's policy that was just made is not known everywhere yet.
NOT_YET = ("InvalidRoleException", "InsufficientDeliveryPolicyException", "NoSuchBucketException")


def rule_name(stack: str, identifier: str) -> str:
    return f"{stack}-{identifier.lower().replace('_', '-')}"


def recorder_name(stack: str) -> str:
    return f"{stack}-recorder"


def is_mine(rule: Found, stack: str) -> bool:
    """A rule's name and what it checks agree only for the stack that made it, whatever another stack is called."""
    return bool(rule["ConfigRuleName"] == rule_name(stack, rule["Source"]["SourceIdentifier"])) and not str(
        rule.get("ConfigRuleState", "")
    ).startswith("DELETING")


def rule_form(parameters: Mapping[str, Any], scope: Found, tags: Mapping[str, str]) -> dict[str, Any]:
    """A rule as it is compared."""
    return {
        "parameters": {str(key): str(value) for key, value in parameters.items()},
        "scope": dict(scope),
        "tags": dict(tags),
    }


def recorder_form(recorder: Found, bucket: str, recording: bool) -> dict[str, Any]:
    """A recorder as it is compared, with the bucket that its channel leads to."""
    group = recorder.get("recordingGroup") or {}
    types = ["all"] if group.get("allSupported") else sorted(group.get("resourceTypes") or ())
    return {"role": recorder.get("roleARN"), "types": types, "bucket": bucket, "recording": recording}


@dataclass(frozen=True)
class Wanted:
    """`rules` are parameters by identifier. Without `resource_types` the recorder records all that it knows."""

    stack: str
    rules: Mapping[str, Mapping[str, Any]]
    resource_types: Sequence[str]
    bucket: LogBucket
    account_id: str
    tags: Mapping[str, str]

    @property
    def scope(self) -> dict[str, str]:
        return {"TagKey": OWNER_TAG, "TagValue": self.stack}

    def rule_forms(self) -> dict[str, dict[str, Any]]:
        return {name: rule_form(parameters, self.scope, self.tags) for name, parameters in self.rules.items()}

    def recorder(self) -> dict[str, Any]:
        everything = not self.resource_types
        use = "ALL_SUPPORTED_RESOURCE_TYPES" if everything else "INCLUSION_BY_RESOURCE_TYPES"
        role = f"arn:{self.bucket.partition}:iam::{self.account_id}:role/aws-service-role/{SERVICE}/{ROLE}"
        return {
            "name": recorder_name(self.stack),
            "roleARN": role,
            "recordingGroup": {
                "allSupported": everything,
                "includeGlobalResourceTypes": False,
                "resourceTypes": sorted(self.resource_types),
                "recordingStrategy": {"useOnly": use},
            },
        }


@dataclass(frozen=True)
class Standing:
    """AWS Config as it stands in the region. `rules` are the stack's, by identifier."""

    rules: Mapping[str, Found]
    recorder: Found | None
    recording: bool
    channel: Found | None
    bucket: Found

    def has_foreign_recorder(self, stack: str) -> bool:
        return self.recorder is not None and self.recorder["name"] != recorder_name(stack)

    def has_foreign_channel(self, stack: str) -> bool:
        return self.channel is not None and self.channel["name"] != recorder_name(stack)

    @property
    def place(self) -> str:
        return str((self.channel or {}).get("s3BucketName", ""))

    def shown(self, stack: str) -> dict[str, Any]:
        """The stack's share."""
        recorder: Found = {}
        if self.recorder and not self.has_foreign_recorder(stack):
            recorder = recorder_form(self.recorder, self.place, self.recording)
        return {"rules": dict(self.rules), "recorder": recorder, "bucket": dict(self.bucket)}


def tags_of(config: Any, arn: str) -> dict[str, str]:
    return tags_to_dict(config.list_tags_for_resource(ResourceArn=arn)["Tags"])


def my_rules(config: Any, stack: str) -> Iterator[Found]:
    for page in config.get_paginator("describe_config_rules").paginate():
        yield from (rule for rule in page["ConfigRules"] if is_mine(rule, stack))


def read(config: Any, s3: Any, stack: str, bucket: str) -> Standing:
    rules = {
        rule["Source"]["SourceIdentifier"]: rule_form(
            json.loads(rule.get("InputParameters") or "{}"),
            rule.get("Scope") or {},
            tags_of(config, rule["ConfigRuleArn"]),
        )
        for rule in my_rules(config, stack)
    }
    # A recorder with a service principal belongs to a service of AWS, beside the region's own.
    recorders = config.describe_configuration_recorders()["ConfigurationRecorders"]
    recorder = next((one for one in recorders if not one.get("servicePrincipal")), None)
    recording = False
    if recorder:
        asked = {"ConfigurationRecorderNames": [recorder["name"]]}
        (status,) = config.describe_configuration_recorder_status(**asked)["ConfigurationRecordersStatus"]
        recording = status["recording"]
    channels = config.describe_delivery_channels()["DeliveryChannels"]
    return Standing(rules, recorder, recording, channels[0] if channels else None, _log_bucket.read(s3, bucket))


def present(config: Any, iam: Any, s3: Any, wanted: Wanted, check: bool, wait: Wait) -> Outcome:
    """Make the rules, and their recorder if the region has none. Somebody else's recorder and channel stay."""
    standing = read(config, s3, wanted.stack, wanted.bucket.name)
    own = not standing.has_foreign_recorder(wanted.stack)
    before, after = standing.shown(wanted.stack), after_present(wanted, standing)
    if not check and before != after:
        if own:
            write_recorder(config, iam, s3, wanted, standing, wait)
        write_rules(config, wanted, standing)
    name = recorder_name(wanted.stack) if own else (standing.recorder or {})["name"]
    values = {
        "recorder": {"name": name, "own": own, "recording": own or standing.recording},
        "rules": [rule_name(wanted.stack, identifier) for identifier in sorted(wanted.rules)],
    }
    return Outcome(before != after, values, **differing(before, after))


def after_present(wanted: Wanted, standing: Standing) -> dict[str, Any]:
    shown: dict[str, Any] = {**standing.shown(wanted.stack), "rules": wanted.rule_forms()}
    if standing.has_foreign_recorder(wanted.stack):
        return shown
    if standing.has_foreign_channel(wanted.stack):
        return {**shown, "recorder": recorder_form(wanted.recorder(), standing.place, recording=True)}
    recorder = recorder_form(wanted.recorder(), wanted.bucket.name, recording=True)
    return {**shown, "recorder": recorder, "bucket": wanted.bucket.wanted()}


def write_recorder(config: Any, iam: Any, s3: Any, wanted: Wanted, standing: Standing, wait: Wait) -> None:
    """Each step alone mends what a run that was cut short has left."""
    before, after = standing.shown(wanted.stack), after_present(wanted, standing)
    if before["bucket"] != after["bucket"]:
        _log_bucket.write(s3, wanted.bucket, standing.bucket)
    recorder = wanted.recorder()
    if absent_as_none(lambda: iam.get_role(RoleName=ROLE), "NoSuchEntity") is None:
        iam.create_service_linked_role(AWSServiceName=SERVICE)
    if before["recorder"] != after["recorder"]:
        patiently(wait, lambda: config.put_configuration_recorder(ConfigurationRecorder=recorder))
    if not standing.has_foreign_channel(wanted.stack) and standing.place != wanted.bucket.name:
        channel = {"name": recorder["name"], "s3BucketName": wanted.bucket.name}
        patiently(wait, lambda: config.put_delivery_channel(DeliveryChannel=channel))
    if not standing.recording:
        config.start_configuration_recorder(ConfigurationRecorderName=recorder["name"])


def patiently(wait: Wait, call: Any) -> None:
    """Again while what the call needs is not known everywhere yet; the last refusal is not swallowed."""
    if not wait.until(lambda: absent_as_none(call, *NOT_YET) is not None):
        call()


def retag(config: Any, arn: str, before: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    put, drop = tag_changes(before, wanted)
    if put:
        config.tag_resource(ResourceArn=arn, Tags=dict_to_tags(put))
    if drop:
        config.untag_resource(ResourceArn=arn, TagKeys=drop)


def write_rules(config: Any, wanted: Wanted, standing: Standing) -> None:
    after = wanted.rule_forms()
    work = changes(standing.rules, after)
    for identifier in work.write:
        rule = {
            "ConfigRuleName": rule_name(wanted.stack, identifier),
            "Scope": after[identifier]["scope"],
            "Source": {"Owner": "AWS", "SourceIdentifier": identifier},
            "InputParameters": json.dumps(after[identifier]["parameters"]),
        }
        # Of a rule that exists, AWS takes no tags here.
        config.put_config_rule(ConfigRule=rule, Tags=dict_to_tags(wanted.tags))
        if identifier in standing.rules:
            names = {"ConfigRuleNames": [rule["ConfigRuleName"]]}
            arn = config.describe_config_rules(**names)["ConfigRules"][0]["ConfigRuleArn"]
            retag(config, arn, standing.rules[identifier]["tags"], wanted.tags)
    delete_rules(config, wanted.stack, work.delete)


def delete_rules(config: Any, stack: str, identifiers: Sequence[str]) -> None:
    for identifier in identifiers:
        name = rule_name(stack, identifier)
        absent_as_none(lambda name=name: config.delete_config_rule(ConfigRuleName=name), "NoSuchConfigRuleException")  # type: ignore[misc]


def absent(config: Any, s3: Any, stack: str, bucket: str, check: bool) -> Outcome:
    """Remove the stack's rules, its recorder with the channel, and what has been recorded."""
    standing = read(config, s3, stack, bucket)
    before = {key: part for key, part in standing.shown(stack).items() if part}
    if not check:
        delete_rules(config, stack, sorted(standing.rules))
        if standing.recorder and not standing.has_foreign_recorder(stack):
            config.stop_configuration_recorder(ConfigurationRecorderName=standing.recorder["name"])
            config.delete_configuration_recorder(ConfigurationRecorderName=standing.recorder["name"])
        if standing.channel and not standing.has_foreign_channel(stack):
            config.delete_delivery_channel(DeliveryChannelName=standing.channel["name"])
        # The last to go: while it stands, there is something to remove.
        _log_bucket.absent(s3, bucket, check)
    return Outcome(bool(before), {"rules": []}, **differing(before, {}))
