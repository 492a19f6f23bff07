"""Help: how to, and the keys."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.portal.views import parts

PLACES = [
    ("h", "Home"), ("c", "Collections"), ("s", "Shared with me"), ("d", "Studies"), ("j", "Jobs"), ("t", "Trash"),
    ("n", "Notices"),
]  # fmt: skip
"""Second key after ``g``, as ``keys.js`` knows them."""


@signed_in
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """In the dialog, or as a page."""
    return render(request, "portal/_help.html" if parts.is_part(request) else "portal/help.html", {"places": PLACES})
