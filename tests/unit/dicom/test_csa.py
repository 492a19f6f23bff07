"""Siemens CSA headers: both formats, and whatever else may stand there."""

from __future__ import annotations

import struct
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinfonietta.dicom.dataset import csa, functional, tags

Elements = list[tuple[str, str, int, list[str]]]
SAID: Elements = [
    ("EchoLinePosition", "IS", 1, ["64"]), ("B_value", "IS", 1, ["1000"]), ("Empty", "LO", 1, []),
    ("DiffusionGradientDirection", "FD", 3, ["0.5", "-0.25", "0.83"]), ("Protocol", "UN", 1, ["a" * 301]),
]  # fmt: skip


def newer(elements: Elements) -> bytes:
    """The format "SV10": six items to each element, of which the first hold its values."""
    out = b"SV10\4\3\2\1" + struct.pack("<II", len(elements), 77)
    for name, vr, vm, values in elements:
        items = max(6, len(values))
        out += csa.HEAD.pack(name.encode(), vm, vr.encode(), 0, items, 77)
        for index in range(items):
            value = values[index].encode() + b"\0" if index < len(values) else b""
            out += struct.pack("<4I", len(value), len(value), 77, len(value)) + value + b"\0" * (-len(value) % 4)
    return out


def older(elements: Elements) -> bytes:
    out = struct.pack("<II", len(elements), 77)
    base = max(6, len(elements[0][3]))
    for name, vr, vm, values in elements:
        items = max(6, len(values))
        out += csa.HEAD.pack(name.encode(), vm, vr.encode(), 0, items, 77)
        for index in range(items):
            value = values[index].encode() + b"\0" if index < len(values) else b""
            out += struct.pack("<4I", len(value) + base, 0, 77, 0) + value + b"\0" * (-len(value) % 4)
    return out


@pytest.mark.parametrize("write", [newer, older])
def test_both_formats(write: type) -> None:
    found = csa.read(write(SAID))
    assert [(one.name, one.vr, one.values) for one in found] == [(name, vr, said) for name, vr, _, said in SAID]


@pytest.mark.parametrize("cut", [0, 3, 8, 12, 16, 50, 100, 150, 400])
def test_what_breaks_off_is_read_so_far(cut: int) -> None:
    found = csa.read(newer(SAID)[:cut])
    assert len(found) <= 2
    assert all(one.name in {"EchoLinePosition", "B_value"} for one in found)


@pytest.mark.parametrize("count", [0, 129, 0xFFFFFFFF])
def test_a_count_that_lies(count: int) -> None:
    assert csa.read(b"SV10\4\3\2\1" + struct.pack("<II", count, 77) + bytes(1000)) == []


def test_items_and_lengths_that_lie() -> None:
    head = b"SV10\4\3\2\1" + struct.pack("<II", 1, 77)
    many = head + csa.HEAD.pack(b"x", 1, b"IS", 0, 0xFFFFFFFF, 77) + bytes(100)
    long = head + csa.HEAD.pack(b"x", 1, b"IS", 0, 6, 77) + struct.pack("<4I", 0, 0xFFFFFFFF, 77, 0)
    assert csa.read(many) == csa.read(long) == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600), st.booleans())
def test_anything_is_answered(noise: bytes, begins_well: bool) -> None:
    data = b"SV10\4\3\2\1" + struct.pack("<II", 3, 77) + noise if begins_well else noise
    assert len(csa.read(data)) <= csa.MOST_ELEMENTS


def dataset(content: bytes) -> dict[str, object]:
    return {
        "00290010": {"vr": "LO", "Value": ["SIEMENS CSA HEADER"]},
        "00291010": {"vr": "OB", "InlineBinary": b64encode(content).decode()},
        "00291020": {"vr": "OB", "BulkDataURI": "bulk/00291020"},
    }


def test_the_elements_are_rows_below_the_header() -> None:
    said = dataset(newer(SAID))
    assert tags.has_csa(said)
    assert not tags.has_csa({"00290010": {"vr": "LO", "Value": ["SIEMENS MEDCOM HEADER"]}})
    found = tags.rows(said, load={"bulk/00291020": newer(SAID[1:2])}.__getitem__)
    rows = {row.path: row for row in found}
    assert (rows["00291010/csa/3"].name, rows["00291010/csa/3"].value) == (
        "DiffusionGradientDirection", "0.5\\-0.25\\0.83"
    )  # fmt: skip
    assert rows["00291010/csa/4"].truncated
    assert rows["00291020/csa/0"].value == "1000"
    assert len(rows) == len(found) == 3 + 5 + 1
    assert [row.name for row in tags.matching(found, "B_value")][-1] == "B_value"
    assert len(tags.rows(said)) == 3


def test_private_numbers_that_came_as_bytes() -> None:
    said = {
        "00190010": {"vr": "LO", "Value": ["GEMS_ACQU_01"]},
        "00191002": {"vr": "UN", "InlineBinary": b64encode(struct.pack("<i", 912)).decode()},
        "001910FF": {"vr": "UN", "InlineBinary": b64encode(b"\1\2").decode()},
    }
    found = {row.path: row for row in tags.rows(said)}
    assert (found["00191002"].vr, found["00191002"].value) == ("SL", "912")
    assert found["00191002"].name == "Detector Channel"
    assert (found["001910FF"].vr, found["001910FF"].value) == ("UN", "01 02")


def test_an_enhanced_object_by_frame() -> None:
    frames = [{"00209113": {"vr": "SQ", "Value": [{"00200032": {"vr": "DS", "Value": [0, 0, n]}}]}} for n in range(5)]
    said = {"52009230": {"vr": "SQ", "Value": frames}, "00100020": {"vr": "LO", "Value": ["P"]}}
    third = tags.rows(functional.of_frame(said, 2))
    assert [row.value for row in third if row.tag == "(0020,0032)"] == ["0\\0\\2"]
    assert [row.value for row in third if row.tag == "(0010,0020)"] == ["P"]
    assert functional.of_frame({"00100020": {"vr": "LO"}}, 3) == {"00100020": {"vr": "LO"}}
    assert [row.tag for row in tags.rows(functional.of_frame(said, 99))] == ["(0010,0020)", "(5200,9230)"]
    assert functional.group(said, 3, "PlanePositionSequence")["00200032"]["Value"] == [0, 0, 3]
