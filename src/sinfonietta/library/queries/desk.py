"""What a person keeps at hand: the nodes that they starred, and those that they opened last."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import access
from sinfonietta.library.queries.entries import Entry, entries, seen_by


def starred(*, actor: Actor, limit: int = 50) -> list[Entry]:
    """What the actor starred and may still read, the latest star first."""
    found = access.readable(actor).filter(stars__user=actor.user_id).order_by("-stars__at", "-id")
    return entries(actor, list(seen_by(actor, found)[:limit]))


def starred_among(*, actor: Actor, uids: Iterable[UUID]) -> set[UUID]:
    """Those of the nodes that the actor starred and may still read."""
    found = access.readable(actor).filter(stars__user=actor.user_id, uid__in=list(uids))
    return set(found.values_list("uid", flat=True))


def opened(*, actor: Actor, limit: int = 20) -> list[Entry]:
    """What the actor opened last and may still read."""
    found = access.readable(actor).filter(opened__user=actor.user_id).order_by("-opened__at", "-id")
    return entries(actor, list(seen_by(actor, found)[:limit]))
