"""Plans of ions and brachytherapy, treatment records, portal images; and what says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from sinfonietta.dicom.rt import plan, record


def made(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def json(dataset: Dataset) -> dict[str, Any]:
    return dict(dataset.to_json_dict())


def test_an_ion_plan() -> None:
    point = made(GantryAngle=90, NominalBeamEnergy=150.2, IsocenterPosition=[0, 0, 0], CumulativeMetersetWeight=0)
    beam = made(
        BeamNumber=2, BeamName="P1", BeamType="STATIC", RadiationType="PROTON", TreatmentMachineName="G1",
        VirtualSourceAxisDistances=[2000, 1800], NumberOfRangeShifters=1, IonControlPointSequence=[point],
        IonBeamLimitingDeviceSequence=[made(RTBeamLimitingDeviceType="X", NumberOfLeafJawPairs=1)],
    )  # fmt: skip
    found = plan.read(json(made(RTPlanLabel="P", IonBeamSequence=[beam])))
    (one,) = found.beams
    assert (one.radiation, one.sad_mm, one.modifiers) == ("PROTON", (2000.0, 1800.0), ["1 range shifters"])
    assert one.points[0].energy_mev == 150.2


def test_a_brachytherapy_plan() -> None:
    channel = made(ChannelNumber=1, TransferTubeLength=1200, ChannelTotalTime=340.5,
                   BrachyControlPointSequence=[Dataset(), Dataset()])  # fmt: skip
    setup = made(
        ApplicationSetupNumber=1, ApplicationSetupType="RING", TotalReferenceAirKerma=410, ChannelSequence=[channel]
    )
    source = made(SourceNumber=1, SourceIsotopeName="Ir-192", SourceIsotopeHalfLife=73.83, ReferenceAirKermaRate=40700)
    group = made(FractionGroupNumber=1, NumberOfFractionsPlanned=4, ReferencedBrachyApplicationSetupSequence=[
        made(ReferencedBrachyApplicationSetupNumber=1, BrachyApplicationSetupDose=7)
    ])  # fmt: skip
    found = plan.read(
        json(made(ApplicationSetupSequence=[setup], SourceSequence=[source], FractionGroupSequence=[group]))
    )
    assert found.applications[0].channels == [(1, 1200.0, 340.5, 2)]
    assert (found.sources[0].isotope, found.sources[0].half_life_days) == ("Ir-192", 73.83)
    assert (found.fractions, found.groups[0].beams) == (4, [(1, 7.0, None)])


def test_a_record_of_a_session() -> None:
    delivered = made(
        ReferencedBeamNumber=1, BeamName="G180", RadiationType="PHOTON", CurrentFractionNumber=3,
        SpecifiedPrimaryMeterset=112.5, DeliveredPrimaryMeterset=112.4, TreatmentTerminationStatus="NORMAL",
        TreatmentVerificationStatus="VERIFIED", ControlPointDeliverySequence=[
            made(GantryAngle=180, NominalBeamEnergy=6)
        ],
    )  # fmt: skip
    found = record.read(json(made(
        TreatmentDate="20260310", PrimaryDosimeterUnit="MU", TreatmentSessionBeamSequence=[delivered],
        TreatmentMachineSequence=[made(TreatmentMachineName="LINAC1")],
        CalculatedDoseReferenceSequence=[
            made(CalculatedDoseReferenceDescription="PTV", CalculatedDoseReferenceDoseValue=2)
        ],
    )))  # fmt: skip
    (beam,) = found.beams
    assert (beam.specified, beam.delivered, beam.unit, beam.fraction, beam.gantry_deg) == (112.5, 112.4, "MU", 3, 180)
    assert (found.machine, found.doses[0].dose_gy) == ("LINAC1", 2)


def test_a_record_of_brachytherapy_and_a_summary() -> None:
    channels = [made(SpecifiedChannelTotalTime=100, DeliveredChannelTotalTime=99.5), made(SpecifiedChannelTotalTime=50)]
    setup = made(
        ReferencedBrachyApplicationSetupNumber=2, ApplicationSetupType="RING", RecordedChannelSequence=channels
    )
    (one,) = record.read(json(made(TreatmentSessionApplicationSetupSequence=[setup]))).beams
    assert (one.number, one.specified, one.delivered, one.unit, one.points) == (2, 150, 99.5, "s", 2)
    group = made(FractionGroupSummarySequence=[
        made(ReferencedFractionGroupNumber=1, NumberOfFractionsPlanned=30, NumberOfFractionsDelivered=12)
    ])  # fmt: skip
    assert record.read(json(group)).groups == [(1, 30, 12)]


def test_a_portal_image() -> None:
    found = record.portal_image(json(made(
        RTImageLabel="AP", GantryAngle=0, RadiationMachineSAD=1000, RTImageSID=1500, ImagePlanePixelSpacing=[0.4, 0.4],
        ExposureSequence=[made(KVP=6000, MetersetExposure=2)],
    )))  # fmt: skip
    assert (found.label, found.sid_mm, found.spacing_mm, found.tube_kv, found.meterset) == (
        "AP",
        1500,
        (0.4, 0.4),
        6000,
        2,
    )


@pytest.mark.parametrize(
    "said",
    [
        {}, {"300A00B0": {"vr": "SQ"}}, {"300A00B0": {"vr": "SQ", "Value": [None, {}, "x"]}},
        {"300A00B0": {"vr": "SQ", "Value": [
            {"300A0111": {"vr": "SQ", "Value": [{"300A011E": {"vr": "DS", "Value": ["x"]}}]}}
        ]}},
        {"300A0070": {"vr": "SQ", "Value": [{"300A0078": {"vr": "IS", "Value": [1e308]}}]}},
    ],
)  # fmt: skip
def test_what_says_nothing_is_shown_as_nothing(said: dict[str, Any]) -> None:
    plan.read(said)
    record.read(said)
    record.portal_image(said)
