"""Where the pixels of an image lie in the patient (DICOM PS3.3 C.7.6.2.1.1).

All points are in mm in the patient coordinate system of a frame of reference: x to the left, y to the back, z to the
head. A pixel's position is that of its centre.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, number, numbers, text, values

Points = NDArray[np.floating[Any]]
"""(n, 3) or (..., 3) positions in mm."""


class Unplaced(ValueError):
    """Why an object cannot be placed in the patient, as a sentence for a person."""


@dataclass(frozen=True)
class Plane:
    """An image plane. ``row`` and ``column`` are the directions in which the column and the row index grow."""

    origin_mm: Points
    row: Points
    column: Points
    row_spacing_mm: float
    column_spacing_mm: float
    rows: int
    columns: int
    frame_of_reference: str
    thickness_mm: float | None = None

    @property
    def normal(self) -> Points:
        """Unit vector perpendicular to it."""
        normal: Points = np.cross(self.row, self.column)
        return normal

    def points(self) -> Points:
        """(rows, columns, 3): the centres of its pixels."""
        across = np.arange(self.columns)[None, :, None] * (self.row * self.column_spacing_mm)
        down = np.arange(self.rows)[:, None, None] * (self.column * self.row_spacing_mm)
        centres: Points = self.origin_mm + across + down
        return centres

    def coarser(self, most: int) -> Plane:
        """The same area with at most ``most`` rows and columns, each covering a whole number of pixels."""
        step = -(-max(self.rows, self.columns) // most)
        if step <= 1:
            return self
        shift = (step - 1) / 2 * (self.row * self.column_spacing_mm + self.column * self.row_spacing_mm)
        return replace(
            self, origin_mm=self.origin_mm + shift, row_spacing_mm=self.row_spacing_mm * step,
            column_spacing_mm=self.column_spacing_mm * step,
            rows=-(-self.rows // step), columns=-(-self.columns // step),
        )  # fmt: skip

    def part(self, top: int, bottom: int, left: int, right: int) -> Plane:
        """Rows ``top`` to before ``bottom`` and columns ``left`` to before ``right`` of it."""
        shift = left * self.column_spacing_mm * self.row + top * self.row_spacing_mm * self.column
        return replace(self, origin_mm=self.origin_mm + shift, rows=bottom - top, columns=right - left)

    def distance_mm(self, points: Points) -> Points:
        """How far points are from it, along its normal."""
        distance: Points = (points - self.origin_mm) @ self.normal
        return distance

    def pixels(self, points: Points) -> Points:
        """(n, 2): column and row index of points as seen along the normal; whole numbers are centres of pixels."""
        offset = points - self.origin_mm
        return np.stack(
            [offset @ self.row / self.column_spacing_mm, offset @ self.column / self.row_spacing_mm], axis=-1
        )


def plane_of(dataset: Dataset, frame: int = 0) -> Plane:
    """The plane of frame ``frame`` (from 0) of an image, by its functional groups or for all of it. Raises Unplaced."""
    position = _described(dataset, frame, "PlanePositionSequence")
    orientation = _described(dataset, frame, "PlaneOrientationSequence")
    measures = _described(dataset, frame, "PixelMeasuresSequence")
    origin, axes = numbers(position, "ImagePositionPatient", 3), numbers(orientation, "ImageOrientationPatient", 6)
    spacing = numbers(measures, "PixelSpacing", 2)
    if not origin or not axes or not spacing or min(spacing) <= 0:
        raise Unplaced("The image does not say where in the patient it lies.")
    row, column = directions(axes)
    return Plane(
        origin_mm=np.array(origin),
        row=row,
        column=column,
        row_spacing_mm=spacing[0],
        column_spacing_mm=spacing[1],
        rows=int(number(dataset, "Rows") or 0),
        columns=int(number(dataset, "Columns") or 0),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        thickness_mm=number(measures, "SliceThickness"),
    )


def directions(axes: tuple[float, ...]) -> tuple[Points, Points]:
    """The unit vectors of Image Orientation (Patient). Raises Unplaced where they are not perpendicular."""
    row, column = np.array(axes[:3]), np.array(axes[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not all(0.9 < length < 1.1 for length in lengths) or abs(row @ column) > 0.01:
        raise Unplaced("The directions of the image are not perpendicular unit vectors.")
    return row / lengths[0], column / lengths[1]


def _described(dataset: Dataset, frame: int, group: str) -> Dataset:
    """Where a functional group of a frame is described (PS3.3 C.7.6.16); the dataset itself in classic images."""
    for owner in (
        *items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1],
        item(dataset, "SharedFunctionalGroupsSequence"),
    ):
        if values(owner, group):
            return item(owner, group)
    return dataset
