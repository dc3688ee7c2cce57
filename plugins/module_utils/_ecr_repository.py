# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private image repository: what AWS holds, what is wanted, and the calls that make the one the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict

Settings = dict[str, Any]

NOT_FOUND = "RepositoryNotFoundException"
NO_POLICY = "LifecyclePolicyNotFoundException"
MUTABILITY = {True: "IMMUTABLE", False: "MUTABLE"}
# What AWS chooses where a new repository's creator says nothing.
AWS_DEFAULTS: Settings = {
    "immutable_tags": False,
    "scan_on_push": False,
    "encryption_type": "AES256",
    "kms_key": None,
    "lifecycle_policy": None,
    "tags": {},
}


class RepositoryProblem(Exception):
    """The repository cannot become what is wanted; the message says why and what to do."""


def canonical_policy(policy: Mapping[str, Any] | None) -> Settings | None:
    """A lifecycle policy in one spelling, so that two that mean the same are equal; None for no rules."""
    if not policy or not policy.get("rules"):
        return None
    rules = [canonical_rule(rule) for rule in policy["rules"]]
    return {"rules": sorted(rules, key=lambda rule: rule["rulePriority"])}


def canonical_rule(rule: Mapping[str, Any]) -> Settings:
    """Numbers may come as text, since a template may have written them; the order of tags means nothing."""
    selection = dict(rule["selection"])
    if "countNumber" in selection:
        selection["countNumber"] = int(selection["countNumber"])
    for key in ("tagPrefixList", "tagPatternList"):
        if key in selection:
            selection[key] = sorted(selection[key])
    return {**rule, "rulePriority": int(rule["rulePriority"]), "selection": selection}


def wanted_settings(options: Mapping[str, Any], current: Mapping[str, Any] | None) -> Settings:
    """The settings after the run: an option that is not given leaves what is there, or AWS's default.

    :param options: of the module; None for one that is not given.
    """
    base = dict(current or AWS_DEFAULTS)
    given = {key: options[key] for key in AWS_DEFAULTS if options.get(key) is not None}
    if "lifecycle_policy" in given:
        given["lifecycle_policy"] = canonical_policy(given["lifecycle_policy"])
    if "tags" in given:
        tags = {str(key): str(value) for key, value in given["tags"].items()}
        given["tags"] = tags if options.get("purge_tags", True) else {**base["tags"], **tags}
    return {**base, **given}


def encryption_problem(name: str, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """A sentence if the wanted encryption differs from the repository's, which AWS does not change."""
    same_key = same_kms_key(current["kms_key"], wanted["kms_key"])
    if current["encryption_type"] == wanted["encryption_type"] and same_key:
        return None
    return (
        f"The repository {name} is encrypted with {encryption_words(current)}, and AWS cannot change that to "
        f"{encryption_words(wanted)}: delete the repository, or keep its encryption"
    )


def encryption_words(settings: Mapping[str, Any]) -> str:
    key = settings["kms_key"]
    return f"{settings['encryption_type']} and the key {key}" if key else str(settings["encryption_type"])


def same_kms_key(current: str | None, wanted: str | None) -> bool:
    """Whether two names can mean one key: AWS answers with the ARN where an id or an alias was given."""
    if not wanted or wanted == current or "alias/" in wanted:
        return True
    return (current or "").rpartition("/")[2] == wanted


def read_repository(ecr: Any, name: str) -> tuple[Settings, Settings] | None:
    """(identity, settings) of a repository, None if there is none."""
    answer = absent_as_none(lambda: ecr.describe_repositories(repositoryNames=[name]), NOT_FOUND)
    if answer is None:
        return None
    found = answer["repositories"][0]
    encryption = found.get("encryptionConfiguration", {})
    policy = absent_as_none(lambda: ecr.get_lifecycle_policy(repositoryName=name), NO_POLICY)
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    settings = {
        "immutable_tags": found.get("imageTagMutability") == "IMMUTABLE",
        "scan_on_push": bool(found.get("imageScanningConfiguration", {}).get("scanOnPush")),
        "encryption_type": encryption.get("encryptionType", "AES256"),
        "kms_key": encryption.get("kmsKey"),
        "lifecycle_policy": canonical_policy(json.loads(policy["lifecyclePolicyText"])) if policy else None,
        "tags": tags_to_dict(tags),
    }
    return identity(found), settings


def identity(repository: Mapping[str, Any]) -> Settings:
    return {
        "name": repository["repositoryName"],
        "arn": repository["repositoryArn"],
        "uri": repository["repositoryUri"],
        "registry_id": repository["registryId"],
    }


def create_repository(ecr: Any, name: str, wanted: Mapping[str, Any]) -> Settings:
    """Make a repository with everything that its creation takes; returns its identity."""
    encryption = {"encryptionType": wanted["encryption_type"]}
    if wanted["kms_key"]:
        encryption["kmsKey"] = wanted["kms_key"]
    answer = ecr.create_repository(
        repositoryName=name,
        imageTagMutability=MUTABILITY[wanted["immutable_tags"]],
        imageScanningConfiguration={"scanOnPush": wanted["scan_on_push"]},
        encryptionConfiguration=encryption,
        tags=dict_to_tags(wanted["tags"]),
    )
    write_lifecycle_policy(ecr, name, None, wanted["lifecycle_policy"])
    return identity(answer["repository"])


def update_repository(ecr: Any, arn: str, name: str, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Write each setting that differs, and no other."""
    if current["immutable_tags"] != wanted["immutable_tags"]:
        ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=MUTABILITY[wanted["immutable_tags"]])
    if current["scan_on_push"] != wanted["scan_on_push"]:
        scanning = {"scanOnPush": wanted["scan_on_push"]}
        ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=scanning)
    write_lifecycle_policy(ecr, name, current["lifecycle_policy"], wanted["lifecycle_policy"])
    write, remove = tag_changes(current["tags"], wanted["tags"])
    if write:
        ecr.tag_resource(resourceArn=arn, tags=dict_to_tags(write))
    if remove:
        ecr.untag_resource(resourceArn=arn, tagKeys=remove)


def write_lifecycle_policy(ecr: Any, name: str, current: Settings | None, wanted: Settings | None) -> None:
    if current == wanted:
        return
    if wanted is None:
        ecr.delete_lifecycle_policy(repositoryName=name)
    else:
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(wanted))
