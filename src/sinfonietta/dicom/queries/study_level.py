"""Studies and series, merged over the places where the actor may read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count, Q, Sum

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.common.rows import marks
from sinfonietta.dicom.index import loading, matching, selection
from sinfonietta.dicom.index.selection import Condition, SeriesRow
from sinfonietta.dicom.models import DicomInstance, DicomSeries
from sinfonietta.dicom.queries.scope import Found, last_filed, series_condition, visible
from sinfonietta.library.models import Node

IN_ORDER = "ORDER BY s.study_uid, s.series_number, s.series_uid, s.id"
Pair = tuple[str, str]
"""Study and series by UID."""
STUDIES_AT_A_TIME = 100
"""So many are looked at together where a search walks through all."""


@dataclass
class Series:
    """A series as the actor sees it, merged over the places where they may read it."""

    study_uid: str
    series_uid: str
    instances: int
    size_bytes: int
    shown: SeriesRow
    places: list[UUID | str]

    @property
    def containers(self) -> list[UUID]:
        """Where it lies."""
        return [place if isinstance(place, UUID) else UUID(place) for place in self.places]


@dataclass(frozen=True)
class Who:
    """Which patient: by their id; one without an id by their name as it is searched."""

    patient_id: str
    name: str = ""

    @property
    def rows(self) -> Q:
        """The condition that a series row is theirs."""
        return Q(patient_id=self.patient_id) if self.patient_id else Q(patient_id="", patient_name=self.name)


@dataclass
class Study:
    """A study as the actor sees it."""

    study_uid: str
    series: list[Series] = field(default_factory=list)

    @property
    def shown(self) -> SeriesRow:
        """The row that speaks for patient and study: the one whose instance was filed last."""
        return max((series.shown for series in self.series), key=lambda row: row.described_by)

    @property
    def who(self) -> Who:
        """The patient that it is of."""
        row = self.shown
        return Who(row.patient_id, "" if row.patient_id else row.patient_name)

    @property
    def modalities(self) -> list[str]:
        """Different modalities, in order."""
        return sorted({series.shown.modality for series in self.series if series.shown.modality})

    @property
    def instances(self) -> int:
        """How many instances the actor sees of it."""
        return sum(series.instances for series in self.series)

    @property
    def size_bytes(self) -> int:
        """What its files weigh."""
        return sum(series.size_bytes for series in self.series)

    @property
    def attributes(self) -> dict[str, Any]:
        """Patient and study attributes in the DICOM JSON model."""
        found: dict[str, Any] = orjson.loads("{" + self.shown.study_json + "}")
        return found


def studies(
    *,
    actor: Actor,
    root: Node | None = None,
    keys: Mapping[str, str] | None = None,
    description: str = "",
    who: Who | None = None,
    offset: int = 0,
    limit: int = 100,
) -> Found[Study]:
    """Studies that match, the newest first; those found by how a name begins, by name.

    ``description`` stands anywhere in that of the study or of one of its series, whatever its case; ``who``: of one
    patient, whose id is taken as it is. Raises BadRequest for a key that cannot be matched.
    """
    keys = _of_rows(keys or {})
    order = by_name() if matching.begins_name(keys) else BY_DATE
    only = who.rows if who else Q()
    if "\0" in description or (who and "\0" in who.patient_id + who.name):  # no text of the database holds it
        return Found([], more=False)
    if description:
        only &= Q(study_description__icontains=description) | Q(series_description__icontains=description)
    page = selection.statement(
        f"DISTINCT s.study_uid, s.{order.column}", selection.SERIES, _matches(actor, root, keys, only, order),
        f"ORDER BY {order.of('s')} LIMIT %s OFFSET %s", (limit + 1, offset),
    )  # fmt: skip
    in_page = f"ORDER BY {order.of('p')}, s.series_number, s.series_uid, s.id"
    found: dict[str, Study] = {}
    for series in merged(selection.series_in(page, selection.visible(actor, root), in_page)):
        found.setdefault(series.study_uid, Study(series.study_uid)).series.append(series)
    return Found(list(found.values())[:limit], len(found) > limit)


@dataclass(frozen=True)
class Order:
    """The order of studies: an index on ``column`` is walked, so that no study is looked at beyond the page.

    Series of a study may disagree about it; the study stands where its first one does, the one before all others.
    """

    column: str
    before: str
    by: str

    def of(self, table: str) -> str:
        """What follows ORDER BY."""
        return self.by.format(table)


BY_DATE = Order("study_date", ">", "{0}.study_date DESC, {0}.study_uid DESC")


def by_name() -> Order:
    """The order of ``dicom_studies_by_name``, which on PostgreSQL has operators of its own."""
    if connection.vendor == "postgresql":
        return Order("patient_name", "OPERATOR(pg_catalog.~<~)", "{0}.patient_name USING ~<~, {0}.study_uid")
    return Order("patient_name", "<", "{0}.patient_name, {0}.study_uid")


def _of_rows(keys: Mapping[str, str]) -> Mapping[str, str]:
    """Where only ModalitiesInStudy is asked for, it is what one of the rows must be: an index has those in order."""
    said = {tag: asked for tag, asked in keys.items() if asked not in {"", "*"}}
    return (
        {matching.MODALITY: said[matching.MODALITIES_IN_STUDY]} if [*said] == [matching.MODALITIES_IN_STUDY] else said
    )


def _matches(actor: Actor, root: Node | None, keys: Mapping[str, str], only: Q, order: Order) -> Condition:
    """That a series row matches, and is the one by which its study is placed in the order."""
    asked = series_condition(actor, root, keys) & only
    of_rows = {tag: value for tag, value in keys.items() if tag not in matching.OF_WHOLE_STUDIES}
    asked_of_rows = asked if len(of_rows) == len(keys) else series_condition(actor, root, of_rows) & only
    another = selection.visible(actor, root, "m") & selection.where(asked_of_rows, "l")
    first = Condition(
        "NOT EXISTS (SELECT 1 FROM dicom_dicomseries l JOIN library_node m ON m.id = l.container_id "  # noqa: S608
        f"WHERE l.study_uid = s.study_uid AND l.{order.column} {order.before} s.{order.column} AND {another.sql})",
        another.params,
    )
    return selection.visible(actor, root) & selection.where(asked) & first


def rows_of(actor: Actor, root: Node | None, studies: Sequence[str]) -> list[SeriesRow]:
    """The rows of some studies that the actor sees, in the order of series."""
    if not studies:
        return []
    of = Condition(f"s.study_uid IN ({marks(studies)})", tuple(studies))
    return selection.series_rows(selection.visible(actor, root) & of, IN_ORDER)


def study(*, actor: Actor, uid: str, root: Node | None = None) -> Study:
    """One study with its series. Raises NotFound."""
    found = studies(actor=actor, root=root, keys={"0020000D": uid} if matching.UID.fullmatch(uid) else {}, limit=1).rows
    if not found or found[0].study_uid != uid:
        raise NotFound("There is no such study, or it is not yours to see.")
    return found[0]


def count_studies(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None) -> int:
    """How many studies match."""
    seen = visible(actor, root)
    rows = DicomSeries.objects.filter(seen & matching.condition(keys or {}, seen))
    return rows.aggregate(count=Count("study_uid", distinct=True))["count"] or 0


def series(
    *, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None, offset: int = 0, limit: int = 1000
) -> Found[Series]:
    """Series that match, by study and number. Raises BadRequest for a key that cannot be matched."""
    found: list[Series] = []
    for pairs in pairs_of(actor, root, keys or {}):
        if len(pairs) <= offset:
            offset -= len(pairs)
            continue
        wanted = pairs[offset : offset + limit + 1 - len(found)]
        offset = 0
        rows = rows_of(actor, root, list({study: None for study, _ in wanted}))
        by_pair = {(one.study_uid, one.series_uid): one for one in merged(rows)}
        found += [by_pair[pair] for pair in wanted if pair in by_pair]
        if len(found) > limit:
            break
    return Found(found[:limit], len(found) > limit)


def pairs_of(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    """(Study, series) of all that matches, in order, from some studies at a time: their number ends the walk."""
    matches = selection.visible(actor, root) & selection.where(series_condition(actor, root, keys))
    last, many = "", STUDIES_AT_A_TIME
    while many == STUDIES_AT_A_TIME:
        further = matches & Condition("s.study_uid > %s", (last,))
        rest = f"ORDER BY s.study_uid LIMIT {STUDIES_AT_A_TIME}"
        studies = [uid for (uid,) in selection.select("DISTINCT s.study_uid", selection.SERIES, further, rest)]
        many = len(studies)
        if studies:
            of = Condition(f"s.study_uid IN ({marks(studies)})", tuple(studies))
            order = "ORDER BY s.study_uid, s.series_number, s.series_uid"
            rows = selection.select("s.study_uid, s.series_uid", selection.SERIES, matches & of, order)
            yield list(dict.fromkeys(map(tuple, rows)))
            last = studies[-1]


def merged(rows: Sequence[SeriesRow]) -> list[Series]:
    """One Series for the rows of each (study, series), by number; the numbers are of what the actor sees."""
    found: dict[Pair, Series] = {}
    several: dict[Pair, list[int]] = {}
    for row in rows:
        pair = (row.study_uid, row.series_uid)
        one = found.get(pair)
        if one is None:
            found[pair] = Series(*pair, row.instances, row.size_bytes, row, [row.place])
            continue
        several.setdefault(pair, [one.shown.id]).append(row.id)
        one.places.append(row.place)
        one.instances += row.instances
        one.size_bytes += row.size_bytes
        if row.described_by > one.shown.described_by:
            one.shown = row
    if several:
        _count_once(found, several)
    return list(found.values())


def _count_once(found: dict[Pair, Series], rows: dict[Pair, list[int]]) -> None:
    """Count what is visible in several places by its UIDs; the size is that of the files shown."""
    ids = tuple(row_id for each in rows.values() for row_id in each)
    of = Condition(f"s.id IN ({marks(ids)})", ids)
    counts = selection.select(
        "s.study_uid, s.series_uid, COUNT(DISTINCT i.sop_uid)",
        "dicom_dicomseries s JOIN dicom_dicominstance i ON i.series_id = s.id",
        of,
        "GROUP BY s.study_uid, s.series_uid",
    )
    twice = [row_id for *pair, count in counts if count < found[*pair].instances for row_id in rows[*pair]]
    if not twice:
        return  # parts of a series that lie apart
    chosen = last_filed(DicomInstance.objects.filter(series_id__in=twice))
    sums = chosen.values("study_uid", "series_uid").annotate(count=Count("version_id"))
    for row in sums.annotate(size=Sum("version__size_bytes")).order_by():
        one = found[row["study_uid"], row["series_uid"]]
        one.instances, one.size_bytes = row["count"], row["size"]


def classes(*, actor: Actor, root: Node | None = None, study: str) -> list[str]:
    """The SOP classes of what the actor sees of a study."""
    rows = DicomInstance.objects.filter(visible(actor, root, "series__"), study_uid=study, series__study_uid=study)
    return sorted(set(rows.values_list("sop_class", flat=True).distinct()))


def containers(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[loading.Place]:
    """Where a study or series lies, as far as the actor sees it. Raises NotFound when that is nowhere."""
    matches = selection.where(series_condition(actor, root, keys))
    found = loading.nodes(selection.visible(actor, root) & matches, selection.SERIES)
    if not found:
        raise NotFound("There is no such study or series, or it is not yours to see.")
    return found
