"""Protocol data units of the upper layer (DICOM PS3.8 9.3), read from a socket into one buffer that never grows."""

from __future__ import annotations

import socket
import struct
import time

HEAD = struct.Struct(">BxI")
ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
RELEASE_RP_PDU = struct.pack(">BxI4x", RELEASE_RP, 4)
RELEASE_RQ_PDU = struct.pack(">BxI4x", RELEASE_RQ, 4)
PDU_S = 30.0
"""From its first byte to its last, a PDU may take this long."""

# Reasons of an A-ABORT by the provider (PS3.8 table 9-26)
NOT_SPECIFIED, UNRECOGNISED, UNEXPECTED, BAD_PARAMETER = 0, 1, 2, 6


class Closed(Exception):
    """The other side is gone without a word, or said nothing for too long."""


class Aborted(Closed):
    """The other side aborted."""


class ProtocolError(Exception):
    """The other side broke the protocol; ``reason`` is what an A-ABORT says of it."""

    def __init__(self, said: str, reason: int = BAD_PARAMETER) -> None:
        super().__init__(said)
        self.reason = reason


def abort_pdu(reason: int, source: int = 2) -> bytes:
    """A-ABORT by the provider (``source`` 2) or the user (0)."""
    return struct.pack(">BxI2xBB", ABORT, 4, source, reason)


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return struct.pack(">BxIxBBB", ASSOCIATE_RJ, 4, result, source, reason)


class Reader:
    """Reads PDUs of at most ``most`` bytes. What it returns is a view that the next call overwrites."""

    def __init__(self, sock: socket.socket, most: int, idle_s: float) -> None:
        self._sock, self._most, self.idle_s = sock, most, idle_s
        self._buffer = bytearray(most + HEAD.size)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    @property
    def has_waiting(self) -> bool:
        """Whether bytes of the next PDU have been read already."""
        return self._end > self._start

    def next(self) -> tuple[int, memoryview]:
        """Type and content of the next PDU. Raises Closed, Aborted, ProtocolError."""
        deadline: float | None = None
        if self._end - self._start < HEAD.size:
            self._fill(HEAD.size, deadline)
            deadline = time.monotonic() + PDU_S
        kind, length = HEAD.unpack_from(self._buffer, self._start)
        if not ASSOCIATE_RQ <= kind <= ABORT:
            raise ProtocolError("That is no PDU.", UNRECOGNISED)
        if length > self._most:
            raise ProtocolError(f"A PDU of {length} bytes is longer than the {self._most} that were agreed.")
        whole = HEAD.size + length
        if self._end - self._start < whole:
            self._fill(whole, deadline or time.monotonic() + PDU_S)
        content = self._view[self._start + HEAD.size : self._start + whole]
        self._start += whole
        if kind == ABORT:
            raise Aborted("The other side aborted.")
        return kind, content

    def _fill(self, wanted: int, deadline: float | None) -> None:
        """Read until ``wanted`` bytes are there."""
        if self._start:
            left = self._end - self._start
            self._buffer[:left] = self._buffer[self._start : self._end]
            self._start, self._end = 0, left
        if deadline is None and self._end:
            deadline = time.monotonic() + PDU_S
        while self._end < wanted:
            try:
                got = self._sock.recv_into(self._view[self._end :])
            except TimeoutError as error:
                raise Closed(f"Nothing came for {self.idle_s:g} seconds.") from error
            except OSError as error:
                raise Closed(str(error)) from error
            if not got:
                raise Closed("The connection ended.")
            self._end += got
            if deadline is None:
                deadline = time.monotonic() + PDU_S
            elif self._end < wanted and time.monotonic() > deadline:
                raise Closed(f"A PDU took longer than {PDU_S:g} seconds.")
