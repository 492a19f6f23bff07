"""What every page knows."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import Error
from django.http import HttpRequest

from sinfonietta import __version__
from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Problem
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.notices import queries as notices


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's name, the person who looks, and what they have not read; asked for only where a page shows it."""
    actor = _who(request)
    return {
        "site_name": settings.OPTIONS.site_name,
        "version": __version__,
        "report_subject": f"A problem with {settings.OPTIONS.site_name}",
        "report_url": _report_url(request),
        "actor": actor,
        "unread": partial(_unread, actor),
    }


def _report_url(request: HttpRequest) -> str:
    """A mail to who keeps the site, with the page and the id under which the log has the request."""
    options = settings.OPTIONS
    if not options.report_address:
        return ""
    page, request_id = options.public_url.rstrip("/") + request.path, getattr(request, "request_id", "")
    body = f"What happened?\n\n\nPage: {page}\nRequest: {request_id}\n"
    said = urlencode({"subject": f"A problem with {options.site_name}", "body": body}, quote_via=quote)
    return f"mailto:{quote(options.report_address, safe='@')}?{said}"


def _who(request: HttpRequest) -> Actor | None:
    """Nobody where nobody is signed in, or nobody can be asked; also on the page for an address that no route has."""
    try:
        return actor_of(request)
    except (Problem, Error):
        return None


def _unread(actor: Actor | None) -> int:
    try:
        return notices.unread(actor=actor) if actor else 0
    except Error:  # the page that says so is shown all the same
        return 0
