"""Copying. The bytes are shared; a large subtree is copied by a job, out of sight until it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from uuid import UUID, uuid4

from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Length

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from sinfonietta.common.time import now
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.errors import Cancelled
from sinfonietta.jobs.models import Job
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import indexers
from sinfonietta.library.models import STEP, Change, Level, Metadata, Node, Trash, Version, subtree
from sinfonietta.library.names import clean_name, numbered
from sinfonietta.library.services import events, usage
from sinfonietta.library.services.deletion import delete
from sinfonietta.library.services.tree import DEEPEST, insert, new_node, set_place

AT_ONCE = 5000
"""A larger subtree is copied by a job."""
BATCH = 500
SORTED_BY = ("size_bytes", "media_type")
"""What a node repeats of its current version."""
LEFT_OVER = timedelta(days=1)
"""What a job that died left half made is deleted after this."""


@dataclass(frozen=True)
class Copied:
    """The copy, or the job that makes it."""

    node: Node | None = None
    job: Job | None = None


def copy(*, actor: Actor, uid: UUID, parent: UUID, name: str | None = None) -> Copied:
    """Copy what the actor may read of a node into another container, sharing the bytes.

    The copy has the rights of its new place; metadata comes along, older versions do not. Without a name, one that is
    free there is found. A large subtree becomes a job. Raises NotFound, Forbidden, Conflict, Invalid, OutOfStorage.
    """
    with writing():
        source, target = _ends(actor, uid, parent)
        if access.readable(actor).filter(subtree(source)).order_by()[: AT_ONCE + 1].count() > AT_ONCE:
            payload = {"uid": str(uid), "parent": str(parent), "name": name}
            return Copied(job=jobs.enqueue(actor=actor, kind="library.copy", payload=payload))
        top = insert(actor, target, source.kind, name or free_name(target, source.name))
        twins = {source.id: top.id}
        made = [copied for step in _steps(actor, source, twins) for copied in step()]
        record(Change.What.ADDED, top, *(node for node in made if node.id != top.id))
        events.record(actor, "node.copied", top, source=str(source.uid), nodes=len(made) + 1)
    return Copied(node=top)


Step = Callable[[float], AbstractContextManager[None]]
"""Makes the transaction of one batch, told how much is done (0 to 1); it may raise to end the work."""


def copy_large(*, actor: Actor, uid: UUID, parent: UUID, name: str | None, step: Step) -> Node:
    """The same in many transactions. Until the last one nobody sees the copy: it lies in the trash, not restorable."""
    with step(0), writing():
        source, target = _ends(actor, uid, parent)
        total = access.readable(actor).filter(subtree(source)).count() + 1
        top = new_node(actor, target, source.kind, uuid4().hex)  # its name comes last, when it is shown
        top.save(force_insert=True)
        moment = now()
        entry = Trash.objects.create(node=top, trashed_at=moment, purge_after=moment + LEFT_OVER, restorable=False)
        Node.objects.filter(id=top.id).update(trash=entry)
    try:
        return _copy_hidden(actor, source, top, entry, parent, name, step, total)
    except (Problem, Cancelled):
        delete(top.id)
        raise


def _copy_hidden(
    actor: Actor, source: Node, top: Node, entry: Trash, parent: UUID, name: str | None, step: Step, total: int
) -> Node:
    twins = {source.id: top.id}
    for work in _steps(actor, source, twins, entry):
        with step(min(len(twins) / total, 1)), writing():
            work()
    with step(1), writing():
        target = access.locked(actor, parent, Level.WRITE)
        top = Node.objects.get(id=top.id)
        if top.parent_id != target.id:
            raise NotFound("The place that it was copied to is gone.")
        set_place(top, name=clean_name(name) if name else free_name(target, source.name), trash_id=None)
        Node.objects.filter(trash=entry).update(trash=None)
        entry.delete()
        record(Change.What.ADDED, top)
        events.record(actor, "node.copied", top, source=str(source.uid), nodes=len(twins))
    return top


def _ends(actor: Actor, uid: UUID, parent: UUID) -> tuple[Node, Node]:
    """The source and the locked target, if the one can be copied into the other."""
    target = access.locked(actor, parent, Level.WRITE)
    source = access.require(actor, uid)
    if source.kind == Node.Kind.COLLECTION:
        raise Invalid("A collection cannot be copied as a whole; copy what is in it.")
    if target.id == source.id or target.ancestry.startswith(source.below):
        raise Invalid("A folder cannot be copied into itself.", errors={"parent": ["lies inside the node"]})
    if source.current and source.current.state == Version.State.QUARANTINED:
        raise Forbidden("The file is in quarantine; it cannot be copied.")
    deepest = access.readable(actor).filter(subtree(source)).aggregate(deepest=Max(Length("ancestry")))["deepest"]
    height = (deepest - len(source.ancestry)) // STEP if deepest else 0
    if len(target.below) // STEP + height > DEEPEST:
        raise Invalid(f"Folders can be nested {DEEPEST} deep, not deeper.", errors={"parent": ["too deep"]})
    return source, target


def _steps(
    actor: Actor, source: Node, twins: dict[int, int], entry: Trash | None = None
) -> Iterator[Callable[[], list[Node]]]:
    """What is to be done, batch by batch: containers from the top down, then files. ``twins``: original's id -> copy's.

    Only what hangs together from ``source`` down is copied: what lies below something hidden stays behind.
    """
    yield partial(_copy_metadata, {source.id: twins[source.id]})
    if source.kind == Node.Kind.FILE:
        yield partial(_copy_contents, actor, [source], twins)
        return
    containers = access.readable(actor).filter(subtree(source)).exclude(kind=Node.Kind.FILE)
    rows = sorted(containers, key=lambda node: len(node.ancestry))
    for _, level in groupby(rows, key=lambda node: len(node.ancestry)):
        siblings = list(level)
        for start in range(0, len(siblings), BATCH):
            yield partial(_copy_nodes, actor, siblings[start : start + BATCH], twins, entry)
    files = access.readable(actor).filter(subtree(source), kind=Node.Kind.FILE, current__isnull=False)
    for batch in _batches(files.exclude(current__state=Version.State.QUARANTINED).select_related("current")):
        yield partial(_copy_files, actor, batch, twins, entry)


def _batches(nodes: QuerySet[Node]) -> Iterator[list[Node]]:
    last = 0
    while batch := list(nodes.filter(id__gt=last).order_by("id")[:BATCH]):
        yield batch
        last = batch[-1].id


def _copy_nodes(actor: Actor, batch: list[Node], twins: dict[int, int], entry: Trash | None) -> list[Node]:
    """Twins of nodes whose parents have one. The parents are read afresh: they may have been moved since."""
    batch = [node for node in batch if node.parent_id in twins]
    wanted = {twins[node.parent_id] for node in batch if node.parent_id}
    access.lock_collections({parent.collection_id for parent in Node.objects.in_bulk(wanted).values()})
    parents: Mapping[int, Node] = Node.objects.in_bulk(wanted)
    if len(parents) < len(wanted):
        raise NotFound("The place that it was copied to is gone.")
    made = [new_node(actor, parents[twins[node.parent_id or 0]], node.kind, node.name) for node in batch]
    for twin in made:
        twin.trash = entry
    Node.objects.bulk_create(made)
    pairs = {node.id: twin.id for node, twin in zip(batch, made, strict=True)}
    twins.update(pairs)
    _copy_metadata(pairs)
    return made


def _copy_metadata(pairs: Mapping[int, int]) -> list[Node]:
    found = Metadata.objects.filter(node__in=list(pairs))
    Metadata.objects.bulk_create([Metadata(node_id=pairs[one.node_id], key=one.key, value=one.value) for one in found])
    return []


def _copy_files(actor: Actor, batch: list[Node], twins: dict[int, int], entry: Trash | None) -> list[Node]:
    made = _copy_nodes(actor, batch, twins, entry)
    return made + _copy_contents(actor, [file for file in batch if file.id in twins], twins)


def _copy_contents(actor: Actor, files: list[Node], twins: Mapping[int, int]) -> list[Node]:
    """Give the twins of files their first version, with the current bytes of the originals."""
    currents = {twins[file.id]: file.current for file in files if file.current}
    if not currents:
        return []
    usage.use(
        Node.objects.get(id=min(currents)).collection_id, sum(version.size_bytes for version in currents.values())
    )
    moment = now()
    Version.objects.bulk_create(
        Version(
            node_id=twin, number=1, blob_id=version.blob_id, size_bytes=version.size_bytes,
            media_type=version.media_type, state=version.state, problem=version.problem, modified=version.modified,
            created=moment, created_by_id=None if actor.is_system else actor.user_id,
        )
        for twin, version in currents.items()
    )  # fmt: skip
    first = Version.objects.filter(node=OuterRef("pk"), number=1)
    Node.objects.filter(id__in=currents).update(
        **{field: Subquery(first.values(of)[:1]) for field, of in (("current", "id"), *((f, f) for f in SORTED_BY))}
    )
    for indexer in indexers():
        indexer.copied([(file.id, twins[file.id]) for file in files])
    return []


def free_name(target: Node, name: str) -> str:
    """The name, or the first numbered one that is free in the target. Raises Conflict when a thousand are taken."""
    siblings = Node.objects.filter(parent=target, trash=None, name__startswith=name[:3])
    taken = set(siblings.values_list("name", flat=True))
    for candidate in (name, *(numbered(name, number) for number in range(2, 1000))):
        if candidate not in taken:
            return candidate
    raise Conflict("Too many things of that name are there already.")
