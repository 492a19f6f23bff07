"""Reads of the DICOM index, for DICOMweb, the portal and whatever else lists studies.

Every query begins with what the actor may read: series rows whose container is theirs and not in the trash, inside the
root that was asked. All that is shown of patient and study comes from those rows alone. Where a series is visible in
several places, its instances are counted once per SOP Instance UID, and the file that was filed last is the one shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from django.db.models import Count, F, Max, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom import isolation, loading, matching, selection, tags
from sinfonietta.dicom.functional import of_frame
from sinfonietta.dicom.models import DicomHeader, DicomInstance, DicomSeries
from sinfonietta.dicom.options import presets
from sinfonietta.dicom.packing import dataset_of, header_of
from sinfonietta.dicom.parse import MEDIA_TYPE, Header
from sinfonietta.dicom.selection import InstanceRow, SeriesRow
from sinfonietta.library import access
from sinfonietta.library.models import Node, base36
from sinfonietta.library.queries import version

Row = TypeVar("Row")
PIECE = 50
MOST_TEXT_BYTES = 4 << 20
"""A dataset whose JSON is longer is not made an object of in this process: it would take fifty times as much memory."""
IN_ORDER = "ORDER BY s.study_uid, s.series_number, s.series_uid, s.id"
STUDIES_AT_A_TIME = 100
"""So many are looked at together where a search walks through all."""
CHUNK = 200
"""Rows that are fetched at a time where a long answer is streamed."""


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A page of an answer; ``more`` says that there is another one."""

    rows: Sequence[Row]
    more: bool


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


@dataclass(frozen=True)
class Described:
    """A DICOM file: its row in the index where it has one, its tags, and the windows to look at it by."""

    row: DicomInstance | None
    frames: int
    rows: list[tags.TagRow]
    presets: dict[str, tuple[float, float]]


def root(*, actor: Actor, uid: UUID, kinds: Sequence[str]) -> Node:
    """The container that a scoped root stands for. Raises NotFound when it is absent, of another kind or not theirs."""
    node = access.find(actor, uid)
    if node.kind not in kinds:
        raise NotFound("There is nothing of that id, or it is not yours to see.")
    return node


def visible(actor: Actor, root: Node | None, prefix: str = "") -> Q:
    """The condition that a series row (behind ``prefix``) is the actor's to see, below the root where there is one."""
    container = f"{prefix}container__"
    condition = access.within(actor, prefix=container) & Q(**{f"{container}trash": None})
    if root is None:
        return condition
    below = {f"{container}ancestry__gte": root.below, f"{container}ancestry__lt": root.ancestry + base36(root.id + 1)}
    return condition & (Q(**{f"{prefix}container": root}) | Q(**below))


def _condition(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> Q:
    """What series rows must fulfil; only one of the keys looks at what else is visible."""
    return matching.condition(keys, visible(actor, root) if matching.MODALITIES_IN_STUDY in keys else Q())


def studies(
    *, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None, offset: int = 0, limit: int = 100
) -> Found[Study]:
    """Studies that match, the newest first. Raises BadRequest for a key that cannot be matched."""
    keys = keys or {}
    # Series of a study may disagree about its date; it stands at the latest. Written so that no study is looked at
    # beyond the page: 13 times as fast as grouping where there are 10,000.
    of_rows = {tag: asked for tag, asked in keys.items() if tag not in matching.OF_WHOLE_STUDIES}
    another = selection.visible(actor, root, "m") & selection.where(_condition(actor, root, of_rows), "l")
    latest = selection.Condition(
        "NOT EXISTS (SELECT 1 FROM dicom_dicomseries l JOIN library_node m ON m.id = l.container_id "  # noqa: S608
        f"WHERE l.study_uid = s.study_uid AND l.study_date > s.study_date AND {another.sql})",
        another.params,
    )
    matches = selection.visible(actor, root) & selection.where(_condition(actor, root, keys)) & latest
    page = selection.select(
        "DISTINCT s.study_uid, s.study_date", selection.SERIES, matches,
        "ORDER BY s.study_date DESC, s.study_uid DESC LIMIT %s OFFSET %s", (limit + 1, offset),
    )  # fmt: skip
    found = {uid: Study(uid) for uid, _ in page[:limit]}
    for series in merged(_of_studies(actor, root, list(found))):
        found[series.study_uid].series.append(series)
    return Found([study for study in found.values() if study.series], len(page) > limit)


def _of_studies(actor: Actor, root: Node | None, studies: Sequence[str]) -> list[SeriesRow]:
    """The rows of some studies that the actor sees, in the order of series."""
    if not studies:
        return []
    of = selection.Condition(f"s.study_uid IN ({selection.marks(studies)})", tuple(studies))
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
    for pairs in _pairs(actor, root, keys or {}):
        if len(pairs) <= offset:
            offset -= len(pairs)
            continue
        wanted = pairs[offset : offset + limit + 1 - len(found)]
        offset = 0
        rows = _of_studies(actor, root, list({study: None for study, _ in wanted}))
        by_pair = {(one.study_uid, one.series_uid): one for one in merged(rows)}
        found += [by_pair[pair] for pair in wanted if pair in by_pair]
        if len(found) > limit:
            break
    return Found(found[:limit], len(found) > limit)


def _pairs(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    """(Study, series) of all that matches, in order, from some studies at a time: their number ends the walk."""
    matches = selection.visible(actor, root) & selection.where(_condition(actor, root, keys))
    last, many = "", STUDIES_AT_A_TIME
    while many == STUDIES_AT_A_TIME:
        further = matches & selection.Condition("s.study_uid > %s", (last,))
        rest = f"ORDER BY s.study_uid LIMIT {STUDIES_AT_A_TIME}"
        studies = [uid for (uid,) in selection.select("DISTINCT s.study_uid", selection.SERIES, further, rest)]
        many = len(studies)
        if studies:
            of = selection.Condition(f"s.study_uid IN ({selection.marks(studies)})", tuple(studies))
            order = "ORDER BY s.study_uid, s.series_number, s.series_uid"
            rows = selection.select("s.study_uid, s.series_uid", selection.SERIES, matches & of, order)
            yield list(dict.fromkeys(map(tuple, rows)))
            last = studies[-1]


def merged(rows: Sequence[SeriesRow]) -> list[Series]:
    """One Series for the rows of each (study, series), by number; the numbers are of what the actor sees."""
    found: dict[tuple[str, str], Series] = {}
    several: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        pair = (row.study_uid, row.series_uid)
        one = found.get(pair)
        if one is None:
            found[pair] = Series(*pair, row.instances, row.size_bytes, row, [row.place])
            continue
        several.setdefault(pair, [one.shown.id]).append(row.id)
        one.places.append(row.place)
        if row.described_by > one.shown.described_by:
            one.shown = row
    if several:
        _count_once(found, [row_id for ids in several.values() for row_id in ids])
    return list(found.values())


def _count_once(found: dict[tuple[str, str], Series], row_ids: list[int]) -> None:
    """Count what is visible in several places by its UIDs; the size is that of the files shown."""
    chosen = _last_filed(DicomInstance.objects.filter(series_id__in=row_ids))
    counts = chosen.values("study_uid", "series_uid").annotate(count=Count("version_id"))
    for row in counts.annotate(size=Sum("version__size_bytes")).order_by():
        one = found[(row["study_uid"], row["series_uid"])]
        one.instances, one.size_bytes = row["count"], row["size"]


def _last_filed(rows: QuerySet[DicomInstance]) -> QuerySet[DicomInstance]:
    """Of each (study, series, SOP Instance UID) among the rows the one that was filed last."""
    last = rows.order_by().values("study_uid", "series_uid", "sop_uid").annotate(last=Max("version_id"))
    return DicomInstance.objects.filter(version_id__in=last.values("last"))


def _chosen(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> QuerySet[DicomInstance]:
    seen = visible(actor, root)
    matches = DicomSeries.objects.filter(seen & matching.condition(keys, seen))
    # Which file is shown is decided among all that the actor sees; only then is it asked whether that one matches.
    rows = DicomInstance.objects.filter(series__in=matches.values("id"))
    chosen = _last_filed(rows).filter(matching.instance_condition(keys))
    return chosen.order_by("study_uid", "series__series_number", "series_uid", "instance_number", "sop_uid")


def instances(
    *, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None, offset: int = 0, limit: int = 5000
) -> Found[InstanceRow]:
    """Instances that match, in the order of series and instance numbers, each with its ``series`` row."""
    keys = keys or {}
    if any(keys.get(tag) not in {None, "", "*"} for tag in ("0020000D", "0020000E", "00080018")):
        found = _instances(actor, root, keys, offset, limit + 1)
        return Found(found[:limit], len(found) > limit)
    # Of all that there is, only so many studies are looked at as the page needs.
    of_instances = any(tag[:8] in matching.INSTANCE_KEYS for tag in keys)
    found = []
    for studies in _studies_with_counts(actor, root, keys):
        there = sum(count for _, count in studies)
        if not of_instances and there <= offset:
            offset -= there
            continue
        chosen = studies if of_instances else _needed(studies, offset + limit + 1 - len(found))
        wanted = dict(keys) | {"0020000D": "\\".join(uid for uid, _ in chosen)}
        if of_instances:
            more = _instances(actor, root, wanted, 0, offset + limit + 1 - len(found))
            found += more[offset:]
            offset = max(0, offset - len(more))
        else:
            found += _instances(actor, root, wanted, offset, limit + 1 - len(found))
            offset = 0
        if len(found) > limit:
            break
    return Found(found[:limit], len(found) > limit)


def _needed(studies: Sequence[tuple[str, int]], instances: int) -> list[tuple[str, int]]:
    """The first of the studies, that hold so many instances together."""
    found: list[tuple[str, int]] = []
    for study in studies:
        found.append(study)
        instances -= study[1]
        if instances <= 0:
            break
    return found


def _studies_with_counts(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> Iterator[list[tuple[str, int]]]:
    """Some studies at a time, in order, each with the number of instances in its matching series."""
    for pairs in _pairs(actor, root, keys):
        counts = dict.fromkeys((study for study, _ in pairs), 0)
        wanted = set(pairs)
        for one in merged(_of_studies(actor, root, list(counts))):
            if (one.study_uid, one.series_uid) in wanted:
                counts[one.study_uid] += one.instances
        yield list(counts.items())


def _instances(actor: Actor, root: Node | None, keys: Mapping[str, str], offset: int, limit: int) -> list[InstanceRow]:
    return selection.instance_rows(
        _shown(actor, root, keys), f"{selection.IN_ORDER} LIMIT %s OFFSET %s", (limit, offset)
    )


def _shown(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> selection.Condition:
    """The condition that an instance matches and is the one shown of its UID."""
    shown = selection.shown(actor, root, _condition(actor, root, keys))
    of_instance = matching.instance_condition(keys)
    return shown & selection.where(of_instance, "i") if of_instance else shown


def files(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[DicomInstance]:
    """All instances of a study, a series, or one, each with ``version.blob``. Raises NotFound when there are none."""
    rows = loading.files(_shown(actor, root, keys), selection.IN_ORDER)
    if not rows:
        raise NotFound("There is no such study, series or instance, or it is not yours to see.")
    return rows


def all_files(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[Node]:
    """Every file of a study, a series or an instance, those too that another one with the same UID stands before.

    Raises NotFound when there are none.
    """
    seen = visible(actor, root, "series__")
    uids = {"study_uid": keys.get("0020000D"), "series_uid": keys.get("0020000E"), "sop_uid": keys.get("00080018")}
    wanted = {column: uid for column, uid in uids.items() if uid}
    rows = DicomInstance.objects.filter(seen, series__isnull=False, **wanted).select_related("node").order_by("node_id")
    if not rows:
        raise NotFound("There is no such study, series or instance, or it is not yours to see.")
    return [row.node for row in rows]


def instance(*, actor: Actor, root: Node | None = None, study: str, series: str, uid: str) -> DicomInstance:
    """One instance with ``header``, ``version.blob``, ``node`` and ``series.container``. Raises NotFound."""
    named = selection.Condition("i.sop_uid = %s AND i.series_uid = %s AND i.study_uid = %s", (uid, series, study))
    seen = named & selection.visible(actor, root)
    found = loading.files(seen, "ORDER BY i.version_id DESC LIMIT 1")
    if not found:
        raise NotFound("There is no such instance, or it is not yours to see.")
    return found[0]


def header(row: DicomInstance) -> Header:
    """The header of an instance that the caller has been shown."""
    return header_of(DicomHeader.objects.values_list("places", flat=True).get(instance_id=row.version_id))


@dataclass
class Retrieval:
    """What is to be sent of a study, a series, a patient: the versions, and which classes and syntaxes they have."""

    actor: Actor
    versions: list[int]
    kinds: list[tuple[str, str]]

    def rows(self) -> Iterator[DicomInstance]:
        """The instances, with ``version.blob`` and ``series.container``; looked up piece by piece, with the rights of
        that moment, so that a right which is withdrawn meanwhile ends it.
        """
        for at in range(0, len(self.versions), PIECE):
            ids = self.versions[at : at + PIECE]
            rows = DicomInstance.objects.filter(visible(self.actor, None, "series__"), version_id__in=ids)
            found = rows.select_related("version__blob", "series__container").defer("json").in_bulk()
            yield from (found[version] for version in ids if version in found)


def retrieval(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> Retrieval:
    """All instances that match, to be sent. Raises BadRequest for a key that cannot be matched."""
    chosen = _chosen(actor, root, keys)
    kinds = chosen.order_by().values_list("sop_class", "transfer_syntax").distinct()
    return Retrieval(actor, list(chosen.values_list("version_id", flat=True)), list(kinds))


def datasets(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> Iterator[DicomInstance]:
    """All instances of a study, a series, or one, each with ``header``, streamed."""
    rows = selection.select("i.version_id", selection.INSTANCES, _shown(actor, root, keys), selection.IN_ORDER)
    ids = [version for (version,) in rows]
    for at in range(0, len(ids), CHUNK):
        # Piece by piece: a slow reader of a long answer holds no cursor open.
        some = tuple(ids[at : at + CHUNK])
        chosen = selection.Condition(f"i.version_id IN ({selection.marks(some)})", some)
        found = {row.version_id: row for row in loading.datasets(chosen)}
        yield from (found[version] for version in some if version in found)


def classes(*, actor: Actor, root: Node | None = None, study: str) -> list[str]:
    """The SOP classes of what the actor sees of a study."""
    rows = DicomInstance.objects.filter(visible(actor, root, "series__"), study_uid=study, series__study_uid=study)
    return sorted(set(rows.values_list("sop_class", flat=True).distinct()))


def known_classes(*, actor: Actor, uids: Sequence[str]) -> dict[str, set[str]]:
    """Of these SOP instances those that the actor sees, with their classes."""
    found: dict[str, set[str]] = {}
    for at in range(0, len(uids), CHUNK):
        rows = DicomInstance.objects.filter(
            visible(actor, None, "series__"), sop_uid__in=uids[at : at + CHUNK], series__isnull=False
        )
        for uid, sop_class in rows.values_list("sop_uid", "sop_class"):
            found.setdefault(uid, set()).add(sop_class)
    return found


def containers(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[Node]:
    """Where a study or series lies, as far as the actor sees it. Raises NotFound when that is nowhere."""
    matches = selection.where(_condition(actor, root, keys))
    found = loading.nodes(selection.visible(actor, root) & matches, selection.SERIES)
    if not found:
        raise NotFound("There is no such study or series, or it is not yours to see.")
    return found


def of_file(*, actor: Actor, uid: UUID, frame: int = 0) -> Described:
    """What is known of a file's current version; of an enhanced object the tags of one frame (from 0).

    What the index leaves out (a dataset that breaks off, a DICOMDIR, what lacks a UID) is read again, and so are tags
    that are too many for this process, or in a header of the scanner's maker. Raises NotFound where the file is absent
    or no DICOM that can be read, Forbidden for a quarantined one, Unavailable.
    """
    node = access.find(actor, uid)
    row = DicomInstance.objects.filter(node=node, version_id=node.current_id or 0).select_related("header").first()
    dataset = dataset_of(row.header.dataset, MOST_TEXT_BYTES) if row else None
    if row is not None and dataset is not None and not tags.has_csa(dataset):
        header = replace(header_of(row.header.places), json=dataset)
        return Described(row, row.frames, tags.rows(of_frame(dataset, frame)), presets(header))
    current = version(actor=actor, uid=uid)
    path = store.default().path(current.blob) if current.media_type == MEDIA_TYPE else None
    try:
        found = isolation.pool().parse(path) if path else None
        if path is None or found is None:
            raise NotFound("That is not a DICOM file that could be read.")
        frames = found.pixels.number_of_frames if found.pixels else 0
        return Described(row, frames, *isolation.pool().tags(path, frame))
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise NotFound(str(error)) from error


def dataset(row: DicomInstance) -> dict[str, Any]:
    """The DICOM JSON model of an instance that the caller has been given already. Raises Invalid for a huge one."""
    found = dataset_of(DicomHeader.objects.values_list("dataset", flat=True).get(instance=row), MOST_TEXT_BYTES)
    if found is None:
        raise Invalid(f"The header of the object is larger than {MOST_TEXT_BYTES >> 20} MiB.")
    return found


def named(*, actor: Actor, uids: Collection[str], root: Node | None = None) -> dict[str, DicomInstance]:
    """Of these SOP Instance UIDs those that the actor sees, with ``node`` and ``series``: the file filed last each."""
    seen: dict[str, DicomInstance] = {}
    wanted = sorted(set(uids))
    for at in range(0, len(wanted), CHUNK):
        rows = DicomInstance.objects.filter(
            visible(actor, root, "series__"), sop_uid__in=wanted[at : at + CHUNK], series__isnull=False
        )
        for row in rows.select_related("node", "series").defer("json").order_by("version_id"):
            seen[row.sop_uid] = row
    return seen


def placed(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[DicomInstance]:
    """The instances of a series in the order of their numbers, each with ``node`` and ``series``, without its JSON."""
    return list(_chosen(actor, root, keys).select_related("node", "series").defer("json"))


def stack(*, actor: Actor, root: Node, keys: Mapping[str, str]) -> list[tuple[UUID, int]]:
    """The files of a series in the order of instance numbers, each with its number of frames."""
    return list(_chosen(actor, root, keys).values_list("node__uid", "frames"))


def middles(*, actor: Actor, root: Node | None, study: str) -> dict[str, UUID]:
    """Of each series of a study the file in its middle that has pixels: a picture that tells what it is."""
    drawn = _chosen(actor, root, {"0020000D": study}).filter(frames__gt=0)
    numbered = drawn.annotate(
        position=Window(RowNumber(), partition_by="series_uid", order_by=["instance_number", "sop_uid"]),
        total=Window(Count("version_id"), partition_by="series_uid"),
    )
    return dict(numbered.filter(position=F("total") / 2 + 1).values_list("series_uid", "node__uid"))


def identities(node_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Study, series, instance and modality of files (by id) that the caller has been shown already."""
    rows = DicomInstance.objects.filter(node_id__in=node_ids, node__current_id=F("version_id"))
    names = ("study_uid", "series_uid", "sop_uid", "modality")
    return {
        node_id: dict(zip(("study", "series", "instance", "modality"), values, strict=True))
        for node_id, *values in rows.values_list("node_id", *names)
    }


def shown(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> DicomInstance:
    """The first instance that matches, with ``header``, ``version.blob`` and ``node``. Raises NotFound."""
    found = _chosen(actor, root, keys).select_related("header", "version__blob", "node").first()
    if found is None:
        raise NotFound("There is no such study, series or instance, or it is not yours to see.")
    return found


def representative(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> str:
    """The UID of an instance that stands for a study or series: with pixels, from the middle of the largest series.

    Raises NotFound when there is none with pixels.
    """
    rows = _chosen(actor, root, keys).filter(frames__gt=0).values_list("series_id", "sop_uid")
    places: dict[int | None, list[str]] = {}
    for series_id, uid in rows:
        places.setdefault(series_id, []).append(uid)
    if not places:
        raise NotFound("There is no image in it.")
    largest = max(places.values(), key=len)
    return largest[len(largest) // 2]
