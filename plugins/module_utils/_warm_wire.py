# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the warm connection and its server say to each other, over a Unix socket.

A conversation is one task. The connection hands over the task's three descriptors and names the payload; the server
asks for the payload's files if it does not know them, and forks. The child takes the task, makes ready and waits for
`go`: before it nothing of the module has run, so whoever loses patience may close the socket and run the task in the
ordinary way. After it the module runs exactly once, and its exit code is the last thing said.
"""

from __future__ import annotations

import array
import json
import os
import socket
import stat
import struct
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOCKET = "socket"
LENGTH = struct.Struct(">Q")
# More than any payload: whoever claims more has gone astray.
MAX_BYTES = 256 * 1024 * 1024
# A server that is importing is slow, one that says nothing for so long is stuck.
PATIENCE_SECONDS = 20.0
# Said by a connection that leaves in its right mind; one that was killed says nothing, and its module ends with it.
FAREWELL = b"\0"
# A shell sets these for the module that it starts; the server was started by the same shell.
SHELL_VARIABLES = ("OLDPWD", "PWD", "SHLVL", "_")


class Declined(Exception):
    """The task has to go the ordinary way; `quiet`: that is as it should be, so nobody needs to hear of it."""

    def __init__(self, reason: str, *, quiet: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.quiet = quiet


class Broken(Exception):
    """The other side is gone, mute or speaks otherwise."""


@dataclass(frozen=True)
class Run:
    """The run that the server belongs to: a process, and its start, as numbers of processes come again."""

    pid: int
    started: str

    @staticmethod
    def of(pid: int) -> Run:
        """:raises OSError: there is no such process."""
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return Run(pid, text.rpartition(")")[2].split()[19])

    def alive(self) -> bool:
        try:
            return Run.of(self.pid) == self
        except OSError:
            return False


def send(channel: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send one frame; the descriptors travel with its first byte.

    :raises OSError: the other side is gone or takes nothing in time.
    """
    head = LENGTH.pack(len(data))
    if descriptors:
        socket.send_fds(channel, [head[:1]], list(descriptors))
        head = head[1:]
    channel.sendall(head + data)


def receive(channel: socket.socket) -> bytes:
    """The next frame.

    :raises Broken: the other side hung up or talks nonsense.
    :raises OSError: it said nothing in time.
    """
    return _exactly(channel, _length(_exactly(channel, LENGTH.size)))


def receive_with_descriptors(channel: socket.socket, count: int) -> tuple[bytes, list[int]]:
    """The next frame and the descriptors that came with it, which do not survive an exec."""
    first, packed, _flags, _address = channel.recvmsg(1, socket.CMSG_SPACE(count * array.array("i").itemsize))
    descriptors = array.array("i")
    for level, kind, data in packed:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    try:
        if len(descriptors) != count:
            raise Broken(f"{len(descriptors)} descriptors came, not {count}")
        data = _exactly(channel, _length(first + _exactly(channel, LENGTH.size - 1)))
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return data, list(descriptors)


def send_words(channel: socket.socket, words: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    send(channel, json.dumps(words).encode(), descriptors)


def words_of(frame: bytes) -> dict[str, Any]:
    """A frame's JSON object.

    :raises Broken: it holds none.
    """
    try:
        words = json.loads(frame)
    except ValueError as error:
        raise Broken("a frame is no JSON") from error
    if not isinstance(words, dict):
        raise Broken("a frame is no object")
    return words


def check_private(folder: Path) -> None:
    """Make sure that nobody else can reach what lies in the folder.

    :raises PermissionError: somebody else owns it, may enter it, or it is a link.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user's alone")


def check_peer(channel: socket.socket) -> None:
    """Make sure that the process at the other end is this user's.

    :raises PermissionError: it is somebody else's.
    """
    peer = struct.Struct("3i")
    _pid, uid, _gid = peer.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, peer.size))
    if uid != os.geteuid():
        raise PermissionError(f"the process at the other end belongs to user {uid}")


def address(folder: int) -> str:
    """The socket in the open folder; a path of its own might be longer than a socket's address can be."""
    return f"/proc/self/fd/{folder}/{SOCKET}"


def _length(head: bytes) -> int:
    length: int = LENGTH.unpack(head)[0]
    if length > MAX_BYTES:
        raise Broken(f"a frame of {length} bytes")
    return length


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = channel.recv(min(count - len(data), 1 << 20))
        if not part:
            raise Broken("the other side hung up")
        data += part
    return bytes(data)
