"""How measurements, units and moments look, and where the bars of a chart stand."""

from __future__ import annotations

import pytest

from sinfonietta.dicom.reports import Concept
from sinfonietta.interfaces.portal import charts
from sinfonietta.interfaces.portal.templatetags import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0305, "0.0305"), (12345.678, "12,346"), (4.3, "4.3"), (0, "0"), (1 / 3, "0.3333"), (100.0, "100"), (None, "–"),
     (float("nan"), "–"), (1e-7, "1.000e-07"), (1234567890.0, "1,234,567,890"), (0.99999, "1"), ("x", "–")],
)  # fmt: skip
def test_figures(value: object, shown: str) -> None:
    assert figures.figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("20260302", "2026-03-02"), ("20260302101500.123", "2026-03-02 10:15:00"), ("101500", "10:15:00"), ("x", "x"),
     ("20269999", "20269999"), ("", ""), ("20260302101500+0100", "2026-03-02 10:15:00")],
)  # fmt: skip
def test_moments(value: str, shown: str) -> None:
    assert figures.moment(value) == shown


def test_units() -> None:
    assert figures.unit(Concept("mGy.cm", "UCUM", "mGy.cm")) == "mGy·cm"
    assert figures.unit(Concept("{ratio}", "UCUM", "ratio")) == ""
    assert figures.unit(Concept("X1", "99LOCAL", "pulses")) == "pulses"
    assert figures.unit_text("Gy.cm2") == "Gy·cm²"


def test_bars_stand_on_the_floor_and_reach_their_value() -> None:
    chart = charts.bars("DLP", "mGy.cm", [("a", 0.0), ("b", 50.0), ("c", 100.0)], "dlp")
    heights = [bar.height for bar in chart.bars]
    assert heights[0] == 0
    assert heights[2] == pytest.approx(2 * heights[1], abs=0.02)
    assert all(bar.y + bar.height == pytest.approx(chart.floor, abs=0.02) for bar in chart.bars)
    assert all(bar.x >= charts.LEFT and bar.x + bar.width <= charts.WIDTH for bar in chart.bars)
    assert [value for _, value in chart.grid] == [0.0, 50.0, 100.0]


def test_charts_of_nothing_and_of_many() -> None:
    assert charts.bars("", "", [], "x").bars == []
    assert charts.bars("", "", [("a", 0.0)], "x").grid[-1][1] == 1.0
    many = charts.bars("", "", [(str(n), float(n)) for n in range(36)], "x")
    assert sum(bar.labelled for bar in many.bars) <= charts.MOST_LABELS
