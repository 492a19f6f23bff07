"""A structure set as a segmentation (DICOM PS3.3 A.51): its regions as bits on the planes of the images."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset as Written
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, SegmentationStorage

from sinfonietta.dicom.dataset.attributes import STUDY_TAGS
from sinfonietta.dicom.dataset.keywords import Dataset
from sinfonietta.dicom.image.grid import Grid
from sinfonietta.dicom.image.segments import lab_of
from sinfonietta.dicom.rt.masks import masks
from sinfonietta.dicom.rt.structures import Roi, StructureSet

MOST_BYTES = 512 << 20
SCT, DCM = "SCT", "DCM"
ANATOMY = ("123037004", SCT, "Anatomical Structure")
ABNORMAL = ("49755003", SCT, "Morphologically Abnormal Structure")
SPATIAL = ("309825002", SCT, "Spatial and Relational Concept")
CATEGORIES = {"GTV": ABNORMAL, "CTV": SPATIAL, "PTV": SPATIAL, "ITV": SPATIAL, "TREATED_VOLUME": SPATIAL}
"""RT ROI Interpreted Type -> category and type of the segment (CID 7150); others are anatomical structures."""
NAMESPACE = uuid.UUID("4f6a53c2-3a0e-4a57-9d0c-6b1f43f5a3f2")


class TooMuch(ValueError):
    """The segmentation would be larger than is made."""


@dataclass(frozen=True)
class Source:
    """An image that a plane of the grid is of; ``frame`` from 1, None where the image is one."""

    sop_class: str
    sop_uid: str
    frame: int | None = None


@dataclass(frozen=True)
class Made:
    """A segmentation as a file; ``empty``: names of the regions that hold no voxel, which are no segments."""

    content: bytes
    empty: list[str]
    segments: int


def segmentation(
    structures: StructureSet,
    found: Grid,
    sources: Sequence[Source],
    *,
    image: Dataset,
    series: str,
    number: int,
    key: str,
    moment: datetime,
    progress: Callable[[float], None],
) -> Made | None:
    """The segmentation of all regions; None where no region holds a voxel.

    ``image``: the DICOM JSON model of one of the images, whose patient, study and frame of reference it shares;
    ``series``: their Series Instance UID; ``number``: Series Number of the result; ``key``: by what its
    UIDs are made. Raises TooMuch.
    """
    names = [source.sop_uid for source in sources]
    segments: list[Written] = []
    frames: list[Written] = []
    bits, empty = Bits(), []
    for index, roi in enumerate(structures.rois):
        progress(index / len(structures.rois))
        before = len(frames)
        for at, mask in enumerate(masks(structures, roi, found, names)):
            if mask.any():
                frames.append(_frame(len(segments) + 1, at, found, sources[at]))
                bits.add(mask)
        if len(frames) == before:
            empty.append(roi.name)
        else:
            segments.append(_segment(len(segments) + 1, roi))
    if not segments:
        return None
    made = _identity(image, structures.label, number, key, moment)
    made.SegmentSequence, made.PerFrameFunctionalGroupsSequence = segments, frames
    made.SharedFunctionalGroupsSequence = [_shared(found)]
    made.ReferencedSeriesSequence = [_referenced(series, sources)]
    _dimensions(made, key)
    made.NumberOfFrames, made.Rows, made.Columns = len(frames), found.first.rows, found.first.columns
    made.PixelData = bits.packed()
    made["PixelData"].VR = "OB"
    out = io.BytesIO()
    dcmwrite(out, made, enforce_file_format=True)
    return Made(out.getvalue(), empty, len(segments))


class Bits:
    """Frames of one bit a pixel, without padding between them (PS3.5 8.1.1)."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._size = 0
        self._rest = np.zeros(0, dtype=np.bool_)

    def add(self, mask: np.ndarray) -> None:
        """One frame more. Raises TooMuch."""
        flat = np.concatenate([self._rest, mask.reshape(-1)])
        whole = len(flat) // 8 * 8
        self._packed.append(np.packbits(flat[:whole], bitorder="little").tobytes())
        self._rest = flat[whole:]
        self._size += len(self._packed[-1])
        if self._size > MOST_BYTES:
            raise TooMuch(f"The segmentation would take more than {MOST_BYTES >> 20} MiB.")

    def packed(self) -> bytes:
        """All frames, of even length."""
        found = b"".join(self._packed) + np.packbits(self._rest, bitorder="little").tobytes()
        return found + bytes(len(found) % 2)


def _uid(*parts: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(parts)).int}")


def _identity(image: Dataset, label: str, number: int, key: str, moment: datetime) -> Written:
    made = Written()
    for tag in (*STUDY_TAGS, "00200052", "00201040"):
        with suppress(ValueError, TypeError, KeyError, AttributeError):  # what a stranger's file says need not fit
            if "BulkDataURI" not in image[tag]:
                made.update(Written.from_json({tag: image[tag]}))
    made.SpecificCharacterSet = "ISO_IR 192"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = SegmentationStorage, _uid(key, "instance")
    made.SeriesInstanceUID, made.SeriesNumber, made.InstanceNumber = _uid(key, "series"), number, 1
    made.Modality, made.SeriesDescription = "SEG", f"{_text(label)[:48] or 'Structures'} as segments"
    made.Manufacturer, made.ManufacturerModelName = "Sinfonietta", "Sinfonietta"
    made.DeviceSerialNumber, made.SoftwareVersions = "1", "1"
    made.ContentDate, made.ContentTime = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
    made.SeriesDate, made.SeriesTime = made.ContentDate, made.ContentTime
    made.ImageType, made.SegmentationType = ["DERIVED", "PRIMARY"], "BINARY"
    made.ContentLabel, made.ContentDescription, made.ContentCreatorName = "STRUCTURES", _text(label), ""
    made.SamplesPerPixel, made.PhotometricInterpretation, made.LossyImageCompression = 1, "MONOCHROME2", "00"
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = made.PixelRepresentation = 0
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName", "PatientID",
                    "PatientBirthDate", "PatientSex", "StudyID", "PositionReferenceIndicator"):  # fmt: skip
        if keyword not in made:
            setattr(made, keyword, "")
    return made


def _text(said: str) -> str:
    """As a value of up to 64 characters (LO)."""
    return "".join(one for one in said.replace("\\", "/") if one.isprintable())[:64].strip()


def _coded(code: str, scheme: str, meaning: str) -> Written:
    item = Written()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, scheme, meaning
    return item


def _segment(number: int, roi: Roi) -> Written:
    item, category = Written(), CATEGORIES.get(roi.interpreted.upper(), ANATOMY)
    item.SegmentNumber, item.SegmentLabel = number, _text(roi.name)
    item.SegmentAlgorithmType, item.SegmentAlgorithmName = "SEMIAUTOMATIC", "contours of a structure set"
    item.SegmentedPropertyCategoryCodeSequence = [_coded(*category)]
    item.SegmentedPropertyTypeCodeSequence = [_coded(*category)]
    item.RecommendedDisplayCIELabValue = list(lab_of(roi.color))
    return item


def _frame(segment: int, index: int, found: Grid, source: Source) -> Written:
    item, content, position, identification, derivation = (Written() for _ in range(5))
    content.DimensionIndexValues = [segment, index + 1]
    position.ImagePositionPatient = _decimals(found.planes[index].origin_mm)
    identification.ReferencedSegmentNumber = segment
    image = _reference(source)
    image.PurposeOfReferenceCodeSequence = [_coded("121322", DCM, "Source image for image processing operation")]
    derivation.SourceImageSequence = [image]
    derivation.DerivationCodeSequence = [_coded("113076", DCM, "Segmentation")]
    item.FrameContentSequence, item.PlanePositionSequence = [content], [position]
    item.SegmentIdentificationSequence, item.DerivationImageSequence = [identification], [derivation]
    return item


def _reference(source: Source) -> Written:
    item = Written()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.sop_class, source.sop_uid
    if source.frame is not None:
        item.ReferencedFrameNumber = source.frame
    return item


def _decimals(values: Iterable[float]) -> list[str]:
    return [f"{float(value):.10g}"[:16] for value in values]


def _shared(found: Grid) -> Written:
    item, measures, orientation = Written(), Written(), Written()
    plane = found.first
    measures.PixelSpacing = _decimals([plane.row_spacing_mm, plane.column_spacing_mm])
    measures.SliceThickness, measures.SpacingBetweenSlices = _decimals([found.step_mm, found.step_mm])
    orientation.ImageOrientationPatient = _decimals([*plane.row, *plane.column])
    item.PixelMeasuresSequence, item.PlaneOrientationSequence = [measures], [orientation]
    return item


def _referenced(series: str, sources: Sequence[Source]) -> Written:
    item = Written()
    item.SeriesInstanceUID = series
    different = {source.sop_uid: source for source in sources}
    item.ReferencedInstanceSequence = [
        _reference(Source(source.sop_class, source.sop_uid)) for source in different.values()
    ]
    return item


def _dimensions(made: Written, key: str) -> None:
    organization = Written()
    organization.DimensionOrganizationUID = _uid(key, "dimensions")
    made.DimensionOrganizationSequence, made.DimensionIndexSequence = [organization], []
    for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113)):
        index = Written()
        index.DimensionOrganizationUID = organization.DimensionOrganizationUID
        index.DimensionIndexPointer, index.FunctionalGroupPointer = pointer, group
        made.DimensionIndexSequence.append(index)
