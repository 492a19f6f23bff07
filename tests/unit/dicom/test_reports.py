"""Structured reports: trees, their bounds, and what a person reads of an item."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from tests.unit.dicom.content import code, coded, element, item, number, report, text

from sinfonietta.dicom import reports


def test_items_keep_their_order_relation_and_place() -> None:
    root = reports.read(report(text("121071", "first"), item("CONTAINER", "1", text("2", "below")), title="126000"))
    assert root.concept.code == "126000"
    assert [one.place for one in root.walk()] == ["", "0", "1", "1.0"]
    assert [one.value for one in root.walk()] == ["", "first", "", "below"]
    assert root.children[0].relation == "CONTAINS"


def test_a_measurement_has_number_and_unit() -> None:
    root = reports.read(report(number("1", 12.5, "mm", coded("121401", "56851009", "Maximum"))))
    one = root.children[0]
    assert (one.number, one.value, one.unit.code) == (12.5, "12.5", "mm")
    assert one.children[0].value == "Maximum"


@pytest.mark.parametrize("value", [None, [1.0, 2.0], "12,5", "nan"])
def test_a_measurement_without_one_number_has_none(value: object) -> None:
    one = reports.read(report(number("1", value, "mm"))).children[0]
    assert one.number is None
    assert one.value == {"[1.0, 2.0]": "1\\2"}.get(str(value), "" if value is None else str(value))


def test_why_there_is_no_number_is_said() -> None:
    why = element("NumericValueQualifierCodeSequence", "SQ", code("114006", "Measurement failure"))
    one = reports.read(report(item("NUM", "1", why=why))).children[0]
    assert (one.number, one.value) == (None, "Measurement failure")


def test_a_reference_names_class_instance_and_frames() -> None:
    named = element("ReferencedSOPClassUID", "UI", "1.2") | element("ReferencedSOPInstanceUID", "UI", "1.2.3")
    named |= element("ReferencedFrameNumber", "IS", 2, 5)
    one = reports.read(report(item("IMAGE", "1", of=element("ReferencedSOPSequence", "SQ", named)))).children[0]
    assert (one.reference, one.frames) == (("1.2", "1.2.3"), [2, 5])


def test_a_large_report_is_read_level_by_level() -> None:
    groups = [
        item("CONTAINER", str(n), *(item("CONTAINER", "x", text("y", str(k))) for k in range(10))) for n in range(9)
    ]
    said = report(*groups)
    whole, two, one = (reports.read(said, most=most) for most in (1000, 150, 50))
    assert [len(list(found.walk())) for found in (whole, two, one)] == [1 + 9 + 90 + 90, 1 + 9 + 90, 1 + 9]
    assert [child.more for child in two.children[0].children] == [1] * 10
    assert [child.more for child in one.children] == [10] * 9
    below = reports.read(said, "3.7", most=50)
    assert [(child.value, child.place) for child in below.children] == [("7", "3.7.0")]


def test_a_wide_report_is_cut_only_where_there_is_a_bound() -> None:
    said = report(*(text("y", str(k)) for k in range(6000)))
    assert len(reports.read(said).children) == 6000
    bounded = reports.read(said, most=100)
    assert (len(bounded.children), bounded.more) == (5000, 1000)


@pytest.mark.parametrize("place", ["9", "0.1", "x", "-1", "0..0", "1" * 60, "٣"])
def test_a_place_that_is_not_there(place: str) -> None:
    with pytest.raises(KeyError):
        reports.read(report(item("CONTAINER", "1", text("2", "3"))), place)


def test_nesting_as_deep_as_the_parser_takes() -> None:
    said = text("leaf", "deep")
    for _ in range(63):
        said = item("CONTAINER", "1", said)
    assert [one.value for one in reports.read(said).walk()][-1] == "deep"


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"0040A730": {"vr": "SQ"}},
        {"0040A730": {"vr": "SQ", "Value": [None, "text", 3]}},
        {"0040A730": {"vr": "UN", "InlineBinary": "AAAA"}},
        {"0040A040": {"vr": "CS", "Value": [None]}},
        {"0040A043": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "BulkDataURI": "bulk/x"}}]}},
    ],
)
def test_strange_trees_are_empty_trees(strange: dict[str, object]) -> None:
    root = reports.read(strange)
    assert (root.kind, root.children) == ("", [])


def test_the_way_through_json_and_back() -> None:
    root = reports.read(report(coded("1", "2", "three", number("4", 5.0, "mGy"))))
    assert reports.from_dict(asdict(root)) == root
