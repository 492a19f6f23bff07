"""Collections, and what is in them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.accounts.actor import Actor
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import files, parts
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node

ROWS = 100
ORDERS = {"name", "-name", "size", "-size", "modified", "-modified"}


@signed_in
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """All collections that the person may read."""
    name, cursor = request.GET.get("name", ""), request.GET.get("cursor") or None
    page = queries.collections(actor=actor_of(request), name=name, cursor=cursor, limit=ROWS)
    template = "portal/_collections.html" if parts.is_part(request) else "portal/start.html"
    return render(request, template, {"page": page, "name": name})


@signed_in
@require_GET
def shared(request: HttpRequest) -> HttpResponse:
    """What others share with the person."""
    page = queries.shared(actor=actor_of(request), cursor=request.GET.get("cursor") or None, limit=ROWS)
    template = "portal/_shared.html" if parts.is_part(request) else "portal/shared.html"
    return render(request, template, {"page": page})


@signed_in
@require_GET
def node(request: HttpRequest, uid: UUID) -> HttpResponse:
    """A file's page, or what is in a container."""
    actor = actor_of(request)
    trail = queries.breadcrumb(actor=actor, uid=uid)
    entry = trail[-1]
    if entry.kind == Node.Kind.FILE:
        return files.page(request, actor, entry, trail)
    context = {"entry": entry, "trail": trail, **_table(request, actor, uid)}
    if parts.is_part(request):
        return render(request, "portal/_table.html", context)
    return render(request, "portal/browse.html", context | {"metadata": files.shown_metadata(actor, uid)})


def _table(request: HttpRequest, actor: Actor, uid: UUID) -> dict[str, Any]:
    order = request.GET.get("order", "name")
    order = order if order in ORDERS else "name"
    name, offset = request.GET.get("name", "")[:255], parts.number(request, "offset", 0)
    page = queries.children(actor=actor, uid=uid, order=order, name=name, offset=offset, limit=ROWS)
    total = queries.count_children(actor=actor, uid=uid, name=name)
    return {
        "page": page, "order": order, "name": name, "offset": offset, "total": total,
        "first": offset + 1 if page.items else 0, "last": offset + len(page.items),
        "starred": queries.starred_among(actor=actor, uids=[uid, *(row.uid for row in page.items)]),
        "previous": max(0, offset - ROWS) if offset else None, "next": page.next,
    }  # fmt: skip


@signed_in
@require_POST
def create_collection(request: HttpRequest) -> HttpResponse:
    """A new collection, opened at once."""
    made = services.create_collection(
        actor=actor_of(request), name=request.POST.get("name", ""), description=request.POST.get("description", "")
    )
    return parts.said(request, f"“{made.name}” is made.", visit=reverse("portal:node", args=[made.uid]))


@signed_in
@require_POST
def create_inside(request: HttpRequest, uid: UUID) -> HttpResponse:
    """A new folder or fileset in a container."""
    make = services.create_fileset if request.POST.get("kind") == "fileset" else services.create_folder
    made = make(actor=actor_of(request), parent=uid, name=request.POST.get("name", ""))
    return parts.said(request, f"“{made.name}” is made.", refresh=True)


@signed_in
@require_POST
def rename(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Another name; ``instead_of`` where it takes back one that was given before."""
    actor = actor_of(request)
    before = queries.node(actor=actor, uid=uid).name
    name, known = request.POST.get("name", ""), request.POST.get("instead_of")
    done = services.rename(actor=actor, uid=uid, name=name, instead_of=known)
    undo = {"url": request.path, "name": before, "instead_of": done.name}
    return parts.said(request, f"It is called “{done.name}” now.", undo=undo, refresh=True)


@signed_in
@require_POST
def describe(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The description of a collection."""
    services.update_collection(actor=actor_of(request), uid=uid, description=request.POST.get("description", ""))
    return parts.said(request, "The description is saved.", reload=True)
