"""Every refusal of the API as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse
from rest_framework import exceptions

from sinfonietta.common.errors import Forbidden, Invalid, NotFound, Problem
from sinfonietta.interfaces.http.problems import problem_response


class Refused(Problem):
    """A refusal of REST Framework itself: bad JSON, a method or a media type that is not there."""

    def __init__(self, error: exceptions.APIException) -> None:
        super().__init__(str(error.detail))
        self.status = error.status_code
        self.title = HTTPStatus(error.status_code).phrase.capitalize()
        self.slug = str(error.default_code).replace("_", "-")


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """The answer to an exception of a view; None (a 500, with its trace in the log) when it was not foreseen."""
    request = context["request"]._request
    problem = as_problem(error)
    if problem is None:
        return None
    response = problem_response(problem, request)
    if isinstance(error, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def as_problem(error: Exception) -> Problem | None:
    """The problem that an exception stands for, if it was foreseen."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return Invalid("Some fields cannot be used.", errors=_flat(error.detail))
    if isinstance(error, Http404 | exceptions.NotFound):
        return NotFound()
    if isinstance(error, exceptions.PermissionDenied):
        return Forbidden(str(error.detail))
    if isinstance(error, exceptions.APIException):
        return Refused(error)
    return None


def _flat(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Nested messages under dotted names: ``grants.0.level``."""
    if isinstance(detail, dict):
        return {k: v for key, inner in detail.items() for k, v in _flat(inner, f"{prefix}{key}.").items()}
    if detail and all(isinstance(inner, str) for inner in detail):
        return {prefix.rstrip(".") or "body": [str(inner) for inner in detail]}
    return {k: v for n, inner in enumerate(detail) for k, v in _flat(inner, f"{prefix}{n}.").items()}
