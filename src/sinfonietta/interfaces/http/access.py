"""Every route says who may come in; one that says nothing is refused, and named by ``check`` at start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

View = TypeVar("View", bound=Callable[..., Any])
SIGNED_IN = "signed in"
OPEN = "open to all"


def signed_in(view: View) -> View:
    """Only for accounts; ``request.actor`` is set when the view runs."""
    view.access = SIGNED_IN  # type: ignore[attr-defined]
    return view


def open_to_all(view: View) -> View:
    """For everybody: health, static assets, the sign-in pages. Nothing else."""
    view.access = OPEN  # type: ignore[attr-defined]
    return view


def rule_of(view: Callable[..., Any]) -> str | None:
    """The access rule that a view, or the class behind it, declares."""
    behind = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return getattr(view, "access", None) or getattr(behind, "access", None)


def routes(resolver: URLResolver | None = None, prefix: str = "/") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every route of the site with its view."""
    for entry in (resolver or get_resolver()).url_patterns:
        where = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield where, entry.callback
        else:
            yield from routes(entry, where)


@register()
def every_route_has_a_rule(**kwargs: Any) -> list[CheckMessage]:
    """A system check: routes whose view declares no access rule."""
    return [
        Error(f"{where} declares no access rule.", hint="Use access.signed_in or access.open_to_all.", id="http.E001")
        for where, view in routes()
        if rule_of(view) is None
    ]
