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
TOGETHER_BYTES = 1 << 16
"""A message of up to this size is one call of the system on either side."""


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
    first = _LENGTHS.pack(len(text), len(body)) + text
    if len(first) + len(body) <= TOGETHER_BYTES:  # who waits for it is woken once
        sock.sendall(first + body)
    else:
        sock.sendall(first)
        sock.sendall(body)


def receive(sock: socket.socket, deadline: Deadline) -> Message:
    """The next message. Raises Closed, Oversized, TimeoutError, ValueError (not JSON)."""
    deadline.apply(sock)
    there = bytearray(sock.recv(TOGETHER_BYTES))
    if not there:
        raise Closed
    there += _exactly(sock, _LENGTHS.size - len(there), deadline)
    head_length, body_length = _LENGTHS.unpack_from(there)
    if head_length > MAX_HEAD_BYTES or body_length > MAX_BODY_BYTES:
        raise Oversized
    body_at = _LENGTHS.size + head_length
    there += _exactly(sock, body_at + body_length - len(there), deadline)
    return orjson.loads(there[_LENGTHS.size : body_at]), bytes(there[body_at:])


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
    data = bytearray(max(0, length))
    view, filled = memoryview(data), 0
    while filled < length:
        deadline.apply(sock)
        got = sock.recv_into(view[filled:])
        if not got:
            raise Closed
        filled += got
    return data
