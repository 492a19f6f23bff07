"""Attribute matching of QIDO-RS and C-FIND as conditions on the index (DICOM PS3.4 C.2.2.2, PS3.18 8.3.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import CharField, Q, Subquery, TextField
from django.db.models.lookups import Lookup

from sinfonietta.dicom.dataset.attributes import INSTANCE_TAGS, SERIES_TAGS, STUDY_TAGS
from sinfonietta.dicom.dataset.charset import search_key
from sinfonietta.dicom.dataset.paths import vr_of
from sinfonietta.dicom.dataset.values import BINARY_VRS, NUMBERS
from sinfonietta.dicom.errors import BadRequest
from sinfonietta.dicom.index.inside import Wanted, like
from sinfonietta.dicom.models import DicomSeries

DATE = re.compile(r"\d{8}")
TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")
UID = re.compile(r"[0-9.]{1,64}")
MOST_UIDS = 1000

INSTANCE_UIDS = {"00080018": "sop_uid", "00080016": "sop_class"}
UIDS = {"0020000D": "study_uid", "0020000E": "series_uid"}
TEXTS = {
    "00100020": "patient_id",
    "00100040": "sex",
    "00080050": "accession_number",
    "00200010": "study_id",
    "00081030": "study_description",
    "00080060": "modality",
    "0008103E": "series_description",
    "00180015": "body_part",
}
NAMES = {"00100010": "patient_name", "00080090": "referring_physician"}
DATES = {"00080020": "study_date", "00100030": "birth_date", "00080021": "series_date"}
TIMES = {"00080030": "study_time", "00080031": "series_time"}
MODALITY, MODALITIES_IN_STUDY = "00080060", "00080061"
OF_WHOLE_STUDIES = frozenset({"0020000D", MODALITIES_IN_STUDY})
"""Keys that all rows of a study fulfil, or none."""

FUZZY = "fuzzymatching"
"""Among the keys: "true" where person names are compared loosely (PS3.18 8.3.4.2)."""

STUDY_KEYS = frozenset(STUDY_TAGS) | {MODALITIES_IN_STUDY}
SERIES_KEYS = frozenset(SERIES_TAGS) | frozenset(
    {"0020000E", "00080060", "0008103E", "00180015", "00080021", "00080031", "00200011"}
)
INSTANCE_KEYS = frozenset(INSTANCE_TAGS) | frozenset({"00080018", "00080016", "00200013"})


class DicomLike(Lookup):
    """``*`` and ``?`` as DICOM means them, case-sensitive, able to use an index for a fixed beginning."""

    lookup_name = "dicom_like"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        left, params = self.process_lhs(compiler, connection)
        sql, more = like(connection.vendor, left, str(self.rhs))
        return sql, (*params, *more)


CharField.register_lookup(DicomLike)
TextField.register_lookup(DicomLike)


def condition(keys: Mapping[str, str], visible: Q) -> Q:
    """What a series row must fulfil; keys of instances are left to ``instance_condition``.

    ``keys`` maps tags to what was asked for; ``visible`` is the caller's own part of the index, which
    ModalitiesInStudy looks at. Raises BadRequest for a value that cannot be matched.
    """
    wanted = Q()
    for tag, asked in keys.items():
        if asked in {"", "*"} or tag == FUZZY or tag[:8] in INSTANCE_KEYS:
            continue
        if tag == MODALITIES_IN_STUDY:
            modalities = _any("modality", _list(asked))
            wanted &= Q(study_uid__in=Subquery(DicomSeries.objects.filter(visible & modalities).values("study_uid")))
        elif tag == "00200011":
            wanted &= Q(series_number__in=_numbers(asked, "SeriesNumber"))
        elif tag in UIDS:
            wanted &= Q(**{f"{UIDS[tag]}__in": uids(asked)})
        elif tag in NAMES:
            wanted &= loosely(NAMES[tag], asked) if keys.get(FUZZY) == "true" else name(NAMES[tag], asked)
        elif tag in TEXTS:
            wanted &= _any(TEXTS[tag], _list(asked) if tag == MODALITY else [asked])
        elif tag in DATES:
            wanted &= period(DATES[tag], asked, DATE)
        elif tag in TIMES:
            wanted &= period(TIMES[tag], asked, TIME)
        elif tag[:8] in STUDY_TAGS:
            wanted &= Q(study_json__dicom_inside=inside(tag, asked))
        elif tag[:8] in SERIES_TAGS:
            wanted &= Q(series_json__dicom_inside=inside(tag, asked))
        else:
            raise BadRequest(f"Matching by attribute {tag} is not supported here.")
    return wanted


def instance_condition(keys: Mapping[str, str]) -> Q:
    """What an instance row must fulfil beside its series. Raises BadRequest."""
    wanted = Q()
    for tag, asked in keys.items():
        if asked in {"", "*"} or tag[:8] not in INSTANCE_KEYS:
            continue
        if tag == "00200013":
            wanted &= Q(instance_number__in=_numbers(asked, "InstanceNumber"))
        elif tag in INSTANCE_UIDS:
            wanted &= Q(**{f"{INSTANCE_UIDS[tag]}__in": uids(asked)})
        else:
            wanted &= Q(json__dicom_inside=inside(tag, asked))
    return wanted


def inside(path: str, asked: str) -> Wanted:
    """What is asked of an attribute without a column, by the VR of the last of its tags. Raises BadRequest."""
    tags = tuple(path.split("."))
    vr = vr_of(tags[-1])
    if vr in {"SQ", "UN"} or vr in BINARY_VRS:
        raise BadRequest(f"Attribute {tags[-1]} cannot be matched; of a sequence, name what is in it.")
    if "\0" in asked:
        raise BadRequest("A value cannot hold NUL.")
    if vr in {"DA", "TM", "DT"} and "-" in asked.strip():
        low, high = _ends(asked, re.compile(r"[0-9.+]{1,26}"))
        return Wanted(tags, low=low, high=high and high + ("" if vr == "DA" else "~"))
    if vr == "PN":
        return Wanted(tags, names=(asked,))
    if vr in NUMBERS or vr in {"DS", "IS"}:
        try:
            return Wanted(tags, numbers=tuple(float(one) for one in _list(asked)))
        except ValueError as error:
            raise BadRequest(f"“{asked[:40]}” is not a number.") from error
    return Wanted(tags, texts=tuple(uids(asked)) if vr == "UI" else (asked,))


def loosely(column: str, asked: str) -> Q:
    """A person name, loosely: each word that is asked for begins a word of the name, in any order."""
    wanted = Q()
    for word in re.split(r"[\s^=,]+", search_key(asked)):
        if word and word != "*":
            begins = word if word.endswith("*") else f"{word}*"
            wanted &= _any(column, [before + begins for before in ("", "*^", "* ", "*=", "*-")])
    return wanted


def uids(asked: str) -> list[str]:
    """A list of UIDs, separated by comma or backslash. Raises BadRequest."""
    found = _list(asked)
    if len(found) > MOST_UIDS or not all(UID.fullmatch(uid) for uid in found):
        raise BadRequest(f"A UID list holds up to {MOST_UIDS} UIDs of digits and dots.")
    return found


def name(column: str, asked: str) -> Q:
    """A person name in any of its representations, without regard to case (PS3.4 C.2.2.2.1)."""
    key = search_key(asked) or asked.casefold()
    if "=" in key:
        return _any(column, [key])
    patterns = [key] if key.endswith("*") else [key, f"{key}=*"]
    if not key.isascii():  # the other representations never are, and to look at them no index helps
        patterns += [f"*={key}", f"*={key}=*"]
    return _any(column, patterns)


def begins_name(keys: Mapping[str, str]) -> bool:
    """Whether patients are asked for by how their name begins: an index has them in the order of their names."""
    asked = keys.get("00100010", "")
    return keys.get(FUZZY) != "true" and asked[:1] not in {"", "*", "?"} and _has_wildcard(asked) and asked.isascii()


def period(column: str, asked: str, form: re.Pattern[str]) -> Q:
    """A single value or a range ``A-B``, ``A-``, ``-B`` (PS3.4 C.2.2.2.5). Raises BadRequest."""
    low, high = _ends(asked, form)
    if "-" not in asked:
        return Q(**{column: low}) if form is DATE else Q(**{f"{column}__dicom_like": f"{low}*"})
    found = ~Q(**{column: ""})
    if low:
        found &= Q(**{f"{column}__gte": low})
    if high:
        found &= Q(**{f"{column}__lte": high if form is DATE else high + "~"})
    return found


def _ends(asked: str, form: re.Pattern[str]) -> tuple[str, str]:
    """Both ends of a range; of a single value the first. Raises BadRequest."""
    low, _, high = (part.strip() for part in asked.partition("-"))
    if not all(not end or form.fullmatch(end) for end in (low, high)) or not (low or high):
        raise BadRequest(f"“{asked[:40]}” is not a date, time or range of them.")
    return low, high


def _list(asked: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\\]", asked) if part.strip()]


def _any(column: str, patterns: list[str]) -> Q:
    wanted = Q(pk__in=[])
    for pattern in patterns:
        if "\0" in pattern:
            raise BadRequest("A value cannot hold NUL.")
        wanted |= Q(**{f"{column}__dicom_like" if _has_wildcard(pattern) else column: pattern})
    return wanted


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _numbers(asked: str, what: str) -> list[int]:
    numbers = _list(asked)
    if not all(re.fullmatch(r"[+-]?\d{1,12}", number) for number in numbers):
        raise BadRequest(f"{what} is an integer.")
    return [int(number) for number in numbers]
