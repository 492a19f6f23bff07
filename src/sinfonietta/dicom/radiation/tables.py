"""Dosimetry tables: CSV files of a simple form, and sums over them (docs/how-to/dose-reports.md).

The first line names the columns, in any order: ``person_group`` (patient, worker, carer or public), ``quantity``,
``unit``, ``value``; and, if wanted, ``person``, ``date``, ``note``. Separated by commas, or by semicolons (then with a
decimal comma if need be).
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from dataclasses import dataclass

GROUPS = ("patient", "worker", "carer", "public")
NEEDED = ("person_group", "quantity", "unit", "value")
UNITS = {
    "Sv": ("mSv", 1e3), "mSv": ("mSv", 1.0), "uSv": ("mSv", 1e-3), "µSv": ("mSv", 1e-3), "μSv": ("mSv", 1e-3),
    "nSv": ("mSv", 1e-6), "Gy": ("mGy", 1e3), "cGy": ("mGy", 10.0), "mGy": ("mGy", 1.0), "uGy": ("mGy", 1e-3),
    "µGy": ("mGy", 1e-3), "μGy": ("mGy", 1e-3), "Bq": ("MBq", 1e-6), "kBq": ("MBq", 1e-3), "MBq": ("MBq", 1.0),
    "GBq": ("MBq", 1e3), "mSv/h": ("mSv/h", 1.0), "uSv/h": ("mSv/h", 1e-3), "µSv/h": ("mSv/h", 1e-3),
}  # fmt: skip
MOST_ROWS = 20_000


class NotATable(ValueError):
    """The file is not of this form."""


@dataclass(frozen=True)
class Row:
    """One line: ``value`` in ``unit`` (ours), None where number or unit are not understood; ``said``: as written."""

    group: str
    person: str
    quantity: str
    value: float | None
    unit: str
    said: str
    date: str = ""
    note: str = ""


@dataclass(frozen=True)
class Line:
    """Of a person group and a quantity: how many values, and what they come to, in ``unit``."""

    group: str
    quantity: str
    unit: str
    count: int
    total: float
    mean: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Table:
    """A table that was read. ``left_out``: lines that are not understood and in no sum."""

    rows: list[Row]

    @property
    def left_out(self) -> list[Row]:
        """Lines of another group, without a number, or of an unknown unit."""
        return [row for row in self.rows if row.value is None or row.group not in GROUPS]

    @property
    def lines(self) -> list[Line]:
        """Sums by group, quantity and unit."""
        values: dict[tuple[int, str, str], list[float]] = defaultdict(list)
        for row in self.rows:
            if row.value is not None and row.group in GROUPS:
                values[(GROUPS.index(row.group), row.quantity, row.unit)].append(row.value)
        return [
            Line(GROUPS[group], quantity, unit, len(all_), sum(all_), sum(all_) / len(all_), min(all_), max(all_))
            for (group, quantity, unit), all_ in sorted(values.items())
        ]


def read(content: bytes) -> Table:
    """A table out of a CSV file in UTF-8 or Latin-1. Raises NotATable where the needed columns are not named."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    head = text.split("\n", 1)[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    try:
        lines = list(_lines(text, separator))
    except csv.Error as error:
        raise NotATable(str(error)) from error
    names = [name.strip().lower().replace(" ", "_") for name in lines[0]] if lines else []
    if not set(NEEDED) <= set(names):
        raise NotATable("The first line does not name the columns " + ", ".join(NEEDED) + ".")
    rows = [dict(zip(names, (one.strip() for one in line), strict=False)) for line in lines[1:] if any(line)]
    return Table([_row(row, decimal_comma=separator == ";") for row in rows])


def _lines(text: str, separator: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text.replace("\0", "")), delimiter=separator)
    return [line for line, _ in zip(reader, range(MOST_ROWS + 1), strict=False)]


def _row(said: dict[str, str], *, decimal_comma: bool) -> Row:
    number, unit = said.get("value", ""), said.get("unit", "")
    value = _number(number.replace(",", ".") if decimal_comma else number)
    ours, factor = UNITS.get(unit, ("", 0.0))
    return Row(
        group=said.get("person_group", "").lower(),
        person=said.get("person", ""),
        quantity=said.get("quantity", ""),
        value=value * factor if value is not None and ours else None,
        unit=ours,
        said=f"{number} {unit}".strip(),
        date=said.get("date", ""),
        note=said.get("note", ""),
    )


def _number(text: str) -> float | None:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
