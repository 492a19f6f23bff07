"""The fields of the language: what each looks in, and the condition that its values make."""

from __future__ import annotations

import difflib
import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection

from sinfonietta.accounts.actor import Actor
from sinfonietta.common import rows
from sinfonietta.library import access
from sinfonietta.library.models import STEP, base36
from sinfonietta.search.conditions import NOTHING, Condition, both, either, worded, wordings
from sinfonietta.search.documents import SIZES, size_class
from sinfonietta.search.language import Compared, Field, Misunderstood, Text
from sinfonietta.search.words import fold, joined, words

Value = Text | Compared
UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12,
         "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}  # fmt: skip
SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)", re.IGNORECASE)
BETWEEN = re.compile(r"(\d{8})?-(\d{8})?")
"""A range as DICOM writes it (PS3.4 C.2.2.2.5)."""
DAY = re.compile(r"(\d{4})(?:-?(\d\d))?(?:-?(\d\d))?")
MOST_PLACES = 50


@dataclass(frozen=True)
class Kind:
    """A field: what it is, an example, and how a value becomes a condition."""

    name: str
    said: str
    example: str
    condition: Callable[[Actor, str, Value, int], Condition]


def condition(actor: Actor, field: Field) -> Condition:
    """The condition of a field and its values. Raises Misunderstood."""
    name = field.name.lower()
    if name.startswith("meta."):
        key = joined(field.name[5:].strip('"'))
        return either([_of_metadata(key, value, field.at) for value in field.any_of])
    name = ALIASES.get(name, name)
    if name not in FIELDS:
        near = difflib.get_close_matches(name, [*FIELDS, *ALIASES], 1)
        hint = f"; did you mean “{near[0]}:”?" if near else ". Write it in quotation marks to look for it as text."
        raise Misunderstood(f"There is no field “{field.name}”{hint}", field.at)
    return either([FIELDS[name].condition(actor, name, value, field.at) for value in field.any_of])


def _fact(begins: str, value: Value, at: int) -> Condition:
    """A value among the facts that begin so; of several words all."""
    if isinstance(value, Compared):
        raise Misunderstood("This field has no order; name a value.", at)
    if not value.exact and value.text in ("", "*"):  # an asterisk alone: any value
        return worded(wordings().word([begins], begins=True))
    if value.exact:
        whole = joined(value.text)
        return worded(wordings().word([begins + whole], begins=False)) if whole else NOTHING
    parts = words(value.text)
    if not parts:
        return NOTHING
    found = [wordings().word([begins + part], begins=True) for part in parts]
    return worded(found[0] if len(found) == 1 else wordings().both(found))


def _stated(actor: Actor, name: str, value: Value, at: int) -> Condition:
    return _fact(f"={name}_", value, at)


def _exact(actor: Actor, name: str, value: Value, at: int) -> Condition:
    """Values of few letters, which no longer one shall answer for: ``CT`` is not ``CTA``."""
    if isinstance(value, Text) and value.text not in ("", "*"):
        value = Text(value.text, exact=True, at=value.at)
    return _fact(f"={name}_", value, at)


def _of_metadata(key: str, value: Value, at: int) -> Condition:
    if not key:
        raise Misunderstood("Name a key behind “meta.”.", at)
    if isinstance(value, Compared):
        return _number(f"meta_{key}", _moment_or_number(value, at))
    if value.text in ("", "*"):
        return worded(wordings().word([f"=meta_{key}"], begins=False))
    return _fact(f"=meta_{key}=", value, at)


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both included unless open; None: no end."""

    low: float | None
    high: float | None
    open_low: bool = False
    open_high: bool = False

    def sql(self, column: str) -> tuple[str, tuple[float, ...]]:
        """The condition on a column."""
        said, params = [], []
        if self.low is not None:
            said.append(f"{column} {'>' if self.open_low else '>='} %s")
            params.append(self.low)
        if self.high is not None:
            said.append(f"{column} {'<' if self.open_high else '<='} %s")
            params.append(self.high)
        return " AND ".join(said), tuple(params)


def _range(value: Value, low: Callable[[str], float], high: Callable[[str], float]) -> Range:
    """``low`` and ``high`` give the first and the last number that a text stands for: a year has many days."""
    if isinstance(value, Text):
        return Range(low(value.text), high(value.text))
    return Range(
        (high if value.open_low else low)(value.low) if value.low else None,
        (low if value.open_high else high)(value.high) if value.high else None,
        value.open_low,
        value.open_high,
    )


def _number(field: str, found: Range) -> Condition:
    sql, params = found.sql("x.value")
    return Condition(
        f"EXISTS (SELECT 1 FROM search_number x WHERE x.document_id = d.node_id AND x.field = %s AND {sql})",  # noqa: S608
        (field, *params),
        wordings().word([f"=has_{field}"], begins=False),
    )


def _figure(text: str, at: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise Misunderstood(f"“{text}” is no number.", at) from None


def _moment_or_number(value: Compared, at: int) -> Range:
    """Metadata: dates where they look so (``2020-05``), else numbers."""
    if any("-" in said[1:] for said in (value.low, value.high)):
        return _days(value, at)
    return _range(value, lambda said: _figure(said, at), lambda said: _figure(said, at))


def _plain_number(actor: Actor, name: str, value: Value, at: int) -> Condition:
    if isinstance(value, Text) and value.text in ("", "*"):
        return worded(wordings().word([f"=has_{name}"], begins=False))
    return _number(name, _range(value, lambda said: _figure(said, at), lambda said: _figure(said, at)))


DOSES = {"dlp": "dose_dlp", "dap": "dose_dap", "ctdivol": "dose_ctdivol", "dose": "dose_effective_dose"}
"""Field -> the quantity of a dose report's total."""


def _of_report(actor: Actor, name: str, value: Value, at: int) -> Condition:
    return _plain_number(actor, DOSES[name], value, at)


def _day(text: str, at: int, *, last: bool) -> float:
    found = DAY.fullmatch(text)
    if not found:
        raise Misunderstood(f"“{text}” is no date; write 2024, 2024-05 or 2024-05-31.", at)
    year, month, day = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if not year or month > 12 or (found[2] and not month) or (month and day > monthrange(year, month)[1]):
        raise Misunderstood(f"“{text}” is no date.", at)
    month = month or (12 if last else 1)
    day = day or (monthrange(year, month)[1] if last else 1)
    return year * 10000 + month * 100 + day


def _days(value: Value, at: int) -> Range:
    if isinstance(value, Text) and (ends := BETWEEN.fullmatch(value.text)):
        value = Compared(low=ends[1] or "", high=ends[2] or "")
    return _range(value, lambda said: _day(said, at, last=False), lambda said: _day(said, at, last=True))


def _when(name: str, found: Range) -> str:
    """A wording that finds all months that a range of days touches: by years, and at its ends by months."""
    first, last = int(found.low or 0) // 100, int(found.high) // 100 if found.high is not None else 999_912
    start, end = -(-(first - 1) // 100), (last - 12) // 100  # the first and the last year that lie in it as a whole
    if first > last:
        return ""
    if start > end:
        begins = [f"{month:06d}" for month in range(first, last + 1) if 1 <= month % 100 <= 12]
    else:
        begins = [f"{month:06d}" for month in range(first, start * 100) if 1 <= month % 100 <= 12]
        begins += _cover(start, end)
        begins += [f"{month:06d}" for month in range((end + 1) * 100, last + 1) if 1 <= month % 100 <= 12]
    asked = [wordings().word([f"={name}_{one}"], begins=len(one) < 4) for one in begins]
    if not asked or "" in begins:
        return ""
    return asked[0] if len(asked) == 1 else wordings().either(asked)


def _cover(first: int, last: int, begin: str = "") -> list[str]:
    """The shortest beginnings of four digits that cover a range of numbers and nothing else."""
    least, most = int(begin.ljust(4, "0")), int(begin.ljust(4, "9"))
    if most < first or least > last:
        return []
    if first <= least and most <= last:
        return [begin]
    return [one for digit in "0123456789" for one in _cover(first, last, begin + digit)]


def _date(actor: Actor, name: str, value: Value, at: int) -> Condition:
    found = _days(value, at)
    sql, params = found.sql("d.day")
    return Condition(sql, params, _when("date", found))


def _study_date(actor: Actor, name: str, value: Value, at: int) -> Condition:
    dicom = worded(wordings().word(["=has_dicom"], begins=False))
    return both([_date(actor, name, value, at), dicom])


def _moment(actor: Actor, name: str, value: Value, at: int) -> Condition:
    """Of the node itself, by days in UTC."""
    found = _days(value, at)
    column = f"n.{name}"
    as_day = (
        f"CAST(strftime('%%Y%%m%%d', {column}) AS INTEGER)"
        if connection.vendor == "sqlite"
        else f"CAST(to_char({column} AT TIME ZONE 'UTC', 'YYYYMMDD') AS INTEGER)"
    )
    sql, params = found.sql(as_day)
    return Condition(sql, params, _when(name, found))


def _bytes(text: str, at: int) -> float:
    found = SIZE.fullmatch(text)
    if not found or found[2].lower() not in UNITS:
        raise Misunderstood(f"“{text}” is no size; write 500, 10kB, 3.5MB or 2GiB.", at)
    return float(found[1]) * UNITS[found[2].lower()]


def _size(actor: Actor, name: str, value: Value, at: int) -> Condition:
    found = _range(value, lambda said: _bytes(said, at), lambda said: _bytes(said, at))
    sql, params = found.sql("d.size_bytes")
    first = size_class(found.low) if found.low is not None else 0
    last = size_class(found.high) if found.high is not None else len(SIZES) - 1
    classes = [wordings().word([f"=size_{one}"], begins=False) for one in range(first, last + 1)]
    return Condition(sql, params, wordings().either(classes) if classes else "")


def _name(actor: Actor, name: str, value: Value, at: int) -> Condition:
    """A part of the name, or with ``*`` and ``?`` the whole; in quotation marks, the whole as it is."""
    if isinstance(value, Compared):
        raise Misunderstood("A name has no order; write a part of it.", at)
    text = fold(value.text)
    if value.exact:
        return Condition("d.name = %s", (text,), fragment=text)
    if not text:
        return Condition("1 = 1")
    return named(text)


def named(text: str) -> Condition:
    """Names that hold a folded text; with ``*`` or ``?`` in it, names that are so as a whole."""
    is_whole = "*" in text or "?" in text
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    pattern = escaped.replace("*", "%").replace("?", "_") if is_whole else f"%{escaped}%"
    fragment = max(re.split(r"[*?]", text), key=len)
    return Condition("d.name LIKE %s ESCAPE '\\'", (pattern,), fragment=fragment)


def _in(actor: Actor, name: str, value: Value, at: int) -> Condition:
    """Below the collections and folders of that name, as they lie now."""
    if isinstance(value, Compared):
        raise Misunderstood("Name a collection or folder.", at)
    places = _places(actor, value)
    return either([below(node, ancestry) for node, ancestry in places]) if places else NOTHING


def below(node: int, ancestry: str) -> Condition:
    """A node and what lies below it."""
    start = ancestry + base36(node)
    collection = int(ancestry[:STEP], 36) if ancestry else node
    return Condition(
        "n.id = %s OR (n.ancestry >= %s AND n.ancestry < %s)",
        (node, start, ancestry + base36(node + 1)),
        wordings().word([f"=in_{collection}"], begins=False),
    )


def _places(actor: Actor, value: Text) -> Sequence[tuple[int, str]]:
    rights, principals = ("1 = 1", ()) if actor.is_system else access.within_sql(actor, "n.acl_id")
    sql = (
        "SELECT n.id, n.ancestry FROM search_document d JOIN library_node n ON n.id = d.node_id "  # noqa: S608
        f"WHERE d.name = %s AND d.kind <> 'file' AND n.trash_id IS NULL AND {rights} ORDER BY n.id LIMIT {MOST_PLACES}"
    )
    return rows.select(sql, (fold(value.text), *principals))


FIELDS = {
    one.name: one
    for one in (
        Kind("name", "part of the name; `*` and `?` stand for anything", "name:*.dcm", _name),
        Kind("type", "kind of thing or file, or its ending", "type:pdf,table,folder", _exact),
        Kind("in", "collection or folder, with all below it", 'in:"Thyroid study"', _in),
        Kind("owner", "who put it there: sign-in name or full name", "owner:alice", _stated),
        Kind("size", "of a file", "size:>10MB", _size),
        Kind("date", "of the study, or of the last change where there is none", "date:2020..2022-06", _date),
        Kind("study_date", "DICOM: date of the study", "study_date:2020", _study_date),
        Kind("created", "when it came", "created:2024..", _moment),
        Kind("modified", "last change", "modified:>=2024-05-31", _moment),
        Kind("has", "dicom, report, dose, text, metadata or description", "has:report", _exact),
        Kind("modality", "DICOM: modality", "modality:CT,MR", _exact),
        Kind("body", "DICOM: body part", "body:chest", _stated),
        Kind("maker", "DICOM: manufacturer", "maker:siemens", _stated),
        Kind("device", "DICOM: model of the device", "device:biograph", _stated),
        Kind("institution", "DICOM: where it was made", "institution:university", _stated),
        Kind("patient", "DICOM: ID or name of the patient", "patient:DEMO-1", _stated),
        Kind("sex", "DICOM: sex of the patient", "sex:F", _exact),
        Kind("age", "DICOM: age of the patient in years", "age:40..60", _plain_number),
        Kind("study", "DICOM: description of the study", "study:thorax", _stated),
        Kind("series", "DICOM: description of the series", 'series:"t1 axial"', _stated),
        Kind("protocol", "DICOM: protocol of the series", "protocol:neck", _stated),
        Kind("accession", "DICOM: accession number", "accession:A100", _exact),
        Kind("uid", "DICOM: UID of a study, series or instance", "uid:1.2.840.113619", _exact),
        Kind("dlp", "dose report: dose length product in mGy.cm", "dlp:>500", _of_report),
        Kind("dap", "dose report: dose area product in Gy.cm2", "dap:<20", _of_report),
        Kind("ctdivol", "dose report: highest CTDIvol in mGy", "ctdivol:>20", _of_report),
        Kind("dose", "dose report: effective dose in mSv", "dose:>5", _of_report),
    )
}
"""Besides: ``meta.KEY`` for free metadata."""
ALIASES = {"manufacturer": "maker", "bodypart": "body", "kind": "type", "by": "owner", "filename": "name",
           "changed": "modified", "collection": "in", "model": "device"}  # fmt: skip
