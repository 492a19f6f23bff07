"""Asking for an export."""

from __future__ import annotations

from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.dicom import queries
from sinfonietta.dicom.exports.sources import SERIES, STUDY
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node

KIND = "dicom.export"
NIFTI, MASKS, SEG = "nifti", "masks", "seg"
FORMS = (NIFTI, MASKS, SEG)
"""A series as NIfTI; the regions of a structure set as NIfTI masks, one file each, or as a DICOM segmentation."""
STRUCTURES = "RTSTRUCT"
NO_VOLUMES = frozenset({
    "RTPLAN", "RTRECORD", "RTIMAGE", "SR", "KO", "PR", "REG", "DOC", "ECG", "SEG", "CR", "DX", "MG", "RF", "XA", "IO",
    "OP", "SM", "XC", "ES", "GM", "US", "IVUS",
})  # fmt: skip
"""Modalities that are no stacks of slices."""


def forms_of(modality: str) -> tuple[str, ...]:
    """The forms that a series of a modality may be had in."""
    if modality == STRUCTURES:
        return MASKS, SEG
    return () if modality in NO_VOLUMES else (NIFTI,)


def export(*, actor: Actor, form: str, study: str, series: str, into: UUID, root: UUID | None = None) -> Job:
    """Make a series (within ``root``) into that form, filed in ``into``, as a job.

    Raises NotFound (the series, the place), Forbidden (the place), Invalid (a form that the series has not).
    """
    place = access.require(actor, into, Level.WRITE)
    if place.kind not in (Node.Kind.COLLECTION, Node.Kind.FOLDER):
        raise Invalid("Choose a collection or a folder.", errors={"into": ["a collection or folder"]})
    within = access.find(actor, root) if root else None
    found = queries.series(actor=actor, root=within, keys={STUDY: study, SERIES: series}, limit=1).rows
    if not found or not study or not series:
        raise NotFound("There is no such series, or it is not yours to see.")
    if form not in forms_of(found[0].shown.modality):
        raise Invalid(f"A series of {found[0].shown.modality or 'no modality'} cannot be exported so.")
    payload = {"form": form, "study": study, "series": series, "into": str(into), "root": root and str(root)}
    return jobs.enqueue(actor=actor, kind=KIND, payload=payload)
