"""C-FIND (DICOM PS3.4 C.4.1): what the caller may see, page by page, until they have it all or cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from django.conf import settings

from sinfonietta.accounts.actor import Actor
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.attributes import INSTANCE_TAGS, SERIES_TAGS, STUDY_TAGS
from sinfonietta.dicom.dataset.dictionary import vr_of
from sinfonietta.dicom.dataset.packing import dataset_of
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.errors import BadRequest
from sinfonietta.dicom.index.matching import INSTANCE_KEYS, SERIES_KEYS, STUDY_KEYS
from sinfonietta.dicom.models import DicomHeader
from sinfonietta.dicom.network import commands, identifiers
from sinfonietta.dicom.network.association import Message
from sinfonietta.dicom.network.negotiation import PATIENT_ROOT
from sinfonietta.dicom.network.pdu import ProtocolError
from sinfonietta.interfaces.dimse.session import Session

LEVEL, CHARSET, SPEAKS_FROM = "00080052", "00080005", "00080201"
TITLE, AVAILABILITY = "00080054", "00080056"
NO_KEYS = frozenset({LEVEL, CHARSET, SPEAKS_FROM, TITLE, AVAILABILITY})
"""Attributes of an identifier that ask for nothing."""
UNIQUE = {"PATIENT": "00100020", "STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}
"""The levels, from the top, and the attribute that names one thing at each."""
PATIENT_KEYS = frozenset({"00100010", "00100020", "00100030", "00100040"})
KEYS = {
    "PATIENT": PATIENT_KEYS,
    "STUDY": STUDY_KEYS,
    "SERIES": STUDY_KEYS | SERIES_KEYS,
    "IMAGE": STUDY_KEYS | SERIES_KEYS | INSTANCE_KEYS,
}
PAGES = {"PATIENT": 100, "STUDY": 200, "SERIES": 500, "IMAGE": 500}
PREBUILT = frozenset({*INSTANCE_TAGS, *SERIES_TAGS, *STUDY_TAGS})

Identifier = Mapping[str, Any]
Answer = dict[str, Any]


class BadIdentifier(Exception):
    """An identifier that does not belong to its service; the message says why."""


def identifier_of(session: Session, message: Message) -> tuple[str, Identifier]:
    """Level and attributes of a query or retrieval. Raises BadIdentifier."""
    if not message.has_dataset:
        raise BadIdentifier("The request has no identifier.")
    data = session.association.dataset(message)
    try:
        identifier = identifiers.decode(data, message.context.syntax)
    except Broken as broken:
        raise BadIdentifier(str(broken)) from broken
    level = identifiers.text_of(identifier.get(LEVEL, {}))
    if level not in UNIQUE or (level == "PATIENT" and not message.context.abstract.startswith(PATIENT_ROOT + ".")):
        raise BadIdentifier("The query/retrieve level is not one of this service.")
    return level, identifier


def find(session: Session, message: Message) -> None:
    """C-FIND: a pending answer for each match, then the end."""
    try:
        level, identifier = identifier_of(session, message)
        wanted = {tag: element for tag, element in identifier.items() if tag not in NO_KEYS}
        asked = {path: text for path, text in _paths(wanted) if text}
        keys = {path: text for path, text in asked.items() if path[:8] in KEYS[level]}
        ignored = len(keys) < len(asked)
        status = commands.PENDING_WITH_WARNING if ignored else commands.PENDING
        charset = identifiers.text_of(identifier.get(CHARSET, {}))
        for found in _matches(session, level, keys, frozenset(wanted)):
            if session.association.has_more() and _is_cancelled(session):
                session.answer(message, commands.CANCELLED)
                return
            answer = _asked_for(found, level, identifier)
            data = identifiers.encode(answer, message.context.syntax, charset)
            session.association.send(message.context, commands.response(message.command, status), [data])
    except (BadIdentifier, BadRequest) as bad:
        session.answer(message, commands.IDENTIFIER_DOES_NOT_MATCH, str(bad))
    else:
        session.answer(message, commands.SUCCESS)


def _paths(asked: Identifier, before: str = "") -> Iterator[tuple[str, str]]:
    """What is asked for and where: tags with what is in sequences behind a point, as queries name them."""
    for tag, element in asked.items():
        for item in element.get("Value", ()) if element["vr"] == "SQ" else ():
            yield from _paths(item, f"{before}{tag}.")
        yield before + tag, identifiers.text_of(element)


def _is_cancelled(session: Session) -> bool:
    message = session.association.receive()
    session.drop(message)
    if message.field != commands.C_CANCEL:
        raise ProtocolError("A new request came before the answers to the last one were over.")
    return True


def _matches(session: Session, level: str, keys: Mapping[str, str], tags: frozenset[str]) -> Iterator[Answer]:
    page, size, offset = PAGE_OF[level], PAGES[level], 0
    while True:
        found, more = page(session.actor, keys, tags, offset, size)
        yield from found
        if not more:
            return
        offset += size


def _asked_for(found: Answer, level: str, identifier: Identifier) -> Answer:
    """Of what was found the attributes that were asked for, and what is always said."""
    asked = {tag: one for tag, one in identifier.items() if tag != CHARSET and not tag.startswith("0002")}
    always = {LEVEL: {"vr": "CS", "Value": [level]}, TITLE: {"vr": "AE", "Value": [settings.OPTIONS.ae_title]}}
    return _part(found | {AVAILABILITY: {"vr": "CS", "Value": ["ONLINE"]}}, asked) | always


def _part(found: Answer, asked: Identifier) -> Answer:
    """The attributes that were asked for, in sequences too; empty where there is nothing (PS3.4 C.4.1.1.3.2)."""
    answer: Answer = {}
    for tag, element in asked.items():
        if tag in found and "BulkDataURI" not in found[tag]:
            items = element.get("Value") if element["vr"] == "SQ" else None
            answer[tag] = found[tag]
            if items and items[0]:
                answer[tag] = {"vr": "SQ", "Value": [_part(item, items[0]) for item in found[tag].get("Value", ())]}
        else:
            vr = vr_of(int(tag, 16), {}, ())
            answer[tag] = {"vr": element["vr"] if vr == "UN" else vr}
    return answer


def _number(value: int) -> dict[str, Any]:
    return {"vr": "IS", "Value": [value]}


Page = Callable[[Actor, Mapping[str, str], frozenset[str], int, int], tuple[list[Answer], bool]]


def _patients(
    actor: Actor, keys: Mapping[str, str], tags: frozenset[str], offset: int, limit: int
) -> tuple[list[Answer], bool]:
    page = queries.patients(actor=actor, keys=keys, offset=offset, limit=limit)
    answers = [
        patient.attributes
        | {
            "00201200": _number(patient.studies),
            "00201202": _number(len(patient.series)),
            "00201204": _number(patient.instances),
        }
        for patient in page.rows
    ]
    return answers, page.more


def _studies(
    actor: Actor, keys: Mapping[str, str], tags: frozenset[str], offset: int, limit: int
) -> tuple[list[Answer], bool]:
    page = queries.studies(actor=actor, keys=keys, offset=offset, limit=limit)
    answers = []
    for study in page.rows:
        answer = study.attributes | {
            "00080061": {"vr": "CS", "Value": study.modalities},
            "00201206": _number(len(study.series)),
            "00201208": _number(study.instances),
        }
        if "00080062" in tags:
            answer["00080062"] = {"vr": "UI", "Value": queries.classes(actor=actor, study=study.study_uid)}
        answers.append(answer)
    return answers, page.more


def _series(
    actor: Actor, keys: Mapping[str, str], tags: frozenset[str], offset: int, limit: int
) -> tuple[list[Answer], bool]:
    page = queries.series(actor=actor, keys=keys, offset=offset, limit=limit)
    answers = [
        _object(one.shown.study_json, one.shown.series_json) | {"00201209": _number(one.instances)} for one in page.rows
    ]
    return answers, page.more


def _instances(
    actor: Actor, keys: Mapping[str, str], tags: frozenset[str], offset: int, limit: int
) -> tuple[list[Answer], bool]:
    page = queries.instances(actor=actor, keys=keys, offset=offset, limit=limit)
    more = _datasets(page.rows) if tags - PREBUILT - NO_KEYS else {}
    answers = []
    for row in page.rows:
        series = row.series
        answer = _object(series.study_json, series.series_json, row.json)
        answer |= more.get(row.version_id, {})
        answer["00083002"] = {"vr": "UI", "Value": [row.transfer_syntax]}
        answers.append(answer)
    return answers, page.more


def _object(*members: str) -> Answer:
    found: Answer = orjson.loads("{" + ",".join(part for part in members if part) + "}")
    return found


def _datasets(rows: Any) -> dict[int, Answer]:
    headers = DicomHeader.objects.filter(instance_id__in=[row.version_id for row in rows])
    packed = headers.values_list("instance_id", "dataset").iterator()
    return {version: dataset_of(one, queries.MOST_TEXT_BYTES) or {} for version, one in packed}


PAGE_OF: dict[str, Page] = {"PATIENT": _patients, "STUDY": _studies, "SERIES": _series, "IMAGE": _instances}
