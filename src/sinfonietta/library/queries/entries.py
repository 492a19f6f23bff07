"""An entry: a node as an actor sees it, with its path. Any number of them costs the same few queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node


@dataclass(frozen=True)
class Entry:
    """What a door shows of a node. ``parent`` is None where the actor may not see the parent."""

    id: int
    uid: UUID
    collection_id: int
    kind: str
    name: str
    path: str
    parent: UUID | None
    created: datetime
    modified: datetime
    level: Level
    abilities: dict[str, bool]
    # a file's
    size_bytes: int | None = None
    sha256: str = ""
    media_type: str = ""
    version: int = 0
    state: str = ""
    problem: str = ""
    # a collection's
    description: str = ""
    deidentification: str = ""
    quota_bytes: int | None = None
    used_bytes: int = 0
    is_home: bool = False


def seen_by(actor: Actor, nodes: QuerySet[Node]) -> QuerySet[Node]:
    """The same nodes, with all that an entry needs, in one query."""
    return nodes.select_related("current__blob", "collection").annotate(**access.highest(actor))


def entries(actor: Actor, nodes: Sequence[Node]) -> list[Entry]:
    """Entries of nodes fetched through ``seen_by`` or ``access.find``: one query more, for the paths."""
    known = visible_ancestors(actor, nodes)
    return [_entry(actor, node, known) for node in nodes]


def visible_ancestors(actor: Actor, nodes: Sequence[Node]) -> dict[int, Node]:
    """The ancestors of the nodes that the actor may read, by primary key."""
    wanted = {above for node in nodes for above in node.ancestor_ids}
    return access.readable(actor).in_bulk(wanted) if wanted else {}


def trail(node: Node, known: dict[int, Node]) -> list[Node]:
    """The ancestors from the topmost that is readable without a gap, down to the parent."""
    found: list[Node] = []
    for above in reversed(node.ancestor_ids):
        if above not in known:
            break
        found.insert(0, known[above])
    return found


def _entry(actor: Actor, node: Node, known: dict[int, Node]) -> Entry:
    above = trail(node, known)
    level = access.capped(actor, node.highest)
    node.level = level
    fields: dict[str, object] = {}
    if node.current:
        fields = {
            "size_bytes": node.size_bytes,
            "sha256": node.current.blob.sha256,
            "media_type": node.media_type,
            "version": node.current.number,
            "state": node.current.state,
            "problem": node.current.problem,
        }
    if node.kind == Node.Kind.COLLECTION:
        fields = {
            "description": node.collection.description,
            "deidentification": node.collection.deidentification or settings.OPTIONS.deidentification,
            "quota_bytes": node.collection.quota_bytes,
            "used_bytes": node.collection.used_bytes,
            "is_home": node.collection.home_of_id == actor.user_id,
        }
    return Entry(
        id=node.id,
        uid=node.uid,
        collection_id=node.collection_id,
        kind=node.kind,
        name=node.name,
        path="/" + "/".join([*(ancestor.name for ancestor in above), node.name]),
        parent=above[-1].uid if above else None,
        created=node.created,
        modified=node.modified,
        level=level,
        abilities=access.abilities(actor, node),
        **fields,  # type: ignore[arg-type]
    )
