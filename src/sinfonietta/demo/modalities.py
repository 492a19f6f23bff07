"""What other scanners make of the phantom: PET, MR, ultrasound, a radiograph."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    EnhancedMRImageStorage,
    JPEG2000Lossless,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)

from sinfonietta.demo import truth
from sinfonietta.demo.grid import Grid, density_hu, grey, place
from sinfonietta.demo.objects import coded, instance, uid

CBCT_SHIFT_MM, CBCT_STUDY = (4.0, -2.0, 3.0), "Computed Tomography X-Ray"
"""How far the patient lay from where they lay at the planning CT."""

T1_SIGNAL = ((truth.LUNG_L, 60), (truth.LUNG_R, 60), (truth.HEART, 420), (truth.SPINE, 820), (truth.CORD, 560),
             (truth.TUMOUR, 480))  # fmt: skip


def pet(grid: Grid, index: int, seed: int) -> Dataset:
    """A PET slice in Bq/ml with all that an SUV needs (PS3.3 A.21)."""
    dataset = instance(
        sop_class=PositronEmissionTomographyImageStorage, seed=seed, series="pet", number=index + 1, modality="PT",
        description="FDG",
    )  # fmt: skip
    x, y = grid.plane()
    activity = np.zeros((grid.size, grid.size))
    for structure in (truth.BODY, truth.HEART, truth.TUMOUR):
        activity[structure.inside(x, y, grid.z_mm(index))] = truth.ACTIVITY_BQML[structure.name]
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientWeight = truth.WEIGHT_KG
    dataset.Units, dataset.DecayCorrection, dataset.CorrectedImage = "BQML", "START", ["ATTN", "DECY"]
    dataset.CountsSource, dataset.CollimatorType, dataset.RandomsCorrectionMethod = "EMISSION", "NONE", "NONE"
    dataset.RescaleSlope, dataset.RescaleIntercept = 1.0, 0.0
    dataset.SeriesType = ["STATIC", "IMAGE"]
    dataset.NumberOfSlices, dataset.ImageIndex = grid.slices, index + 1
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20260302", "101500"
    dataset.ActualFrameDuration, dataset.FrameReferenceTime, dataset.DecayFactor = 180000, 0.0, 1.0
    dose = Dataset()
    dose.RadionuclideCodeSequence = [coded("77004003", "SCT", "^18^Fluorine")]
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = truth.INJECTED_BQ, truth.HALF_LIFE_S
    dose.RadiopharmaceuticalStartTime, dose.Radiopharmaceutical = "091500", "Fluorodeoxyglucose"
    dataset.RadiopharmaceuticalInformationSequence = [dose]
    return place(dataset, grid, index, seed, np.rint(activity).astype(np.uint16))


def mr(grid: Grid, index: int, seed: int, noise: np.random.Generator) -> Dataset:
    """A T1-weighted slice (PS3.3 A.4), compressed by run length encoding."""
    dataset = instance(
        sop_class=MRImageStorage, seed=seed, series="mr", number=index + 1, modality="MR",
        description="T1, RLE compressed",
    )  # fmt: skip
    x, y = grid.plane()
    z = grid.z_mm(index)
    signal = np.where(truth.BODY.inside(x, y, z), 700.0, 10.0)
    for structure, level in T1_SIGNAL:
        signal[structure.inside(x, y, z)] = level
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.MRAcquisitionType, dataset.EchoTime, dataset.RepetitionTime, dataset.EchoTrainLength = "2D", 12.0, 500.0, 1
    image = place(dataset, grid, index, seed, np.clip(signal + noise.normal(0, 12, signal.shape), 0, 4095).astype("u2"))
    image.compress(RLELossless, generate_instance_uid=False)
    return image


def radiograph(grid: Grid, seed: int) -> Dataset:
    """A frontal radiograph (PS3.3 A.2): the attenuation of parallel rays, bones bright, in lossless JPEG 2000."""
    dataset = instance(
        sop_class=ComputedRadiographyImageStorage, seed=seed, series="radiograph", number=1, modality="CR",
        description="Frontal, JPEG 2000",
    )  # fmt: skip
    heights = np.linspace(grid.z_mm(grid.slices - 1), grid.z_mm(0), grid.size)
    water_cm = np.stack([(density_hu(grid, z) / 1000 + 1).sum(axis=0) for z in heights]) * grid.pixel_mm / 10
    dataset.ImageType, dataset.BodyPartExamined, dataset.ViewPosition = ["ORIGINAL", "PRIMARY"], "CHEST", "AP"
    dataset.PatientOrientation = ["L", "F"]
    dataset.AcquisitionDate, dataset.KVP, dataset.PlateID = "20260302", 110, ""
    grey(dataset, np.rint(water_cm * 100).clip(0, 4095).astype(np.uint16), bits=12)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    return dataset


def cone_beam(grid: Grid, index: int, seed: int, noise: np.random.Generator) -> Dataset:
    """A slice of a cone-beam CT of another day: noisy, cupped, patient moved, in a frame of reference of its own."""
    dataset = instance(
        sop_class=CTImageStorage, seed=seed, series="cbct", number=index + 1, modality="CT", description="CBCT",
    )  # fmt: skip
    x, y = grid.plane()
    plane = np.full((grid.size, grid.size), -1000.0)
    z = grid.z_mm(index) - CBCT_SHIFT_MM[2]
    for structure in truth.DRAWN:
        plane[structure.inside(x - CBCT_SHIFT_MM[0], y - CBCT_SHIFT_MM[1], z)] = structure.hu
    radius = np.hypot(x, y)
    plane = np.where(radius < grid.size * grid.pixel_mm * 0.49, plane - 70 * (1 - (radius / 200) ** 2), -1000)
    pixels = np.clip(np.rint(plane + noise.normal(0, 38, plane.shape)), -1024, 3071).astype(np.int16)
    dataset.ImageType, dataset.BodyPartExamined = ["ORIGINAL", "PRIMARY", "AXIAL"], "CHEST"
    dataset.AcquisitionNumber, dataset.KVP = 1, 110
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [500, 1500]
    dataset.StudyInstanceUID, dataset.StudyDescription = uid(seed, "CBCT 1 dose report"), CBCT_STUDY
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20260316"
    dataset.AccessionNumber = f"SYN{seed:05d}5"
    image = place(dataset, grid, index, seed, pixels)
    image.FrameOfReferenceUID = uid(seed, "cbct", "frame")
    return image


def mammogram(seed: int, side: str, number: int, height: int = 640, width: int = 480) -> Dataset:
    """A craniocaudal mammogram (PS3.3 A.26): a half-moon of glandular tissue, and three specks of lime."""
    dataset = instance(
        sop_class=DigitalMammographyXRayImageStorageForPresentation, seed=seed, series="mammogram", number=number,
        modality="MG", description="Mammography CC",
    )  # fmt: skip
    noise = np.random.default_rng((seed, number))
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    breast = (x / 0.86) ** 2 + (y / 0.92) ** 2 < 1
    tissue = sum(
        np.exp(-(((x - cx) / r) ** 2) - ((y - cy) / (2.2 * r)) ** 2)
        for cx, cy, r in zip(noise.uniform(0.1, 0.6, 40), noise.uniform(-0.6, 0.6, 40), noise.uniform(0.02, 0.13, 40),
                             strict=True)
    )  # fmt: skip
    edge = np.clip(1 - (x / 0.86) ** 2 - (y / 0.92) ** 2, 0, 1) ** 0.35
    plane = np.where(breast, 900 * edge + 620 * tissue + noise.normal(0, 45, (height, width)), 0)
    for cx, cy in ((0.44, 0.16), (0.46, 0.18), (0.43, 0.2)):
        plane[np.hypot((x - cx) * width, (y - cy) * height / 2) < 2.4] += 1300
    pixels = np.rint(plane if side == "L" else plane[:, ::-1]).clip(0, 4095).astype(np.uint16)
    dataset.ImageType, dataset.BodyPartExamined, dataset.ViewPosition = ["ORIGINAL", "PRIMARY"], "BREAST", "CC"
    dataset.ImageLaterality, dataset.PatientOrientation = side, ["A", "R"] if side == "L" else ["P", "L"]
    dataset.PresentationIntentType, dataset.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.LossyImageCompression, dataset.BurnedInAnnotation, dataset.ImagerPixelSpacing = "00", "NO", [0.35, 0.35]
    dataset.WindowCenter, dataset.WindowWidth = 1400, 2800
    dataset.AcquisitionContextSequence, dataset.KVP, dataset.OrganDose = [], 29, 0.0142
    dataset.StudyInstanceUID, dataset.StudyDescription = uid(seed, "Mammography dose report"), "Mammography"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20260210"
    dataset.AccessionNumber = f"SYN{seed:05d}3"
    grey(dataset, pixels, bits=12)
    return dataset


def enhanced(slices: list[Dataset], seed: int) -> Dataset:
    """The slices of an MR series as one enhanced multi-frame object (PS3.3 A.36)."""
    dataset = instance(
        sop_class=EnhancedMRImageStorage, seed=seed, series="enhanced", number=1, modality="MR",
        description="T1, one object",
    )  # fmt: skip
    first = slices[0]
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = first.FrameOfReferenceUID, ""
    dataset.ImageType, dataset.AcquisitionDateTime = ["ORIGINAL", "PRIMARY", "T1", "NONE"], "20260302101500"
    dataset.PixelPresentation, dataset.VolumetricProperties = "MONOCHROME", "VOLUME"
    dataset.VolumeBasedCalculationTechnique, dataset.AcquisitionDuration = "NONE", 240.0
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = first.PixelSpacing, first.SliceThickness
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(one, number) for number, one in enumerate(slices, 1)]
    grey(dataset, first.pixel_array.astype(np.uint16), bits=12)
    dataset.NumberOfFrames = len(slices)
    dataset.PixelData = np.stack([one.pixel_array for one in slices]).astype(np.uint16).tobytes()
    return dataset


def _frame(image: Dataset, number: int) -> Dataset:
    position, content, window, echo, item = (Dataset() for _ in range(5))
    position.ImagePositionPatient = image.ImagePositionPatient
    content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", number, [number]
    content.FrameAcquisitionDateTime = f"202603021015{number:02d}"
    window.WindowCenter, window.WindowWidth = 450.0, 900.0
    echo.EffectiveEchoTime = 12.0
    item.PlanePositionSequence, item.FrameContentSequence = [position], [content]
    item.FrameVOILUTSequence, item.MREchoSequence = [window], [echo]
    return item


def cine(seed: int, frames: int = 30, size: int = 192) -> Dataset:
    """A beating heart in the fan of an ultrasound probe, in colour: a multi-frame object (PS3.3 A.7)."""
    dataset = instance(
        sop_class=UltrasoundMultiFrameImageStorage, seed=seed, series="cine", number=1, modality="US",
        description="A beating heart",
    )  # fmt: skip
    speckle = np.random.default_rng(seed).rayleigh(1.0, (size, size))
    x, depth = np.linspace(-1, 1, size)[None, :], np.linspace(0, 1.9, size)[:, None]
    fan = (np.abs(x) < 0.7 * depth) & (np.hypot(x, depth) < 1.8)
    pictures = np.zeros((frames, size, size, 3), dtype=np.uint8)
    for frame in range(frames):
        beat = np.sin(2 * np.pi * frame / frames)
        edge = np.hypot(x / (0.42 + 0.1 * beat), (depth - 1.1) / (0.5 + 0.08 * beat))
        wall = np.exp(-(((edge - 1) / 0.13) ** 2))
        grain = speckle * np.where(edge < 1, 8, 38) + 110 * wall * speckle
        pictures[frame] = np.where(fan, grain.clip(0, 255), 0).astype(np.uint8)[..., None]
        flow = fan & (edge < 0.55)
        pictures[frame, ..., 0][flow] = round(70 + 160 * max(0.0, beat))
        pictures[frame, ..., 2][flow] = round(70 + 160 * max(0.0, -beat))
    dataset.ImageType, dataset.PatientOrientation = ["ORIGINAL", "PRIMARY"], ""
    dataset.NumberOfFrames, dataset.FrameTime, dataset.CineRate = frames, 40, 25
    dataset.FrameIncrementPointer = 0x00181063
    dataset.UltrasoundColorDataPresent, dataset.LossyImageCompression = 1, "00"
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = pictures.tobytes()
    return dataset
