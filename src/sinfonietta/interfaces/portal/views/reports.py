"""Reports, dose reports and documents on the page of a DICOM file, and the pieces of it that come later."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Problem
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.radiation.irradiation import QUANTITIES, DoseReport, Event
from sinfonietta.dicom.radiation.sums import unstated
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.content import disposition
from sinfonietta.interfaces.portal.views import overlays, parts
from sinfonietta.previews import reports
from sinfonietta.previews.objects import kinds_of

EVENTS = 200
MOST_PICTURES = 60
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
"""The browser's own PDF viewer does not run in a sandboxed document; a PDF cannot reach the page around it."""
DOWNLOAD_POLICY = "sandbox; default-src 'none'"


def context(actor: Actor, uid: UUID, row: DicomInstance) -> dict[str, Any]:
    """What a page shows of an instance besides image and tags, for the template ``_object.html``."""
    kinds = kinds_of(row)
    shown: dict[str, Any] = {"kinds": kinds}
    makers = {
        "report": _report, "irradiation": _irradiation, "document": _document,
        "segments": overlays.segments_context, "suv": overlays.pet_context,
    }  # fmt: skip
    for kind in kinds:
        if kind == "report" and "irradiation" in kinds:
            continue  # the tree of a dose report is long; it comes when it is opened
        if kind in makers:
            try:
                shown |= makers[kind](actor, uid)
            except Problem as problem:
                shown |= {"failed": str(problem)}
    return shown


def _report(actor: Actor, uid: UUID) -> dict[str, Any]:
    found = reports.report(actor=actor, uid=uid)
    pictures = [found.seen[one.reference[1]] for one in found.named if one.reference and one.reference[1] in found.seen]
    return {
        "report": found,
        "pictures": [row for row in pictures if row.frames][:MOST_PICTURES],
        "missing": len([one for one in found.named if one.reference and one.reference[1] not in found.seen]),
    }


def _irradiation(actor: Actor, uid: UUID) -> dict[str, Any]:
    found = reports.irradiation(actor=actor, uid=uid)
    return {"irradiation": _events(found, 0) | {"totals": [*found.totals, *unstated(found)]}}


def _events(found: DoseReport, offset: int) -> dict[str, Any]:
    """A page of the events, each with its figures in the columns of the whole report."""
    there = {figure.quantity for event in found.events for figure in event.figures}
    columns = [quantity for name, quantity in QUANTITIES.items() if name in there]
    rows = [(offset + number + 1, event, _cells(event, columns)) for number, event in
            enumerate(found.events[offset : offset + EVENTS])]  # fmt: skip
    more = offset + EVENTS if len(found.events) > offset + EVENTS else None
    return {"found": found, "columns": columns, "rows": rows, "next": more}


def _cells(event: Event, columns: list[Any]) -> list[list[Any]]:
    return [[figure for figure in event.figures if figure.quantity == column.name] for column in columns]


def _document(actor: Actor, uid: UUID) -> dict[str, Any]:
    return {"document": reports.document(actor=actor, uid=uid)}


@signed_in
@require_GET
def branch(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What is below one place (``at``) of a report."""
    found = reports.report(actor=actor_of(request), uid=uid, at=request.GET.get("at", "")[:200])
    return render(request, "portal/_content.html", {"items": found.root.children, "report": found, "uid": uid})


@signed_in
@require_GET
def irradiation(request: HttpRequest, uid: UUID) -> HttpResponse:
    """More events of a dose report, from ``offset``."""
    found = reports.irradiation(actor=actor_of(request), uid=uid)
    shown = _events(found, parts.number(request, "offset", 0))
    return render(request, "portal/_events.html", {"irradiation": shown, "uid": uid})


@signed_in
@require_GET
def document(request: HttpRequest, uid: UUID) -> HttpResponseBase:
    """The document in a DICOM file: a PDF for the page's frame, anything else as a download."""
    actor = actor_of(request)
    found = reports.document(actor=actor, uid=uid)
    inline = found.is_pdf and "download" not in request.GET
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition("inline" if inline else "attachment", found.name),
        "Content-Length": str(found.size_bytes),
        "Content-Security-Policy": PDF_POLICY if inline else DOWNLOAD_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
    }
    return StreamingHttpResponse(found.content, content_type=found.media_type, headers=headers)
