"""A segmentation of the phantom's tumour and heart on the planes of its CT (DICOM PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from sinfonietta.demo import truth
from sinfonietta.demo.grid import Grid
from sinfonietta.demo.objects import coded, instance
from sinfonietta.demo.truth import Ellipsoid

SEGMENTS = (
    (truth.TUMOUR, "Tumour", ("49755003", "Morphologically abnormal structure"), ("108369006", "Neoplasm"),
     (36044, 50886, 45746)),
    (truth.HEART, "Heart", ("123037004", "Anatomical structure"), ("80891009", "Heart"), (49807, 24415, 48316)),
)  # fmt: skip
"""What, its label, category, type, and the colour that it recommends (CIELab in 16 bits, PS3.3 C.10.7.1.1)."""


def segmentation(grid: Grid, images: Sequence[Dataset], seed: int) -> Dataset:
    """The masks of those planes that a segment meets, one bit a pixel."""
    dataset = instance(
        sop_class=SegmentationStorage, seed=seed, series="segments", number=1, modality="SEG",
        description="Tumour and heart",
    )  # fmt: skip
    frames: list[tuple[int, Dataset]] = []
    masks = []
    for number, (structure, *_) in enumerate(SEGMENTS, 1):
        for index, image in enumerate(images):
            x, y = grid.plane()
            mask = structure.inside(x, y, grid.z_mm(index))
            if mask.any():
                frames.append(_frame(number, image, len([one for one in frames if one[0] == number]) + 1))
                masks.append(mask)
    first = images[0]
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = first.FrameOfReferenceUID, ""
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentLabel, dataset.ContentDescription, dataset.ContentCreatorName = "SEGMENTS", "", "Sinfonietta"
    dataset.SegmentationType, dataset.LossyImageCompression = "BINARY", "00"
    dataset.SegmentSequence = [_segment(number, *one) for number, one in enumerate(SEGMENTS, 1)]
    dataset.SharedFunctionalGroupsSequence = [_shared(first)]
    dataset.PerFrameFunctionalGroupsSequence = [item for _, item in frames]
    dataset.ReferencedSeriesSequence = [_referenced(images)]
    dataset.DimensionOrganizationSequence = []
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = len(masks), grid.size, grid.size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit, dataset.PixelRepresentation = 0, 0
    bits = np.packbits(np.stack(masks).reshape(-1), bitorder="little").tobytes()
    dataset.PixelData = bits + b"\0" * (len(bits) % 2)
    dataset["PixelData"].VR = "OB"
    return dataset


def _segment(
    number: int, structure: Ellipsoid, label: str, category: tuple[str, str], kind: tuple[str, str],
    color: tuple[int, int, int],
) -> Dataset:  # fmt: skip
    item = Dataset()
    item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = number, label, "MANUAL"
    item.SegmentedPropertyCategoryCodeSequence = [coded(category[0], "SCT", category[1])]
    item.SegmentedPropertyTypeCodeSequence = [coded(kind[0], "SCT", kind[1])]
    item.RecommendedDisplayCIELabValue = list(color)
    item.TrackingID = structure.name
    return item


def _frame(number: int, image: Dataset, position_in_stack: int) -> tuple[int, Dataset]:
    identification, position, content, source, derivation = (Dataset() for _ in range(5))
    identification.ReferencedSegmentNumber = number
    position.ImagePositionPatient = image.ImagePositionPatient
    content.DimensionIndexValues = [number, position_in_stack]
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = [coded("121322", "DCM", "Source image for image processing operation")]
    derivation.SourceImageSequence = [source]
    derivation.DerivationCodeSequence = [coded("113076", "DCM", "Segmentation")]
    item = Dataset()
    item.SegmentIdentificationSequence, item.PlanePositionSequence = [identification], [position]
    item.FrameContentSequence, item.DerivationImageSequence = [content], [derivation]
    return number, item


def _shared(image: Dataset) -> Dataset:
    measures, orientation, item = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = image.PixelSpacing, image.SliceThickness
    orientation.ImageOrientationPatient = image.ImageOrientationPatient
    item.PixelMeasuresSequence, item.PlaneOrientationSequence = [measures], [orientation]
    return item


def _referenced(images: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = images[0].SeriesInstanceUID, []
    for image in images:
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
        series.ReferencedInstanceSequence.append(one)
    return series
