"""One entry of an archive as an answer: streamed, as what its first bytes are, and never as a page of ours."""

from __future__ import annotations

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date

from sinfonietta.archives.queries import Content
from sinfonietta.interfaces.http.content import SANDBOX, disposition, hold
from sinfonietta.interfaces.http.streams import LONG_BYTES, Slot

HEADER = "Archive-Password"
"""The header for the password of an encrypted archive: UTF-8, percent-encoded. Never in a URL, which is logged."""


def password_of(request: HttpRequest) -> str:
    """What the header says."""
    return unquote(request.headers.get(HEADER, ""))


def serve_entry(request: HttpRequest, content: Content, kind: str = "attachment") -> HttpResponseBase:
    """The answer to GET or HEAD of an entry.

    What turns out to be wrong in the middle breaks the transfer off: nothing that looks whole has wrong bytes in it.
    Raises Unavailable when too many long streams are under way.
    """
    headers = {
        "Content-Length": str(content.entry.size_bytes),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": disposition(kind, content.entry.leaf or "entry"),
    }
    if content.modified and content.modified.year >= 1970:
        headers["Last-Modified"] = http_date(content.modified.timestamp())
    if request.method == "HEAD":
        content.blocks.close()
        return HttpResponse(content_type=content.media_type, headers=headers)
    slot = Slot() if content.entry.size_bytes >= LONG_BYTES else None
    response = StreamingHttpResponse(content.blocks, content_type=content.media_type, headers=headers)
    return hold(response, slot)
