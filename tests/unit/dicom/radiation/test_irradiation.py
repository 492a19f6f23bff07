"""Dose reports: every spelling of a unit, values that are not there, totals and events."""

from __future__ import annotations

import pytest
from tests.unit.dicom.content import coded, ct_event, item, number, report, text, uid

from sinfonietta.dicom import reports
from sinfonietta.dicom.radiation import irradiation
from sinfonietta.dicom.radiation.irradiation import DoseReport, Figure

SPELLINGS = [
    ("113838", "mGy.cm", 250.0), ("113838", "mGycm", 250.0), ("113838", "mGy·cm", 250.0), ("113838", "mGy*cm", 250.0),
    ("113838", "Gy.cm", 250_000.0), ("113838", "mGy.m", 25_000.0), ("113830", "mGy", 250.0),
    ("113830", "Gy", 250_000.0),
    ("122130", "Gy.m2", 2_500_000.0), ("122130", "Gym2", 2_500_000.0), ("122130", "dGy.cm2", 25.0),
    ("122130", "Gy.cm2", 250.0), ("122130", "cGy.cm2", 2.5), ("122130", "mGy.cm2", 0.25), ("122130", "uGy.m2", 2.5),
    ("122130", "µGy·m²", 2.5), ("122130", "μGy.m2", 2.5), ("113738", "Gy", 250.0), ("113738", "mGy", 0.25),
    ("111631", "dGy", 25_000.0), ("111631", "mGy", 250.0), ("113507", "MBq", 250.0), ("113507", "Bq", 0.00025),
    ("113507", "GBq", 250_000.0), ("113507", "mCi", 9250.0), ("113518", "mGy", 250.0), ("113518", "Gy", 250_000.0),
]  # fmt: skip


def read(*children: dict[str, object], title: str = "113701") -> DoseReport:
    return irradiation.read(reports.read(report(*children, title=title)))


@pytest.mark.parametrize(("concept", "unit", "expected"), SPELLINGS)
def test_every_spelling_comes_to_one_unit(concept: str, unit: str, expected: float) -> None:
    (event,) = read(item("CONTAINER", "113706", number(concept, 250.0, unit))).events
    (figure,) = event.figures
    assert figure.value == pytest.approx(expected, rel=1e-12)
    assert figure.said == f"250 {unit}"


@pytest.mark.parametrize("unit", ["", "Gy", "MGy.cm", "mgy.cm", "R", "mGy.cm3", "1"])
def test_an_unknown_unit_is_not_guessed(unit: str) -> None:
    (event,) = read(ct_event("1.2", 250.0, unit)).events
    assert event.figures[1] == Figure("DLP", None, f"250 {unit}".strip())


def test_a_unit_may_be_known_by_its_meaning() -> None:
    (event,) = read(item("CONTAINER", "113819", number("113838", 3.0, "99UNIT", meaning="mGy.cm"))).events
    assert event.figures[0].value == 3.0


@pytest.mark.parametrize("value", [None, [1.0, 2.0], -3.0, "1e999", "many"])
def test_values_that_are_none(value: object) -> None:
    (event,) = read(ct_event("1.2", value)).events
    assert [figure.value for figure in event.figures] == [5.0, None]
    assert event.figures[1].said


def test_totals_are_those_outside_of_events() -> None:
    accumulated = item("CONTAINER", "113811", number("113813", 300.0, "mGy.cm"), number("113839", 4.2, "mSv"))
    found = read(accumulated, ct_event("1.2.3", 100.0), ct_event("1.2.4", 200.0))
    assert [(one.quantity, one.value) for one in found.totals] == [("DLP", 300.0), ("Effective dose", 4.2)]
    assert [event.uid for event in found.events] == ["1.2.3", "1.2.4"]


def test_an_event_says_when_what_and_where() -> None:
    event = item(
        "CONTAINER", "113706", uid("113769", "1.9"),
        item("DATETIME", "111526", at={"0040A120": {"vr": "DT", "Value": ["20260220101500"]}}),
        coded("113721", "44491008", "Fluoroscopy"), text("125203", "Thorax"), coded("123014", "51185008", "Chest"),
        number("113742", 2.0, "min"),
    )  # fmt: skip
    (found,) = read(event).events
    assert (found.uid, found.started, found.protocol, found.target) == ("1.9", "20260220101500", "Thorax", "Chest")
    assert found.kind == "X-ray irradiation: Fluoroscopy"
    assert found.figures == [Figure("Fluoroscopy time", 120.0, "2 min")]


def test_the_duration_of_a_radiograph_is_no_fluoroscopy() -> None:
    event = item("CONTAINER", "113706", coded("113721", "113611", "Stationary"), number("113742", 2.0, "s"))
    assert read(event).events[0].figures == []


def test_breasts_are_told_apart_however_their_side_is_said() -> None:
    total = number("111637", 3.0, "mGy", coded("272741003", "80248007", "Left breast"))
    older = number("111637", 4.0, "mGy", coded("G-C171", "T-04020", "Right breast"))
    shot = item(
        "CONTAINER", "113706", number("111631", 0.03, "dGy"),
        coded("123014", "76752008", "Breast", coded("272741003", "7771000", "Left")),
    )  # fmt: skip
    found = read(item("CONTAINER", "113702", total, older), shot)
    assert [(one.of, one.value) for one in found.totals] == [("left", 3.0), ("right", 4.0)]
    assert [(one.of, one.value) for one in found.events[0].figures] == [("left", 3.0)]


def test_organ_doses_name_their_organ_beside_or_below_them() -> None:
    beside = item("CONTAINER", "113517", coded("363698007", "80891009", "Heart"), number("113518", 20.1, "mGy"))
    below = number("113518", 2.0, "mGy", coded("363698007", "39607008", "Lung"))
    given = item("CONTAINER", "113502", uid("113503", "1.7"), number("113507", 300.0, "MBq"), beside, below)
    (event,) = read(given, title="113500").events
    assert {(one.quantity, one.of, one.value) for one in event.figures} == {
        ("Administered activity", "", 300.0), ("Organ dose", "Heart", 20.1), ("Organ dose", "Lung", 2.0)
    }  # fmt: skip
    assert event.uid == "1.7"


def test_a_report_is_one_by_its_class_or_its_title() -> None:
    plain = reports.read(report(title="126000"))
    assert irradiation.is_dose_report("1.2.840.10008.5.1.4.1.1.88.67", plain)
    assert irradiation.is_dose_report("1.2.840.10008.5.1.4.1.1.88.22", reports.read(report(title="113701")))
    assert not irradiation.is_dose_report("1.2.840.10008.5.1.4.1.1.88.33", plain)


def test_the_way_through_json_and_back() -> None:
    found = read(ct_event("1.2", 100.0, "furlong"), number("113813", 3.0, "mGycm"))
    assert DoseReport.from_dict(found.as_dict()) == found
