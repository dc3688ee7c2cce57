from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.amica.stack.plugins.module_utils._image_source import Ignore
from ansible_collections.amica.stack.plugins.module_utils._image_source import source_files
from ansible_collections.amica.stack.plugins.module_utils._image_source import source_tag


def write(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
    return folder


def paths(context: Path, below: str = "") -> list[str]:
    return [file.path for file in source_files(context, below)]


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        ([], "app/app.py", False),
        (["app"], "app/app.py", True),
        (["/app/"], "app/app.py", True),
        (["*.md"], "README.md", True),
        (["*.md"], "docs/README.md", False),
        (["**/*.md"], "docs/README.md", True),
        (["**/*.md"], "README.md", True),
        (["docs/**"], "docs/a/b", True),
        (["*", "!app"], "app/app.py", False),
        (["*", "!app"], "secret", True),
        (["*", "!app", "**/.env*"], "app/.env.local", True),
        (["# *", "", "a?c"], "abc", True),
        (["a?c"], "a/c", False),
        (["[a-c].py"], "b.py", True),
        (["[^a-c].py"], "b.py", False),
        ([r"a\*b"], "a*b", True),
        ([r"a\*b"], "axb", False),
        (["[]", "a+b"], "aab", False),
        (["a+b"], "a+b", True),
        (["."], "app", False),
        (["!**/*.pyc"], "app/__pycache__/app.pyc", True),
    ],
)
def test_a_line_means_what_docker_says(lines: list[str], path: str, ignored: bool) -> None:
    assert Ignore.parse(lines).ignores(path) is ignored


def test_an_ignored_folder_is_looked_into_only_where_something_can_come_back() -> None:
    ignore = Ignore.parse(["*", "!requirements/a.lock"])
    assert ignore.skips(".venv")
    assert not ignore.skips("requirements")


def test_what_comes_back_is_found(tmp_path: Path) -> None:
    write(tmp_path, "app/app.py", "requirements/a.lock", "requirements/b.lock", ".venv/lib/x.py", "README.md")
    write(tmp_path, "app/__pycache__/app.cpython-313.pyc", "app/.env", "app/.files/upload")
    (tmp_path / ".dockerignore").write_text("*\n!app\n!requirements/a.lock\n**/.env*\n**/.files\n")
    assert paths(tmp_path) == ["app/app.py", "requirements/a.lock"]
    assert paths(tmp_path, "app") == ["app/app.py"]


def test_the_tag_stands_for_content_and_settings_alone(tmp_path: Path) -> None:
    first = write(tmp_path / "first", "app/app.py", "app/serve.py")
    second = write(tmp_path / "second", "app/serve.py", "app/app.py", ".git/index", "app/__pycache__/app.pyc")
    os.utime(second / "app" / "app.py", (0, 0))
    settings = {"architecture": "amd64"}
    tag = source_tag(source_files(first), settings)
    assert tag == source_tag(source_files(second), settings)
    assert len(tag) == len("src-") + 16
    assert tag != source_tag(source_files(first), {"architecture": "arm64"})
    (second / "app" / "app.py").chmod(0o755)
    assert tag != source_tag(source_files(second), settings)


@pytest.mark.parametrize("edit", ["content", "name", "link", "more", "less"])
def test_each_edit_gives_another_tag(tmp_path: Path, edit: str) -> None:
    write(tmp_path, "app/app.py", "app/serve.py")
    file = tmp_path / "app" / "app.py"
    before = source_tag(source_files(tmp_path), {})
    if edit == "content":
        file.write_text("other")
    elif edit == "name":
        file.rename(tmp_path / "app" / "apple.py")
    elif edit == "link":
        file.unlink()
        file.symlink_to("serve.py")
    elif edit == "more":
        write(tmp_path, "app/more.py")
    else:
        file.unlink()
    assert source_tag(source_files(tmp_path), {}) != before
