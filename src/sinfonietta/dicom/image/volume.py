"""A stack of parallel images as one volume, and its values in the planes of other images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.image.sampling import RIM, trilinear
from sinfonietta.dicom.rt.geometry import Plane, Points, Unplaced

Values = NDArray[np.float32]
MOST_VALUES = 64 << 20
"""Of the part of a volume that is loaded for one plane."""
POINTS = ("origin_mm", "row", "column")
PARALLEL = 1e-3
"""By how much the directions of two planes may differ."""


@dataclass(frozen=True)
class Stack:
    """Images of one series in the order of their places along the normal. ``keys`` name them for who loads them."""

    planes: list[Plane]
    keys: list[int]
    offsets_mm: NDArray[np.float64]

    @property
    def first(self) -> Plane:
        """The plane whose pixels the others are in line with."""
        return self.planes[0]


def stack(planes: Sequence[Plane]) -> Stack:
    """The images of a series as a stack; ``keys`` are their places in ``planes``. Raises Unplaced."""
    if not planes:
        raise Unplaced("The series has no image that says where it lies.")
    first = planes[0]
    for plane in planes:
        if not _in_line(first, plane):
            raise Unplaced("The images of the series are not parallel to each other, or not one above the other.")
    offsets = np.array([float(first.distance_mm(plane.origin_mm)) for plane in planes])
    order = [int(index) for index in np.argsort(offsets, kind="stable")]
    apart = [offsets[b] - offsets[a] for a, b in pairwise(order)]
    if any(step < 0.01 for step in apart):
        raise Unplaced("Several images of the series lie in one plane.")
    return Stack([planes[index] for index in order], order, offsets[order] - offsets[order[0]])


def _in_line(first: Plane, plane: Plane) -> bool:
    same = (
        np.allclose(first.row, plane.row, atol=PARALLEL)
        and np.allclose(first.column, plane.column, atol=PARALLEL)
        and (first.rows, first.columns) == (plane.rows, plane.columns)
        and np.isclose(first.row_spacing_mm, plane.row_spacing_mm)
        and np.isclose(first.column_spacing_mm, plane.column_spacing_mm)
    )
    return bool(same) and bool(np.allclose(first.pixels(plane.origin_mm[None, :]), 0.0, atol=0.1))


def on(found: Stack, plane: Plane, load: Callable[[int], Values]) -> Values:
    """(rows, columns): the stack's values at the pixels of a plane, by trilinear interpolation; NaN outside.

    ``load`` gives the values of an image by its key; only the images that are needed are loaded. Raises Unplaced where
    the plane is in another frame of reference, or where too many would be needed.
    """
    if not plane.frame_of_reference or plane.frame_of_reference != found.first.frame_of_reference:
        raise Unplaced("The two are in different frames of reference; they do not belong together.")
    points = plane.points()
    columns, rows = np.moveaxis(found.first.pixels(points.reshape(-1, 3)), -1, 0)
    slices = _indices(found, points)
    inside = _within(rows, found.first.rows) & _within(columns, found.first.columns) & _within(slices, len(found.keys))
    result = np.full(points.shape[:2], np.nan, dtype=np.float32)
    if inside.any():
        drawn = result.reshape(-1)
        drawn[inside] = _sampled(found, rows[inside], columns[inside], slices[inside], load)
    return result


def _indices(found: Stack, points: Points) -> NDArray[np.float64]:
    """Fractional numbers of the images of points; their distances need not be equal."""
    along = found.first.distance_mm(points.reshape(-1, 3))
    places = found.offsets_mm
    if len(places) == 1:
        half = (found.first.thickness_mm or 1.0) / 2
        return np.where(np.abs(along - places[0]) <= half, 0.0, np.nan)
    lower = np.clip(np.searchsorted(places, along, side="right") - 1, 0, len(places) - 2)
    index: NDArray[np.float64] = lower + (along - places[lower]) / (places[lower + 1] - places[lower])
    return index


def _within(index: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Half a voxel beyond the outermost centres is inside still."""
    within: NDArray[np.bool_] = (index >= -RIM) & (index <= count - 1 + RIM)
    return within


def _sampled(
    found: Stack, rows: NDArray[np.float64], columns: NDArray[np.float64], slices: NDArray[np.float64],
    load: Callable[[int], Values],
) -> Values:  # fmt: skip
    slices = np.clip(slices, 0, len(found.keys) - 1)
    lowest, highest = int(np.floor(slices.min())), int(np.ceil(slices.max()))
    if (highest - lowest + 1) * found.first.rows * found.first.columns > MOST_VALUES:
        raise Unplaced("The planes lie so askew that the whole volume would be needed; it is too large.")
    volume = np.stack([load(found.keys[index]) for index in range(lowest, highest + 1)])
    return trilinear(volume, (slices - lowest, rows, columns), np.float32)


def plane_as_dict(plane: Plane) -> dict[str, Any]:
    """A plane for JSON."""
    said = asdict(plane)
    return said | {name: said[name].tolist() for name in POINTS}


def plane_from_dict(said: dict[str, Any]) -> Plane:
    """What ``plane_as_dict`` gave, back again."""
    return Plane(**said | {name: np.array(said[name]) for name in POINTS})
