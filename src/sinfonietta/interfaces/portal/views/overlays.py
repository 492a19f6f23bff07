"""Objects over images: segmentations, and PET as SUV over the CT of its frame of reference."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom import queries as dicom
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries as library
from sinfonietta.previews import overlays

RATES_HZ = (5, 10, 20)
NUMBERS = re.compile(r"\d{1,5}(,\d{1,5}){0,255}")
TOPS = (2.5, 5, 7.5, 10, 15, 20, 30)
"""Ends of the scale of colours in SUV; the first suits the demo's phantom and the brain, the last tumours."""
UID = re.compile(r"[0-9.]{1,64}")
CACHED = {"Cache-Control": "private, max-age=300", "X-Content-Type-Options": "nosniff"}


def segments_context(actor: Actor, uid: UUID) -> dict[str, Any]:
    """What the page of a segmentation shows."""
    found, over = overlays.segmentation(actor=actor, uid=uid)
    return {"segmentation": found, "over": _over(actor, over) if over.images else None, "over_reason": over.reason}


def pet_context(actor: Actor, uid: UUID) -> dict[str, Any]:
    """What the page of a PET image shows besides the image."""
    found = overlays.pet(actor=actor, uid=uid)
    rows, columns = found.size
    return {"pet": found, "rows": rows, "columns": columns, "own_unit": found.own_unit or "its unit"}


def _over(actor: Actor, over: overlays.Over) -> dict[str, Any]:
    """A stack of images for a page, beginning at its middle."""
    middle = over.images[len(over.images) // 2]
    presets = dicom.of_file(actor=actor, uid=middle.node.uid).presets
    rows, columns = overlays.size_of(middle)
    return {
        "stack": [{"id": str(row.node.uid), "frames": row.frames} for row in over.images],
        "first": middle.node.uid, "presets": presets, "rows": rows, "columns": columns, "series": middle.series,
    }  # fmt: skip


def _image(request: HttpRequest) -> UUID:
    found = parts.uuids([request.GET.get("image", "")])
    if not found:
        raise NotFound
    return found[0]


@signed_in
@require_GET
def segments(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The segments ``on`` (numbers) in the plane of ``image`` (and ``frame``), as a transparent PNG."""
    actor = actor_of(request)
    said = request.GET.get("on", "")
    wanted = [int(one) for one in said.split(",")] if NUMBERS.fullmatch(said) else []
    image, frame = _image(request), parts.number(request, "frame", 0)
    picture = overlays.segments_on(actor=actor, uid=uid, image=image, frame=frame, wanted=wanted)
    return HttpResponse(picture, content_type="image/png", headers=CACHED)


@signed_in
@require_GET
def fusion(request: HttpRequest, uid: UUID) -> HttpResponse:
    """A page on which a PET lies over the series ``over`` of its frame of reference."""
    actor = actor_of(request)
    series = request.GET.get("over", "")
    said, over = overlays.fusion(actor=actor, uid=uid, series=series if UID.fullmatch(series) else "")
    trail = library.breadcrumb(actor=actor, uid=uid)
    context = {
        "entry": trail[-1], "trail": trail, "pet": said, "series": series, "over": _over(actor, over),
        "tops": TOPS, "top": 5 if said.suv else None, "rate": 10, "rates": RATES_HZ,
    }  # fmt: skip
    return render(request, "portal/fusion.html", context)


@signed_in
@require_GET
def fused(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The PET in the plane of ``image`` (and ``frame``), from 0 to ``top``, as a transparent PNG."""
    actor = actor_of(request)
    top = _positive(request.GET.get("top", ""), overlays.TOP_SUV)
    image, frame = _image(request), parts.number(request, "frame", 0)
    picture = overlays.fused(actor=actor, uid=uid, image=image, frame=frame, top=top)
    return HttpResponse(picture, content_type="image/png", headers=CACHED)


def _positive(text: str, default: float) -> float:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) and float(text) > 0 else default


@signed_in
@require_GET
def value(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The value at ``row`` and ``column`` of a frame of the PET, or of the ``image`` that it lies over."""
    image = _image(request) if "image" in request.GET else None
    spot = {name: parts.number(request, name, 0) for name in ("frame", "row", "column")}
    found, unit = overlays.value(actor=actor_of(request), uid=uid, image=image, **spot)
    return JsonResponse({"value": found, "unit": unit}, headers={"Cache-Control": "private, max-age=300"})
