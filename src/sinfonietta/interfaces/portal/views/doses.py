"""Dose pages: of a collection or of all that a person may read, and of one patient."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from sinfonietta.common.errors import NotFound
from sinfonietta.dicom.radiation.irradiation import QUANTITIES
from sinfonietta.dicom.radiation.queries import Doses
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.content import disposition
from sinfonietta.interfaces.portal import charts
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries as library
from sinfonietta.previews import doses as sums

ROWS = 50
MOST_BARS = 36


def _asked(request: HttpRequest) -> tuple[UUID | None, tuple[str, str] | None]:
    said = request.GET.get("in", "")
    inside = parts.uuids([said])
    if said and not inside:
        raise NotFound
    patient = (request.GET["patient"], request.GET.get("issuer", "")) if "patient" in request.GET else None
    return (inside[0] if inside else None), patient


@signed_in
@require_GET
def doses(request: HttpRequest) -> HttpResponse:
    """What the dose reports of a place (``in``) or of one patient (``patient``, ``issuer``) come to."""
    actor = actor_of(request)
    inside, patient = _asked(request)
    found, tables, _ = sums.of_place(actor=actor, uid=inside, patient=patient)
    offset = parts.number(request, "offset", 0)
    shown = found.patients[offset : offset + ROWS]
    context = {
        "found": found, "sums": found.sums, "charts": _charts(found), "tables": tables,
        "patients": shown,
        "quantities": _columns(shown), "patient": patient,
        "scope": library.node(actor=actor, uid=inside) if inside else None,
        "previous": max(0, offset - ROWS) if offset else None,
        "next": offset + ROWS if len(found.patients) > offset + ROWS else None,
        "name": shown[0].name if patient and shown else "",
    }  # fmt: skip
    return render(request, "portal/doses.html", context)


def _columns(shown: list[Any]) -> list[Any]:
    """The quantities that any of the patients has."""
    there = {one.quantity for patient in shown for one in patient.sums}
    return [quantity for name, quantity in QUANTITIES.items() if name in there]


def _charts(found: Doses) -> list[charts.Chart]:
    """One chart for each quantity that adds up: by day, by month where those are too many, or else by year."""
    dated = next((one for digits in (8, 6) if len(one := found.by(digits)) <= MOST_BARS), None) or found.by(4)
    drawn = []
    for name, quantity in QUANTITIES.items():
        points = [
            (_date(date), sum(one.value or 0.0 for one in sums if one.quantity == name))
            for date, sums in dated
            if any(one.quantity == name and one.value is not None for one in sums)
        ]
        if len(points) > 1 and quantity.adds and not quantity.each:
            drawn.append(charts.bars(name, quantity.unit, points, slugify(name)))
    return drawn


def _date(digits: str) -> str:
    return "-".join(part for part in (digits[:4], digits[4:6], digits[6:8]) if part)


@signed_in
@require_GET
def doses_csv(request: HttpRequest) -> HttpResponse:
    """The sums as CSV, one line for each patient and quantity."""
    inside, patient = _asked(request)
    actor = actor_of(request)
    found, _, _ = sums.of_place(actor=actor, uid=inside, patient=patient)
    headers = {"Content-Disposition": disposition("attachment", "doses.csv"), "X-Content-Type-Options": "nosniff"}
    return HttpResponse(sums.as_csv(found), content_type="text/csv; charset=utf-8", headers=headers)
