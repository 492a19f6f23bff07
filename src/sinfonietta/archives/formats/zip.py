"""zip, by its central directory (APPNOTE 6.3.10): zip64, data before it, all names; nothing it says is believed.

Entries may not overlap: that is how a few megabytes pretend to be petabytes (CVE-2019-13232, David Fifield).
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sinfonietta.archives.formats.codecs import decompress
from sinfonietta.archives.formats.decryption import NEEDED, aes, pkzip
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
from sinfonietta.archives.formats.names import decoded, is_japanese

RECORD = struct.Struct("<4s4B4HL2L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")
LONGEST_COMMENT = 0xFFFF
WINDOW_BYTES = 4 << 20
LARGEST_DIRECTORY = 512 << 20
ENCRYPTED, STRONG, STREAMED, UTF8 = 0x1, 0x40, 0x8, 0x800
AES_METHOD = 99
MSDOS, UNIX, MACOS = 0, 3, 19
OVERLAP = "Entries of it overlap: it was built to look far larger than it is."
KINDS = {0o100000: FILE, 0o040000: FOLDER, 0o120000: LINK, 0: FILE}


@dataclass
class Record:
    """A central directory header, its zip64 fields applied."""

    at: int
    host: int
    flags: int
    method: int
    dos: int
    crc: int
    compressed: int
    size: int
    attributes: int
    offset: int
    raw_name: bytes
    extra: bytes

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & ENCRYPTED)


@dataclass(frozen=True)
class Directory:
    """Where the central directory is, and how far everything is from where it says (data before the archive)."""

    start: int
    length: int
    count: int
    shift: int


class ZipArchive:
    """A zip in the file ``descriptor``; the password opens encrypted entries."""

    format = "zip"

    def __init__(self, descriptor: int, password: str, beat: Beat) -> None:
        self._file, self._beat = descriptor, beat
        self._password = password.encode()
        self._size = os.fstat(descriptor).st_size
        self._directory = self._find()
        self._legacy = ""
        self.problem = ""

    def entries(self) -> Iterator[Entry]:
        """All entries, in the order of the directory. Raises Broken; ``problem`` is known at the end."""
        places = array("Q"), array("Q")
        for number, record in enumerate(self._records()):
            places[0].append(record.offset)
            places[1].append(record.offset + LOCAL.size + len(record.raw_name) + record.compressed)
            yield self._entry(number, record)
        self.problem = OVERLAP if _overlap(*places, self._directory) else ""

    def contents(self, first: int) -> Iterator[tuple[Entry, Content]]:
        """All entries, from ``first`` on with their bytes. Raises Broken, for overlaps before the first one."""
        for _ in self.entries():
            pass
        if self.problem:
            raise Broken(self.problem)
        for number, record in enumerate(self._records()):
            entry = self._entry(number, record)
            yield entry, self._content(record) if number >= first and entry.kind == FILE else nothing()

    def content(self, number: int, locator: int | None) -> Content:
        """The bytes of one entry, by the place of its record."""
        window = os.pread(self._file, RECORD.size + 3 * 0xFFFF, locator or 0)
        found = _record(window, 0, locator or 0)
        if found is None:
            raise Broken("The archive has no such entry.")
        return self._content(self._shifted(found[0]))

    # The directory
    def _find(self) -> Directory:
        tail_at = max(0, self._size - END.size - LONGEST_COMMENT)
        tail = os.pread(self._file, self._size - tail_at, tail_at)
        at = tail.rfind(b"PK\x05\x06")
        while at >= 0 and len(tail) - at < END.size:
            at = tail.rfind(b"PK\x05\x06", 0, at)
        if at < 0:
            if os.pread(self._file, 4, 0) == b"PK\x03\x04":
                raise Broken("It is cut: its directory, which is at the end of a zip, is missing.")
            raise NotAnArchive("It is no zip.")
        _, disk, start_disk, _, count, length, start, _ = END.unpack_from(tail, at)
        end = tail_at + at
        found = self._find64(end)
        if found:
            disk, start_disk, count, length, start, end = found
        if disk != start_disk or disk not in (0, 0xFFFF):
            raise Broken("It is one part of an archive in several; they cannot be read here.")
        true_start = end - length
        if length > LARGEST_DIRECTORY or true_start < 0 or start > true_start or count * RECORD.size > length:
            raise Broken("Its directory is not where it says.")
        return Directory(true_start, length, count, true_start - start)

    def _find64(self, end: int) -> tuple[int, int, int, int, int, int] | None:
        locator = os.pread(self._file, LOCATOR64.size, max(0, end - LOCATOR64.size))
        if len(locator) < LOCATOR64.size or locator[:4] != b"PK\x06\x07":
            return None
        said = LOCATOR64.unpack(locator)[2]
        for at in (said, end - LOCATOR64.size - END64.size):  # the latter where something stands before the archive
            record = os.pread(self._file, END64.size, at) if 0 <= at < self._size else b""
            if len(record) == END64.size and record[:4] == b"PK\x06\x06":
                _, _, _, _, disk, start_disk, _, count, length, start = END64.unpack(record)
                return disk, start_disk, count, length, start, at
        raise Broken("Its zip64 directory is not where it says.")

    def _records(self) -> Iterator[Record]:
        at, end, seen = self._directory.start, self._directory.start + self._directory.length, 0
        while at < end:
            window = os.pread(self._file, min(WINDOW_BYTES, end - at), at)
            records, used = self._window(window, at)
            if not records:
                raise Broken(f"Its directory is damaged after {seen} entries.")
            if not self._legacy:
                odd = [one.raw_name for one in records if not one.flags & UTF8 and _is_odd(one.raw_name)]
                self._legacy = "" if not odd else "cp932" if is_japanese(odd) else "cp437"
            yield from records
            seen += len(records)
            at += used
        if seen != self._directory.count and seen & 0xFFFF != self._directory.count:  # the count may have overflown
            raise Broken(f"It has {seen} entries, and says {self._directory.count}.")

    def _window(self, window: bytes, at: int) -> tuple[list[Record], int]:
        records, used = [], 0
        while found := _record(window, used, at + used):
            records.append(self._shifted(found[0]))
            used += found[1]
        return records, used

    def _shifted(self, record: Record) -> Record:
        record.offset += self._directory.shift
        return record

    def _entry(self, number: int, record: Record) -> Entry:
        name = self._name(record)
        kind = _kind(record, name)
        if kind == FOLDER and not name.endswith("/"):
            name += "/"
        return Entry(
            number, name, kind, record.size, record.compressed, _modified(record), record.is_encrypted,
            record.at,
        )  # fmt: skip

    def _name(self, record: Record) -> str:
        if not record.flags & UTF8 and record.extra and not record.raw_name.isascii():
            said = _extra(record.extra, 0x7075)  # Info-ZIP Unicode Path: version, CRC of the name it replaces, UTF-8
            if said and len(said) > 5 and struct.unpack_from("<L", said, 1)[0] == zlib.crc32(record.raw_name):
                return said[5:].decode("utf-8", "replace")
        name = decoded(record.raw_name, "cp437" if record.flags & UTF8 else self._legacy or "cp437")
        return name.replace("\\", "/") if record.host == MSDOS and "/" not in name else name  # .NET wrote it so

    # The bytes
    def _content(self, record: Record) -> Content:
        local = os.pread(self._file, LOCAL.size, record.offset)
        if len(local) < LOCAL.size or local[:4] != b"PK\x03\x04":
            raise Broken("Its bytes are not where the directory says.")
        name_length, extra_length = struct.unpack_from("<2H", local, 26)
        start = record.offset + LOCAL.size + name_length + extra_length
        if start + record.compressed > self._directory.start:
            raise Broken("Its bytes are not where the directory says.")
        blocks = self._blocks(start, record.compressed)
        method, checks_crc = record.method, True
        if record.is_encrypted:
            blocks, method, checks_crc = self._decrypted(record, blocks)
        yield from _checked(decompress(method, blocks), record.size, record.crc if checks_crc else None)

    def _decrypted(self, record: Record, blocks: Content) -> tuple[Content, int, bool]:
        if not self._password:
            raise Locked(NEEDED)
        if record.flags & STRONG:
            raise Broken("It is encrypted in a way that cannot be read here.")
        if record.method == AES_METHOD:
            said = _extra(record.extra, 0x9901)
            if not said or len(said) < 7:
                raise Broken("It is encrypted in a way that cannot be read here.")
            version, _, strength, method = struct.unpack_from("<H2sBH", said)
            return aes(blocks, self._password, strength, record.compressed), method, version == 1
        check = record.dos >> 8 & 0xFF if record.flags & STREAMED else record.crc >> 24
        return pkzip(blocks, self._password, check), record.method, True

    def _blocks(self, start: int, length: int) -> Content:
        end = start + length
        while start < end:
            block = os.pread(self._file, min(BLOCK_BYTES, end - start), start)
            if not block:
                raise Broken("Its bytes end too early.")
            start += len(block)
            self._beat(start / max(self._directory.start, 1))
            yield block


def _record(window: bytes, at: int, place: int) -> tuple[Record, int] | None:
    """The header at a place of a window, and its length; None where it is none or not all of it is there."""
    if len(window) - at < RECORD.size:
        return None
    (signature, _, host, _, _, flags, method, time, date, crc, compressed, size, name_length, extra_length,
     comment_length, _, _, attributes, offset) = RECORD.unpack_from(window, at)  # fmt: skip
    length = RECORD.size + name_length + extra_length + comment_length
    if signature != b"PK\x01\x02" or len(window) - at < length:
        return None
    name_at = at + RECORD.size
    extra_at = name_at + name_length
    name, extra = window[name_at:extra_at], window[extra_at : extra_at + extra_length]
    if size == 0xFFFFFFFF or compressed == 0xFFFFFFFF or offset == 0xFFFFFFFF:
        size, compressed, offset = _wide(extra, size, compressed, offset)
    found = Record(
        place, host, flags, method, date << 16 | time, crc, compressed, size, attributes, offset, name, extra
    )
    return found, length


def _wide(extra: bytes, *values: int) -> list[int]:
    """Sizes and offset, those that do not fit 32 bits from the zip64 field, in its order."""
    said = _extra(extra, 1) or b""
    found, at = [], 0
    for value in values:
        if value == 0xFFFFFFFF and len(said) - at >= 8:
            found.append(struct.unpack_from("<Q", said, at)[0])
            at += 8
        else:
            found.append(value)
    return [min(value, 1 << 62) for value in found]


def _extra(extra: bytes, wanted: int) -> bytes | None:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None


def _overlap(starts: array[int], ends: array[int], directory: Directory) -> bool:
    last = 0
    for at in sorted(range(len(starts)), key=starts.__getitem__):
        if starts[at] < last or ends[at] > directory.start:
            return True
        last = ends[at]
    return False


def _is_odd(raw: bytes) -> bool:
    if raw.isascii():
        return False
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


def _kind(record: Record, name: str) -> str:
    if name.endswith("/"):
        return FOLDER
    if record.host not in (UNIX, MACOS):
        return FOLDER if record.attributes & 0x10 and not record.size else FILE
    return KINDS.get(record.attributes >> 16 & 0o170000, OTHER)


def _modified(record: Record) -> float | None:
    """From the extended timestamp (UTC) where there is one, else the time of MS-DOS, which knows no time zone."""
    if record.extra and (said := _extra(record.extra, 0x5455)) and said[0] & 1 and len(said) >= 5:
        return float(struct.unpack_from("<l", said, 1)[0])
    return _dos(record.dos)


@lru_cache(maxsize=4096)
def _dos(stamp: int) -> float | None:
    date, time = stamp >> 16, stamp & 0xFFFF
    year, month, day = (date >> 9) + 1980, date >> 5 & 15, date & 31
    if not 1 <= month <= 12 or not day:
        return None
    return float(timegm((year, month, day, time >> 11, time >> 5 & 63, (time & 31) * 2)))


def _checked(blocks: Content, size: int, crc: int | None) -> Content:
    """The blocks, while they are what the directory declares. Raises Broken; the last one comes only if all was."""
    seen, sum_, held = 0, 0, b""
    for block in blocks:
        if not block:
            continue
        seen += len(block)
        if seen > size:
            raise Broken(f"It is larger than the {size} bytes that the archive declares.")
        sum_ = zlib.crc32(block, sum_)
        if held:
            yield held
        held = block
    if seen != size:
        raise Broken(f"It has {seen} bytes, and the archive declares {size}.")
    if crc is not None and sum_ != crc:
        raise Broken("Its checksum is wrong: it is damaged.")
    if held:
        yield held
