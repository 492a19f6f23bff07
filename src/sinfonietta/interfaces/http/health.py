"""Alive; can serve. Open to all, one word, nothing about the inside."""

from __future__ import annotations

import os

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse

from sinfonietta.interfaces.http.access import open_to_all


@open_to_all
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("alive\n", content_type="text/plain")


@open_to_all
def ready(request: HttpRequest) -> HttpResponse:
    """Database and data folder can be used; 503 with ``Retry-After`` while they cannot."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        usable = os.access(settings.OPTIONS.data, os.W_OK)
    except Error:
        usable = False
    if usable:
        return HttpResponse("ready\n", content_type="text/plain")
    return HttpResponse("unavailable\n", status=503, content_type="text/plain", headers={"Retry-After": "5"})
