"""Structured reports as a tree that a person reads (DICOM PS3.3 C.17.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sinfonietta.dicom.keywords import Dataset, item, items, number, text


@dataclass(frozen=True)
class Concept:
    """A code of a coding scheme, and what it means."""

    code: str = ""
    scheme: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Content:
    """One item of the tree. ``value`` is for people; ``number`` and ``unit`` (UCUM) where it is a measurement.

    ``reference``: SOP class and instance UID of what the item points to.
    """

    relation: str
    kind: str
    concept: Concept
    value: str
    number: float | None = None
    unit: str = ""
    code: Concept | None = None
    reference: tuple[str, str] | None = None
    children: list[Content] = field(default_factory=list)

    def walk(self) -> Iterator[Content]:
        """This item and all below, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()

    def first(self, code: str) -> Content | None:
        """The first item below that has this concept."""
        return next((one for one in self.walk() if one.concept.code == code and one is not self), None)


def read(dataset: Dataset) -> Content:
    """The root of a report from the DICOM JSON model. Its depth is bounded by what the parser takes."""
    return _content(dataset)


def template(dataset: Dataset) -> str:
    """The template that the report follows, such as 10011; empty where it does not say."""
    return text(item(dataset, "ContentTemplateSequence"), "TemplateIdentifier")


def concept(said: Dataset) -> Concept:
    """An item of a code sequence (PS3.3 8.8)."""
    code = text(said, "CodeValue") or text(said, "LongCodeValue") or text(said, "URNCodeValue")
    return Concept(code, text(said, "CodingSchemeDesignator"), text(said, "CodeMeaning"))


def _content(said: Dataset) -> Content:
    kind = text(said, "ValueType")
    measured = item(said, "MeasuredValueSequence")
    unit = concept(item(measured, "MeasurementUnitsCodeSequence"))
    code = concept(item(said, "ConceptCodeSequence")) if kind == "CODE" else None
    referred = item(said, "ReferencedSOPSequence")
    return Content(
        relation=text(said, "RelationshipType"),
        kind=kind,
        concept=concept(item(said, "ConceptNameCodeSequence")),
        value=_value(said, kind, measured, code),
        number=number(measured, "NumericValue") if kind == "NUM" else None,
        unit=unit.code or unit.meaning,
        code=code,
        reference=(text(referred, "ReferencedSOPClassUID"), text(referred, "ReferencedSOPInstanceUID"))
        if referred
        else None,
        children=[_content(one) for one in items(said, "ContentSequence")],
    )


def _value(said: Dataset, kind: str, measured: Dataset, code: Concept | None) -> str:
    if code is not None:
        return code.meaning or code.code
    keyword = {
        "TEXT": "TextValue", "UIDREF": "UID", "DATETIME": "DateTime", "DATE": "Date", "TIME": "Time",
        "PNAME": "PersonName", "SCOORD": "GraphicType", "SCOORD3D": "GraphicType", "TCOORD": "TemporalRangeType",
    }.get(kind)  # fmt: skip
    if keyword:
        return text(said, keyword)
    if kind == "NUM":
        return text(measured, "NumericValue") or concept(item(said, "NumericValueQualifierCodeSequence")).meaning
    return ""
