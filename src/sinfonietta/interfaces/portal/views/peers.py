"""Other DICOM nodes: the list, one of them with its studies, and sending a study to one."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from sinfonietta.common.errors import Problem, Unavailable
from sinfonietta.dicom.peers import queries, services
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts

FILTERS = ("patient_name", "patient_id", "study_date", "modality")
DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
ROWS = 100
MOST_SENT = 100
"""Studies at a time: as many as a page of them has."""
PAUSES = ((None, "never"), (1, "every hour"), (6, "every 6 hours"), (24, "every day"), (168, "every week"))


@signed_in
@require_http_methods(["GET", "POST"])
def peers(request: HttpRequest) -> HttpResponse:
    """The nodes that the person may use (an administrator: all), and a new one."""
    actor, problem = actor_of(request), None
    if request.method == "POST":
        try:
            made = services.create_peer(actor=actor, **_said(request))
            parts.note(request, f"{made.ae_title} may talk to us as {made.account.name}.")
            return redirect("portal:peer", uid=made.uid)
        except Problem as error:
            problem = error
    context = {
        "peers": queries.peers(actor=actor),
        "own_title": settings.OPTIONS.ae_title,
        "problem": problem,
        "posted": request.POST,
    }
    return render(request, "portal/peers.html", context, status=problem.status if problem else 200)


def _said(request: HttpRequest) -> dict[str, Any]:
    said = request.POST
    port = said.get("port", "")
    places = parts.uuids([said.get("into", "").strip().rpartition("/")[2]])
    return {
        "ae_title": said.get("ae_title", ""),
        "host": said.get("host", ""),
        "port": int(port) if port.isdecimal() and len(port) < 6 else 0,
        "account": said.get("account", "").strip(),
        "into": places[0] if places else None,
        "tls": "tls" in said,
        "description": said.get("description", "").strip(),
    }


@signed_in
@require_http_methods(["GET"])
def peer(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One node: whether it answers, and what it finds for a question."""
    actor, problem = actor_of(request), None
    found = queries.peer(actor=actor, uid=uid)
    asked = {name: request.GET.get(name, "").strip()[:64] for name in FILTERS}
    answers = None
    if "ask" in request.GET:
        try:
            answers = services.query(actor=actor, uid=uid, asked=_meant(asked), limit=ROWS)
        except Problem as error:
            problem = error
    context = {
        "peer": found,
        "usable": any(one.uid == uid for one in queries.usable(actor=actor)),
        "asked": asked,
        "answers": answers,
        "problem": problem,
        "pauses": PAUSES,
    }
    return render(request, "portal/peer.html", context)


def _meant(asked: dict[str, str]) -> dict[str, str]:
    """What a person means by what they typed: dates of a calendar, names by how they begin."""
    name = asked["patient_name"]
    return asked | {
        "study_date": DATE.sub(r"\1\2\3", asked["study_date"]),
        "patient_name": f"{name}*" if name and "*" not in name else name,
    }


@signed_in
@require_POST
def echo(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Does it answer?"""
    try:
        services.echo(actor=actor_of(request), uid=uid)
        return parts.said(request, "The node answers.")
    except Unavailable as problem:
        return parts.said(request, parts.problem_text(problem))


@signed_in
@require_POST
def remove(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Forget a node."""
    services.remove_peer(actor=actor_of(request), uid=uid)
    parts.note(request, "The node is no longer known.")
    return redirect("portal:peers")


@signed_in
@require_POST
def fetch(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Fetch a study from a node."""
    services.fetch(actor=actor_of(request), uid=uid, study=request.POST.get("study", ""))
    return parts.said(request, "The study is being fetched; Jobs shows how far it is.")


@signed_in
@require_POST
def mirror(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Fetch all that matches and is not here."""
    asked = {name: request.POST.get(name, "").strip()[:64] for name in FILTERS}
    services.mirror(actor=actor_of(request), uid=uid, asked=_meant(asked))
    parts.note(request, "What is not here yet is being fetched.")
    return redirect("portal:jobs")


@signed_in
@require_POST
def schedule(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Mirror a node every so many hours, or no more."""
    said = request.POST.get("every_h", "")
    hours = int(said) if said.isdecimal() and len(said) < 6 else None
    services.mirror_every(actor=actor_of(request), uid=uid, hours=hours)
    return parts.said(request, "The node is mirrored again and again." if hours else "The node is not mirrored.")


@signed_in
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Send studies to a node, each as a job of its own."""
    to, roots = parts.uuids([request.POST.get("to", "")]), parts.uuids([request.POST.get("in", "")])
    if not to:
        return parts.said(request, "Choose a node to send it to.")
    studies = list(dict.fromkeys(request.POST.getlist("study")))[:MOST_SENT]
    for study in studies or [""]:
        services.send(actor=actor_of(request), uid=to[0], study=study, root=roots[0] if roots else None)
    return parts.said(
        request, f"{len(studies)} {'study is' if len(studies) == 1 else 'studies are'} being sent; Jobs shows how far."
    )
