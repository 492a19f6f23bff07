"""Our parser against pydicom, on every file that pydicom ships."""

from __future__ import annotations

import warnings
from base64 import b64decode
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian
from tests.unit.dicom.files import DATA, sample, shipped

from sinfonietta.dicom.dataset.parse import Header, open_dataset, parse
from sinfonietta.dicom.dataset.source import Source

FILES = shipped()
INCOMPLETE = {
    "MR_truncated.dcm": "Attribute (7FE0,0010) claims 8,192 bytes; 8,130 are left.",
    "rtplan_truncated.dcm": "Attribute (300A,00B0) claims 976 bytes; 711 are left.",
    "DICOMDIR-nooffset": "An item of (0004,1220) claims 248 bytes; 224 are left.",
}
# Begins with a stray byte before its first attribute.
UNKNOWN = {"no_meta.dcm"}


def test_there_are_files() -> None:
    assert len(FILES) == 192


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DATA)))
def test_says_what_pydicom_says(path: Path) -> None:
    header = parse(path)
    if path.name in UNKNOWN:
        assert header is None
        return
    assert header is not None
    assert header.problem == INCOMPLETE.get(path.name, "")
    assert header.complete == (path.name not in INCOMPLETE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = pydicom.dcmread(path, force=True)
        if not header.complete:
            return
        with open_dataset(path, header) as source:
            _same_dataset(header.json, judge, source, header)


def _same_dataset(found: dict[str, Any], judge: Dataset, source: Source, header: Header) -> None:
    assert set(found) == {f"{element.tag:08X}" for element in judge if element.tag.element}
    for element in judge:
        if element.tag.element:
            _same_element(found[f"{element.tag:08X}"], element, source, header)


def _same_element(found: dict[str, Any], judge: DataElement, source: Source, header: Header) -> None:
    if judge.VR == "SQ":
        assert found["vr"] == "SQ"
        items = found.get("Value", [])
        assert len(items) == len(judge.value)
        for item, other in zip(items, judge.value, strict=True):
            _same_dataset(item, other, source, header)
        return
    try:
        expected = judge.to_json_dict(None, 0)
    except ValueError:  # a number that is none; ours keeps the text
        assert isinstance(found["Value"][0], str)
        return
    if "BulkDataURI" in found or "InlineBinary" in found:
        _same_bytes(found, judge, source, header)
        return
    assert found["vr"] == expected["vr"]
    assert _values(found) == _values(expected)


def _same_bytes(found: dict[str, Any], judge: DataElement, source: Source, header: Header) -> None:
    if "InlineBinary" in found:
        data = b64decode(found["InlineBinary"])
    else:
        offset, length, _ = header.bulk[found["BulkDataURI"]]
        data = source.read(offset, length)
    value = judge.value if isinstance(judge.value, bytes) else b""
    if judge.is_undefined_length:
        value += bytes.fromhex("feffdde000000000")
    if header.transfer_syntax == ExplicitVRBigEndian and found["vr"] == "OW" and "InlineBinary" in found:
        value = b"".join(value[at : at + 2][::-1] for at in range(0, len(value), 2))
    assert data == value


def _values(element: dict[str, Any]) -> list[Any]:
    values = [_value(value) for value in element.get("Value", [])]
    return [] if values in ([None], [""]) else values


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {kind: text.rstrip() for kind, text in value.items() if text} or None
    if isinstance(value, str):
        return value.strip() or None
    return value


def test_the_places_of_bulk_data_are_relative_and_nested() -> None:
    header = parse(sample("waveform_ecg.dcm"))
    assert header is not None
    assert header.json["54000100"]["Value"][1]["54001010"] == {
        "vr": "OW",
        "BulkDataURI": "bulk/54000100/1/54001010",
    }
    assert header.bulk["bulk/54000100/1/54001010"][2] == "OW"
