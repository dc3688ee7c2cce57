# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From source to a digest in the repository, with the least work: what is there already is neither built nor pushed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.amica.stack.plugins.module_utils._aws import KNOWN_AFTER_APPLY
from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._image_artifact import APP_FOLDER
from ansible_collections.amica.stack.plugins.module_utils._image_artifact import LOCK
from ansible_collections.amica.stack.plugins.module_utils._image_artifact import pack
from ansible_collections.amica.stack.plugins.module_utils._image_engine import ENGINES
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Engine
from ansible_collections.amica.stack.plugins.module_utils._image_engine import EngineError
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Found
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Login
from ansible_collections.amica.stack.plugins.module_utils._image_engine import find_engine
from ansible_collections.amica.stack.plugins.module_utils._image_engine import repository_of
from ansible_collections.amica.stack.plugins.module_utils._image_engine import run
from ansible_collections.amica.stack.plugins.module_utils._image_source import TAG_PREFIX
from ansible_collections.amica.stack.plugins.module_utils._image_source import SourceFile
from ansible_collections.amica.stack.plugins.module_utils._image_source import source_files
from ansible_collections.amica.stack.plugins.module_utils._image_source import source_tag
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry

# What ECS calls an architecture, and what OCI calls it.
OCI_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
# Build argument by which the image knows its own tag; it follows from the source, so it is not part of it.
VERSION_ARGUMENT = "VERSION"
REVISION_LABEL = "org.opencontainers.image.revision"
START_AN_ENGINE = (
    "start Docker or Podman, name an image that is in a registry already (image), or, for tasks that run as "
    "processes of the embedded AWS, allow fallback: artifact"
)


class ImageProblem(Exception):
    """The image cannot be had as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What is asked for. `architecture` is one of ECS's names."""

    repository: str
    context: Path
    architecture: str
    mode: str = "auto"
    fallback: str = "none"
    dockerfile: str = "Dockerfile"
    image: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)

    @property
    def oci_architecture(self) -> str:
        return OCI_ARCHITECTURES[self.architecture]


@dataclass(frozen=True)
class Way:
    """How the image is had: `mode` is docker, podman, artifact or prebuilt; the engine, where there is one.

    `problem` says why nothing can be built. An image that the repository holds already can be had nevertheless.
    """

    mode: str
    engine: Engine | None = None
    problem: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a run ended with; digest and size (bytes) are None where they are not known (yet)."""

    image: str
    mode: str
    reason: str
    architecture: str
    tag: str | None = None
    digest: str | None = None
    size: int | None = None
    built: bool = False
    pushed: bool = False


@dataclass(frozen=True)
class Held:
    """An image in the repository."""

    digest: str
    size: int | None


def choose_way(request: Request, find: Callable[[Sequence[str]], Found] = find_engine) -> Way:
    """How to get the image, by what is asked for and which engine answers.

    :raises ImageProblem: if an image should be given and is not.
    """
    mode = request.mode
    if mode == "auto" and request.image:
        mode = "prebuilt"
    if mode == "prebuilt":
        if not request.image:
            raise ImageProblem("mode: prebuilt takes an image that is in a registry already, so name it in image")
        return Way(mode, find(ENGINES).engine)
    if mode == "artifact":
        return Way(mode)
    found = find(ENGINES if mode == "auto" else [mode])
    if found.engine:
        return Way(found.engine.name, found.engine)
    if mode == "auto" and request.fallback == "artifact":
        return Way("artifact")
    said = "; ".join(f"{name}: {problem}" for name, problem in found.problems.items())
    problem = f"No container engine answers, so no image can be built ({said}). Remedy: {START_AN_ENGINE}"
    return Way(next(iter(found.problems)), problem=problem)


@dataclass(frozen=True)
class Source:
    """What goes into a build, and the tag that stands for it."""

    files: Sequence[SourceFile]
    tag: str


def read_source(request: Request, kind: str) -> Source:
    """The source of an `artifact` or an `image`.

    :raises ImageProblem: if the build context lacks what such a build needs.
    """
    needed = f"{APP_FOLDER}/{LOCK}" if kind == "artifact" else request.dockerfile
    if not (request.context / needed).is_file():
        raise ImageProblem(
            f"The build context {request.context} has no {needed}: set context to the folder that has it"
        )
    settings: dict[str, Any] = {"kind": kind, "architecture": request.oci_architecture}
    if kind == "artifact":
        files = source_files(request.context, APP_FOLDER)
    else:
        files = source_files(request.context)
        settings["build_args"] = dict(request.build_args)
        settings["dockerfile"] = SourceFile(needed, request.context / needed).fingerprint()
    return Source(files, source_tag(files, settings))


def git_revision(context: Path, file: str) -> str | None:
    """The revision of the tree that the build context belongs to, with -dirty after an edit; None outside one."""
    git = ["git", "-C", str(context)]
    if run([*git, "ls-files", "--error-unmatch", "--", file], {}, "", None).code:
        return None
    described = run([*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], {}, "", None)
    return described.stdout.strip() or None if described.code == 0 else None


def find_image(ecr: Any, repository: str, tag: str) -> Held | None:
    """What a tag of the repository stands for; None without the tag or the repository."""
    answer = absent_as_none(
        lambda: ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}]),
        "ImageNotFoundException",
        "RepositoryNotFoundException",
    )
    if not answer or not answer["imageDetails"]:
        return None
    found = answer["imageDetails"][0]
    return Held(found["imageDigest"], found.get("imageSizeInBytes"))


def repository_uri(ecr: Any, repository: str) -> str | None:
    answer = absent_as_none(
        lambda: ecr.describe_repositories(repositoryNames=[repository]), "RepositoryNotFoundException"
    )
    return answer["repositories"][0]["repositoryUri"] if answer else None


def login_data(ecr: Any) -> tuple[str, str]:
    """(endpoint, authorization header) of the account's registry."""
    data = ecr.get_authorization_token()["authorizationData"][0]
    return data["proxyEndpoint"], f"Basic {data['authorizationToken']}"


def login(endpoint: str, authorization: str) -> Login:
    """What an engine needs of a registry's endpoint and authorization header."""
    url = urlsplit(endpoint)
    password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")[2]
    return Login(url.netloc, password, url.scheme == "https")


def architecture_problem(image: str, found: set[str], request: Request) -> str | None:
    """A sentence if none of an image's architectures is the task's; an image that does not say passes."""
    if not found or request.oci_architecture in found:
        return None
    names = {oci: name for name, oci in OCI_ARCHITECTURES.items()}
    has = ", ".join(sorted(names.get(name, name) for name in found))
    return (
        f"{image} is for {has}, but the tasks run on {request.architecture}, where it would end with "
        f"'exec format error'. Remedy: set the tasks' architecture (ecs_fargate_architecture) to {has}, "
        f"or build the image for {request.architecture}"
    )


class Builder:
    """One request, carried out against one account.

    :param connect: makes the registry's client of endpoint and authorization.
    """

    def __init__(self, request: Request, ecr: Any, connect: Callable[[str, str], Registry], check: bool) -> None:
        self.request = request
        self.ecr = ecr
        self.connect = connect
        self.check = check

    def image(self, way: Way) -> Outcome:
        """The image that the request means, built and pushed if the repository lacks it.

        :raises ImageProblem: if it cannot be had.
        :raises EngineError: if the engine fails.
        :raises RegistryError: if the registry does.
        """
        if way.mode == "prebuilt":
            return self.prebuilt(way.engine)
        source = read_source(self.request, "artifact" if way.mode == "artifact" else "image")
        uri = repository_uri(self.ecr, self.request.repository)
        held = find_image(self.ecr, self.request.repository, source.tag) if uri else None
        if held:
            reason = f"unchanged source: {source.tag} is in the repository already, so nothing was built or pushed"
            return self.outcome(f"{uri}@{held.digest}", way.mode, reason, source.tag, held)
        if way.problem:
            raise ImageProblem(way.problem)
        reason = f"new source: the repository has no {source.tag} yet"
        if self.check:
            image = f"{uri or self.request.repository}:{source.tag}@{KNOWN_AFTER_APPLY}"
            return self.outcome(image, way.mode, reason, source.tag, new=True)
        if uri is None:
            raise ImageProblem(
                f"There is no repository {self.request.repository} to push to: make it first (role amica.stack.ecr)"
            )
        if way.engine:
            self.build(way.engine, source, f"{uri}:{source.tag}")
        else:
            self.pack(source)
        pushed = find_image(self.ecr, self.request.repository, source.tag)
        if pushed is None:
            raise ImageProblem(
                f"{source.tag} was pushed, but the repository {self.request.repository} does not have it"
            )
        return self.outcome(f"{uri}@{pushed.digest}", way.mode, reason, source.tag, pushed, new=True)

    def outcome(
        self, image: str, mode: str, reason: str, tag: str | None, held: Held | None = None, new: bool = False
    ) -> Outcome:
        return Outcome(
            image=image,
            mode=mode,
            reason=reason,
            architecture=self.request.architecture,
            tag=tag,
            digest=held.digest if held else None,
            size=held.size if held else None,
            built=new,
            pushed=new,
        )

    def labels(self, file: str) -> dict[str, str]:
        revision = git_revision(self.request.context, file)
        return {REVISION_LABEL: revision} if revision else {}

    def pack(self, source: Source) -> None:
        labels = self.labels(f"{APP_FOLDER}/{LOCK}")
        registry = self.connect(*login_data(self.ecr))
        artifact = pack(source.files, self.request.oci_architecture, labels, source.tag)
        artifact.push(registry, self.request.repository, source.tag)

    def build(self, engine: Engine, source: Source, reference: str) -> None:
        request = self.request
        dockerfile = request.context / request.dockerfile
        labels = self.labels(request.dockerfile)
        arguments = {VERSION_ARGUMENT: source.tag, **request.build_args}
        engine.build(request.context, dockerfile, reference, request.oci_architecture, arguments, labels)
        built = engine.architecture(reference)
        problem = architecture_problem(f"The image built from {dockerfile}", {built} if built else set(), request)
        if problem:
            raise ImageProblem(problem)
        endpoint, authorization = login_data(self.ecr)
        try:
            engine.push(reference, login(endpoint, authorization))
        except EngineError:
            # Another run may have pushed the same source meanwhile; its tag cannot be written twice.
            if find_image(self.ecr, request.repository, source.tag) is None:
                raise

    def prebuilt(self, engine: Engine | None) -> Outcome:
        """An image that is in a registry already: its digest, and a look at its architecture where it can be had."""
        image = str(self.request.image)
        name = repository_of(image)
        host, _slash, repository = name.partition("/")
        endpoint, authorization = login_data(self.ecr)
        if host in (
            urlsplit(endpoint).netloc,
            (repository_uri(self.ecr, self.request.repository) or "").partition("/")[0],
        ):
            digest, found = self.of_own_registry(self.connect(endpoint, authorization), image, repository)
        else:
            digest, found = self.of_other_registry(engine, image)
        problem = architecture_problem(image, found, self.request)
        if problem:
            raise ImageProblem(problem)
        seen = "" if found else "; its CPU architecture could not be seen"
        held = Held(digest, None) if digest else None
        tag = tag_of(image)
        return self.outcome(f"{name}@{digest}" if digest else image, "prebuilt", f"given image{seen}", tag, held)

    def of_own_registry(self, registry: Registry, image: str, repository: str) -> tuple[str | None, set[str]]:
        manifest = registry.manifest(repository, image.partition("@")[2] or tag_of(image) or "latest")
        if manifest is None:
            raise ImageProblem(f"The registry has no image {image}: push it, or name one that is there")
        return manifest.digest, registry.architectures(repository, manifest)

    def of_other_registry(self, engine: Engine | None, image: str) -> tuple[str | None, set[str]]:
        given = image.partition("@")[2] or None
        if engine is None:
            if given or self.check:
                return given, set()
            raise ImageProblem(
                f"{image} names a tag in another registry, and no container engine answers that could say what it "
                "stands for: name the image by digest (NAME@sha256:...), or start Docker or Podman"
            )
        if not self.check:
            engine.pull(image, self.request.oci_architecture)
        architecture = engine.architecture(image)
        return given or engine.digest(image), {architecture} if architecture else set()

    def remove_copies(self, engine: Engine | None) -> list[str]:
        """Remove what the engine of this machine keeps of the repository's images; returns their names."""
        uri = repository_uri(self.ecr, self.request.repository)
        copies = engine.copies(uri, TAG_PREFIX) if engine and uri else []
        if copies and engine and not self.check:
            engine.remove(copies)
        return copies


def tag_of(image: str) -> str | None:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2] or None
