"""An archive on the page of its file: what is in it, one entry of it, and its unpacking."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import queries, services
from sinfonietta.archives.errors import NeedsPassword
from sinfonietta.archives.naming import without_ending
from sinfonietta.common.errors import Forbidden, Invalid, Problem, Unavailable
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.entries import serve_entry
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.jobs import queries as jobs
from sinfonietta.library import queries as library
from sinfonietta.library.models import Level
from sinfonietta.previews.kinds import showable

INLINE = {"image", "pdf", "video", "audio"}
MOST_TEXT_BYTES = 2 << 20
"""Of a longer text the beginning is shown."""
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"


@signed_in
@require_GET
def entries(request: HttpRequest, uid: UUID) -> HttpResponse:
    """A folder of the archive, in the panel of its file's page."""
    actor = actor_of(request)
    entry = library.node(actor=actor, uid=uid)
    context: dict[str, Any] = {"entry": entry, "unpacks": _places(actor, entry) != []}
    try:
        looked = queries.look(actor=actor, uid=uid)
        if looked.job:
            return render(request, "portal/_archive_read.html", context | {"job": looked.job})
        folder = request.GET.get("in", "")
        inside = queries.inside(actor=actor, looked=looked, folder=folder, cursor=request.GET.get("cursor") or None)
    except NeedsPassword as problem:
        return render(request, "portal/_archive.html", context | {"problem": problem, "is_locked": True})
    except Unavailable:
        raise
    except Problem as problem:
        return render(request, "portal/_archive.html", context | {"problem": problem})
    context |= {"about": looked.about, "inside": inside, "folder": folder, "trail": _trail(folder)}
    return render(request, "portal/_archive.html", context)


def _trail(folder: str) -> list[tuple[str, str]]:
    """The folders above, each with its whole name."""
    names = folder.split("/") if folder else []
    return [(name, "/".join(names[: at + 1])) for at, name in enumerate(names)]


@signed_in
@require_GET
def show(request: HttpRequest, uid: UUID, number: int) -> HttpResponse:
    """One entry, in a dialog: what can be shown of it, or why not."""
    actor = actor_of(request)
    looked = _looked(actor, uid)
    context: dict[str, Any] = {"entry": library.node(actor=actor, uid=uid), "number": number}
    found = queries.entry(actor=actor, looked=looked, number=number)
    context["found"] = found
    if found.is_encrypted:
        return render(request, "portal/_entry.html", context | {"is_locked": True})
    try:
        content = queries.content(actor=actor, looked=looked, number=number)
    except Problem as problem:
        return render(request, "portal/_entry.html", context | {"reason": parts.problem_text(problem)})
    try:
        shown = showable(content.media_type, found.size_bytes, "ready")
        kind = shown.kinds[0] if shown.kinds and content.media_type != "application/dicom" else ""
        context |= {"kind": kind, "reason": shown.reason or "Unpack the archive to look at it."}
        if kind == "text":
            context |= _text(content)
    except Problem as problem:
        context |= {"kind": "", "reason": parts.problem_text(problem)}
    finally:
        content.blocks.close()
    return render(request, "portal/_entry.html", context)


def _text(content: queries.Content) -> dict[str, Any]:
    """The beginning of a text. Raises Problem where its bytes are not what they should be."""
    found = b""
    for block in content.blocks:
        found += block
        if len(found) > MOST_TEXT_BYTES:
            break
    return {"text": found[:MOST_TEXT_BYTES].decode("utf-8", "replace"), "is_cut": len(found) > MOST_TEXT_BYTES}


def _looked(actor: Actor, uid: UUID) -> queries.Looked:
    looked = queries.look(actor=actor, uid=uid)
    if looked.job:
        raise Unavailable("The archive is being read; try again shortly.")
    return looked


@signed_in
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: HttpRequest, uid: UUID, number: int) -> HttpResponseBase:
    """The bytes of one entry: for a preview inline, else as a download. A password comes in the body of a POST."""
    actor = actor_of(request)
    password = request.POST.get("password", "") if request.method == "POST" else ""
    content = queries.content(actor=actor, looked=_looked(actor, uid), number=number, password=password)
    if "inline" not in request.GET:
        return serve_entry(request, content)
    kinds = showable(content.media_type, content.entry.size_bytes, "ready").kinds
    if not kinds or kinds[0] not in INLINE or content.media_type == "application/dicom":
        content.blocks.close()
        raise Forbidden("Files of this type are downloaded, not shown in the page.")
    response = serve_entry(request, content, "inline")
    if kinds[0] == "pdf":
        response["Content-Security-Policy"] = PDF_POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


@signed_in
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def unpack(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The dialog that asks where to; then the job, in the panel."""
    actor = actor_of(request)
    entry = library.node(actor=actor, uid=uid)
    places = _places(actor, entry)
    said = request.POST if request.method == "POST" else {}
    context: dict[str, Any] = {"entry": entry, "places": places, "said": said}
    context["name"] = said.get("name") or without_ending(entry.name)
    context["about"] = _about(actor, uid)
    if request.method == "POST":
        parent = next(iter(parts.uuids([said.get("parent", "")])), None)
        try:
            job = services.unpack(
                actor=actor, uid=uid, parent=parent, name=None if "here" in said else said.get("name", "").strip(),
                nested="nested" in said, password=said.get("password", ""),
            )  # fmt: skip
        except Invalid as problem:
            return render(request, "portal/_unpack.html", context | {"problem": problem})
        return parts.said(request, "The archive is being unpacked.", refresh=True, unpacking=reverse_progress(job.uid))
    return render(request, "portal/_unpack.html", context)


def reverse_progress(job: UUID) -> str:
    """Where a job shows how far it is."""
    return reverse("portal:unpacking", args=[job])


def _about(actor: Actor, uid: UUID) -> Any:
    """What is known of the archive: whether a password is needed. Nothing, where its list is encrypted too."""
    try:
        return queries.look(actor=actor, uid=uid).about
    except NeedsPassword:
        return {"is_encrypted": True}


def _places(actor: Actor, entry: library.Entry) -> list[library.Entry]:
    """Where it could be unpacked: beside itself, or at home."""
    found: list[library.Entry] = []
    for uid in (entry.parent, library.home(actor=actor)):
        if uid and all(uid != one.uid for one in found):
            place = library.node(actor=actor, uid=uid)
            found += [place] if place.level >= Level.WRITE else []
    return found


@signed_in
@require_GET
def progress(request: HttpRequest, uid: UUID) -> HttpResponse:
    """How far an unpacking is, renewing itself; at its end what came of it."""
    return render(request, "portal/_unpacking.html", {"job": jobs.job(actor=actor_of(request), uid=uid)})
