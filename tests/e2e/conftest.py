from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e.playbooks import Workspace
from support.environment import lend_environment

pytest.register_assert_rewrite("e2e.foretold")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A project with an embedded AWS, which is stopped at the end; the playbooks start it."""
    made = Workspace.make(tmp_path_factory.mktemp("stack"))
    made.home.mkdir()
    lend_environment(made.home)
    yield made
    made.embedded_aws.command("stop")
