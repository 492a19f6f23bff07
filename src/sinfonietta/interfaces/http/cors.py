"""Pages of other sites that the setting ``cors_origins`` lists may call the API and DICOMweb (Fetch standard, CORS).

With a token in a header, never with the cookie: ``Access-Control-Allow-Credentials`` is not said.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from sinfonietta.interfaces.http.problems import PROGRAM_DOORS

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REMEMBER_S = 600


class Cors:
    """Answers a listed origin's question beforehand, which carries no credential, and names the origin in answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        listed = settings.OPTIONS.cors_origins
        if not listed or not request.path_info.startswith(PROGRAM_DOORS):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if origin in listed and asks:
            response: HttpResponseBase = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = METHODS
            response["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "")
            response["Access-Control-Max-Age"] = str(REMEMBER_S)
        else:
            response = self.get_response(request)
        if origin in listed:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = "*"
        patch_vary_headers(response, ["Origin"])
        return response
