"""Passages of a document around the words that were looked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db.models.functions import Substr
from django.utils.html import escape

from sinfonietta.search.models import Document
from sinfonietta.search.words import RUN, fold, words

MOST_READ = 200_000
"""Characters of a text in which passages are looked for."""
MOST_FOLDED = 20_000
"""The same, of a text in which they are written otherwise (accents)."""
MOST, AROUND, GAP = 2, 60, 160


def of(nodes: Sequence[int], asked: Sequence[str]) -> dict[int, list[str]]:
    """Node -> up to two passages as HTML, the words in ``<mark>``; one query, of as many nodes as a page has."""
    wanted = [word for text in asked for word in words(text)]
    if not wanted or not nodes:
        return {}
    plain = re.compile(r"(?<![^\W_])(?:" + "|".join(map(re.escape, wanted)) + r")[^\W_]*", re.IGNORECASE)
    found = Document.objects.filter(node_id__in=nodes).annotate(
        about=Substr("text", 1, MOST_READ), inside=Substr("content", 1, MOST_READ)
    )
    return {
        node: [_marked(text, group) for text in (about, inside) for group in _groups(_spans(text, plain, wanted))][
            :MOST
        ]
        for node, about, inside in found.values_list("node_id", "about", "inside")
    }


def _spans(text: str, plain: re.Pattern[str], wanted: Sequence[str]) -> list[tuple[int, int]]:
    spans = [found.span() for found, _ in zip(plain.finditer(text), range(20), strict=False)]
    if spans or text.isascii():
        return spans
    begins = tuple(wanted)
    runs = (run for run in RUN.finditer(text[:MOST_FOLDED]) if fold(run[0]).startswith(begins))
    return [run.span() for run, _ in zip(runs, range(20), strict=False)]


def _groups(spans: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Spans that are near each other make one passage."""
    groups: list[list[tuple[int, int]]] = []
    for span in spans:
        if groups and span[1] - groups[-1][0][0] < GAP:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups[:MOST]


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    begin, end = max(0, spans[0][0] - AROUND), min(len(text), spans[-1][1] + AROUND)
    begin = text.rfind("\n", begin, spans[0][0]) + 1 or begin
    stop = text.find("\n", spans[-1][1], end)
    end = stop if stop >= 0 else end
    parts, at = ["… " if begin and text[begin - 1] != "\n" else ""], begin
    for start, over in spans:
        parts += [escape(text[at:start]), f"<mark>{escape(text[start:over])}</mark>"]
        at = over
    return "".join([*parts, escape(text[at:end]), " …" if stop < 0 and end < len(text) else ""]).strip()
