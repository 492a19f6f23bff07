"""The body of a request as a stream, whatever way its length is told."""

from __future__ import annotations

from typing import IO, cast

from django.http import HttpRequest

from sinfonietta.common.errors import Problem


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
