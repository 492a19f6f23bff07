"""A multipart body read while it arrives (RFC 2046 5.1, RFC 2387): memory stays flat, whatever comes."""

from __future__ import annotations

from typing import IO

from sinfonietta.dicom.errors import BadRequest

BLOCK_BYTES = 1 << 18
LONGEST_HEAD = 8192
LONGEST_PREAMBLE = 4096


class Parts:
    """The parts of a body, one after the other. While a part is open, ``read`` gives its bytes, to its end."""

    def __init__(self, stream: IO[bytes], boundary: bytes) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"
        self._open = False
        self._skip_preamble()

    def _fill(self) -> None:
        block = self._stream.read(BLOCK_BYTES)
        if not block:
            raise BadRequest("The body ends before its closing boundary.")
        self._buffer += block

    def _skip_preamble(self) -> None:
        while (at := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > LONGEST_PREAMBLE + len(self._delimiter) + BLOCK_BYTES:
                raise BadRequest("The body does not begin with its boundary.")
            self._fill()
        self._buffer = self._buffer[at:]

    def next(self) -> dict[str, str] | None:
        """The head of the next part, names in lower case; None at the end. Raises BadRequest."""
        while self._open and self.read(BLOCK_BYTES):
            pass
        at = len(self._delimiter)
        while len(self._buffer) < at + 2:
            self._fill()
        if self._buffer[at : at + 2] == b"--":
            return None
        line = self._find(b"\r\n", at)
        if self._buffer[at:line].strip(b" \t"):
            raise BadRequest("A boundary of the body is damaged.")
        if self._starts(b"\r\n", line + 2):
            head, end = b"", line + 4
        else:
            end = self._find(b"\r\n\r\n", line + 2)
            head, end = self._buffer[line + 2 : end], end + 4
        self._buffer = self._buffer[end:]
        self._open = True
        return _fields(head)

    def _starts(self, mark: bytes, at: int) -> bool:
        while len(self._buffer) < at + len(mark):
            self._fill()
        return self._buffer.startswith(mark, at)

    def _find(self, mark: bytes, start: int) -> int:
        while (at := self._buffer.find(mark, start)) < 0:
            if len(self._buffer) - start > LONGEST_HEAD:
                raise BadRequest("The head of a part is too long.")
            self._fill()
        if at - start > LONGEST_HEAD:
            raise BadRequest("The head of a part is too long.")
        return at

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes of the open part; empty at its end. Raises BadRequest when the body breaks off."""
        while self._open:
            end = self._buffer.find(self._delimiter)
            if end == 0:
                self._open = False
                break
            # What may be the beginning of a boundary waits until it is known whether it is one.
            sure = end if end > 0 else len(self._buffer) - len(self._delimiter) + 1
            if sure > 0:
                take = sure if size < 0 else min(size, sure)
                found, self._buffer = self._buffer[:take], self._buffer[take:]
                return found
            self._fill()
        return b""


def _fields(head: bytes) -> dict[str, str]:
    fields = {}
    for line in filter(None, head.split(b"\r\n")):
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest("The head of a part is damaged.")
        fields[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    return fields
