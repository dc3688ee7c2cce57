from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._image import Builder
from ansible_collections.amica.stack.plugins.module_utils._image import ImageProblem
from ansible_collections.amica.stack.plugins.module_utils._image import Request
from ansible_collections.amica.stack.plugins.module_utils._image import Way
from ansible_collections.amica.stack.plugins.module_utils._image import choose_way
from ansible_collections.amica.stack.plugins.module_utils._image import git_revision
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Completed
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Engine
from ansible_collections.amica.stack.plugins.module_utils._image_engine import EngineError
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Found
from ansible_collections.amica.stack.plugins.module_utils._registry import MANIFEST
from ansible_collections.amica.stack.plugins.module_utils._registry import Manifest
from ansible_collections.amica.stack.plugins.module_utils._registry import digest_of
from botocore.exceptions import ClientError

HOST = "registry.test"
URI = f"{HOST}/chat"
DIGEST = f"sha256:{'1' * 64}"


class Account:
    """A registry and its AWS API in one: what is pushed under a tag is described by it."""

    host = HOST

    def __init__(self, exists: bool = True) -> None:
        self.exists = exists
        self.tags: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, Manifest] = {}
        self.image_architectures: set[str] = {"amd64"}

    def connect(self, endpoint: str, authorization: str) -> Any:
        assert (endpoint, authorization) == (f"https://{HOST}", f"Basic {self.token}")
        return self

    @property
    def token(self) -> str:
        return base64.b64encode(b"AWS:secret").decode()

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"proxyEndpoint": f"https://{HOST}", "authorizationToken": self.token}]}

    def describe_repositories(self, repositoryNames: list[str]) -> dict[str, Any]:
        if not self.exists:
            raise ClientError({"Error": {"Code": "RepositoryNotFoundException"}}, "DescribeRepositories")
        return {"repositories": [{"repositoryUri": f"{HOST}/{name}"} for name in repositoryNames]}

    def describe_images(self, repositoryName: str, imageIds: list[dict[str, str]]) -> dict[str, Any]:
        tag = imageIds[0]["imageTag"]
        if tag not in self.tags:
            raise ClientError({"Error": {"Code": "ImageNotFoundException"}}, "DescribeImages")
        return {"imageDetails": [{"imageDigest": self.tags[tag], "imageSizeInBytes": 7}]}

    def push_blob(self, repository: str, content: bytes) -> str:
        self.blobs[digest_of(content)] = content
        return digest_of(content)

    def push_manifest(self, repository: str, tag: str, manifest: Manifest) -> str:
        self.manifests[tag] = self.manifests[manifest.digest] = manifest
        self.tags[tag] = manifest.digest
        return manifest.digest

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        return self.manifests.get(reference)

    def architectures(self, repository: str, manifest: Manifest) -> set[str]:
        return self.image_architectures


class Docker:
    """An engine whose pushes arrive in the account."""

    def __init__(self, account: Account, architecture: str = "amd64") -> None:
        self.account = account
        self.architecture = architecture
        self.refused = False
        self.arrives = True
        self.done: list[str] = []

    def __call__(
        self, command: Sequence[str], environment: Mapping[str, str], text: str, seconds: float | None
    ) -> Completed:
        self.done.append(command[1])
        if command[1] == "push":
            if self.arrives:
                self.account.tags[command[-1].rpartition(":")[2]] = DIGEST
            return Completed(int(self.refused), "", "denied")
        answers = {"{{.Architecture}}": self.architecture, "{{json .RepoDigests}}": f'["elsewhere/chat@{DIGEST}"]'}
        return Completed(0, next((answers[word] for word in command if word in answers), ""), "")

    def way(self) -> Way:
        return Way("docker", Engine("docker", self))


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("echo")
    (tmp_path / "app" / "requirements.lock").write_text("chainlit")
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    return Request("chat", tmp_path, "x86_64")


def builder(request: Request, account: Account, check: bool = False) -> Builder:
    return Builder(request, account, account.connect, check)


ARTIFACT = Way("artifact")


def test_unchanged_source_builds_nothing(request_: Request, account: Account) -> None:
    first = builder(request_, account).image(ARTIFACT)
    second = builder(request_, account).image(ARTIFACT)
    assert (first.built, first.pushed) == (True, True)
    assert (second.built, second.pushed) == (False, False)
    assert second.reason.startswith(f"unchanged source: {first.tag}")
    assert second.image == first.image == f"{URI}@{account.tags[first.tag or '']}"
    (request_.context / "app" / "app.py").write_text("mountain echo")
    assert builder(request_, account).image(ARTIFACT).digest != first.digest


@pytest.mark.parametrize("exists", [True, False])
def test_check_mode_says_what_would_be_and_writes_nothing(request_: Request, exists: bool) -> None:
    account = Account(exists)
    outcome = builder(request_, account, check=True).image(ARTIFACT)
    assert outcome.image == f"{URI if exists else 'chat'}:{outcome.tag}@known-after-apply"
    assert (outcome.pushed, outcome.digest, account.blobs) == (True, None, {})


def test_a_missing_repository_is_said(request_: Request) -> None:
    with pytest.raises(ImageProblem, match="There is no repository chat"):
        builder(request_, Account(exists=False)).image(ARTIFACT)


@pytest.mark.parametrize(("mode", "lost"), [("artifact", "app/requirements.lock"), ("docker", "Dockerfile")])
def test_a_context_without_what_the_build_needs_is_said(
    request_: Request, account: Account, mode: str, lost: str
) -> None:
    (request_.context / lost).unlink()
    with pytest.raises(ImageProblem, match=f"has no {lost}"):
        builder(request_, account).image(Way(mode, Docker(account).way().engine if mode == "docker" else None))


def test_an_engine_builds_once(request_: Request, account: Account) -> None:
    docker = Docker(account)
    outcome = builder(request_, account).image(docker.way())
    assert (outcome.image, outcome.size, outcome.mode) == (f"{URI}@{DIGEST}", 7, "docker")
    assert docker.done == ["build", "image", "push"]
    assert not builder(request_, account).image(docker.way()).built
    assert docker.done == ["build", "image", "push"]


@pytest.mark.parametrize(
    "other",
    [
        {"build_args": {"BASE": "python:3.12"}},
        {"architecture": "arm64"},
        {"dockerfile": "app/app.py"},
    ],
    ids=str,
)
def test_what_goes_into_a_build_is_in_its_tag(request_: Request, account: Account, other: dict[str, Any]) -> None:
    first = builder(request_, account, check=True).image(Docker(account).way())
    second = builder(replace(request_, **other), account, check=True).image(Docker(account).way())
    assert first.tag != second.tag


def test_an_artifact_is_no_image(request_: Request, account: Account) -> None:
    tags = {builder(request_, account, check=True).image(way).tag for way in (ARTIFACT, Docker(account).way())}
    assert len(tags) == 2


def test_the_wrong_architecture_is_said_before_the_push(request_: Request, account: Account) -> None:
    docker = Docker(account, architecture="arm64")
    with pytest.raises(ImageProblem, match=r"is for arm64, but the tasks run on x86_64.*Remedy"):
        builder(request_, account).image(docker.way())
    assert "push" not in docker.done


def test_a_push_that_another_run_was_faster_with_is_no_failure(request_: Request, account: Account) -> None:
    docker = Docker(account)
    docker.refused, docker.arrives = True, False
    with pytest.raises(EngineError, match="denied"):
        builder(request_, account).image(docker.way())
    docker.arrives = True
    assert builder(request_, account).image(docker.way()).digest == DIGEST


def test_a_given_image_of_this_registry_becomes_its_digest(request_: Request, account: Account) -> None:
    digest = account.push_manifest("chat", "v1", Manifest(MANIFEST, b"{}"))
    for image in (f"{URI}:v1", f"{URI}@{digest}"):
        outcome = builder(replace(request_, image=image), account).image(Way("prebuilt"))
        assert (outcome.image, outcome.pushed) == (f"{URI}@{digest}", False)
    with pytest.raises(ImageProblem, match=f"no image {URI}:v2"):
        builder(replace(request_, image=f"{URI}:v2"), account).image(Way("prebuilt"))
    account.image_architectures = {"arm64"}
    with pytest.raises(ImageProblem, match="is for arm64"):
        builder(replace(request_, image=f"{URI}:v1"), account).image(Way("prebuilt"))


def test_a_given_image_of_another_registry(request_: Request, account: Account) -> None:
    tagged, exact = (replace(request_, image=f"elsewhere/chat{end}") for end in (":v1", f"@{DIGEST}"))
    engine = Docker(account).way().engine
    assert builder(tagged, account).image(Way("prebuilt", engine)).image == f"elsewhere/chat@{DIGEST}"
    outcome = builder(exact, account).image(Way("prebuilt"))
    assert outcome.image == f"elsewhere/chat@{DIGEST}"
    assert "could not be seen" in outcome.reason
    with pytest.raises(ImageProblem, match="name the image by digest"):
        builder(tagged, account).image(Way("prebuilt"))


NOBODY = {"docker": "not running", "podman": "not installed"}


def finds(*answering: str) -> Callable[[Sequence[str]], Found]:
    def find(names: Sequence[str]) -> Found:
        name = next((name for name in names if name in answering), None)
        return Found(Engine(name) if name else None, {name: NOBODY[name] for name in names})

    return find


@pytest.mark.parametrize(
    ("asked", "answering", "mode"),
    [
        ({}, ["podman", "docker"], "docker"),
        ({}, ["podman"], "podman"),
        ({"fallback": "artifact"}, ["docker"], "docker"),
        ({"fallback": "artifact"}, [], "artifact"),
        ({"mode": "artifact"}, ["docker"], "artifact"),
        ({"mode": "podman"}, ["docker", "podman"], "podman"),
        ({"image": "nginx:1"}, [], "prebuilt"),
    ],
)
def test_the_way(request_: Request, asked: dict[str, Any], answering: list[str], mode: str) -> None:
    assert choose_way(replace(request_, **asked), finds(*answering)).mode == mode


@pytest.mark.parametrize("asked", [{}, {"mode": "docker", "fallback": "artifact"}], ids=str)
def test_no_way_is_one_sentence_with_a_remedy(request_: Request, account: Account, asked: dict[str, Any]) -> None:
    way = choose_way(replace(request_, **asked), finds())
    with pytest.raises(ImageProblem, match=r"No container engine answers.*docker: not running.*Remedy: start Docker"):
        builder(request_, account).image(way)
    made = builder(request_, account).image(Docker(account).way())
    assert builder(request_, account).image(way).image == made.image


def test_a_revision_is_that_of_the_tree_which_tracks_the_source(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    assert git_revision(tmp_path, "Dockerfile") is None
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    revision = git_revision(tmp_path, "Dockerfile")
    assert revision is not None
    assert len(revision) == 40
    (tmp_path / "Dockerfile").write_text("FROM other")
    assert git_revision(tmp_path, "Dockerfile") == f"{revision}-dirty"
    (tmp_path / "new").write_text("untracked")
    assert git_revision(tmp_path, "new") is None
