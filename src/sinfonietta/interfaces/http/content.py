"""Bytes of a blob as an answer: whole, ranges or not modified; sent by the kernel where it can."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from ssl import SSLSocket
from typing import IO
from urllib.parse import quote

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date

from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import PreconditionFailed, Problem
from sinfonietta.interfaces.http import ranges
from sinfonietta.interfaces.http.problems import problem_response
from sinfonietta.interfaces.http.streams import LONG_BYTES, Slot

BLOCK_BYTES = 1 << 20
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'"
"""Whatever the bytes are, opened as a page they can do nothing."""
ACCEL_PREFIX = "/_blobs/"
"""The internal location of nginx that serves the blob folder (deploy/nginx.conf)."""


class RangeNotSatisfiable(Problem):
    status, title, slug = 416, "Range not satisfiable", "range-not-satisfiable"


class Slice:
    """A piece of an open file. Who sends by descriptor begins at its position and counts by Content-Length."""

    def __init__(self, stream: IO[bytes], start: int, length: int) -> None:
        stream.seek(start)
        self._stream, self._left = stream, length
        self.fileno, self.close = stream.fileno, stream.close

    def read(self, size: int = -1) -> bytes:
        """As of a file that ends where the piece does."""
        block = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block


class SendFile(FileResponse):
    """A piece of a file, handed to the server's ``wsgi.file_wrapper`` (gunicorn: sendfile)."""

    block_size = BLOCK_BYTES

    def set_headers(self, filelike: IO[bytes]) -> None:
        """All headers are ours to set; Django's guesses by file name are not wanted."""


def disposition(kind: str, name: str) -> str:
    """A Content-Disposition that no name can break out of (RFC 6266, RFC 8187)."""
    plain = name.encode("ascii", "replace").decode().translate(str.maketrans('"\\\r\n?', "_____"))
    plain = "".join(character if character.isprintable() else "_" for character in plain)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def serve_blob(
    request: HttpRequest,
    blob: Blob,
    *,
    name: str,
    media_type: str,
    modified: datetime,
    kind: str = "attachment",
) -> HttpResponseBase:
    """The answer to GET or HEAD of a blob: 200, 206, 304, 412 or 416 (RFC 9110).

    The ETag is the SHA-256. ``kind`` is ``attachment`` or, for media that cannot run script, ``inline``.
    Raises Unavailable when too many long streams are under way.
    """
    etag = f'"{blob.sha256}"'
    headers = {
        "ETag": etag,
        "Last-Modified": http_date(modified.timestamp()),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": disposition(kind, name),
    }
    refused = ranges.precondition(request.headers, etag, modified, safe=True)
    if refused:
        validators = {name: headers[name] for name in ("ETag", "Last-Modified", "Cache-Control")}
        if refused == 304:
            return HttpResponse(status=304, headers=validators)
        return _refused(request, PreconditionFailed("The file is another than the one you know."), validators)
    if settings.OPTIONS.proxy != "none" and (handed := _hand_to_proxy(blob)):
        return HttpResponse(content_type=media_type, headers=headers | handed)
    try:
        wanted = _ranges(request, blob, etag, modified)
    except ranges.Unsatisfiable:
        size = {"Content-Range": f"bytes */{blob.size_bytes}", "ETag": etag}
        return _refused(request, RangeNotSatisfiable(f"The file has {blob.size_bytes} bytes."), size)
    if wanted is None:
        return _one(request, blob, 0, blob.size_bytes, 200, media_type, headers)
    if len(wanted) == 1:
        start, length = wanted[0]
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{blob.size_bytes}"
        return _one(request, blob, start, length, 206, media_type, headers)
    return _several(blob, wanted, media_type, headers)


def _refused(request: HttpRequest, problem: Problem, headers: dict[str, str]) -> HttpResponse:
    response = problem_response(problem, request)
    for name, value in headers.items():
        response[name] = value
    return response


def _hand_to_proxy(blob: Blob) -> dict[str, str] | None:
    path = store.default().path(blob)
    if path is None:
        return None
    if settings.OPTIONS.proxy == "nginx":
        return {"X-Accel-Redirect": ACCEL_PREFIX + quote(blob.key)}
    return {"X-Sendfile": str(path)}


def _ranges(request: HttpRequest, blob: Blob, etag: str, modified: datetime) -> list[tuple[int, int]] | None:
    header = request.headers.get("Range") if request.method == "GET" else None  # RFC 9110 14.2: of GET alone
    if not header or not ranges.if_range_holds(request.headers.get("If-Range"), etag, modified):
        return None
    return ranges.parse(header, blob.size_bytes)


def _one(
    request: HttpRequest, blob: Blob, start: int, length: int, status: int, media_type: str, headers: dict[str, str]
) -> HttpResponseBase:
    headers["Content-Length"] = str(length)
    if request.method == "HEAD":
        return HttpResponse(status=status, content_type=media_type, headers=headers)
    slot = Slot() if length >= LONG_BYTES else None
    response: StreamingHttpResponse
    if path := store.default().path(blob):
        piece = Slice(path.open("rb", buffering=0), start, length)
        response = SendFile(piece, status=status, content_type=media_type, headers=headers)
    else:
        content = store.default().open(blob, start, length)
        response = StreamingHttpResponse(content, status=status, content_type=media_type, headers=headers)
    return hold(response, slot)


def _several(
    blob: Blob, wanted: list[tuple[int, int]], media_type: str, headers: dict[str, str]
) -> StreamingHttpResponse:
    """multipart/byteranges (RFC 9110 14.6)."""
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
        f"Content-Range: bytes {start}-{start + length - 1}/{blob.size_bytes}\r\n\r\n".encode()
        for start, length in wanted
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    total = sum(map(len, heads)) + sum(length for _, length in wanted) + len(tail)
    headers["Content-Length"] = str(total)
    media_type = f"multipart/byteranges; boundary={boundary}"

    def parts() -> Iterator[bytes]:
        for head, (start, length) in zip(heads, wanted, strict=True):
            yield head
            yield from store.default().open(blob, start, length)
        yield tail

    slot = Slot() if total >= LONG_BYTES else None
    return hold(StreamingHttpResponse(parts(), status=206, content_type=media_type, headers=headers), slot)


def piece(request: HttpRequest, blob: Blob, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Bytes in the middle of an answer: by the kernel where the server lends its socket (gunicorn), else in blocks.

    Whatever was given to the server before is on the wire by then, as gunicorn keeps nothing back. Not for an answer
    without a length, whose chunks the server frames: see ``by_server``. Raises Damaged.
    """
    connection, path = request.META.get("gunicorn.socket"), store.default().path(blob)
    if path is None or connection is None or isinstance(connection, SSLSocket):
        yield from store.default().open(blob, start, length)
        return
    left = blob.size_bytes - start if length is None else length
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while left:
            sent = os.sendfile(connection.fileno(), descriptor, start, left)
            if not sent:
                raise Damaged("The stored bytes end too early.")
            start, left = start + sent, left - sent
    finally:
        os.close(descriptor)


def by_server(request: HttpRequest) -> None:
    """Let the server send every byte of this answer: it has no length, and what the kernel sends is in no chunk."""
    request.META.pop("gunicorn.socket", None)


def hold(response: StreamingHttpResponse, slot: Slot | None) -> StreamingHttpResponse:
    """Keep a place among the long streams until the response is closed."""
    if slot:
        response._resource_closers.append(slot.close)  # type: ignore[attr-defined]
    return response
