"""How entries of archives look on a page."""

from __future__ import annotations

from datetime import datetime

from django import template

from sinfonietta.archives import queries

register = template.Library()


@register.filter
def moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time."""
    return queries.moment(seconds)
