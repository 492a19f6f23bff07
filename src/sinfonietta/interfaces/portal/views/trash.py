"""The trash."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries, services

ROWS = 100


@signed_in
@require_GET
def trash(request: HttpRequest) -> HttpResponse:
    """What can be brought back."""
    page = queries.trash(actor=actor_of(request), cursor=request.GET.get("cursor") or None, limit=ROWS)
    template = (
        "portal/_trash.html"
        if "HX-Request" in request.headers and "HX-Boosted" not in request.headers
        else "portal/trash.html"
    )
    return render(request, template, {"page": page})


@signed_in
@require_POST
def restore(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Bring it back."""
    node = services.restore(actor=actor_of(request), uid=uid)
    return parts.said(request, f"“{node.name}” is back.", refresh=True)


@signed_in
@require_POST
def purge(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Delete it for ever."""
    services.purge(actor=actor_of(request), uid=uid)
    return parts.said(request, "Deleted for ever.", refresh=True)
