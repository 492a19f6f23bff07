"""Treatment plans: photon, electron, ion and brachytherapy (DICOM PS3.3 A.20, A.49), as tables for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, number, numbers, text, whole


@dataclass(frozen=True)
class Prescription:
    """What a dose reference asks for, in Gy."""

    description: str
    structure: str
    kind: str
    prescribed_gy: float | None
    minimum_gy: float | None
    maximum_gy: float | None
    roi: int | None


@dataclass(frozen=True)
class FractionGroup:
    """Beams (or applications) given together; ``beams``: (number, dose in Gy, meterset) of each in one fraction."""

    number: int | None
    fractions: int | None
    beams: list[tuple[int | None, float | None, float | None]]


@dataclass(frozen=True)
class ControlPoint:
    """Where the machine is at a point of a beam; what a control point does not say is as at the one before.

    Angles in degrees (IEC 61217), positions in mm; ``jaws``: device -> positions in its own order.
    """

    index: int
    meterset_weight: float | None
    energy_mev: float | None
    gantry_deg: float | None
    collimator_deg: float | None
    couch_deg: float | None
    ssd_mm: float | None
    isocenter_mm: tuple[float, ...]
    jaws: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Beam:
    """A beam and what modifies it; ``leaves``: device -> boundaries of its leaf pairs in mm at the isocentre."""

    number: int | None
    name: str
    kind: str
    radiation: str
    machine: str
    delivery: str
    sad_mm: tuple[float, ...]
    meterset_unit: str
    modifiers: list[str]
    leaves: dict[str, tuple[float, ...]]
    points: list[ControlPoint]


@dataclass(frozen=True)
class Application:
    """A brachytherapy application: ``channels``: (number, transfer tube length in mm, time in s, dwell positions)."""

    number: int | None
    kind: str
    total_reference_air_kerma: float | None
    channels: list[tuple[int | None, float | None, float | None, int]]


@dataclass(frozen=True)
class BrachySource:
    """A radioactive source; half-life in days, reference air kerma rate in uGy/h at 1 m."""

    number: int | None
    isotope: str
    half_life_days: float | None
    air_kerma_rate: float | None


@dataclass(frozen=True)
class Plan:
    """What a plan says."""

    label: str
    name: str
    date: str
    intent: str
    approval: str
    geometry: str
    structures: str
    prescriptions: list[Prescription]
    groups: list[FractionGroup]
    beams: list[Beam]
    setups: list[tuple[int | None, str, str]]
    applications: list[Application] = field(default_factory=list)
    sources: list[BrachySource] = field(default_factory=list)

    @property
    def fractions(self) -> int | None:
        """How many are planned in all groups together; None where it is not said."""
        said = [group.fractions for group in self.groups if group.fractions is not None]
        return sum(said) if said else None

    @property
    def prescribed_gy(self) -> float | None:
        """The largest prescribed dose."""
        return max((one.prescribed_gy for one in self.prescriptions if one.prescribed_gy), default=None)


MODIFIERS = (("NumberOfWedges", "wedges"), ("NumberOfCompensators", "compensators"), ("NumberOfBoli", "boli"),
             ("NumberOfBlocks", "blocks"), ("NumberOfRangeShifters", "range shifters"),
             ("NumberOfLateralSpreadingDevices", "lateral spreading devices"),
             ("NumberOfRangeModulators", "range modulators"))  # fmt: skip


def read(dataset: Dataset) -> Plan:
    """A plan from the DICOM JSON model; what it does not say stays empty."""
    ion = items(dataset, "IonBeamSequence")
    return Plan(
        label=text(dataset, "RTPlanLabel"),
        name=text(dataset, "RTPlanName"),
        date=text(dataset, "RTPlanDate"),
        intent=text(dataset, "PlanIntent"),
        approval=text(dataset, "ApprovalStatus"),
        geometry=text(dataset, "RTPlanGeometry"),
        structures=text(item(dataset, "ReferencedStructureSetSequence"), "ReferencedSOPInstanceUID"),
        prescriptions=[_prescription(one) for one in items(dataset, "DoseReferenceSequence")],
        groups=[_group(one) for one in items(dataset, "FractionGroupSequence")],
        beams=[_beam(one, "Ion") for one in ion] or [_beam(one, "") for one in items(dataset, "BeamSequence")],
        setups=[
            (whole(one, "PatientSetupNumber"), text(one, "PatientPosition"), text(one, "SetupTechnique"))
            for one in items(dataset, "PatientSetupSequence")
        ],
        applications=[_application(one) for one in items(dataset, "ApplicationSetupSequence")],
        sources=[
            BrachySource(
                whole(one, "SourceNumber"), text(one, "SourceIsotopeName"), number(one, "SourceIsotopeHalfLife"),
                number(one, "ReferenceAirKermaRate"),
            )
            for one in items(dataset, "SourceSequence")
        ],
    )  # fmt: skip


def _prescription(said: Dataset) -> Prescription:
    return Prescription(
        description=text(said, "DoseReferenceDescription"),
        structure=text(said, "DoseReferenceStructureType"),
        kind=text(said, "DoseReferenceType"),
        prescribed_gy=number(said, "TargetPrescriptionDose"),
        minimum_gy=number(said, "TargetMinimumDose"),
        maximum_gy=number(said, "TargetMaximumDose") or number(said, "OrganAtRiskMaximumDose"),
        roi=whole(said, "ReferencedROINumber"),
    )


def _group(said: Dataset) -> FractionGroup:
    beams = [
        (whole(one, "ReferencedBeamNumber"), number(one, "BeamDose"), number(one, "BeamMeterset"))
        for one in items(said, "ReferencedBeamSequence")
    ] + [
        (whole(one, "ReferencedBrachyApplicationSetupNumber"), number(one, "BrachyApplicationSetupDose"), None)
        for one in items(said, "ReferencedBrachyApplicationSetupSequence")
    ]
    return FractionGroup(whole(said, "FractionGroupNumber"), whole(said, "NumberOfFractionsPlanned"), beams)


def _beam(said: Dataset, ion: str) -> Beam:
    devices = items(said, f"{ion}BeamLimitingDeviceSequence")
    sources = numbers(said, "VirtualSourceAxisDistances") or numbers(said, "SourceAxisDistance")
    return Beam(
        number=whole(said, "BeamNumber"),
        name=text(said, "BeamName"),
        kind=text(said, "BeamType"),
        radiation=text(said, "RadiationType"),
        machine=text(said, "TreatmentMachineName"),
        delivery=text(said, "TreatmentDeliveryType"),
        sad_mm=sources,
        meterset_unit=text(said, "PrimaryDosimeterUnit"),
        modifiers=[f"{count} {name}" for keyword, name in MODIFIERS if (count := whole(said, keyword))],
        leaves={text(one, "RTBeamLimitingDeviceType"): numbers(one, "LeafPositionBoundaries") for one in devices},
        points=_points(items(said, f"{ion}ControlPointSequence")),
    )


def _points(said: list[Dataset]) -> list[ControlPoint]:
    """Each control point in full: an attribute that one does not name has not changed (PS3.3 C.8.8.14.5)."""
    found: list[ControlPoint] = []
    current: Dataset = {}
    jaws: dict[str, tuple[float, ...]] = {}
    for index, one in enumerate(said):
        current = {**current, **one}
        jaws = jaws | {
            text(device, "RTBeamLimitingDeviceType"): numbers(device, "LeafJawPositions")
            for device in items(one, "BeamLimitingDevicePositionSequence")
        }
        found.append(
            ControlPoint(
                index=index,
                meterset_weight=number(current, "CumulativeMetersetWeight"),
                energy_mev=number(current, "NominalBeamEnergy"),
                gantry_deg=number(current, "GantryAngle"),
                collimator_deg=number(current, "BeamLimitingDeviceAngle"),
                couch_deg=number(current, "PatientSupportAngle"),
                ssd_mm=number(current, "SourceToSurfaceDistance"),
                isocenter_mm=numbers(current, "IsocenterPosition", 3),
                jaws=jaws,
            )
        )
    return found


def _application(said: Dataset) -> Application:
    return Application(
        number=whole(said, "ApplicationSetupNumber"),
        kind=text(said, "ApplicationSetupType"),
        total_reference_air_kerma=number(said, "TotalReferenceAirKerma"),
        channels=[
            (
                whole(one, "ChannelNumber"), number(one, "TransferTubeLength"), number(one, "ChannelTotalTime"),
                len(items(one, "BrachyControlPointSequence")),
            )
            for one in items(said, "ChannelSequence")
        ],
    )  # fmt: skip
