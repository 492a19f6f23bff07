"""What is laid over one image: the outlines of a structure set, the dose; and what a beam sees of the structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.dicom.planning import belonging, objects
from sinfonietta.dicom.planning.belonging import Planning
from sinfonietta.dicom.rt import beam, drawing, structures
from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.geometry import Plane, Points, Unplaced
from sinfonietta.dicom.rt.structures import Outline, StructureSet

MOST_PIXELS = 256
"""Rows and columns that dose is computed for over an image; grids are coarser than images."""
OF_PRESCRIPTION, OF_MAXIMUM = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05), (0.1, 0.3, 0.5, 0.7, 0.9, 0.95)
WHOLE = ("PLAN", "MULTI_PLAN", "PLAN_OVERVIEW")


@dataclass(frozen=True)
class Place:
    """What to draw on: frame ``frame`` (from 0) of the file ``on``, or plane ``plane`` of a structure set alone.

    ``spacing_mm``: the distance of the slices; None: the thickness of this one.
    """

    on: UUID | None = None
    frame: int = 0
    plane: int | None = None
    spacing_mm: float | None = None


@dataclass(frozen=True)
class DoseSlice:
    """Dose over a part of an image: ``values`` (rows, columns), NaN beyond the grid.

    ``left`` and ``top``: the image's column and row at the outer corner of the first value, each of which covers
    ``step`` columns and rows of the image.
    """

    grid: DoseGrid
    plane: Plane
    values: NDArray[np.floating[Any]]
    left: float
    top: float
    step: int

    def isodoses(self, levels: Sequence[float]) -> dict[float, list[Points]]:
        """Lines (n, 2) of column and row of the image for each level."""
        if min(self.values.shape) < 2:
            return {level: [] for level in levels}
        found = drawing.isodoses(self.values, list(levels))
        corner = np.array([self.left, self.top]) + self.step / 2
        return {level: [line * self.step + corner for line in lines] for level, lines in found.items()}


def structure_set(*, actor: Actor, uid: UUID) -> StructureSet:
    """A structure set. Raises NotFound, Invalid."""
    return objects.structure_set(belonging.instance(actor=actor, uid=uid, kinds=[belonging.STRUCTURES]))


def outlines(*, actor: Actor, uid: UUID, place: Place) -> tuple[Plane, list[Outline]]:
    """The contours of a structure set on one image, or on one of its own planes.

    Raises NotFound, Invalid where they do not share a frame of reference.
    """
    found = structure_set(actor=actor, uid=uid)
    if place.on is None:
        if place.plane is None or not 0 <= place.plane < len(found.planes):
            raise NotFound("The structure set has no such plane.")
        plane = found.planes[place.plane]
        return plane, structures.outlines(_unnamed(found, plane), plane, "", structures.NEAR_MM)
    plane, sop_uid = _plane(actor, place)
    if plane.frame_of_reference not in found.frames_of_reference:
        raise Invalid("The structure set and the image have different frames of reference.")
    spacing_mm = place.spacing_mm or plane.thickness_mm or 1.0
    return plane, structures.outlines(found, plane, sop_uid, spacing_mm)


def _unnamed(found: StructureSet, plane: Plane) -> StructureSet:
    """The set as if it named no images, and all of it lay in the frame of reference of its planes."""
    rois = [
        structures.Roi(
            roi.number, roi.name, roi.interpreted, roi.color,
            [contour for contour in roi.contours if np.abs(plane.distance_mm(contour.points_mm[:1])).max() < 1],
        )
        for roi in found.rois
    ]  # fmt: skip
    return StructureSet(found.label, found.frames_of_reference, rois, frozenset())


def dose_grid(*, actor: Actor, uid: UUID) -> DoseGrid:
    """A dose. Raises NotFound, Invalid where its values or its place cannot be read, Unavailable."""
    try:
        return objects.dose_grid(belonging.instance(actor=actor, uid=uid, kinds=[belonging.DOSE]))
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem


def dose(*, actor: Actor, uid: UUID, place: Place) -> DoseSlice:
    """The dose over an image. Raises NotFound, Invalid where they do not share a frame of reference, Unavailable."""
    grid = dose_grid(actor=actor, uid=uid)
    plane, _ = _plane(actor, place)
    if not plane.frame_of_reference or plane.frame_of_reference != grid.plane.frame_of_reference:
        raise Invalid("The dose and the image have different frames of reference.")
    coarse = plane.coarser(MOST_PIXELS)
    step = round(coarse.column_spacing_mm / plane.column_spacing_mm)
    top, bottom, left, right = _covered(grid, coarse)
    part = coarse.part(top, bottom, left, right)
    return DoseSlice(grid, plane, grid.on(part), left * step - 0.5, top * step - 0.5, step)


def _covered(grid: DoseGrid, plane: Plane) -> tuple[int, int, int, int]:
    """The rows and columns of an image, each from and to, around what a grid covers of it."""
    ends = (
        (-grid.plane.row_spacing_mm, grid.plane.rows * grid.plane.row_spacing_mm),
        (-grid.plane.column_spacing_mm, grid.plane.columns * grid.plane.column_spacing_mm),
        (float(grid.offsets_mm[0]), float(grid.offsets_mm[-1])),
    )
    corners = np.array([
        grid.plane.origin_mm + down * grid.plane.column + across * grid.plane.row + along * grid.plane.normal
        for down in ends[0] for across in ends[1] for along in ends[2]
    ])  # fmt: skip
    pixels = plane.pixels(corners)
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0)) + 1
    left, right = (int(np.clip(edge, 0, plane.columns)) for edge in (low[0], high[0]))
    top, bottom = (int(np.clip(edge, 0, plane.rows)) for edge in (low[1], high[1]))
    return top, bottom, left, right


def _plane(actor: Actor, place: Place) -> tuple[Plane, str]:
    if place.on is None:
        raise Invalid("Say which image to draw on.", errors={"on": ["missing"]})
    row = belonging.instance(actor=actor, uid=place.on)
    try:
        return objects.plane(row, place.frame), row.sop_uid
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem


def beam_view(*, actor: Actor, plan: UUID, number: int, point: int, structures: UUID | None) -> beam.View:
    """What a beam of a plan sees at control point ``point`` (from 0) of the targets of a structure set.

    Raises NotFound, Invalid.
    """
    found = objects.treatment_plan(belonging.instance(actor=actor, uid=plan, kinds=[belonging.PLAN]))
    one = next((one for one in found.beams if one.number == number), None)
    if one is None or not 0 <= point < len(one.points):
        raise NotFound("The plan has no such beam or control point.")
    rois = structure_set(actor=actor, uid=structures).rois if structures else []
    position = found.setups[0][1] if found.setups else ""
    try:
        return beam.view(one, one.points[point], position, [roi for roi in rois if is_target(roi.interpreted)])
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem


def is_target(interpreted: str) -> bool:
    """Whether a type of region (PS3.3 C.8.8.8.1) is a volume to be treated."""
    return interpreted.upper() in ("GTV", "CTV", "PTV", "ITV", "TREATED_VOLUME")


def prescribed_gy(found: Planning) -> float | None:
    """What the plan of the dose prescribes; None where the dose is that of a part of it, or the plan says none."""
    if found.plan is None or found.dose is None or found.dose.summation not in WHOLE:
        return None
    return objects.treatment_plan(found.plan.row).prescribed_gy


def levels(highest: float, prescribed: float | None) -> list[float]:
    """Isodose levels that tell something, in the unit of the dose: parts of the prescription, else of the maximum."""
    if prescribed and 0.2 < highest / prescribed < 3:
        found = [prescribed * part for part in OF_PRESCRIPTION]
    else:
        found = [highest * part for part in OF_MAXIMUM]
    return [float(f"{level:.4g}") for level in found if 0 < level < highest]
