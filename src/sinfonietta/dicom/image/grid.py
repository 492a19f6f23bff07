"""A series as one regular grid of voxels, as programs that learn from it want it; or why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.image.volume import PARALLEL, stack
from sinfonietta.dicom.rt.geometry import Plane, Unplaced

UNEVEN = 0.01
"""By which part of their distance slices may be out of place."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Grid:
    """Planes in the order of their places along the normal of the first, at equal distances of ``step_mm``.

    ``order``: which of the planes that were given each of them is.
    """

    planes: list[Plane]
    order: list[int]
    step_mm: float

    @property
    def first(self) -> Plane:
        """Where it begins."""
        return self.planes[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        return self.first.columns, self.first.rows, len(self.planes)

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4): from column, row and slice to mm, x to the right, y to the front, z to the head (RAS)."""
        plane, lps = self.first, np.eye(4)
        lps[:3, 0] = plane.row * plane.column_spacing_mm
        lps[:3, 1] = plane.column * plane.row_spacing_mm
        lps[:3, 2] = plane.normal * self.step_mm
        lps[:3, 3] = plane.origin_mm
        ras: NDArray[np.float64] = LPS_TO_RAS @ lps
        return ras


def grid(planes: Sequence[Plane]) -> Grid:
    """The planes of a series as a grid. Raises Unplaced with the reason where they are none."""
    if len({plane.frame_of_reference for plane in planes}) > 1:
        raise Unplaced("The images of the series are in different frames of reference; they are no volume.")
    if _is_sheared(planes):
        raise Unplaced("The slices are shifted against each other, as by a tilted gantry: they are no upright volume.")
    found = stack(planes)
    gaps = np.diff(found.offsets_mm)
    if not len(gaps):
        return Grid(found.planes, found.keys, found.first.thickness_mm or 1.0)
    step = float(np.median(gaps))
    wide = np.flatnonzero(np.abs(gaps - step) > UNEVEN * step + 1e-3)
    if len(wide):
        raise Unplaced(_irregular(gaps, step, int(wide[0])))
    return Grid(found.planes, found.keys, float(found.offsets_mm[-1] / len(gaps)))


def _irregular(gaps: NDArray[np.float64], step: float, first: int) -> str:
    missing = gaps / step
    if (np.abs(missing - np.rint(missing)) <= UNEVEN * np.maximum(missing, 1)).all() and (missing > 0.5).all():
        count = int((np.rint(missing) - 1).sum())
        return (
            f"{count} slice{'s are' if count > 1 else ' is'} missing, the first of them after slice {first + 1}: "
            f"{gaps[first]:.4g} mm lie there where slices are {step:.4g} mm apart."
        )
    return f"The slices are {gaps.min():.4g} to {gaps.max():.4g} mm apart; a grid has them at equal distances."


def _is_sheared(planes: Sequence[Plane]) -> bool:
    """Whether parallel slices of one size are shifted in their planes, ever more along the stack."""
    first = planes[0] if planes else None
    if first is None or len(planes) < 3:
        return False
    alike = all(
        np.allclose(first.row, plane.row, atol=PARALLEL) and np.allclose(first.column, plane.column, atol=PARALLEL)
        for plane in planes
    )
    origins = np.stack([plane.origin_mm for plane in planes])
    shifts, along = first.pixels(origins), first.distance_mm(origins)
    if not alike or np.abs(shifts).max() < 0.1 or np.ptp(along) < 0.01:
        return False
    slope = np.linalg.lstsq(along[:, None], shifts, rcond=None)[0]
    return bool(np.abs(shifts - along[:, None] @ slope).max() < 0.1)
