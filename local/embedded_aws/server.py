# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server: MiniStack with its corrections, the front door, the health checks and the task scheduler in one process.

Runs in the environment that the command line makes; its one argument is a JSON object with the fields of `Options`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from typing import TextIO

from embedded_aws.clock import Clock
from embedded_aws.context import ACCOUNT
from embedded_aws.context import Context
from embedded_aws.correction import VERSION
from embedded_aws.correction import OtherMiniStack
from embedded_aws.correction import correct
from embedded_aws.front_door import HEAD_LIMIT
from embedded_aws.front_door import Answer
from embedded_aws.front_door import Door
from embedded_aws.front_door import Head
from embedded_aws.front_door import Upstream

ADDRESS = "127.0.0.1"
# Seconds from a request to the next save; how long the pid file may be held by somebody who only looks.
SAVE_INTERVAL = 10.0
LOCK_PATIENCE = 2.0
# Where the number of API calls is told, by action.
CALLS_PATH = "/_embedded_aws/calls"
# Where the capacity of a Spot task is taken back, by the task's id.
INTERRUPT_PATH = "/_embedded_aws/interrupt/"
logger = logging.getLogger("embedded_aws")


@dataclass(frozen=True)
class Options:
    home: str
    port: int
    region: str
    runtime: str
    wanted_runtime: str
    clock_speed: float
    delays: dict[str, float]
    fingerprint: str
    uv: str = ""


def claim_pid_file(options: Options) -> TextIO:
    """Write down who we are, and hold a lock on it for as long as we live."""
    file = (Path(options.home) / "embedded-aws.pid").open("a+")
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"Another embedded AWS already runs in {options.home}.")
            time.sleep(0.02)
    file.truncate(0)
    json.dump({**vars(options), "pid": os.getpid(), "version": VERSION}, file)
    file.flush()
    return file


def settings(options: Options) -> dict[str, str]:
    """MiniStack reads these from the environment when it is imported."""
    return {
        "GATEWAY_PORT": str(options.port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": options.region,
        "PERSIST_STATE": "1",
        "STATE_DIR": f"{options.home}/state",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": f"{options.home}/state/s3",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_WORKER_THREADS": "16",
    }


def read_secret(value_from: str) -> str:
    """The text behind a container's `valueFrom`: a secret's ARN, perhaps with `:key:stage:version`, or a parameter.

    :raises LookupError: why it cannot be had.
    """
    from ministack.services import secretsmanager
    from ministack.services import ssm

    part = value_from.split(":")
    if len(part) > 6 and part[2] == "secretsmanager":
        key, stage, version_id = (*part[7:], "", "", "")[:3]
        query = {"SecretId": ":".join(part[:7])}
        query.update({name: value for name, value in (("VersionStage", stage), ("VersionId", version_id)) if value})
        reply = secretsmanager._get_secret_value(query)
        body = json.loads(reply[2])
        if reply[0] != 200:
            raise LookupError(f"{body['__type']}: {body.get('message', '')}")
        text = str(body.get("SecretString", ""))
        if not key:
            return text
        try:
            value = json.loads(text)[key]
        except (ValueError, KeyError, TypeError):
            raise LookupError(f"retrieved secret from Secrets Manager did not contain json key {key}") from None
        return value if isinstance(value, str) else json.dumps(value)
    name = value_from.partition(":parameter")[2] if value_from.startswith("arn:") else value_from
    for candidate in (name, name.removeprefix("/")):
        reply = ssm._get_parameter({"Name": candidate, "WithDecryption": True})
        if reply[0] == 200:
            return str(json.loads(reply[2])["Parameter"]["Value"])
    raise LookupError(f"ParameterNotFound: {value_from}")


def put_log_lines(group: str, stream: str, lines: Iterable[tuple[str, float]]) -> None:
    """What PutLogEvents does, without the second copy that it keeps of each event for GetLogRecord."""
    from ministack.services import cloudwatch_logs as logs

    found = logs._log_groups.get(group)
    if found is None:
        raise LookupError(f"ResourceNotFoundException: The specified log group does not exist: {group}")
    if stream not in found["streams"]:
        logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    events = [
        {"timestamp": int(seconds * 1000), "message": text, "ingestionTime": now, "eventId": str(uuid.uuid4())}
        for text, seconds in lines
    ]
    logs._append_log_events(found["streams"][stream], events)
    logs._fanout_to_subscription_filters(group, stream, events)
    logs._fanout_to_live_tail_sessions(group, stream, events)


def correct_services(clock: Clock, options: Options) -> None:
    """The services that need nothing of each other."""
    from embedded_aws import access_logs
    from embedded_aws import autoscaling
    from embedded_aws import calls
    from embedded_aws import certificates
    from embedded_aws import cloudfront
    from embedded_aws import compliance
    from embedded_aws import governance
    from embedded_aws import monitoring
    from embedded_aws import network
    from embedded_aws import queries
    from embedded_aws import quotas
    from embedded_aws import registry
    from embedded_aws import service_connect
    from embedded_aws import small
    from embedded_aws import tagging

    delays = options.delays
    access_logs.install()
    autoscaling.install(clock)
    calls.install()
    certificates.install()
    cloudfront.install(clock, delays.get("cloudfront", 0), delays.get("vpc_origin", 0))
    compliance.install()
    governance.install()
    monitoring.install()
    network.install(clock, delays.get("nat", 0))
    queries.install()
    quotas.install()
    registry.install(Path(options.home) / "registry", options.port)
    service_connect.install()
    small.install()
    tagging.install()


def api_router(
    balancer: Any, edge: Any, port: int, touch: Callable[[], None], interrupt: Callable[[str], bool]
) -> Callable[[Head, str], Awaitable[Answer | Upstream]]:
    """Requests that name a load balancer or a distribution go there, all others to MiniStack on its inner port."""
    from ministack.services import alb

    from embedded_aws import calls
    from embedded_aws import cloudfront

    def listener(name: str, asked: str) -> str:
        """The listener of the load balancer: that of the asked port, else the first that does not redirect."""
        for (_, _, arn), found in list(alb._lbs._data.items()):
            if found["LoadBalancerName"].lower() == name.lower():
                own = [item for item in list(alb._listeners._data.values()) if item["LoadBalancerArn"] == arn]
                redirects = {item["ListenerArn"]: item["DefaultActions"][0]["Type"] == "redirect" for item in own}
                own.sort(key=lambda item: (str(item["Port"]) != asked, redirects[item["ListenerArn"]], item["Port"]))
                return str(own[0]["ListenerArn"]) if own else arn
        return ""

    async def route(head: Head, peer: str) -> Answer | Upstream:
        host, _, asked = head.get("host").partition(":")
        name = host.lower().removesuffix(".alb.localhost") if host.lower().endswith(".alb.localhost") else ""
        if not name and head.target.startswith("/_alb/"):
            name, _, rest = head.target.removeprefix("/_alb/").partition("/")
            head.first = (head.method, f"/{rest}", head.first[2])
        if name and (arn := listener(name, asked)):
            return await balancer.route(arn, head, peer, keep_host=True)  # type: ignore[no-any-return]
        if through := await cloudfront.route(host, head, peer, edge):
            return through
        if head.target == CALLS_PATH:
            return Answer(200, json.dumps(calls.counted).encode(), (("Content-Type", "application/json"),))
        if head.method == "POST" and head.target.startswith(INTERRUPT_PATH):
            done = await asyncio.to_thread(interrupt, head.target.removeprefix(INTERRUPT_PATH))
            return Answer(204 if done else 404)
        touch()
        return Upstream(ADDRESS, port)

    return route


async def saving(asked: asyncio.Event, save: Callable[[], None]) -> None:
    """Keep what changed soon after a request, so that a machine that loses power loses little."""
    while True:
        await asked.wait()
        asked.clear()
        await asyncio.sleep(SAVE_INTERVAL)
        await asyncio.to_thread(save)


async def serve(options: Options) -> None:
    import ministack.app as ministack
    from hypercorn.asyncio import serve as serve_application
    from hypercorn.config import Config

    from embedded_aws import autoscaling
    from embedded_aws import ecs
    from embedded_aws import elbv2
    from embedded_aws.access_logs import AccessLogs
    from embedded_aws.balancer import Balancer
    from embedded_aws.cloudfront import Edge
    from embedded_aws.ecs.choose import choose
    from embedded_aws.minutes import Minutes
    from embedded_aws.targets import Targets

    home = Path(options.home)
    clock = Clock(options.clock_speed)
    # Tasks run by our own runtimes: MiniStack's search for containers of its own would only cost, or remove ours.
    ministack._docker_socket_present = lambda: False
    targets = Targets(clock)
    logs = AccessLogs(clock, options.delays.get("access_logs", 0))
    balancer = Balancer(targets, logs)
    edge = Edge(logs)
    ports = elbv2.Ports(balancer, home)

    asked = asyncio.Event()
    saves = threading.Lock()

    @correct(ministack, "save_all")
    def save_all(original: Any, states: Any) -> None:
        """One save at a time: also that at the end."""
        with saves:
            original(states)

    def save() -> None:
        ministack.save_all(ministack._build_persistence_save_dict())

    elbv2.install(targets, ports, clock, options.delays.get("alb", 0))
    correct_services(clock, options)
    runtime = choose(options.runtime, home, Path(options.uv) if options.uv else None)
    context = Context(
        home=home,
        port=options.port,
        region=options.region,
        clock=clock,
        runtime=runtime,
        delays=options.delays,
        register_target=lambda group, address, port: targets.register(group, address, port, owner="ecs"),
        deregister_target=targets.deregister,
        target_state=targets.state,
        put_log_lines=put_log_lines,
        read_secret=read_secret,
    )
    scheduler = ecs.install(context)

    async def ending() -> None:
        """The tasks end first, so that what they say at their end is saved too."""
        await ended.wait()
        await asyncio.to_thread(scheduler.close)

    inner = socket.socket()
    inner.bind((ADDRESS, 0))
    config = Config()
    config.bind = [f"fd://{inner.fileno()}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.graceful_timeout = 1
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    application = asyncio.create_task(serve_application(ministack.app, config, shutdown_trigger=ending))
    inner_port = inner.getsockname()[1]
    await asyncio.wait([application, asyncio.create_task(answering(inner_port))], return_when=asyncio.FIRST_COMPLETED)
    door = Door(api_router(balancer, edge, inner_port, asked.set, scheduler.interrupt))
    front = await asyncio.start_server(door, ADDRESS, options.port, limit=HEAD_LIMIT)
    scheduler.start()
    minutes = Minutes(clock, scheduler, targets, balancer, edge)
    looks = [logs.watch(), ports.watch(), targets.watch(lambda: not ended.is_set()), autoscaling.watch(clock)]
    rest = [*looks, minutes.watch(), saving(asked, save)]
    tasks = [asyncio.create_task(part) for part in rest]
    try:
        await application
    finally:
        front.close()
        for task in tasks:
            task.cancel()


async def answering(port: int) -> None:
    """Returns once something listens on the port."""
    while True:
        try:
            _, writer = await asyncio.open_connection(ADDRESS, port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.02)


def main() -> None:
    options = Options(**json.loads(sys.argv[1]))
    if version("ministack") != VERSION:
        sys.exit(
            f"The embedded AWS is made for MiniStack {VERSION}, but {sys.prefix} holds {version('ministack')}: "
            "delete that folder and start again."
        )
    held = claim_pid_file(options)
    os.environ.update(settings(options))
    try:
        asyncio.run(serve(options))
    except OtherMiniStack as problem:
        sys.exit(str(problem))
    finally:
        held.close()


if __name__ == "__main__":
    main()
