"""Structured reports as a tree that a person reads (DICOM PS3.3 C.17.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, number, numbers, text, values

DEEP = 1 << 10
"""Levels that are read where nothing bounds them."""
MOST_CHILDREN = 5000
"""Items directly below one that are read where there is a bound."""


@dataclass(frozen=True)
class Concept:
    """A code of a coding scheme, and what it means."""

    code: str = ""
    scheme: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Content:
    """One item of the tree. ``value`` is for people; ``number`` and ``unit`` where it is one measurement.

    ``reference``: SOP class and instance UID of what the item points to, ``frames`` of it (from 1). ``place``: the
    way to it from the root, such as ``0.3.1``. ``more``: how many items directly below it were left unread.
    """

    relation: str
    kind: str
    concept: Concept
    value: str
    number: float | None = None
    unit: Concept = Concept()
    code: Concept | None = None
    reference: tuple[str, str] | None = None
    frames: list[int] = field(default_factory=list)
    place: str = ""
    more: int = 0
    children: list[Content] = field(default_factory=list)

    def walk(self) -> Iterator[Content]:
        """This item and all below, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()

    def first(self, code: str) -> Content | None:
        """The first item below that has this concept."""
        return next((one for one in self.walk() if one.concept.code == code and one is not self), None)


def read(dataset: Dataset, place: str = "", most: int = 0) -> Content:
    """A report, or what is below one ``place`` of it, from the DICOM JSON model.

    ``most`` (0: without bound): of a larger tree only the upper levels are read, what lies below them is counted as
    ``more``.
    Its depth is bounded by what the parser takes. Raises KeyError where there is no such place.
    """
    said = dataset
    for step in place.split(".") if place else []:
        found = items(said, "ContentSequence")
        if not step.isdecimal() or int(step) >= len(found):
            raise KeyError(place)
        said = found[int(step)]
    depth = _depth(said, most) if most else DEEP
    return _content(said, place, depth, None if depth == DEEP else MOST_CHILDREN)


def from_dict(found: dict[str, Any]) -> Content:
    """What ``dataclasses.asdict`` made of a Content, back again."""
    return Content(
        **{
            **found,
            "concept": Concept(**found["concept"]),
            "unit": Concept(**found["unit"]),
            "code": Concept(**found["code"]) if found["code"] else None,
            "reference": tuple(found["reference"]) if found["reference"] else None,
            "children": [from_dict(one) for one in found["children"]],
        }
    )


def _depth(said: Dataset, most: int) -> int:
    """How many levels have no more than ``most`` items together; one at least."""
    level, total = [said], 0
    for depth in range(1, DEEP):
        level = [child for one in level for child in items(one, "ContentSequence")]
        total += len(level)
        if not level:
            break
        if total > most:
            return max(1, depth - 1)
    return DEEP


def template(dataset: Dataset) -> str:
    """The template that the report follows, such as 10011; empty where it does not say."""
    return text(item(dataset, "ContentTemplateSequence"), "TemplateIdentifier")


def concept(said: Dataset) -> Concept:
    """An item of a code sequence (PS3.3 8.8)."""
    code = text(said, "CodeValue") or text(said, "LongCodeValue") or text(said, "URNCodeValue")
    return Concept(code, text(said, "CodingSchemeDesignator"), text(said, "CodeMeaning"))


def _content(said: Dataset, place: str, depth: int, width: int | None) -> Content:
    kind = text(said, "ValueType")
    measured = item(said, "MeasuredValueSequence")
    single = len(items(said, "MeasuredValueSequence")) == 1 == len(values(measured, "NumericValue"))
    code = concept(item(said, "ConceptCodeSequence")) if kind == "CODE" else None
    referred = item(said, "ReferencedSOPSequence")
    below = items(said, "ContentSequence")
    shown = below[:width] if depth > 0 else []
    frames = [int(one) for one in numbers(referred, "ReferencedFrameNumber")]
    return Content(
        relation=text(said, "RelationshipType"),
        kind=kind,
        concept=concept(item(said, "ConceptNameCodeSequence")),
        value=_value(said, kind, measured, code),
        number=number(measured, "NumericValue") if kind == "NUM" and single else None,
        unit=concept(item(measured, "MeasurementUnitsCodeSequence")),
        code=code,
        reference=(text(referred, "ReferencedSOPClassUID"), text(referred, "ReferencedSOPInstanceUID"))
        if referred
        else None,
        frames=frames,
        place=place,
        more=len(below) - len(shown),
        children=[
            _content(one, f"{place}.{index}" if place else str(index), depth - 1, width)
            for index, one in enumerate(shown)
        ],
    )


def _value(said: Dataset, kind: str, measured: Dataset, code: Concept | None) -> str:
    if code is not None:
        return code.meaning or code.code
    keyword = {
        "TEXT": "TextValue", "UIDREF": "UID", "DATETIME": "DateTime", "DATE": "Date", "TIME": "Time",
        "PNAME": "PersonName", "SCOORD": "GraphicType", "SCOORD3D": "GraphicType", "TCOORD": "TemporalRangeType",
    }.get(kind)  # fmt: skip
    if keyword == "GraphicType":
        return f"{text(said, keyword).lower()}, {len(values(said, 'GraphicData'))} coordinates"
    if keyword:
        return text(said, keyword)
    if kind == "NUM":
        figures = [_plain(one) for each in items(said, "MeasuredValueSequence") for one in values(each, "NumericValue")]
        return "\\".join(figures) or concept(item(said, "NumericValueQualifierCodeSequence")).meaning
    return ""


def _plain(value: object) -> str:
    """A number without the tail that a float has but nobody wrote."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)
