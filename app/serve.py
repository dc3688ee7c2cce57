# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the chat as a load balancer and ECS want it: `python serve.py`.

`chainlit run` knows no keep-alive, no forwarded headers and no grace: at SIGTERM it cuts the answers in progress.
Chainlit's `mount_chainlit` would skip its start and stop hooks. So this runs Chainlit's own application.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable
from collections.abc import Callable
from pathlib import Path

import settings

APP = Path(__file__).resolve().with_name("app.py")
# What uvicorn gives connections to close once the answers are finished, in seconds.
GRACE_SECONDS = 5

log = logging.getLogger("app")


async def drain(
    busy: Callable[[], int],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Wait until no answer is in progress, at most so many seconds; return how many are cut."""
    end = clock() + seconds
    while busy() and clock() < end:
        await sleep(0.1)
    return busy()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket with the address; it takes no connections yet. Raises OSError if the address is not to be had."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def serve(wanted: settings.Settings, listener: socket.socket) -> None:
    """Run until SIGTERM; Chainlit ends the process with exit code 0, whatever happened."""
    os.environ.setdefault("CHAINLIT_APP_ROOT", str(APP.parent))
    os.environ.setdefault("TRACELOOP_TELEMETRY", "false")  # of a library that comes with Chainlit
    # These take seconds of CPU, so they come after settings and signals.
    import chainlit.cli
    import chainlit.config
    import chainlit.server
    import traces
    import uvicorn
    from chainlit.session import ws_sessions_id

    # Chainlit fixes the folder beside the app, which is read-only in the image.
    wanted.files_directory.mkdir(parents=True, exist_ok=True)
    chainlit.config.FILES_DIRECTORY = chainlit.server.FILES_DIRECTORY = wanted.files_directory
    run = chainlit.config.config.run
    run.host, run.port, run.headless, run.module_name = wanted.host, wanted.port, True, str(APP)
    chainlit.config.load_module(str(APP))
    chainlit.cli.ensure_jwt_secret()
    chainlit.cli.assert_app()

    def answers_in_progress() -> int:
        tasks = [session.current_task for session in ws_sessions_id.values()]
        return sum(1 for task in tasks if task and not task.done())

    class Server(uvicorn.Server):  # type: ignore[misc]
        async def shutdown(self, sockets: object = None) -> None:
            chainlit.server.app.state.health.draining = True
            log.info("draining", extra={"answers": answers_in_progress()})
            started = time.monotonic()
            cut = await drain(answers_in_progress, wanted.drain_seconds)
            log.info("drained", extra={"answers_cut": cut, "seconds": round(time.monotonic() - started, 1)})
            if wanted.traces:
                # On a thread, and no longer than that: the collector may be gone.
                await asyncio.wait([asyncio.create_task(asyncio.to_thread(traces.flush))], timeout=GRACE_SECONDS)
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            chainlit.server.app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=wanted.forwarded_allow_ips,
            timeout_keep_alive=wanted.keep_alive_seconds,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws_max_size=wanted.max_body_bytes,
        )
    )
    log.info("starting", extra={"version": wanted.version, "host": wanted.host, "port": wanted.port})
    asyncio.run(server.serve([listener]))


def main() -> int:
    # A container's first process ignores SIGTERM until somebody handles it, and uvicorn does only after the imports.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    wanted = settings.start()
    try:
        listener = bind(wanted.host, wanted.port)
    except OSError as error:
        log.critical("cannot listen on %s:%s: %s", wanted.host, wanted.port, error.strerror)
        return 1
    serve(wanted, listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
