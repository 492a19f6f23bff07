"""Structured reports as text for people: rendered media types of the text category (DICOM PS3.18 8.7.4)."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from sinfonietta.dicom.reports import Content

REPORTS = "1.2.840.10008.5.1.4.1.1.88."
"""How SOP classes of structured reports, key object selections among them, begin."""
MEDIA_TYPES = ("text/html", "text/plain")
MOST_ITEMS = 20_000
"""Of a larger report the upper levels are shown, and how much lies below them."""
STYLE = mark_safe("body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}ul{padding-left:1.2em}")


def rendered(root: Content, media_type: str) -> bytes:
    """The report in one of ``MEDIA_TYPES``."""
    return (_page(root) if media_type == "text/html" else "\n".join(_lines(root)) + "\n").encode()


def _page(root: Content) -> str:
    title = root.concept.meaning or "Report"
    return format_html(
        '<!doctype html><html><head><meta charset="utf-8"><title>{}</title><style>{}</style></head>'
        "<body><h1>{}</h1>{}<p>Research only. Not a medical device.</p></body></html>",
        title, STYLE, title, _list(root),
    )  # fmt: skip


def _list(content: Content) -> SafeString:
    if not content.children and not content.more:
        return SafeString("")
    rows = [
        format_html("<li><b>{}</b> {}{}</li>", one.concept.meaning or one.concept.code, _value(one), _list(one))
        for one in content.children
    ]
    if content.more:
        rows.append(format_html("<li>… {} more</li>", content.more))
    return format_html("<ul>{}</ul>", SafeString("".join(map(conditional_escape, rows))))


def _lines(content: Content, depth: int = 0) -> Iterator[str]:
    named = content.concept.meaning or content.concept.code or ("Report" if not depth else content.kind)
    said = " ".join(_value(content).split())
    yield "  " * depth + f"{named}: {said}".removesuffix(": ")
    for one in content.children:
        yield from _lines(one, depth + 1)
    if content.more:
        yield "  " * (depth + 1) + f"… {content.more} more"


def _value(content: Content) -> str:
    unit = content.unit.code or content.unit.meaning
    said = f"{content.value} {'' if unit in {'1', 'no units'} else unit}".strip()
    return f"{said} ({content.reference[1]})".strip() if content.reference else said
