from __future__ import annotations

import base64
import json
import stat
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Completed
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Engine
from ansible_collections.amica.stack.plugins.module_utils._image_engine import EngineError
from ansible_collections.amica.stack.plugins.module_utils._image_engine import Login
from ansible_collections.amica.stack.plugins.module_utils._image_engine import find_engine
from ansible_collections.amica.stack.plugins.module_utils._image_engine import repository_of
from ansible_collections.amica.stack.plugins.module_utils._image_engine import run

REFERENCE = "127.0.0.1:4566/chat:src-1"
LOGIN = Login("127.0.0.1:4566", "secret", encrypted=False)


class Script:
    """Answers commands by their first words and keeps them, with the login file they saw."""

    def __init__(self, answers: Mapping[str, Completed] | None = None) -> None:
        self.answers = answers or {}
        self.commands: list[list[str]] = []
        self.login: dict[str, object] = {}
        self.login_file = Path()
        self.login_mode = 0

    def __call__(
        self, command: Sequence[str], environment: Mapping[str, str], text: str, seconds: float | None
    ) -> Completed:
        self.commands.append(list(command))
        if "DOCKER_CONFIG" in environment:
            self.read_login(Path(environment["DOCKER_CONFIG"]) / "config.json")
        elif "--authfile" in command:
            self.read_login(Path(command[command.index("--authfile") + 1]))
        said = " ".join(command)
        return next((answer for start, answer in self.answers.items() if said.startswith(start)), Completed(0, "", ""))

    def read_login(self, file: Path) -> None:
        self.login_file, self.login = file, json.loads(file.read_text())
        self.login_mode = stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_the_password_is_in_a_private_file_for_the_push_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text('{"currentContext": "colima", "credsStore": "desktop", "auths": {"x": {}}}')
    script = Script()
    Engine(name, script).push(REFERENCE, LOGIN)
    auths = {"127.0.0.1:4566": {"auth": base64.b64encode(b"AWS:secret").decode()}}
    assert script.login == ({"auths": auths, "currentContext": "colima"} if name == "docker" else {"auths": auths})
    assert script.login_mode == 0o600
    assert not script.login_file.parent.exists()
    (command,) = script.commands
    assert "secret" not in " ".join(command)
    assert ("--tls-verify=false" in command) is (name == "podman")


def test_a_build_names_everything() -> None:
    script = Script()
    Engine("docker", script).build(Path("/c"), Path("/c/Dockerfile"), REFERENCE, "arm64", {"BASE": "b"}, {"l": "1"})
    assert " ".join(script.commands[0]) == (
        f"docker build --platform linux/arm64 --tag {REFERENCE} --file /c/Dockerfile --build-arg BASE=b --label l=1 /c"
    )


def test_a_failed_build_says_the_last_lines() -> None:
    script = Script({"docker build": Completed(1, "step 1\n" * 50 + "step 2", "no such package")})
    with pytest.raises(EngineError, match=r"chat:src-1 could not be built: docker ended with code 1") as caught:
        Engine("docker", script).build(Path("/c"), Path("/c/Dockerfile"), REFERENCE, "arm64", {}, {})
    assert str(caught.value).endswith("step 2\nno such package")
    assert str(caught.value).count("\n") == 15


def test_the_first_engine_that_answers_is_taken() -> None:
    script = Script({"docker info": Completed(1, "Client:", "Cannot connect to the Docker daemon")})
    found = find_engine(["docker", "podman"], script)
    assert found.engine is not None
    assert found.engine.name == "podman"
    assert found.problems == {"docker": "Cannot connect to the Docker daemon"}


def test_a_command_that_is_missing_or_hangs_is_a_problem() -> None:
    assert run(["amica-no-such-command"], {}, "", 1).code == 127
    assert "0.1" not in run(["true"], {}, "", 1).stderr
    assert run(["sleep", "5"], {}, "", 0.05).code == 124


def test_what_an_engine_has_is_read() -> None:
    known = ["other/chat@sha256:1", "127.0.0.1:4566/chat@sha256:2"]
    listing = f"{REFERENCE}\n127.0.0.1:4566/chat:other\n{REFERENCE}\n"
    script = Script(
        {
            "docker image inspect --format {{.Architecture}}": Completed(0, "arm64\n", ""),
            "docker image inspect --format {{json": Completed(0, json.dumps(known), ""),
            "docker image ls": Completed(0, listing, ""),
        }
    )
    engine = Engine("docker", script)
    assert engine.architecture(REFERENCE) == "arm64"
    assert engine.digest(REFERENCE) == "sha256:2"
    assert engine.copies("127.0.0.1:4566/chat", "src-") == [REFERENCE]


def test_an_image_that_the_engine_does_not_have_is_none() -> None:
    engine = Engine("docker", Script({"docker image inspect": Completed(1, "", "No such image")}))
    assert (engine.architecture("x:1"), engine.digest("x:1")) == (None, None)


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("nginx", "nginx"),
        ("nginx:1", "nginx"),
        ("127.0.0.1:4566/a/chat", "127.0.0.1:4566/a/chat"),
        ("127.0.0.1:4566/a/chat:1@sha256:2", "127.0.0.1:4566/a/chat"),
    ],
)
def test_a_reference_without_tag_and_digest(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository
