from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

from ansible_collections.amica.stack.plugins.module_utils._image_artifact import ARTIFACT_TYPE
from ansible_collections.amica.stack.plugins.module_utils._image_artifact import pack
from ansible_collections.amica.stack.plugins.module_utils._image_source import source_files
from ansible_collections.amica.stack.plugins.module_utils._registry import digest_of


def application(folder: Path) -> Path:
    (folder / "app" / "public").mkdir(parents=True)
    (folder / "app" / "serve.py").write_text("print('hello')")
    (folder / "app" / "start").write_text("#!/bin/sh")
    (folder / "app" / "start").chmod(0o750)
    (folder / "app" / "public" / "logo.svg").symlink_to("../serve.py")
    return folder


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first = pack(source_files(application(tmp_path / "first"), "app"), "amd64", {})
    for file in application(tmp_path / "second").rglob("*"):
        os.utime(file, (0, 0), follow_symlinks=False)
    second = pack(source_files(tmp_path / "second", "app"), "amd64", {})
    assert first == second
    assert first.manifest.digest != pack(source_files(tmp_path / "first", "app"), "arm64", {}).manifest.digest


def test_the_manifest_names_the_blobs(tmp_path: Path) -> None:
    artifact = pack(source_files(application(tmp_path), "app"), "arm64", {"revision": "abc"}, "src-1")
    manifest, config = artifact.manifest.content, json.loads(artifact.config)
    assert manifest["artifactType"] == ARTIFACT_TYPE
    assert manifest["config"]["digest"] == digest_of(artifact.config)
    assert [(layer["digest"], layer["size"]) for layer in manifest["layers"]] == [
        (digest_of(artifact.layer), len(artifact.layer))
    ]
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    assert config["config"]["Cmd"] == ["python", "serve.py"]
    assert config["config"]["WorkingDir"] == "/app"
    assert {"PORT=8080", "APP_VERSION=src-1"} <= set(config["config"]["Env"])
    assert config["config"]["Labels"] == {"revision": "abc"}
    assert config["rootfs"]["diff_ids"] == [digest_of(gzip.decompress(artifact.layer))]


def test_the_layer_unpacks_to_the_files(tmp_path: Path) -> None:
    artifact = pack(source_files(application(tmp_path / "in"), "app"), "amd64", {})
    with tarfile.open(fileobj=io.BytesIO(artifact.layer)) as layer:
        assert layer.getnames()[:2] == ["app", "app/public"]
        assert {member.mtime for member in layer} == {0}
        layer.extractall(tmp_path / "out", filter="data")
    app = tmp_path / "out" / "app"
    assert (app / "serve.py").read_text() == "print('hello')"
    assert (app / "start").stat().st_mode & 0o777 == 0o755
    assert (app / "public" / "logo.svg").read_text() == "print('hello')"
