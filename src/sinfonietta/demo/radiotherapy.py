"""Structures, plan and dose of the phantom (DICOM PS3.3 A.19, A.20, A.18)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from sinfonietta.demo.objects import instance, save
from sinfonietta.demo.truth import Ellipsoid, Truth

CONTOUR_POINTS = 120
DOSE_SPACING_MM = 2.5
DOSE_OFFSET_MM = 0.7
"""The dose grid is not aligned with the images, as with real planning systems."""


def write_structures(path: Path, truth: Truth, images: Sequence[Dataset], seed: int) -> Dataset:
    """The structure set: closed planar contours on every image."""
    dataset = instance(
        sop_class=RTStructureSetStorage, seed=seed, series="structures", number=1, modality="RTSTRUCT",
        description="Structures",
    )  # fmt: skip
    dataset.StructureSetLabel, dataset.StructureSetDate, dataset.StructureSetTime = "PHANTOM", "20260302", "103000"
    dataset.ReferencedFrameOfReferenceSequence = [_frame(truth, images)]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, structure in enumerate(truth.structures, 1):
        roi = Dataset()
        roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number, structure.name, "AUTOMATIC"
        roi.ReferencedFrameOfReferenceUID = truth.frame_of_reference_uid
        dataset.StructureSetROISequence.append(roi)
        contours = Dataset()
        contours.ReferencedROINumber, contours.ROIDisplayColor = number, list(structure.color)
        contours.ContourSequence = [found for image in images if (found := _contour(structure, image))]
        dataset.ROIContourSequence.append(contours)
        seen = Dataset()
        seen.ObservationNumber, seen.ReferencedROINumber = number, number
        seen.RTROIInterpretedType, seen.ROIInterpreter = structure.kind, ""
        dataset.RTROIObservationsSequence.append(seen)
    dataset.ApprovalStatus = "UNAPPROVED"
    save(dataset, path)
    return dataset


def _frame(truth: Truth, images: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ContourImageSequence = [_reference(image) for image in images]
    study = Dataset()
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    study.ReferencedSOPInstanceUID = truth.study_uid
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = truth.frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _reference(dataset: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    return reference


def _contour(structure: Ellipsoid, image: Dataset) -> Dataset | None:
    z = float(image.ImagePositionPatient[2])
    radii = structure.section_radii_mm(z)
    if radii is None or min(radii) < 0.5:
        return None
    points: list[str] = []
    for step in range(CONTOUR_POINTS):
        angle = 2 * math.pi * step / CONTOUR_POINTS
        x = structure.center_mm[0] + radii[0] * math.cos(angle)
        y = structure.center_mm[1] + radii[1] * math.sin(angle)
        points += [f"{x:.3f}", f"{y:.3f}", f"{z:.3f}"]
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", CONTOUR_POINTS
    contour.ContourData = points
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CTImageStorage, image.SOPInstanceUID
    contour.ContourImageSequence = [reference]
    return contour


def write_plan(path: Path, truth: Truth, structures: Dataset, seed: int) -> Dataset:
    """The plan: one prescription, one fraction group, two static beams."""
    dataset = instance(
        sop_class=RTPlanStorage, seed=seed, series="plan", number=1, modality="RTPLAN", description="Plan"
    )
    dataset.RTPlanLabel, dataset.RTPlanDate, dataset.RTPlanTime = "PHANTOM 30x2", "20260302", "110000"
    dataset.RTPlanGeometry, dataset.PlanIntent, dataset.ApprovalStatus = "PATIENT", "RESEARCH", "UNAPPROVED"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = truth.frame_of_reference_uid, ""
    dataset.ReferencedStructureSetSequence = [_reference(structures)]
    prescription = Dataset()
    prescription.DoseReferenceNumber, prescription.DoseReferenceStructureType = 1, "VOLUME"
    prescription.DoseReferenceDescription, prescription.DoseReferenceType = "PTV", "TARGET"
    prescription.ReferencedROINumber = [one.name for one in truth.structures].index("PTV") + 1
    prescription.TargetPrescriptionDose = truth.prescribed_gy
    dataset.DoseReferenceSequence = [prescription]
    group = Dataset()
    group.FractionGroupNumber, group.NumberOfFractionsPlanned = 1, truth.fractions
    group.NumberOfBeams, group.NumberOfBrachyApplicationSetups = len(truth.beams), 0
    group.ReferencedBeamSequence = []
    setup = Dataset()
    setup.PatientSetupNumber, setup.PatientPosition = 1, "HFS"
    dataset.PatientSetupSequence, dataset.BeamSequence = [setup], []
    for number, gantry in enumerate(truth.beams, 1):
        dataset.BeamSequence.append(_beam(number, gantry, truth))
        reference = Dataset()
        reference.ReferencedBeamNumber, reference.BeamMeterset = number, 112.5
        reference.BeamDose = truth.prescribed_gy / truth.fractions / len(truth.beams)
        group.ReferencedBeamSequence.append(reference)
    dataset.FractionGroupSequence = [group]
    save(dataset, path)
    return dataset


def _beam(number: int, gantry_deg: float, truth: Truth) -> Dataset:
    beam = Dataset()
    beam.BeamNumber, beam.BeamName, beam.BeamType, beam.RadiationType = number, f"G{gantry_deg:.0f}", "STATIC", "PHOTON"
    beam.TreatmentMachineName, beam.PrimaryDosimeterUnit, beam.SourceAxisDistance = "PHANTOM", "MU", 1000.0
    beam.TreatmentDeliveryType, beam.PatientSetupNumber = "TREATMENT", 1
    beam.NumberOfWedges = beam.NumberOfCompensators = beam.NumberOfBoli = beam.NumberOfBlocks = 0
    beam.FinalCumulativeMetersetWeight, beam.NumberOfControlPoints = 1.0, 2
    jaws = []
    for kind in ("ASYMX", "ASYMY"):
        jaw = Dataset()
        jaw.RTBeamLimitingDeviceType, jaw.NumberOfLeafJawPairs = kind, 1
        jaws.append(jaw)
    beam.BeamLimitingDeviceSequence = jaws
    first = Dataset()
    first.ControlPointIndex, first.CumulativeMetersetWeight, first.NominalBeamEnergy = 0, 0.0, 6.0
    first.GantryAngle, first.GantryRotationDirection = gantry_deg, "NONE"
    first.BeamLimitingDeviceAngle, first.BeamLimitingDeviceRotationDirection = 0.0, "NONE"
    first.PatientSupportAngle, first.PatientSupportRotationDirection = 0.0, "NONE"
    first.TableTopEccentricAngle, first.TableTopEccentricRotationDirection = 0.0, "NONE"
    first.IsocenterPosition = list(truth.isocenter_mm)
    first.BeamLimitingDevicePositionSequence = []
    for kind in ("ASYMX", "ASYMY"):
        position = Dataset()
        position.RTBeamLimitingDeviceType, position.LeafJawPositions = kind, [-26.0, 26.0]
        first.BeamLimitingDevicePositionSequence.append(position)
    last = Dataset()
    last.ControlPointIndex, last.CumulativeMetersetWeight = 1, 1.0
    beam.ControlPointSequence = [first, last]
    return beam


def write_dose(path: Path, truth: Truth, plan: Dataset, seed: int) -> Dataset:
    """The dose on a grid of its own, 16 bit, scaled so that the largest value uses the range."""
    dataset = instance(
        sop_class=RTDoseStorage, seed=seed, series="dose", number=1, modality="RTDOSE", description="Dose"
    )
    cx, cy, cz = truth.isocenter_mm
    half = (100.0, 90.0, 80.0)
    start = [
        math.floor((c - h) / DOSE_SPACING_MM) * DOSE_SPACING_MM + DOSE_OFFSET_MM
        for c, h in zip((cx, cy, cz), half, strict=True)
    ]
    counts = [int(2 * h / DOSE_SPACING_MM) + 1 for h in half]
    x, y, z = (s + DOSE_SPACING_MM * np.arange(n) for s, n in zip(start, counts, strict=True))
    dose = truth.dose_gy(x[None, None, :], y[None, :, None], z[:, None, None])
    scaling = float(dose.max()) / 65000
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = truth.frame_of_reference_uid, ""
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = start, [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [DOSE_SPACING_MM, DOSE_SPACING_MM]
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = counts[2], counts[1], counts[0]
    dataset.FrameIncrementPointer = 0x3004000C
    dataset.GridFrameOffsetVector = [DOSE_SPACING_MM * n for n in range(counts[2])]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    dataset.DoseGridScaling = f"{scaling:.10g}"
    dataset.ReferencedRTPlanSequence = [_reference(plan)]
    dataset.PixelData = np.rint(dose / float(dataset.DoseGridScaling)).astype(np.uint16).tobytes()
    save(dataset, path)
    return dataset
