"""What every generated DICOM object has: identity, dates, file meta."""

from __future__ import annotations

import uuid
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

NAMESPACE = uuid.UUID("6f1c5f0e-6b7b-5c8e-9a4e-3f0f5b9f2a11")


def uid(*parts: object) -> str:
    """A UID that is the same for the same parts (DICOM PS3.5 B.2: 2.25 and a UUID as a number)."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(map(str, parts))).int}"


def instance(*, sop_class: str, seed: int, series: str, number: int, modality: str, description: str) -> Dataset:
    """A new object of the phantom's study; the caller adds what its IOD needs."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = UID(uid(seed, series, number))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20260302"
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "101500"
    dataset.AccessionNumber = f"SYN{seed:05d}"
    dataset.Modality = modality
    dataset.Manufacturer = "Sinfonietta"
    dataset.ManufacturerModelName = "Synthetic phantom"
    dataset.ReferringPhysicianName = "Lindqvist^Åsa"
    dataset.StudyDescription = "Thorax phantom, 30 x 2 Gy"
    dataset.SeriesDescription = description
    dataset.PatientName = "Phantom^Zoë"
    dataset.PatientID = f"PHANTOM-{seed:03d}"
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = uid(seed, "study")
    dataset.SeriesInstanceUID = uid(seed, series)
    dataset.StudyID = "1"
    dataset.SeriesNumber = SERIES.index(series) + 1 if series in SERIES else 99
    dataset.InstanceNumber = number
    return dataset


SERIES = (
    "ct", "structures", "plan", "dose", "pet", "mr", "cine", "radiograph", "report", "document", "measurements",
    "key images", "segments", "enhanced", "cbct", "mammogram",
)  # fmt: skip


def save(dataset: Dataset, path: Path) -> None:
    """Write it with preamble and file meta."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence (PS3.3 8.8)."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
