"""Radiation dose reports: irradiation events and totals, each quantity in one unit.

By concept codes rather than by template, since reports of one template differ as much as those of two (PS3.16 TID
10001, 10011, 10021, 10040). A unit that is not known is never guessed: its value is given as it was said, in no sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from sinfonietta.dicom.reports import Content

CT_EVENT, X_RAY_EVENT, ADMINISTRATION = "113819", "113706", "113502"
EVENTS = {CT_EVENT: "CT acquisition", X_RAY_EVENT: "X-ray irradiation", ADMINISTRATION: "Administration of activity"}


@dataclass(frozen=True)
class Quantity:
    """A kind of figure and its unit; ``factors``: spelling of a unit -> how many of ours it is."""

    name: str
    unit: str
    factors: dict[str, float]


CTDI = Quantity("CTDIvol", "mGy", {"mGy": 1, "Gy": 1000, "uGy": 1e-3})
DLP = Quantity("DLP", "mGy.cm", {"mGy.cm": 1, "mGycm": 1, "Gy.cm": 1000, "mGy.m": 100, "cGy.cm": 10})
DAP = Quantity(
    "DAP", "Gy.cm2",
    {"Gy.cm2": 1, "Gycm2": 1, "Gy.m2": 1e4, "Gym2": 1e4, "dGy.cm2": 0.1, "dGycm2": 0.1, "cGy.cm2": 0.01,
     "cGycm2": 0.01, "mGy.cm2": 1e-3, "mGycm2": 1e-3, "uGy.m2": 1e-2, "uGym2": 1e-2, "mGy.m2": 10, "uGy.cm2": 1e-6},
)  # fmt: skip
REFERENCE_DOSE = Quantity("Reference point dose", "Gy", {"Gy": 1, "mGy": 1e-3, "cGy": 1e-2})
FLUORO_TIME = Quantity("Fluoroscopy time", "s", {"s": 1, "ms": 1e-3, "min": 60})
GLANDULAR = Quantity("Average glandular dose", "mGy", {"mGy": 1, "dGy": 100, "Gy": 1000, "cGy": 10, "uGy": 1e-3})
ACTIVITY = Quantity("Administered activity", "MBq", {"MBq": 1, "kBq": 1e-3, "Bq": 1e-6, "GBq": 1e3, "mCi": 37})
ORGAN = Quantity("Organ dose", "mGy", {"mGy": 1, "Gy": 1000, "uGy": 1e-3, "cGy": 10})
EFFECTIVE = Quantity("Effective dose", "mSv", {"mSv": 1, "Sv": 1000, "uSv": 1e-3})

TOTALS = {
    "113813": DLP, "113722": DAP, "113725": REFERENCE_DOSE, "113730": FLUORO_TIME, "111637": GLANDULAR,
    "113507": ACTIVITY, "113839": EFFECTIVE,
}  # fmt: skip
"""Concept codes (DCM) of sums over a report; of an activity there is one for each administration."""
OF_EVENTS = {
    "113830": CTDI, "113838": DLP, "122130": DAP, "113738": REFERENCE_DOSE, "111631": GLANDULAR, "113507": ACTIVITY,
    "113518": ORGAN,
}  # fmt: skip
TARGET, PROTOCOL, STARTED, UID = "123014", "125203", "111526", "113769"


@dataclass(frozen=True)
class Figure:
    """A value of a quantity in its unit; None where the report's unit is not known. ``said``: as the report has it."""

    quantity: Quantity
    value: float | None
    said: str
    of: str = ""


@dataclass(frozen=True)
class Event:
    """One irradiation."""

    kind: str
    uid: str
    started: str
    protocol: str
    target: str
    figures: list[Figure]


@dataclass(frozen=True)
class DoseReport:
    """What a radiation dose report says."""

    title: str
    events: list[Event]
    totals: list[Figure]


def read(report: Content) -> DoseReport:
    """Events and totals of a report; a total that it does not state is the sum of its events where that is meant."""
    events = [_event(one) for one in report.walk() if one.concept.code in EVENTS and one.kind == "CONTAINER"]
    accumulated = [one for one in report.walk() if one.concept.code in TOTALS and not _is_event_figure(one, report)]
    totals = [figure for one in accumulated if (figure := _figure(one, TOTALS))]
    return DoseReport(report.concept.meaning, events, totals or _sums(events))


def _is_event_figure(wanted: Content, report: Content) -> bool:
    events = (one for one in report.walk() if one.concept.code in EVENTS)
    return wanted.concept.code in OF_EVENTS and any(wanted is inner for event in events for inner in event.walk())


def _event(said: Content) -> Event:
    def value(code: str) -> str:
        found = said.first(code)
        return found.value if found else ""

    figures = [figure for one in said.walk() if (figure := _figure(one, OF_EVENTS))]
    return Event(EVENTS[said.concept.code], value(UID), value(STARTED), value(PROTOCOL), value(TARGET), figures)


def _figure(said: Content, quantities: dict[str, Quantity]) -> Figure | None:
    quantity = quantities.get(said.concept.code)
    if quantity is None or said.kind != "NUM" or said.number is None:
        return None
    factor = quantity.factors.get(said.unit)
    site = next((one.value for one in said.children if one.concept.code in {"363698007", "G-C0E3", TARGET}), "")
    return Figure(quantity, None if factor is None else said.number * factor, f"{said.value} {said.unit}", site)


def _sums(events: list[Event]) -> list[Figure]:
    """Sums of quantities that add up (CTDIvol and organ doses do not); none where a unit is not known."""
    found = []
    for quantity in (DLP, DAP, REFERENCE_DOSE, GLANDULAR, ACTIVITY):
        figures = [figure for event in events for figure in event.figures if figure.quantity is quantity]
        known = [figure.value for figure in figures if figure.value is not None]
        if figures and len(known) == len(figures):
            found.append(Figure(quantity, sum(known), f"sum of {len(known)} events"))
    return found
