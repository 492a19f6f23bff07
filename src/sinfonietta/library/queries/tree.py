"""The tree as an actor sees it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.common.paging import Page
from sinfonietta.library import access
from sinfonietta.library.models import AclEntry, Collection, Node
from sinfonietta.library.names import encodable
from sinfonietta.library.queries import listing
from sinfonietta.library.queries.entries import Entry, entries, seen_by, trail, visible_ancestors


def node(*, actor: Actor, uid: UUID) -> Entry:
    """One node. Raises NotFound when it is absent, in the trash or not the actor's to see."""
    return entries(actor, [access.find(actor, uid)])[0]


def nodes_by_uid(*, actor: Actor, uids: Sequence[UUID]) -> list[Entry]:
    """Those of the nodes that the actor may read, in the order asked."""
    found = {one.uid: one for one in entries(actor, list(seen_by(actor, access.readable(actor).filter(uid__in=uids))))}
    return [found[uid] for uid in uids if uid in found]


def node_at(*, actor: Actor, path: str) -> Entry:
    """The node at a path such as ``/Collection/Folder/file``, from the topmost node that the actor may read.

    Collections may share a name: where several nodes have the path, the oldest is meant. Raises NotFound.
    """
    if not encodable(path):
        raise NotFound("There is nothing at that path, or it is not yours to see.")
    first, *rest = [unicodedata.normalize("NFC", part) for part in path.split("/") if part] or [""]
    found = list(tops(actor).filter(name=first).values_list("id", flat=True))
    for name in rest:
        below = access.readable(actor).filter(parent__in=found, name=name)
        found = list(below.values_list("id", flat=True)) if found else []
    nodes = list(seen_by(actor, access.readable(actor).filter(id__in=found)).order_by("id")[:1])
    if not nodes:
        raise NotFound("There is nothing at that path, or it is not yours to see.")
    return entries(actor, nodes)[0]


def tops(actor: Actor) -> QuerySet[Node]:
    """Where paths begin: collections, and nodes whose parent the actor may not read. All have an ACL of their own."""
    visible_parent = Node.objects.filter(access.within(actor), id=OuterRef("parent_id"))
    return access.heads(actor).exclude(Exists(visible_parent))


def collections(
    *, actor: Actor, order: str = "name", name: str = "", cursor: str | None = None, limit: int = 100
) -> Page[Entry]:
    """The collections that the actor may read."""
    found = access.readable(actor).filter(kind=Node.Kind.COLLECTION)
    return listing.page(actor, _named(found, name), order=order, cursor=cursor, limit=limit)


def children(
    *,
    actor: Actor,
    uid: UUID,
    kind: str | None = None,
    order: str = "name",
    name: str = "",
    cursor: str | None = None,
    limit: int = 100,
    offset: int | None = None,
) -> Page[Entry]:
    """What is directly inside a node. ``name`` = a part of the name; ``offset`` puts containers first (see listing)."""
    parent = access.require(actor, uid)
    found = _named(_children(actor, parent, kind), name)
    return listing.page(actor, found, order=order, cursor=cursor, limit=limit, offset=offset)


def count_children(*, actor: Actor, uid: UUID, kind: str | None = None, name: str = "") -> int:
    """How many the actor sees there."""
    return _named(_children(actor, access.require(actor, uid), kind), name).count()


def _children(actor: Actor, parent: Node, kind: str | None) -> QuerySet[Node]:
    found = access.readable(actor).filter(parent=parent)
    return found.filter(kind=kind) if kind else found


def _named(nodes: QuerySet[Node], name: str) -> QuerySet[Node]:
    if not encodable(name):
        return nodes.none()
    return nodes.filter(name__icontains=unicodedata.normalize("NFC", name)) if name else nodes


def shared(
    *, actor: Actor, order: str = "name", name: str = "", cursor: str | None = None, limit: int = 100
) -> Page[Entry]:
    """The topmost nodes that others share with the actor.

    Collections granted to the actor or a group of theirs (not those open to everyone, which the list of collections
    shows, nor their own), and deeper nodes whose parent they may not read.
    """
    personal = AclEntry.objects.filter(principal__in=[p for p in actor.principals if p], acl=OuterRef("acl_id"))
    own = Collection.objects.filter(owners__user=actor.user_id).values("node_id")
    found = tops(actor).filter(Q(parent__isnull=False) | Exists(personal)).exclude(id__in=own)
    return listing.page(actor, _named(found, name), order=order, cursor=cursor, limit=limit)


def breadcrumb(*, actor: Actor, uid: UUID) -> list[Entry]:
    """The way to a node, itself last, from the topmost node that the actor may read."""
    last = access.find(actor, uid)
    above = trail(last, visible_ancestors(actor, [last]))
    nodes = {one.id: one for one in seen_by(actor, access.readable(actor).filter(id__in=[one.id for one in above]))}
    return entries(actor, [*(nodes[one.id] for one in above if one.id in nodes), last])


def home(*, actor: Actor) -> UUID | None:
    """The account's own collection."""
    found = Collection.objects.filter(home_of=actor.user_id, node__trash=None).values_list("node__uid", flat=True)
    return found.first()


def folders_to_move_into(*, actor: Actor, uid: UUID | None = None) -> list[Entry]:
    """For a picker: the containers directly inside a node (without one: where paths begin)."""
    inside = tops(actor) if uid is None else _children(actor, access.require(actor, uid), None)
    return entries(actor, list(seen_by(actor, inside.exclude(kind=Node.Kind.FILE)).order_by("name", "id")[:500]))
