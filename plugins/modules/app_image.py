#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: app_image
short_description: Builds the application's image, pushes it to Amazon ECR and says its digest
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - The image's tag C(src-...) stands for everything that goes into the build - the files of the build context that
    C(.dockerignore) leaves, the C(Dockerfile), the build arguments and the CPU architecture. If the repository has the
    tag already, nothing is built and nothing is pushed.
  - A base image is known by its name alone. To take up a newer one, name it by digest or by a newer tag.
  - The image carries the revision of its git tree as the label C(org.opencontainers.image.revision), and the tag is the
    build argument C(VERSION), unless O(build_args) has one.
  - The image's CPU architecture is compared with the tasks', so that a wrong one fails here and not when tasks start.
attributes:
  check_mode:
    support: full
    details: Where a tag of another registry has to be looked up, only what the engine has already is known.
options:
  repository:
    description: Name of the repository. With O(state=absent) it need not exist.
    type: str
    required: true
  state:
    description:
      - V(present) puts the image into the repository.
      - V(absent) removes what the container engine of this machine keeps of the images built for the repository. It
        does not touch the repository.
    type: str
    choices: [present, absent]
    default: present
  mode:
    description:
      - How to get the image.
      - V(docker) and V(podman) build it with that engine.
      - V(artifact) packs the folder C(app) as an OCI artifact, without an engine. Only a task runtime that starts
        processes can run it.
      - V(prebuilt) takes O(image).
      - V(auto) is V(prebuilt) if O(image) is given, else the first engine that answers, else what O(fallback) says.
      - Without an engine an image that was pushed from elsewhere, such as by CI, is still found by its tag.
    type: str
    choices: [auto, docker, podman, prebuilt, artifact]
    default: auto
  fallback:
    description: What O(mode=auto) does when no engine answers - fail, or pack an artifact.
    type: str
    choices: [none, artifact]
    default: none
  context:
    description:
      - Folder of the build, which holds the C(Dockerfile), or C(app) with its C(requirements.lock) for an artifact.
      - Required with O(state=present), unless O(image) is given.
    type: path
  dockerfile:
    description: The Dockerfile, seen from O(context).
    type: str
    default: Dockerfile
  base_image:
    description: Base image, handed to the Dockerfile as the build argument C(BASE).
    type: str
  build_args:
    description: Further build arguments.
    type: dict
    default: {}
  image:
    description:
      - An image that is in a registry already.
      - One named by digest is used as it is. A tag becomes the digest that it stands for now.
    type: str
  architecture:
    description: CPU architecture of the tasks.
    type: str
    choices: [x86_64, arm64]
    default: x86_64
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
"""

EXAMPLES = r"""
- name: The image is in the repository
  amica.stack.app_image:
    repository: amica-stack
    context: "{{ playbook_dir }}"
    architecture: arm64
  register: image

- name: An image that somebody else built
  amica.stack.app_image:
    repository: amica-stack
    mode: prebuilt
    image: 123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/chat:2.1

- name: Without a container engine
  amica.stack.app_image:
    repository: amica-stack
    context: "{{ playbook_dir }}"
    fallback: artifact
"""

RETURN = r"""
image:
  description: The image by digest, which is C(known-after-apply) in check mode, if it is not in the repository yet.
  returned: when O(state=present)
  type: str
  sample: 123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/amica-stack@sha256:0f6c2b3d...
digest:
  description: The digest; null where it is not known yet.
  returned: when O(state=present)
  type: str
tag:
  description: The tag; null for an image given by digest.
  returned: when O(state=present)
  type: str
  sample: src-3f1c2a9b7d5e8f60
mode:
  description: How the image was had - docker, podman, artifact or prebuilt.
  returned: when O(state=present)
  type: str
reason:
  description: Why something was built, or nothing.
  returned: when O(state=present)
  type: str
  sample: "unchanged source: src-3f1c2a9b7d5e8f60 is in the repository already, so nothing was built or pushed"
architecture:
  description: CPU architecture of the image.
  returned: when O(state=present)
  type: str
size:
  description: Bytes that the repository holds for the image; null where that is not known.
  returned: when O(state=present)
  type: int
built:
  description: Whether this run built the image, or would.
  returned: when O(state=present)
  type: bool
pushed:
  description: Whether this run pushed the image, or would.
  returned: when O(state=present)
  type: bool
removed:
  description: The engine's copies that were removed, or would be.
  returned: when O(state=absent)
  type: list
  elements: str
"""

import ssl
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _image
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._image_engine import ENGINES
from ansible_collections.amica.stack.plugins.module_utils._image_engine import EngineError
from ansible_collections.amica.stack.plugins.module_utils._image_engine import find_engine
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry
from ansible_collections.amica.stack.plugins.module_utils._registry import RegistryError


def request_of(options: dict[str, Any]) -> _image.Request:
    build_args = {str(name): str(value) for name, value in options["build_args"].items()}
    if options["base_image"]:
        build_args["BASE"] = options["base_image"]
    return _image.Request(
        repository=options["repository"],
        context=Path(options["context"] or ".").resolve(),
        architecture=options["architecture"],
        mode=options["mode"],
        fallback=options["fallback"],
        dockerfile=options["dockerfile"],
        image=options["image"] or None,
        build_args=build_args,
    )


def certificates(options: dict[str, Any]) -> ssl.SSLContext:
    """How the registry's certificate is checked, by the same options as every AWS call."""
    context = ssl.create_default_context(cafile=options["aws_ca_bundle"])
    if not options["validate_certs"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def present(builder: _image.Builder) -> dict[str, Any]:
    outcome = builder.image(_image.choose_way(builder.request))
    new = {"tag": outcome.tag, "mode": outcome.mode} if outcome.pushed else {}
    return {"changed": outcome.pushed, "diff": differing({}, new), **asdict(outcome)}


def absent(builder: _image.Builder) -> dict[str, Any]:
    removed = builder.remove_copies(find_engine(ENGINES).engine)
    return {"changed": bool(removed), "diff": differing({"copies": removed} if removed else {}, {}), "removed": removed}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "mode": {
                "type": "str",
                "choices": ["auto", "docker", "podman", "prebuilt", "artifact"],
                "default": "auto",
            },
            "fallback": {"type": "str", "choices": ["none", "artifact"], "default": "none"},
            "context": {"type": "path"},
            "dockerfile": {"type": "str", "default": "Dockerfile"},
            "base_image": {"type": "str"},
            "build_args": {"type": "dict", "default": {}},
            "image": {"type": "str"},
            "architecture": {"type": "str", "choices": ["x86_64", "arm64"], "default": "x86_64"},
        },
        supports_check_mode=True,
    )
    aws = clients(module)

    def connect(endpoint: str, authorization: str) -> Registry:
        return Registry(endpoint, authorization, certificates(module.params))

    options = module.params
    builds = options["state"] == "present" and options["mode"] != "prebuilt" and not options["image"]
    if builds and not options["context"]:
        module.fail_json(msg="context: name the folder that holds the Dockerfile, or give the image of a registry")
    request = request_of(options)
    with reported(module, f"putting the image into the repository {request.repository}"):
        builder = _image.Builder(request, aws("ecr"), connect, module.check_mode)
        try:
            result = present(builder) if module.params["state"] == "present" else absent(builder)
        except (_image.ImageProblem, EngineError, RegistryError) as error:
            module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
