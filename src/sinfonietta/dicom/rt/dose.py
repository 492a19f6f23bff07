"""Dose grids (DICOM PS3.3 C.8.8.3): their values in Gy at any point of the patient."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.keywords import Dataset, item, number, numbers, text
from sinfonietta.dicom.image.sampling import Values, trilinear
from sinfonietta.dicom.rt.geometry import Plane, Points, Unplaced, directions

UNITS = {"GY": "Gy", "RELATIVE": "%"}


@dataclass(frozen=True)
class DoseGrid:
    """A dose distribution.

    ``values``: (frames, rows, columns) in ``unit``; ``offsets_mm``: of the frames along the normal, ascending;
    ``order``: which frame of the file each of them is.
    """

    values: Values
    plane: Plane
    offsets_mm: Values
    unit: str
    kind: str
    summation: str
    plan: str
    order: tuple[int, ...] = ()

    def frame(self, number: int) -> Plane:
        """The plane of frame ``number`` (from 0) of the file. Raises Unplaced where there is none."""
        if number not in self.order:
            raise Unplaced("The dose has no such frame.")
        offset = self.offsets_mm[self.order.index(number)]
        return replace(self.plane, origin_mm=self.plane.origin_mm + offset * self.plane.normal)

    @property
    def highest(self) -> float:
        """The largest value."""
        return float(self.values.max(initial=0.0))

    def at(self, points: Points) -> Values:
        """The dose at (..., 3) points in mm, by trilinear interpolation; NaN outside of the grid."""
        offset = points - self.plane.origin_mm
        position = (
            _index(self.offsets_mm, offset @ self.plane.normal),
            offset @ self.plane.column / self.plane.row_spacing_mm,
            offset @ self.plane.row / self.plane.column_spacing_mm,
        )
        return trilinear(self.values, position)

    def on(self, plane: Plane) -> Values:
        """(rows, columns): the dose at the pixels of an image; NaN outside of the grid."""
        return self.at(plane.points())


def _index(offsets: Values, wanted: Values) -> Values:
    """Fractional frame numbers of positions along the normal; the frames need not be at equal distances."""
    if len(offsets) == 1:
        return np.where(np.abs(wanted - offsets[0]) < 1.0, 0.0, np.nan)
    last = len(offsets) - 1
    lower = np.clip(np.searchsorted(offsets, wanted, side="right") - 1, 0, last - 1)
    found: Values = lower + (wanted - offsets[lower]) / (offsets[lower + 1] - offsets[lower])
    return found


def read(dataset: Dataset, stored: NDArray[Any]) -> DoseGrid:
    """A dose grid from the DICOM JSON model and its stored values (frames, rows, columns). Raises Unplaced."""
    scaling, axes = number(dataset, "DoseGridScaling"), numbers(dataset, "ImageOrientationPatient", 6)
    origin, spacing = numbers(dataset, "ImagePositionPatient", 3), numbers(dataset, "PixelSpacing", 2)
    if scaling is None or not math.isfinite(scaling) or not axes or not origin or not spacing or min(spacing) <= 0:
        raise Unplaced("The dose does not say where in the patient it lies, or how it is scaled.")
    row, column = directions(axes)
    plane = Plane(
        np.array(origin), row, column, spacing[0], spacing[1], stored.shape[1], stored.shape[2],
        text(dataset, "FrameOfReferenceUID"),
    )  # fmt: skip
    offsets = _offsets(dataset, plane, len(stored))
    order = np.argsort(offsets)
    unit = text(dataset, "DoseUnits").upper()
    values = stored[order].astype(np.float32) * np.float32(scaling * (100 if unit == "RELATIVE" else 1))
    return DoseGrid(
        values, plane, offsets[order], UNITS.get(unit, unit), text(dataset, "DoseType"),
        text(dataset, "DoseSummationType"), _plan(dataset), tuple(int(frame) for frame in order),
    )  # fmt: skip


def _plan(dataset: Dataset) -> str:
    return text(item(dataset, "ReferencedRTPlanSequence"), "ReferencedSOPInstanceUID")


def _offsets(dataset: Dataset, plane: Plane, frames: int) -> Values:
    """Where the frames lie along the normal (PS3.3 C.8.8.3.2): from the first one, or as z of the patient."""
    said = np.array(numbers(dataset, "GridFrameOffsetVector"))
    if frames == 1 and not len(said):
        return np.zeros(1)
    if len(said) != frames or len(np.unique(said)) != frames or not np.isfinite(said).all():
        raise Unplaced("The dose does not say where its planes lie.")
    if said[0] == 0:
        return said
    if abs(abs(plane.normal[2]) - 1) > 1e-3 or abs(said[0] - plane.origin_mm[2]) > 0.01:
        raise Unplaced("The positions of the dose's planes contradict its orientation.")
    found: Values = (said - said[0]) * np.sign(plane.normal[2])
    return found
