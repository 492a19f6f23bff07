"""What was done: treatment records (DICOM PS3.3 C.8.8.21 to C.8.8.26), and portal images (C.8.8.2), for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, number, numbers, text, whole


@dataclass(frozen=True)
class Delivered:
    """A beam or an application of a session. ``specified`` and ``delivered``: metersets in ``unit``, or times in s."""

    number: int | None
    name: str
    kind: str
    radiation: str
    fraction: int | None
    unit: str
    specified: float | None
    delivered: float | None
    ended: str
    verified: str
    points: int
    gantry_deg: float | None = None
    energy_mev: float | None = None


@dataclass(frozen=True)
class DoseGiven:
    """A dose that the record calculates or measures, in Gy."""

    name: str
    dose_gy: float | None


@dataclass(frozen=True)
class Record:
    """A session, or the summary of a treatment; ``groups``: (number, fractions planned, fractions delivered)."""

    date: str
    time: str
    machine: str
    operator: str
    status: str
    plan: str
    beams: list[Delivered]
    doses: list[DoseGiven] = field(default_factory=list)
    groups: list[tuple[int | None, int | None, int | None]] = field(default_factory=list)


SESSIONS = (("TreatmentSessionBeamSequence", "ControlPointDeliverySequence"),
            ("TreatmentSessionIonBeamSequence", "IonControlPointDeliverySequence"),
            ("TreatmentSessionApplicationSetupSequence", "RecordedChannelSequence"))  # fmt: skip
DOSES = ("CalculatedDoseReferenceSequence", "MeasuredDoseReferenceSequence",
         "TreatmentSummaryCalculatedDoseReferenceSequence",
         "TreatmentSummaryMeasuredDoseReferenceSequence")  # fmt: skip


def read(dataset: Dataset) -> Record:
    """A treatment record of photons, electrons, ions or brachytherapy from the DICOM JSON model."""
    machine = item(dataset, "TreatmentMachineSequence")
    beams = [
        _delivered(one, points, text(dataset, "PrimaryDosimeterUnit"))
        for session, points in SESSIONS
        for one in items(dataset, session)
    ]
    return Record(
        date=text(dataset, "TreatmentDate") or text(dataset, "MostRecentTreatmentDate"),
        time=text(dataset, "TreatmentTime"),
        machine=text(machine, "TreatmentMachineName"),
        operator=text(dataset, "OperatorsName"),
        status=text(dataset, "CurrentTreatmentStatus"),
        plan=text(item(dataset, "ReferencedRTPlanSequence"), "ReferencedSOPInstanceUID"),
        beams=beams,
        doses=[_dose(one) for keyword in DOSES for one in items(dataset, keyword)],
        groups=[
            (whole(one, "ReferencedFractionGroupNumber") or whole(one, "FractionGroupNumber"),
             whole(one, "NumberOfFractionsPlanned"), whole(one, "NumberOfFractionsDelivered"))
            for one in items(dataset, "FractionGroupSummarySequence")
        ],
    )  # fmt: skip


def _delivered(said: Dataset, points: str, unit: str) -> Delivered:
    first = item(said, points)
    specified, delivered = number(said, "SpecifiedPrimaryMeterset"), number(said, "DeliveredPrimaryMeterset")
    channels = items(said, "RecordedChannelSequence")
    if channels:
        unit = "s"
        specified = _sum(channels, "SpecifiedChannelTotalTime")
        delivered = _sum(channels, "DeliveredChannelTotalTime")
    return Delivered(
        number=whole(said, "ReferencedBeamNumber") or whole(said, "ReferencedBrachyApplicationSetupNumber"),
        name=text(said, "BeamName"),
        kind=text(said, "BeamType") or text(said, "ApplicationSetupType"),
        radiation=text(said, "RadiationType"),
        fraction=whole(said, "CurrentFractionNumber"),
        unit=unit,
        specified=specified,
        delivered=delivered,
        ended=text(said, "TreatmentTerminationStatus"),
        verified=text(said, "TreatmentVerificationStatus"),
        points=len(items(said, points)),
        gantry_deg=number(first, "GantryAngle"),
        energy_mev=number(first, "NominalBeamEnergy"),
    )


def _sum(channels: list[Dataset], keyword: str) -> float | None:
    said = [value for one in channels if (value := number(one, keyword)) is not None]
    return sum(said) if said else None


def _dose(said: Dataset) -> DoseGiven:
    doses = (number(said, name) for name in ("CalculatedDoseReferenceDoseValue", "MeasuredDoseValue",
                                             "CumulativeDoseToDoseReference"))  # fmt: skip
    name = text(said, "CalculatedDoseReferenceDescription") or text(said, "MeasuredDoseDescription")
    name = name or text(said, "DoseReferenceDescription")
    return DoseGiven(name, next((dose for dose in doses if dose is not None), None))


@dataclass(frozen=True)
class PortalImage:
    """How an RT image was taken; angles in degrees (IEC 61217), lengths in mm, tube voltage in kV, meterset in MU."""

    label: str
    description: str
    machine: str
    plane: str
    gantry_deg: float | None
    collimator_deg: float | None
    couch_deg: float | None
    sad_mm: float | None
    sid_mm: float | None
    spacing_mm: tuple[float, ...]
    beam: int | None
    fraction_group: int | None
    tube_kv: float | None
    meterset: float | None
    plan: str


def portal_image(dataset: Dataset) -> PortalImage:
    """The beam data of an RT image."""
    exposure = item(dataset, "ExposureSequence")
    return PortalImage(
        label=text(dataset, "RTImageLabel"),
        description=text(dataset, "RTImageDescription"),
        machine=text(dataset, "RadiationMachineName"),
        plane=text(dataset, "RTImagePlane"),
        gantry_deg=number(dataset, "GantryAngle"),
        collimator_deg=number(dataset, "BeamLimitingDeviceAngle"),
        couch_deg=number(dataset, "PatientSupportAngle"),
        sad_mm=number(dataset, "RadiationMachineSAD"),
        sid_mm=number(dataset, "RTImageSID"),
        spacing_mm=numbers(dataset, "ImagePlanePixelSpacing", 2),
        beam=whole(dataset, "ReferencedBeamNumber"),
        fraction_group=whole(dataset, "ReferencedFractionGroupNumber"),
        tube_kv=number(exposure, "KVP"),
        meterset=number(exposure, "MetersetExposure"),
        plan=text(item(dataset, "ReferencedRTPlanSequence"), "ReferencedSOPInstanceUID"),
    )
