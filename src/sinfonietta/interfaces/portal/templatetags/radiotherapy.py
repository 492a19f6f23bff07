"""How figures of plans look on a page."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def figure(value: float | None) -> str:
    """A number with as many digits as tell something; a dash for none."""
    return "–" if value is None else f"{value:.6g}"


@register.filter
def words(value: str) -> str:
    """A coded string (CS) as words."""
    return value.lower().replace("_", " ")


@register.filter
def at(names: Mapping[object, str], key: object) -> str:
    """What a mapping says of a key; empty for nothing."""
    return names.get(key, "")
