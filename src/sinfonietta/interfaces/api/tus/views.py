"""tus 1.0.0: resumable uploads. This door speaks the protocol; ``ingest.uploads`` has the rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date

from sinfonietta.blobs.errors import Busy
from sinfonietta.common.errors import NotFound, Problem
from sinfonietta.ingest import uploads
from sinfonietta.ingest.models import Upload
from sinfonietta.interfaces.api.tus import headers as tus
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.bodies import body_of
from sinfonietta.interfaces.http.problems import problem_response
from sinfonietta.interfaces.http.streams import long_stream

OFFSET_STREAM = "application/offset+octet-stream"
View = Callable[..., HttpResponse]


class WrongMediaType(Problem):
    status, title, slug = 415, "Media type not supported", "wrong-media-type"


class NotAllowed(Problem):
    status, title, slug = 405, "Method not allowed", "method-not-allowed"

    def __init__(self, *methods: str) -> None:
        self.allow = ", ".join(methods)
        super().__init__(f"Here are {self.allow}.")


class Locked(Problem):
    """Somebody is at it: a client asks again, where after 409 it would begin a new upload."""

    status, title, slug = 423, "Locked", "locked"


def protocol(view: View) -> View:
    """What every answer carries, the version check, and X-HTTP-Method-Override (tus 1.0.0, core protocol).

    The override is read on POST alone: what a proxy, or the check of the CSRF token, takes for a read stays one.
    """

    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        method = request.method or ""
        if method == "POST":
            method = request.headers.get("X-HTTP-Method-Override", method).upper()
        try:
            if method != "OPTIONS" and request.headers.get("Tus-Resumable") != tus.VERSION:
                raise tus.WrongVersion("Send Tus-Resumable: 1.0.0.")
            response = view(request, method, *args, **kwargs)
        except Problem as problem:
            response = problem_response(problem, request)
            if isinstance(problem, tus.WrongVersion):
                response["Tus-Version"] = tus.VERSION
            if isinstance(problem, NotAllowed):
                response["Allow"] = problem.allow
        response["Tus-Resumable"] = tus.VERSION
        response["Cache-Control"] = "no-store"
        return response

    return signed_in(wrapped)


@protocol
def uploads_view(request: HttpRequest, method: str) -> HttpResponse:
    """``/api/v1/uploads/``: what this server can (OPTIONS), and a new upload (POST)."""
    if method == "OPTIONS":
        return HttpResponse(
            status=204,
            headers={
                "Tus-Version": tus.VERSION,
                "Tus-Extension": tus.EXTENSIONS,
                "Tus-Max-Size": str(settings.OPTIONS.max_file_bytes),
                "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
            },
        )
    if method != "POST":
        raise NotAllowed("OPTIONS", "POST")
    concat = request.headers.get("Upload-Concat", "").strip()
    if concat.startswith("final"):
        found = uploads.concatenate(
            actor=actor_of(request), parts=tus.parts(concat), **tus.place(tus.metadata(request))
        )
        return _answer(found, 201, location=True)
    return _create(request, is_partial=tus.is_partial(concat))


def _create(request: HttpRequest, *, is_partial: bool) -> HttpResponse:
    length = tus.number(request, "Upload-Length")
    if (length is None) == (request.headers.get("Upload-Defer-Length") != "1"):
        raise tus.BadHeader("Send either Upload-Length or Upload-Defer-Length: 1.")
    actor, checksum = actor_of(request), tus.checksum(request)
    found = uploads.begin(actor=actor, length=length, is_partial=is_partial, **tus.place(tus.metadata(request)))
    if request.content_type == OFFSET_STREAM or length == 0:
        try:
            found = _append(request, found.uid, 0, checksum)
        except Problem:
            with suppress(NotFound):  # the client never learns where it is
                uploads.terminate(actor=actor, uid=found.uid)
            raise
    return _answer(found, 201, location=True)


@protocol
def upload_view(request: HttpRequest, method: str, uid: UUID) -> HttpResponse:
    """``/api/v1/uploads/{id}``: how far it is (HEAD), more bytes (PATCH), forget it (DELETE)."""
    actor = actor_of(request)
    if method == "HEAD":
        return _state(request, uid)
    if method == "PATCH":
        return _patch(request, uid)
    if method == "DELETE":
        uploads.terminate(actor=actor, uid=uid)
        return HttpResponse(status=204)
    if method == "OPTIONS":
        return HttpResponse(status=204, headers={"Tus-Version": tus.VERSION, "Tus-Extension": tus.EXTENSIONS})
    raise NotAllowed("OPTIONS", "HEAD", "PATCH", "DELETE")


def _patch(request: HttpRequest, uid: UUID) -> HttpResponse:
    if request.content_type != OFFSET_STREAM:
        raise WrongMediaType(f"Send the bytes as {OFFSET_STREAM}.")
    offset, checksum = tus.number(request, "Upload-Offset"), tus.checksum(request)
    if offset is None:
        raise tus.BadHeader("Upload-Offset is missing.")
    length = tus.number(request, "Upload-Length")
    if length is not None:
        uploads.set_length(actor=actor_of(request), uid=uid, length=length)
    return _answer(_append(request, uid, offset, checksum), 204)


def _append(request: HttpRequest, uid: UUID, offset: int, checksum: tuple[str, bytes] | None) -> Upload:
    stream, length = body_of(request)
    with long_stream(length):
        return uploads.append(
            actor=actor_of(request), uid=uid, offset=offset, stream=stream, length=length, checksum=checksum
        )


def _answer(found: Upload, status: int, *, location: bool = False) -> HttpResponse:
    response = HttpResponse(status=status)
    if location:
        response["Location"] = f"/api/v1/uploads/{found.uid}"
    response["Upload-Offset"] = str(found.offset_bytes)
    response["Upload-Expires"] = http_date(found.expires.timestamp())
    if found.file:
        response["Link"] = f'</api/v1/files/{found.file}>; rel="file"'
    return response


def _state(request: HttpRequest, uid: UUID) -> HttpResponse:
    try:
        found = uploads.settled(actor=actor_of(request), uid=uid)
    except Busy as busy:
        raise Locked(busy.detail) from busy
    response = _answer(found, 200)
    if found.metadata:
        response["Upload-Metadata"] = tus.said_metadata(found.metadata)
    if found.length_bytes is None:
        response["Upload-Defer-Length"] = "1"
    else:
        response["Upload-Length"] = str(found.length_bytes)
    if found.is_partial:
        response["Upload-Concat"] = "partial"
    if found.parts:
        response["Upload-Concat"] = "final;" + " ".join(f"/api/v1/uploads/{part}" for part in found.parts)
    return response
