"""Radiation dose reports: irradiation events and totals, each quantity in one unit.

By concept codes rather than by template, since reports of one template differ as much as those of two (PS3.16 TID
10001, 10011, 10021, 10030, 10040). A unit that is not known is never guessed: its value is given as it was said, and
is in no sum.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sinfonietta.dicom.reports import Concept, Content

EVENTS = {
    "113819": "CT acquisition", "113706": "X-ray irradiation", "130501": "X-ray irradiation",
    "113502": "Administration of activity",
}  # fmt: skip
TITLES = {"113701", "113500", "128401"}
"""X-Ray, Radiopharmaceutical and Patient Radiation Dose Report."""
SOP_CLASSES = {f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (67, 68, 73, 76)}
SPELLING = str.maketrans({"µ": "u", "μ": "u", "²": "2", **dict.fromkeys(" .·⋅*^_", "")})
"""``mGy.cm``, ``mGycm``, ``mGy·cm`` and ``mGy*cm`` are one unit; case is not touched, for mGy is not MGy."""


@dataclass(frozen=True)
class Quantity:
    """A kind of figure and its unit; ``factors``: spelling of a unit -> how many of ours it is.

    ``each``: summed for each organ or side by itself; ``adds``: values of several events add up.
    """

    name: str
    unit: str
    factors: dict[str, float]
    each: bool = False
    adds: bool = True

    def value(self, number: float, unit: Concept) -> float | None:
        """The number in our unit, by the code of its unit or else by what that is said to mean; None: not known."""
        for said in (unit.code, unit.meaning):
            factor = self.factors.get(said.translate(SPELLING))
            if factor is not None:
                return number * factor
        return None


CTDI = Quantity("CTDIvol", "mGy", {"mGy": 1, "Gy": 1000, "uGy": 1e-3, "cGy": 10}, adds=False)
DLP = Quantity("DLP", "mGy.cm", {"mGycm": 1, "Gycm": 1000, "mGym": 100, "cGycm": 10, "uGym": 0.1})
DAP = Quantity(
    "DAP", "Gy.cm2",
    {"Gycm2": 1, "Gym2": 1e4, "dGycm2": 0.1, "cGycm2": 0.01, "mGycm2": 1e-3, "uGym2": 1e-2, "mGym2": 10, "uGycm2": 1e-6,
     "dGym2": 1e3, "cGym2": 1e2},
)  # fmt: skip
REFERENCE_DOSE = Quantity("Reference point dose", "Gy", {"Gy": 1, "mGy": 1e-3, "cGy": 1e-2, "uGy": 1e-6})
FLUORO_TIME = Quantity("Fluoroscopy time", "s", {"s": 1, "ms": 1e-3, "min": 60, "h": 3600})
GLANDULAR = Quantity(
    "Average glandular dose", "mGy", {"mGy": 1, "dGy": 100, "Gy": 1000, "cGy": 10, "uGy": 1e-3}, each=True
)
ACTIVITY = Quantity(
    "Administered activity", "MBq", {"MBq": 1, "kBq": 1e-3, "Bq": 1e-6, "GBq": 1e3, "mCi": 37, "uCi": 0.037, "Ci": 37e3}
)
ORGAN = Quantity("Organ dose", "mGy", {"mGy": 1, "Gy": 1000, "uGy": 1e-3, "cGy": 10}, each=True)
EFFECTIVE = Quantity("Effective dose", "mSv", {"mSv": 1, "Sv": 1000, "uSv": 1e-3})
QUANTITIES = {
    one.name: one
    for one in (CTDI, DLP, DAP, REFERENCE_DOSE, FLUORO_TIME, GLANDULAR, ACTIVITY, ORGAN, EFFECTIVE)
}  # fmt: skip

TOTALS = {
    "113813": DLP, "113722": DAP, "113725": REFERENCE_DOSE, "113730": FLUORO_TIME, "111637": GLANDULAR,
    "113507": ACTIVITY, "113518": ORGAN, "113839": EFFECTIVE,
}  # fmt: skip
"""Concept codes (DCM) outside of events: sums over a report."""
OF_EVENTS = {
    "113830": CTDI, "113838": DLP, "122130": DAP, "113738": REFERENCE_DOSE, "111631": GLANDULAR, "113507": ACTIVITY,
    "113518": ORGAN, "113839": EFFECTIVE,
}  # fmt: skip
UIDS, STARTED = ("113769", "113853", "113503"), ("111526", "123003")
PROTOCOL = ("125203", "349358000", "F-61FDB", "123001")
"""Acquisition protocol, or the radiopharmaceutical agent (SNOMED CT, its older codes, DCM)."""
TARGET, KIND, DURATION = "123014", "113721", "113742"
SITES = {"363698007", "G-C0E3", "272741003", "G-C171", "123014"}
"""Finding site, laterality, target region: what a figure is of."""
SIDES = {
    **dict.fromkeys(("7771000", "80248007", "G-A101", "T-04030"), "left"),
    **dict.fromkeys(("24028007", "73056007", "G-A100", "T-04020"), "right"),
}
"""Left, left breast, right, right breast: reports say the one for a total and the other for an event."""
FLUOROSCOPY = {"44491008", "P5-06000"}


@dataclass(frozen=True)
class Figure:
    """A value of a quantity in its unit; None where the report gives none or its unit is not known.

    ``said``: as the report has it; ``of``: the organ or side that it is of.
    """

    quantity: str
    value: float | None
    said: str
    of: str = ""

    @property
    def unit(self) -> str:
        """The unit of ``value``."""
        return QUANTITIES[self.quantity].unit


@dataclass(frozen=True)
class Event:
    """One irradiation, or one administration of activity."""

    kind: str
    uid: str
    started: str
    protocol: str
    target: str
    figures: list[Figure]


@dataclass(frozen=True)
class DoseReport:
    """What a radiation dose report says. ``totals`` are its own, not sums that were made here."""

    title: str
    events: list[Event]
    totals: list[Figure]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> DoseReport:
        """What ``as_dict`` gave, back again."""
        events = [Event(**{**one, "figures": [Figure(**each) for each in one["figures"]]}) for one in found["events"]]
        return cls(found["title"], events, [Figure(**one) for one in found["totals"]])


def is_dose_report(sop_class: str, report: Content) -> bool:
    """Whether a structured report is about dose: by its SOP class, or by its title."""
    return sop_class in SOP_CLASSES or report.concept.code in TITLES


def may_be_told_by(modality: str, sop_class: str) -> bool:
    """Whether an object of that kind can be a dose report: many are filed as plain structured reports."""
    return modality == "SR" or sop_class in SOP_CLASSES


def read(report: Content) -> DoseReport:
    """Events, and the totals that the report states."""
    events: list[Event] = []
    totals: list[Figure] = []
    _gather(report, events, totals)
    return DoseReport(report.concept.meaning, events, totals)


def _gather(said: Content, events: list[Event], totals: list[Figure]) -> None:
    if said.kind == "CONTAINER" and said.concept.code in EVENTS:
        events.append(_event(said))
        return
    for child in said.children:
        figure = _figure(child, TOTALS, said)
        totals.extend([figure] if figure else [])
        _gather(child, events, totals)


def _event(said: Content) -> Event:
    found: dict[str, Content] = {}
    for one in said.walk():
        found.setdefault(one.concept.code, one)

    def value(*codes: str) -> str:
        return next((found[code].value for code in codes if code in found), "")

    kind = EVENTS[said.concept.code] + (f": {value(KIND)}" if value(KIND) else "")
    pairs = ((one, parent) for parent in said.walk() for one in parent.children)
    figures = [figure for one, parent in pairs if (figure := _figure(one, OF_EVENTS, parent))]
    return Event(kind, value(*UIDS), value(*STARTED), value(*PROTOCOL), value(TARGET), figures + _fluoroscopy(found))


def _fluoroscopy(found: dict[str, Content]) -> list[Figure]:
    """How long the beam was on, of an event that was fluoroscopy."""
    kind, duration = found.get(KIND), found.get(DURATION)
    if kind is None or duration is None or kind.code is None or kind.code.code not in FLUOROSCOPY:
        return []
    figure = _figure(duration, {DURATION: FLUORO_TIME}, duration)
    return [figure] if figure else []


def _figure(said: Content, quantities: dict[str, Quantity], parent: Content) -> Figure | None:
    quantity = quantities.get(said.concept.code)
    if quantity is None or said.kind != "NUM":
        return None
    known = said.number is not None and said.number >= 0
    value = quantity.value(said.number or 0.0, said.unit) if known else None
    words = f"{said.value} {said.unit.code or said.unit.meaning}".strip() or "no value"
    return Figure(quantity.name, value, words, _site(said, parent) if quantity.each else "")


def _site(said: Content, parent: Content) -> str:
    """The organ or side that a figure is of: said below it or else beside it; of a site with a side, the side."""
    for around in (said, parent):
        for one in around.children:
            if one.concept.code in SITES and one.code is not None:
                side = next((each for each in one.children if each.concept.code in SITES and each.code), one)
                return SIDES.get(side.code.code if side.code else "", "") or one.value
    return ""
