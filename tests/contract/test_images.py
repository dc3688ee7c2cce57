"""Repository, image and protection, as the modules make them on the embedded AWS and AWS's API shows them."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.run_module import ModuleFailed
from support.run_module import run_module

RULE = {
    "rulePriority": 1,
    "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
    "action": {"type": "expire"},
}
REPOSITORY: dict[str, Any] = {
    "immutable_tags": True,
    "scan_on_push": True,
    "encryption_type": "AES256",
    "lifecycle_policy": {"rules": [RULE]},
    "tags": {"amica:stack": "amica", "count": 1},
}


class Account:
    """One repository's name on the embedded AWS, and the modules with the options that reach it."""

    def __init__(self, connection: dict[str, str], ecr: Any, ecs: Any, name: str) -> None:
        self.connection, self.ecr, self.ecs, self.name = connection, ecr, ecs, name

    def module(self, module: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module(module, {**self.connection, **options}, check=check, diff=True)

    def repository(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return self.module("ecr_repository", check=check, name=self.name, **options)

    def image(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return self.module("app_image", check=check, repository=self.name, **options)

    def protect(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return self.module("ecr_image_protection", check=check, repository=self.name, family=self.name, **options)

    def tags(self) -> set[str]:
        pages = self.ecr.get_paginator("list_images").paginate(repositoryName=self.name)
        return {image["imageTag"] for page in pages for image in page["imageIds"] if "imageTag" in image}

    def register(self, image: str) -> str:
        container = {"name": "chat", "image": image, "memory": 128}
        answer = self.ecs.register_task_definition(family=self.name, containerDefinitions=[container])
        return str(answer["taskDefinition"]["taskDefinitionArn"])


@pytest.fixture
def account(embedded_aws: Any, clients: Any, request: pytest.FixtureRequest) -> Iterator[Account]:
    name = f"images-{abs(hash(request.node.name)) % 10**8}"
    made = Account(embedded_aws.options, clients("ecr"), clients("ecs"), name)
    yield made
    with contextlib.suppress(made.ecr.exceptions.RepositoryNotFoundException):
        made.ecr.delete_repository(repositoryName=name, force=True)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "serve.py").write_text("print('first')")
    (tmp_path / "app" / "requirements.lock").write_text("")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG BASE=none\nCOPY app/ /app/\n")
    return tmp_path


def test_a_repository_is_made_as_asked_then_left_alone(account: Account) -> None:
    predicted = account.repository(check=True, **REPOSITORY)
    assert predicted["changed"]
    assert account.module("ecr_repository", name=account.name, state="absent")["changed"] is False
    made = account.repository(**REPOSITORY)
    assert made["diff"] == predicted["diff"]
    assert made["repository"] | {"uri": None} == predicted["repository"]
    again = account.repository(check=True, **REPOSITORY)
    assert (again["changed"], again["diff"]) == (False, {"before": {}, "after": {}})
    assert account.repository(**REPOSITORY)["changed"] is False
    (found,) = account.ecr.describe_repositories(repositoryNames=[account.name])["repositories"]
    assert found["repositoryUri"] == made["repository"]["uri"]
    assert (found["imageTagMutability"], found["imageScanningConfiguration"]) == ("IMMUTABLE", {"scanOnPush": True})
    assert account.ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"] == [
        {"Key": "amica:stack", "Value": "amica"},
        {"Key": "count", "Value": "1"},
    ]


def test_each_setting_alone_is_one_change_then_none(account: Account) -> None:
    account.repository(**REPOSITORY)
    changes: list[dict[str, Any]] = [
        {"immutable_tags": False},
        {"scan_on_push": False},
        {"lifecycle_policy": {"rules": [{**RULE, "rulePriority": 2}]}},
        {"tags": {"amica:stack": "other"}},
        {"lifecycle_policy": {}, "tags": {}},
    ]
    for change in changes:
        predicted, changed = account.repository(check=True, **change), account.repository(**change)
        assert (predicted["changed"], predicted["diff"]) == (True, changed["diff"])
        assert set(changed["diff"]["after"]) == set(change)
    last: dict[str, Any] = {"immutable_tags": False, "scan_on_push": False, "lifecycle_policy": {}, "tags": {}}
    assert account.repository(**last)["changed"] is False


def test_another_encryption_is_refused(account: Account) -> None:
    account.repository(**REPOSITORY)
    with pytest.raises(ModuleFailed, match=r"is encrypted with AES256, and AWS cannot change that to KMS"):
        account.repository(encryption_type="KMS")


def test_a_repository_with_images_goes_only_by_force(account: Account, context: Path) -> None:
    account.repository()
    account.image(mode="artifact", context=str(context))
    with pytest.raises(ModuleFailed, match="RepositoryNotEmptyException"):
        account.repository(state="absent")
    assert account.repository(state="absent", force=True, check=True)["changed"]
    assert account.repository(state="absent", force=True)["changed"]
    assert account.repository(state="absent", force=True)["changed"] is False


def test_an_artifact_is_pushed_once_for_each_source(account: Account, context: Path) -> None:
    options: dict[str, Any] = {"mode": "artifact", "context": str(context)}
    predicted = account.image(check=True, **options)
    assert (predicted["changed"], predicted["digest"]) == (True, None)
    with pytest.raises(ModuleFailed, match="There is no repository"):
        account.image(**options)
    uri = account.repository(immutable_tags=True)["repository"]["uri"]
    first = account.image(**options)
    assert (first["changed"], first["tag"], first["image"]) == (True, predicted["tag"], f"{uri}@{first['digest']}")
    assert first["diff"]["after"] == {"mode": "artifact", "tag": first["tag"]}
    again = account.image(**options)
    assert (again["changed"], again["image"], again["reason"][:16]) == (False, first["image"], "unchanged source")
    (context / "app" / "serve.py").write_text("print('second')")
    assert account.image(check=True, **options)["changed"]
    second = account.image(**options)
    assert second["changed"]
    assert account.tags() == {first["tag"], second["tag"]}
    (held,) = account.ecr.describe_images(repositoryName=account.name, imageIds=[{"imageDigest": second["digest"]}])[
        "imageDetails"
    ]
    assert held["artifactMediaType"] == "application/vnd.amica.app.v1"
    assert second["size"] == held["imageSizeInBytes"]


def test_a_given_image_of_the_registry(account: Account, context: Path) -> None:
    account.repository()
    made = account.image(mode="artifact", context=str(context), architecture="arm64")
    uri = made["image"].partition("@")[0]
    for image in (f"{uri}:{made['tag']}", made["image"]):
        given = account.image(image=image, architecture="arm64")
        assert (given["changed"], given["image"], given["mode"]) == (False, made["image"], "prebuilt")
    with pytest.raises(ModuleFailed, match="is for arm64, but the tasks run on x86_64"):
        account.image(image=made["image"])
    with pytest.raises(ModuleFailed, match="no image"):
        account.image(image=f"{uri}:gone")


def test_images_of_active_revisions_are_protected_and_no_others(account: Account, context: Path) -> None:
    account.repository(immutable_tags=True)
    images = []
    for text in ("first", "second"):
        (context / "app" / "serve.py").write_text(text)
        images.append(account.image(mode="artifact", context=str(context)))
    sources = {image["tag"] for image in images}
    first, second = ({f"in-use-{account.name}-{image['digest'][7:19]}"} for image in images)
    revisions = [account.register(images[0]["image"]) for _ in range(2)]
    assert account.protect(check=True)["added"] == [*first]
    assert account.tags() == sources
    assert account.protect()["diff"] == {"before": {"tags": []}, "after": {"tags": [*first]}}
    assert account.protect()["changed"] is False
    revisions.append(account.register(images[1]["image"]))
    account.ecs.deregister_task_definition(taskDefinition=revisions.pop(0))
    assert account.protect()["added"] == [*second]
    assert account.tags() == sources | first | second
    account.ecs.deregister_task_definition(taskDefinition=revisions.pop(0))
    assert account.protect()["removed"] == [*first]
    assert account.tags() == sources | second
    gone = account.protect(check=True, state="absent")
    assert (gone["removed"], account.tags()) == ([*second], sources | second)
    assert account.protect(state="absent")["diff"] == gone["diff"]
    assert account.protect(state="absent")["changed"] is False
    assert account.tags() == sources
    account.ecs.deregister_task_definition(taskDefinition=revisions.pop())


def test_the_protection_of_what_is_not_made_yet_is_foretold(account: Account, context: Path) -> None:
    build: dict[str, Any] = {"mode": "artifact", "context": str(context)}
    foretold = account.protect(check=True, images=[account.image(check=True, **build)["image"]])
    assert foretold["diff"]["after"] == {"tags": [f"in-use-{account.name}-known-after-apply"]}
    with pytest.raises(ModuleFailed, match="There is no repository"):
        account.protect()
    account.repository()
    assert account.protect(check=True, images=[account.image(check=True, **build)["image"]])["diff"] == foretold["diff"]
    made = account.image(**build)
    assert account.protect(images=[made["image"]])["added"] == [f"in-use-{account.name}-{made['digest'][7:19]}"]
    assert account.protect(images=[made["image"]])["changed"] is False


def docker_answers() -> bool:
    return shutil.which("docker") is not None and not subprocess.run(["docker", "info"], capture_output=True).returncode


@pytest.mark.skipif(not docker_answers(), reason="no Docker answers; start dockerd to run this")
def test_docker_builds_pushes_and_forgets(account: Account, context: Path) -> None:
    account.repository(immutable_tags=True)
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[subprocess.check_output(["uname", "-m"], text=True).strip()]
    options: dict[str, Any] = {"mode": "docker", "context": str(context), "architecture": machine}
    made = account.image(**options)
    assert (made["built"], made["pushed"], made["mode"]) == (True, True, "docker")
    assert account.image(**options)["changed"] is False
    assert account.image(base_image="other", check=True, **options)["changed"]
    listed = subprocess.check_output(["docker", "image", "ls", "--digests", "--format", "{{json .}}"], text=True)
    assert made["digest"] in {json.loads(line)["Digest"] for line in listed.splitlines()}
    for check, left in ((True, True), (False, False)):
        assert account.image(state="absent", check=check)["changed"]
        name = made["image"].partition("@")[0] + ":" + made["tag"]
        inspected = subprocess.run(["docker", "image", "inspect", name], capture_output=True)
        assert (inspected.returncode == 0) is left
    assert account.image(state="absent")["changed"] is False
