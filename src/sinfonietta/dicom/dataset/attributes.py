"""From a DICOM JSON object to the columns and the prebuilt answers of the index (DICOM PS3.18 10.6.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from sinfonietta.dicom.dataset.charset import search_key

Dataset = Mapping[str, Any]
TEXT_LENGTH = 255
"""Characters that a text column takes."""
LONGEST_BYTES = 2048
"""An attribute whose JSON is longer is left out of prebuilt answers; metadata has it."""
BIGGEST, SMALLEST = 2**63 - 1, -(2**63)

STUDY_TAGS = (
    "00080020", "00080030", "00080050", "00080090", "00080201", "00081030", "00100010", "00100020", "00100021",
    "00100030", "00100032", "00100040", "00101010", "00101020", "00101030", "00120062", "0020000D", "00200010",
)  # fmt: skip
SERIES_TAGS = (
    "00080021", "00080031", "00080060", "00080070", "00080080", "0008103E", "00081090", "00180015", "00181030",
    "00185100", "0020000E", "00200011", "00200052", "00200060", "00400244", "00400245", "00400275",
)  # fmt: skip
INSTANCE_TAGS = (
    "00080008", "00080016", "00080018", "00080023", "00080033", "00200012", "00200013", "00280002",
    "00280004", "00280008", "00280010", "00280011", "00280100", "0040A043", "0040A491", "0040A493", "00420010",
    "00700080", "00700081",
)  # fmt: skip
ALWAYS_ANSWERED = {
    "00080020": "DA", "00080030": "TM", "00080050": "SH", "00080060": "CS", "00080090": "PN", "00100010": "PN",
    "00100020": "LO", "00100030": "DA", "00100040": "CS", "00200010": "SH", "00200011": "IS", "00200013": "IS",
}  # fmt: skip
"""Attributes that an answer has whatever the file says, and their VR (PS3.18 tables 10.6.3-3 to 10.6.3-5)."""
INDEXED_TAGS = (*STUDY_TAGS, *SERIES_TAGS, *INSTANCE_TAGS)

SERIES_COLUMNS = {
    "patient_id": "00100020",
    "birth_date": "00100030",
    "sex": "00100040",
    "study_date": "00080020",
    "study_time": "00080030",
    "accession_number": "00080050",
    "study_id": "00200010",
    "study_description": "00081030",
    "modality": "00080060",
    "series_description": "0008103E",
    "series_date": "00080021",
    "series_time": "00080031",
    "body_part": "00180015",
}
"""Text columns of ``DicomSeries`` and their tags."""
NAME_COLUMNS = {"patient_name": "00100010", "referring_physician": "00080090"}


def value(dataset: Dataset, tag: str) -> Any:
    """The first value of an attribute; None where there is none."""
    values = dataset.get(tag, {}).get("Value")
    return values[0] if values else None


def text(dataset: Dataset, tag: str) -> str:
    """The first value as text, as long as a column takes."""
    found = value(dataset, tag)
    return "" if found is None or isinstance(found, dict) else str(found)[:TEXT_LENGTH]


def number(dataset: Dataset, tag: str) -> int | None:
    """The first value as an integer that a column takes; None where it is none."""
    found = value(dataset, tag)
    return found if isinstance(found, int) and SMALLEST <= found <= BIGGEST else None


def name_key(dataset: Dataset, tag: str) -> str:
    """A person name as it is searched."""
    found = value(dataset, tag)
    return search_key(found)[:TEXT_LENGTH] if isinstance(found, dict | str) else ""


def indexed(dataset: Dataset) -> dict[str, Any]:
    """The little of a dataset that the index is made of."""
    found = ((tag, dataset[tag]) for tag in INDEXED_TAGS if tag in dataset and "BulkDataURI" not in dataset[tag])
    return {tag: element for tag, element in found if len(orjson.dumps(element)) <= LONGEST_BYTES}


def members(found: Dataset, tags: Iterable[str]) -> str:
    """The members of a DICOM JSON object for these tags, without braces.

    ``found`` is what ``indexed`` gave. Empty attributes stay; absent ones do not, unless an answer always has them.
    """
    said = {tag: {"vr": vr} for tag, vr in ALWAYS_ANSWERED.items()} | dict(found)
    return ",".join(f'"{tag}":{orjson.dumps(said[tag]).decode()}' for tag in tags if tag in said)


def series_columns(dataset: Dataset) -> dict[str, Any]:
    """Columns of ``DicomSeries`` that describe patient, study and series."""
    columns: dict[str, Any] = {column: text(dataset, tag) for column, tag in SERIES_COLUMNS.items()}
    columns |= {column: name_key(dataset, tag) for column, tag in NAME_COLUMNS.items()}
    columns["series_number"] = number(dataset, "00200011")
    columns["study_json"] = members(dataset, STUDY_TAGS)
    columns["series_json"] = members(dataset, SERIES_TAGS)
    return columns
