"""What the index knows of a DICOM file, for its document: from the rows that were made when it was filed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sinfonietta.dicom.dataset.attributes import text
from sinfonietta.dicom.dataset.packing import dataset_of, header_of
from sinfonietta.dicom.models import DicomDose, DicomHeader, DicomInstance
from sinfonietta.dicom.queries import MOST_TEXT_BYTES
from sinfonietta.search.words import fact, facts

if TYPE_CHECKING:
    from sinfonietta.search.documents import Parts

STRUCTURED = "1.2.840.10008.5.1.4.1.1.88."
MOST_REPORT = 200_000
"""Characters of a report that are searched."""
LINES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Patient", ("00100010", "00100020")), ("Study", ("00081030", "00200010", "00080050")),
    ("Series", ("0008103E", "00181030")), ("Device", ("00080070", "00081090", "00080080")),
    ("Body part", ("00180015",)), ("Modality", ("00080060",)), ("Physician", ("00080090",)),
)  # fmt: skip
"""What people read, and the attributes that it is put together from."""
FIELDS: dict[str, tuple[str, ...]] = {
    "modality": ("00080060",), "body": ("00180015",), "maker": ("00080070",), "device": ("00081090",),
    "patient": ("00100020", "00100010"), "sex": ("00100040",), "study": ("00081030",), "series": ("0008103E",),
    "protocol": ("00181030",), "institution": ("00080080",),
}  # fmt: skip
"""Field of the language -> the attributes that it looks in."""
WHOLE: dict[str, tuple[str, ...]] = {"accession": ("00080050",), "uid": ("0020000D", "0020000E", "00080018")}
"""The same, of values that are only looked for as a whole."""
AGE, UNITS = "00101010", {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True)
class Image:
    """A DICOM instance. ``dataset`` has the attributes that are indexed, ``sums`` a dose report's totals."""

    dataset: Mapping[str, Any]
    sop_class: str
    report: str = ""
    sums: str = ""

    @property
    def modality(self) -> str:
        return text(self.dataset, "00080060").upper()

    @property
    def body_part(self) -> str:
        return text(self.dataset, "00180015").upper()

    @property
    def maker(self) -> str:
        return text(self.dataset, "00080070")

    @property
    def day(self) -> int | None:
        """The study's date as YYYYMMDD; None where there is none."""
        said = text(self.dataset, "00080020")
        return int(said) if len(said) == 8 and said.isdecimal() and said.isascii() else None

    def tell(self, parts: Parts) -> None:
        """Add what it says to a document."""
        for label, tags in LINES:
            said = " · ".join(one for one in (spoken(self.dataset, tag) for tag in tags) if one)
            if said:
                parts.lines.append(f"{label}: {said}")
        for name, tags in FIELDS.items():
            parts.stated += facts(name, *(spoken(self.dataset, tag) for tag in tags))
        for name, tags in WHOLE.items():
            parts.stated += [fact(name, said) for tag in tags if (said := spoken(self.dataset, tag))]
        parts.stated.append("=has_dicom")
        age = text(self.dataset, AGE)
        if len(age) == 4 and age[:3].isdecimal() and age[3] in UNITS:
            parts.number("age", int(age[:3]) * UNITS[age[3]])
        if self.report:
            parts.lines.append(self.report)
            parts.stated.append("=has_report")
        for name, value in _totals(self.sums):
            parts.number(name, value)
        if self.sums:
            parts.stated.append("=has_dose")


def spoken(dataset: Mapping[str, Any], tag: str) -> str:
    """The first value of an attribute as people say it."""
    values = dataset.get(tag, {}).get("Value") or [None]
    if isinstance(values[0], dict):
        return " ".join(str(part).replace("^", " ").strip() for part in values[0].values() if part)
    return text(dataset, tag)


def _totals(sums: str) -> Iterator[tuple[str, float]]:
    """Totals of a dose report, such as ``dose_dlp``, in the unit of the quantity."""
    for name, _of, value in orjson.loads(sums)["totals"] if sums else ():
        if value is not None:
            yield fact("dose", name).removeprefix("="), value


def of_versions(ids: Sequence[int]) -> dict[int, Image]:
    """Version -> what the index knows of it. Three queries, and one for the reports among them."""
    classes = dict(DicomInstance.objects.filter(version_id__in=ids).values_list("version_id", "sop_class"))
    headers = DicomHeader.objects.filter(instance_id__in=list(classes)).values_list("instance_id", "places")
    sums = dict(DicomDose.objects.filter(instance_id__in=list(classes)).values_list("instance_id", "sums"))
    reports = [version for version, sop_class in classes.items() if sop_class.startswith(STRUCTURED)]
    whole = DicomHeader.objects.filter(instance_id__in=reports).values_list("instance_id", "dataset") if reports else ()
    read = {version: report_text(dataset_of(packed, MOST_TEXT_BYTES) or {}) for version, packed in whole}
    return {
        version: Image(header_of(places).json, classes[version], read.get(version, ""), sums.get(version, ""))
        for version, places in headers
    }


def report_text(dataset: Mapping[str, Any]) -> str:
    """The sentences of a structured report (DICOM PS3.3 C.17.3), each with the name of its concept."""
    found: list[str] = []
    size = 0
    waiting: list[Mapping[str, Any]] = [dataset]
    while waiting and size < MOST_REPORT:
        item = waiting.pop()
        said = " ".join(filter(None, _value(item)))
        if said:
            line = ": ".join(filter(None, (_meaning(item, "0040A043"), said)))
            found.append(line)
            size += len(line)
        waiting += reversed(list(_items(item, "0040A730")))
    return "\n".join(found)[:MOST_REPORT]


def _value(item: Mapping[str, Any]) -> Iterable[str]:
    yield from (spoken(item, tag) for tag in ("0040A160", "0040A123", "0040A121"))
    yield _meaning(item, "0040A168")
    for measured in _items(item, "0040A300"):
        yield spoken(measured, "0040A30A")
        yield _meaning(measured, "004008EA", "00080100")


def _meaning(item: Mapping[str, Any], sequence: str, tag: str = "00080104") -> str:
    return next((spoken(code, tag) for code in _items(item, sequence)), "")


def _items(item: Mapping[str, Any], tag: str) -> Iterable[Mapping[str, Any]]:
    return (one for one in item.get(tag, {}).get("Value") or [] if isinstance(one, dict))
