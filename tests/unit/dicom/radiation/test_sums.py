"""Sums: an irradiation counts once, whatever tells of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinfonietta.dicom.radiation.irradiation import DoseReport, Event, Figure
from sinfonietta.dicom.radiation.sums import Sum, Summary, events, summary, sums, unstated

DLP, TIME = ("DLP", ""), ("Fluoroscopy time", "")


def told(
    uid: str, figures: dict[str, float | None], total: float | None = None, key: Any = DLP, **more: Any
) -> Summary:
    stated = {key: total} if total is not None or "total_unknown" in more else {}
    return Summary(uid, {event: {key: value} for event, value in figures.items()}, stated)


def value(*reports: Summary) -> tuple[float | None, int, bool]:
    (found,) = sums(reports)
    return found.value, found.left_out, found.at_least


def test_a_stated_total_counts_before_the_events() -> None:
    assert value(told("r", {"a": 1.0, "b": 2.0}, total=3.5)) == (3.5, 0, False)


def test_without_a_total_the_events_are_summed() -> None:
    assert value(told("r", {"a": 1.0, "b": 2.0})) == (3.0, 0, False)


def test_reports_of_different_events_add_up() -> None:
    assert value(told("r", {"a": 1.0}, total=1.0), told("s", {"b": 2.0}, total=2.0)) == (3.0, 0, False)


def test_the_same_report_twice_counts_once() -> None:
    one = told("r", {"a": 1.0}, total=1.0)
    assert value(one, one) == (1.0, 0, False)


def test_the_same_event_in_two_reports_counts_once() -> None:
    first, continued = told("r", {"a": 1.0, "b": 2.0}, total=3.0), told("s", {"a": 1.0, "b": 2.0, "c": 4.0}, total=7.0)
    assert value(first, continued) == (7.0, 0, False)
    assert value(continued, first) == (7.0, 0, False)
    assert events([first, continued]) == 3


def test_partly_overlapping_reports_with_figures_of_events() -> None:
    assert value(told("r", {"a": 1.0, "b": 2.0}, total=3.0), told("s", {"b": 2.0, "c": 4.0}, total=6.0)) == (
        7.0,
        0,
        False,
    )


def test_chains_of_overlap() -> None:
    chain = [told("r", {"a": 1.0, "b": 1.0}), told("t", {"c": 1.0, "d": 1.0}), told("s", {"b": 1.0, "c": 1.0})]
    assert value(*chain) == (4.0, 0, False)


def test_totals_alone_of_reports_one_of_which_holds_the_other() -> None:
    def of(uid: str, said: set[str], total: float) -> Summary:
        return Summary(uid, {event: {} for event in said}, {TIME: total})

    assert value(of("r", {"a"}, 10.0), of("s", {"a", "b"}, 25.0)) == (25.0, 0, False)
    assert value(of("r", {"a", "c"}, 10.0), of("s", {"a", "b"}, 25.0)) == (25.0, 0, True)
    assert value(of("r", {"a"}, 10.0), of("s", {"b"}, 25.0)) == (35.0, 0, False)


def test_what_is_not_understood_is_left_out_and_said() -> None:
    assert value(told("r", {"a": 1.0, "b": None})) == (1.0, 1, False)
    assert value(told("r", {"a": None})) == (None, 1, False)
    assert value(told("r", {}, total_unknown=True)) == (None, 1, False)
    assert value(told("r", {"a": 1.0, "b": 2.0}, total_unknown=True)) == (3.0, 0, False)
    # What one report has in a unit that is not known, another one may say better.
    assert value(told("r", {"a": None}), told("s", {"a": 4.0})) == (4.0, 0, False)


def test_ctdi_does_not_add_up() -> None:
    found = sums([Summary("r", {"a": {("CTDIvol", ""): 5.0}, "b": {("CTDIvol", ""): 7.0}})])
    assert [(one.quantity, one.value, one.count) for one in found] == [("CTDIvol", 7.0, 2)]


def test_organs_and_sides_are_summed_by_themselves() -> None:
    left, right = ("Average glandular dose", "left"), ("Average glandular dose", "right")
    found = sums([Summary("r", {"a": {left: 1.0}, "b": {right: 2.0}}), Summary("s", {"c": {left: 4.0}})])
    assert [(one.of, one.value) for one in found] == [("left", 5.0), ("right", 2.0)]


def test_events_without_a_uid_are_told_apart_by_their_reports() -> None:
    def of(uid: str) -> Summary:
        return summary(uid, DoseReport("", [Event("", "", "", "", "", [Figure("DLP", 2.0, "")])] * 2, []))

    assert value(of("r"), of("s")) == (8.0, 0, False)


def test_totals_of_two_planes_add_up() -> None:
    found = summary("r", DoseReport("", [], [Figure("DAP", 1.0, ""), Figure("DAP", 2.0, "")]))
    assert found.totals == {("DAP", ""): 3.0}


def test_totals_that_are_not_stated() -> None:
    event = Event("", "a", "", "", "", [Figure("DLP", 2.0, ""), Figure("CTDIvol", 1.0, ""), Figure("DAP", None, "")])
    assert unstated(DoseReport("", [event, event], [])) == [Figure("DLP", 4.0, "sum of 1 event")]
    assert unstated(DoseReport("", [event], [Figure("DLP", 2.0, "")])) == []


figures = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50).map(float), max_size=5)


@settings(max_examples=200, deadline=None)
@given(st.lists(figures, max_size=6))
def test_the_sum_of_events_is_that_of_the_set_of_events(said: list[dict[str, float]]) -> None:
    """Each event has one true figure; however reports repeat it, the sum is that over the different events."""
    truth = {event: 1.0 + ord(event) for one in said for event in one}
    reports = [told(str(n), {event: truth[event] for event in one}) for n, one in enumerate(said)]
    found = sums(reports)
    assert (found[0].value if found else 0.0) == pytest.approx(sum(truth.values()))
    assert sums(reversed(reports)) == found


def test_the_way_through_json_and_back() -> None:
    one = told("r", {"a": 1.0, "b": None}, total=3.0)
    assert Summary.unpacked("r", one.packed()) == one
    assert isinstance(sums([one])[0], Sum)
