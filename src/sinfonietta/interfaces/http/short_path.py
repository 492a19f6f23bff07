"""The short path of DICOMweb: a viewer asks for a thousand things of a study, and needs little of what a page needs.

Log, CORS, access rule and problems are those of the long way, made of the same classes; the headers that its other
middlewares would set are the same at each answer, so they are made once. What could need a form's token goes the long
way.
"""

from __future__ import annotations

from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from sinfonietta.interfaces.http.authentication import needs_csrf_token
from sinfonietta.interfaces.http.cors import Cors
from sinfonietta.interfaces.http.middleware import Doorkeeper, Next, RequestLog

DOOR = "/dicomweb/"


def _guarded(serve: Next) -> Next:
    """Exceptions become answers, as Django makes them."""
    return convert_exception_to_response(serve)  # type: ignore[return-value]


class ShortPath:
    """Serves DICOMweb itself and lets everything else pass."""

    def __init__(self, get_response: Next) -> None:
        self.long_way = get_response
        self.doorkeeper = Doorkeeper(_guarded(self._serve))
        self.hall = RequestLog(_guarded(Cors(self.doorkeeper)))
        self.session = SessionMiddleware(get_response)
        self.user = AuthenticationMiddleware(get_response)
        self.headers = {
            "Content-Security-Policy": build_policy(),
            "X-Frame-Options": settings.X_FRAME_OPTIONS,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
            "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        }

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(DOOR) or needs_csrf_token(request):
            return self.long_way(request)
        response = self.hall(request)
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        if not response.streaming and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
        return response

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        request.get_host()  # one that is not ours is refused, as everywhere
        match = get_resolver().resolve(request.path_info)
        request.resolver_match = match
        if "Authorization" not in request.headers:
            self.session.process_request(request)
            self.user.process_request(request)
        refused = self.doorkeeper.process_view(request, match.func, match.args, match.kwargs)
        if refused is not None:
            return refused
        try:
            return match.func(request, *match.args, **match.kwargs)  # type: ignore[no-any-return]
        except Exception as error:
            problem = self.doorkeeper.process_exception(request, error)
            if problem is None:
                raise
            return problem
