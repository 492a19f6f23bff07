"""Sums over dose reports, in which one irradiation counts once, however many reports tell of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sinfonietta.dicom.radiation.irradiation import CTDI, QUANTITIES, DoseReport, Figure

Key = tuple[str, str]
"""Name of a quantity, and the organ or side that it is of."""


@dataclass(frozen=True)
class Summary:
    """Of a report what sums need. ``events``: Irradiation Event UID -> figures; None: its unit is not known."""

    uid: str
    events: dict[str, dict[Key, float | None]] = field(default_factory=dict)
    totals: dict[Key, float | None] = field(default_factory=dict)

    def told(self) -> set[Key]:
        """What it has figures of."""
        return {*self.totals, *(key for figures in self.events.values() for key in figures)}

    def of_events(self, key: Key) -> dict[str, float | None]:
        """The figures of its events, by their UIDs."""
        return {uid: figures[key] for uid, figures in self.events.items() if key in figures}

    def packed(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "events": [[uid, [[*key, value] for key, value in each.items()]] for uid, each in self.events.items()],
            "totals": [[*key, value] for key, value in self.totals.items()],
        }

    @classmethod
    def unpacked(cls, uid: str, found: dict[str, Any]) -> Summary:
        """What ``packed`` gave, back again."""
        events = {event: {(name, of): value for name, of, value in each} for event, each in found["events"]}
        return cls(uid, events, {(name, of): value for name, of, value in found["totals"]})


@dataclass(frozen=True)
class Sum:
    """Of one quantity: the sum (of CTDIvol, the highest) in its unit.

    ``left_out``: figures without a value or of an unknown unit. ``at_least``: reports overlap in part and their totals
    cannot be told apart; the sum counts only the largest of those.
    """

    quantity: str
    of: str
    value: float | None
    count: int
    left_out: int = 0
    at_least: bool = False

    @property
    def unit(self) -> str:
        """The unit of ``value``."""
        return QUANTITIES[self.quantity].unit


def summary(uid: str, report: DoseReport) -> Summary:
    """What sums need of a report; its totals of one kind (two planes, say) are added up."""
    found = Summary(uid)
    for number, event in enumerate(report.events):
        figures = found.events.setdefault(event.uid or f"{uid}/{number}", {})
        for figure in event.figures:
            _add(figures, (figure.quantity, figure.of), figure.value)
    for figure in report.totals:
        _add(found.totals, (figure.quantity, figure.of), figure.value)
    return found


def unstated(report: DoseReport) -> list[Figure]:
    """Totals that a report does not state, as sums of its events: of what adds up and is understood throughout."""
    stated = {figure.quantity for figure in report.totals}
    return [
        Figure(one.quantity, one.value, f"sum of {one.count} event{'s'[: one.count > 1]}", one.of)
        for one in sums([summary("", report)])
        if one.quantity not in stated and QUANTITIES[one.quantity].adds and one.value is not None and not one.left_out
    ]


def _add(figures: dict[Key, float | None], key: Key, value: float | None) -> None:
    if key not in figures:
        figures[key] = value
        return
    before = figures[key]
    if before is None or value is None:
        figures[key] = None
    else:
        figures[key] = before + value if QUANTITIES[key[0]].adds else max(before, value)


def sums(reports: Iterable[Summary]) -> list[Sum]:
    """One sum for each quantity, in the order of ``QUANTITIES``; a report that comes twice counts once."""
    distinct = list({report.uid: report for report in reports}.values())
    groups = _overlapping(distinct)
    keys = {key for report in distinct for key in report.told()}
    order = list(QUANTITIES)
    return [_sum(key, groups) for key in sorted(keys, key=lambda key: (order.index(key[0]), key[1]))]


def events(reports: Iterable[Summary]) -> int:
    """How many different irradiations the reports tell of."""
    return len({uid for report in reports for uid in report.events})


def _overlapping(reports: Sequence[Summary]) -> list[list[Summary]]:
    """Reports in groups: two are in one group where a chain of common events joins them."""
    leader = list(range(len(reports)))

    def find(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    seen: dict[str, int] = {}
    for index, report in enumerate(reports):
        for uid in report.events:
            leader[find(index)] = find(seen.setdefault(uid, index))
    groups: dict[int, list[Summary]] = defaultdict(list)
    for index, report in enumerate(reports):
        groups[find(index)].append(report)
    return list(groups.values())


def _sum(key: Key, groups: list[list[Summary]]) -> Sum:
    parts = [_of_group(key, [one for one in group if key in one.told()]) for group in groups]
    values = [value for found, _, _ in parts for value in found]
    together = max if key[0] == CTDI.name else sum
    return Sum(
        key[0],
        key[1],
        together(values) if values else None,
        len(values),
        sum(left for _, left, _ in parts),
        any(at_least for _, _, at_least in parts),
    )


def _of_group(key: Key, group: list[Summary]) -> tuple[list[float], int, bool]:
    """Values that add up, how many are left out, and whether it may be more."""
    if not group:
        return [], 0, False
    if len(group) == 1 and group[0].totals.get(key) is not None:
        return [group[0].totals[key] or 0.0], 0, False
    of_events: dict[str, float | None] = {}
    for report in group:
        of_events |= {uid: value for uid, value in report.of_events(key).items() if of_events.get(uid) is None}
    told = [report for report in group if report.totals.get(key) is not None]
    if all(report.of_events(key) or key not in report.totals for report in group) and None not in of_events.values():
        return [value for value in of_events.values() if value is not None], 0, False
    if told:
        largest = max(told, key=lambda report: report.totals[key] or 0.0)
        everything = {uid for report in group for uid in report.events}
        return [largest.totals[key] or 0.0], 0, not everything <= set(largest.events)
    known = [value for value in of_events.values() if value is not None]
    missing = len(of_events) - len(known) or sum(1 for report in group if key in report.totals)
    return known, missing, False
