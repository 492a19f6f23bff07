from __future__ import annotations

from tests.unit.dicom import files

from sinfonietta.dicom.dataset.parse import parse
from sinfonietta.dicom.dataset.tags import TagRow, matching, rows


def _rows(name: str, **options: int) -> list[TagRow]:
    header = parse(files.sample(name))
    assert header is not None
    return rows(header.json, **options)


def _row(found: list[TagRow], path: str) -> TagRow:
    return next(row for row in found if row.path == path)


def test_a_plain_attribute() -> None:
    assert _row(_rows("CT_small.dcm"), "00100010") == TagRow(
        "00100010", 0, "(0010,0010)", "PatientName", "Patient's Name", "PN", 1, "CompressedSamples^CT1", False, False
    )


def test_several_values_and_numbers() -> None:
    found = _rows("CT_small.dcm")
    assert _row(found, "00080008").value == "ORIGINAL\\PRIMARY\\AXIAL"
    assert _row(found, "00080008").multiplicity == 3
    assert _row(found, "00280030").value == "0.661468\\0.661468"
    assert _row(found, "00280010").value == "128"


def test_private_attributes_by_their_creator() -> None:
    found = _rows("CT_small.dcm")
    assert _row(found, "00090010").name == "Private Creator"
    assert _row(found, "00091001").name == "Full fidelity"
    assert _row(found, "00091001").private


def test_bulk_data_is_not_shown() -> None:
    assert _row(_rows("CT_small.dcm"), "7FE00010").value == "large binary value"


def test_sequences_with_their_items() -> None:
    found = _rows("rtplan.dcm")
    sequence = _row(found, "300A0010")
    at = found.index(sequence)
    assert (sequence.vr, sequence.multiplicity, sequence.value) == ("SQ", 2, "")
    assert [(row.path, row.depth, row.name) for row in found[at + 1 : at + 3]] == [
        ("300A0010/0", 1, "Item 1"),
        ("300A0010/0/300A0012", 2, "Dose Reference Number"),
    ]
    assert len({row.path for row in found}) == len(found)


def test_long_values_are_cut() -> None:
    row = _row(_rows("CT_small.dcm", max_chars=5), "00080008")
    assert (row.value, row.truncated) == ("ORIGI…", True)


def test_rows_end_somewhere() -> None:
    assert len(_rows("CT_small.dcm", max_rows=10)) == 10


def test_every_shipped_header_has_rows() -> None:
    for path in files.shipped():
        header = parse(path)
        if header is not None:
            assert len(rows(header.json)) >= len(header.json)


def test_search_by_tag_keyword_name_and_value() -> None:
    found = _rows("rtplan.dcm")
    for text in ("(300A,0012)", "300a0012", "DoseReferenceNumber", "reference numb"):
        assert "300A0010/0/300A0012" in {row.path for row in matching(found, text)}
    around = {row.path for row in matching(found, "DoseReferenceNumber")}
    assert {"300A0010", "300A0010/0"} <= around
    assert matching(found, "") == found
    assert matching(found, "no such thing") == []


def test_odd_elements() -> None:
    found = rows(
        {
            "00100010": {"vr": "PN", "Value": [None, {"Alphabetic": "A^B", "Phonetic": "C"}]},
            "00091001": {"vr": "UN", "InlineBinary": "AAEC"},
            "00091002": {"vr": "UN", "InlineBinary": "aGVsbG8gAA=="},
            "00080061": {"vr": "CS"},
            "00081140": {"vr": "SQ", "Value": [None, {}]},
            "99990001": {"vr": "AT", "Value": ["00100010"]},
        }
    )
    assert [row.value for row in found if row.tag] == ["", "", "00 01 02", "hello", "\\A^B==C", "(0010,0010)"]
