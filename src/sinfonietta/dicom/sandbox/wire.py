"""What the process for strangers' files and its parent say to each other.

A message is two lengths, a JSON object and raw bytes; nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import orjson

_LENGTHS = struct.Struct("<II")
MAX_HEAD_BYTES = 64 << 20
MAX_BODY_BYTES = 1 << 30


Message = tuple[dict[str, Any], bytes]


class Closed(Exception):
    """The other side is gone."""


class Oversized(Exception):
    """A message is larger than is taken."""


def send(sock: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    """Sends one message. Raises OSError, Oversized."""
    text = orjson.dumps(head)
    if len(text) > MAX_HEAD_BYTES or len(body) > MAX_BODY_BYTES:
        raise Oversized
    sock.sendall(_LENGTHS.pack(len(text), len(body)) + text)
    if body:
        sock.sendall(body)


def receive(sock: socket.socket, deadline: Deadline) -> Message:
    """The next message. Raises Closed, Oversized, TimeoutError, ValueError (not JSON)."""
    head_length, body_length = _LENGTHS.unpack(_exactly(sock, _LENGTHS.size, deadline))
    if head_length > MAX_HEAD_BYTES or body_length > MAX_BODY_BYTES:
        raise Oversized
    head = orjson.loads(_exactly(sock, head_length, deadline))
    return head, bytes(_exactly(sock, body_length, deadline))


class Deadline:
    """How long a socket may take for all of its reads together, in seconds; None: for ever."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def apply(self, sock: socket.socket) -> None:
        """Gives the socket what is left. Raises TimeoutError."""
        if self._end is None:
            sock.settimeout(None)
            return
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)


def _exactly(sock: socket.socket, length: int, deadline: Deadline) -> bytearray:
    data = bytearray(length)
    view, filled = memoryview(data), 0
    while filled < length:
        deadline.apply(sock)
        got = sock.recv_into(view[filled:])
        if not got:
            raise Closed
        filled += got
    return data
