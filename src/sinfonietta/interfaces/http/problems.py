"""Problems as answers: ``application/problem+json`` (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from sinfonietta.common.errors import NotSignedIn, OutOfStorage, Problem, TooManyAttempts, Unavailable

log = structlog.get_logger("sinfonietta.request")
PROGRAM_DOORS = ("/api/", "/dicomweb/")


def problem_of(error: BaseException | None) -> Problem | None:
    """The problem that an exception stands for: one of the house, or a database that is away, busy or full."""
    if isinstance(error, Problem):
        return error
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    log.error("the database cannot be used", exc_info=error)
    if "disk is full" in str(error) or getattr(error.__cause__, "sqlstate", "") == "53100":
        return OutOfStorage("The disk of the database is full; nothing was kept.")
    return Unavailable("The database cannot be used at the moment; try again shortly.")


def as_json(problem: Problem) -> dict[str, object]:
    """The members of RFC 9457, and ``errors`` for refused fields."""
    body: dict[str, object] = {
        "type": f"urn:sinfonietta:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
    }
    return body | ({"errors": problem.errors} if problem.errors else {})


def problem_response(problem: Problem, request: HttpRequest | None = None) -> HttpResponse:
    """The answer for a problem, with ``WWW-Authenticate`` and ``Retry-After`` where they belong."""
    response: HttpResponse
    if request is not None and wants_page(request):
        response = render(request, "portal/problem.html", {"problem": problem}, status=problem.status)
    else:
        response = JsonResponse(as_json(problem), status=problem.status, content_type="application/problem+json")
    if isinstance(problem, NotSignedIn):
        response["WWW-Authenticate"] = _challenge(request)
    if isinstance(problem, Unavailable | TooManyAttempts):
        response["Retry-After"] = str(problem.retry_after_s)
    return response


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser waits for a page; a module of ours (htmx) takes the problem as JSON and says it."""
    if request.path_info.startswith(PROGRAM_DOORS) or "HX-Request" in request.headers:
        return False
    return "text/html" in request.headers.get("Accept", "")


def _challenge(request: HttpRequest | None) -> str:
    """Basic is offered to DICOMweb programs; a browser would open its own dialog and remember the password."""
    if request is None or not request.path_info.startswith("/dicomweb/") or is_browser(request):
        return 'Bearer realm="Sinfonietta"'
    return 'Basic realm="Sinfonietta", charset="UTF-8"'


def is_browser(request: HttpRequest) -> bool:
    """Whether a page made this request. Browsers leave out ``Sec-Fetch-*`` where the site has no TLS."""
    return "Sec-Fetch-Mode" in request.headers or request.headers.get("User-Agent", "").startswith("Mozilla/")
