"""Dose reports that take long to read."""

from __future__ import annotations

from typing import Any

from sinfonietta.blobs import store
from sinfonietta.dicom.dataset.packing import header_of
from sinfonietta.dicom.models import DicomDose, DicomInstance
from sinfonietta.dicom.radiation.indexer import insert
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.jobs.runner import JobContext


def read(context: JobContext) -> dict[str, Any]:
    """Read the report of a version, and of every one that has the same bytes meanwhile; what they say is kept."""
    rows = DicomInstance.objects.select_related("header", "version__blob")
    instance = rows.filter(version_id=context.payload["version"]).first()
    path = store.default().path(instance.version.blob) if instance else None
    if instance is None or path is None:
        return {"read": 0}
    found = isolation.pool().irradiation(path)
    if found is None:
        return {"read": 0}
    twins = rows.filter(version__blob=instance.version.blob).exclude(version__in=DicomDose.objects.values("instance"))
    with context.transaction():
        waiting = list(twins)
        for one in waiting:
            insert(one.version_id, header_of(one.header.places).json, found)
    return {"read": len(waiting)}
