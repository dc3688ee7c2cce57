# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the real application, in the environment whose Python AMICA_APP_PYTHON names (`tools/app_environment.py`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.app_server import APP
from support.app_server import Server
from support.app_server import running
from support.machine import free_port


@pytest.fixture(scope="session")
def app_python() -> str:
    python = os.environ.get("AMICA_APP_PYTHON", "")
    if not python:
        pytest.skip("AMICA_APP_PYTHON is not set: `make test` and `python tests/run.py app` set it")
    return python


@pytest.fixture
def start(app_python: str, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start `serve.py` with such settings; several may run at once."""
    with ExitStack() as stack:

        def serve(**settings: str) -> Server:
            port = free_port()
            files = str(tmp_path / f"files-{port}")
            known = {"HOST": "127.0.0.1", "PORT": str(port), "FILES_DIRECTORY": files, **settings}
            command = [app_python, str(APP / "serve.py")]
            return stack.enter_context(running(tmp_path, command, tmp_path, known, port))

        yield serve


@pytest.fixture(scope="module")
def server(app_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One application with default settings, for the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("app")
    port = free_port()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "APP_VERSION": "1.2.3",
        "ALLOWED_ORIGINS": "https://friend.example",
        "FILES_DIRECTORY": str(folder / "files"),
    }
    with running(folder, [app_python, str(APP / "serve.py")], folder, settings, port) as application:
        yield application
