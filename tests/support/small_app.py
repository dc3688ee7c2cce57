# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A very small application, pushed to the embedded AWS's registry the way `app_image` pushes a real one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Answers its VERSION and KEY, and in a header its address; CRASH is an exit code at start, SICK answers 503.
PROGRAM = """\
import http.server, os, signal, sys
print("starting", os.environ.get("VERSION"), flush=True)
if "CRASH" in os.environ:
    sys.exit(int(os.environ["CRASH"]))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if "SICK" in os.environ else 200)
        self.send_header("Task", os.environ["HOST"])
        self.end_headers()
        self.wfile.write(" ".join(os.environ.get(name, "-") for name in ("VERSION", "KEY")).encode())
    def log_message(self, *args):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def push(endpoint: str, repository: str, tag: str, program: str = PROGRAM) -> str:
    """Push the program under this tag; answers the digest."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("app/serve.py", program), ("app/requirements.lock", "")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["python", "serve.py"], "WorkingDir": "/app", "Env": ["PORT=8080"]},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    parts = []
    for kind, blob in (
        ("application/vnd.oci.image.config.v1+json", json.dumps(image).encode()),
        ("application/vnd.oci.image.layer.v1.tar+gzip", packed.getvalue()),
    ):
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        where = _send("POST", f"{endpoint}/v2/{repository}/blobs/uploads/")
        where = where if where.startswith("http") else endpoint + where
        _send("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", blob, "application/octet-stream")
        parts.append({"mediaType": kind, "digest": digest, "size": len(blob)})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.amica.app.v1",
        "config": parts[0],
        "layers": parts[1:],
    }
    body = json.dumps(manifest).encode()
    _send("PUT", f"{endpoint}/v2/{repository}/manifests/{tag}", body, MANIFEST)
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _send(method: str, url: str, body: bytes = b"", kind: str = "text/plain") -> str:
    """Answers the Location."""
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.headers.get("Location", ""))
