"""Studies along time: marks in order and apart, inside the picture; dates at round places."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.dicom.index.selection import SeriesRow
from sinfonietta.dicom.queries import Series, Study
from sinfonietta.interfaces.portal.timeline import LEFT, MOST_ROWS, MOST_TICKS, RIGHT, WIDTH, timeline


def study(number: int, day: str, *modalities: str) -> Study:
    """A study of that date with a series of each modality."""

    def row(modality: str) -> SeriesRow:
        blank = dict.fromkeys(SeriesRow._fields, "")
        return SeriesRow(**blank | {"study_date": day, "modality": modality, "described_by": 1, "instances": 1})  # type: ignore[arg-type]

    return Study(f"1.{number}", [Series(f"1.{number}", "1", 1, 1, row(one), []) for one in modalities])


days = st.one_of(st.dates(date(2000, 1, 1), date(2030, 12, 31)), st.dates())


@given(st.lists(days, min_size=1, max_size=100))
def test_marks_are_in_order_apart_and_inside(dates: list[date]) -> None:
    found = timeline([study(number, day.isoformat().replace("-", ""), "CT") for number, day in enumerate(dates)])
    assert found
    assert [mark.day for mark in found.marks] == sorted(dates)
    xs = [mark.x for mark in found.marks]
    least = min(15.0, (WIDTH - LEFT - RIGHT) / len(xs)) - 0.11
    assert all(right - left >= least for left, right in pairwise(xs))
    assert min(xs) >= LEFT - 0.1
    assert max(xs) <= WIDTH - RIGHT + 0.1
    assert 0 < len(found.ticks) <= MOST_TICKS + 1
    assert [x for x, _ in found.ticks] == sorted({x for x, _ in found.ticks})


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        ("20200105", "20200120", ["02 Jan 2020", "05 Jan"]),
        ("20191115", "20200420", ["Dec 2019", "Jan 2020", "Feb"]),
        ("20120101", "20230101", ["2012", "2014"]),
    ],
)
def test_ticks_stand_at_round_dates(first: str, last: str, labels: list[str]) -> None:
    found = timeline([study(1, first, "CT"), study(2, last, "CT")])
    assert found
    assert [label for _, label in found.ticks][: len(labels)] == labels


def test_each_modality_has_a_row_as_far_as_there_are_rows() -> None:
    found = timeline([study(1, "20200101", "CT", "RTDOSE"), study(2, "20200102", "CT"), study(3, "", "MR")])
    assert found
    assert [name for _, name in found.rows] == ["CT", "RTDOSE"]
    assert [len(mark.rows) for mark in found.marks] == [2, 1]
    assert found.undated == 1
    many = timeline([study(1, "20200101", *(f"M{number:02}" for number in range(30)))])
    assert many
    assert len(many.rows) == MOST_ROWS
    assert many.rows[-1][1] == "other"
    assert timeline([study(1, "today", "CT")]) is None
    nameless = timeline([study(1, f"{date(2020, 1, 1) + timedelta(days=3):%Y%m%d}", "")])
    assert nameless
    assert [name for _, name in nameless.rows] == ["?"]
