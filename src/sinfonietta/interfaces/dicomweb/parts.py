"""multipart/related answers (RFC 2387, DICOM PS3.18 8.6.1.2), streamed, with a length that is known before."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.interfaces.http.content import hold
from sinfonietta.interfaces.http.streams import LONG_BYTES, Slot


@dataclass(frozen=True)
class Part:
    """One part: its media type, what else its head says, its size, and how to get its bytes when its turn has come."""

    content_type: str
    size_bytes: int
    content: Callable[[], Iterable[bytes]]
    location: str = ""

    def head(self) -> bytes:
        """The part's header."""
        where = f"Content-Location: {self.location}\r\n" if self.location else ""
        return f"Content-Type: {self.content_type}\r\nContent-Length: {self.size_bytes}\r\n{where}\r\n".encode()


def multipart(request: HttpRequest, parts: Sequence[Part], inner: str) -> HttpResponseBase:
    """The answer with these parts. Raises Unavailable when too many long streams are under way."""
    boundary = secrets.token_hex(16)
    line = f"\r\n--{boundary}\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    total = sum(len(line) + len(part.head()) + part.size_bytes for part in parts) + len(tail)
    headers = {"Content-Length": str(total), "Cache-Control": "private, no-cache"}
    content_type = f'multipart/related; type="{inner}"; boundary={boundary}'
    if request.method == "HEAD":
        return HttpResponse(content_type=content_type, headers=headers)

    def content() -> Iterator[bytes]:
        for part in parts:
            yield line + part.head()
            yield from part.content()
        yield tail

    slot = Slot() if total >= LONG_BYTES else None
    return hold(StreamingHttpResponse(content(), content_type=content_type, headers=headers), slot)


def plain(request: HttpRequest, part: Part, **headers: str) -> HttpResponseBase:
    """The answer that is this part alone. Raises Unavailable when too many long streams are under way."""
    headers |= {
        "Content-Length": str(part.size_bytes),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        return HttpResponse(content_type=part.content_type, headers=headers)
    slot = Slot() if part.size_bytes >= LONG_BYTES else None
    return hold(StreamingHttpResponse(part.content(), content_type=part.content_type, headers=headers), slot)
