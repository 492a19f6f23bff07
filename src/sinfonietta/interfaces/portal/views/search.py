"""The search page: hits, what they are of, and searches that a person keeps."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.tables import CSV, hits_as_csv
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries as library
from sinfonietta.search import facets, queries, services
from sinfonietta.search.fields import FIELDS
from sinfonietta.search.language import LONGEST, Misunderstood, narrowed, quoted

TITLES = {
    "collection": "Collection", "type": "Type", "modality": "Modality", "body": "Body part", "maker": "Manufacturer",
    "date": "Year", "size": "Size", "owner": "Put there by",
}  # fmt: skip
RANGES = {"size", "date"}
FORM = {
    "name": "Name", "type": "Type", "modality": "Modality", "body": "Body part", "maker": "Manufacturer",
    "patient": "Patient", "study": "Study", "owner": "Put there by",
}  # fmt: skip
"""Fields that the form asks for one by one."""
EXAMPLES = (
    "modality:CT date:2020..2022 thyroid", '"lymph node" type:PDF', "name:*.nii.gz size:>10MB",
    "meta.histology:papillary meta.age:>40", "has:report dlp:>500", "(CT OR MR) -phantom",
)  # fmt: skip


@signed_in
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """What is found, and help where nothing is asked or found."""
    actor, asked = actor_of(request), _asked(request)
    context: dict[str, Any] = {
        **asked, "saved": queries.saved(actor=actor), "fields": FIELDS.values(), "examples": EXAMPLES,
        "form": FORM.items(),
        "place": library.node(actor=actor, uid=asked["within"]) if asked["within"] else None,
        "asked": urlencode(_params(asked)),
    }  # fmt: skip
    if asked["q"].strip() or asked["within"]:
        try:
            cursor = request.GET.get("cursor") or None
            context["found"] = queries.search(actor=actor, q=asked["q"], within=asked["within"], cursor=cursor)
        except Misunderstood as problem:
            context |= {"problem": problem, "good": asked["q"][: problem.at], "bad": asked["q"][problem.at :]}
    response = render(request, "portal/search.html", context)
    response["HX-Push-Url"] = request.get_full_path()  # the form leads here by way of another address
    return response


@signed_in
@require_GET
def compose(request: HttpRequest) -> HttpResponse:
    """What the form asks, in the language of searches."""
    terms = [request.GET.get("words", "").strip()]
    terms += [f"{name}:{_typed(value)}" for name in FORM if (value := request.GET.get(name, "").strip())]
    start, end = request.GET.get("from", ""), request.GET.get("until", "")
    terms += [f"date:{start}..{end}"] if start or end else []
    least = request.GET.get("least", "").strip()
    terms += [f"size:>={least}MB"] if least.isdecimal() else []
    within = parts.uuids([request.GET.get("in", "")])
    asked = {"q": " ".join(filter(None, terms))[:LONGEST], "within": within[0] if within else None}
    return HttpResponseRedirect(f"{reverse('portal:search')}?{urlencode(_params(asked))}")


def _typed(value: str) -> str:
    """As it was typed, commas and all, unless it would end at a space."""
    return quoted(value) if set(value) & set(' "()|') else value


@signed_in
@require_GET
def counts(request: HttpRequest) -> HttpResponse:
    """How many of the hits are of what; each leads to those."""
    asked = _asked(request)
    found = facets.facets(actor=actor_of(request), q=asked["q"], within=asked["within"])
    groups = [
        (title, [(value, *_chosen(asked, name, value)) for value in found.values[name]])
        for name, title in TITLES.items()
        if name in found.values
    ]
    return render(request, "portal/_facets.html", {"counts": found, "groups": groups})


def _chosen(asked: dict[str, Any], name: str, value: facets.Value) -> tuple[str, bool]:
    """Where a value of a facet leads to, and whether it is chosen already; then it leads back."""
    page = reverse("portal:search")
    if name == "collection":
        is_chosen = str(asked["within"]) == value.value
        return f"{page}?{urlencode(_params(asked | {'within': None if is_chosen else value.value}))}", is_chosen
    term = f"{name}:{value.value if name in RANGES else quoted(value.value)}"
    there = re.compile(rf"(?:^|\s){re.escape(term)}(?=\s|$)")
    is_chosen = bool(there.search(asked["q"]))
    q = there.sub("", asked["q"]).strip() if is_chosen else narrowed(asked["q"], term)
    return f"{page}?{urlencode(_params(asked | {'q': q}))}", is_chosen


@signed_in
@require_GET
def as_csv(request: HttpRequest) -> HttpResponseBase:
    """The hits as a table."""
    asked = _asked(request)
    hits = queries.every(actor=actor_of(request), q=asked["q"], within=asked["within"])
    return StreamingHttpResponse(hits_as_csv(hits), headers=CSV)


@signed_in
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep a search under a name."""
    saved = services.save(actor=actor_of(request), name=request.POST.get("name", ""), query=request.POST.get("q", ""))
    return parts.said(request, f"“{saved.name}” is kept.", reload=True)


@signed_in
@require_POST
def forget(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Keep it no longer."""
    services.forget(actor=actor_of(request), uid=uid)
    return parts.said(request, "The search is forgotten.", reload=True)


def _asked(request: HttpRequest) -> dict[str, Any]:
    within = parts.uuids([request.GET.get("in", "")])
    return {"q": request.GET.get("q", ""), "within": within[0] if within else None}


def _params(asked: dict[str, Any]) -> dict[str, object]:
    return {"q": asked["q"]} | ({"in": asked["within"]} if asked["within"] else {})
