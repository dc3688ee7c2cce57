# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small application that its environment tells how to fail.

VERSION is what it answers, STATUS the HTTP status of its answers (with WELL, not of those to /health), SAY a line for
its log. CRASH ends it with that exit code at once. With EXIT_AFTER it answers nothing and ends with 9 after so many
seconds, as one that waits for a database that is not there; with KILL_AFTER it is killed after so many.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        well = self.path == "/health" and "WELL" in os.environ
        self.send_response(200 if well else int(os.environ.get("STATUS", "200")))
        self.end_headers()
        self.wfile.write(os.environ.get("VERSION", "").encode())

    def log_message(self, *_arguments: object) -> None:
        pass


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("starting", os.environ.get("VERSION", ""), flush=True)
    if "SAY" in os.environ:
        print(os.environ["SAY"], flush=True)
    if "CRASH" in os.environ:
        sys.exit(int(os.environ["CRASH"]))
    if "EXIT_AFTER" in os.environ:
        time.sleep(float(os.environ["EXIT_AFTER"]))
        sys.exit(9)
    if "KILL_AFTER" in os.environ:
        time.sleep(float(os.environ["KILL_AFTER"]))
        os.kill(os.getpid(), signal.SIGKILL)
    ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
