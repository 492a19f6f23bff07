"""DICOMDIR: the directory of a medium (DICOM PS3.3 F, PS3.10 8), as bytes in explicit VR little endian.

Records come in the order of patient, study, series, instance, and are linked by their places in the file when all are
there.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from sinfonietta.dicom.dataset.compose import IMPLEMENTATION, UTF_8, encode, head
from sinfonietta.dicom.dataset.keywords import items, tag, text
from sinfonietta.dicom.dataset.parse import DICOMDIR, EXPLICIT
from sinfonietta.dicom.dataset.paths import vr_of
from sinfonietta.dicom.dataset.values import NUMBERS

Dataset = Mapping[str, Any]
PATIENT, STUDY, SERIES, INSTANCE = range(4)
STORAGE = "1.2.840.10008.5.1.4.1.1."
TYPES = {
    "481.2": "RT DOSE", "481.3": "RT STRUCTURE SET", "481.5": "RT PLAN", "481.8": "RT PLAN",
    "481.4": "RT TREAT RECORD", "481.6": "RT TREAT RECORD", "481.7": "RT TREAT RECORD", "481.9": "RT TREAT RECORD",
    "131": "PRESENTATION", "88.59": "KEY OBJECT DOC", "79.1": "SR DOCUMENT", "78.6": "SR DOCUMENT",
    "4.2": "SPECTROSCOPY", "66": "RAW DATA", "66.1": "REGISTRATION", "66.3": "REGISTRATION", "66.2": "FIDUCIAL",
    "66.5": "SURFACE", "66.6": "TRACT", "67": "VALUE MAP", "77.1.5.3": "STEREOMETRIC", "80.1": "MEASUREMENT",
    "90.1": "ASSESSMENT",
}  # fmt: skip
"""End of a SOP class -> type of its record (PS3.3 F.4)."""
BEGINNINGS = {
    "11.": "PRESENTATION", "9.": "WAVEFORM", "88.": "SR DOCUMENT", "104.": "ENCAP DOC", "78.": "MEASUREMENT",
    "68.": "SURFACE SCAN",
}  # fmt: skip
_CONTENT = ("ContentDate", "ContentTime")
_LABELLED = ("ContentLabel", "ContentDescription", "ContentCreatorName")
KEYS: dict[str, tuple[str, ...]] = {
    "PATIENT": ("PatientName", "PatientID"),
    "STUDY": ("StudyDate", "StudyTime", "StudyDescription", "StudyInstanceUID", "StudyID", "AccessionNumber"),
    "SERIES": ("Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
    "RT DOSE": ("DoseSummationType",),
    "RT STRUCTURE SET": ("StructureSetLabel", "StructureSetDate", "StructureSetTime"),
    "RT PLAN": ("RTPlanLabel", "RTPlanDate", "RTPlanTime"),
    "RT TREAT RECORD": ("TreatmentDate", "TreatmentTime"),
    "PRESENTATION": ("PresentationCreationDate", "PresentationCreationTime", *_LABELLED, "ReferencedSeriesSequence"),
    "WAVEFORM": _CONTENT,
    "RAW DATA": _CONTENT,
    "SURFACE SCAN": _CONTENT,
    "SR DOCUMENT": ("CompletionFlag", "VerificationFlag", *_CONTENT, "VerificationDateTime", "ConceptNameCodeSequence"),
    "KEY OBJECT DOC": (*_CONTENT, "ConceptNameCodeSequence"),
    "ENCAP DOC": (*_CONTENT, "DocumentTitle", "ConceptNameCodeSequence", "MIMETypeOfEncapsulatedDocument"),
    "SPECTROSCOPY": (
        "ImageType", *_CONTENT, "NumberOfFrames", "Rows", "Columns", "DataPointRows", "DataPointColumns",
    ),
    **dict.fromkeys(
        ("REGISTRATION", "FIDUCIAL", "SURFACE", "TRACT", "VALUE MAP", "MEASUREMENT"), (*_CONTENT, *_LABELLED)
    ),
    "ASSESSMENT": ("InstanceCreationDate", "InstanceCreationTime"),
}  # fmt: skip
"""Type of a record -> what it tells beside its Instance Number (PS3.3 F.5)."""
ALWAYS = frozenset({
    "PatientName", "PatientID", "StudyDate", "StudyTime", "StudyDescription", "StudyID", "AccessionNumber", "Modality",
    "SeriesNumber", "StructureSetLabel", "RTPlanLabel", *_CONTENT, "ContentLabel", "CompletionFlag", "VerificationFlag",
})  # fmt: skip
"""Empty rather than absent where the object does not say."""
MODIFIES = "HAS CONCEPT MOD"
NEXT_AT, LOWER_AT = 16, 38
"""Where in a record its two links stand: it begins with them (0004,1400), (0004,1410), (0004,1420)."""


def record_type(sop_class: str) -> str:
    """The type of the record of an instance; IMAGE where its class has none of its own."""
    end = sop_class.removeprefix(STORAGE) if sop_class.startswith(STORAGE) else ""
    return TYPES.get(end) or next((kind for start, kind in BEGINNINGS.items() if end.startswith(start)), "IMAGE")


class Directory:
    """The directory as it grows. What it takes in memory is its own size, some 300 bytes an instance."""

    def __init__(self) -> None:
        self._uid = f"2.25.{uuid.uuid4().int}"
        self._records: list[tuple[int, bytearray]] = []

    def add(self, level: int, dataset: Dataset) -> None:
        """A patient, study or series, from its attributes; it belongs to the last record of the level above."""
        kind = ("PATIENT", "STUDY", "SERIES")[level]
        self._append(level, kind, {}, _told(dataset, KEYS[kind]))

    def add_instance(
        self, dataset: Dataset, file_id: str, *, sop_class: str, sop_uid: str, syntax: str, number: int
    ) -> None:
        """An instance of the last series; ``file_id``: its path, with slashes."""
        kind = record_type(sop_class)
        refers = {
            "00041500": {"vr": "CS", "Value": file_id.split("/")},
            "00041510": {"vr": "UI", "Value": [sop_class]},
            "00041511": {"vr": "UI", "Value": [sop_uid]},
            "00041512": {"vr": "UI", "Value": [syntax]},
        }
        told = _told(dataset, KEYS.get(kind, ())) | {"00200013": {"vr": "IS", "Value": [number]}}
        if kind in ("SR DOCUMENT", "KEY OBJECT DOC"):
            content = items(dict(dataset), "ContentSequence")
            modifying = [item for item in content if text(item, "RelationshipType") == MODIFIES]
            told |= {tag("ContentSequence"): {"vr": "SQ", "Value": modifying}} if modifying else {}
        self._append(INSTANCE, kind, refers, told)

    def _append(self, level: int, kind: str, refers: Dataset, told: Dataset) -> None:
        if not encode({name: said for name, said in told.items() if said["vr"] not in NUMBERS}).isascii():
            told = {**told, "00080005": UTF_8}
        links = {
            "00041400": {"vr": "UL", "Value": [0]},
            "00041410": {"vr": "US", "Value": [0xFFFF]},
            "00041420": {"vr": "UL", "Value": [0]},
            "00041430": {"vr": "CS", "Value": [kind]},
        }
        content = encode({**links, **refers, **told})
        self._records.append((level, bytearray(struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content)))

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return len(self._head(0, 0)) + sum(len(record) for _, record in self._records)

    def blocks(self) -> Iterator[bytes]:
        """The file."""
        at = self.size_bytes
        places, last_patient = [0] * 5, 0
        for level, record in reversed(self._records):
            at -= len(record)
            struct.pack_into("<I", record, NEXT_AT, places[level])
            struct.pack_into("<I", record, LOWER_AT, places[level + 1])
            places[level] = at
            places[level + 1 :] = [0] * (4 - level)
            last_patient = last_patient or (at if level == PATIENT else 0)
        yield self._head(places[PATIENT], last_patient)
        for _, record in self._records:
            yield bytes(record)

    def _head(self, first: int, last: int) -> bytes:
        """All before the records: file meta information and the roots (PS3.3 F.3.2.2)."""
        meta = encode({
            "00020001": {"vr": "OB", "InlineBinary": "AAE="},
            "00020002": {"vr": "UI", "Value": [DICOMDIR]},
            "00020003": {"vr": "UI", "Value": [self._uid]},
            "00020010": {"vr": "UI", "Value": [EXPLICIT]},
            "00020012": {"vr": "UI", "Value": [IMPLEMENTATION]},
        })  # fmt: skip
        roots = {
            "00041130": {"vr": "CS", "Value": ["SINFONIETTA"]},
            "00041200": {"vr": "UL", "Value": [first]},
            "00041202": {"vr": "UL", "Value": [last]},
            "00041212": {"vr": "US", "Value": [0]},
        }
        length = sum(len(record) for _, record in self._records)
        group = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
        return bytes(128) + b"DICM" + group + meta + encode(roots) + head("00041220", "SQ", length)


def _told(dataset: Dataset, keywords: tuple[str, ...]) -> dict[str, Any]:
    """Those attributes, as far as they are there and can be written."""
    found: dict[str, Any] = {}
    for name, keyword in ((tag(keyword), keyword) for keyword in keywords):
        said = dataset.get(name, {"vr": vr_of(name)} if keyword in ALWAYS else None)
        try:
            if said is not None and "BulkDataURI" not in said:
                encode({name: said})
                found[name] = said
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, struct.error):
            continue  # what a stranger's file says need not fit its VR
    return found
