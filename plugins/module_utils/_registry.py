# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the OCI distribution API, which every image registry answers (ECR among them).

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
"""

from __future__ import annotations

import hashlib
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from urllib.parse import urlencode
from urllib.parse import urljoin
from urllib.parse import urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MEDIA_TYPES = (MANIFEST, DOCKER_MANIFEST, INDEX, DOCKER_LIST)
TIMEOUT_SECONDS = 120


class RegistryError(Exception):
    """The registry refused a request or could not be reached; the message is a sentence."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Manifest:
    """What a tag or a digest stands for, byte for byte."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.body)

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Registry:
    """One registry, reached with one authorization.

    :param endpoint: scheme and host, such as `https://123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
    :param authorization: value of the Authorization header; it is not sent on to where a registry redirects.
    :param context: how certificates are checked; None for Python's own way.
    """

    def __init__(self, endpoint: str, authorization: str, context: ssl.SSLContext | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.authorization = authorization
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    @property
    def encrypted(self) -> bool:
        return self.endpoint.startswith("https:")

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest of a tag or digest, None if there is none."""
        answer = self._ask("GET", f"/v2/{repository}/manifests/{reference}", accept=", ".join(MEDIA_TYPES), absent=True)
        if answer.status == 404:
            return None
        return Manifest(answer.headers.get("content-type", MANIFEST).partition(";")[0].strip(), answer.body)

    def blob(self, repository: str, digest: str) -> bytes:
        return self._ask("GET", f"/v2/{repository}/blobs/{digest}").body

    def push_blob(self, repository: str, content: bytes) -> str:
        """Upload a blob unless it is there already; returns its digest."""
        digest = digest_of(content)
        if self._ask("HEAD", f"/v2/{repository}/blobs/{digest}", absent=True).status == 200:
            return digest
        started = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        received = self._ask("PATCH", started.headers["location"], content, "application/octet-stream")
        place = received.headers.get("location", started.headers["location"])
        self._ask("PUT", f"{place}{'&' if '?' in place else '?'}{urlencode({'digest': digest})}")
        return digest

    def push_manifest(self, repository: str, reference: str, manifest: Manifest) -> str:
        """Write a manifest under a tag; what it refers to must be there. Returns its digest."""
        self._ask("PUT", f"/v2/{repository}/manifests/{reference}", manifest.body, manifest.media_type)
        return manifest.digest

    def architectures(self, repository: str, manifest: Manifest) -> set[str]:
        """The CPU architectures of an image in OCI's names (amd64, arm64, ...); empty if it does not say."""
        content = manifest.content
        if "manifests" in content:
            platforms = (entry.get("platform", {}) for entry in content["manifests"])
            return {platform["architecture"] for platform in platforms} - {"unknown"}
        config = json.loads(self.blob(repository, content["config"]["digest"]))
        return {config["architecture"]} if config.get("architecture") else set()

    def _ask(
        self,
        method: str,
        place: str,
        content: bytes | None = None,
        content_type: str = "",
        accept: str = "*/*",
        absent: bool = False,
    ) -> Answer:
        """One request. `absent`: a 404 is an answer, not an error.

        :raises RegistryError: for every other refusal, and when nothing answers.
        """
        url = urljoin(f"{self.endpoint}/", quote(place, safe="/:?=&%,+~@"))
        body = b"" if content is None and method in ("POST", "PUT") else content
        request = urllib.request.Request(url, data=body, method=method, headers={"Accept": accept})
        if content_type:
            request.add_header("Content-Type", content_type)
        request.add_unredirected_header("Authorization", self.authorization)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404 and absent:
                    return Answer(404, {}, b"")
                raise RegistryError(refusal(method, url, error.code, error.read())) from error
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise RegistryError(f"The registry {self.endpoint} could not be reached: {reason}") from error


def refusal(method: str, url: str, status: int, body: bytes) -> str:
    """A registry's refusal as a sentence; registries explain themselves in JSON."""
    try:
        explained = "; ".join(f"{error['code']}: {error['message']}" for error in json.loads(body)["errors"])
    except (KeyError, TypeError, ValueError):
        explained = body.decode(errors="replace").strip()[:300]
    said = f": {explained}" if explained else ""
    return f"The registry answered {method} {url.partition('?')[0]} with {status}{said}"
