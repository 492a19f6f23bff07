"""Series in forms for training: where to, and asking for it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.dicom.exports import services
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import actions, parts

LABELS = {
    services.NIFTI: "NIfTI",
    services.MASKS: "masks (NIfTI)",
    services.SEG: "DICOM segmentation",
}
ASKED = ("form", "study", "series", "within")


def choices(modality: str) -> list[tuple[str, str]]:
    """(form, what people call it) that a series of a modality may be had in."""
    return [(form, LABELS[form]) for form in services.forms_of(modality)]


@signed_in
@require_GET
def pick(request: HttpRequest) -> HttpResponse:
    """The dialog that chooses where the result goes."""
    form = request.GET.get("form", "")
    context = actions.places_to_pick(request) | {
        "title": f"Export as {LABELS.get(form, form)} to",
        "verb": "Export",
        "again": reverse("portal:pick-export"),
        "post": reverse("portal:export"),
        "fields": [(name, request.GET.get(name, "")) for name in ASKED],
    }
    return render(request, "portal/_pick.html", context)


@signed_in
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """Ask for it."""
    within = parts.uuids([request.POST.get("within", "")])
    form, study, series = (request.POST.get(name, "") for name in ASKED[:3])
    services.export(
        actor=actor_of(request), form=form, study=study, series=series, into=actions.target_of(request),
        root=within[0] if within else None,
    )  # fmt: skip
    return parts.said(request, "The export is being made; Jobs shows how far it is.", refresh=True)
