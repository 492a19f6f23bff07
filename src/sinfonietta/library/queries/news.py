"""The feed of changes read backwards, as people read it: what is new here, the latest first.

Many changes of one kind in one place are told as one. A page costs what it shows, however long the feed is: the latest
changes are found under each ACL that the actor may read, or, where these are many, among the latest of the site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db.models import Q, QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.common import rows
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.library import access
from sinfonietta.library.models import Acl, Change, Node, with_subtree

MOST_ACLS = 100
WINDOW = 20_000
"""Among so many of the site's latest changes they are looked for, where the actor's ACLs are too many to ask each."""


@dataclass(frozen=True)
class News:
    """Changes of one kind in one place within a day, the latest at ``at``.

    ``node`` is set for a single change of what is still there, ``place`` where the actor may read it.
    """

    at: datetime
    what: str
    kind: str
    count: int
    name: str = ""
    node: UUID | None = None
    place: UUID | None = None
    place_name: str = ""


def news(*, actor: Actor, collection: UUID | None = None, cursor: str | None = None, limit: int = 300) -> Page[News]:
    """What changed in a collection, or in all that the actor may read, the latest first.

    ``limit`` counts changes, of which several may be told as one. Raises NotFound, Invalid for a cursor not ours.
    """
    root = access.find(actor, collection) if collection else None
    if root and root.kind != Node.Kind.COLLECTION:
        raise NotFound("What is new is told of whole collections.")
    before = decode_cursor(cursor, 1)[0] if cursor else None
    if before is not None and not isinstance(before, int):
        raise Invalid("That is not a cursor of this list.", errors={"cursor": ["not valid"]})
    found = _latest(_acls(actor, root), before, limit)
    told = _told(actor, root, found)
    return Page(told, encode_cursor(found[-1].id) if len(found) == limit else None)


def _acls(actor: Actor, root: Node | None) -> QuerySet[Acl]:
    """The readable ACLs of the collection; those whose node is gone still tell that it is, where all is asked for."""
    acls = Acl.objects.all() if actor.is_system else Acl.objects.filter(id__in=access.acls(actor))
    return acls.filter(node__in=Node.objects.filter(with_subtree(root))) if root else acls


def _latest(acls: QuerySet[Acl], before: int | None, limit: int) -> list[Change]:
    ids = list(acls.order_by("id").values_list("id", flat=True)[: MOST_ACLS + 1])
    if not ids:
        return []
    older = Q(id__lt=before) if before is not None else Q()
    if len(ids) > MOST_ACLS:
        last = Change.objects.order_by("-id").values_list("id", flat=True).first() or 0
        since = min(before or last + 1, last + 1) - WINDOW
        return list(Change.objects.filter(older, acl__in=acls, id__gt=since).order_by("-id")[:limit])
    bound = "AND id < %s" if before is not None else ""
    one = f"SELECT id FROM (SELECT id FROM library_change WHERE acl_id = %s {bound} ORDER BY id DESC LIMIT %s) t"  # noqa: S608 - our own words
    params = [value for acl in ids for value in (acl, *([before] if before is not None else []), limit)]
    union = " UNION ALL ".join([one] * len(ids))
    found = rows.select(f"SELECT id FROM ({union}) u ORDER BY id DESC LIMIT %s", (*params, limit))  # noqa: S608 - our own words
    return sorted(Change.objects.filter(id__in=[key for (key,) in found]), key=lambda change: -change.id)


def _told(actor: Actor, root: Node | None, found: Sequence[Change]) -> list[News]:
    """Neighbours of one day, kind and place together. What is gone for ever and what is hidden are not told apart."""
    seen = Node.objects.filter(access.within(actor), uid__in={change.node for change in found})
    nodes = {node.uid: node for node in seen}
    places = access.readable(actor).in_bulk({node.parent_id for node in nodes.values() if node.parent_id})
    known = [(change, nodes.get(change.node)) for change in found]
    if root:
        known = [(change, node) for change, node in known if node is None or node.collection_id == root.id]

    def alike(one: tuple[Change, Node | None]) -> tuple[object, ...]:
        change, node = one
        return change.at.date(), change.what, change.kind, node is not None, node and node.parent_id

    told = []
    for _, group in groupby(known, key=alike):
        rows_of = list({change.node: (change, node) for change, node in group}.values())
        change, node = rows_of[0]
        place = places.get(node.parent_id or 0) if node else None
        is_single = len(rows_of) == 1 and node is not None
        told.append(
            News(
                at=change.at, what=change.what, kind=change.kind, count=len(rows_of),
                name=node.name if is_single and node else "",
                node=node.uid if is_single and node and node.trash_id is None else None,
                place=place.uid if place else None, place_name=place.name if place else "",
            )
        )  # fmt: skip
    return told
