"""WADO-URI: one instance by a query string, for clients from before WADO-RS (DICOM PS3.18 9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from django.http.response import HttpResponseBase

from sinfonietta.dicom import queries
from sinfonietta.dicom.errors import BadRequest, NotAcceptable
from sinfonietta.dicom.image.options import TARGETS, RenderOptions
from sinfonietta.interfaces.dicomweb import media, rendered, report_text
from sinfonietta.interfaces.dicomweb.doors import Call, door
from sinfonietta.interfaces.dicomweb.parts import plain
from sinfonietta.interfaces.dicomweb.wado import converted, converted_part, stored_file

UID = re.compile(r"[0-9.]{1,64}")
NAMES = {"studyUID": "study", "seriesUID": "series", "objectUID": "uid"}
RENDERED = frozenset(
    (*rendered.FORMATS, *media.FRAME_TYPES.values(), *rendered.DOCUMENTS.values(), *report_text.MEDIA_TYPES)
)
NOT_HERE = {
    "presentationUID": "Presentation states are not applied here.",
    "anonymize": "De-identification happens when files come in or are exported, not here.",
}
"""Parameters that ask for what would be dangerous to leave out silently."""


@door("GET", "HEAD")
def retrieve(call: Call) -> HttpResponseBase:
    """An instance as a file, or as a picture of it."""
    given = call.request.GET
    if given.get("requestType") != "WADO":
        raise BadRequest("requestType is “WADO”.")
    uids = {NAMES[name]: given.get(name, "") for name in NAMES}
    for name, uid in zip(NAMES, uids.values(), strict=True):
        if not UID.fullmatch(uid):
            raise BadRequest(f"{name} is a UID.")
    for name, said in NOT_HERE.items():
        if given.get(name, "no") != "no":
            raise NotAcceptable(said)
    options, frame = _options(given)
    row = queries.instance(actor=call.actor, root=call.root, **uids)
    wanted = _wanted(call, row)
    for one in wanted:
        if one.media_type == media.DICOM:
            call.audit("dicom.retrieved", row.node)
            return _file(call, row, given.get("transferSyntax", media.EXPLICIT))
        if one.media_type in RENDERED:
            call.audit("dicom.rendered", row.node)
            return rendered.of_instance(call, row, [frame] if frame else [], options, wanted)
    raise NotAcceptable("An instance can be had as application/dicom, image/jpeg, image/png or image/gif.")


def _wanted(call: Call, row: queries.Stored) -> list[media.Accepted]:
    """What the client takes; where that is anything, what the standard has as default for such an instance."""
    stated = call.request.GET.get("contentType")
    wanted = media.read(stated) if stated else media.accepted(call.request)
    if any(one.media_type == "*/*" for one in wanted):
        is_picture = row.frames == 1 and row.transfer_syntax not in media.VIDEO_SYNTAXES
        return [media.Accepted("image/jpeg" if is_picture else media.DICOM)]
    return wanted


def _file(call: Call, row: queries.Stored, syntax: str) -> HttpResponseBase:
    """The file in the transfer syntax asked for; where none is, in explicit little endian if it can be had so."""
    is_asked = "transferSyntax" in call.request.GET
    if row.transfer_syntax == syntax or (is_asked and syntax == "*"):
        return stored_file(call, row)
    if syntax not in TARGETS:
        raise NotAcceptable("Files are converted, without loss, to " + ", ".join(sorted(TARGETS)) + ".")
    try:
        return plain(call.request, converted_part(call, row, converted(row, syntax)))
    except NotAcceptable:
        if is_asked:
            raise
        return stored_file(call, row)


def _options(given: Mapping[str, str]) -> tuple[RenderOptions, int]:
    """How the picture is wanted, and the frame; 0 where none is named. Raises BadRequest (PS3.18 9.1.2.2)."""
    numbers = {}
    for name, most in (("rows", rendered.BIGGEST), ("columns", rendered.BIGGEST), ("frameNumber", 1 << 31)):
        if name in given:
            if not re.fullmatch(r"\d{1,10}", given[name]) or not 0 < int(given[name]) <= most:
                raise BadRequest(f"{name} is a whole number from 1 to {most}.")
            numbers[name] = int(given[name])
    same = {"imageQuality": "quality", "annotation": "annotation"}
    said = {name: given[old] for old, name in same.items() if old in given}
    if "windowCenter" in given or "windowWidth" in given:
        said["window"] = f"{given.get('windowCenter', '')},{given.get('windowWidth', '')}"
    options = rendered.options_of(said)
    if "rows" in numbers or "columns" in numbers:
        size = numbers.get("columns", rendered.BIGGEST), numbers.get("rows", rendered.BIGGEST)
        options = replace(options, max_size=size)
    if "region" in given:
        options = replace(options, share=_share(given["region"]))
    return options, numbers.get("frameNumber", 0)


def _share(asked: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom as shares of the image."""
    parts = asked.split(",")
    if len(parts) != 4 or not all(re.fullmatch(r"[01](\.\d{1,12})?", part) for part in parts):
        raise BadRequest("region is “left,top,right,bottom”, each from 0.0 to 1.0.")
    left, top, right, bottom = map(float, parts)
    if not 0 <= left < right <= 1 or not 0 <= top < bottom <= 1:
        raise BadRequest("A region has a width and a height.")
    return left, top, right, bottom
