#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_image_protection
short_description: Keeps the images of active task definitions out of a repository's clean-up
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - A lifecycle policy of Amazon ECR does not know which images ECS still starts tasks from. When it deletes one, the
    service cannot replace or add a task any more, and a rollback fails.
  - This module gives every digest that an C(ACTIVE) revision of a task definition family names a tag
    C(in-use-FAMILY-DIGEST), and takes the tag from digests that no active revision names any more.
  - The tags protect in a repository whose lifecycle policy has, as its rule of lowest C(rulePriority), one that selects
    C(tagPrefixList=[in-use-]) with C(countType=imageCountMoreThan) and a C(countNumber) that is never reached. AWS does
    not let a later rule expire an image that matches the tags of an earlier one, whatever other tags it has. The role
    P(amica.stack.ecr#role) writes such a policy.
  - In check mode a repository that is missing is one that is still to be made.
  - An image whose only tag is such a tag keeps it, because AWS deletes an image with its last tag.
options:
  repository:
    description: Name of the repository.
    type: str
    required: true
  family:
    description: Family of the task definitions, at most 108 characters.
    type: str
    required: true
  state:
    description: V(absent) takes the family's tags from all images, as for a family whose last revision goes.
    type: str
    choices: [present, absent]
    default: present
  images:
    description:
      - Images that are protected beside those which active revisions name, as those of a revision that check mode has
        not registered. Where M(amica.stack.app_image) foretells no digest, C(known-after-apply) stands in the tag.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
"""

EXAMPLES = r"""
- name: The images of active revisions outlive the repository's clean-up
  amica.stack.ecr_image_protection:
    repository: amica-stack
    family: amica-task
    images: ["{{ image.image }}"]

- name: The images of a family that is gone may go
  amica.stack.ecr_image_protection:
    repository: amica-stack
    family: amica-task-beta
    state: absent
"""

RETURN = r"""
protected:
  description: The digests that active revisions name and the repository holds.
  returned: always
  type: list
  elements: str
  sample: ["sha256:0f6c2b3dcd2ba3b9b2d09e4ca2b8b6a4e2fcbd5a9b24c68a4e7a0b0f1e2d3c4b"]
added:
  description: The tags that this run added, or would add.
  returned: always
  type: list
  elements: str
  sample: ["in-use-amica-task-0f6c2b3dcd2b"]
removed:
  description: The tags that this run removed, or would remove.
  returned: always
  type: list
  elements: str
missing:
  description: Digests that active revisions name and the repository does not hold (any more).
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _image_protection as protection
from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._image import repository_uri


def protect(module: Any, ecr: Any, ecs: Any) -> dict[str, Any]:
    repository, family, present = (
        module.params["repository"],
        module.params["family"],
        module.params["state"] == "present",
    )
    uri = repository_uri(ecr, repository)
    if present and uri is None and not module.check_mode:
        module.fail_json(msg=f"There is no repository {repository}: make it first (role amica.stack.ecr)")
    images = protection.repository_images(ecr, repository) if uri else {}
    tags = {tag: digest for digest, names in images.items() for tag in names}
    named = [*protection.active_images(ecs, family), *module.params["images"]] if present else []
    used = protection.used_digests(named, uri or repository, tags)
    if KNOWN_AFTER_APPLY in used:
        images[KNOWN_AFTER_APPLY] = []
    changes = protection.plan(family, used, images)
    if changes.missing:
        module.warn(
            f"Active revisions of {family} name images that {repository} does not hold any more, so no task can start "
            f"from them: {', '.join(changes.missing)}"
        )
    if not module.check_mode:
        protection.apply(ecr, repository, changes)
    added, removed = sorted(changes.add.values()), list(changes.remove)
    return {
        "changed": bool(changes),
        "protected": sorted(used & set(images)),
        "added": added,
        "removed": removed,
        "missing": list(changes.missing),
        "diff": {"before": {"tags": removed}, "after": {"tags": added}} if changes else {"before": {}, "after": {}},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "family": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "images": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    family = module.params["family"]
    if len(family) > protection.LONGEST_FAMILY:
        module.fail_json(
            msg=f"family: {family!r} has {len(family)} characters, but a tag that names it has room for "
            f"{protection.LONGEST_FAMILY}. Choose a shorter one"
        )
    aws = clients(module)
    with reported(module, f"protecting the images of {family}"):
        result = protect(module, aws("ecr"), aws("ecs"))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
