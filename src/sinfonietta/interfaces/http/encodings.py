"""Content codings that a client takes (RFC 9110 12.5.3)."""

from __future__ import annotations

import re

from django.http import HttpRequest

NEVER = re.compile(r"\s*q=0(\.0{0,3})?\s*")


def takes_gzip(request: HttpRequest) -> bool:
    """Whether the answer may be compressed with gzip."""
    for item in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, weight = item.partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return not NEVER.fullmatch(weight)
    return False
