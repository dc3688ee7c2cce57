# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two stores that ECS reads secrets from, with the same verbs: AWS Secrets Manager and SSM Parameter Store."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from typing import Protocol

from ansible_collections.amica.stack.plugins.module_utils._app_secrets import Held
from ansible_collections.amica.stack.plugins.module_utils._app_secrets import Step
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import PARAMETER_STORE
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import SECRETS_MANAGER
from ansible_collections.amica.stack.plugins.module_utils._secret_reference import Reference
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

THREADS = 8
CURRENT = "AWSCURRENT"
NO_SECRET = "ResourceNotFoundException"
NO_PARAMETER = "ParameterNotFound"
# Secrets Manager goes on deleting for a while after it has said that a secret is deleted; its name is taken until then.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
NAME_IS_FREE = Wait(timeout=60, pause=2)
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
PARAMETERS_AT_ONCE = 10


class Store(Protocol):
    name: str
    aws_key: str

    def held(self, paths: Collection[str], values: bool) -> dict[str, Held]:
        """What stands under these paths, with its values if asked for."""

    def owned(self, stack: str) -> list[Held]:
        """What stands under the stack's prefix, without values."""

    def take(self, step: Step, kms_key: str) -> Held:
        """Do what a step says; what then stands, without its value."""

    def delete(self, held: Held, recovery_days: int) -> None: ...

    def version(self, wanted: Reference) -> str:
        """The version that a container would get."""


class SecretsManager:
    name = SECRETS_MANAGER
    aws_key = "alias/aws/secretsmanager"

    def __init__(self, client: Any) -> None:
        self.client = client

    def held(self, paths: Collection[str], values: bool) -> dict[str, Held]:
        with ThreadPoolExecutor(THREADS) as pool:
            found = pool.map(lambda path: self._one(path, values), paths)
            return {held.path: held for held in found if held}

    def _one(self, path: str, values: bool) -> Held | None:
        answer = absent_as_none(lambda: self.client.describe_secret(SecretId=path), NO_SECRET)
        if answer is None:
            return None
        held = self._described(answer, answer.get("VersionIdsToStages", {}))
        if not values or held.scheduled_for_deletion:
            return held
        value = absent_as_none(lambda: self.client.get_secret_value(SecretId=held.arn), NO_SECRET)
        return replace(held, value=value.get("SecretString") if value else None)

    def _described(self, answer: Mapping[str, Any], stages: Mapping[str, Sequence[str]]) -> Held:
        key = answer.get("KmsKeyId") or ""
        return Held(
            self.name,
            path=answer["Name"],
            arn=answer["ARN"],
            version=next((version for version, labels in stages.items() if CURRENT in labels), ""),
            kms_key="" if key.endswith(self.aws_key) else key,
            tags=tags_to_dict(answer.get("Tags")),
            scheduled_for_deletion=bool(answer.get("DeletedDate")),
        )

    def owned(self, stack: str) -> list[Held]:
        prefix = f"{stack}/"
        pages = self.client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        listed = (entry for page in pages for entry in page["SecretList"] if entry["Name"].startswith(prefix))
        return [self._described(entry, entry.get("SecretVersionsToStages", {})) for entry in listed]

    def take(self, step: Step, kms_key: str) -> Held:
        if step.held is None:
            return self._made(step, kms_key)
        held = step.held
        if step.restore:
            self.client.restore_secret(SecretId=held.arn)
        if step.rekey:
            self.client.update_secret(SecretId=held.arn, KmsKeyId=kms_key or self.aws_key)
        if step.value is not None:
            answer = self.client.put_secret_value(SecretId=held.arn, SecretString=step.value)
            held = replace(held, version=answer["VersionId"])
        if step.write_tags:
            self.client.tag_resource(SecretId=held.arn, Tags=dict_to_tags(step.write_tags))
        if step.remove_tags:
            self.client.untag_resource(SecretId=held.arn, TagKeys=list(step.remove_tags))
        return held

    def _made(self, step: Step, kms_key: str) -> Held:
        request = {
            "Name": step.path,
            "SecretString": step.value,
            "ClientRequestToken": str(uuid.uuid4()),
            "Tags": dict_to_tags(step.write_tags),
            **({"KmsKeyId": kms_key} if kms_key else {}),
        }
        made: dict[str, Any] = {}

        def create() -> bool:
            try:
                made.update(self.client.create_secret(**request))
            except self.client.exceptions.InvalidRequestException as error:
                if "deletion" not in str(error):
                    raise
            return bool(made)

        if not NAME_IS_FREE.until(create):
            made.update(self.client.create_secret(**request))
        return Held(self.name, step.path, made["ARN"], made["VersionId"], kms_key, step.write_tags)

    def delete(self, held: Held, recovery_days: int) -> None:
        how = {"RecoveryWindowInDays": recovery_days} if recovery_days else {"ForceDeleteWithoutRecovery": True}
        absent_as_none(lambda: self.client.delete_secret(SecretId=held.arn, **how), NO_SECRET)

    def version(self, wanted: Reference) -> str:
        if wanted.version:
            return wanted.version
        stages = self.client.describe_secret(SecretId=wanted.resource).get("VersionIdsToStages", {})
        label = wanted.stage or CURRENT
        return next((version for version, labels in stages.items() if label in labels), "")


class ParameterStore:
    name = PARAMETER_STORE
    aws_key = "alias/aws/ssm"

    def __init__(self, client: Any) -> None:
        self.client = client

    def held(self, paths: Collection[str], values: bool) -> dict[str, Held]:
        wanted = list(paths)
        found = {held.path: held for held in self._described({"Option": "Equals", "Values": wanted})} if wanted else {}
        if values:
            for start in range(0, len(found), PARAMETERS_AT_ONCE):
                names = list(found)[start : start + PARAMETERS_AT_ONCE]
                answer = self.client.get_parameters(Names=names, WithDecryption=True)
                found |= {
                    one["Name"]: replace(found[one["Name"]], value=one["Value"], version=str(one["Version"]))
                    for one in answer["Parameters"]
                }
        return found

    def owned(self, stack: str) -> list[Held]:
        return list(self._described({"Option": "BeginsWith", "Values": [f"/{stack}/"]}))

    def _described(self, condition: Mapping[str, Any]) -> Iterator[Held]:
        pages = self.client.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "Name", **condition}]
        )
        entries = [entry for page in pages for entry in page["Parameters"]]
        with ThreadPoolExecutor(THREADS) as pool:
            tags = pool.map(lambda entry: self._tags(entry["Name"]), entries)
            for entry, found in zip(entries, tags, strict=True):
                key = entry.get("KeyId") or ""
                yield Held(
                    self.name,
                    path=entry["Name"],
                    arn=entry["ARN"],
                    version=str(entry["Version"]),
                    kms_key="" if key.endswith(self.aws_key) else key,
                    tags=found,
                )

    def _tags(self, path: str) -> dict[str, str]:
        answer = absent_as_none(
            lambda: self.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=path), "InvalidResourceId"
        )
        return tags_to_dict(answer["TagList"] if answer else [])

    def take(self, step: Step, kms_key: str) -> Held:
        key = {"KeyId": kms_key or self.aws_key}
        if step.held is None:
            answer = self.client.put_parameter(
                Name=step.path, Value=step.value, Type="SecureString", Tags=dict_to_tags(step.write_tags), **key
            )
            (held,) = self.held([step.path], values=False).values()
            return replace(held, version=str(answer["Version"]))
        held = step.held
        if step.value is not None or step.rekey:
            value = step.value if step.value is not None else self._value(held)
            answer = self.client.put_parameter(Name=held.path, Value=value, Type="SecureString", Overwrite=True, **key)
            held = replace(held, version=str(answer["Version"]))
        resource = {"ResourceType": "Parameter", "ResourceId": held.path}
        if step.write_tags:
            self.client.add_tags_to_resource(**resource, Tags=dict_to_tags(step.write_tags))
        if step.remove_tags:
            self.client.remove_tags_from_resource(**resource, TagKeys=list(step.remove_tags))
        return held

    def _value(self, held: Held) -> str:
        return str(self.client.get_parameter(Name=held.path, WithDecryption=True)["Parameter"]["Value"])

    def delete(self, held: Held, recovery_days: int) -> None:
        """A parameter is gone at once; Parameter Store knows no recovery."""
        absent_as_none(lambda: self.client.delete_parameter(Name=held.path), NO_PARAMETER)

    def version(self, wanted: Reference) -> str:
        return str(self.client.get_parameter(Name=wanted.resource)["Parameter"]["Version"])


def stores(aws: Clients, region: str | None = None) -> dict[str, Store]:
    return {
        SECRETS_MANAGER: SecretsManager(aws("secretsmanager", region)),
        PARAMETER_STORE: ParameterStore(aws("ssm", region)),
    }
