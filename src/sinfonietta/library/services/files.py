"""Files: a version filed, an old one restored; metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs.models import Blob
from sinfonietta.common import rows
from sinfonietta.common.errors import Invalid, NotFound, PreconditionFailed
from sinfonietta.common.time import now
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import filed_new, indexers
from sinfonietta.library.models import Change, Level, Metadata, Node, Version
from sinfonietta.library.names import clean_name, encodable
from sinfonietta.library.services import events, usage
from sinfonietta.library.services.tree import insert, name_taken, new_node

KEY_LENGTH, TEXT_LENGTH, MOST_KEYS, MOST_ITEMS, LARGEST = 100, 10_000, 500, 1000, 10**308


@dataclass(frozen=True)
class Filed:
    """Where content went. ``created`` is False when the file had exactly this content already."""

    node: Node
    version: Version
    created: bool


def file_version(
    *,
    actor: Actor,
    parent: Node,
    name: str,
    blob: Blob,
    media_type: str,
    state: str = Version.State.READY,
    problem: str = "",
    modified: datetime | None = None,
    if_none_match: bool = False,
    if_match: str | None = None,
    facts: Mapping[str, object] | None = None,
) -> Filed:
    """File content under a name in a locked container: a new file, or the next version of the one of that name.

    Runs in ``writing`` of the caller, who has locked ``parent`` at WRITE. ``if_match`` is a SHA-256 or ``*``.
    The same content again under the same name changes nothing. Raises Conflict when the name belongs to a container,
    PreconditionFailed, OutOfStorage, Invalid.
    """
    name = clean_name(name)
    node = Node.objects.select_related("current__blob").filter(parent=parent, name=name, trash=None).first()
    _check(node, if_none_match, if_match)
    if node is None:
        node = insert(actor, parent, Node.Kind.FILE, name)
        what, number = Change.What.ADDED, 1
    elif node.kind != Node.Kind.FILE:
        raise name_taken(name)
    elif node.current and node.current.blob_id == blob.id and node.current.state == state:
        return Filed(node, node.current, created=False)
    else:
        what, number = Change.What.CHANGED, (node.versions.order_by("-number").values_list("number", flat=True)[0]) + 1
    version = _add_version(actor, node, blob, number, media_type, state, problem, modified)
    for indexer in indexers():
        indexer.filed(node, version, facts or {})
    record(what, node)
    events.record(
        actor, "file.added" if number == 1 else "file.changed", node, version=number, size_bytes=blob.size_bytes
    )
    return Filed(node, version, created=True)


@dataclass(frozen=True)
class NewFile:
    """Content for a name that is free; as the arguments of ``file_version``."""

    name: str
    blob: Blob
    media_type: str
    state: str = Version.State.READY
    problem: str = ""
    modified: datetime | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


def free_names(parent: Node, names: Sequence[str]) -> set[str]:
    """Which of the names nothing has in a locked container."""
    sql = f"SELECT name FROM library_node WHERE parent_id = %s AND trash_id IS NULL AND name IN ({rows.marks(names)})"  # noqa: S608
    return set(names) - {name for (name,) in rows.select(sql, (parent.id, *names))}


def file_new(*, actor: Actor, parent: Node, files: Sequence[NewFile]) -> list[Filed]:
    """As ``file_version`` for several new files at once, in a statement each instead of a dozen for every file.

    The names are clean, different, and free (``free_names``). Raises OutOfStorage, Invalid: then none is filed.
    """
    usage.use(parent.collection_id, sum(new.blob.size_bytes for new in files))
    moment, creator = now(), None if actor.is_system else actor.user_id
    nodes = [new_node(actor, parent, Node.Kind.FILE, new.name) for new in files]
    for node, new in zip(nodes, files, strict=True):
        node.size_bytes, node.media_type = new.blob.size_bytes, new.media_type
    rows.create(nodes)
    versions = [
        Version(
            node=node, number=1, blob=new.blob, size_bytes=new.blob.size_bytes, media_type=new.media_type,
            state=new.state, problem=new.problem, modified=new.modified or moment, created=moment,
            created_by_id=creator,
        )
        for node, new in zip(nodes, files, strict=True)
    ]  # fmt: skip
    rows.create(versions)
    _set_current(nodes, versions)
    filed = [(n, v, new.facts) for n, v, new in zip(nodes, versions, files, strict=True)]
    filed_new(filed)
    record(Change.What.ADDED, *nodes)
    said: list[tuple[Node, dict[str, object]]] = [
        (node, {"version": 1, "size_bytes": node.size_bytes}) for node in nodes
    ]
    events.record_all(actor, "file.added", parent, said)
    return [Filed(node, version, created=True) for node, version in zip(nodes, versions, strict=True)]


def _set_current(nodes: Sequence[Node], versions: Sequence[Version]) -> None:
    only = "SELECT v.id FROM library_version v WHERE v.node_id = library_node.id"
    with connection.cursor() as cursor:
        sql = f"UPDATE library_node SET current_id = ({only}) WHERE id IN ({rows.marks(nodes)})"  # noqa: S608 - our own words
        cursor.execute(sql, [node.id for node in nodes])
    for node, version in zip(nodes, versions, strict=True):
        node.current = version


def _check(node: Node | None, if_none_match: bool, if_match: str | None) -> None:
    if if_none_match and node is not None:
        raise PreconditionFailed("There is already a file of that name.")
    if if_match is not None and (
        node is None or node.current is None or if_match not in ("*", node.current.blob.sha256)
    ):
        raise PreconditionFailed("The file is not the one that was expected; it has been changed meanwhile.")


def _add_version(
    actor: Actor,
    node: Node,
    blob: Blob,
    number: int,
    media_type: str,
    state: str,
    problem: str,
    modified: datetime | None,
) -> Version:
    usage.use(node.collection_id, blob.size_bytes)
    moment = now()
    version = Version.objects.create(
        node=node,
        number=number,
        blob=blob,
        size_bytes=blob.size_bytes,
        media_type=media_type,
        state=state,
        problem=problem,
        modified=modified or moment,
        created=moment,
        created_by_id=None if actor.is_system else actor.user_id,
    )
    node.current, node.size_bytes, node.media_type, node.modified = version, blob.size_bytes, media_type, moment
    node.save(update_fields=["current", "size_bytes", "media_type", "modified"])
    return version


def restore_version(*, actor: Actor, uid: UUID, number: int) -> Version:
    """Make an old version current again, as a new one with its bytes. Raises NotFound, Forbidden, OutOfStorage."""
    with writing():
        node = access.locked(actor, uid, Level.WRITE)
        old = Version.objects.filter(node=node, number=number).select_related("blob").first()
        if old is None:
            raise NotFound("The file has no such version, or it is not kept any more.")
        last = node.versions.order_by("-number")[0].number
        version = _add_version(actor, node, old.blob, last + 1, old.media_type, old.state, old.problem, old.modified)
        for indexer in indexers():
            indexer.filed(node, version, {"same as": old.id})
        record(Change.What.CHANGED, node)
        events.record(actor, "file.version_restored", node, number=number, version=version.number)
    return version


def set_state(*, actor: Actor, version: Version, state: str, problem: str = "") -> None:
    """Change the state of a version (system or manager). The indexers see the file anew where it is the current one."""
    with writing():
        node = access.locked(actor, version.node.uid, Level.MANAGE)
        Version.objects.filter(id=version.id).update(state=state, problem=problem)
        version.state, version.problem = state, problem
        if node.current_id == version.id:
            for indexer in indexers():
                indexer.filed(node, version, {"same as": version.id})
        record(Change.What.CHANGED, node)
        events.record(actor, "file.state_changed", node, state=state)


def set_metadata(*, actor: Actor, uid: UUID, changes: Mapping[str, object]) -> None:
    """Set keys to typed values; None removes a key. Raises NotFound, Forbidden, Invalid naming the keys."""
    errors = {key: [said] for key, value in changes.items() if (said := _wrong(key, value))}
    if errors:
        raise Invalid("Some of the metadata cannot be kept.", errors=errors)
    with writing():
        node = access.locked(actor, uid, Level.WRITE)
        Metadata.objects.filter(node=node, key__in=[key for key, value in changes.items() if value is None]).delete()
        Metadata.objects.bulk_create(
            [Metadata(node=node, key=key, value=value) for key, value in changes.items() if value is not None],
            update_conflicts=True,
            unique_fields=["node", "key"],
            update_fields=["value"],
        )
        if Metadata.objects.filter(node=node).count() > MOST_KEYS:
            raise Invalid(f"A node has at most {MOST_KEYS} keys.")
        record(Change.What.CHANGED, node)
        events.record(actor, "metadata.changed", node, keys=len(changes))


def _wrong(key: str, value: object) -> str:
    if not key.strip() or len(key) > KEY_LENGTH or not key.isprintable():
        return f"A key has 1 to {KEY_LENGTH} characters that can be seen."
    if isinstance(value, list):
        if len(value) > MOST_ITEMS:
            return f"A list has at most {MOST_ITEMS} items."
        return next(
            (said for item in value if (said := "A list cannot hold this." if item is None else _wrong_one(item))), ""
        )
    return "" if value is None else _wrong_one(value)


def _wrong_one(value: object) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return "" if abs(value) <= LARGEST else "A number must be finite, and at most 1e308."
    if isinstance(value, str):
        if not encodable(value):
            return "A text cannot hold NUL or broken characters."
        return "" if len(value) <= TEXT_LENGTH else f"A text has at most {TEXT_LENGTH} characters."
    return "A value is a text, a number, true or false, an ISO date, or a list of them."
