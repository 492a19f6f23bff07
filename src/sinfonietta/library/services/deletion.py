"""Deletion that can be undone, and the one that cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.common.errors import Conflict, Forbidden, NotFound
from sinfonietta.common.time import now
from sinfonietta.jobs import services as jobs
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import indexers
from sinfonietta.library.models import Change, Level, Node, Trash, subtree, with_subtree
from sinfonietta.library.services import events, usage
from sinfonietta.library.services.place import check_leaves, check_target, put_below
from sinfonietta.library.services.tree import set_place

BATCH = 500
AT_ONCE = 5000
"""More than this is left to a job to delete."""


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
        entry = _entry(node)
        if parent is not None:
            target = access.require(actor, parent, Level.WRITE)
            check_target(node, target)
            if target.id != node.parent_id:
                put_below(actor, node, target, node.name)
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


def _entry(node: Node) -> Trash:
    """The act of deletion that took this very node. Raises NotFound for what is being deleted, Conflict."""
    entry = Trash.objects.get(nodes=node)
    if not entry.restorable:
        raise NotFound("There is nothing of that id in the trash.")
    if entry.node_id != node.id:
        raise Conflict("It went with the folder above it; name that one.")
    return entry


def _check_place(actor: Actor, uid: UUID) -> None:
    try:
        access.require(actor, uid, Level.WRITE)
    except (NotFound, Forbidden) as error:
        raise Conflict("The folder that it was in is gone, or not yours to write; name another one.") from error


def purge(*, actor: Actor, uid: UUID) -> None:
    """Delete for ever what is in the trash: gone at once for everybody, the rows of a large subtree by a job.

    Raises NotFound, Conflict for what went with the folder above it, Forbidden for who does not manage all of it.
    """
    with writing():
        node = access.locked(actor, uid, Level.MANAGE, trashed=True)
        entry = _entry(node)
        if not access.reaches_all(actor, with_subtree(node), Level.MANAGE):
            raise Forbidden("Only who manages everything in it can delete it for ever.")
        Trash.objects.filter(id=entry.id).update(restorable=False, purge_after=now())
        events.record(actor, "node.purged", node)
        large = Node.objects.filter(subtree(node)).order_by()[: AT_ONCE + 1].count() > AT_ONCE
        if large:
            jobs.enqueue(actor=SYSTEM, kind="library.purge", payload={})
    if not large:
        delete(node.id)


def delete(root_id: int, step: Callable[[], None] = lambda: None) -> None:
    """Delete a node that nobody can restore any more, and all below: files first, then containers from the deepest up.

    Each batch is a transaction of its own, ``step`` is called after it; what was broken off the next call finishes.
    """
    while _delete_batch(root_id):
        step()


def _delete_batch(root_id: int) -> bool:
    with writing():
        root = Node.objects.filter(id=root_id).first()
        if root is None:
            return False
        access.lock_collections({root.collection_id})
        root = Node.objects.filter(id=root_id).first()  # its place, and what lies below, as they are under the lock
        if root is None:
            return False
        below = Node.objects.filter(with_subtree(root))
        files = list(below.filter(kind=Node.Kind.FILE).values_list("id", flat=True)[:BATCH])
        if files:
            for indexer in indexers():
                indexer.purged(files)
            usage.free(root.collection_id, usage.weight_of(files))
            Node.objects.filter(id__in=files).update(current=None)
            Node.objects.filter(id__in=files).delete()
        else:
            last = below.order_by("-ancestry", "-id").values_list("ancestry", flat=True)[0]  # no node lies below these
            siblings = below.filter(ancestry=last).values_list("id", flat=True)[:BATCH]
            Node.objects.filter(id__in=list(siblings)).delete()
        return True
