"""Runs a module of the collection as Ansible does, in a process of its own, and returns its result."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import runpy
import sys
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

COLLECTIONS = str(Path(__file__).parents[2] / "collections")
COLLECTION = "amica.stack"

# The processes are forked from one that has already imported what nearly every module imports: most of a run's time.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["boto3", "botocore.validate", "ansible_collections.amazon.aws.plugins.module_utils.modules"]
)


class ModuleFailed(Exception):
    """The module ended with `failed`; `result` is all that it said."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result.get("msg", "no message"))
        self.result = result


def run_module(
    name: str,
    options: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = False,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> dict[str, Any]:
    """The result of one module run, without what Ansible itself adds to it.

    :param name: a module of this collection (`ecs_service`), or another by full name (`amazon.aws.iam_role`).
    :param options: the module's options; its connection options (`endpoint_url`, `region`, ...) are among them.
    :param environment: environment variables beside this process's own.
    :param timeout: seconds after which the run is given up.
    :raises ModuleFailed: when the module failed.
    :raises RuntimeError: when it ended without a result, as a module with a traceback does, or not in time.
    """
    namespace, collection, module = (name if "." in name else f"{COLLECTION}.{name}").split(".")
    path = f"ansible_collections.{namespace}.{collection}.plugins.modules.{module}"
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}
    output = _output_of(path, arguments, {**os.environ, **(environment or {})}, timeout)
    try:
        result: dict[str, Any] = json.loads(output)
    except ValueError:
        raise RuntimeError(f"{name} ended without a result:\n{output}") from None
    result.pop("invocation", None)
    if result.get("failed"):
        raise ModuleFailed(result)
    return result


def _output_of(path: str, arguments: dict[str, Any], environment: dict[str, str], timeout: float) -> str:
    receiver, sender = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_run, args=(sender, path, arguments, environment))
    process.start()
    sender.close()
    try:
        if receiver.poll(timeout):
            return str(receiver.recv())
        return f"nothing in {timeout:g} s"
    except EOFError:
        return "nothing: its process died"
    finally:
        process.kill()
        process.join()
        receiver.close()


def _run(sender: Connection, path: str, arguments: dict[str, Any], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if COLLECTIONS not in sys.path:
        sys.path.insert(0, COLLECTIONS)
    from ansible.module_utils.testing import patch_module_args

    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit), patch_module_args(arguments):
        try:
            runpy.run_module(path, run_name="__main__")
        except Exception:
            output.write(traceback.format_exc())
    sender.send(output.getvalue())


def stack_told(connection: dict[str, Any], name: str) -> dict[str, Any]:
    """What `stack_info` tells of a stack. `connection`: the options by which it reaches AWS."""
    stack: dict[str, Any] = run_module("stack_info", {**connection, "name": name})["stack"]
    return stack
