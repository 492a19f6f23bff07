"""Which voxels of a grid of images a region of interest holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.image.grid import Grid
from sinfonietta.dicom.rt.dvh import coverage
from sinfonietta.dicom.rt.structures import CLOSED, Roi, StructureSet, outlines

Mask = NDArray[np.bool_]
CORNER = np.array([-0.5, -0.5])
"""Of the first pixel, where whole numbers are centres."""
HALF = 0.5
"""A pixel belongs to a region that covers this part of it, or more."""


def masks(structures: StructureSet, roi: Roi, found: Grid, images: list[str]) -> Iterator[Mask]:
    """(rows, columns) for each slice of the grid; ``images``: their SOP Instance UIDs.

    Contours of one slice are combined by even-odd, so that holes stay open (PS3.3 C.8.8.6.3).
    """
    alone = replace(structures, rois=[roi])
    for plane, image in zip(found.planes, images, strict=True):
        drawn = outlines(alone, plane, image, found.step_mm)
        polygons = [one.pixels for one in drawn if one.kind in CLOSED and len(one.pixels) > 2]
        yield _inside(polygons, plane.rows, plane.columns)


def _inside(polygons: list[NDArray[np.floating]], rows: int, columns: int) -> Mask:
    if not polygons:
        return np.zeros((rows, columns), dtype=np.bool_)
    mask: Mask = coverage(polygons, CORNER, 1.0, rows, columns) >= HALF
    return mask
