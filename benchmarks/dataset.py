"""The data of the comparison: CT slices of 512 x 512 and small instances, synthetic, the same bytes every time.

Each series is made of one header that pydicom wrote, in which UIDs and numbers of fixed width are replaced, and of
slices cut out of one block of noise: 1.3 GB in seconds. ``retagged`` makes the same instances anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

UID_ROOT = "1.2.826.0.1.3680043.10.1234."
RUN = "1000000"
"""Stands in every UID and PatientID; a component of a UID does not begin with 0."""
HEAD_BYTES = 4096
NAMES = ("Muster^Anna", "Rossi^Luca", "Dupont^Marie", "Kowalski^Piotr", "Garcia^Ines", "Nielsen^Lars")
STUDIES = 20
SMALL_SERIES, SMALL_INSTANCES = 50, 100


@dataclass(frozen=True)
class Sample:
    """One instance of the data set; ``pixels`` is where its pixel data begin."""

    path: str
    kind: str
    study: str
    series: str
    instance: str
    patient: str
    date: str
    size_bytes: int
    pixels: int

    @property
    def url(self) -> str:
        """Where DICOMweb has it, below the root."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"


def retagged(data: bytes, run: int) -> bytes:
    """The same instance under other UIDs and another PatientID; run 0 is the data set itself."""
    head = data[:HEAD_BYTES].replace(RUN.encode(), str(int(RUN) + run).encode())
    return head + data[HEAD_BYTES:]


def make(folder: Path, *, slices: int = 60, series: int = 2, small: int = SMALL_SERIES) -> list[Sample]:
    """The data set in a folder; one that is there is taken as it is."""
    listing = folder / f"listing-{slices}-{series}-{small}.json"
    if listing.exists():
        return [Sample(**found) for found in json.loads(listing.read_text())]
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for study in range(STUDIES):
        for one in range(series):
            samples += _series(folder, "ct", study, one + 1, slices, 512)
    for number in range(small):
        samples += _series(folder, "small", number // 5, number % 5 + 1, SMALL_INSTANCES, 64)
    listing.write_text(json.dumps([asdict(sample) for sample in samples]))
    return samples


def _series(folder: Path, kind: str, study: int, series: int, slices: int, side: int) -> list[Sample]:
    random = np.random.default_rng(study * 100 + series)
    body = _body(side)
    noise = random.integers(-40, 40, (side + slices, side), dtype=np.int16)
    base = 1 if kind == "ct" else 2
    study_uid = f"{UID_ROOT}{RUN}.{base}{study:05d}"
    patient = f"P{RUN}-{base}{study * 3 // 5:04d}"
    date = f"2024{1 + study % 12:02}{1 + study * 7 % 28:02}"
    head = _header(kind, study, series, side, study_uid, patient, date)
    samples = []
    for number in range(1, slices + 1):
        instance = f"{study_uid}.{series}.1{number:04d}"
        data = head.replace(b".19999", f".1{number:04d}".encode()).replace(b"9999", f"{number:04d}".encode())
        pixels = (body + noise[number : number + side]).astype("<i2").tobytes()
        path = f"{kind}-{study:02}-{series}-{number:03}.dcm"
        (folder / path).write_bytes(data + pixels)
        samples.append(
            Sample(
                path,
                kind,
                study_uid,
                f"{study_uid}.{series}",
                instance,
                patient,
                date,
                len(data) + len(pixels),
                len(data),
            )
        )
    return samples


def _body(side: int) -> np.ndarray:
    """A slice: table, body, two organs, as stored values (HU + 1024)."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    image = np.full((side, side), 64, np.int16)
    image[(x / 0.8) ** 2 + (y / 0.6) ** 2 < 1] = 1064
    image[((x + 0.3) / 0.25) ** 2 + (y / 0.3) ** 2 < 1] = 264
    image[((x - 0.3) / 0.15) ** 2 + ((y - 0.1) / 0.2) ** 2 < 1] = 1500
    image[np.abs(y - 0.8) < 0.02] = 1324
    return image


def _header(kind: str, study: int, series: int, side: int, study_uid: str, patient: str, date: str) -> bytes:
    """All bytes before the pixels; 9999 stands for the number of the instance."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID = CTImageStorage if kind == "ct" else MRImageStorage
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{study_uid}.{series}.19999"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = date
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = f"{8 + study % 10:02d}3000"
    ds.AccessionNumber = f"A{study:05d}"
    ds.Modality = "CT" if kind == "ct" else "MR"
    ds.Manufacturer, ds.ManufacturerModelName, ds.StationName = "SYNTHETIC", "Phantom 1", "ST01"
    ds.InstitutionName, ds.ReferringPhysicianName = "Benchmark Hospital", "Ref^Doctor"
    ds.StudyDescription, ds.SeriesDescription = f"ABDOMEN {study}", f"AX {series}"
    ds.PatientName, ds.PatientID = NAMES[study % len(NAMES)], patient
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge, ds.PatientWeight = "19600115", "F", "060Y", "72"
    ds.BodyPartExamined, ds.SliceThickness, ds.ProtocolName = "ABDOMEN", "2.5", "Routine"
    ds.SoftwareVersions, ds.PatientPosition = "1.0", "HFS"
    if kind == "ct":
        ds.KVP, ds.XRayTubeCurrent, ds.ExposureTime, ds.ConvolutionKernel = "120", "220", "500", "B30f"
        ds.DataCollectionDiameter, ds.ReconstructionDiameter, ds.TableHeight = "500", "400", "150"
    else:
        ds.RepetitionTime, ds.EchoTime, ds.MagneticFieldStrength = "2000", "30", "1.5"
        ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType = "GR", "SK", "2D"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, f"{study_uid}.{series}"
    ds.StudyID, ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = f"S{study}", series, 1, "9999"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = ["-200", "-200", "9999.5"], ["1", "0", "0", "0", "1", "0"]
    ds.FrameOfReferenceUID, ds.SliceLocation = f"{study_uid}.9", "9999.5"
    reference, code = Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = ds.SOPClassUID, f"{study_uid}.8"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113100", "DCM", "Basic profile"
    ds.ReferencedImageSequence, ds.ProcedureCodeSequence = [reference], [code]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = side
    ds.PixelSpacing = ["0.78", "0.78"]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.WindowCenter, ds.WindowWidth, ds.RescaleIntercept, ds.RescaleSlope = "40", "400", "-1024", "1"
    ds.PixelData = bytes(2 * side * side)
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()[: -2 * side * side]
