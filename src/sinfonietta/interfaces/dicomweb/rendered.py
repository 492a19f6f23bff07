"""Rendered instances, frames, series and studies, and thumbnails (DICOM PS3.18 10.4.1.1.3, 10.4.1.1.4, 8.3.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.common.errors import NotFound, Unavailable
from sinfonietta.dicom import queries
from sinfonietta.dicom.errors import BadRequest, NotAcceptable
from sinfonietta.dicom.image.options import Format, RenderOptions
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.interfaces.dicomweb import media, report_text
from sinfonietta.interfaces.dicomweb.doors import Call, door
from sinfonietta.interfaces.dicomweb.parts import Part, multipart, plain
from sinfonietta.interfaces.dicomweb.pixels import bulk_of, path_of, video_of
from sinfonietta.interfaces.dicomweb.wado import keys_of
from sinfonietta.interfaces.http.content import SANDBOX

_DOCUMENT = "1.2.840.10008.5.1.4.1.1.104."
DOCUMENTS = {
    _DOCUMENT + "1": "application/pdf",
    _DOCUMENT + "2": "text/xml",
    _DOCUMENT + "3": "model/stl",
    _DOCUMENT + "4": "model/obj",
    _DOCUMENT + "5": "model/mtl",
}
"""Media type of an encapsulated document by SOP class; it is given as what it is."""
DOCUMENT = "bulk/00420011"
FORMATS: dict[str, Format] = {"image/jpeg": "jpeg", "image/png": "png", "image/gif": "gif"}
THUMBNAIL = (200, 200)
BIGGEST = 16384
MOST_PIXELS = 1 << 26
Function = Literal["", "LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: dict[str, Function] = {"": "", "linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
PARAMETERS = {"window", "viewport", "quality", "accept", "annotation", "iccprofile", "charset"}
ANNOTATIONS = ("patient", "technique")
PROFILES = {"no", "yes", "srgb", "adobergb", "rommrgb"}
NUMBER = r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,2})?"


@door("GET", "HEAD")
def rendered(call: Call, study: str, series: str, instance: str, frames: list[int] | None = None) -> HttpResponseBase:
    """An instance or frames as pictures; videos and encapsulated documents as what they are."""
    options = options_of(call.request.GET)
    row = queries.instance(actor=call.actor, root=call.root, study=study, series=series, uid=instance)
    call.audit("dicom.rendered", row.node)
    return of_instance(call, row, frames or [], options, media.accepted(call.request))


@door("GET", "HEAD")
def rendered_several(call: Call, **path: str) -> HttpResponseBase:
    """A study or series: in parts every image of it, without parts the one that stands for it."""
    options = options_of(call.request.GET)
    keys = keys_of(path)
    for container in queries.containers(actor=call.actor, root=call.root, keys=keys):
        call.audit("dicom.rendered", container)
    for one in media.accepted(call.request):
        if not one.is_multipart:
            uid = queries.representative(actor=call.actor, root=call.root, keys=keys)
            row = queries.shown(actor=call.actor, root=call.root, keys=keys | keys_of({"instance": uid}))
            return of_instance(call, row, [max(1, (row.frames + 1) // 2)], options, media.accepted(call.request))
        if media_type := _format(one.inner):
            rows = queries.files(actor=call.actor, root=call.root, keys=keys)
            options = replace(options, format=FORMATS[media_type])
            return multipart(call.request, _pictures(rows, media_type, options), media_type)
    raise NotAcceptable("This can be had as " + ", ".join(FORMATS) + ", alone or in multipart/related.")


@door("GET", "HEAD")
def thumbnail(call: Call, frames: list[int] | None = None, **path: str) -> HttpResponseBase:
    """A small picture: of the instance or frame, or of one in the middle of the series or of the largest series."""
    options = options_of(call.request.GET)
    options = replace(options, max_size=options.max_size or THUMBNAIL, enlarge=False)
    uid = path.get("instance") or queries.representative(actor=call.actor, root=call.root, keys=keys_of(path))
    row = queries.shown(actor=call.actor, root=call.root, keys=keys_of(path | {"instance": uid}))
    call.audit("dicom.rendered", row.node)
    media_type = media.choose(call.request, tuple(FORMATS))
    return picture(row, frames or [max(1, (row.frames + 1) // 2)], replace(options, format=FORMATS[media_type]))


def of_instance(
    call: Call, row: queries.Stored, frames: list[int], options: RenderOptions, wanted: Sequence[media.Accepted]
) -> HttpResponseBase:
    """The first that can be made of what is wanted. Raises NotAcceptable, NotFound, Unavailable."""
    if row.sop_class in DOCUMENTS:
        return _document(call, row, wanted)
    if row.sop_class.startswith(report_text.REPORTS):
        return _report(row, wanted)
    if row.transfer_syntax in media.VIDEO_SYNTAXES:
        return _video(call, row, wanted)
    for one in wanted:
        media_type = _format(one.inner)
        if not media_type:
            continue
        options = replace(options, format=FORMATS[media_type])
        if one.is_multipart:
            numbers = frames or range(1, row.frames + 1)
            _check(row, numbers)
            parts = _pictures([row], media_type, options, numbers)
            return multipart(call.request, parts, media_type)
        if media_type == "image/gif" and row.frames > 1 and not frames:
            return _made(media_type, partial(_animated, row, options))
        return picture(row, frames or [1], options)
    raise NotAcceptable("This can be had as " + ", ".join(FORMATS) + ", alone or in multipart/related.")


def _format(wanted: str) -> str:
    """The media type of a picture; empty where none is wanted."""
    return "image/jpeg" if wanted in {"*/*", "image/*"} else wanted if wanted in FORMATS else ""


def options_of(given: Mapping[str, str]) -> RenderOptions:
    """The parameters of PS3.18 8.3.5. Raises BadRequest."""
    unknown = set(given) - PARAMETERS
    if unknown:
        raise BadRequest(f"“{min(unknown)[:64]}” is no parameter of a rendered image.")
    options = RenderOptions()
    if "window" in given:
        center, width, function = _window(given["window"])
        options = replace(options, window=(center, width), function=function)
    if "viewport" in given:
        size, region = _viewport(given["viewport"])
        options = replace(options, max_size=size, region=region, enlarge=True)
    if "quality" in given:
        if not re.fullmatch(r"\d{1,3}", given["quality"]) or not 1 <= int(given["quality"]) <= 100:
            raise BadRequest("quality is a whole number from 1 to 100.")
        options = replace(options, quality=int(given["quality"]))
    if "annotation" in given:
        asked = given["annotation"].split(",")
        if not set(asked) <= set(ANNOTATIONS):
            raise BadRequest("annotation is a list of “patient” and “technique”.")
        options = replace(options, annotations=tuple(dict.fromkeys(asked)))
    if given.get("iccprofile", "no") not in PROFILES:
        raise BadRequest("iccprofile is one of " + ", ".join(sorted(PROFILES)) + ".")
    return options


def _window(asked: str) -> tuple[float, float, Function]:
    center, width, function = (*asked.split(","), "", "", "")[:3]
    if not (re.fullmatch(NUMBER, center) and re.fullmatch(NUMBER, width)) or function.lower() not in FUNCTIONS:
        raise BadRequest("window is “center,width” or “center,width,function”.")
    if float(width) <= 0:
        raise BadRequest("The width of a window is greater than 0.")
    return float(center), float(width), FUNCTIONS[function.lower()]


def _viewport(asked: str) -> tuple[tuple[int, int], tuple[float, float, float, float] | None]:
    """Width and height, and the region of the image that is shown in them (PS3.18 8.3.5.1.3)."""
    parts = asked.split(",")
    if len(parts) not in {2, 6} or not all(
        re.fullmatch(r"\d{1,5}", one) and 0 < int(one) <= BIGGEST for one in parts[:2]
    ):
        raise BadRequest(f"viewport is “width,height” or “width,height,x,y,width,height”, up to {BIGGEST} pixels.")
    size = int(parts[0]), int(parts[1])
    if size[0] * size[1] > MOST_PIXELS:
        raise BadRequest(f"A viewport has up to {MOST_PIXELS} pixels.")
    if len(parts) == 2:
        return size, None
    if not all(re.fullmatch(NUMBER, part) for part in parts[2:]):
        raise BadRequest("The region of a viewport is “x,y,width,height” in pixels of the image.")
    x, y, width, height = map(float, parts[2:])
    if not width or not height or max(map(abs, (x, y, width, height))) > BIGGEST * BIGGEST:
        raise BadRequest("The region of a viewport has a width and a height.")
    return size, (x, y, width, height)


def _check(row: queries.Stored, frames: Sequence[int]) -> None:
    if not row.frames:
        raise NotAcceptable("The instance holds no image.")
    if not all(1 <= frame <= row.frames for frame in frames):
        raise NotFound(f"The instance has {row.frames} frames.")


def picture(row: queries.Stored, frames: Sequence[int], options: RenderOptions) -> HttpResponse:
    """One frame as one picture. Raises NotAcceptable, NotFound, Unavailable."""
    if len(frames) != 1:
        raise NotAcceptable("One frame makes one picture; ask for them one by one, or in multipart/related.")
    _check(row, frames)
    media_type = next(name for name, kind in FORMATS.items() if kind == options.format)
    return _made(media_type, lambda: isolation.pool().render(path_of(row), frames[0] - 1, options))


def _report(row: queries.Stored, wanted: Sequence[media.Accepted]) -> HttpResponse:
    """A structured report as a page, which may do nothing, or as plain text."""
    kinds = {"*/*": report_text.MEDIA_TYPES[0], "text/*": report_text.MEDIA_TYPES[0]}
    kinds |= {kind: kind for kind in report_text.MEDIA_TYPES}
    media_type = next((kinds[one.media_type] for one in wanted if one.media_type in kinds), "")
    if not media_type:
        raise NotAcceptable("A report can be had as " + " or ".join(report_text.MEDIA_TYPES) + ".")

    def make() -> bytes:
        root = isolation.pool().report(path_of(row), "", report_text.MOST_ITEMS)
        return report_text.rendered(root, media_type)

    response = _made(f"{media_type}; charset=utf-8", make)
    response["Content-Security-Policy"] = SANDBOX
    return response


def _made(media_type: str, make: Callable[[], bytes]) -> HttpResponse:
    try:
        made = make()
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise NotAcceptable(f"The image cannot be drawn: {error}") from error
    return HttpResponse(made, content_type=media_type, headers={"Cache-Control": "private, no-cache"})


def _animated(row: queries.Stored, options: RenderOptions) -> bytes:
    return isolation.pool().animate(path_of(row), options)


def _pictures(
    rows: Sequence[queries.Stored], media_type: str, options: RenderOptions, frames: Sequence[int] = (1,)
) -> Iterator[Part]:
    """Each as a part when its turn has come; what cannot be drawn is left out."""
    for row in rows:
        for frame in frames if row.frames else ():
            try:
                drawn = isolation.pool().render(path_of(row), frame - 1, options)
            except isolation.IsolationError:
                continue
            yield Part(media_type, len(drawn), partial(iter, (drawn,)))


def _document(call: Call, row: queries.Stored, wanted: Sequence[media.Accepted]) -> HttpResponseBase:
    """The document, for a browser to show in a frame of our own pages; what could run script is no page there."""
    media_type = DOCUMENTS[row.sop_class]
    _acceptable(wanted, media_type)
    document = bulk_of(call.request, row, DOCUMENT)
    headers = {"Content-Disposition": "inline", "X-Frame-Options": "SAMEORIGIN"}
    if media_type != "application/pdf":
        headers = {"Content-Disposition": "attachment", "Content-Security-Policy": SANDBOX}
    return plain(call.request, Part(media_type, document.size_bytes, document.content), **headers)


def _video(call: Call, row: queries.Stored, wanted: Sequence[media.Accepted]) -> HttpResponseBase:
    """The stream as it is stored; nothing here makes another one of it."""
    media_type = media.FRAME_TYPES[row.transfer_syntax]
    _acceptable(wanted, media_type)
    video = video_of(call.request, row)
    return plain(call.request, Part(media_type, video.size_bytes, video.content), **{"Content-Disposition": "inline"})


def _acceptable(wanted: Sequence[media.Accepted], media_type: str) -> None:
    whole = media_type.partition("/")[0] + "/*"
    if not any(one.media_type in {media_type, "*/*", whole} for one in wanted):
        raise NotAcceptable(f"This can be had as {media_type}, as it is stored.")
