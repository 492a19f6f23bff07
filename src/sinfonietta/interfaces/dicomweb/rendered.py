"""Rendered frames and thumbnails (DICOM PS3.18 10.4.1.1.3, 10.4.1.1.4, 8.3.5)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.common.errors import NotFound, Unavailable
from sinfonietta.dicom import isolation, queries
from sinfonietta.dicom.errors import BadRequest, NotAcceptable
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.options import RenderOptions
from sinfonietta.interfaces.dicomweb import media
from sinfonietta.interfaces.dicomweb.doors import Call, door
from sinfonietta.interfaces.dicomweb.parts import Part, plain
from sinfonietta.interfaces.dicomweb.pixels import bulk_of, path_of
from sinfonietta.interfaces.dicomweb.wado import keys_of

PDF = "application/pdf"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
DOCUMENT = "bulk/00420011"
THUMBNAIL = (200, 200)
BIGGEST = 16384
Function = Literal["", "LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: dict[str, Function] = {"": "", "linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
PARAMETERS = {"window", "viewport", "quality", "accept", "annotation", "iccprofile"}


@door("GET", "HEAD")
def rendered(call: Call, study: str, series: str, instance: str, frames: list[int] | None = None) -> HttpResponseBase:
    """An instance or a frame as a picture; an encapsulated PDF as what it is."""
    row = queries.instance(actor=call.actor, root=call.root, study=study, series=series, uid=instance)
    options = _options(call)
    call.audit("dicom.rendered", row.node)
    if row.sop_class == ENCAPSULATED_PDF:
        return _pdf(call, row)
    return _picture(call, row, frames or [1], options)


@door("GET", "HEAD")
def thumbnail(call: Call, frames: list[int] | None = None, **path: str) -> HttpResponseBase:
    """A small picture: of the instance or frame, or of one in the middle of the series or of the largest series."""
    options = _options(call)
    options = replace(options, max_size=options.max_size or THUMBNAIL)
    uid = path.get("instance") or queries.representative(actor=call.actor, root=call.root, keys=keys_of(path))
    row = queries.shown(actor=call.actor, root=call.root, keys=keys_of(path | {"instance": uid}))
    call.audit("dicom.rendered", row.node)
    return _picture(call, row, frames or [max(1, (row.frames + 1) // 2)], options)


def _options(call: Call) -> RenderOptions:
    """The parameters of PS3.18 8.3.5. Raises BadRequest."""
    given = call.request.GET
    unknown = set(given) - PARAMETERS
    if unknown:
        raise BadRequest(f"“{min(unknown)[:64]}” is no parameter of a rendered image.")
    options = RenderOptions()
    if "window" in given:
        center, width, function = _window(given["window"])
        options = replace(options, window=(center, width), function=function)
    if "viewport" in given:
        options = replace(options, max_size=_viewport(given["viewport"]))
    if "quality" in given:
        if not re.fullmatch(r"\d{1,3}", given["quality"]) or not 1 <= int(given["quality"]) <= 100:
            raise BadRequest("quality is a whole number from 1 to 100.")
        options = replace(options, quality=int(given["quality"]))
    return options


def _window(asked: str) -> tuple[float, float, Function]:
    center, width, function = (*asked.split(","), "", "", "")[:3]
    number = r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,2})?"
    if not (re.fullmatch(number, center) and re.fullmatch(number, width)) or function.lower() not in FUNCTIONS:
        raise BadRequest("window is “center,width” or “center,width,function”.")
    if float(width) <= 0:
        raise BadRequest("The width of a window is greater than 0.")
    return float(center), float(width), FUNCTIONS[function.lower()]


def _viewport(asked: str) -> tuple[int, int]:
    """Width and height; cutting out a part of the image is not done here."""
    parts = asked.split(",")
    if len(parts) != 2 or not all(re.fullmatch(r"\d{1,5}", part) and 0 < int(part) <= BIGGEST for part in parts):
        raise BadRequest(f"viewport is “width,height” in pixels, each from 1 to {BIGGEST}.")
    return int(parts[0]), int(parts[1])


def _picture(call: Call, row: DicomInstance, frames: list[int], options: RenderOptions) -> HttpResponse:
    if len(frames) != 1:
        raise NotAcceptable("One frame makes one picture; ask for them one by one.")
    if not row.frames:
        raise NotAcceptable("The instance holds no image.")
    if not 1 <= frames[0] <= row.frames:
        raise NotFound(f"The instance has {row.frames} frames.")
    media_type = media.choose(call.request, ("image/jpeg", "image/png"))
    options = replace(options, format="jpeg" if media_type == "image/jpeg" else "png")
    try:
        picture = isolation.pool().render(path_of(row), frames[0] - 1, options)
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise NotAcceptable(f"The image cannot be drawn: {error}") from error
    return HttpResponse(picture, content_type=media_type, headers={"Cache-Control": "private, no-cache"})


def _pdf(call: Call, row: DicomInstance) -> HttpResponseBase:
    """The document, for a browser to show in a frame of our own pages."""
    media.choose(call.request, (PDF,))
    document = bulk_of(row, DOCUMENT)
    headers = {"Content-Disposition": "inline", "X-Frame-Options": "SAMEORIGIN"}
    return plain(call.request, Part(PDF, document.size_bytes, document.content), **headers)
