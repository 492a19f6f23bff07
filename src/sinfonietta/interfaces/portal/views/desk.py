"""Home: what a person starred and opened last, and what is new where they may look."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries, services

AT_HOME = 100
"""Changes that the start page tells, several of them as one."""


@signed_in
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Starred, opened last, and new."""
    actor = actor_of(request)
    context = {
        "stars": queries.starred(actor=actor),
        "opened": queries.opened(actor=actor),
        "page": queries.news(actor=actor, limit=AT_HOME),
    }
    return render(request, "portal/home.html", context)


@signed_in
@require_GET
def news(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """What is new in a collection, or everywhere: a page, or the part of one that was opened."""
    actor = actor_of(request)
    page = queries.news(actor=actor, collection=uid, cursor=request.GET.get("cursor") or None)
    trail = queries.breadcrumb(actor=actor, uid=uid) if uid else []
    template = "portal/_news.html" if parts.is_part(request) else "portal/news.html"
    return render(request, template, {"page": page, "trail": trail, "entry": trail[-1] if trail else None})


@signed_in
@require_POST
def star(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Star a node, or take the star away. Answers the button where one asks, else a sentence."""
    wanted = request.POST.get("on") == "yes"
    node = (services.star if wanted else services.unstar)(actor=actor_of(request), uid=uid)
    if "button" in request.POST:
        return render(request, "portal/_star.html", {"uid": uid, "is_starred": wanted})
    said = f"“{node.name}” is starred: Home shows it." if wanted else f"“{node.name}” has no star any more."
    return parts.said(request, said, refresh=True)


@signed_in
@require_POST
def opened(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The page of a node tells that it was opened, after it is shown: nobody waits for this write."""
    services.note_opened(actor=actor_of(request), uid=uid)
    return HttpResponse(status=204)
