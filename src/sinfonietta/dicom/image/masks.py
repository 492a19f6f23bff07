"""Where the segments of a segmentation lie on an image (DICOM PS3.3 C.8.20)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.keywords import Dataset, number, text
from sinfonietta.dicom.image.segments import segment_numbers
from sinfonietta.dicom.rt.geometry import Plane, Unplaced, plane_of

HALF = 0.5
"""From this part on a pixel of a fractional segmentation is drawn."""


def on(
    dataset: Dataset, plane: Plane, wanted: Collection[int], load: Callable[[int], NDArray[Any]]
) -> dict[int, NDArray[np.bool_]]:
    """Masks of the wanted segments at the pixels of an image; a segment that the image does not meet is left out.

    ``load`` gives the stored values of a frame (from 0). A pixel takes the value of the nearest one of a frame whose
    plane the image lies in. Raises Unplaced where the two are in different frames of reference.
    """
    mine = text(dataset, "FrameOfReferenceUID")
    if not mine or mine != plane.frame_of_reference:
        raise Unplaced("The segmentation is in another frame of reference than the image; they do not belong together.")
    is_map = text(dataset, "SegmentationType").upper() == "LABELMAP"
    top = number(dataset, "MaximumFractionalValue") or 1.0
    least = top * HALF if text(dataset, "SegmentationType").upper() == "FRACTIONAL" else 1
    found: dict[int, NDArray[np.bool_]] = {}
    for frame, segment in _frames_on(dataset, plane, None if is_map else wanted):
        stored = load(frame)
        inside, index = _nearest(plane_of(dataset, frame), plane)
        for each in wanted if is_map else (segment,):
            marked = stored == each if is_map else stored >= least
            mask = np.zeros(inside.shape, dtype=np.bool_)
            mask[inside] = marked[index]
            if mask.any():
                found[each] = found[each] | mask if each in found else mask
    return found


def _frames_on(dataset: Dataset, plane: Plane, wanted: Collection[int] | None) -> list[tuple[int, int]]:
    """Of each segment the frames (and its number) that lie nearest to an image and near enough to be in its plane."""
    near: dict[int, list[tuple[float, int]]] = {}
    for frame, segment in enumerate(segment_numbers(dataset)):
        if wanted is None or segment in wanted:
            apart = _apart_mm(plane_of(dataset, frame), plane)
            if apart is not None:
                near.setdefault(segment, []).append((apart, frame))
    return [
        (frame, segment)
        for segment, found in near.items()
        for apart, frame in found
        if apart <= min(found)[0] + 0.01
    ]  # fmt: skip


def _apart_mm(own: Plane, plane: Plane) -> float | None:
    """How far apart two parallel planes are; None where they are askew, or further than half of the thicker one."""
    if abs(abs(float(own.normal @ plane.normal)) - 1) > 1e-3:
        return None
    reach = max(own.thickness_mm or 0.0, plane.thickness_mm or 0.0, 0.02) / 2
    apart = abs(float(own.distance_mm(plane.origin_mm)))
    return apart if apart <= reach + 1e-3 else None


def _nearest(own: Plane, plane: Plane) -> tuple[NDArray[np.bool_], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Which pixels of an image lie in a frame, and for those the row and column in it."""
    position = np.rint(own.pixels(plane.points().reshape(-1, 3))).astype(np.intp)
    columns, rows = position[:, 0], position[:, 1]
    inside = (rows >= 0) & (rows < own.rows) & (columns >= 0) & (columns < own.columns)
    return inside.reshape(plane.rows, plane.columns), (rows[inside], columns[inside])
