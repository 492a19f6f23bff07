"""SUV by body weight: every way of decay correction, and every reason why there is none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.dicom.content import element

from sinfonietta.dicom.dataset.keywords import Dataset
from sinfonietta.dicom.image.suv import NoSuv, suv

WEIGHT, DOSE, HALF = 70.0, 3.5e8, 6586.2
VRS = {"PatientWeight": "DS", "SeriesDate": "DA", "SeriesTime": "TM", "AcquisitionDate": "DA", "AcquisitionTime": "TM"}
PHARMACEUTICAL = {"RadionuclideTotalDose": DOSE, "RadionuclideHalfLife": HALF, "RadiopharmaceuticalStartTime": "100000"}


def pet(injected: dict[str, Any] | None = None, **changes: Any) -> Dataset:
    said: dict[str, Any] = {
        "Units": "BQML", "DecayCorrection": "START", "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "PatientWeight": WEIGHT, "SeriesDate": "20260302", "SeriesTime": "110000", "AcquisitionDate": "20260302",
        "AcquisitionTime": "110000",
    } | changes  # fmt: skip
    found: Dataset = {}
    for keyword, value in said.items():
        if value is not None:
            found |= element(keyword, VRS.get(keyword, "CS"), *(value if isinstance(value, list) else [value]))
    item: Dataset = {}
    for keyword, value in (PHARMACEUTICAL | (injected or {})).items():
        if value is not None:
            item |= element(keyword, "DS", value)
    return found | element("RadiopharmaceuticalInformationSequence", "SQ", item)


def factor(waited_s: float) -> float:
    return WEIGHT * 1000 / (DOSE * 2 ** (-waited_s / HALF))


def test_corrected_to_the_start_of_the_scan() -> None:
    found = suv(pet())
    assert found.factor == pytest.approx(factor(3600), rel=1e-12)
    assert "60 min" in found.how


def test_corrected_to_the_injection() -> None:
    assert suv(pet(DecayCorrection="ADMIN")).factor == pytest.approx(WEIGHT * 1000 / DOSE)


def test_over_midnight() -> None:
    found = suv(pet({"RadiopharmaceuticalStartTime": "233000"}, SeriesTime="003000", AcquisitionTime="003000"))
    assert found.factor == pytest.approx(factor(3600))


def test_the_whole_moment_of_injection_goes_first() -> None:
    injected = {"RadiopharmaceuticalStartDateTime": "20260302093000.5", "RadiopharmaceuticalStartTime": "100000"}
    assert suv(pet(injected)).factor == pytest.approx(factor(5399.5))


def test_a_series_time_after_the_images_own_is_that_of_later_processing() -> None:
    frame = {"FrameReferenceTime": 90_000.0, "ActualFrameDuration": 180_000.0, "SeriesTime": "150000"}
    # The mean of a frame of three minutes is a little before its middle, for it decays.
    assert suv(pet(**frame)).factor == pytest.approx(factor(3600), rel=1e-4)
    with pytest.raises(NoSuv, match="start of the scan"):
        suv(pet(SeriesTime="150000"))
    assert suv(pet(SeriesTime="150000") | {"0009100D": {"vr": "DT", "Value": ["20260302110000.00"]}}).factor == (
        pytest.approx(factor(3600))
    )


def test_what_holds_suv_already_is_left_as_it_is() -> None:
    assert suv(pet(Units="GML")).factor == 1.0
    assert suv(pet(Units="GML", SUVType="BW")).factor == 1.0


def test_philips_counts_have_a_factor_of_their_own() -> None:
    private = {"70531000": {"vr": "DS", "Value": [0.000551]}}
    assert suv(pet(Units="CNTS") | private).factor == 0.000551
    with pytest.raises(NoSuv, match="SUV factor"):
        suv(pet(Units="CNTS"))


@pytest.mark.parametrize(
    ("changes", "injected", "why"),
    [
        ({"PatientWeight": None}, {}, "weight"),
        ({"PatientWeight": 0.0}, {}, "weight"),
        ({}, {"RadionuclideTotalDose": None}, "injected activity"),
        ({}, {"RadionuclideHalfLife": 0.0}, "half-life"),
        ({}, {"RadiopharmaceuticalStartTime": None}, "time of injection"),
        ({}, {"RadiopharmaceuticalStartTime": "2561"}, "time of injection"),
        ({"DecayCorrection": "NONE"}, {}, "not corrected for decay"),
        ({"DecayCorrection": None}, {}, "not corrected for decay"),
        ({"CorrectedImage": ["DECY"]}, {}, "attenuation"),
        ({"CorrectedImage": None}, {}, "attenuation"),
        ({"Units": "PROPCNTS"}, {}, "PROPCNTS"),
        ({"Units": "GML", "SUVType": "LBM"}, {}, "GML"),
        ({"Units": None}, {}, "no unit"),
        ({"SeriesTime": None, "AcquisitionTime": None}, {}, "start of the scan"),
        ({}, {"RadiopharmaceuticalStartDateTime": "20260301100000"}, "contradict"),
    ],
)
def test_why_there_is_none(changes: dict[str, Any], injected: dict[str, Any], why: str) -> None:
    with pytest.raises(NoSuv, match=why):
        suv(pet(injected, **changes))


def test_two_radiopharmaceuticals_cannot_be_told_apart() -> None:
    dataset = pet()
    dataset["00540016"]["Value"] *= 2
    with pytest.raises(NoSuv, match="Several"):
        suv(dataset)
