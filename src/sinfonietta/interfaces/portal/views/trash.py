"""The trash."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries

ROWS = 100


@signed_in
@require_GET
def trash(request: HttpRequest) -> HttpResponse:
    """What can be brought back."""
    page = queries.trash(actor=actor_of(request), cursor=request.GET.get("cursor") or None, limit=ROWS)
    return render(request, "portal/_trash.html" if parts.is_part(request) else "portal/trash.html", {"page": page})
