"""How measurements, units and the values of reports look on a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from django import template

from sinfonietta.dicom.reports import Concept

register = template.Library()

UNITS = {"{ratio}": "", "1": "", "{no units}": "", "{events}": "", "cm2": "cm²", "mm2": "mm²", "mm3": "mm³",
         "cm3": "cm³", "Cel": "°C", "deg": "°", "[hnsf'U]": "HU", "um": "µm", "us": "µs"}  # fmt: skip
RELATIONS = {"HAS CONCEPT MOD": "of", "HAS OBS CONTEXT": "by", "HAS PROPERTIES": "", "INFERRED FROM": "from",
             "SELECTED FROM": "in", "HAS ACQ CONTEXT": "acquired", "CONTAINS": ""}  # fmt: skip
FORMATS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@register.filter
def figure(value: object) -> str:
    """A number with four digits that count, thousands set apart, and no exponent where it can be helped."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e12:
        digits = 0 if value == 0 else max(0, 3 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3e}"


@register.filter
def unit_text(code: str) -> str:
    """A unit's code (UCUM) as people write it."""
    if code in UNITS:
        return UNITS[code]
    return code.replace("cm2", "cm²").replace("m2", "m²").replace(".", "·")


@register.filter
def unit(said: Concept) -> str:
    """The unit of a measurement, by its code; by its meaning where the code is not one of UCUM."""
    if said.scheme == "UCUM" or not said.meaning:
        return unit_text(said.code)
    return said.meaning


@register.filter
def moment(value: str) -> str:
    """A DICOM date, time or both as ISO 8601; what is none stays as it is."""
    digits = value.split(".", maxsplit=1)[0].split("+", maxsplit=1)[0].split("-", maxsplit=1)[0]
    try:
        if len(digits) == 6 and value == digits:
            return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"
        found = datetime.strptime(digits, FORMATS[len(digits)])  # noqa: DTZ007 - shown as it is written
    except (ValueError, KeyError):
        return value
    return f"{found:%Y-%m-%d}" if len(digits) == 8 else f"{found:%Y-%m-%d %H:%M:%S}" if len(digits) > 8 else value


@register.filter
def name(value: str) -> str:
    """A person's name (PN) as people write it."""
    return ", ".join(part for part in value.split("=", maxsplit=1)[0].split("^")[:2] if part)


@register.filter
def relation(value: str) -> str:
    """How an item of a report relates to the one above, in a word; nothing where that goes without saying."""
    return RELATIONS.get(value, value.lower())


@register.filter
def of(found: Mapping[str, object], key: str) -> object:
    """The value of a key; None where there is none."""
    return found.get(key)
