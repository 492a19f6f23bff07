"""Whatever bytes come, the parser says what it found or why it broke off; and what is composed can be read."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.dicom import files

from sinfonietta.dicom.dataset.compose import Bulk, compose
from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.native import Malformed, from_xml, to_xml
from sinfonietta.dicom.dataset.parse import BIG_ENDIAN, EXPLICIT, IMPLICIT, open_dataset, parse
from sinfonietta.dicom.dataset.pixels import frame_bytes
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.dataset.values import KNOWN

JPEG = "1.2.840.10008.1.2.4.50"
SMALL = Limits(depth=8, elements=2000, inflate_bytes=1 << 20)
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = [
    files.encoded(files.image(NumberOfFrames=2, PixelData=bytes(96)), EXPLICIT),
    files.encoded(files.image(), IMPLICIT),
    files.encoded(files.image(), BIG_ENDIAN),
    files.encoded(files.image(), "1.2.840.10008.1.2.1.99"),
    files.compressed([b"\xff\xd8aa", b"bb\xff\xd9"], JPEG, struct.pack("<2I", 0, 12), NumberOfFrames=2),
    files.nested(5),
]  # fmt: skip


def survives(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    header = parse(path, limits=SMALL)
    if header is None:
        return
    assert header.complete or header.problem
    with suppress(Broken), open_dataset(path, header, SMALL) as source:
        for offset, length, _ in header.bulk.values():
            assert 0 <= offset <= offset + length <= source.size
    if header.pixels is not None and header.complete:
        with open_dataset(path, header, SMALL) as source:
            for index in (0, header.pixels.number_of_frames - 1, header.pixels.number_of_frames):
                with suppress(Broken):
                    frame_bytes(source, header.pixels, index)


@QUICK
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8))
def test_some_bytes_are_others(tmp_path: Path, seed: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(seed)
    for at, byte in changes:
        content[132 + at % (len(content) - 132)] = byte
    survives(tmp_path / "file", bytes(content))


@QUICK
@given(st.sampled_from(SEEDS), st.integers(0, 4000), st.integers(0, 4000), st.binary(max_size=40))
def test_a_piece_is_another(tmp_path: Path, seed: bytes, start: int, length: int, piece: bytes) -> None:
    start = 132 + start % (len(seed) - 132)
    survives(tmp_path / "file", seed[:start] + piece + seed[start + length :])


@QUICK
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes(tmp_path: Path, content: bytes, preamble: bool) -> None:
    survives(tmp_path / "file", (bytes(128) + b"DICM" if preamble else b"\x08\x00\x05\x00") + content)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\^="), max_size=12)
values = st.one_of(
    st.fixed_dictionaries({"vr": st.sampled_from(["LO", "SH", "UT", "CS"]), "Value": st.lists(texts, max_size=3)}),
    st.fixed_dictionaries({"vr": st.just("US"), "Value": st.lists(st.integers(0, 65535), max_size=3)}),
    st.fixed_dictionaries({"vr": st.just("FD"), "Value": st.lists(st.floats(allow_nan=False), max_size=3)}),
    st.fixed_dictionaries({"vr": st.just("PN"), "Value": st.lists(st.fixed_dictionaries({"Alphabetic": texts}))}),
)
tags = st.sampled_from(["00100010", "00104000", "00181000", "00280010", "0040A730", "00291010", "00081030"])
trees: Any = st.recursive(
    st.dictionaries(tags, values, max_size=4),
    lambda inner: st.dictionaries(
        tags, values | st.fixed_dictionaries({"vr": st.just("SQ"), "Value": st.lists(inner, max_size=2)}), max_size=3
    ),
    max_leaves=6,
)
IDENTITY = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}, "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "0020000E": {"vr": "UI", "Value": ["1.2.3.1"]},
}  # fmt: skip


@QUICK
@given(trees, st.binary(max_size=9))
def test_what_is_composed_reads_as_what_it_was(tmp_path: Path, tree: dict[str, Any], pixels: bytes) -> None:
    dataset = tree | IDENTITY | {"7FE00010": {"vr": "OW", "BulkDataURI": "x"}}
    (composed,), body = compose([dataset], {"x": Bulk((len(pixels),))})
    assert not composed.problem
    parts = {"bytes": lambda at, count: body[at : at + count], "bulk": lambda *_: pixels}
    (tmp_path / "file").write_bytes(b"".join(parts[kind](*where) for kind, *where in composed.pieces))
    header = parse(tmp_path / "file")
    assert header is not None
    assert header.is_instance, header.problem
    assert set(dataset) <= set(header.json)
    again = from_xml(to_xml(header.json))
    assert set(again) == set(header.json)


junk: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([vr.decode() for vr in KNOWN]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["vr", "Value", "InlineBinary", "BulkDataURI", "0"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@QUICK
@given(st.dictionaries(st.sampled_from(["00080005", "00100010", "00081140", "7FE00010", "x"]), junk, max_size=4))
def test_any_json_is_a_file_or_a_reason(tree: dict[str, Any]) -> None:
    made, _ = compose([tree | IDENTITY, IDENTITY], {})
    assert bool(made[0].pieces) != bool(made[0].problem)
    assert not made[1].problem


@QUICK
@given(st.binary(max_size=60), st.integers(0, 700), st.integers(0, 60))
def test_any_xml_is_a_dataset_or_malformed(piece: bytes, start: int, length: int) -> None:
    whole = to_xml(IDENTITY | {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}})
    with suppress(Malformed):
        assert isinstance(from_xml(whole[:start] + piece + whole[start + length :]), dict)


@pytest.mark.parametrize("text", [b"", b"<a/>", b"<!DOCTYPE a><NativeDicomModel/>", b"<NativeDicomModel>" * 3])
def test_no_model(text: bytes) -> None:
    with pytest.raises(Malformed):
        from_xml(text)
