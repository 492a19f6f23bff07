"""The hall that every web request walks through: a log line with an id, and the doorkeeper."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from sinfonietta.common.errors import NotSignedIn, Problem
from sinfonietta.interfaces.http import access, authentication
from sinfonietta.interfaces.http.problems import problem_of, problem_response, wants_page

log = structlog.get_logger("sinfonietta.request")
Next = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,36}")


class RequestLog:
    """One line a request: id, method, route, status, duration, account. The route, not the path: names are private."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        begun = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):  # type: ignore[attr-defined]
            response = self.get_response(request)
            actor = getattr(request, "actor", None)
            log.info(
                "request",
                method=request.method,
                route=request.resolver_match.route if request.resolver_match else "",
                status=response.status_code,
                duration_ms=round((time.perf_counter() - begun) * 1000, 1),
                account=str(actor.uid) if actor else None,
            )
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class Doorkeeper:
    """Keeps the access rule of each route and renders the problems of the house."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Django's own switch, read by its CSRF middleware when the view is about to run.
        request._dont_enforce_csrf_checks = (  # type: ignore[attr-defined]
            getattr(request, "_dont_enforce_csrf_checks", False) or not authentication.needs_csrf_token(request)
        )
        response = self.get_response(request)
        if response.status_code in (204, 304):
            del response["Content-Type"]  # nothing has no type, and a cache would believe it (RFC 9111 3.2)
        # What says nothing of caches is a person's: "Back" shows it to nobody after they signed out, nor shows it a
        # part of a page that was fetched from the page's address.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        rule = access.rule_of(view)
        if rule == access.OPEN:
            return None
        if rule != access.SIGNED_IN:
            raise RuntimeError(f"{request.resolver_match} declares no access rule.")
        try:
            authentication.actor_of(request)
        except NotSignedIn as problem:
            is_page = wants_page(request) or "HX-Request" in request.headers
            return _to_sign_in(request) if is_page else problem_response(problem, request)
        except (Problem, Error) as error:
            if found := problem_of(error):
                return problem_response(found, request)
            raise
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if problem := problem_of(exception):
            return problem_response(problem, request)
        return None  # what is none of the house: handler500 logs and renders it, wherever it came from


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    page = urlsplit(request.headers.get("HX-Current-URL", request.get_full_path()))
    where = resolve_url("portal:sign-in") + "?" + urlencode({"next": page._replace(scheme="", netloc="").geturl()})
    if "HX-Request" in request.headers:  # a part of a page: the whole page goes to sign in, and comes back
        return HttpResponse(status=401, headers={"HX-Redirect": where})
    return HttpResponseRedirect(where)
