"""DICOM files, opened for a preview: with the rights of who asks, and with what goes wrong put into words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom.models import DicomDose, DicomInstance
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.library import queries as library
from sinfonietta.previews.kinds import of_sop_class


@dataclass(frozen=True)
class Opened:
    """A file's current version that the index knows."""

    row: DicomInstance
    blob: Blob
    path: Path


def opened(*, actor: Actor, uid: UUID) -> Opened:
    """A DICOM file, to be looked into; noted as read. Raises NotFound, Forbidden for a quarantined one, Unavailable."""
    current = library.version(actor=actor, uid=uid)
    rows = DicomInstance.objects.filter(version=current, series__isnull=False)
    row = rows.select_related("series", "node", "node__parent").first()
    if row is None:
        raise NotFound("That is not a DICOM object that could be read.")
    library.note_read(actor=actor, action="file.previewed", node=row.node)
    path = store.default().path(current.blob)
    if path is None:
        raise Unavailable("Files cannot be looked into in this store.")
    return Opened(row, current.blob, path)


def kinds_of(row: DicomInstance) -> tuple[str, ...]:
    """How an instance can be shown besides image and tags: by its SOP class, and a dose report also by what it says."""
    if row.series_id is None:
        return ()
    kinds = of_sop_class(row.sop_class)
    if kinds == ("report",) and DicomDose.objects.filter(instance=row).exists():
        return ("irradiation", *kinds)
    return kinds


@contextmanager
def reading() -> Iterator[None]:
    """Around what is asked of ``isolation``. Raises Unavailable where all are busy, else Invalid with the reason."""
    try:
        yield
    except isolation.Busy as problem:
        raise Unavailable(str(problem)) from problem
    except isolation.NoSuchValue as problem:
        raise NotFound(str(problem)) from problem
    except isolation.IsolationError as problem:
        raise Invalid(str(problem) or "It cannot be shown.") from problem
