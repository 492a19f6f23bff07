"""7z, its headers and decoders by py7zr: entries are compressed together in blocks, decoded from their beginning."""

from __future__ import annotations

import io
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from py7zr import SevenZipFile
from py7zr.compressor import SupportedMethods
from py7zr.exceptions import ArchiveError, Bad7zFile, PasswordRequired, UnsupportedCompressionMethodError

from sinfonietta.archives.formats.decryption import NEEDED, WRONG
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
    Locked,
    NotAnArchive,
    nothing,
)

MAGIC = b"7z\xbc\xaf\x27\x1c"
DAMAGED = (
    ArchiveError, lzma.LZMAError, zlib.error, OSError, EOFError, struct.error, ValueError, IndexError, KeyError,
    TypeError, AttributeError, AssertionError, RuntimeError, UnicodeError,
)  # fmt: skip
"""What the library raises over damaged headers."""
EPOCH_100NS = 116_444_736_000_000_000


class SevenZipArchive:
    """A 7z in the file ``descriptor``; the password opens encrypted blocks, and a directory that is encrypted too."""

    format = "7z"

    def __init__(self, descriptor: int, password: str, beat: Beat) -> None:
        if os.pread(descriptor, len(MAGIC), 0) != MAGIC:
            raise NotAnArchive("It is no 7z.")
        self._beat, self._password = beat, password
        self.problem = ""
        self._file = io.BufferedReader(io.FileIO(os.dup(descriptor)), BLOCK_BYTES)
        try:
            self._archive: Any = SevenZipFile(self._file, password=password or None)
            self._files = list(self._archive.files)
        except PasswordRequired as error:
            raise Locked("Its list of entries is encrypted too; it needs its password.") from error
        except UnsupportedCompressionMethodError as error:
            raise Broken("It is compressed with a method that cannot be read here.") from error
        except DAMAGED as error:
            if password and not isinstance(error, Bad7zFile):
                raise Locked(WRONG, wrong=True) from error
            raise Broken("It is damaged, or cut: its list of entries cannot be read.") from error
        streams = getattr(self._archive.header, "main_streams", None)
        self._folders: list[Any] = list(streams.unpackinfo.folders) if streams else []
        self._positions: list[int] = list(streams.packinfo.packpositions) if streams else []
        self._total = max(sum(one.uncompressed for one in self._files), 1)

    def entries(self) -> Iterator[Entry]:
        """All entries. Raises Broken."""
        return (self._entry(number, one) for number, one in enumerate(self._files))

    def contents(self, first: int) -> Iterator[tuple[Entry, Content]]:
        """All entries, from ``first`` on with their bytes. Raises Broken."""
        return self._walk(first, len(self._files))

    def content(self, number: int, locator: int | None) -> Content:
        """The bytes of one entry, by decoding what is before it in its block."""
        if not 0 <= number < len(self._files):
            raise Broken("The archive has no such entry.")
        for entry, content in self._walk(number, number + 1):
            if entry.number == number:
                yield from content

    def _walk(self, first: int, end: int) -> Iterator[tuple[Entry, Content]]:
        """Entries up to ``end``. Of the block that ``first`` lies in, what is before it is decoded and dropped."""
        folder, bad, done = None, None, 0
        wanted = self._files[first].folder if first < len(self._files) else None
        for number in range(end):
            one = self._files[number]
            entry, content = self._entry(number, one), nothing()
            if not one.emptystream:
                if one.folder is not folder:
                    folder, bad = one.folder, None
                    self._begin(folder)
                if number >= first or one.folder is wanted:
                    content = self._content(one, bad, done)
            if number >= first:
                yield entry, content
            try:
                for _ in content:  # whatever was not asked for, to come to the next one
                    pass
            except Broken as error:
                bad = bad or error  # the rest of the block cannot be decoded either
            done += one.uncompressed

    def _begin(self, folder: Any) -> None:
        self._file.seek(self._archive.afterheader + self._positions[self._folders.index(folder)])
        folder.decompressor = None

    def _content(self, one: Any, bad: Broken | None, done: int) -> Content:
        if bad:
            raise bad
        is_encrypted = _is_encrypted(one)
        if is_encrypted and not self._password:
            raise Locked(NEEDED)
        left, sum_ = one.uncompressed, 0
        try:
            decoder = one.folder.get_decompressor(one.compressed)
            while left:
                block = decoder.decompress(self._file, min(left, BLOCK_BYTES))
                if not block and self._file.tell() >= self._archive.afterheader + self._positions[-1]:
                    raise Broken("Its compressed bytes end too early.")
                left -= len(block)
                sum_ = zlib.crc32(block, sum_)
                self._beat((done + one.uncompressed - left) / self._total)
                if left or one.crc32 is None or sum_ == one.crc32:
                    yield bytes(block)
        except UnsupportedCompressionMethodError as error:
            raise Broken("It is compressed with a method that cannot be read here.") from error
        except DAMAGED as error:
            if is_encrypted:
                raise Locked("The password is wrong, or its bytes are damaged.", wrong=True) from error
            raise Broken("Its compressed bytes are damaged.") from error
        if one.crc32 is not None and sum_ != one.crc32:
            if is_encrypted:
                raise Locked("The password is wrong, or its bytes are damaged.", wrong=True)
            raise Broken("Its checksum is wrong: it is damaged.")

    def _entry(self, number: int, one: Any) -> Entry:
        kind = FOLDER if one.is_directory else LINK if one.is_symlink or one.is_junction else FILE
        if one.is_socket:
            kind = OTHER
        name = str(one.filename) + ("/" if kind == FOLDER else "")
        stamp = one.lastwritetime
        modified = (int(stamp) - EPOCH_100NS) / 10_000_000 if stamp else None
        return Entry(number, name, kind, int(one.uncompressed), None, modified, is_encrypted=_is_encrypted(one))


def _is_encrypted(one: Any) -> bool:
    return one.folder is not None and bool(SupportedMethods.needs_password(one.folder.coders))
