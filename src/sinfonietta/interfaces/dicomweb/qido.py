"""QIDO-RS: search for studies, series and instances (DICOM PS3.18 10.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.attributes import INSTANCE_TAGS, SERIES_TAGS, STUDY_TAGS
from sinfonietta.dicom.dataset.native import to_xml
from sinfonietta.dicom.dataset.packing import dataset_of
from sinfonietta.dicom.dataset.paths import path_of
from sinfonietta.dicom.errors import BadRequest
from sinfonietta.dicom.index.matching import FUZZY, INSTANCE_KEYS, SERIES_KEYS, STUDY_KEYS
from sinfonietta.dicom.index.selection import InstanceRow
from sinfonietta.dicom.models import DicomHeader
from sinfonietta.interfaces.dicomweb import media
from sinfonietta.interfaces.dicomweb.doors import Call, absolute, door
from sinfonietta.interfaces.dicomweb.parts import Part, multipart

MOST_ROWS = 5000
MOST_DATASETS = 1000
"""Rows of an answer for which whole datasets must be looked through."""
MOST_ANSWER_BYTES = 64 << 20
"""What comes behind it is for the next page."""
PREBUILT = frozenset({*INSTANCE_TAGS, *SERIES_TAGS, *STUDY_TAGS})


@dataclass(frozen=True)
class Asked:
    """The parameters of a search (DICOM PS3.18 8.3.4)."""

    keys: dict[str, str]
    fields: frozenset[str]
    everything: bool
    limit: int
    offset: int


def asked(call: Call, allowed: frozenset[str], path: dict[str, str]) -> Asked:
    """Parse the query string; UIDs in the path come in as keys. Raises BadRequest, naming what is wrong."""
    keys: dict[str, str] = {}
    fields: set[str] = set()
    numbers = {"limit": MOST_ROWS, "offset": 0}
    for name, values in call.request.GET.lists():
        if name == "includefield":
            fields |= {field.strip() for value in values for field in value.split(",") if field.strip()}
        elif name in numbers:
            numbers[name] = _whole(name, values[-1])
        elif name == "fuzzymatching":
            keys[FUZZY] = values[-1].lower()
            if keys[FUZZY] not in {"true", "false"}:
                raise BadRequest("fuzzymatching is true or false.")
        elif name not in {"accept", "charset"}:
            tag = path_of(name)
            if tag[:8] not in allowed:
                raise BadRequest(f"“{name[:64]}” is no parameter that can be searched by here.")
            keys[tag] = ",".join(values)
    for name, uid in path.items():
        tag = {"study": "0020000D", "series": "0020000E"}[name]
        if tag in keys and uid not in re.split(r"[,\\]", keys[tag]):
            raise BadRequest("The UIDs in path and query contradict each other.")
        keys[tag] = uid
    return Asked(
        keys,
        frozenset(_tag(field) for field in fields if field != "all"),
        "all" in fields,
        min(numbers["limit"], MOST_ROWS),
        numbers["offset"],
    )


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value):
        raise BadRequest(f"{name} is a whole number.")
    return int(value)


def _tag(field: str) -> str:
    """The tag of an includefield; of a path into a sequence the sequence. Raises BadRequest when it is no attribute."""
    path = path_of(field)
    if not path:
        raise BadRequest(f"“{field[:64]}” is no attribute.")
    return path[:8]


def studies(call: Call) -> HttpResponseBase:
    """Search for studies."""
    query = asked(call, STUDY_KEYS | SERIES_KEYS, {})
    found = queries.studies(actor=call.actor, root=call.root, keys=query.keys, offset=query.offset, limit=query.limit)
    return answer(call, [_study(call, one) for one in found.rows], found.more, query)


@door("GET", "HEAD")
def series(call: Call, **path: str) -> HttpResponseBase:
    """Search for series, in one study or all."""
    query = asked(call, STUDY_KEYS | SERIES_KEYS, path)
    found = queries.series(actor=call.actor, root=call.root, keys=query.keys, offset=query.offset, limit=query.limit)
    with_study = "study" not in path or query.everything or bool(query.fields)
    rows = [_series(call, one, with_study=with_study) for one in found.rows]
    return answer(call, rows, found.more, query)


@door("GET", "HEAD")
def instances(call: Call, **path: str) -> HttpResponseBase:
    """Search for instances, in one series, one study or all."""
    query = asked(call, STUDY_KEYS | SERIES_KEYS | INSTANCE_KEYS, path)
    needs_datasets = query.everything or not query.fields <= PREBUILT
    limit = min(query.limit, MOST_DATASETS) if needs_datasets else query.limit
    found = queries.instances(actor=call.actor, root=call.root, keys=query.keys, offset=query.offset, limit=limit)
    datasets = _datasets(found.rows) if needs_datasets else {}
    in_series: dict[int, str] = {}  # what all instances of a series have alike is made once
    rows: list[str] = []
    left = MOST_ANSWER_BYTES
    for one in found.rows:
        if one.series.id not in in_series:
            in_series[one.series.id] = _of_series(one, path, query)
        row = _instance(
            call, one, in_series[one.series.id], _wanted(datasets[one.version_id], query) if datasets else ""
        )
        left -= len(row)
        if rows and left < 0:
            return answer(call, rows, True, query)
        rows.append(row)
    return answer(call, rows, found.more, query)


def answer(call: Call, rows: Sequence[str], more: bool, query: Asked) -> HttpResponseBase:
    """A list of prebuilt objects; an empty one is a list too (200; PS3.18 table 10.6.3-1)."""
    content_type = media.of_metadata(call.request)
    response: HttpResponseBase
    if content_type == media.XML:
        response = multipart(call.request, [_as_xml(row) for row in rows], media.XML)
    else:
        response = HttpResponse("[" + ",".join(rows) + "]", content_type=content_type)
    response["Cache-Control"] = "private, no-cache"
    if more:
        response["Warning"] = (
            f'299 Sinfonietta "There are more results; ask again with offset={query.offset + len(rows)}"'
        )
    return response


def _as_xml(row: str) -> Part:
    document = to_xml(orjson.loads(row))
    return Part(media.XML, len(document), partial(iter, (document,)))


def _study(call: Call, study: queries.Study) -> str:
    modalities = orjson.dumps(study.modalities).decode()
    return (
        f'{{{study.shown.study_json},"00080056":{{"vr":"CS","Value":["ONLINE"]}},'
        f'"00080061":{{"vr":"CS","Value":{modalities}}},'
        f'"00081190":{{"vr":"UR","Value":["{call.url}/studies/{study.study_uid}"]}},'
        f'"00201206":{{"vr":"IS","Value":[{len(study.series)}]}},'
        f'"00201208":{{"vr":"IS","Value":[{study.instances}]}}}}'
    )


def _series(call: Call, series: queries.Series, *, with_study: bool) -> str:
    study_part = f"{series.shown.study_json}," if with_study else f'"0020000D":{_uid(series.study_uid)},'
    return (
        f'{{{study_part}{series.shown.series_json},"00080056":{{"vr":"CS","Value":["ONLINE"]}},'
        f'"00081190":{{"vr":"UR","Value":["{call.url}/studies/{series.study_uid}/series/{series.series_uid}"]}},'
        f'"00201209":{{"vr":"IS","Value":[{series.instances}]}}}}'
    )


def _of_series(instance: InstanceRow, path: dict[str, str], query: Asked) -> str:
    """What an instance of a search has of its study and series."""
    wants_study = "study" not in path or bool(query.fields & set(STUDY_TAGS))
    wants_series = "series" not in path or bool(query.fields & set(SERIES_TAGS))
    study = instance.series.study_json if wants_study else f'"0020000D":{_uid(instance.study_uid)}'
    series = instance.series.series_json if wants_series else f'"0020000E":{_uid(instance.series_uid)}'
    return f"{study},{series}"


def _instance(call: Call, instance: InstanceRow, of_series: str, more: str) -> str:
    """``more`` stands for the prebuilt parts where the dataset itself was looked through."""
    url = call.instance_url(instance.study_uid, instance.series_uid, instance.sop_uid)
    if more:
        members = b"".join(absolute([more.encode()], url)).decode()
    else:
        members = f"{instance.json},{of_series}"
    return (
        f'{{{members},"00080056":{{"vr":"CS","Value":["ONLINE"]}},"00081190":{{"vr":"UR","Value":["{url}"]}},'
        f'"00083002":{_uid(instance.transfer_syntax)}}}'
    )


@lru_cache(maxsize=256)
def _uid(uid: str) -> str:
    return f'{{"vr":"UI","Value":[{orjson.dumps(uid).decode()}]}}'


def _datasets(rows: Sequence[InstanceRow]) -> dict[int, bytes | memoryview]:
    ids = [row.version_id for row in rows]
    return dict(DicomHeader.objects.filter(instance_id__in=ids).values_list("instance_id", "dataset"))


def _wanted(packed: bytes | memoryview, query: Asked) -> str:
    """The members that were asked for, beside the usual ones; none of a dataset that is too large to look through."""
    usual = PREBUILT | query.fields
    dataset = dataset_of(packed, queries.MOST_TEXT_BYTES) or {}
    chosen: dict[str, Any] = {tag: one for tag, one in dataset.items() if query.everything or tag in usual}
    return orjson.dumps(chosen).decode()[1:-1]
