"""What is in a file, as a fragment of its page, and the pictures and documents that the fragment shows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.content import SANDBOX, disposition
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.interfaces.portal.views.reports import PDF_POLICY
from sinfonietta.previews import office, shown
from sinfonietta.previews.cache import Shown

BODIES = {
    "html": ("text/html; charset=utf-8", ".html", SANDBOX + "; frame-ancestors 'self'"),
    "image": ("image/png", ".png", SANDBOX),
    "picture": ("image/png", ".png", SANDBOX),
    "volume": ("image/png", ".png", SANDBOX),
    "office": ("application/pdf", ".pdf", PDF_POLICY),
}
"""Kinds whose body the browser shows: as what, and with which policy. HTML is clean already, and sandboxed besides."""
NAMES = {
    "text": "Source", "markdown": "Text", "html": "Page", "notebook": "Notebook", "tree": "Tree", "table": "Table",
    "vector": "Picture",
}  # fmt: skip
DIRECT = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"}
DIRECT_PIXELS, DIRECT_BYTES = 40_000_000, 64 << 20
"""Larger images are shown as the smaller picture that was made of them."""


@signed_in
@require_GET
def fragment(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What is in the file, by ``kind`` (else the best one); where it cannot be shown, why not."""
    actor = actor_of(request)
    source = shown.of_file(actor=actor, uid=uid)
    kind = request.GET.get("kind") or next(iter(source.kinds), "")
    if kind not in source.kinds or kind not in {*NAMES, *BODIES, "sheets"}:
        raise NotFound("The file is not shown in this way.")
    context: dict[str, Any] = {
        "uid": uid, "name": source.name, "kind": kind,
        "tabs": [(one, NAMES.get(one, one.title())) for one in source.kinds], "query": _query(request),
    }  # fmt: skip
    try:
        context |= _office(actor, uid, source) if kind == "office" else _asked(request, source, kind)
    except (Invalid, Unavailable) as problem:
        context |= {"refused": str(problem)}
    return render(request, "portal/_shown.html", context)


@signed_in
@require_GET
def body(request: HttpRequest, uid: UUID, kind: str) -> HttpResponseBase:
    """The picture, clean page or PDF of a preview: inline, under a policy that lets it do nothing."""
    if kind not in BODIES:
        raise NotFound("The file is not shown in this way.")
    source = shown.of_file(actor=actor_of(request), uid=uid)
    found = office.known(source) if kind == "office" else shown.show(source, kind, **_wanted(request, kind))
    if found is None:
        raise NotFound("It has not been made yet.")
    media_type, ending, policy = BODIES[kind]
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition("inline", source.name + ending),
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
    }
    return FileResponse(found.body.open("rb"), content_type=media_type, headers=headers)


def _asked(request: HttpRequest, source: shown.Source, kind: str) -> dict[str, Any]:
    if kind == "vector":
        return {}
    found = shown.show(source, kind, **_wanted(request, kind))
    return {"shown": found.head} | _more(source, kind, found)


def _more(source: shown.Source, kind: str, found: Shown) -> dict[str, Any]:
    if kind == "image":
        said = found.head
        is_small = said["width"] * said["height"] <= DIRECT_PIXELS and source.size_bytes <= DIRECT_BYTES
        return {"is_direct": is_small and source.media_type in DIRECT}
    return {}


def _wanted(request: HttpRequest, kind: str) -> dict[str, Any]:
    """What is asked of a kind besides the file."""
    if kind == "table":
        return {"at": parts.number(request, "at", 0, most=1 << 50)}
    if kind == "sheets":
        return {name: parts.number(request, name, 0) for name in ("sheet", "row")}
    if kind == "picture":
        return {"page": parts.number(request, "page", 0)}
    if kind == "volume":
        # Across another axis the number means another slice, or none: the middle is shown.
        is_same_axis = request.GET.get("axis") == request.GET.get("of")
        return {
            "slice_": parts.number(request, "slice", 0) if request.GET.get("slice") and is_same_axis else None,
            "axis": min(parts.number(request, "axis", 2), 2),
            "low": _real(request, "low"), "high": _real(request, "high"),
        }  # fmt: skip
    return {}


def _real(request: HttpRequest, name: str) -> float | None:
    try:
        found = float(request.GET.get(name, ""))
    except ValueError:
        return None
    return found if abs(found) < 1e30 else None


def _query(request: HttpRequest) -> str:
    """What was asked, for the address of the picture."""
    asked = request.GET.copy()
    asked.pop("kind", None)
    return asked.urlencode()


def _office(actor: Actor, uid: UUID, source: shown.Source) -> dict[str, Any]:
    if office.known(source):
        return {"is_ready": True}
    return {"job": office.ask(actor=actor, uid=uid, source=source)}
