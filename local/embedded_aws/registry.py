# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECR: the registry lives on the API's own port, and what is pushed lies on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ministack.core.responses import error_response_json
from ministack.core.responses import json_response
from ministack.services import ecr

from embedded_aws.blobs import Blobs
from embedded_aws.blobs import manifest_of
from embedded_aws.blobs import size
from embedded_aws.blobs import sweep
from embedded_aws.correction import Reply
from embedded_aws.correction import correct


class Store:
    """Takes the place of MiniStack's mapping of repositories to blobs."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root = root
        self.kind = kind

    def get(self, name: str, _default: Any = None) -> Blobs:
        folder = hashlib.sha256(name.encode()).hexdigest()[:16]
        return Blobs(self.root, self.root / self.kind / ecr.get_region() / folder)

    setdefault = get

    def pop(self, name: str) -> None:
        shutil.rmtree(self.get(name).claims, ignore_errors=True)

    def clear(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def update(self, _restored: Any) -> None:
        """What lies on disk needs no restoring."""

    def __deepcopy__(self, _memo: Any) -> dict[str, Any]:
        return {}


def install(root: Path, port: int) -> None:
    host = f"127.0.0.1:{port}"
    layers, manifests = Store(root, "layers"), Store(root, "manifests")
    ecr._layer_blobs, ecr._manifest_blobs = layers, manifests

    @correct(ecr, "_repo_uri")
    def uri(_original: Any, name: str) -> str:
        """The registry is this machine's."""
        return f"{host}/{name}"

    @correct(ecr, "_repo_shape")
    def shape(original: Any, repository: dict[str, Any]) -> dict[str, Any]:
        """The port may be another one after a restart."""
        return {**original(repository), "repositoryUri": f"{host}/{repository['repositoryName']}"}

    @correct(ecr, "_get_authorization_token")
    def token(original: Any, data: Any) -> Reply:
        """The log-in is for this machine's registry."""
        status, fields, body = original(data)
        answer = json.loads(body)
        answer["authorizationData"][0]["proxyEndpoint"] = f"http://{host}"
        return status, fields, json.dumps(answer).encode()

    @correct(ecr, "_delete_repository")
    def delete_repository(original: Any, data: Any) -> Reply:
        """Its blobs go with it."""
        reply: Reply = original(data)
        if reply[0] == 200:
            for store in (layers, manifests):
                store.pop(data["repositoryName"])
            sweep(root)
        return reply

    @correct(ecr, "_put_image")
    def put_image(original: Any, data: Any) -> Reply:
        """The manifest can be pulled; the same image under the same tag again is ImageAlreadyExistsException."""
        name, tag, manifest = data.get("repositoryName", ""), data.get("imageTag"), data.get("imageManifest", "")
        digest = ecr._image_digest(manifest)
        known = next((item for item in ecr._images.get(name, []) if item["imageDigest"] == digest), None)
        if known and (not tag or tag in known["imageTags"]):
            return error_response_json(
                "ImageAlreadyExistsException", f"Image with digest '{digest}' and tag '{tag}' already exists", 400
            )
        kind = json.loads(manifest or "{}").get("mediaType")
        reply: Reply = original({"imageManifestMediaType": kind, **data} if kind else data)
        if reply[0] == 200:
            manifests.get(name)[digest] = manifest.encode()
        return reply

    @correct(ecr, "_v2_put_manifest")
    def push_manifest(original: Any, name: str, reference: str, fields: Any, body: bytes) -> Reply:
        """What the manifest refers to must have been pushed; an immutable tag cannot move."""
        try:
            manifest = json.loads(body)
        except ValueError:
            return ecr._registry_error(400, "MANIFEST_INVALID", "manifest is no JSON", {})
        if name in ecr._repositories:
            index = "manifests" in manifest
            parts = manifest["manifests"] if index else [manifest.get("config") or {}, *manifest.get("layers", [])]
            held = manifests.get(name) if index else layers.get(name)
            for part in parts:
                if part.get("digest") and part["digest"] not in held and not part.get("urls"):
                    return ecr._registry_error(
                        400, "MANIFEST_BLOB_UNKNOWN", f"'{part['digest']}' was not pushed to '{name}'", part
                    )
        return original(name, reference, fields, body)

    @correct(ecr, "_describe_images")
    def describe_images(original: Any, data: Any) -> Reply:
        """An unknown image is an error; the size is that of the layers; the filter by tag status works."""
        name = data.get("repositoryName", "")
        for wanted in data.get("imageIds") or [] if name in ecr._repositories else []:
            if not ecr._find_image(name, wanted):
                return error_response_json(
                    "ImageNotFoundException",
                    f"The image with imageId {wanted} does not exist within the repository with name '{name}'",
                    400,
                )
        status, fields, body = original(data)
        if status != 200:
            return status, fields, body
        details = []
        tag_status = (data.get("filter") or {}).get("tagStatus", "ANY")
        for detail in json.loads(body)["imageDetails"]:
            manifest = manifest_of(ecr._find_image(name, {"imageDigest": detail["imageDigest"]}))
            detail["imageSizeInBytes"] = size(manifest)
            config = (manifest.get("config") or {}).get("mediaType")
            detail["artifactMediaType"] = manifest.get("artifactType") or config or detail["imageManifestMediaType"]
            if not detail["imageTags"]:
                del detail["imageTags"]
            if tag_status in ("ANY", "TAGGED" if "imageTags" in detail else "UNTAGGED"):
                details.append(detail)
        return json_response({"imageDetails": details})

    @correct(ecr, "_list_images")
    def list_images(_original: Any, data: Any) -> Reply:
        """One entry a tag."""
        name = data.get("repositoryName", "")
        if name not in ecr._repositories:
            return ecr._describe_images(data)
        wanted = (data.get("filter") or {}).get("tagStatus", "ANY")
        found = []
        for image in ecr._images.get(name, []):
            tags = image.get("imageTags", [])
            if wanted in ("ANY", "TAGGED" if tags else "UNTAGGED"):
                found += [{"imageDigest": image["imageDigest"], "imageTag": tag} for tag in tags] or [
                    {"imageDigest": image["imageDigest"]}
                ]
        return json_response({"imageIds": found})

    @correct(ecr, "_batch_get_image")
    def batch_get(original: Any, data: Any) -> Reply:
        """The answered id carries the tag that was asked for."""
        status, fields, body = original(data)
        answer = json.loads(body)
        wanted = [item for item in data.get("imageIds", []) if ecr._find_image(data.get("repositoryName", ""), item)]
        for image, asked in zip(answer.get("images", []), wanted, strict=False):
            digest = {"imageDigest": image["imageId"]["imageDigest"]}
            image["imageId"] = {**digest, **({"imageTag": asked["imageTag"]} if asked.get("imageTag") else {})}
        return status, fields, json.dumps(answer).encode()

    @correct(ecr, "_batch_delete_image")
    def batch_delete(original: Any, data: Any) -> Reply:
        """By tag only the tag goes, and the image with its last one."""
        name = data.get("repositoryName", "")
        rest, untagged = [], []
        for wanted in data.get("imageIds", []):
            image = ecr._find_image(name, wanted) if name in ecr._repositories else None
            tag = wanted.get("imageTag")
            if image and tag and not wanted.get("imageDigest") and len(image["imageTags"]) > 1:
                image["imageTags"].remove(tag)
                image["imageId"] = {"imageDigest": image["imageDigest"], "imageTag": image["imageTags"][-1]}
                untagged.append({"imageDigest": image["imageDigest"], "imageTag": tag})
            else:
                rest.append({"imageDigest": image["imageDigest"]} if image else wanted)
        status, fields, body = original({**data, "imageIds": rest})
        answer = json.loads(body)
        if status == 200:
            for gone in answer["imageIds"]:
                manifests.get(name).pop(gone["imageDigest"], None)
            drop_unused_layers(name)
            answer["imageIds"] = untagged + answer["imageIds"]
        return status, fields, json.dumps(answer).encode()

    def drop_unused_layers(name: str) -> None:
        used = set()
        for image in ecr._images.get(name, []):
            manifest = manifest_of(image)
            used |= {part.get("digest") for part in (manifest.get("config") or {}, *manifest.get("layers", []))}
        held = layers.get(name)
        for digest in [digest for digest in held if digest not in used]:
            del held[digest]
        sweep(root)
