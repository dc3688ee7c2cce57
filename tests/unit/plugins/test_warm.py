# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import io
import json
import os
import shlex
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils import _warm_client as client
from ansible_collections.amica.stack.plugins.module_utils import _warm_imports as imports
from ansible_collections.amica.stack.plugins.module_utils import _warm_server as server
from ansible_collections.amica.stack.plugins.module_utils import _warm_wire as wire
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def line_of(variables: dict[str, str], interpreter: str = "/usr/bin/python3", shell: str = "/bin/sh") -> str:
    words = [*(f"{name}={shlex.quote(value)}" for name, value in variables.items()), interpreter]
    return f"{shell} -c {shlex.quote(' '.join(words))}"


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_command_of_variables_and_an_interpreter_is_understood(variables: dict[str, str]) -> None:
    text = line_of(variables)
    assert client.command_of(text) == client.Command("/bin/sh", "/usr/bin/python3", variables)
    older = f"/bin/sh -c {shlex.quote(shlex.split(text)[2] + ' && sleep 0')}"
    assert client.command_of(older) == client.Command("/bin/sh", "/usr/bin/python3", variables, " && sleep 0")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/usr/bin/python3",
        "/bin/sh -c 'echo ~root'",
        "/bin/sh -c '/usr/bin/python3 && sleep 1'",
        "/bin/sh -c '/usr/bin/python3 /tmp/module.py'",
        "/bin/sh -c 'cd /tmp && /usr/bin/python3'",
        "/bin/sh -c 'A=$B /usr/bin/python3'",
        "/bin/sh -c 'A=`b` /usr/bin/python3'",
        "/bin/sh -c 'A-B=1 /usr/bin/python3'",
        "/bin/sh -c '/usr/bin/env python3'",
        "/bin/sh -c 'unclosed",
        "sudo -u other /bin/sh -c /usr/bin/python3",
    ],
)
def test_any_other_command_is_not(text: str) -> None:
    assert client.command_of(text) is None


def program_of(archive: str = "UEsF", params: str = "{}", extensions: str = "{}") -> bytes:
    return (
        "#!/usr/bin/python3\n_ANSIBALLZ_WRAPPER = True\n_ansiballz_main(\n"
        f"module_fqn='ansible.modules.ping',\nparams={params!r},\nextensions={extensions},\nzip_data={archive!r},\n)\n"
    ).encode()


def task_of(program: bytes, variables: dict[str, str] | None = None) -> client.Task:
    command = client.Command("/bin/sh", "/usr/bin/python3", variables or {})
    return client.task_of(program, command, "/srv", {"PATH": "/bin", "KEY": "old"}, 0o22)


def test_a_payload_is_taken_apart_whatever_its_arguments_say() -> None:
    task = task_of(program_of(params="\nzip_data='evil',\nmodule_fqn='other',\n"), {"KEY": "new"})
    assert (task.module, task.archive) == ("ansible.modules.ping", b"UEsF")
    assert task.environment == {"PATH": "/bin", "KEY": "new"}


@pytest.mark.parametrize(
    ("program", "quiet"),
    [
        (b"#!/usr/bin/python\nprint(1)\n", False),
        (program_of(archive=""), False),
        (program_of(extensions="{'_c': {}}"), True),
    ],
)
def test_a_payload_of_another_kind_is_declined(program: bytes, quiet: bool) -> None:
    with pytest.raises(wire.Declined) as caught:
        task_of(program)
    assert caught.value.quiet is quiet


def test_variables_that_shells_set_are_not_a_task_s_to_set() -> None:
    with pytest.raises(wire.Declined, match="the shell sets"):
        task_of(program_of(), {"PWD": "/"})


def test_frames_and_descriptors_arrive_whole() -> None:
    one, other = socket.socketpair()
    with one, other, Path(os.devnull).open() as null:
        wire.send(one, b"x" * 70000, [null.fileno()])
        wire.send_words(one, {"a": "\udc80"})
        data, (descriptor,) = wire.receive_with_descriptors(other, 1)
        assert data == b"x" * 70000 and not os.get_inheritable(descriptor)
        os.close(descriptor)
        assert wire.words_of(wire.receive(other)) == {"a": "\udc80"}


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\xff" * 8, wire.LENGTH.pack(5) + b"four"])
def test_a_frame_that_is_none_is_refused(sent: bytes) -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(sent)
        one.close()
        with pytest.raises(wire.Broken):
            wire.receive(other)


def test_descriptors_that_do_not_come_are_missed() -> None:
    one, other = socket.socketpair()
    with one, other:
        wire.send(one, b"{}")
        with pytest.raises(wire.Broken, match="0 descriptors"):
            wire.receive_with_descriptors(other, 3)


@pytest.mark.parametrize("frame", [b"", b"[]", b"{"])
def test_words_that_are_none_are_refused(frame: bytes) -> None:
    with pytest.raises(wire.Broken):
        wire.words_of(frame)


def test_a_folder_is_private_or_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    wire.check_private(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(PermissionError):
        wire.check_private(link)
    tmp_path.chmod(0o710)
    with pytest.raises(PermissionError):
        wire.check_private(tmp_path)


def test_a_process_of_this_user_is_let_in() -> None:
    one, other = socket.socketpair()
    with one, other:
        wire.check_peer(one)


def test_the_environment_is_what_a_shell_would_give(tmp_path: Path) -> None:
    own = {"PATH": "/bin", "SHLVL": "3", "PWD": "/", "_": "/usr/bin/python3"}
    wanted = {"PATH": "/sbin", "SHLVL": "2", "PWD": "/gone", "OLDPWD": "/x", "AWS_REGION": "r"}
    made = server.environment_of(wanted, own, "/gone", str(tmp_path))
    assert made == {
        "PATH": "/sbin", "AWS_REGION": "r", "SHLVL": "3", "_": "/usr/bin/python3", "PWD": str(tmp_path)
    }  # fmt: skip
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert server.environment_of(wanted, own, str(link), str(tmp_path))["PWD"] == str(link)


@pytest.mark.parametrize("name", ["PYTHONPATH", "LC_ALL", "LANG", "HOME", "TZ", "LD_PRELOAD", "OPENSSL_CONF"])
@pytest.mark.parametrize("wanted", [True, False])
def test_what_an_interpreter_reads_at_its_start_cannot_be_changed(name: str, wanted: bool) -> None:
    one, other = ({name: "x"}, {}) if wanted else ({}, {name: "x"})
    with pytest.raises(wire.Declined) as caught:
        server.environment_of(one, other, "", "/")
    assert caught.value.quiet
    assert server.environment_of({name: "x"}, {name: "x"}, "", "/") == {name: "x"}


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, 0, ""),
        (SystemExit(), 0, ""),
        (SystemExit(3), 3, ""),
        (SystemExit(-1), 255, ""),
        (SystemExit("word"), 1, "word\n"),
        (ValueError("word"), 1, "ValueError: word\n"),
    ],
)
def test_exit_codes_are_an_interpreter_s(
    error: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server.exit_code(error) == code
    assert capsys.readouterr().err == said


def test_a_run_is_known_by_its_start() -> None:
    run = wire.Run.of(os.getpid())
    assert run.alive()
    assert not wire.Run(run.pid, "0").alive()
    assert not wire.Run(2**22 + 1, run.started).alive()


def test_a_file_of_two_archives_is_unpacked_once_and_another_of_its_name_is_another() -> None:
    known: dict[imports.Packed, imports.Source] = {}
    name, path = "ansible.module_utils.one", "ansible/module_utils/one.py"
    first = imports.sources_of(archive_of({path: "x = 1", "readme.txt": "-"}), known)
    again = imports.sources_of(archive_of({"ansible/module_utils/two.py": "", path: "x = 1"}), known)
    other = imports.sources_of(archive_of({path: "x = 2"}), known)
    assert first.keys() == {name} and again[name] is first[name]
    assert (first[name].data, other[name].data) == (b"x = 1", b"x = 2")


def test_an_archive_that_is_none_is_declined() -> None:
    for text in (b"UEsF", b"###"):
        with pytest.raises(wire.Declined):
            imports.sources_of(text, {})


def archive_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return base64.b64encode(buffer.getvalue())


LOADER = imports.LOADER.replace(".", "/")
PACKAGES = {f"{'/'.join(LOADER.split('/')[:depth])}/__init__.py": "" for depth in range(1, 5)}
FILES = {**PACKAGES, f"{LOADER}.py": "def run_module(**rest): print(sorted(rest))", "ansible/modules/m.py": "m = 1"}

# Imports into an interpreter of its own, and tells what is left there.
LEARN = """
import json, sys
sys.path.insert(0, {collections!r})
from ansible_collections.amica.stack.plugins.module_utils import _warm_imports as imports
for name in [name for name in sys.modules if name.startswith("ansible")]:
    del sys.modules[name]
library = imports.Library()
told = []
for number, archive in enumerate({archives!r}):
    try:
        payload = library.learn(str(number), "ansible.modules.m", archive)
        told.append(sorted(name for name in sys.modules if name.startswith("ansible.module_utils.x")))
    except imports.Declined as declined:
        told.append(declined.reason)
print(json.dumps([told, sorted(library.cold)]))
"""


def learn(*files: dict[str, str]) -> Any:
    program = LEARN.format(collections=str(ROOT / "collections"), archives=[archive_of(some) for some in files])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_only_imports_without_a_trace_are_kept() -> None:
    prefix = "ansible/module_utils"
    recorder = "_global_warnings = {}\ndef warn(text): _global_warnings[text] = None"
    told, cold = learn({
        **FILES,
        f"{prefix}/common/__init__.py": "",
        f"{prefix}/common/warnings.py": recorder,
        f"{prefix}/xgood.py": "from ansible.module_utils import xlater",
        f"{prefix}/xlater.py": "",
        f"{prefix}/xbad.py": "import nothing_of_that_name",
        f"{prefix}/xloud.py": "print('loud')",
        f"{prefix}/xwarns.py": "import warnings; warnings.warn('old')",
        f"{prefix}/xexits.py": "raise SystemExit",
        f"{prefix}/xrecords.py": "from ansible.module_utils.common.warnings import warn; warn('old')",
        f"{prefix}/xuses.py": "from ansible.module_utils import xrecords",
    })  # fmt: skip
    assert told == [["ansible.module_utils.xgood", "ansible.module_utils.xlater"]]
    assert cold == [f"ansible.module_utils.x{name}" for name in ("bad", "exits", "loud", "records", "uses", "warns")]


def test_another_version_of_a_file_is_declined_and_the_same_is_not() -> None:
    path = "ansible/module_utils/x.py"
    told, _cold = learn({**FILES, path: "a = 1"}, {**FILES, path: "a = 2"}, {**FILES, path: "a = 1"})
    assert told[0] == told[2] == ["ansible.module_utils.x"]
    assert "another version" in told[1]


def test_a_payload_that_another_ansible_built_is_declined() -> None:
    told, _cold = learn({"ansible/__init__.py": "", "ansible/modules/m.py": ""})
    assert "not built as" in told[0]


# botocore's answers before, while and after they are learned; then with a folder of the user's own among its own.
LISTS = """
import json, os, sys
sys.path.insert(0, {collections!r})
import boto3, botocore.loaders
from ansible_collections.amica.stack.plugins.module_utils import _warm_imports as imports
folders = [botocore.loaders.Loader.BUILTIN_DATA_PATH, boto3.__path__[0] + "/data", "/does/not/exist"]
def ask(*more):
    return botocore.loaders.Loader([*folders, *more], include_default_search_paths=False).list_available_services(
        type_name="resources-1")
answers = [ask()]
models = imports.Models()
models.install()
def learn():
    wanted, models.wanted[:] = list(models.wanted), []
    for _kind, name, places in wanted:
        models.learn_services(name, places)
    return len(wanted)
answers.append(ask())
asked = [learn()]
listed = []
sys.addaudithook(lambda event, _arguments: listed.append(event) if event == "os.listdir" else None)
answers.append(ask())
asked.append(learn())
before = len(listed)
os.makedirs("own/mine/2020-01-01")
open("own/mine/2020-01-01/resources-1.json", "w").close()
others = []
for _ in range(2):
    others.append(ask("own") == sorted([*answers[0], "mine"]))
    asked.append(learn())
print(json.dumps([answers[0], answers[1:] == answers[:1] * 2, asked, before, others]))
"""


def test_which_services_botocore_knows_is_learned_of_its_own_folders_only(tmp_path: Path) -> None:
    program = LISTS.format(collections=str(ROOT / "collections"))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    services, same, asked, listed, others = json.loads(done.stdout)
    assert "ec2" in services and same
    assert asked == [1, 0, 1, 1] and listed == 0
    assert others == [True, True]
