"""Items of structured reports in the DICOM JSON model, short to write."""

from __future__ import annotations

from typing import Any

from sinfonietta.dicom.dataset.keywords import Dataset, tag


def element(keyword: str, vr: str, *values: Any) -> Dataset:
    return {tag(keyword): {"vr": vr, "Value": list(values)} if values else {"vr": vr}}


def code(value: str, meaning: str = "", scheme: str = "DCM") -> Dataset:
    return (
        element("CodeValue", "SH", value)
        | element("CodingSchemeDesignator", "SH", scheme)
        | element("CodeMeaning", "LO", meaning or value)
    )


def item(kind: str, concept: str, *children: Dataset, **elements: Dataset) -> Dataset:
    said = element("ValueType", "CS", kind) | element("RelationshipType", "CS", "CONTAINS")
    said |= element("ConceptNameCodeSequence", "SQ", code(concept))
    for one in elements.values():
        said |= one
    return said | (element("ContentSequence", "SQ", *children) if children else {})


def number(concept: str, value: Any, unit: str, *children: Dataset, meaning: str = "") -> Dataset:
    values = value if isinstance(value, list) else [value]
    measured = element("NumericValue", "DS", *values) if values != [None] else element("NumericValue", "DS")
    measured |= element("MeasurementUnitsCodeSequence", "SQ", code(unit, meaning, "UCUM"))
    return item("NUM", concept, *children, value=element("MeasuredValueSequence", "SQ", measured))


def text(concept: str, value: str) -> Dataset:
    return item("TEXT", concept, value=element("TextValue", "UT", value))


def uid(concept: str, value: str) -> Dataset:
    return item("UIDREF", concept, value=element("UID", "UI", value))


def coded(concept: str, value: str, meaning: str, *children: Dataset) -> Dataset:
    return item("CODE", concept, *children, value=element("ConceptCodeSequence", "SQ", code(value, meaning, "SCT")))


def report(*children: Dataset, title: str = "113701") -> Dataset:
    return item("CONTAINER", title, *children)


def ct_event(event_uid: str, dlp: Any, unit: str = "mGy.cm", ctdi: float = 5.0) -> Dataset:
    dose = item("CONTAINER", "113829", number("113830", ctdi, "mGy"), number("113838", dlp, unit))
    return item("CONTAINER", "113819", *([uid("113769", event_uid)] if event_uid else []), dose)
