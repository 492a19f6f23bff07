"""Ranges and conditions of RFC 9110, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.interfaces.http import ranges

ETAG = '"abc"'
MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 500, tzinfo=UTC)


def http_date(when: datetime) -> str:
    return format_datetime(when, usegmt=True)


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-0", 10, [(0, 1)]),
        ("bytes=0-", 10, [(0, 10)]),
        ("bytes=-3", 10, [(7, 3)]),
        ("bytes=-30", 10, [(0, 10)]),
        ("bytes=5-100", 10, [(5, 5)]),
        ("bytes=8-9,0-1", 10, [(8, 2), (0, 2)]),
        ("bytes=0-1, 20-30", 10, [(0, 2)]),
        ("Bytes=1-2", 10, [(1, 2)]),
    ],
)
def test_ranges_are_honoured(header: str, size: int, expected: list[tuple[int, int]]) -> None:
    assert ranges.parse(header, size) == expected


@pytest.mark.parametrize(
    "header",
    [
        *("items=0-1", "bytes", "bytes=", "bytes=-", "bytes=2-1", "bytes=a-b", "bytes=1", "bytes=0-9,0-9", "bytes=--1"),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(40)),
    ],
)
def test_what_is_not_a_range_of_ours_sends_the_whole(header: str) -> None:
    assert ranges.parse(header, 10) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-0", 0), ("bytes=-5", 0)])
def test_a_range_outside_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(ranges.Unsatisfiable):
        ranges.parse(header, size)


@given(st.text(max_size=60), st.integers(0, 2**63))
def test_no_header_breaks_it_and_all_ranges_lie_inside(text: str, size: int) -> None:
    try:
        found = ranges.parse("bytes=" + text, size)
    except ranges.Unsatisfiable:
        return
    for start, length in found or []:
        assert 0 <= start < start + length <= size


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"If-None-Match": ETAG}, 304),
        ({"If-None-Match": f'"x", W/{ETAG}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, None),
        ({"If-Match": ETAG}, None),
        ({"If-Match": f"W/{ETAG}"}, 412),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": "*"}, None),
        ({"If-Modified-Since": http_date(MODIFIED)}, 304),
        ({"If-Modified-Since": http_date(MODIFIED - timedelta(days=1))}, None),
        ({"If-Modified-Since": "nonsense"}, None),
        ({"If-Unmodified-Since": http_date(MODIFIED - timedelta(days=1))}, 412),
        ({"If-Unmodified-Since": http_date(MODIFIED)}, None),
        # If-None-Match is the one that counts beside If-Modified-Since (RFC 9110 13.1.3)
        ({"If-None-Match": '"x"', "If-Modified-Since": http_date(MODIFIED)}, None),
    ],
)
def test_preconditions_of_a_safe_request(headers: dict[str, str], expected: int | None) -> None:
    assert ranges.precondition(headers, ETAG, MODIFIED, safe=True) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, True),
        (ETAG, True),
        ('"x"', False),
        (f"W/{ETAG}", False),
        (http_date(MODIFIED), True),
        (http_date(MODIFIED + timedelta(days=1)), False),
        ("nonsense", False),
    ],
)
def test_if_range(header: str | None, expected: bool) -> None:
    assert ranges.if_range_holds(header, ETAG, MODIFIED) is expected
