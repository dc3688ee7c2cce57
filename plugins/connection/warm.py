# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local connection, with a module's process forked from one that has already imported what it needs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: warm
author: amica.stack contributors (@amica-stack)
version_added: 1.0.0
short_description: Run modules on the controller, forked from a warm process
description:
  - Does what P(ansible.builtin.local#connection) does, with the same results, for a fraction of the time.
    A module of the collection C(amazon.aws) spends nearly all of its time on starting an interpreter,
    unpacking and compiling its own files and importing C(boto3). Here a server, which the first task of a run starts,
    has done all that, and each task is a fork of it.
  - A task that cannot go that way goes the ordinary one. Those with C(become) or C(async) do, those that set
    variables which an interpreter reads when it starts (C(PYTHONPATH), C(LC_ALL), C(HOME), C(TZ)...), and all that
    are not Python modules.
    So does, with one warning a run, a task with another interpreter than the one that runs Ansible, or with a
    payload that the server does not know how to run, or when the server does not start, answer or live any more.
  - Ansible packs each module anew in each run, which takes longer than most modules run. A play that begins with
    C(reset_connection) of M(ansible.builtin.meta) gets what an earlier run has packed, from the folder
    C(amica_stack_payloads) in C(ANSIBLE_HOME), if no file has changed since. Arguments are no part of it.
  - It needs Linux; elsewhere every task goes the ordinary way.
options:
  warm:
    description: Whether modules are forked from the warm process. If not, this is the local connection.
    type: bool
    default: true
    env:
      - name: AMICA_WARM
    vars:
      - name: amica_warm
  become_success_timeout:
    description: Number of seconds to wait for become to succeed, as in P(ansible.builtin.local#connection).
    type: int
    default: 10
    vars:
      - name: ansible_local_become_success_timeout
  become_strip_preamble:
    description: Strip become's own output before that of the command, as in P(ansible.builtin.local#connection).
    type: bool
    default: true
    vars:
      - name: ansible_local_become_strip_preamble
extends_documentation_fragment:
  - ansible.builtin.connection_pipelining
notes:
  - Modules are always pipelined, whatever O(pipelining) says, unless O(warm=false).
  - The variable C(ansible_python_interpreter) has to be C({{ ansible_playbook_python }}).
  - The remote user is ignored, as in P(ansible.builtin.local#connection).
"""

import gc
import os
import sys
from pathlib import Path

import ansible
from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection
from ansible.plugins.loader import module_utils_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.display import Display
from ansible_collections.amica.stack.plugins.module_utils._warm_client import Command
from ansible_collections.amica.stack.plugins.module_utils._warm_client import Door
from ansible_collections.amica.stack.plugins.module_utils._warm_client import Lost
from ansible_collections.amica.stack.plugins.module_utils._warm_client import command_of
from ansible_collections.amica.stack.plugins.module_utils._warm_client import current_umask
from ansible_collections.amica.stack.plugins.module_utils._warm_client import run
from ansible_collections.amica.stack.plugins.module_utils._warm_client import task_of
from ansible_collections.amica.stack.plugins.module_utils._warm_payloads import Payloads
from ansible_collections.amica.stack.plugins.module_utils._warm_wire import Declined

END_BY_SIGNAL = """\
import contextlib, os, signal
with contextlib.suppress(OSError):
    signal.signal({number}, signal.SIG_DFL)
os.kill(os.getpid(), {number})
"""

display = Display()


def payloads() -> Payloads | None:
    """Where payloads outlive a run; None where files of a project's own take the place of Ansible's."""
    package = Path(ansible.__file__).parent
    places = [Path(place) for place in module_utils_loader.print_paths().split(os.pathsep) if place]
    if any(place != package / "module_utils" and place.is_dir() for place in places):
        return None
    collections = [Path(str(root)) for root in AnsibleCollectionConfig.collection_paths]
    return Payloads(
        Path(C.config.get_config_value("ANSIBLE_HOME")) / "amica_stack_payloads",
        {"ansible": [package.parent], "ansible_collections": collections},
        f"{ansible.__version__} {sys.version}",
    )


class Connection(LocalConnection):  # type: ignore[misc]
    """The local connection for everything but the modules that the warm server can run."""

    # Not a name of its own: ansible-core runs the modules of a 'local' transport in the playbook's folder.
    transport = "local"
    has_pipelining = True

    def is_pipelining_enabled(self, wrap_async: bool = False) -> bool:
        if self._warm():
            return not wrap_async
        return bool(super().is_pipelining_enabled(wrap_async))

    def reset(self) -> None:
        """Begin a run: what an earlier one built need not be built again."""
        super().reset()
        if not self._warm():
            return
        if kept := payloads():
            kept.lend(Path(C.DEFAULT_LOCAL_TMP))
        # Each task's process is a fork of this one, and need not look for garbage in what it got from it.
        gc.freeze()

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        if in_data and self._warm():
            try:
                return self._run(cmd, in_data)
            except Declined as declined:
                if declined.quiet:
                    display.vvvv(f"the ordinary way: {declined.reason}", host=self._play_context.remote_addr)
                else:
                    display.warning(f"The warm connection runs modules the ordinary way: {declined.reason}.")
            except Lost as lost:
                raise AnsibleConnectionFailure(str(lost)) from lost
        done: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return done

    def _warm(self) -> bool:
        return bool(self.get_option("warm")) and not self.become and sys.platform == "linux"

    def _run(self, text: str, program: bytes) -> tuple[int, bytes, bytes]:
        command = command_of(text)
        if command is None or command.shell != C.DEFAULT_EXECUTABLE:
            raise Declined("the module's command is not known", quiet=True)
        if command.interpreter != sys.executable:
            raise Declined("a host's ansible_python_interpreter is not the interpreter that runs Ansible")
        try:
            directory = os.fsdecode(self.cwd or Path.cwd())
        except OSError as error:
            raise Declined("the current folder is gone", quiet=True) from error
        task = task_of(program, command, directory, os.environ, current_umask())
        if not self._connected:
            self._connect()

        def announce() -> None:
            display.vvv(f"EXEC {text}", host=self._play_context.remote_addr)

        def start(server: bytes) -> tuple[int, str]:
            code, _output, errors = self._plainly(command, server)
            return code, errors.decode(errors="replace")

        roots = tuple(str(root) for root in AnsibleCollectionConfig.collection_paths)
        code, output, errors = run(Door(Path(C.DEFAULT_LOCAL_TMP) / "warm", roots, start), task, announce)
        if code < 0:
            # A shell has its own words and its own exit code for a signal: let it say them.
            code, _none, words = self._plainly(command, END_BY_SIGNAL.format(number=-code).encode())
            errors += words
        if kept := payloads():
            kept.keep(Path(C.DEFAULT_LOCAL_TMP), task.module, task.archive)
        return code, output, errors

    def _plainly(self, command: Command, program: bytes) -> tuple[int, bytes, bytes]:
        """Run a program as the local connection runs a module."""
        done: tuple[int, bytes, bytes] = super().exec_command(command.plain(), in_data=program, sudoable=False)
        return done
