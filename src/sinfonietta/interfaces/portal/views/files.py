"""A file: what is in it, its versions, its metadata."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives.queries import may_be_archive
from sinfonietta.common.errors import Forbidden, Invalid
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.content import serve_blob
from sinfonietta.interfaces.portal.views import dicom, parts, radiotherapy
from sinfonietta.library import queries, services
from sinfonietta.previews.kinds import showable

INLINE = {"image", "vector", "pdf", "video", "audio"}


def page(request: HttpRequest, actor: Actor, entry: queries.Entry, trail: list[queries.Entry]) -> HttpResponse:
    """The page of a file."""
    found = showable(entry.media_type, entry.size_bytes or 0, entry.state, name=entry.name)
    kind = found.kinds[0] if found.kinds else ""
    is_dicom = entry.media_type == "application/dicom"
    is_archive = entry.state != "quarantined" and may_be_archive(entry.media_type, entry.name)
    context: dict[str, Any] = {
        "entry": entry,
        "trail": trail,
        "kind": "dicom" if is_dicom else kind or ("archive" if is_archive else ""),
        "reason": found.reason,
        "versions": queries.versions(actor=actor, uid=entry.uid),
        "metadata": shown_metadata(actor, entry.uid),
        "starred": queries.starred_among(actor=actor, uids=[entry.uid]),
    }
    if is_dicom:
        context |= dicom.context(actor, entry)
        context |= radiotherapy.context(request, actor, entry)
    return render(request, "portal/file.html", context)


def shown_metadata(actor: Actor, uid: UUID) -> list[tuple[str, str]]:
    """Keys and values as text: what is not text as JSON."""
    found = queries.metadata(actor=actor, uid=uid)
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in found.items()]


@signed_in
@require_GET
def content(request: HttpRequest, uid: UUID) -> HttpResponseBase:
    """The bytes for the preview of an image, PDF, video or audio: inline, as their own type, without any script."""
    actor = actor_of(request)
    entry = queries.node(actor=actor, uid=uid)
    version = queries.version(actor=actor, uid=uid)
    kinds = showable(version.media_type, version.size_bytes, version.state, name=entry.name).kinds
    if not kinds or kinds[0] not in INLINE or version.media_type == "application/dicom":
        raise Forbidden("Files of this type are downloaded, not shown in the page.")
    queries.note_read(actor=actor, action="file.previewed", node=entry)
    response = serve_blob(
        request, version.blob, name=entry.name, media_type=version.media_type, modified=version.created, kind="inline"
    )
    if version.media_type == "application/pdf":
        # The browser's own PDF viewer does not run in a sandboxed document; a PDF cannot reach the page around it.
        response["Content-Security-Policy"] = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


@signed_in
@require_POST
def set_metadata(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Set or remove one key. A value that is JSON (a number, true, a list) keeps its type; anything else is text."""
    key, text = request.POST.get("key", "").strip(), request.POST.get("value", "")
    value: object = None if "remove" in request.POST else _typed(text)
    services.set_metadata(actor=actor_of(request), uid=uid, changes={key: value})
    context = {
        "entry": queries.node(actor=actor_of(request), uid=uid),
        "metadata": shown_metadata(actor_of(request), uid),
    }
    return render(request, "portal/_metadata.html", context)


def _typed(text: str) -> object:
    if not text.strip():
        raise Invalid("Give the key a value, or remove it.")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):  # the latter for brackets nested a thousand deep
        return text
    return text if isinstance(value, dict) or value is None else value


@signed_in
@require_POST
def restore_version(request: HttpRequest, uid: UUID, number: int) -> HttpResponse:
    """Make an old version the current one."""
    services.restore_version(actor=actor_of(request), uid=uid, number=number)
    return parts.said(request, f"Version {number} is current again, as a new version.", reload=True)
