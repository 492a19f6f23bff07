"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest

from sinfonietta import __version__
from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Problem
from sinfonietta.interfaces.http.authentication import actor_of


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's name and the person who looks."""
    return {
        "site_name": settings.OPTIONS.site_name,
        "version": __version__,
        "actor": _who(request),
    }


def _who(request: HttpRequest) -> Actor | None:
    """Nobody where nobody is signed in, or nobody can be asked; also on the page for an address that no route has."""
    try:
        return actor_of(request)
    except (Problem, Error):
        return None
