"""Reading stored files again and bringing the index, and what dose reports say, up to date, while the server runs.

What is shown stays shown: a row is changed in place, in a transaction that holds its collection, and a file that the
parser of today cannot read keeps the row that it has. A re-index that is broken off has done what it did; the next one
does all of it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Max, Min, Sum

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import services as audit
from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.common.errors import Forbidden
from sinfonietta.dicom.dataset.parse import MEDIA_TYPE, Header
from sinfonietta.dicom.index import indexer
from sinfonietta.dicom.models import DicomInstance, DicomSeries
from sinfonietta.dicom.radiation.indexer import insert
from sinfonietta.dicom.radiation.irradiation import DoseReport, may_be_told_by
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.jobs.runner import JobContext
from sinfonietta.library import access
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Version

BATCH = 50
Step = Callable[[float], None]


@dataclass
class Counts:
    """What came of it. ``kept``: could not be read now, and keep the row that they have; ``unreadable``: have none."""

    files: int = 0
    renewed: int = 0
    added: int = 0
    kept: int = 0
    unreadable: int = 0
    series: int = 0


def reindex(*, actor: Actor, step: Step = lambda done: None) -> Counts:
    """Parse every stored DICOM file again. ``step`` is told how far it is (0 to 1) after each batch, and may raise.

    Raises Forbidden for who does not run the site.
    """
    if not (actor.is_system or actor.is_admin):
        raise Forbidden("Only who runs the site can have it indexed again.")
    counts = Counts()
    ends = Version.objects.filter(media_type=MEDIA_TYPE).aggregate(first=Min("id"), last=Max("id"))
    last, first = ends["last"] or 0, ends["first"] or 0
    after = first - 1
    while ids := _next(after, last):
        found = {version: one for version in ids if (one := _read(version)) is not None}
        _renew(ids, found, counts)
        after = ids[-1]
        step(0.9 * (after - first + 1) / (last - first + 1))
    _recount(counts, step)
    audit.record(actor=actor, action="dicom.reindexed", **asdict(counts))
    return counts


def run(context: JobContext) -> dict[str, Any]:
    """``reindex`` as a job."""
    return asdict(reindex(actor=context.actor, step=lambda done: context.progress(done, "Reading files again")))


def _next(after: int, last: int) -> list[int]:
    rows = Version.objects.filter(media_type=MEDIA_TYPE, id__gt=after, id__lte=last).order_by("id")
    return list(rows.values_list("id", flat=True)[:BATCH])


def _read(version_id: int) -> tuple[Header, DoseReport | None] | None:
    """What a file says, outside of any transaction; None where there is no instance to be read now."""
    version = Version.objects.select_related("blob").filter(id=version_id).first()
    if version is None:
        return None
    try:
        path = store.default().path(version.blob)
        header = isolation.pool().parse(path) if path else None
        if path is None or header is None or not header.is_instance:
            return None
        told = may_be_told_by(header.modality, header.sop_class_uid)
        return header, isolation.pool().irradiation(path) if told else None
    except (isolation.IsolationError, Damaged):
        return None


def _renew(ids: list[int], found: dict[int, tuple[Header, DoseReport | None]], counts: Counts) -> None:
    with writing():
        wanted = Version.objects.filter(id__in=ids).select_related("node")
        access.lock_collections({version.node.collection_id for version in wanted})
        rows = DicomInstance.objects.select_related("version", "node", "series").in_bulk(ids)
        for version in wanted.all():  # as they are behind the lock
            counts.files += 1
            header, dose = found.get(version.id, (None, None))
            row = rows.get(version.id)
            if header is None:
                counts.kept += row is not None
                counts.unreadable += row is None
            elif row is None:
                counts.added += 1
                indexer.discover(version, header)
            else:
                counts.renewed += 1
                indexer.renew(row, header)
            if header is not None and dose is not None:
                insert(version.id, header.json, dose)


def _recount(counts: Counts, step: Step) -> None:
    """Make counts and sizes of series what their files say; a row without files goes."""
    after = 0
    while ids := list(DicomSeries.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:BATCH]):
        with writing():
            rows = DicomSeries.objects.filter(id__in=ids).select_related("container")
            access.lock_collections({row.container.collection_id for row in rows})
            counted = DicomSeries.objects.filter(id__in=ids).annotate(
                real=Count("files__sop_uid", distinct=True), weight=Sum("files__version__size_bytes")
            )
            for row in counted:
                counts.series += 1
                if not row.real:
                    row.delete()
                elif (row.instances, row.size_bytes) != (row.real, row.weight):
                    DicomSeries.objects.filter(id=row.id).update(instances=row.real, size_bytes=row.weight)
        after = ids[-1]
        step(0.95)
    step(1.0)
