"""Attributes as a query names them: by tag or keyword, and into sequences by a path of them (DICOM PS3.18 8.3.4.1)."""

from __future__ import annotations

import re
from functools import lru_cache

TAG = re.compile(r"[0-9A-Fa-f]{8}")
DEEPEST = 8
KEYWORDS = {
    "StudyInstanceUID": "0020000D", "PatientID": "00100020", "PatientName": "00100010", "PatientSex": "00100040",
    "PatientBirthDate": "00100030", "AccessionNumber": "00080050", "StudyID": "00200010", "StudyDate": "00080020",
    "StudyTime": "00080030", "StudyDescription": "00081030", "ReferringPhysicianName": "00080090",
    "ModalitiesInStudy": "00080061", "SeriesInstanceUID": "0020000E", "Modality": "00080060",
    "SeriesDescription": "0008103E", "SeriesNumber": "00200011", "SeriesDate": "00080021", "SeriesTime": "00080031",
    "BodyPartExamined": "00180015", "SOPInstanceUID": "00080018", "SOPClassUID": "00080016",
    "InstanceNumber": "00200013",
}  # fmt: skip
"""What is asked for most, without the half second that pydicom's dictionary takes to come."""


def path_of(name: str) -> str:
    """The tags of ``00400275.00400009`` or ``RequestAttributesSequence.ScheduledProcedureStepID``; empty if none."""
    tags = [_tag(part) for part in name.split(".")]
    return ".".join(tags) if all(tags) and len(tags) <= DEEPEST else ""


def _tag(part: str) -> str:
    if TAG.fullmatch(part):
        return part.upper()
    return KEYWORDS.get(part) or (_by_keyword(part) if part.isalnum() and len(part) <= 80 else "")


@lru_cache(maxsize=1024)
def _by_keyword(keyword: str) -> str:
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415 - half a second, and rarely needed

    tag = tag_for_keyword(keyword)
    return "" if tag is None else f"{tag:08X}"


@lru_cache(maxsize=1024)
def vr_of(tag: str) -> str:
    """The VR of a standard attribute, the first where there is a choice; UN of others."""
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415

    try:
        return str(dictionary_VR(int(tag, 16)))[:2]
    except KeyError:
        return "UN"
