"""The body of a request as a stream, whatever way its length is told."""

from __future__ import annotations

from io import BytesIO
from typing import IO, cast

from django.conf import settings
from django.http import HttpRequest

from sinfonietta.common.errors import Problem, TooLarge


class LengthRequired(Problem):
    status, title, slug = 411, "Length required", "length-required"


def body_of(request: HttpRequest) -> tuple[IO[bytes], int | None]:
    """The body and its length in bytes (None: chunked, read to its end).

    Django reads nothing of a chunked body, so the server's own stream is taken. Raises LengthRequired when the server
    does not end that stream by itself.
    """
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        if not request.META.get("wsgi.input_terminated"):
            raise LengthRequired("Send the body with a Content-Length.")
        return cast(IO[bytes], request.META["wsgi.input"]), None
    return cast(IO[bytes], request), int(request.META.get("CONTENT_LENGTH") or 0)


def gather(request: HttpRequest) -> None:
    """Read a small body whole, chunked or not, so that a parser finds it measured. Raises TooLarge, LengthRequired."""
    stream, length = body_of(request)
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = b"" if length is not None and length > most else stream.read(most + 1)
    if len(body) > most or (length or 0) > most:
        raise TooLarge(f"A body that is no file has at most {most} bytes.")
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream, request._read_started = BytesIO(body), False  # type: ignore[attr-defined]  # as if just arrived
