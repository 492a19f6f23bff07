"""Where the voxels of a series lie, and the attributes that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from sinfonietta.demo import truth
from sinfonietta.demo.objects import uid

FIELD_MM = 400.0
"""Edge of the images."""

Plane = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Grid:
    """The geometry of an image series: square pixels, axial slices (head first supine)."""

    size: int
    slices: int
    slice_mm: float

    @property
    def pixel_mm(self) -> float:
        return FIELD_MM / self.size

    @property
    def first_z_mm(self) -> float:
        return -(self.slices - 1) * self.slice_mm / 2

    def z_mm(self, index: int) -> float:
        """Position of a slice."""
        return self.first_z_mm + index * self.slice_mm

    def plane(self) -> tuple[Plane, Plane]:
        """x of the columns as a row, y of the rows as a column, at pixel centres."""
        axis = (np.arange(self.size) - (self.size - 1) / 2) * self.pixel_mm
        return axis[None, :], axis[:, None]


def density_hu(grid: Grid, z_mm: float) -> Plane:
    """The ideal CT of a plane, without noise."""
    x, y = grid.plane()
    plane = np.full((grid.size, grid.size), -1000.0)
    for structure in truth.DRAWN:
        plane[structure.inside(x, y, z_mm)] = structure.hu
    return plane


def place(
    dataset: Dataset, grid: Grid, index: int, seed: int, pixels: NDArray[np.int16] | NDArray[np.uint16]
) -> Dataset:
    """Add frame of reference, plane (PS3.3 C.7.6.2) and 16-bit grey pixels (C.7.6.3) of a slice; the same dataset."""
    dataset.FrameOfReferenceUID = uid(seed, "frame")
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    corner = -(grid.size - 1) / 2 * grid.pixel_mm
    dataset.ImagePositionPatient = [corner, corner, grid.z_mm(index)]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [grid.pixel_mm, grid.pixel_mm]
    dataset.SliceThickness = grid.slice_mm
    dataset.SliceLocation = grid.z_mm(index)
    grey(dataset, pixels)
    return dataset


def grey(dataset: Dataset, pixels: NDArray[np.int16] | NDArray[np.uint16], bits: int = 16) -> None:
    """Add the pixels of one monochrome image, ``bits`` of 16 used."""
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype == np.int16)
    dataset.PixelData = pixels.tobytes()
