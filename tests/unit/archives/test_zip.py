"""What honest programs write into a zip that few use: zip64, other compressions, times, names."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import pytest
from tests.support.bad_archives import raw_names

from sinfonietta.archives.formats.entries import Broken, Entry
from sinfonietta.archives.formats.names import is_japanese
from sinfonietta.archives.formats.zip import ZipArchive
from sinfonietta.archives.naming import Places, without_ending


def entries(content: bytes) -> list[Entry]:
    descriptor = os.memfd_create("archive")
    try:
        os.write(descriptor, content)
        return list(ZipArchive(descriptor, "", lambda at: None).entries())
    finally:
        os.close(descriptor)


def test_zip64_by_its_count_of_entries() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(70_000):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    assert b"PK\x06\x06" in stream.getvalue()
    found = entries(stream.getvalue())
    assert [found[0].name, found[-1].name, len(found)] == ["0", "69999", 70_000]
    assert len(entries(b"something before it" + stream.getvalue())) == 70_000


def test_zip64_by_the_size_of_an_entry() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("x", "w", force_zip64=True) as entry:
        entry.write(b"x")
    raw = bytearray(stream.getvalue())
    record = raw.index(b"PK\x01\x02")
    extra = struct.pack("<2HQ", 1, 8, 5 << 30)
    struct.pack_into("<L", raw, record + 24, 0xFFFFFFFF)
    struct.pack_into("<H", raw, record + 30, len(extra))
    end = raw.index(b"PK\x05\x06")
    struct.pack_into("<L", raw, end + 12, end - record + len(extra))
    raw[end:end] = extra
    assert entries(bytes(raw))[0].size_bytes == 5 << 30


def test_times() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("dos", (2024, 2, 29, 12, 30, 8)), b"")
        info = zipfile.ZipInfo("utc")
        info.extra = struct.pack("<2HBl", 0x5455, 5, 1, 1_700_000_001)
        archive.writestr(info, b"")
        archive.writestr(zipfile.ZipInfo("none", (1980, 0, 0, 0, 0, 0)), b"")
    assert [entry.modified for entry in entries(stream.getvalue())] == [1_709_209_808, 1_700_000_001, None]


def test_backslashes_of_a_program_of_windows() -> None:
    raw = raw_names(b"dir\\file.txt")
    made_by = raw.index(b"PK\x01\x02") + 5
    assert entries(raw)[0].name == "dir\\file.txt"
    assert entries(raw[:made_by] + b"\0" + raw[made_by + 1 :])[0].name == "dir/file.txt"


def test_one_part_of_several() -> None:
    raw = bytearray(raw_names(b"a.txt"))
    struct.pack_into("<H", raw, raw.index(b"PK\x05\x06") + 4, 2)
    with pytest.raises(Broken, match="several"):
        entries(bytes(raw))


@pytest.mark.parametrize("text", ["Größe.txt", "Müller/Übersicht.csv", "naïve café.txt", "señor.txt"])
def test_european_names_are_not_japanese(text: str) -> None:
    assert not is_japanese([text.encode("cp437")])
    assert not is_japanese([text.encode("latin-1")])


@pytest.mark.parametrize("text", ["胸部CT.dcm", "テスト.txt", "検査結果/患者一覧.csv"])
def test_japanese_names_are(text: str) -> None:
    assert is_japanese([text.encode("cp932")])


def test_numbers_for_names_that_come_again() -> None:
    places = Places()
    assert [places.free(("a", "x.txt"))[-1] for _ in range(3)] == ["x.txt", "x (2).txt", "x (3).txt"]
    assert places.free(("b", "x.txt")) == ("b", "x.txt")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("study.zip", "study"),
        ("study.tar.gz", "study"),
        ("s.TGZ", "s"),
        ("study", "study unpacked"),
        (".zip", ".zip unpacked"),
    ],
)
def test_what_the_folder_of_an_archive_is_called(name: str, folder: str) -> None:
    assert without_ending(name) == folder
