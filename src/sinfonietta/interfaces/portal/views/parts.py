"""Small things that the views share: numbers of a query, answers to htmx."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse

from sinfonietta.common.errors import Problem


def number(request: HttpRequest, name: str, default: int, *, most: int = 10**9) -> int:
    """A non-negative number of the query; the default for anything else."""
    text = request.GET.get(name, "")
    return min(int(text), most) if text.isdecimal() and len(text) < 12 else default


def uuids(values: list[str]) -> list[UUID]:
    """The ids among the values."""
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


def is_part(request: HttpRequest) -> bool:
    """Whether a list of the page renews itself, rather than a person coming to the page."""
    return "HX-Request" in request.headers and "HX-Boosted" not in request.headers


def said(
    request: HttpRequest, sentence: str, *, undo: Mapping[str, object] | None = None, **events: object
) -> HttpResponse:
    """Done, and nothing to show but a sentence: a toast, and events for the page's modules.

    ``undo``: the ``url`` and the fields that take it back; in the body, for headers cannot be long.
    """
    if undo:
        return JsonResponse({"sentence": sentence, "undo": undo}, headers={"HX-Trigger": json.dumps(events)})
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"toast": sentence, **events})})


def note(request: HttpRequest, sentence: str) -> None:
    """A sentence on the next page."""
    messages.success(request, sentence)


def problem_text(problem: Problem) -> str:
    """What a form says of a problem."""
    return " ".join([problem.detail or problem.title])
