"""The share dialog: who may what here, and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Forbidden, NotFound, Problem
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries, services
from sinfonietta.library.access import LEVEL_NAMES
from sinfonietta.library.models import Level, Node

LEVELS = {name: level for level, name in LEVEL_NAMES.items()}
MEANS = {
    "read": "see, download and view",
    "write": "also add, change and trash",
    "manage": "also share, and decide policies",
}


@signed_in
@require_http_methods(["GET", "POST"])
def share(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The dialog; a POST puts what it says, exactly."""
    actor = actor_of(request)
    problem = None
    if request.method == "POST":
        try:
            _put(actor, uid, request)
        except Problem as error:
            problem = error
    return _dialog(request, actor, uid, problem, saved=request.method == "POST" and problem is None)


def _dialog(request: HttpRequest, actor: Actor, uid: UUID, problem: Problem | None, *, saved: bool) -> HttpResponse:
    """The dialog as things stand; for who just gave away their own right, the way to what they still see."""
    try:
        context = _context(actor, uid) | {"problem": problem, "saved": saved}
    except NotFound:
        if not saved:
            raise
        return parts.said(request, "Saved. This place is not yours to see any more.", visit=reverse("portal:start"))
    except Forbidden:
        if not saved:
            raise
        return parts.said(request, "Saved. You do not manage this any more.", visit=reverse("portal:node", args=[uid]))
    return render(request, "portal/_share.html", context)


def _put(actor: Actor, uid: UUID, request: HttpRequest) -> None:
    """Each row of the form is ``kind``, ``who`` and ``level``; a row without a level is taken away."""
    if request.POST.get("inherit") == "yes":
        services.set_grants(actor=actor, uid=uid, inherit=True)
        return
    rows = zip(*(request.POST.getlist(name) for name in ("kind", "who", "level")), strict=False)
    grants = [(kind, who, LEVELS[level]) for kind, who, level in rows if level in LEVELS]
    everyone = "read" if request.POST.get("everyone") == "read" else None
    services.set_grants(actor=actor, uid=uid, inherit=False, everyone=everyone, grants=grants)


def _context(actor: Actor, uid: UUID) -> dict[str, Any]:
    entry = queries.node(actor=actor, uid=uid)
    owners = queries.owners(actor=actor, uid=uid) if entry.kind == Node.Kind.COLLECTION else []
    return {
        "entry": entry,
        "grants": queries.grants(actor=actor, uid=uid),
        "reach": queries.reach(actor=actor, uid=uid),
        "owners": owners,
        "owns": any(owner.pk == actor.user_id for owner in owners),
        "levels": [(name, MEANS[name]) for name in LEVELS],
        "read": Level.READ,
    }


@signed_in
@require_GET
def find(request: HttpRequest, uid: UUID) -> HttpResponse:
    """People and groups that match what is typed."""
    queries.node(actor=actor_of(request), uid=uid)
    text = request.GET.get("q", "").strip()
    found = accounts.find_principals(actor=actor_of(request), text=text, limit=8) if text else []
    return render(request, "portal/_people.html", {"found": found, "text": text})


@signed_in
@require_POST
def set_owners(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Add an owner by name, or take one away."""
    actor = actor_of(request)
    problem = None
    try:
        owners = {str(owner.uid) for owner in queries.owners(actor=actor, uid=uid)}
        if request.POST.get("add"):
            owners.add(str(accounts.user_named(actor=actor, name=request.POST["add"].strip()).uid))
        owners.discard(request.POST.get("remove", ""))
        services.set_owners(actor=actor, uid=uid, users=[UUID(owner) for owner in sorted(owners)])
    except Problem as error:
        problem = error
    return _dialog(request, actor, uid, problem, saved=problem is None)
