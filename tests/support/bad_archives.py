"""Archives that no honest program makes."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib


def zeros(size_bytes: int, name: str = "zeros.bin") -> bytes:
    """A zip of one entry of zeros, a thousandth of it large."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open(name, "w", force_zip64=True) as entry,
    ):
        for _ in range(size_bytes >> 20):
            entry.write(bytes(1 << 20))
    return stream.getvalue()


def overlapping(count: int = 1000) -> bytes:
    """So many records in the directory, all of one local header."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", bytes(1 << 20))
    raw = stream.getvalue()
    directory = raw.index(b"PK\x01\x02")
    one = raw[directory : raw.index(b"PK\x05\x06")]
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(one) * count, directory, 0)
    return raw[:directory] + one * count + b"PK\x05\x06" + end


LOCAL, RECORD = struct.Struct("<4s5H3L2H"), struct.Struct("<4s4B4H3L5H2L")


def quoted(count: int = 50) -> bytes:
    """David Fifield's construction: each local header but the last is quoted as a stored block of the entry before."""
    plain = bytes(1 << 20)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = deflate.compress(plain) + deflate.flush()
    records: list[tuple[bytes, int, int, int]] = []
    for number in reversed(range(count)):
        name = f"{number:03}.bin".encode()
        crc, size = zlib.crc32(plain), len(plain)
        head = LOCAL.pack(b"PK\x03\x04", 20, 0, 8, 0, 0x21, crc, len(data), size, len(name), 0) + name
        records.insert(0, (name, crc, len(data), size))
        start, plain = head + data, head + plain
        data = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + start
    directory, offset = b"", 0
    for name, crc, length, size in records:
        directory += RECORD.pack(
            b"PK\x01\x02", 20, 0, 20, 0, 0, 8, 0, 0x21, crc, length, size, len(name), 0, 0, 0, 0, 0, offset
        )
        directory += name
        offset += LOCAL.size + len(name) + 5
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(start), 0)
    return start + directory + b"PK\x05\x06" + end


def lying(size_bytes: int, declared: int) -> bytes:
    """An entry that says in the directory that it has another size."""
    raw = bytearray(zeros(size_bytes))
    struct.pack_into("<I", raw, raw.index(b"PK\x01\x02") + 24, declared)
    return bytes(raw)


def with_names(*names: str, link: str = "") -> bytes:
    """A zip with entries of any names; ``link`` is a symbolic link to /etc/passwd."""
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w") as archive:
        for number, name in enumerate(names):
            info = zipfile.ZipInfo("x")
            info.filename = name  # ZipInfo would cut it at a NUL
            archive.writestr(info, f"content {number}")
        if link:
            info = zipfile.ZipInfo(link)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def raw_names(*names: bytes) -> bytes:
    """A zip whose names are bytes of an encoding that it does not tell."""
    places = [f"{number:0{len(name)}}" for number, name in enumerate(names)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for place in places:
            archive.writestr(place, "x")
    raw = stream.getvalue()
    for place, name in zip(places, names, strict=True):
        raw = raw.replace(place.encode(), name)
    return raw


def nasty_tar() -> bytes:
    """Links, a device, climbing and absolute names, beside a good file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:

        def add(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            archive.addfile(info, io.BytesIO(content))

        add("good.txt", content=b"good")
        add("link", tarfile.SYMTYPE, "/etc/passwd")
        add("link/through.txt", content=b"through the link")
        add("hard", tarfile.LNKTYPE, "good.txt")
        add("device", tarfile.CHRTYPE)
        add("pipe", tarfile.FIFOTYPE)
        add("../climbs.txt", content=b"climbs")
        add("/absolute.txt", content=b"absolute")
    return stream.getvalue()
