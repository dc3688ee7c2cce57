#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_repository
short_description: Manages a private image repository of Amazon ECR
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, changes and deletes a repository, its lifecycle policy and its tags.
  - Every setting is compared with what AWS holds. A setting that is not given is left as it is.
options:
  name:
    description: Name of the repository.
    type: str
    required: true
  state:
    description: Whether the repository exists.
    type: str
    choices: [present, absent]
    default: present
  force:
    description: Whether O(state=absent) deletes a repository that holds images, and the images with it.
    type: bool
    default: false
  immutable_tags:
    description: Whether a tag stays with the image that it was pushed with.
    type: bool
  scan_on_push:
    description:
      - Whether AWS looks for known weaknesses in an image when it is pushed.
      - This is the repository's own switch for basic scanning. Where the account's registry has scanning rules of its
        own, AWS goes by these; they hold for every repository of the account, so this module leaves them alone.
    type: bool
  encryption_type:
    description:
      - How AWS encrypts the images.
      - AWS cannot change it after creation, so a different value fails.
    type: str
    choices: [AES256, KMS]
  kms_key:
    description:
      - Id, ARN or alias of the KMS key, with O(encryption_type=KMS); without it AWS takes the account's key for ECR.
      - An alias is not compared, because AWS answers with the key behind it.
    type: str
  lifecycle_policy:
    description: The lifecycle policy as AWS writes it, a dictionary with C(rules). An empty one removes the policy.
    type: dict
  tags:
    description: Tags of the repository.
    type: dict
  purge_tags:
    description: Whether tags that are not in O(tags) are removed.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
"""

EXAMPLES = r"""
- name: A repository that forgets untagged images after a week
  amica.stack.ecr_repository:
    name: amica-stack
    immutable_tags: true
    scan_on_push: true
    encryption_type: AES256
    lifecycle_policy:
      rules:
        - rulePriority: 1
          description: Untagged images go after a week
          selection:
            tagStatus: untagged
            countType: sinceImagePushed
            countUnit: days
            countNumber: 7
          action:
            type: expire

- name: The repository and its images are gone
  amica.stack.ecr_repository:
    name: amica-stack
    state: absent
    force: true
"""

RETURN = r"""
repository:
  description: The repository; in check mode of one that does not exist yet, as it would be.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name.
      type: str
      sample: amica-stack
    arn:
      description: ARN.
      type: str
      sample: arn:aws:ecr:ap-southeast-1:123456789012:repository/amica-stack
    uri:
      description: What images of the repository are called, without tag and digest. Null until the repository exists.
      type: str
      sample: 123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/amica-stack
    registry_id:
      description: The account.
      type: str
      sample: "123456789012"
    immutable_tags:
      description: Whether tags are immutable.
      type: bool
    scan_on_push:
      description: Whether images are scanned when pushed.
      type: bool
    encryption_type:
      description: How images are encrypted.
      type: str
      sample: AES256
    kms_key:
      description: The KMS key, null for none.
      type: str
    lifecycle_policy:
      description: The lifecycle policy, null for none.
      type: dict
    tags:
      description: Tags.
      type: dict
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _ecr_repository
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import reported


def predicted_identity(aws: Clients, name: str) -> dict[str, Any]:
    account = aws.account_id()
    arn = f"arn:{aws.partition}:ecr:{aws.region}:{account}:repository/{name}"
    return {"name": name, "arn": arn, "uri": None, "registry_id": account}


def present(module: Any, aws: Clients) -> dict[str, Any]:
    name, ecr = module.params["name"], aws("ecr")
    found = _ecr_repository.read_repository(ecr, name)
    identity, current = found or ({}, None)
    wanted = _ecr_repository.wanted_settings(module.params, current)
    problem = _ecr_repository.encryption_problem(name, current, wanted) if current else None
    if problem:
        module.fail_json(msg=problem)
    if current and _ecr_repository.same_kms_key(current["kms_key"], wanted["kms_key"]):
        wanted["kms_key"] = current["kms_key"]
    diff = differing(current or {}, wanted)
    changed = current is None or diff["before"] != diff["after"]
    if module.check_mode:
        identity = identity or predicted_identity(aws, name)
    elif current is None:
        identity = _ecr_repository.create_repository(ecr, name, wanted)
    elif changed:
        _ecr_repository.update_repository(ecr, identity["arn"], name, current, wanted)
    return {"changed": changed, "diff": diff, "repository": {**identity, **wanted}}


def absent(module: Any, aws: Clients) -> dict[str, Any]:
    name, ecr = module.params["name"], aws("ecr")
    found = _ecr_repository.read_repository(ecr, name)
    if found and not module.check_mode:
        ecr.delete_repository(repositoryName=name, force=module.params["force"])
    return {"changed": found is not None, "diff": differing({"name": name} if found else {}, {})}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "force": {"type": "bool", "default": False},
            "immutable_tags": {"type": "bool"},
            "scan_on_push": {"type": "bool"},
            "encryption_type": {"type": "str", "choices": ["AES256", "KMS"]},
            "kms_key": {"type": "str", "no_log": False},
            "lifecycle_policy": {"type": "dict"},
            "tags": {"type": "dict"},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    if module.params["kms_key"] and module.params["encryption_type"] == "AES256":
        module.fail_json(msg="kms_key: a key goes with encryption_type: KMS, not with AES256. Leave out one of them")
    aws = clients(module)
    name = module.params["name"]
    with reported(module, f"looking after the repository {name}"):
        result = present(module, aws) if module.params["state"] == "present" else absent(module, aws)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
