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
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom import isolation, matching, tags
from sinfonietta.dicom.functional import of_frame
from sinfonietta.dicom.models import DicomHeader, DicomInstance, DicomSeries
from sinfonietta.dicom.options import presets
from sinfonietta.dicom.packing import dataset_of, header_of
from sinfonietta.dicom.parse import MEDIA_TYPE, Header
from sinfonietta.library import access
from sinfonietta.library.models import Node, base36
from sinfonietta.library.queries import version

Row = TypeVar("Row")
WITH = ("header", "version__blob", "node", "series__container")
NEEDED = (
    "study_uid", "series_uid", "sop_uid", "sop_class", "transfer_syntax", "frames", "header__places",
    "version__created", "version__blob__sha256", "version__blob__size_bytes", "version__blob__key",
    "version__blob__store", "node__uid", "node__ancestry", "series__container__uid", "series__container__ancestry",
)  # fmt: skip
"""What a request for one instance looks at; datasets are large, and loaded only where they are asked for."""
PIECE = 50
MOST_TEXT_BYTES = 4 << 20
"""A dataset whose JSON is longer is not made an object of in this process: it would take fifty times as much memory."""
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
    shown: DicomSeries
    containers: list[UUID]


@dataclass
class Study:
    """A study as the actor sees it."""

    study_uid: str
    series: list[Series] = field(default_factory=list)

    @property
    def shown(self) -> DicomSeries:
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


def studies(
    *, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None, offset: int = 0, limit: int = 100
) -> Found[Study]:
    """Studies that match, the newest first. Raises BadRequest for a key that cannot be matched."""
    seen = visible(actor, root)
    keys = keys or {}
    matches = DicomSeries.objects.filter(seen & matching.condition(keys, seen))
    # Series of a study may disagree about its date; it stands at the latest. Written so that no study is looked at
    # beyond the page: 13 times as fast as grouping where there are 10,000.
    of_rows = {tag: asked for tag, asked in keys.items() if tag not in matching.OF_WHOLE_STUDIES}
    later = DicomSeries.objects.filter(
        seen & matching.condition(of_rows, seen),
        study_uid=OuterRef("study_uid"),
        study_date__gt=OuterRef("study_date"),
    )
    dated = matches.filter(~Exists(later)).values_list("study_uid", "study_date").distinct()
    page = [uid for uid, _ in dated.order_by("-study_date", "-study_uid")[offset : offset + limit + 1]]
    wanted = page[:limit]
    found = {uid: Study(uid) for uid in wanted}
    for series in merged(actor, DicomSeries.objects.filter(seen, study_uid__in=wanted)):
        found[series.study_uid].series.append(series)
    return Found([study for study in found.values() if study.series], len(page) > limit)


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
    seen = visible(actor, root)
    matches = DicomSeries.objects.filter(seen & matching.condition(keys or {}, seen))
    groups = matches.values("study_uid", "series_uid").annotate(number=Min("series_number"))
    page = list(
        groups.order_by("study_uid", "number", "series_uid").values_list("study_uid", "series_uid")[
            offset : offset + limit + 1
        ]
    )
    wanted = page[:limit]
    rows = DicomSeries.objects.filter(
        seen, study_uid__in={study for study, _ in wanted}, series_uid__in={series for _, series in wanted}
    )
    found = {(one.study_uid, one.series_uid): one for one in merged(actor, rows)}
    return Found([found[pair] for pair in wanted if pair in found], len(page) > limit)


def merged(actor: Actor, rows: QuerySet[DicomSeries]) -> list[Series]:
    """One Series for the rows of each (study, series), by number; the numbers are of what the actor sees."""
    found: dict[tuple[str, str], Series] = {}
    places: dict[tuple[str, str], list[int]] = {}
    for row in rows.annotate(place=F("container__uid")).order_by("study_uid", "series_number", "series_uid", "id"):
        pair = (row.study_uid, row.series_uid)
        places.setdefault(pair, []).append(row.id)
        one = found.setdefault(pair, Series(*pair, row.instances, row.size_bytes, row, []))
        one.containers.append(row.place)
        if row.described_by > one.shown.described_by:
            one.shown = row
    several = {pair: ids for pair, ids in places.items() if len(ids) > 1}
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
) -> Found[DicomInstance]:
    """Instances that match, in the order of series and instance numbers, each with its ``series`` row."""
    rows = _chosen(actor, root, keys or {}).select_related("series")[offset : offset + limit + 1]
    page = list(rows)
    return Found(page[:limit], len(page) > limit)


def files(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[DicomInstance]:
    """All instances of a study, a series, or one, each with ``version.blob``. Raises NotFound when there are none."""
    rows = list(_chosen(actor, root, keys).select_related("version__blob", "node", "series__container").defer("json"))
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
    rows = DicomInstance.objects.filter(
        visible(actor, root, "series__"), study_uid=study, series_uid=series, sop_uid=uid, series__isnull=False
    )
    found = rows.select_related(*WITH).only(*NEEDED).order_by("-version_id").first()
    if found is None:
        raise NotFound("There is no such instance, or it is not yours to see.")
    return found


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
    ids = list(_chosen(actor, root, keys).values_list("version_id", flat=True))
    rows = DicomInstance.objects.select_related("header").defer("json", "header__places")
    for at in range(0, len(ids), CHUNK):
        # Piece by piece: a slow reader of a long answer holds no cursor open.
        found = rows.in_bulk(ids[at : at + CHUNK])
        yield from (found[version] for version in ids[at : at + CHUNK] if version in found)


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
    seen = visible(actor, root)
    rows = DicomSeries.objects.filter(seen & matching.condition(keys, seen)).select_related("container")
    if not rows:
        raise NotFound("There is no such study or series, or it is not yours to see.")
    return [row.container for row in rows]


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
