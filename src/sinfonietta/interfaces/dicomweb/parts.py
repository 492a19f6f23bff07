"""multipart/related answers (RFC 2387, DICOM PS3.18 8.6.1.2), streamed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.interfaces.http.content import by_server, hold
from sinfonietta.interfaces.http.streams import LONG_BYTES, Slot

PIECE_BYTES = 1 << 18


def gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces: each piece is a call of the system."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


@dataclass(frozen=True)
class Part:
    """One part: its media type, what else its head says, its size, and how to get its bytes when its turn has come.

    ``size_bytes`` is None where only sending it tells.
    """

    content_type: str
    size_bytes: int | None
    content: Callable[[], Iterable[bytes]]
    location: str = ""

    def head(self) -> bytes:
        """The part's header."""
        where = f"Content-Location: {self.location}\r\n" if self.location else ""
        size = "" if self.size_bytes is None else f"Content-Length: {self.size_bytes}\r\n"
        return f"Content-Type: {self.content_type}\r\n{size}{where}\r\n".encode()


def multipart(request: HttpRequest, parts: Iterable[Part], inner: str) -> HttpResponseBase:
    """The answer with these parts; its length is said where all of them are there and know theirs.

    An iterator is asked for each part when its turn has come. Raises Unavailable when too many long streams are under
    way.
    """
    boundary = secrets.token_hex(16)
    line = f"\r\n--{boundary}\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {"Cache-Control": "private, no-cache"}
    total = _total(parts, len(line), len(tail)) if isinstance(parts, Sequence) else None
    if total is None:
        by_server(request)
    else:
        headers["Content-Length"] = str(total)
    content_type = f'multipart/related; type="{inner}"; boundary={boundary}'
    if request.method == "HEAD":
        return HttpResponse(content_type=content_type, headers=headers)

    def content() -> Iterator[bytes]:
        for part in parts:
            yield line + part.head()
            yield from part.content()
        yield tail

    slot = Slot() if total is None or total >= LONG_BYTES else None
    return hold(StreamingHttpResponse(content(), content_type=content_type, headers=headers), slot)


def _total(parts: Sequence[Part], line: int, tail: int) -> int | None:
    sizes = [part.size_bytes for part in parts]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    return sum(line + len(part.head()) for part in parts) + sum(known) + tail


def plain(request: HttpRequest, part: Part, **headers: str) -> HttpResponseBase:
    """The answer that is this part alone. Raises Unavailable when too many long streams are under way."""
    headers |= {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if part.size_bytes is None:
        by_server(request)
    else:
        headers["Content-Length"] = str(part.size_bytes)
    if request.method == "HEAD":
        return HttpResponse(content_type=part.content_type, headers=headers)
    slot = Slot() if part.size_bytes is None or part.size_bytes >= LONG_BYTES else None
    content = chain((b"",), part.content())  # the server sends the head before what the kernel sends
    return hold(StreamingHttpResponse(content, content_type=part.content_type, headers=headers), slot)
