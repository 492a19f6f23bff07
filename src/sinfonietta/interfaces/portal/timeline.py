"""The studies of a patient along time, as SVG: where each stands. The template draws them; the list beside says it all.

One row for each modality. A study is one link, with a mark in the row of each of its modalities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from sinfonietta.dicom.queries import Study

WIDTH, LEFT, RIGHT = 960.0, 92.0, 20.0
TOP, ROW, BOTTOM = 14.0, 26.0, 24.0
APART = 15.0
"""So far apart are marks, where there is room."""
MOST_ROWS, MOST_TICKS = 16, 8
UNKNOWN, OTHERS = "?", "other"
STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000, 24000)


@dataclass(frozen=True)
class Mark:
    """A study: at ``x``, with a mark at each of ``rows``."""

    study: Study
    day: date
    x: float
    rows: list[float]

    @property
    def top(self) -> float:
        """Where its stem begins."""
        return self.rows[0]

    @property
    def bottom(self) -> float:
        """Where its stem ends."""
        return self.rows[-1]


@dataclass(frozen=True)
class Timeline:
    """``rows``: (y, modality); ``ticks``: (x, label); ``undated``: so many studies have no date that is one."""

    marks: list[Mark]
    rows: list[tuple[float, str]]
    ticks: list[tuple[float, str]]
    undated: int

    width, left = WIDTH, LEFT

    @property
    def floor(self) -> float:
        """Where the labels of time stand."""
        return self.rows[-1][0] + ROW / 2

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return self.floor + BOTTOM


def timeline(studies: Sequence[Study]) -> Timeline | None:
    """The studies along time; None where none has a date."""
    dated = sorted(
        ((day, study) for study in studies if (day := day_of(study.shown.study_date))), key=lambda one: one[0]
    )
    if not dated:
        return None
    rows = _rows([study for _, study in dated])
    first, last = dated[0][0], dated[-1][0]
    spare = max(timedelta(days=3), (last - first) * 0.02)
    begin, end = max(first.toordinal() - spare.days, 1), min(last.toordinal() + spare.days, date.max.toordinal())

    def place(day: date) -> float:
        return LEFT + (day.toordinal() - begin) / (end - begin) * (WIDTH - LEFT - RIGHT)

    xs = _apart([place(day) for day, _ in dated])
    marks = [Mark(study, day, round(x, 1), _at(study, rows)) for (day, study), x in zip(dated, xs, strict=True)]
    ticks = [(round(place(day), 1), label) for day, label in _ticks(date.fromordinal(begin), date.fromordinal(end))]
    return Timeline(marks, [(y, name) for name, y in rows.items()], ticks, len(studies) - len(dated))


def day_of(text: str) -> date | None:
    """A DICOM date (DA), also as it was written once (YYYY.MM.DD); None where it is none."""
    digits = text.replace(".", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) if len(digits) == 8 else None
    except ValueError:
        return None


def _rows(studies: Sequence[Study]) -> dict[str, float]:
    """Modality -> y; those that most studies have come first, and what is too much goes to one row."""
    counted = Counter(name for study in studies for name in (study.modalities or [UNKNOWN]))
    names = [name for name, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    if len(names) > MOST_ROWS:
        names = [*names[: MOST_ROWS - 1], OTHERS]
    return {name: TOP + ROW * (index + 0.5) for index, name in enumerate(names)}


def _at(study: Study, rows: dict[str, float]) -> list[float]:
    return sorted({rows.get(name, rows.get(OTHERS, 0.0)) for name in (study.modalities or [UNKNOWN])})


def _apart(places: Sequence[float]) -> list[float]:
    """Places that do not cover each other: moved to the right, and back from the edge where they would leave it."""
    step = min(APART, (WIDTH - LEFT - RIGHT) / len(places))
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + step) if found else place)
    edge = WIDTH - RIGHT
    for index in range(len(found) - 1, -1, -1):
        found[index] = min(found[index], edge)
        edge = found[index] - step
    return found


def _ticks(begin: date, end: date) -> list[tuple[date, str]]:
    """Round dates between two: days, months or years."""
    if (end - begin).days <= 62:
        every = -(-((end - begin).days + 1) // MOST_TICKS)
        days = [begin + timedelta(days=at) for at in range(0, (end - begin).days + 1, every)]
        return [(day, f"{day:%d} {day:%b}" + (f" {day.year}" if day == days[0] else "")) for day in days]
    months = (end.year - begin.year) * 12 + end.month - begin.month
    step = next((step for step in STEPS_MONTHS if months / step <= MOST_TICKS), STEPS_MONTHS[-1])
    at = -(-(begin.year * 12 + begin.month - 1) // step) * step
    found = [date(month // 12, month % 12 + 1, 1) for month in range(at, end.year * 12 + end.month, step)]
    found = [day for day in found if begin <= day <= end]
    labels = [str(day.year) if step >= 12 else f"{day:%b}" for day in found]
    for index, (one, other) in enumerate(pairwise([None, *found])):
        if step < 12 and other and (one is None or one.year != other.year):
            labels[index] += f" {other.year}"
    return list(zip(found, labels, strict=True))
