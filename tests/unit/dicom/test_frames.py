"""Where the frames of a file lie."""

from __future__ import annotations

import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import generate_frames
from tests.unit.dicom import files

from sinfonietta.dicom.dataset.parse import open_dataset, parse
from sinfonietta.dicom.dataset.pixels import frame_bytes
from sinfonietta.dicom.dataset.source import Broken

JPEG = "1.2.840.10008.1.2.4.50"
A, B, C = b"\xff\xd8 aaa", b"bbbb\xff\xd9", b"\xff\xd8 cccc \xff\xd9"


def frames(path: Path, content: bytes) -> list[bytes]:
    (path / "file").write_bytes(content)
    header = parse(path / "file")
    assert header is not None
    assert header.complete
    assert header.pixels is not None
    with open_dataset(path / "file", header) as source:
        return [frame_bytes(source, header.pixels, index) for index in range(header.pixels.number_of_frames)]


def test_one_frame_in_many_fragments(tmp_path: Path) -> None:
    assert frames(tmp_path, files.compressed([A, B, C], JPEG)) == [A + B + C]


def test_one_fragment_a_frame(tmp_path: Path) -> None:
    assert frames(tmp_path, files.compressed([A, B, C], JPEG, NumberOfFrames=3)) == [A, B, C]


def test_by_the_basic_offset_table(tmp_path: Path) -> None:
    table = struct.pack("<2I", 0, 8 + len(A) + 8 + len(B))
    assert frames(tmp_path, files.compressed([A, B, C], JPEG, table, NumberOfFrames=2)) == [A + B, C]


def test_by_the_extended_offset_table(tmp_path: Path) -> None:
    table = struct.pack("<2Q", 0, 8 + len(A))
    content = files.compressed([A, B, C], JPEG, NumberOfFrames=2, ExtendedOffsetTable=table)
    assert frames(tmp_path, content) == [A, B + C]


def test_by_the_end_of_each_jpeg(tmp_path: Path) -> None:
    assert frames(tmp_path, files.compressed([A, B, C], JPEG, NumberOfFrames=2)) == [A + B, C]


@pytest.mark.parametrize("table", [struct.pack("<2I", 0, 3), struct.pack("<2I", 14, 0), struct.pack("<2I", 0, 0)])
def test_a_table_that_lies(tmp_path: Path, table: bytes) -> None:
    with pytest.raises(Broken, match="cannot be told"):
        frames(tmp_path, files.compressed([A, B, C], JPEG, table, NumberOfFrames=2))


def test_no_fragments(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="cannot be told"):
        frames(tmp_path, files.compressed([], JPEG))


def test_fragments_far_apart(tmp_path: Path) -> None:
    parts = [bytes([index]) * 100_000 for index in range(5)]
    assert frames(tmp_path, files.compressed(parts, JPEG, NumberOfFrames=5)) == parts


@pytest.mark.parametrize("name", ["SC_rgb_rle_2frame.dcm", "examples_ybr_color.dcm", "rtdose_rle.dcm"])
def test_frames_are_those_of_pydicom(name: str) -> None:
    header = parse(files.sample(name))
    dataset = pydicom.dcmread(files.sample(name))
    assert header is not None
    assert header.pixels is not None
    expected = list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))
    with open_dataset(files.sample(name), header) as source:
        assert [frame_bytes(source, header.pixels, index) for index in range(len(expected))] == expected
