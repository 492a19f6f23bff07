"""tar, plain or compressed as a whole (gz, bz2, xz, zst), read from front to end by the standard library.

Plain tars are walked by their headers alone; of a compressed one every byte has to be decompressed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

from sinfonietta.archives.formats.entries import (
    BLOCK_BYTES,
    FILE,
    FOLDER,
    LINK,
    OTHER,
    Beat,
    Broken,
    Content,
    Entry,
    NotAnArchive,
    nothing,
)
from sinfonietta.archives.formats.names import decoded

CUT = "It is cut: it ends in the middle."
DAMAGED = (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error, ValueError, ArithmeticError)


class Counted(io.RawIOBase):
    """The file, telling how far it has been read."""

    def __init__(self, descriptor: int, beat: Beat) -> None:
        super().__init__()
        self._file, self._at, self._beat = descriptor, 0, beat
        self._size = max(os.fstat(descriptor).st_size, 1)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        self._at = offset + (self._at if whence == os.SEEK_CUR else self._size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """As of any file."""
        block = os.pread(self._file, len(buffer), self._at)
        buffer[: len(block)] = block
        self._at += len(block)
        self._beat(min(self._at / self._size, 1.0))
        return len(block)


class Beating(io.RawIOBase):
    """Plain bytes of a compressed file; a skip of gigabytes, read from few kilobytes, still shows that we live."""

    def __init__(self, plain: IO[bytes], source: Counted, beat: Beat) -> None:
        super().__init__()
        self._plain, self._source, self._beat = plain, source, beat
        self._size = source._size

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        self._beat(min(self._source.tell() / self._size, 1.0))
        return self._plain.read(size)


def _plain(source: IO[bytes]) -> IO[bytes]:
    return source


def _zstd(source: IO[bytes]) -> IO[bytes]:
    from backports.zstd import ZstdFile  # noqa: PLC0415

    return cast("IO[bytes]", ZstdFile(source))


COMPRESSIONS: tuple[tuple[bytes, str, Callable[[IO[bytes]], IO[bytes]]], ...] = (
    (b"\x1f\x8b", "tar.gz", lambda source: cast("IO[bytes]", gzip.GzipFile(fileobj=source))),
    (b"BZh", "tar.bz2", lambda source: cast("IO[bytes]", bz2.BZ2File(source))),
    (b"\xfd7zXZ\0", "tar.xz", lambda source: cast("IO[bytes]", lzma.LZMAFile(source))),  # noqa: SIM115
    (b"\x28\xb5\x2f\xfd", "tar.zst", _zstd),
)


class TarArchive:
    """A tar in the file ``descriptor``."""

    def __init__(self, descriptor: int, password: str, beat: Beat) -> None:
        self._file, self._beat = descriptor, beat
        head = os.pread(descriptor, 512, 0)
        self.format: str = "tar"
        self._opener: Callable[[IO[bytes]], IO[bytes]] = _plain
        for magic, name, opener in COMPRESSIONS:
            if head.startswith(magic):
                self.format, self._opener = name, opener
        self.problem = ""
        with self._opened() as tar:
            if _first(tar) is None and not any(head):
                raise NotAnArchive("It is no archive.")  # nothing but zeros is also an empty tar

    def _opened(self) -> tarfile.TarFile:
        """With its first header read. Raises NotAnArchive where that cannot be."""
        source = Counted(self._file, self._beat)
        buffered = cast("IO[bytes]", io.BufferedReader(source, BLOCK_BYTES))
        how: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}
        try:
            if self.format == "tar":
                return tarfile.TarFile(fileobj=buffered, **how)
            plain = Beating(self._opener(buffered), source, self._beat)
            return tarfile.open(fileobj=plain, mode="r|", bufsize=BLOCK_BYTES, **how)
        except DAMAGED as error:
            raise NotAnArchive("It is no archive.") from error

    def entries(self) -> Iterator[Entry]:
        """All entries. Raises Broken."""
        with self._opened() as tar:
            yield from (self._entry(number, info) for number, info in enumerate(self._infos(tar)))

    def contents(self, first: int) -> Iterator[tuple[Entry, Content]]:
        """All entries, from ``first`` on with their bytes. Raises Broken."""
        with self._opened() as tar:
            for number, info in enumerate(self._infos(tar)):
                entry = self._entry(number, info)
                yield entry, self._content(tar, info) if number >= first and entry.kind == FILE else nothing()

    def content(self, number: int, locator: int | None) -> Content:
        """The bytes of one entry: at its place in a plain tar, else by decompressing all before it."""
        with self._opened() as tar:
            if locator is not None and self.format == "tar":
                tar.offset, number = locator, 0
                tar.firstmember = None  # type: ignore[attr-defined]
            for at, info in enumerate(self._infos(tar)):
                if at == number:
                    yield from self._content(tar, info)
                    return
        raise Broken("The archive has no such entry.")

    def _infos(self, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        """As iterating the tar, but without keeping what was read, and telling a cut end from the true one."""
        number = 0
        if first := _first(tar):
            yield first
            number = 1
        while True:
            try:
                if tar.offset != tar.fileobj.tell():
                    tar.fileobj.seek(tar.offset - 1)
                    if not tar.fileobj.read(1):
                        raise Broken(CUT)
                info = tar.tarinfo.fromtarfile(tar)
            except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
                return  # the latter: no end mark; some writers leave it out
            except tarfile.TruncatedHeaderError as error:  # type: ignore[attr-defined]
                raise Broken(CUT) from error
            except EOFError as error:
                raise Broken(CUT) from error
            except DAMAGED as error:
                raise Broken(f"It is damaged after {number} entries.") from error
            if info.size < 0 or tar.offset <= info.offset:
                raise Broken(f"It is damaged after {number} entries.")
            yield info
            number += 1

    def _entry(self, number: int, info: tarfile.TarInfo) -> Entry:
        raw = info.name.encode("utf-8", "surrogateescape")
        kind = FILE if info.isreg() else FOLDER if info.isdir() else LINK if info.issym() or info.islnk() else OTHER
        locator = info.offset if self.format == "tar" and not info.pax_headers else None
        size = info.size if kind == FILE else 0
        name = decoded(raw, "cp437").removeprefix("./") + ("/" if kind == FOLDER else "")
        name = "" if name == "./" else name
        return Entry(number, name, kind, size, None, float(info.mtime), is_encrypted=False, locator=locator)

    def _content(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Content:
        try:
            stream = tar.extractfile(info)
            if stream is None:
                raise Broken("It holds no bytes.")
            left = info.size
            while left:
                block = stream.read(min(BLOCK_BYTES, left))
                if not block:
                    raise Broken(CUT)
                left -= len(block)
                yield block
        except DAMAGED as error:
            raise Broken("Its bytes are damaged, or end too early.") from error


def _first(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The entry that opening has read already."""
    return tar.firstmember  # type: ignore[attr-defined,no-any-return]
