"""Pages for what went wrong; programs get the same as ``application/problem+json``."""

from __future__ import annotations

import sys

import structlog
from django.http import HttpRequest, HttpResponse

from sinfonietta.common.errors import Forbidden, NotFound, Problem
from sinfonietta.interfaces.http.problems import problem_of, problem_response

log = structlog.get_logger("sinfonietta.request")


class BadRequest(Problem):
    status, title, slug = 400, "The request cannot be read", "bad-request"


class Broken(Problem):
    status, title, slug = 500, "Something broke on our side", "internal"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return problem_response(BadRequest(), request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return problem_response(Forbidden(), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return problem_response(NotFound("There is no such page, or it is not yours to see."), request)


def broken(request: HttpRequest) -> HttpResponse:
    """500; the log has the trace under the request id. 503 where it was the database that cannot be used."""
    error = sys.exc_info()[1]
    if problem := problem_of(error):
        return problem_response(problem, request)
    log.error("a request broke", exc_info=error)
    request_id = getattr(request, "request_id", "")
    return problem_response(Broken(f"It is in the server's log under the request id {request_id}."), request)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token."""
    return problem_response(Forbidden("The page was open for too long; go back, reload it and try again."), request)
