"""Moving. Bytes are never touched."""

from __future__ import annotations

from uuid import UUID

from django.db.models import BigIntegerField, Case, F, Max, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Length, Substr

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import indexers
from sinfonietta.library.models import STEP, Acl, Change, Level, Node, base36, subtree, with_subtree
from sinfonietta.library.names import clean_name
from sinfonietta.library.services import events, usage
from sinfonietta.library.services.sharing import fold_owners
from sinfonietta.library.services.tree import DEEPEST, may_hold, set_place


def move(*, actor: Actor, uid: UUID, parent: UUID, name: str | None = None, out_of: UUID | None = None) -> Node:
    """Move a node into another container; write is needed at both ends, and at the node.

    What inherits takes the rights of the target, an ACL of its own moves along. Raises NotFound, Forbidden, Conflict,
    Invalid (into itself, a collection, too deep), OutOfStorage (the target collection's quota). With ``out_of``, the
    container that the caller takes it out of: Conflict when it is in another one by now.
    """
    with writing():
        node = access.locked(actor, uid, Level.WRITE, parent)
        target = access.require(actor, parent, Level.WRITE)
        check_leaves(actor, node)
        if out_of and (node.parent is None or node.parent.uid != out_of):
            raise Conflict(f"“{node.name}” has been moved elsewhere since.")
        check_target(node, target)
        name = clean_name(node.name if name is None else name)
        if target.id == node.parent_id:
            set_place(node, name=name)
        else:
            put_below(actor, node, target, name)
        record(Change.What.CHANGED, node)
        events.record(actor, "node.moved", node, into=str(target.uid))
    return node


def check_leaves(actor: Actor, node: Node) -> None:
    """Whether the actor may take a node out of its container. Raises Forbidden."""
    if node.parent is None:
        return
    try:
        access.require(actor, node.parent.uid, Level.WRITE)
    except NotFound as error:
        raise Forbidden("It was shared with you as it is; only who may write above it can take it away.") from error


def check_target(node: Node, target: Node) -> None:
    """Whether a node with all below fits into another container. Raises Invalid."""
    if node.kind == Node.Kind.COLLECTION:
        raise Invalid("A collection is at the top; it cannot be moved.")
    if target.id == node.id or target.ancestry.startswith(node.below):
        raise Invalid("A folder cannot go into itself.", errors={"parent": ["lies inside the node"]})
    may_hold(target, node.kind)
    deepest = Node.objects.filter(subtree(node)).aggregate(deepest=Max(Length("ancestry")))["deepest"]
    height = (deepest - len(node.ancestry)) // STEP if deepest else 0
    if len(target.below) // STEP + height > DEEPEST:
        raise Invalid(f"Folders can be nested {DEEPEST} deep, not deeper.", errors={"parent": ["too deep"]})


def put_below(actor: Actor, node: Node, target: Node, name: str) -> None:
    """Hang a node with all below into another container; both collections are locked.

    Into another collection it gets other owners. So that nobody comes to own what was kept from them, the actor must be
    allowed to write all of it, also what has an ACL of its own. Raises Forbidden, Conflict, OutOfStorage.
    """
    is_file = node.kind == Node.Kind.FILE
    for indexer in indexers() if is_file else ():
        indexer.hidden([node.id])
    is_elsewhere = target.collection_id != node.collection_id
    if is_elsewhere:
        if not access.reaches_all(actor, with_subtree(node), Level.WRITE):
            raise Forbidden("Only who may write everything in it can move it to another collection.")
        weight = usage.weight(with_subtree(node))
        usage.use(target.collection_id, weight)
        usage.free(node.collection_id, weight)
    inherits = not Acl.objects.filter(node=node).exists()
    _rewrite(node, target.below + base36(node.id), node.acl_id if inherits else None, target.acl_id)
    set_place(
        node, parent_id=target.id, ancestry=target.below, name=name, **({"acl_id": target.acl_id} if inherits else {})
    )
    if is_elsewhere:
        fold_owners(Acl.objects.filter(node__in=Node.objects.filter(with_subtree(node))), target.collection_id)
    for indexer in indexers() if is_file else ():
        indexer.shown([node.id])


def _rewrite(node: Node, new: str, old_acl: int | None, new_acl: int) -> None:
    """Give all below the new ancestry; those that inherited ``old_acl`` through the node take the new one."""
    changed: dict[str, Combinable] = {"ancestry": Concat(Value(new), Substr("ancestry", len(node.below) + 1))}
    if old_acl is not None:
        taken = When(acl=old_acl, then=Value(new_acl))
        changed["acl"] = Case(taken, default=F("acl"), output_field=BigIntegerField())
    Node.objects.filter(subtree(node)).update(**changed)  # one statement: each row is written once
