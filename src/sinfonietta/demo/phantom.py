"""A synthetic patient: CT, structures, plan and dose in one frame of reference, and more; all of known geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)

from sinfonietta.demo import truth
from sinfonietta.demo.objects import instance, save, uid
from sinfonietta.demo.radiotherapy import write_dose, write_plan, write_structures
from sinfonietta.demo.truth import Truth

FIELD_MM = 400.0
"""Edge of the images."""


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

    def plane(self) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """x of the columns as a row, y of the rows as a column, at pixel centres."""
        axis = (np.arange(self.size) - (self.size - 1) / 2) * self.pixel_mm
        return axis[None, :], axis[:, None]


def write_phantom(
    folder: Path, *, seed: int = 0, slices: int = 64, size: int = 256, progress: Callable[[int], None] | None = None
) -> Truth:
    """Write the phantom's objects below ``folder``, a folder for each series; the truth they are made of.

    ``progress`` is called with the number of files so far. The same arguments give the same bytes.
    """
    grid = Grid(size, slices, 3.0 if slices >= 32 else 190.0 / slices)
    found = Truth(
        frame_of_reference_uid=uid(seed, "frame"),
        study_uid=uid(seed, "study"),
        spacing_mm=(grid.pixel_mm, grid.pixel_mm, grid.slice_mm),
        slices=slices,
        first_slice_z_mm=grid.first_z_mm,
    )
    noise = np.random.default_rng(seed)
    images = []
    for index in range(slices):
        images.append(_ct(grid, index, seed, noise))
        save(images[-1], folder / "CT" / f"ct_{index + 1:03d}.dcm")
        if progress:
            progress(index + 1)
    structures = write_structures(folder / "RT" / "structures.dcm", found, images, seed)
    plan = write_plan(folder / "RT" / "plan.dcm", found, structures, seed)
    write_dose(folder / "RT" / "dose.dcm", found, plan, seed)
    small = Grid(128, max(4, slices // 2), grid.slice_mm * 2)
    for index in range(small.slices):
        save(_pet(small, index, seed, found), folder / "PET" / f"pet_{index + 1:03d}.dcm")
    save(_mr(Grid(256, 1, 3.0), seed, noise), folder / "MR" / "mr_001.dcm")
    save(_cine(seed), folder / "US" / "cine.dcm")
    return found


def _image(
    dataset: Dataset, grid: Grid, index: int, seed: int, pixels: NDArray[np.int16] | NDArray[np.uint16]
) -> Dataset:
    dataset.FrameOfReferenceUID = uid(seed, "frame")
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    corner = -(grid.size - 1) / 2 * grid.pixel_mm
    dataset.ImagePositionPatient = [corner, corner, grid.z_mm(index)]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [grid.pixel_mm, grid.pixel_mm]
    dataset.SliceThickness = grid.slice_mm
    dataset.SliceLocation = grid.z_mm(index)
    dataset.Rows = dataset.Columns = grid.size
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(pixels.dtype == np.int16)
    dataset.PixelData = pixels.tobytes()
    return dataset


def density_hu(grid: Grid, z_mm: float) -> NDArray[np.floating[Any]]:
    """The ideal CT of a plane, without noise."""
    x, y = grid.plane()
    plane = np.full((grid.size, grid.size), -1000.0)
    for structure in truth.DRAWN:
        plane[structure.inside(x, y, z_mm)] = structure.hu
    return plane


def _ct(grid: Grid, index: int, seed: int, noise: np.random.Generator) -> Dataset:
    dataset = instance(
        sop_class=CTImageStorage, seed=seed, series="ct", number=index + 1, modality="CT", description="Thorax 3 mm"
    )
    plane = density_hu(grid, grid.z_mm(index))
    grain = (
        noise.normal(0, 9, plane.shape)
        + noise.normal(0, 6, (grid.size // 4 + 1,) * 2).repeat(4, 0).repeat(4, 1)[: grid.size, : grid.size]
    )
    pixels = np.clip(np.rint(plane + np.where(plane > -950, grain, grain / 3)), -1024, 3071).astype(np.int16)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BodyPartExamined = "CHEST"
    dataset.KVP = 120
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["soft tissue", "lung"]
    return _image(dataset, grid, index, seed, pixels)


def _pet(grid: Grid, index: int, seed: int, found: Truth) -> Dataset:
    dataset = instance(
        sop_class=PositronEmissionTomographyImageStorage, seed=seed, series="pet", number=index + 1, modality="PT",
        description="FDG",
    )  # fmt: skip
    x, y = grid.plane()
    z = grid.z_mm(index)
    activity = np.where(truth.BODY.inside(x, y, z), 2500.0, 0.0)
    activity[truth.HEART.inside(x, y, z)] = 9000.0
    activity[truth.TUMOUR.inside(x, y, z)] = 24000.0
    dataset.PatientWeight = 75.0
    dataset.Units, dataset.DecayCorrection, dataset.CorrectedImage = "BQML", "START", ["ATTN", "DECY"]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1.0, 0.0
    dataset.SeriesType = ["STATIC", "IMAGE"]
    dataset.NumberOfSlices, dataset.ImageIndex = grid.slices, index + 1
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20260302", "101500"
    dose = Dataset()
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = 3.0e8, 6586.2
    dose.RadiopharmaceuticalStartTime, dose.Radiopharmaceutical = "091500", "Fluorodeoxyglucose"
    dataset.RadiopharmaceuticalInformationSequence = [dose]
    return _image(dataset, grid, index, seed, np.rint(activity).astype(np.uint16))


def _mr(grid: Grid, seed: int, noise: np.random.Generator) -> Dataset:
    """One MR slice, compressed by run length encoding."""
    dataset = instance(
        sop_class=MRImageStorage, seed=seed, series="mr", number=1, modality="MR", description="T1, RLE compressed"
    )
    x, y = grid.plane()
    signal = np.where(truth.BODY.inside(x, y, 0.0), 700.0, 10.0)
    for structure, level in ((truth.LUNG_L, 60), (truth.LUNG_R, 60), (truth.HEART, 420), (truth.CORD, 980)):
        signal[structure.inside(x, y, 0.0)] = level
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.MRAcquisitionType, dataset.EchoTime, dataset.RepetitionTime = "2D", 12.0, 500.0
    pixels = np.clip(signal + noise.normal(0, 12, signal.shape), 0, 4095).astype(np.uint16)
    image = _image(dataset, grid, 0, seed, pixels)
    image.compress(RLELossless, generate_instance_uid=False)
    return image


def _cine(seed: int, frames: int = 30, size: int = 192) -> Dataset:
    """A beating disc in colour: a multi-frame object."""
    dataset = instance(
        sop_class=UltrasoundMultiFrameImageStorage, seed=seed, series="cine", number=1, modality="US",
        description="A beating disc",
    )  # fmt: skip
    axis = np.linspace(-1, 1, size)
    radius = np.hypot(axis[None, :], axis[:, None])
    pictures = np.zeros((frames, size, size, 3), dtype=np.uint8)
    for frame in range(frames):
        edge = 0.45 + 0.2 * np.sin(2 * np.pi * frame / frames)
        pictures[frame, ..., 0] = np.where(radius < edge, 210, 20)
        pictures[frame, ..., 1] = np.where(radius < edge, 60, 24)
        pictures[frame, ..., 2] = np.clip(255 * (1 - radius), 0, 255)
    dataset.NumberOfFrames, dataset.FrameTime = frames, 40
    dataset.FrameIncrementPointer = 0x00181063
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = pictures.tobytes()
    return dataset


def write_series(folder: Path, *, count: int, size: int = 64, seed: int = 1) -> list[Path]:
    """Many small CT instances of one series, fast: for trying out what many files do."""
    grid = Grid(size, count, 2.0)
    noise = np.random.default_rng(seed)
    paths = []
    for index in range(count):
        dataset = _ct(grid, index, seed, noise)
        dataset.StudyDescription = f"{count} slices"
        paths.append(folder / f"slice_{index + 1:05d}.dcm")
        save(dataset, paths[-1])
    return paths
