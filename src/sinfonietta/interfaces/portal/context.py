"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from sinfonietta import __version__


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's name and the person who looks."""
    return {
        "site_name": settings.OPTIONS.site_name,
        "version": __version__,
        "actor": getattr(request, "actor", None),
    }
