from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._ecr_repository import canonical_policy
from ansible_collections.amica.stack.plugins.module_utils._image_protection import LONGEST_FAMILY
from ansible_collections.amica.stack.plugins.module_utils._image_protection import add_tag
from ansible_collections.amica.stack.plugins.module_utils._image_protection import is_protecting_tag
from ansible_collections.amica.stack.plugins.module_utils._image_protection import plan
from ansible_collections.amica.stack.plugins.module_utils._image_protection import protecting_tag
from ansible_collections.amica.stack.plugins.module_utils._image_protection import used_digests
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies

ROLE = Path(__file__).parents[3] / "roles" / "ecr"
FAMILY = "amica-task"
URI = "127.0.0.1:4566/amica-stack"


def digest(number: int) -> str:
    return f"sha256:{number:012x}{'0' * 52}"


ONE, TWO, THREE = digest(1), digest(2), digest(3)


def test_a_digest_in_use_gets_a_tag_and_one_out_of_use_loses_it() -> None:
    images = {ONE: ["src-1", protecting_tag(FAMILY, ONE)], TWO: ["src-2"]}
    changes = plan(FAMILY, {TWO}, images)
    assert changes.add == {TWO: "in-use-amica-task-000000000002"}
    assert changes.remove == ("in-use-amica-task-000000000001",)
    assert plan(FAMILY, {TWO}, {ONE: ["src-1"], TWO: ["src-2", protecting_tag(FAMILY, TWO)]}) == plan("x", set(), {})


def test_a_digest_that_is_not_known_yet_is_foretold() -> None:
    images = [f"{URI}:src-1@known-after-apply"]
    assert used_digests(images, URI, {}) == {"known-after-apply"}
    changes = plan(FAMILY, {"known-after-apply"}, {"known-after-apply": []})
    assert changes.add == {"known-after-apply": "in-use-amica-task-known-after-apply"}
    assert changes.missing == ()


def test_an_image_never_loses_its_last_tag() -> None:
    assert not plan(FAMILY, set(), {ONE: [protecting_tag(FAMILY, ONE)]})


def test_a_digest_that_is_not_there_is_told_and_not_tagged() -> None:
    changes = plan(FAMILY, {ONE}, {})
    assert not changes
    assert changes.missing == (ONE,)


@pytest.mark.parametrize("other", ["amica", "amica-task-2", "amica-task-abcdef012345"])
def test_another_family_s_tags_are_left_alone(other: str) -> None:
    assert not plan(FAMILY, set(), {ONE: ["src-1", protecting_tag(other, ONE)]})
    assert not is_protecting_tag(other, protecting_tag(FAMILY, ONE))


def test_the_longest_family_still_fits_into_a_tag() -> None:
    assert len(protecting_tag("f" * LONGEST_FAMILY, ONE)) == 128


def test_images_are_known_by_digest_and_tag_in_this_repository_alone() -> None:
    tags = {"src-2": TWO, "latest": THREE}
    images = [f"{URI}@{ONE}", f"{URI}:src-2", f"{URI}:src-2@{ONE}", URI, f"{URI}-other@{TWO}", "nginx:1", f"{URI}:gone"]
    assert used_digests(images, URI, tags) == {ONE, TWO, THREE}


def expired(policy: Mapping[str, Any], images: Mapping[str, tuple[int, list[str]]]) -> set[str]:
    """What AWS deletes of images with their age in days and tags.

    Each rule takes, of the images that no rule of a lower rulePriority selected by its tags, those that are too old
    or too many; the count is over all that it selects.
    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    gone: set[str] = set()
    claimed: set[str] = set()
    for rule in sorted(policy["rules"], key=lambda rule: int(rule["rulePriority"])):
        selection = rule["selection"]
        selected = {name for name, (_age, tags) in images.items() if selects(selection, tags)}
        by_age = sorted(selected, key=lambda name: images[name][0])
        if selection["countType"] == "imageCountMoreThan":
            due = set(by_age[selection["countNumber"] :])
        else:
            due = {name for name in selected if images[name][0] > selection["countNumber"]}
        gone |= due - claimed
        claimed |= selected
    return gone


def selects(selection: Mapping[str, Any], tags: list[str]) -> bool:
    if selection["tagStatus"] == "untagged":
        return not tags
    return all(any(tag.startswith(prefix) for tag in tags) for prefix in selection["tagPrefixList"])


def role_policy() -> Mapping[str, Any]:
    """The policy of the role `ecr`, keeping three built images and a week of untagged ones."""
    text = (ROLE / "vars" / "main.yml").read_text()
    text = text.replace('"{{ ecr_keep_images | int }}"', "3").replace('"{{ ecr_untagged_days | int }}"', "7")
    policy = canonical_policy(yaml.safe_load(text)["ecr_lifecycle_policy"])
    assert policy is not None
    return policy


POLICY = role_policy()
AGED_IMAGES = strategies.dictionaries(
    strategies.integers(0, 40).map(digest),
    strategies.tuples(
        strategies.integers(0, 400),
        strategies.lists(strategies.sampled_from(["src-1", "src-2", "v1", "latest"]), unique=True, max_size=3),
    ),
    max_size=40,
)


@given(AGED_IMAGES, strategies.sets(strategies.integers(0, 40).map(digest)))
def test_an_image_in_use_is_never_expired(images: dict[str, tuple[int, list[str]]], used: set[str]) -> None:
    changes = plan(FAMILY, used, {name: tags for name, (_age, tags) in images.items()})
    tagged = {name: (age, [*tags, *filter(None, [changes.add.get(name)])]) for name, (age, tags) in images.items()}
    assert expired(POLICY, tagged).isdisjoint(used)


def test_the_policy_keeps_the_newest_and_forgets_the_rest() -> None:
    images = {f"built {age}": (age, [f"src-{age}"]) for age in range(5)}
    images |= {"released": (400, ["v1"]), "loose": (8, []), "new": (6, []), "used": (300, ["src-x", "in-use-f-0"])}
    assert expired(POLICY, images) == {"built 3", "built 4", "loose"}


class Repository:
    """Answers as ECR does for one image, which may be gone or have the tag already."""

    def __init__(self, held: bool = True, error: str = "") -> None:
        self.held, self.error = held, error
        self.written: list[dict[str, Any]] = []

    def batch_get_image(self, **asked: Any) -> dict[str, Any]:
        assert asked["imageIds"] == [{"imageDigest": ONE}]
        image = {"imageManifest": '{"a": 1 }', "imageManifestMediaType": "application/x"}
        return {"images": [image] if self.held else [], "failures": []}

    def put_image(self, **image: Any) -> None:
        if self.error:
            raise ClientError({"Error": {"Code": self.error}}, "PutImage")
        self.written.append(image)


def test_a_tag_is_added_with_the_manifest_as_it_is() -> None:
    repository = Repository()
    add_tag(repository, "chat", ONE, "in-use-f-1")
    (written,) = repository.written
    assert (written["imageManifest"], written["imageDigest"], written["imageTag"]) == ('{"a": 1 }', ONE, "in-use-f-1")


@pytest.mark.parametrize("repository", [Repository(held=False), Repository(error="ImageTagAlreadyExistsException")])
def test_an_image_that_is_gone_or_tagged_meanwhile_is_no_failure(repository: Repository) -> None:
    add_tag(repository, "chat", ONE, "in-use-f-1")
    assert repository.written == []


def test_other_refusals_are_raised() -> None:
    with pytest.raises(ClientError):
        add_tag(Repository(error="LimitExceededException"), "chat", ONE, "in-use-f-1")
