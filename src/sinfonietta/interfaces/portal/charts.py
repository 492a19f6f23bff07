"""Bar charts as SVG: where each bar stands. The template draws them, with a table beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480.0, 180.0
LEFT, BOTTOM, TOP = 46.0, 22.0, 8.0
MOST_LABELS = 8


@dataclass(frozen=True)
class Bar:
    """A bar in the picture's own units; ``label`` is drawn below it where ``labelled``."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: float
    labelled: bool

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Chart:
    """A bar chart of one quantity. ``grid``: (height, value) of the lines behind it."""

    title: str
    unit: str
    bars: list[Bar]
    grid: list[tuple[float, float]]
    slug: str

    width, height, left, floor = WIDTH, HEIGHT, LEFT, HEIGHT - BOTTOM


def bars(title: str, unit: str, points: Sequence[tuple[str, float]], slug: str) -> Chart:
    """A chart of named values that are not negative."""
    top = _round_up(max((value for _, value in points), default=0.0))
    floor, across = HEIGHT - BOTTOM, WIDTH - LEFT
    step = across / max(len(points), 1)
    width = min(step * 0.72, 44.0)
    every = math.ceil(len(points) / MOST_LABELS) or 1
    drawn = [
        Bar(
            x=round(LEFT + step * (index + 0.5) - width / 2, 2),
            y=round(floor - value / top * (floor - TOP), 2),
            width=round(width, 2),
            height=round(value / top * (floor - TOP), 2),
            label=label,
            value=value,
            labelled=index % every == 0,
        )
        for index, (label, value) in enumerate(points)
    ]
    grid = [(round(floor - part * (floor - TOP), 2), top * part) for part in (0.0, 0.5, 1.0)]
    return Chart(title, unit, drawn, grid, slug)


def _round_up(value: float) -> float:
    """The next round number above a value."""
    if value <= 0:
        return 1.0
    scale: float = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * scale >= value * (1 - 1e-9))
