"""Moving and copying. Bytes are never touched."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Concat, Substr

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound
from sinfonietta.common.time import now
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import indexers
from sinfonietta.library.models import STEP, Acl, Change, Level, Node, Version, base36, subtree, with_subtree
from sinfonietta.library.names import clean_name, numbered
from sinfonietta.library.services import events, usage
from sinfonietta.library.services.sharing import fold_owners
from sinfonietta.library.services.tree import DEEPEST, _may_hold, insert, set_place

AT_ONCE = 5000
"""A larger subtree is copied by a job."""
BATCH = 500


def move(*, actor: Actor, uid: UUID, parent: UUID, name: str | None = None) -> Node:
    """Move a node into another container; write is needed at both ends, and at the node.

    What inherits takes the rights of the target, an ACL of its own moves along. Raises NotFound, Forbidden, Conflict,
    Invalid (into itself, a collection, too deep), OutOfStorage (the target collection's quota).
    """
    with writing():
        node = access.locked(actor, uid, Level.WRITE, parent)
        target = access.require(actor, parent, Level.WRITE)
        check_leaves(actor, node)
        _check_target(node, target)
        name = clean_name(node.name if name is None else name)
        if target.id == node.parent_id:
            set_place(node, name=name)
        else:
            _put_below(node, target, name)
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


def _check_target(node: Node, target: Node) -> None:
    if node.kind == Node.Kind.COLLECTION:
        raise Invalid("A collection is at the top; it cannot be moved.")
    if target.id == node.id or target.ancestry.startswith(node.below):
        raise Invalid("A folder cannot go into itself.", errors={"parent": ["lies inside the node"]})
    _may_hold(target, node.kind)
    deepest = Node.objects.filter(subtree(node)).order_by("-ancestry").values_list("ancestry", flat=True).first()
    height = (len(deepest) - len(node.ancestry)) // STEP if deepest else 0
    if len(target.below) // STEP + height > DEEPEST:
        raise Invalid(f"Folders can be nested {DEEPEST} deep, not deeper.", errors={"parent": ["too deep"]})


def _put_below(node: Node, target: Node, name: str) -> None:
    is_file = node.kind == Node.Kind.FILE
    for indexer in indexers() if is_file else ():
        indexer.hidden([node.id])
    if target.collection_id != node.collection_id:
        weight = usage.weight(with_subtree(node))
        usage.use(target.collection_id, weight)
        usage.free(node.collection_id, weight)
    own = list(Acl.objects.filter(node__in=Node.objects.filter(with_subtree(node))).values_list("id", flat=True))
    below, old_acl = node.below, node.acl_id
    inherits = not Acl.objects.filter(node=node).exists()
    _rewrite(node, below, target.below + base36(node.id), old_acl if inherits else None, target.acl_id)
    set_place(
        node, parent_id=target.id, ancestry=target.below, name=name, **({"acl_id": target.acl_id} if inherits else {})
    )
    if own:
        fold_owners(own, target.collection_id)
    for indexer in indexers() if is_file else ():
        indexer.shown([node.id])


def _rewrite(node: Node, old: str, new: str, old_acl: int | None, new_acl: int) -> None:
    """Give all below the new ancestry; those that inherited ``old_acl`` through the node take the new one."""
    below = Node.objects.filter(subtree(node))
    if old_acl is not None:
        below.filter(acl=old_acl).update(acl=new_acl)
    below.update(ancestry=Concat(Value(new), Substr("ancestry", len(old) + 1)))


@dataclass(frozen=True)
class Copied:
    """The copy, or the job that makes it."""

    node: Node | None = None
    job: Job | None = None


def copy(*, actor: Actor, uid: UUID, parent: UUID, name: str | None = None, at_once: bool = False) -> Copied:
    """Copy what the actor may read of a node into another container, sharing the bytes.

    The copy has the rights of its new place. Without a name, one that is free there is found. A large subtree becomes a
    job unless ``at_once``. Raises NotFound, Forbidden, Conflict, Invalid, OutOfStorage.
    """
    with writing():
        target = access.locked(actor, parent, Level.WRITE)
        node = access.require(actor, uid)
        if node.kind == Node.Kind.COLLECTION:
            raise Invalid("A collection cannot be copied as a whole; copy what is in it.")
        if target.id == node.id or target.ancestry.startswith(node.below):
            raise Invalid("A folder cannot be copied into itself.", errors={"parent": ["lies inside the node"]})
        source = list(
            access.readable(actor)
            .filter(subtree(node))
            .select_related("current")
            .order_by("ancestry", "id")[: AT_ONCE + 1]
        )
        if len(source) > AT_ONCE and not at_once:
            payload = {"uid": str(uid), "parent": str(parent), "name": name}
            return Copied(job=jobs.enqueue(actor=actor, kind="library.copy", payload=payload))
        if at_once:
            source = list(
                access.readable(actor).filter(subtree(node)).select_related("current").order_by("ancestry", "id")
            )
        made = _copy(actor, node, source, target, name)
    return Copied(node=made)


def _copy(actor: Actor, node: Node, source: list[Node], target: Node, name: str | None) -> Node:
    node = Node.objects.select_related("current").get(id=node.id)
    files = [one for one in [node, *source] if one.current and one.current.state != Version.State.QUARANTINED]
    usage.use(target.collection_id, sum(one.current.size_bytes for one in files if one.current))
    top = insert(actor, target, node.kind, name or free_name(target, node.name))
    twins = {node.id: top}
    for one in source:
        if one.kind != Node.Kind.FILE and one.parent_id in twins:
            twins[one.id] = insert(actor, twins[one.parent_id], one.kind, one.name)
    pairs = _copy_files([one for one in files if one.id == node.id or one.parent_id in twins], twins, actor)
    for indexer in indexers():
        indexer.copied(pairs)
    record(Change.What.ADDED, top, *(twin for id, twin in twins.items() if id != node.id))
    events.record(actor, "node.copied", top, source=str(node.uid), files=len(pairs))
    return top


def _copy_files(files: list[Node], twins: dict[int, Node], actor: Actor) -> list[tuple[int, int]]:
    pairs = []
    moment = now()
    for file in files:
        assert file.current is not None
        twin = twins.get(file.id) or insert(actor, twins[file.parent_id or 0], file.kind, file.name)
        version = file.current
        version = Version.objects.create(
            node=twin, number=1, blob_id=version.blob_id, size_bytes=version.size_bytes, media_type=version.media_type,
            state=version.state, problem=version.problem, modified=version.modified, created=moment,
            created_by_id=None if actor.is_system else actor.user_id,
        )  # fmt: skip
        Node.objects.filter(id=twin.id).update(
            current=version, size_bytes=version.size_bytes, media_type=version.media_type
        )
        if twin.id not in {top.id for top in twins.values()}:
            record(Change.What.ADDED, twin)
        pairs.append((file.id, twin.id))
    return pairs


def free_name(target: Node, name: str) -> str:
    """The name, or the first numbered one that is free in the target. Raises Conflict when a thousand are taken."""
    taken = set(
        Node.objects.filter(parent=target, trash=None).values_list("name", flat=True).filter(name__startswith=name[:3])
    )
    for candidate in (name, *(numbered(name, number) for number in range(2, 1000))):
        if candidate not in taken:
            return candidate
    raise Conflict("Too many things of that name are there already.")
