"""What a person keeps at hand. It is theirs alone: nobody else's view changes, so the feed of changes is not told."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.common.errors import Conflict, Forbidden
from sinfonietta.common.time import now
from sinfonietta.library import access
from sinfonietta.library.models import Node, Opened, Star
from sinfonietta.library.services import events

MOST_STARS = 200
KEPT_OPENED = 50
"""Of each person; more than are shown, for some may be hidden meanwhile."""


def star(*, actor: Actor, uid: UUID) -> Node:
    """Star a node; one that is starred stays so. Raises NotFound, Forbidden for a read token, Conflict."""
    with transaction.atomic():
        node = _mine(actor, uid)
        if Star.objects.filter(user=actor.user_id).count() >= MOST_STARS:
            raise Conflict(f"You have starred {MOST_STARS} things; take some stars away first.")
        _, made = Star.objects.get_or_create(user_id=actor.user_id, node=node, defaults={"at": now()})
        if made:
            events.record(actor, "node.starred", node)
    return node


def unstar(*, actor: Actor, uid: UUID) -> Node:
    """Take the star away. Raises NotFound, Forbidden for a read token."""
    with transaction.atomic():
        node = _mine(actor, uid)
        if Star.objects.filter(user=actor.user_id, node=node).delete()[0]:
            events.record(actor, "node.unstarred", node)
    return node


def note_opened(*, actor: Actor, uid: UUID) -> None:
    """Remember that the actor opened a node, and forget what they opened long before.

    No event: what was read is in the audit, where it was read. Raises NotFound, Forbidden.
    """
    with transaction.atomic():
        node = _mine(actor, uid)
        own = Opened.objects.filter(user=actor.user_id)
        Opened.objects.update_or_create(user_id=actor.user_id, node=node, defaults={"at": now()})
        kept = own.order_by("-at", "-id").values_list("id", flat=True)[:KEPT_OPENED]
        own.exclude(id__in=list(kept)).delete()


def _mine(actor: Actor, uid: UUID) -> Node:
    node = access.find(actor, uid)
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
    return node
