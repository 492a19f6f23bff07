"""Ranges and conditions of requests (RFC 9110 13, 14), without a word of HTTP frameworks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

MOST_RANGES = 32
"""More ranges than this in one request are not honoured: the whole is sent (RFC 9110 14.2 allows it)."""

ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"')
RANGE = re.compile(r"(\d*)-(\d*)")


class Unsatisfiable(Exception):
    """No range lies inside the content: 416."""


def parse(header: str, size: int) -> list[tuple[int, int]] | None:
    """The ranges of a ``Range`` header as (start, length), in the order asked.

    None when the header is not of a form that we honour (another unit, bad syntax, too many ranges, overlapping so
    far that it asks for more than the whole): then the whole is sent. Raises Unsatisfiable when the syntax is
    right and nothing of it lies inside ``size`` bytes.
    """
    unit, equals, spec = header.partition("=")
    parts = [part.strip() for part in spec.split(",") if part.strip()]
    if unit.strip().lower() != "bytes" or not equals or not parts or len(parts) > MOST_RANGES:
        return None
    ranges = []
    for part in parts:
        match = RANGE.fullmatch(part)
        if not match or match[1] == match[2] == "" or len(part) > 40:
            return None
        if match[1] and match[2] and int(match[1]) > int(match[2]):
            return None
        start, end = _bounds(match[1], match[2], size)
        if start < end:
            ranges.append((start, end - start))
    if not ranges:
        raise Unsatisfiable
    return ranges if sum(length for _, length in ranges) <= size else None


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:  # a suffix: the last N bytes
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def precondition(headers: Mapping[str, str], etag: str, modified: datetime, *, safe: bool) -> int | None:
    """412, 304 or None, in the order of RFC 9110 13.2.2. ``etag`` comes with its quotes."""
    match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if match is not None:
        if not _lists(match, etag, weak=False):
            return 412
    elif _is_after(modified, headers.get("If-Unmodified-Since")):
        return 412
    if none_match is not None:
        if _lists(none_match, etag, weak=True):
            return 304 if safe else 412
    elif safe and _is_after(modified, headers.get("If-Modified-Since")) is False:
        return 304
    return None


def if_range_holds(header: str | None, etag: str, modified: datetime) -> bool:
    """Whether a ``Range`` may be honoured beside this ``If-Range`` (RFC 9110 13.1.5)."""
    if header is None:
        return True
    if header.startswith(('"', "W/")):
        return header == etag
    when = _date(header)
    return when is not None and when == modified.replace(microsecond=0)


def _lists(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    tags = ENTITY_TAG.findall(header)
    return etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)


def _is_after(modified: datetime, header: str | None) -> bool | None:
    """Whether it was modified after the date; None when there is no date."""
    when = _date(header) if header else None
    return None if when is None else modified.replace(microsecond=0) > when


def _date(header: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    return when if when.tzinfo else None
