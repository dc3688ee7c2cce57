# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that keep the images of active task definitions out of a repository's clean-up.

A lifecycle policy does not know what ECS still uses. So every digest that an active revision names carries a tag
in-use-FAMILY-DIGEST, and the policy's first rule selects these tags with a count that is never reached: an image that
matches the tags of one rule cannot be expired by a rule of lower priority, whatever other tags it has.
Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._registry import MEDIA_TYPES

TAG_PREFIX = "in-use-"
DIGEST_DIGITS = 12
LONGEST_TAG = 128
LONGEST_FAMILY = LONGEST_TAG - len(TAG_PREFIX) - DIGEST_DIGITS - 1
AT_ONCE = 8


@dataclass(frozen=True)
class Changes:
    """What a run does: tags to give, by digest, and tags to take away."""

    add: Mapping[str, str]
    remove: tuple[str, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


def protecting_tag(family: str, digest: str) -> str:
    known = digest != KNOWN_AFTER_APPLY
    return f"{TAG_PREFIX}{family}-{digest.partition(':')[2][:DIGEST_DIGITS] if known else digest}"


def is_protecting_tag(family: str, tag: str) -> bool:
    return re.fullmatch(f"{TAG_PREFIX}{re.escape(family)}-[0-9a-f]{{{DIGEST_DIGITS}}}", tag) is not None


def used_digests(images: Iterable[str], repository_uri: str, tags: Mapping[str, str]) -> set[str]:
    """The digests of a repository that image references name.

    :param images: as containers name them, by digest or tag; those of other repositories are left out.
    :param tags: the digest of each tag of the repository.
    """
    return set(filter(None, (digest_of_reference(image, repository_uri, tags) for image in images)))


def digest_of_reference(image: str, repository_uri: str, tags: Mapping[str, str]) -> str | None:
    named, _at, digest = image.partition("@")
    if named != repository_uri and not named.startswith(f"{repository_uri}:"):
        return None
    return digest or tags.get(named[len(repository_uri) + 1 :] or "latest")


def plan(family: str, used: set[str], images: Mapping[str, Iterable[str]]) -> Changes:
    """What makes the protecting tags of a family exactly those of the used digests.

    An image whose only tag is a protecting one keeps it, because AWS deletes an image with its last tag.

    :param images: the tags of each digest in the repository.
    """
    wanted = {protecting_tag(family, digest): digest for digest in used if digest in images}
    present = {tag for tags in images.values() for tag in tags}
    unused = (
        tag
        for tags in images.values()
        for tag in tags
        if is_protecting_tag(family, tag) and tag not in wanted and len(list(tags)) > 1
    )
    return Changes(
        add={digest: tag for tag, digest in sorted(wanted.items()) if tag not in present},
        remove=tuple(sorted(unused)),
        missing=tuple(sorted(used - set(images))),
    )


def repository_images(ecr: Any, repository: str) -> dict[str, list[str]]:
    """The tags of every image in a repository, by digest."""
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
    return {image["imageDigest"]: image.get("imageTags", []) for page in pages for image in page["imageDetails"]}


def active_images(ecs: Any, family: str) -> list[str]:
    """The images that the active revisions of a family name."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE")
    arns = [arn for page in pages for arn in page["taskDefinitionArns"] if family_of(arn) == family]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda arn: ecs.describe_task_definition(taskDefinition=arn), arns))
    return [container["image"] for answer in answers for container in answer["taskDefinition"]["containerDefinitions"]]


def family_of(arn: str) -> str:
    return arn.rpartition("/")[2].rpartition(":")[0]


def apply(ecr: Any, repository: str, changes: Changes) -> None:
    for digest, tag in changes.add.items():
        add_tag(ecr, repository, digest, tag)
    for tags in chunks(changes.remove, 100):
        ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": tag} for tag in tags])


def add_tag(ecr: Any, repository: str, digest: str, tag: str) -> None:
    """Name a digest once more: its own manifest, byte for byte, written under a further tag.

    An image that went away meanwhile, or that another run named, is left to what it is now.
    """
    answer = ecr.batch_get_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=list(MEDIA_TYPES)
    )
    for image in answer["images"]:
        write = functools.partial(
            ecr.put_image,
            repositoryName=repository,
            imageManifest=image["imageManifest"],
            imageManifestMediaType=image["imageManifestMediaType"],
            imageTag=tag,
            imageDigest=digest,
        )
        absent_as_none(write, "ImageAlreadyExistsException", "ImageTagAlreadyExistsException")


def chunks(values: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
