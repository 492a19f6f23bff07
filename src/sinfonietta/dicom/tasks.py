"""Background work of the DICOM room."""

from __future__ import annotations

import zlib
from datetime import timedelta
from uuid import UUID

import orjson

from sinfonietta.common.time import now
from sinfonietta.dicom.models import DoseHistogram
from sinfonietta.dicom.planning import histograms
from sinfonietta.jobs.runner import JobContext

KEPT_DAYS = 90


def compute_histograms(context: JobContext) -> dict[str, int]:
    """Histograms of a structure set in a dose, with the rights of who asked."""
    said = context.payload
    dose = UUID(said["dose"]) if said["dose"] else None
    found = histograms.pair(actor=context.actor, structures=UUID(said["structures"]), dose=dose)
    result = histograms.known(found) or histograms.compute(found, context.progress)
    packed = zlib.compress(orjson.dumps(result))
    with context.transaction():
        DoseHistogram.objects.update_or_create(key=found.key, defaults={"created": now(), "result": packed})
    return {"regions": len(result["rois"])}


def forget_histograms(context: JobContext) -> dict[str, int]:
    """Forget histograms that were computed long ago; who asks again gets them anew."""
    old = DoseHistogram.objects.filter(created__lt=now() - timedelta(days=KEPT_DAYS))
    return {"histograms": old.delete()[0]}
