# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm connection gives what the local connection gives, whatever the task, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.embedded import EmbeddedAws

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 300

CALLBACK = '''
import json, os
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = """
name: keep
type: notification
short_description: keeps results
description: keeps results
"""
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "keep"
    def keep(self, status, result):
        shown = json.loads(self._dump_results(result._result if hasattr(result, "_result") else result.result))
        line = [status, result._host.get_name(), result._task.get_name(), shown]
        with open(os.environ["KEPT"], "a") as file:
            file.write(json.dumps(line) + "\\n")
    def v2_runner_on_ok(self, result):
        self.keep("ok", result)
    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.keep("failed", result)
    def v2_runner_on_skipped(self, result):
        self.keep("skipped", result)
    def v2_runner_on_unreachable(self, result):
        self.keep("unreachable", result)
'''

MODULES = {
    # What a module finds around itself.
    "surroundings": """
import fcntl, json, locale, os, resource, signal, sys, tempfile, threading, warnings
from ansible.module_utils.basic import AnsibleModule
def main():
    module = AnsibleModule({"secret": {"no_log": True}}, supports_check_mode=True)
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    mask = os.umask(0); os.umask(mask)
    module.exit_json(
        check=module.check_mode, diff=module._diff, verbosity=module._verbosity,
        variables=dict(os.environ), folder=os.getcwd(), umask=mask, argv=sys.argv, executable=sys.executable,
        path=sys.path, flags=str(sys.flags), input=sys.stdin.read(), buffered=sys.stdout.line_buffering,
        encodings=[sys.stdout.encoding, sys.stdout.errors, sys.stderr.encoding, sys.getfilesystemencoding()],
        terminals=[os.isatty(number) for number in range(3)],
        flags_of_streams=[fcntl.fcntl(number, fcntl.F_GETFL) for number in range(3)],
        inherited=sorted(int(n) for n in os.listdir("/proc/self/fd")
                         if int(n) > 2 and os.path.exists("/proc/self/fd/" + n) and os.get_inheritable(int(n))),
        signals={name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt")},
        limits=[resource.getrlimit(number) for number in range(16)],
        nice=os.nice(0), threads=threading.active_count(), locale=locale.setlocale(locale.LC_ALL),
        filters=[str(f) for f in warnings.filters], users=[os.getuid(), os.geteuid(), os.getgroups()],
        temporary=tempfile.gettempdir(), main=sys.modules["__main__"].__name__, name=__name__, file=__file__,
        carried=sorted(n for n in sys.modules if n.startswith("ansible") and n != "ansible_collections"),
        package=sys.modules["ansible.module_utils"].__path__, basic=sys.modules[AnsibleModule.__module__].__file__,
        handlers=str(signal.getsignal(signal.SIGINT)) + str(signal.getsignal(signal.SIGCHLD)),
    )
if __name__ == "__main__":
    main()
""",
    # Ends as it is told to, with noise on the way.
    "ending": """
import atexit, os, signal, subprocess, sys, threading, time
from ansible.module_utils.basic import AnsibleModule
def main():
    module = AnsibleModule({"how": {"required": True}})
    how = module.params["how"]
    sys.stderr.write("noise on stderr\\n")
    if how == "warn":
        module.warn("a warning"); module.deprecate("going away", version="9.0.0", collection_name="amica.stack")
        module.exit_json(changed=True)
    if how == "noise":
        print("noise before"); sys.stdout.flush(); os.system("echo noise from a child; echo more >&2")
        module.exit_json(changed=True)
    if how == "late":
        atexit.register(lambda: os.write(2, b"said at exit\\n"))
        threading.Thread(target=lambda: (time.sleep(0.3), os.write(2, b"said by a thread\\n"))).start()
        module.exit_json()
    if how == "background":
        subprocess.Popen(["sh", "-c", "sleep 1; echo later >&2"], stdin=subprocess.DEVNULL)
        module.exit_json()
    if how == "big":
        module.exit_json(big="x" * 3_000_000)
    if how == "text":
        sys.exit("a last word")
    if how == "number":
        sys.exit(77)
    if how == "silent":
        os._exit(5)
    if how == "nothing":
        return
    if how == "crash":
        raise RuntimeError("crashed")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "bytes":
        os.write(1, b"\\xff\\xfe not text\\n"); sys.exit(3)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "ended":
        os.kill(os.getpid(), signal.SIGTERM)
if __name__ == "__main__":
    main()
""",
    # Spoils all that it can reach, and says what it found.
    "spoiler": """
import os, random, sys, tempfile
from ansible.module_utils import basic
from ansible.module_utils.common.text import converters
def main():
    found = [getattr(basic, "spoiled", None), getattr(os, "spoiled", None), os.environ.get("SPOILED"), os.getcwd()]
    module = basic.AnsibleModule({})
    basic.spoiled = os.spoiled = converters.spoiled = "yes"
    os.environ["SPOILED"] = "yes"
    os.chdir("/"); os.umask(0)
    basic.AnsibleModule.exit_json.__globals__["sys"] = sys
    first = [random.random(), next(tempfile._get_candidate_names())]
    basic.sys.path.insert(0, "/nowhere")
    module.exit_json(found=found, random=first)
if __name__ == "__main__":
    main()
""",
}

TASKS: list[dict[str, Any]] = [
    {"ansible.builtin.ping": {"data": "a 'quoted' \"text\"; $(with) `all` \\ of ünicode\nand lines"}},
    {"ansible.builtin.ping": {"data": "crash"}},
    {"ansible.builtin.command": "sh -c 'echo out; echo err >&2; exit 3'"},
    {"ansible.builtin.command": "/does/not/exist"},
    {"ansible.builtin.command": {"argv": ["cat"], "stdin": "zip_data='AAAA',\nmodule_fqn='x',\n"}},
    {"ansible.builtin.shell": "umask; pwd", "args": {"chdir": "/usr"}},
    {"ansible.builtin.command": "touch {{ scratch }}/never", "check_mode": True},
    {"ansible.builtin.file": {"path": "{{ scratch }}/made", "state": "touch", "mode": "0640"}, "diff": True},
    {"ansible.builtin.file": {"path": "{{ scratch }}/made"}, "check_mode": True, "diff": True},
    {"ansible.builtin.copy": {"content": "text\n", "dest": "{{ scratch }}/copy"}, "diff": True},
    {"ansible.builtin.copy": {"content": "text\n", "dest": "{{ scratch }}/copy"}},
    {"ansible.builtin.copy": {"content": "other\n", "dest": "{{ scratch }}/copy"}, "check_mode": True, "diff": True},
    {"ansible.builtin.stat": {"path": "{{ scratch }}/copy", "get_attributes": False}},
    {"ansible.builtin.slurp": {"src": "{{ scratch }}/copy"}},
    {"ansible.builtin.raw": "echo raw; exit 4"},
    {"ansible.builtin.script": "script.sh word"},
    {"ansible.builtin.setup": {"gather_subset": ["!all", "min"], "filter": "ansible_python*"}},
    {"ansible.builtin.ping": {"nonsense": 1}},
    {"ansible.builtin.command": "echo secret-word", "no_log": True},
    {"surroundings": {"secret": "secret-word"}},
    {"surroundings": {}, "check_mode": True, "diff": True},
    {"surroundings": {}, "environment": {"ONE": "a 'b' \"c\" $d `e` \\ ü", "EMPTY": "", "PATH": "/bin"}},
    {"surroundings": {}, "environment": {"TMPDIR": "{{ scratch }}"}},
    {"surroundings": {}, "environment": {"LC_ALL": "C", "PYTHONWARNINGS": "always", "TZ": "Asia/Tokyo"}},
    {"surroundings": {}, "environment": {"HOME": "/tmp"}},
    {"surroundings": {}, "environment": {"PWD": "/usr", "SHLVL": "7", "OLDPWD": "/bin"}},
    {"surroundings": {}, "become": True, "become_method": "here"},
    {"spoiler": {}},
    {"spoiler": {}},
    {"surroundings": {}},
    {"ansible.builtin.command": "echo late", "async": 20, "poll": 1},
    {"ansible.builtin.command": "sh -c 'exit 6'", "async": 20, "poll": 1},
    *({"ending": {"how": how}} for how in (
        "warn", "noise", "late", "background", "big", "text", "number", "silent", "nothing", "crash", "interrupt",
        "bytes", "killed", "ended",
    )),
    {"ansible.builtin.command": "sleep 8", "timeout": 2},
]  # fmt: skip

BECOME = """
from ansible.plugins.become import BecomeBase
DOCUMENTATION = '''
name: here
short_description: becomes nobody else
description: becomes nobody else
options:
  become_user: {description: user, default: other, vars: [{name: ansible_become_user}], keyword: [{name: become_user}]}
  become_exe: {description: program, default: env}
  become_flags: {description: flags, default: ''}
  become_pass: {description: password}
'''
class BecomeModule(BecomeBase):
    name = "here"
    def build_become_command(self, cmd, shell):
        super().build_become_command(cmd, shell)
        return "env BECAME=yes " + self._build_success_command(cmd, shell)
"""


@dataclass
class Outcome:
    code: int
    errors: str
    results: list[Any]
    text: str


@dataclass
class Project:
    """A folder with a playbook of its own, and the modules and plugins that it needs."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    # A program, and its arguments, that runs the playbook's command.
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parts = {f"library/{name}.py": text for name, text in MODULES.items()}
        parts |= {"callback_plugins/keep.py": CALLBACK, "become_plugins/here.py": BECOME}
        parts["files/script.sh"] = "#!/bin/sh\necho $1; pwd\nexit 2\n"
        for name, text in parts.items():
            self.write(name, text)
        self.write(
            "ansible.cfg",
            f"[defaults]\ncollections_path={ROOT / 'collections'}\ncallbacks_enabled=keep\nforks=4\n"
            "callback_plugins=callback_plugins\nbecome_plugins=become_plugins\ninventory=hosts.yml\n"
            f"local_tmp={self.folder / 'local'}\nremote_tmp={self.folder / 'remote'}\n"
            "interpreter_python={{ ansible_playbook_python }}\n",
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def command(self, connection: str, tasks: list[dict[str, Any]], *words: str, hosts: Mapping[str, Any]) -> list[str]:
        shared = {"ansible_connection": connection, "ansible_pipelining": True, "scratch": str(self.folder / "scratch")}
        shared["ansible_python_interpreter"] = "{{ ansible_playbook_python }}"
        self.write("hosts.yml", yaml.safe_dump({"all": {"hosts": dict(hosts), "vars": shared}}))
        named = [{"name": f"{number} {next(iter(task))}", "ignore_errors": True, **task}
                 for number, task in enumerate(tasks)]  # fmt: skip
        play = {"hosts": "all", "gather_facts": False, "tasks": named}
        self.write("play.yml", yaml.safe_dump([play], sort_keys=False))
        (self.folder / "scratch").mkdir(exist_ok=True)
        for old in (self.folder / "scratch").iterdir():
            old.unlink()
        (self.folder / "kept").unlink(missing_ok=True)
        return [*self.within, sys.executable, "-m", "ansible", "playbook", "play.yml", *words]

    @property
    def surroundings(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AMICA_"))}
        own = {"KEPT": str(self.folder / "kept"), "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg")}
        own["ANSIBLE_HOME"] = str(self.folder / "home")
        return {**kept, **own, **self.environment}

    def run(
        self, connection: str, tasks: list[dict[str, Any]], *words: str, hosts: Mapping[str, Any] | None = None
    ) -> Outcome:
        done = subprocess.run(
            self.command(connection, tasks, *words, hosts=hosts or {"one": {}}),
            cwd=self.folder,
            env=self.surroundings,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        kept = self.folder / "kept"
        lines = kept.read_text().splitlines() if kept.exists() else []
        return Outcome(done.returncode, done.stderr, [json.loads(line) for line in lines], done.stdout)

    def both(self, tasks: list[dict[str, Any]], *words: str, **more: Any) -> tuple[Outcome, Outcome]:
        return self.run("local", tasks, *words, **more), self.run("amica.stack.warm", tasks, *words, **more)


# What differs from run to run on the same path.
PASSING = [
    (re.compile(r"ansible_\S+?_payload_\w+"), "PAYLOAD"),
    (re.compile(r"ansible-(local|tmp|moduletmp)-[\w.-]+"), "TEMPORARY"),
    (re.compile(r"\bj\d{6,}\.\d+"), "JOB"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*"), "TIME"),
    (re.compile(r"\b\d:\d\d:\d\d\.\d+"), "DURATION"),
]
# A payload's files are imported beforehand, asked for or not.
PASSING_KEYS = {
    "carried",
    "creation_time",
    "atime",
    "mtime",
    "ctime",
    "inode",
    "random",
    "uptime_seconds",
    "response_metadata",
}


def settled(value: Any) -> Any:
    """The value without what differs from run to run."""
    match value:
        case dict():
            return {key: settled(item) for key, item in value.items() if key not in PASSING_KEYS}
        case list():
            return [settled(item) for item in value]
        case str():
            for pattern, word in PASSING:
                value = pattern.sub(word, value)
            return value
        case _:
            return value


def compare(local: Outcome, warm: Outcome) -> None:
    for one, other in zip(sorted(local.results, key=str), sorted(warm.results, key=str), strict=True):
        assert settled(other) == settled(one), one[2]
    assert settled(warm.errors) == settled(local.errors)
    assert warm.code == local.code


def processes(folder: Path) -> list[int]:
    """The servers of this project's runs, by the folder that each holds open."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            links = [str(link.readlink()) for link in (entry / "fd").iterdir()]
            if any(link.startswith(f"{folder}/local/") and "/warm" in link for link in links):
                found.append(int(entry.name))
    return found


def wait_until(true: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := true():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come true in time")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    # A module that a task gave up waiting for goes on, and its server with it.
    wait_until(lambda: not processes(tmp_path))


def warnings_of(outcome: Outcome) -> list[str]:
    text = re.sub(r"\s+", " ", outcome.errors)
    return re.findall(r"The warm connection runs modules the ordinary way: [^.]*\.", text)


ENDS = ("crash", "interrupt", "text", "nothing", "killed")


@pytest.mark.parametrize(("words", "tasks"), [
    ((), TASKS),
    (("-vvv",), [task for task in TASKS if "surroundings" in task or task.get("ending", {}).get("how") in ENDS]),
])  # fmt: skip
def test_the_matrix_gives_the_same_on_both_paths(
    project: Project, words: tuple[str, ...], tasks: list[dict[str, Any]]
) -> None:
    local, warm = project.both(tasks, *words)
    compare(local, warm)
    assert len(warm.results) == len(tasks)
    assert "secret-word" not in warm.errors


def test_modules_of_aws_give_the_same_on_both_paths(project: Project, embedded_aws: EmbeddedAws) -> None:
    options = embedded_aws.options
    group = {**options, "log_group_name": "warm"}
    tasks: list[dict[str, Any]] = [
        {"amazon.aws.aws_caller_info": options},
        {"amazon.aws.ec2_vpc_net_info": options, "check_mode": True},
        {"amazon.aws.cloudwatchlogs_log_group": {**group, "state": "absent"}},
        {"amazon.aws.cloudwatchlogs_log_group": {**group, "retention": 7}, "check_mode": True},
        {"amazon.aws.cloudwatchlogs_log_group": {**group, "retention": 7}},
        {"amazon.aws.cloudwatchlogs_log_group": {**group, "retention": 7}},
        {"amica.stack.ecr_repository": {**options, "name": "warm"}, "diff": True},
        {"amica.stack.ecr_repository": {**options, "name": "warm"}, "diff": True},
        {"amica.stack.ecr_repository": {**options, "name": "warm", "state": "absent", "force": True}},
        {"amica.stack.stack_info": {**options, "name": "warm"}},
        {"amazon.aws.aws_caller_info": {**options, "endpoint_url": "http://127.0.0.1:1"}},
        {"amazon.aws.aws_caller_info": {"region": embedded_aws.region}, "environment": {
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": embedded_aws.endpoint}},
        {"amazon.aws.aws_caller_info": {"region": embedded_aws.region}, "environment": {
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}},
    ]  # fmt: skip
    tasks += [{"amazon.aws.cloudwatchlogs_log_group": {**group, "state": "absent"}}, {"surroundings": {}}]
    local, warm = project.both(tasks)
    compare(local, warm)
    assert not warnings_of(warm)
    # What other payloads carried is not there for a module whose payload does not.
    (found,) = named(warm, "surroundings")
    assert not any("amazon" in name for name in found["carried"])


def test_hosts_side_by_side_share_one_server(project: Project) -> None:
    hosts: dict[str, Any] = {f"host{number}": {} for number in range(5)}
    local, warm = project.both([{"surroundings": {}}, {"ending": {"how": "warn"}}, SERVER], hosts=hosts)
    servers = {result[3].pop("server") for result in warm.results if "server" in result[3]}
    for result in local.results:
        result[3].pop("server", None)
    compare(local, warm)
    assert len(servers) == 1


def test_stacks_side_by_side_get_their_own_answers(project: Project, embedded_aws: EmbeddedAws) -> None:
    """Stacks in regions of their own, as hosts of one run; each host's modules get its keys by its environment."""
    regions = {"dev": "ap-southeast-1", "rag": "eu-west-1", "enterprise": "us-west-2"}
    hosts: dict[str, Any] = {name: {"region": region} for name, region in regions.items()}
    keys = {"AWS_ACCESS_KEY_ID": "{{ inventory_hostname }}", "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "{{ region }}", "AWS_ENDPOINT_URL": embedded_aws.endpoint}  # fmt: skip
    group = {"log_group_name": "stack-{{ inventory_hostname }}"}
    tasks: list[dict[str, Any]] = [
        {"amazon.aws.cloudwatchlogs_log_group": {**group, "retention": 7}},
        {"amazon.aws.cloudwatchlogs_log_group_info": {}},
        {"amica.stack.stack_info": {"name": "stack-{{ inventory_hostname }}"}},
        {"amazon.aws.cloudwatchlogs_log_group": {**group, "state": "absent"}},
    ]
    local, warm = project.both([{**task, "environment": keys} for task in tasks], hosts=hosts)
    compare(local, warm)
    assert not warnings_of(warm)
    for result in warm.results:
        if result[2].endswith("_info") and "log_groups" in result[3]:
            (found,) = result[3]["log_groups"]
            assert found["log_group_name"] == f"stack-{result[1]}" and f":{regions[result[1]]}:" in found["arn"]


def test_ansible_runner_sees_the_same_on_both_paths(tmp_path: Path, embedded_aws: EmbeddedAws) -> None:
    """As AWX runs a playbook: a private data folder, a terminal, events; what it reads of a task is in the events."""
    project = Project(tmp_path / "project")
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.ping": {}},
        {"surroundings": {"secret": "secret-word"}},
        {"amazon.aws.aws_caller_info": embedded_aws.options},
        {"amica.stack.stack_info": {**embedded_aws.options, "name": "runner-{{ inventory_hostname }}"}},
        {"ansible.builtin.command": "echo secret-word", "no_log": True},
        *({"ending": {"how": how}} for how in ("warn", "text", "crash")),
    ]
    local, warm = (runner(project, connection, tasks) for connection in ("local", "amica.stack.warm"))
    compare(local, warm)
    assert len(warm.results) == 2 * len(tasks)
    assert "secret-word" not in str(warm.results)
    assert "The warm connection" not in warm.text
    wait_until(lambda: not processes(project.folder))


def runner(project: Project, connection: str, tasks: list[dict[str, Any]]) -> Outcome:
    home = project.folder.parent
    project.command(connection, tasks, hosts={"one": {}, "two": {}})
    (home / "inventory").mkdir(exist_ok=True)
    shutil.copy(project.folder / "hosts.yml", home / "inventory")
    artifacts = home / "artifacts"
    shutil.rmtree(artifacts, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "ansible_runner", "run", str(home), "--playbook", "play.yml", "--ident", "job"],
        env={**project.surroundings, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    ends = {"runner_on_ok": "ok", "runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}
    events = [json.loads(path.read_text()) for path in (artifacts / "job" / "job_events").glob("*.json")]
    found = [(ends[event["event"]], event["event_data"]) for event in events if event["event"] in ends]
    results = [[end, data["host"], data["task"], data["res"]] for end, data in found]
    return Outcome(int((artifacts / "job" / "rc").read_text()), done.stderr, results, done.stdout)


# A task that tells of the process it is forked from, and lists what lies in the run's folder.
SERVER: dict[str, Any] = {"whence": {}}
MODULES["whence"] = """
import os, sys
from ansible.module_utils.basic import AnsibleModule
def main():
    module = AnsibleModule({"do": {"default": "look"}, "signal": {"type": "int"}})
    server = os.getppid()
    if module.params["signal"]:
        os.kill(server, module.params["signal"])
    module.exit_json(server=server)
if __name__ == "__main__":
    main()
"""


def named(outcome: Outcome, module: str) -> list[dict[str, Any]]:
    return [result[3] for result in outcome.results if result[2].endswith(f" {module}")]


def test_a_task_in_two_spoils_nothing_for_the_next(project: Project) -> None:
    warm = project.run("amica.stack.warm", [{"spoiler": {}}, {"spoiler": {}}, {"surroundings": {}}])
    first, second = named(warm, "spoiler")
    assert first["found"] == second["found"] == [None, None, None, str(project.folder)]
    assert first["random"] != second["random"]
    (found,) = named(warm, "surroundings")
    assert "/nowhere" not in found["path"] and "SPOILED" not in found["variables"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_stuck_server_costs_one_warning(project: Project, number: int) -> None:
    tasks: list[dict[str, Any]] = [
        {"whence": {"signal": int(number)}},
        {"surroundings": {}},
        {"ansible.builtin.ping": {}},
        {"whence": {}},
    ]
    try:
        warm = project.run("amica.stack.warm", tasks)
    finally:
        for pid in processes(project.folder):
            os.kill(pid, signal.SIGCONT)
    assert [result[0] for result in warm.results] == ["ok"] * 4
    assert warnings_of(warm) == [
        "The warm connection runs modules the ordinary way: its server has gone or does not answer."
    ]


def test_another_interpreter_costs_one_warning(project: Project) -> None:
    other = project.folder / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    hosts = {"one": {"ansible_python_interpreter": str(other)}, "two": {}}
    warm = project.run("amica.stack.warm", [{"ansible.builtin.ping": {}}, {"ansible.builtin.ping": {}}], hosts=hosts)
    assert [result[0] for result in warm.results] == ["ok"] * 4
    assert warnings_of(warm) == [
        "The warm connection runs modules the ordinary way: "
        "a host's ansible_python_interpreter is not the interpreter that runs Ansible."
    ]


def test_another_version_of_module_utils_costs_one_warning(project: Project) -> None:
    """Two roles bring a file of the same name; each has to get its own."""
    for role in ("first", "second"):
        text = "from ansible.module_utils.basic import AnsibleModule\nfrom ansible.module_utils.shared import WHO\n"
        project.write(f"roles/{role}/library/who_{role}.py", f"{text}AnsibleModule({{}}).exit_json(who=WHO)\n")
        project.write(f"roles/{role}/tasks/main.yml", f"- name: who_{role}\n  who_{role}:\n")
    project.write("module_utils/shared.py", "WHO = 'first'\n")
    change = {
        "ansible.builtin.copy": {"content": "WHO = 'second'\n", "dest": str(project.folder / "module_utils/shared.py")}
    }
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {"name": "first"}},
        change,
        {"ansible.builtin.include_role": {"name": "second"}},
        {"ansible.builtin.include_role": {"name": "second"}},
    ]
    warm = project.run("amica.stack.warm", tasks)
    found = {result[2].split(" : ")[-1]: result[3]["who"] for result in warm.results if "who" in result[3]}
    assert found == {"who_first": "first", "who_second": "second"}
    assert [text.rpartition(": ")[2] for text in warnings_of(warm)] == [
        "a payload carries another version of module_utils than those before it."
    ]


def test_a_folder_that_cannot_be_written_costs_one_warning(project: Project) -> None:
    """As a full disk does; the folder is taken by a file, as root may write everywhere."""
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.shell": "for run in {{ playbook_dir }}/local/*; do touch $run/warm; done"},
    ]
    tasks[0]["vars"] = {"amica_warm": False}
    tasks += [{"ansible.builtin.ping": {}}, {"surroundings": {}}]
    warm = project.run("amica.stack.warm", tasks)
    assert [result[0] for result in warm.results] == ["ok"] * 3
    assert len(warnings_of(warm)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a full disk, for only root may mount one: run it as root")
@pytest.mark.parametrize("room", [0, 2])
def test_a_full_disk_costs_one_warning(project: Project, room: int) -> None:
    """There is room for none of the folder, the mark and the socket, or for all but the socket."""
    place = project.folder / "local"
    place.mkdir()
    # In mounts of the playbook's own, so that none is left behind.
    mount = f'mount -t tmpfs -o size=16m,nr_inodes=40 none {place} && exec "$0" "$@"'
    project.within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", mount)
    if subprocess.run([*project.within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: a full disk, for this container may not mount one: give it CAP_SYS_ADMIN")
    fill = "cd {{ playbook_dir }}/local; i=0; while : >full$i; do i=$((i + 1)); done 2>/dev/null"
    empty = f"cd {{{{ playbook_dir }}}}/local; for i in $(ls -d full* | head -n {room}); do rm $i; done"
    # Ansible itself needs room for each module's payload, once.
    tasks: list[dict[str, Any]] = [{"ansible.builtin.ping": {}}, {"surroundings": {}}]
    filling = {"ansible.builtin.shell": f"({fill}); {empty}"}
    before = [{**task, "vars": {"amica_warm": False}} for task in (*tasks, filling)]
    warm = project.run("amica.stack.warm", [*before, *tasks, LOOK])
    assert [result[0] for result in warm.results] == ["ok"] * 6
    (warning,) = warnings_of(warm)
    assert "No space left on device" in warning


ODD = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        plain = self._connection.exec_command
        def exec_command(cmd, in_data=None, sudoable=True):
            if in_data:
                assert b"_ANSIBALLZ_WRAPPER = True" in in_data
                in_data = in_data.replace(b"_ANSIBALLZ_WRAPPER = True", b"_NEWER_WRAPPER = True")
            return plain(cmd, in_data=in_data, sudoable=sudoable)
        self._connection.exec_command = exec_command
        try:
            return self._execute_module("surroundings", {}, task_vars=task_vars)
        finally:
            self._connection.exec_command = plain
"""


def test_an_unknown_payload_costs_one_warning(project: Project) -> None:
    """A payload as some other ansible-core might build it runs, and the known ones after it are warm again."""
    project.write("action_plugins/odd.py", ODD)
    local, warm = project.both([{"odd": {}}, {"odd": {}}, {"surroundings": {}}, LOOK])
    (found,) = named(warm, "ansible.builtin.shell")
    assert "warm" in found["stdout"]
    for outcome in (local, warm):
        outcome.results.pop()
    assert warnings_of(warm) == [
        "The warm connection runs modules the ordinary way: "
        "the payload is not built as this version of ansible-core builds it."
    ]
    warm.errors = local.errors
    compare(local, warm)


NOBODY = 65534
# Takes the place of the run's server, in a process of another user.
IMPOSTOR = f"""
import os, socket, sys
folder = sys.argv[1] + "/warm"
os.mkdir(folder, 0o700)
listener = socket.socket(socket.AF_UNIX)
os.chdir(folder)
opened = os.open(".", os.O_RDONLY)
listener.bind("socket")
os.setuid({NOBODY})
listener.listen()
if os.fork():
    os._exit(0)
for descriptor in range(3):
    os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
listener.settimeout(0.1)
channels = []
while os.fstat(opened).st_nlink:
    try:
        channels.append(listener.accept())
    except TimeoutError:
        pass
"""
# Calls on the run's server as another user, for whom its folder is opened.
INTRUDER = f"""
import os, socket, sys
folder = sys.argv[1] + "/warm"
os.chmod(folder, 0o711); os.chmod(folder + "/socket", 0o777)
os.chdir(folder)
channel = socket.socket(socket.AF_UNIX)
pid = os.fork()
if pid == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
    channel.connect("socket")
    channel.settimeout(30)
    said = channel.recv(1)
    print("it said", said, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
os.chmod(folder + "/socket", 0o700); os.chmod(folder, 0o700)
"""
AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: another user's process, for only root may start one: run it as root"
)


@AS_ROOT
def test_another_user_s_server_is_not_spoken_to(project: Project) -> None:
    project.write("impostor.py", IMPOSTOR)
    look = f"{sys.executable} impostor.py {{{{ playbook_dir }}}}/local/*"
    warm = project.run(
        "amica.stack.warm",
        [{"ansible.builtin.shell": look, "vars": {"amica_warm": False}}, {"ansible.builtin.ping": {}}, {"whence": {}}],
    )
    assert [result[0] for result in warm.results] == ["ok"] * 3
    assert warnings_of(warm) == [
        "The warm connection runs modules the ordinary way: its server cannot be reached "
        f"(the process at the other end belongs to user {NOBODY})."
    ]


@AS_ROOT
def test_another_user_s_connection_is_hung_up_on(project: Project) -> None:
    project.write("intruder.py", INTRUDER)
    # The user must be able to come as far as the run's folder.
    for folder in (project.folder, *project.folder.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    shown = f"chmod 711 {{{{ playbook_dir }}}}/local/*; {sys.executable} intruder.py {{{{ playbook_dir }}}}/local/*"
    warm = project.run("amica.stack.warm", [SERVER, {"ansible.builtin.shell": shown}, SERVER])
    (found,) = named(warm, "ansible.builtin.shell")
    assert (found["stdout"], found["stderr"]) == ("it said b''", "")
    before, after = named(warm, "whence")
    assert before["server"] == after["server"]
    assert not warnings_of(warm)


@pytest.mark.parametrize("switch", ["environment", "variable"])
def test_it_can_be_turned_off(project: Project, switch: str) -> None:
    hosts: dict[str, Any] = {"one": {"amica_warm": False} if switch == "variable" else {}}
    if switch == "environment":
        project.environment["AMICA_WARM"] = "0"
    warm = project.run("amica.stack.warm", [{"ansible.builtin.ping": {}}, LOOK], hosts=hosts)
    (found,) = named(warm, "ansible.builtin.shell")
    assert "warm" not in found["stdout"]
    assert not warnings_of(warm)


LOOK: dict[str, Any] = {"ansible.builtin.shell": "find {{ playbook_dir }}/local -name 'warm*'"}


def test_a_payload_is_built_by_one_run_and_lent_to_the_next(project: Project) -> None:
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.meta": "reset_connection"},
        {"ansible.builtin.shell": "find {{ playbook_dir }}/local -links +1 -name '*ansible.modules.ping-*'"},
        {"ansible.builtin.ping": {}},
    ]
    first, second = (project.run("amica.stack.warm", tasks) for _time in range(2))
    (before,), (after,) = (named(run, "ansible.builtin.shell") for run in (first, second))
    assert before["stdout_lines"] == []
    assert len(after["stdout_lines"]) == 1
    assert named(first, "ansible.builtin.ping") == named(second, "ansible.builtin.ping")


def test_what_it_leaves_on_disk_is_private_and_holds_nothing(project: Project) -> None:
    shown = "find {{ playbook_dir }}/local/*/warm -printf '%f %y %m %s\\n'; ps -ewwo args"
    tasks: list[dict[str, Any]] = [{"surroundings": {"secret": "secret-word"}, "environment": {"KEY": "secret-key"}},
             {"ansible.builtin.shell": shown}]  # fmt: skip
    warm = project.run("amica.stack.warm", tasks)
    (found,) = named(warm, "ansible.builtin.shell")
    lines = found["stdout_lines"]
    assert {"warm d 700", "socket s 700", "started f 600"} <= {" ".join(line.split()[:3]) for line in lines}
    assert "secret-" not in found["stdout"]
    assert not list((project.folder / "local").glob("*/warm"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_a_run_that_is_killed(project: Project, number: int) -> None:
    command = project.command(
        "amica.stack.warm",
        [{"ansible.builtin.ping": {}}, {"ansible.builtin.command": "sleep 45.25"}],
        hosts={"one": {}},
    )
    with subprocess.Popen(
        command, cwd=project.folder, env=project.surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as playbook:  # fmt: skip
        wait_until(lambda: processes(project.folder) and sleeping())
        playbook.send_signal(number)
        playbook.wait(30)
        if number == signal.SIGKILL:
            # As on the local connection, the worker and what it runs outlive a killed run.
            for pid in sleeping():
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not processes(project.folder) and not sleeping())


def sleeping() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes().startswith(b"sleep\x0045.25\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_the_server_stays_small(project: Project, embedded_aws: EmbeddedAws) -> None:
    options = embedded_aws.options
    tasks: list[dict[str, Any]] = [{name: options} for name in (
        "amazon.aws.ec2_vpc_net_info", "amazon.aws.iam_role_info", "amazon.aws.elb_application_lb_info",
        "community.aws.cloudfront_distribution_info", "amazon.aws.cloudwatchlogs_log_group_info",
    )] * 2  # fmt: skip
    tasks += [{"amica.stack.stack_info": {**options, "name": "small"}}, {"grown": {}}]
    looking = "size = [line.split()[1] for line in open(f'/proc/{os.getppid()}/status') if line.startswith('VmHWM')]"
    project.write(
        "library/grown.py",
        MODULES["whence"].replace("server = os.getppid()", looking).replace("server=server", "kib=int(size[0])"),
    )
    warm = project.run("amica.stack.warm", tasks)
    (found,) = named(warm, "grown")
    assert found["kib"] < 200 * 1024
