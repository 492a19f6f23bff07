"""Reads as they are noted, and who may read which part of the audit."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache, partial
from typing import Protocol
from uuid import UUID

from django.db.models import Exists, OuterRef

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import queries as audit
from sinfonietta.audit.models import Event
from sinfonietta.audit.services import record_read
from sinfonietta.common.errors import Forbidden
from sinfonietta.common.paging import Page
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node, Owner


class Place(Protocol):
    """A ``Node``, or an ``Entry`` of one."""

    @property
    def uid(self) -> UUID: ...
    @property
    def collection_id(self) -> int: ...


def note_read(*, actor: Actor, action: str, node: Place, **detail: str | int) -> None:
    """Note that the actor read a node that they were given. Reads of one thing within a second are one event."""
    collection = _collection(node.uid, node.collection_id)
    record_read(actor=actor, action=action, target=node.uid, collection=collection, **detail)


@lru_cache(maxsize=4096)
def _collection(_node: UUID, collection_id: int) -> UUID | None:
    """The uid of the collection that a node lies in; a node that moves has another ``collection_id``."""
    return Node.objects.filter(id=collection_id).values_list("uid", flat=True).first()


def audit_of(
    *,
    actor: Actor,
    node: UUID | None = None,
    by: UUID | None = None,
    action: str | None = None,
    since: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Event]:
    """Events, newest first: all of them for auditors, those of a node for who manages it.

    The events of a collection are those of all within; who manages it without owning it learns of those parts that
    they manage, too. Raises NotFound for a node that is not the actor's to see, Forbidden where they do not manage it.
    """
    events = partial(audit.events, by=by, action=action, since=since, cursor=cursor, limit=limit)
    sees_all = actor.is_auditor or actor.is_system
    if node is None:
        if not sees_all:
            raise Forbidden("Name a node that you manage; the whole audit is for auditors.")
        return events()
    found = Node.objects.filter(uid=node).first() if sees_all else access.require(actor, node, Level.MANAGE)
    if found is None or found.kind != Node.Kind.COLLECTION:
        return events(target=node)
    if sees_all or Owner.objects.filter(collection=found.id, user=actor.user_id).exists():
        return events(collection=node)
    managed = Exists(Node.objects.filter(access.within(actor, Level.MANAGE), uid=OuterRef("target")))
    return events(collection=node, condition=managed)
