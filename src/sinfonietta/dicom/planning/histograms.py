"""Dose-volume histograms of a structure set: computed by a job, kept by content, shown to who may read both files."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid
from sinfonietta.dicom.models import DicomInstance, DoseHistogram
from sinfonietta.dicom.planning import belonging, objects
from sinfonietta.dicom.rt import dvh
from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.geometry import Unplaced
from sinfonietta.dicom.rt.structures import Roi
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job

KIND = "dicom.histograms"
REVISION = 1
"""Raised with every change of the figures, so that old ones are computed anew."""
PARTS = (0.98, 0.95, 0.5, 0.02)
"""Of the volume; the dose that each gets at least is D98, D95, D50, D2 (ICRU 83)."""
POINTS = 256
"""Of a curve."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A structure set and the dose that it is looked at in; without one, volumes alone are computed."""

    structures: DicomInstance
    dose: DicomInstance | None

    @property
    def key(self) -> str:
        """By what it is kept."""
        dose = self.dose.version.blob.sha256 if self.dose else ""
        return hashlib.sha256(f"{REVISION}:{self.structures.version.blob.sha256}:{dose}".encode()).hexdigest()


def pair(*, actor: Actor, structures: UUID, dose: UUID | None) -> Pair:
    """The two, as far as the actor may read them. Raises NotFound, Invalid where their frames of reference differ."""
    found = Pair(
        belonging.instance(actor=actor, uid=structures, kinds=[belonging.STRUCTURES]),
        belonging.instance(actor=actor, uid=dose, kinds=[belonging.DOSE]) if dose else None,
    )
    if found.dose is not None:
        grid = _grid(found.dose)
        if grid.plane.frame_of_reference not in objects.structure_set(found.structures).frames_of_reference:
            raise Invalid("The structure set and the dose have different frames of reference.")
    return found


def known(found: Pair) -> Result | None:
    """The histograms where they have been computed."""
    packed = DoseHistogram.objects.filter(key=found.key).values_list("result", flat=True).first()
    return None if packed is None else orjson.loads(zlib.decompress(bytes(packed)))


def ask(*, actor: Actor, found: Pair) -> Job:
    """The actor's job that computes them: the one that is under way, or a new one."""
    under_way = Job.objects.filter(
        owner=actor.uid, kind=KIND, payload__key=found.key, state__in=[Job.State.QUEUED, Job.State.RUNNING]
    )
    payload = {
        "key": found.key,
        "structures": str(found.structures.node.uid),
        "dose": str(found.dose.node.uid) if found.dose else None,
    }
    return under_way.first() or jobs.enqueue(actor=actor, kind=KIND, payload=payload)


def compute(found: Pair, progress: Callable[[float, str], None]) -> Result:
    """All histograms of the pair; ``progress`` is told the part that is done, and may raise. Raises Invalid."""
    structures = objects.structure_set(found.structures)
    grid = _grid(found.dose) if found.dose else None
    weights = np.cumsum([0, *(sum(len(one.points_mm) for one in roi.contours) + 1 for roi in structures.rois)])
    regions = []
    for index, roi in enumerate(structures.rois):
        progress(float(weights[index] / weights[-1]), f"Region {index + 1} of {len(structures.rois)}")
        regions.append(_region(roi, grid))
    return {"unit": grid.unit if grid else None, "highest": grid.highest if grid else None, "rois": regions}


def _region(roi: Roi, grid: DoseGrid | None) -> Result:
    shape: Result = {
        "number": roi.number, "name": roi.name, "type": roi.interpreted, "color": list(roi.color), "volume_cm3": None,
        "outside": None, "minimum": None, "mean": None, "maximum": None, "dose": [], "volume": [],
    } | {f"d{100 * part:.0f}": None for part in PARTS}  # fmt: skip
    fits = grid is not None and roi.frame_of_reference in ("", grid.plane.frame_of_reference)
    found = dvh.histogram(roi, grid) if grid and fits else None
    if found is None:
        volume = dvh.volume_cm3(roi)
        return shape | {"volume_cm3": round(volume, 4) if volume else None}
    axis = np.linspace(0, found.dose[-1], POINTS)
    return shape | {
        "volume_cm3": round(found.total_cm3, 4), "outside": round(found.outside, 6), "minimum": found.lowest,
        "mean": found.mean, "maximum": found.highest, "dose": [round(float(dose), 4) for dose in axis],
        "volume": [round(float(one), 5) for one in np.interp(axis, found.dose, found.volume_cm3)],
    } | {f"d{100 * part:.0f}": found.dose_at(part) for part in PARTS}  # fmt: skip


def _grid(row: DicomInstance) -> DoseGrid:
    try:
        return objects.dose_grid(row)
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem
