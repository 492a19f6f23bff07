"""Synthetic patients: CT, structures, plan and dose in one frame of reference, and more; all of known geometry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from sinfonietta.demo import doses, modalities, reports, truth
from sinfonietta.demo.grid import Grid, density_hu, place
from sinfonietta.demo.objects import instance, save, uid
from sinfonietta.demo.radiotherapy import write_dose, write_plan, write_structures
from sinfonietta.demo.segmentation import segmentation
from sinfonietta.demo.truth import Truth

SECOND_PATIENT = "Yamada^Tarou=山田^太郎=やまだ^たろう"
"""PS3.5 H.3.1"""


def write_phantom(
    folder: Path, *, seed: int = 0, slices: int = 64, size: int = 256, progress: Callable[[int], None] | None = None
) -> Truth:
    """Write the phantom's objects below ``folder``, a folder for each series; the truth they are made of.

    ``progress`` is called with the number of CT slices so far. The same arguments give the same bytes.
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
    _write_others(folder, grid, found, images, seed, noise)
    return found


def _write_others(
    folder: Path, grid: Grid, found: Truth, images: list[Dataset], seed: int, noise: np.random.Generator
) -> None:
    """The series that the plan is not made of."""
    half = Grid(max(32, grid.size // 2), max(4, grid.slices // 2), grid.slice_mm * 2)
    pets = [modalities.pet(half, index, seed) for index in range(half.slices)]
    for index, pet in enumerate(pets, 1):
        save(pet, folder / "PET" / f"pet_{index:03d}.dcm")
    few = Grid(grid.size, max(3, grid.slices // 8), grid.slice_mm * 8)
    slices = [modalities.mr(few, index, seed, noise) for index in range(few.slices)]
    for index, one in enumerate(slices, 1):
        save(one, folder / "MR" / f"mr_{index:03d}.dcm")
    save(modalities.enhanced(slices, seed), folder / "MR" / "enhanced.dcm")
    beam = Grid(half.size, max(4, grid.slices // 4), grid.slice_mm * 2)
    for index in range(beam.slices):
        save(modalities.cone_beam(beam, index, seed, noise), folder / "CBCT" / f"cbct_{index + 1:03d}.dcm")
    for number, side in enumerate("LR", 1):
        save(modalities.mammogram(seed, side, number), folder / "Mammography" / f"{side} CC.dcm")
    save(modalities.cine(seed), folder / "US" / "cine.dcm")
    save(modalities.radiograph(grid, seed), folder / "CR" / "radiograph.dcm")
    save(segmentation(grid, images, seed), folder / "SEG" / "segments.dcm")
    save(reports.measurements(found, images, seed), folder / "Reports" / "measurements.dcm")
    keys = [_nearest(series, truth.TUMOUR.center_mm[2]) for series in (images, pets, slices)]
    save(reports.key_images(keys, seed), folder / "Reports" / "key images.dcm")
    save(reports.encapsulated_pdf(seed), folder / "Reports" / "report.dcm")
    for name, report in doses.reports(found, seed).items():
        save(report, folder / "Reports" / f"{name} dose report.dcm")


def _nearest(series: list[Dataset], z_mm: float) -> Dataset:
    """The slice of a series that lies nearest to a height."""
    return min(series, key=lambda one: abs(float(one.ImagePositionPatient[2]) - z_mm))


def _ct(grid: Grid, index: int, seed: int, noise: np.random.Generator) -> Dataset:
    dataset = instance(
        sop_class=CTImageStorage, seed=seed, series="ct", number=index + 1, modality="CT", description="Thorax"
    )
    plane = density_hu(grid, grid.z_mm(index))
    grain = (
        noise.normal(0, 9, plane.shape)
        + noise.normal(0, 6, (grid.size // 4 + 1,) * 2).repeat(4, 0).repeat(4, 1)[: grid.size, : grid.size]
    )
    pixels = np.clip(np.rint(plane + np.where(plane > -950, grain, grain / 3)), -1024, 3071).astype(np.int16)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BodyPartExamined = "CHEST"
    dataset.AcquisitionNumber, dataset.KVP = 1, 120
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["soft tissue", "lung"]
    return place(dataset, grid, index, seed, pixels)


def write_second_patient(folder: Path, *, seed: int = 0, size: int = 128) -> list[Path]:
    """Three CT slices of another patient, whose name is Japanese (ISO 2022 IR 87), each in a rare transfer syntax."""
    grid = Grid(size, 3, 40.0)
    noise = np.random.default_rng(seed)
    paths = []
    syntaxes = {"big endian": ExplicitVRBigEndian, "deflated": DeflatedExplicitVRLittleEndian,
                "implicit": ImplicitVRLittleEndian}  # fmt: skip
    for index, (name, syntax) in enumerate(syntaxes.items()):
        dataset = _ct(grid, index, seed, noise)
        dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        dataset.PatientName, dataset.PatientID, dataset.PatientSex = SECOND_PATIENT, f"YAMADA-{seed:03d}", "M"
        dataset.ReferringPhysicianName = ""
        dataset.StudyDescription, dataset.SeriesDescription = "Rare transfer syntaxes", "Thorax"
        dataset.AccessionNumber = f"SYN{seed:05d}B"
        _rename(dataset, seed, "second", index)
        dataset.file_meta.TransferSyntaxUID = syntax
        if not syntax.is_little_endian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
        paths.append(folder / f"{name}.dcm")
        save(dataset, paths[-1])
    return paths


def write_series(folder: Path, *, count: int, size: int = 64, seed: int = 1) -> list[Path]:
    """Many small CT instances of a study of their own: for trying out what many files do."""
    grid = Grid(size, count, 2.0)
    noise = np.random.default_rng(seed)
    paths = []
    for index in range(count):
        dataset = _ct(grid, index, seed, noise)
        _rename(dataset, seed, f"{count} slices", index)
        dataset.StudyDescription = f"{count} slices"
        paths.append(folder / f"slice_{index + 1:05d}.dcm")
        save(dataset, paths[-1])
    return paths


def _rename(dataset: Dataset, seed: int, study: str, index: int) -> None:
    """Make a slice belong to another study than the phantom's."""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(seed, study), uid(seed, study, "ct")
    dataset.FrameOfReferenceUID = uid(seed, study, "frame")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid(seed, study, index))
