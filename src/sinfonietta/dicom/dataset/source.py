"""The bytes of a dataset, read through a window: a header costs one read, pixel data none."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

WINDOW_BYTES = 64 << 10
CHUNK_BYTES = 256 << 10


class Broken(Exception):
    """The dataset does not parse to its end; the message says why, for a person."""


class FileSource:
    """A dataset that lies in a file as it is. ``size`` in bytes; offsets are those of the file."""

    seekable = True

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size
        self.base = 0
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``; raises Broken where the file ends before."""
        data = os.pread(self._fd, length, offset)
        while len(data) < length:  # a read of more than 2 GiB comes in pieces
            more = os.pread(self._fd, length - len(data), offset + len(data))
            if not more:
                raise Broken(f"The file ends {offset + length - self.size:,} bytes too early.")
            data += more
        return data

    def at(self, offset: int, length: int) -> int:
        """Where in ``buffer`` the bytes from ``offset`` lie; moves the window if need be. Raises Broken at the end."""
        index = offset - self.base
        if index >= 0 and index + length <= len(self.buffer):
            return index
        if offset + length > self.size:
            raise Broken(f"The file ends {offset + length - self.size:,} bytes too early.")
        self.buffer = self.read(offset, min(max(length, WINDOW_BYTES), self.size - offset))
        self.base = offset
        return 0


class InflatedSource(FileSource):
    """A deflated dataset (DICOM PS3.5 A.5), inflated while it is read: memory stays flat, however large it becomes.

    Offsets are those of the inflated bytes. Raises Broken when it expands beyond ``limit`` bytes or is damaged.
    """

    seekable = False

    def __init__(self, path: Path, start: int, limit: int) -> None:
        super().__init__(path)
        self._start = start
        self._rewind()
        try:
            self.size = self._measure(limit)
        except Broken:
            os.close(self._fd)
            raise
        self._rewind()

    def _measure(self, limit: int) -> int:
        while self._advance():
            if self._position > limit:
                raise Broken(f"The compressed dataset expands beyond the limit of {limit >> 20} MiB.")
        if not self._inflate.eof:
            raise Broken("The compressed dataset breaks off.")
        return self._position

    def _rewind(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._fed = self._start
        self._position = 0  # of the byte after ``_piece``
        self._piece = b""

    def _advance(self) -> bool:
        """Makes the next piece; False at the end."""
        while not self._inflate.eof:
            data = self._inflate.unconsumed_tail
            if not data:
                data = os.pread(self._fd, CHUNK_BYTES, self._fed)
                self._fed += len(data)
                if not data:
                    return False
            try:
                self._piece = self._inflate.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise Broken("The compressed dataset is damaged.") from error
            self._position += len(self._piece)
            if self._piece:
                return True
        return False

    def read(self, offset: int, length: int) -> bytes:
        """As for a file; going back begins again from the start."""
        if offset < self._position - len(self._piece):
            self._rewind()
        found = bytearray()
        while len(found) < length:
            skip = offset + len(found) - (self._position - len(self._piece))
            if skip < len(self._piece):
                found += self._piece[skip : skip + length - len(found)]
            elif not self._advance():
                raise Broken(f"The dataset ends {offset + length - self.size:,} bytes too early.")
        return bytes(found)


Source = FileSource
