"""Deletion that can be undone, and the one that cannot."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Conflict, Forbidden, NotFound
from sinfonietta.common.time import now
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import indexers
from sinfonietta.library.models import Change, Level, Node, Trash, with_subtree
from sinfonietta.library.services import events, usage
from sinfonietta.library.services.place import _check_target, _put_below, check_leaves
from sinfonietta.library.services.tree import set_place

BATCH = 500


def trash(*, actor: Actor, uid: UUID) -> None:
    """To the trash, with all below. Raises NotFound, Forbidden (a collection needs manage), Conflict for a home."""
    with writing():
        node = access.locked(actor, uid, Level.WRITE)
        if node.kind == Node.Kind.COLLECTION:
            access.demand(actor, node, Level.MANAGE)
            if node.collection.home_of_id:
                raise Conflict("A home collection stays as long as its account.")
        check_leaves(actor, node)
        if node.kind == Node.Kind.FILE:
            for indexer in indexers():
                indexer.hidden([node.id])
        moment = now()
        entry = Trash.objects.create(
            node=node,
            trashed_at=moment,
            trashed_by_id=None if actor.is_system else actor.user_id,
            purge_after=moment + timedelta(days=settings.OPTIONS.trash_days),
        )
        Node.objects.filter(with_subtree(node), trash=None).update(trash=entry)
        record(Change.What.REMOVED, node)
        events.record(actor, "node.trashed", node)


def restore(*, actor: Actor, uid: UUID, parent: UUID | None = None) -> Node:
    """Bring a node back to where it was, or into ``parent``.

    Raises NotFound when it is not in the trash, Forbidden, Conflict when its place is gone or its name taken there.
    """
    with writing():
        node = access.locked(actor, uid, Level.WRITE, *([parent] if parent else []), trashed=True)
        entry = Trash.objects.filter(node=node).first()
        if entry is None:
            raise Conflict("It went with the folder above it; restore that one.")
        if parent is not None:
            target = access.require(actor, parent, Level.WRITE)
            _check_target(node, target)
            if target.id != node.parent_id:
                _put_below(node, target, node.name)
        elif node.parent is not None:
            _check_place(actor, node.parent.uid)
        set_place(node, trash_id=None)  # the name must be free again before what lies below follows
        Node.objects.filter(trash=entry).update(trash=None)
        entry.delete()
        if node.kind == Node.Kind.FILE:
            for indexer in indexers():
                indexer.shown([node.id])
        record(Change.What.ADDED, node)
        events.record(actor, "node.restored", node)
    return node


def _check_place(actor: Actor, uid: UUID) -> None:
    try:
        access.require(actor, uid, Level.WRITE)
    except (NotFound, Forbidden) as error:
        raise Conflict("The folder that it was in is gone, or not yours to write; name another one.") from error


def purge(*, actor: Actor, uid: UUID) -> None:
    """Delete for ever what is in the trash. Raises NotFound, Forbidden for who does not manage it."""
    with writing():
        node = access.locked(actor, uid, Level.MANAGE, trashed=True)
        if not Trash.objects.filter(node=node).exists():
            raise Conflict("It went with the folder above it; delete that one for ever.")
        collection = node.collection_id
        events.record(actor, "node.purged", node)
        usage.free(collection, usage.weight(with_subtree(node)))
        delete(node)


def delete(root: Node) -> None:
    """Delete a node and all below it, files first, then containers from the deepest up."""
    while files := list(
        Node.objects.filter(with_subtree(root), kind=Node.Kind.FILE).values_list("id", flat=True)[:BATCH]
    ):
        for indexer in indexers():
            indexer.purged(files)
        Node.objects.filter(id__in=files).update(current=None)
        Node.objects.filter(id__in=files).delete()
    containers = Node.objects.filter(with_subtree(root)).values_list("id", "ancestry")
    for id, _ in sorted(containers, key=lambda row: len(row[1]), reverse=True):
        Node.objects.filter(id=id).delete()
