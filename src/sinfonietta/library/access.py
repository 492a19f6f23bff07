"""WHO MAY WHAT, the one place that decides it.

Every node carries the id of the ACL that counts for it, and every ACL holds the owners of its collection as entries, so
that one condition serves every read: the node's ACL is among those that name one of the actor's principals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.blobs.models import Blob
from sinfonietta.common import rows
from sinfonietta.common.errors import Forbidden, NotFound
from sinfonietta.common.rows import Columns, parts_of
from sinfonietta.library.models import AclEntry, Collection, Level, Node, Version

LEVEL_NAMES = {Level.READ: "read", Level.WRITE: "write", Level.MANAGE: "manage"}


def acls(actor: Actor, level: Level = Level.READ) -> QuerySet[AclEntry, Any]:
    """Ids of the ACLs that give the actor at least that level, as a subquery."""
    entries = AclEntry.objects.filter(principal__in=actor.principals)
    return (entries.filter(level__gte=level) if level > Level.READ else entries).values("acl_id")


def within(actor: Actor, level: Level = Level.READ, prefix: str = "") -> Q:
    """The condition that what stands behind ``prefix`` (such as ``container__``) is the actor's at that level."""
    if actor.is_system:
        return Q()
    return Q(**{f"{prefix}acl_id__in": acls(actor, level)})


def within_sql(actor: Actor, column: str, level: Level = Level.READ) -> tuple[str, tuple[int, ...]]:
    """``within`` for statements that are written in SQL: ``column`` holds the id of an ACL. Not for the system.

    Looked up for each row: a statement that finds few rows does not walk through all that the actor may read first.
    """
    marks = rows.marks(actor.principals)
    entries = f"SELECT 1 FROM library_aclentry e WHERE e.acl_id = {column} AND e.principal_id IN ({marks})"  # noqa: S608 - our own words
    return f"EXISTS ({entries} AND e.level >= {int(level)})", actor.principals


def readable(actor: Actor, level: Level = Level.READ) -> QuerySet[Node]:
    """The nodes that the actor has at least at that level, the trash left out."""
    return Node.objects.filter(within(actor, level), trash=None)


def heads(actor: Actor) -> QuerySet[Node]:
    """The readable nodes that have an ACL of their own, found from the ACLs, however much lies below them."""
    own = {"own_acl__isnull": False} if actor.is_system else {"own_acl__in": acls(actor)}
    return Node.objects.filter(**own, trash=None)


def highest(actor: Actor) -> dict[str, Combinable]:
    """An annotation, ``highest``: the actor's level on each node, before the credential's scope is applied."""
    if actor.is_system:
        return {"highest": Value(int(Level.MANAGE))}
    entries = AclEntry.objects.filter(acl_id=OuterRef("acl_id"), principal__in=actor.principals)
    return {"highest": Subquery(entries.values("acl_id").annotate(most=Max("level")).values("most"))}


def highest_sql(actor: Actor, column: str) -> tuple[str, tuple[int, ...]]:
    """``highest`` for statements that are written in SQL: ``column`` holds the id of an ACL. Null: none."""
    if actor.is_system:
        return str(int(Level.MANAGE)), ()
    marks = rows.marks(actor.principals)
    entries = f"FROM library_aclentry e WHERE e.acl_id = {column} AND e.principal_id IN ({marks})"
    return f"(SELECT MAX(e.level) {entries})", actor.principals


def capped(actor: Actor, level: int) -> Level:
    """What is left of a level under the scope of the credential: a read token reads."""
    return Level.READ if actor.scope == Scope.READ else Level(level)


def find(actor: Actor, uid: UUID, *, trashed: bool = False) -> Node:
    """The node, with ``level`` on it. Raises NotFound when it is absent or not the actor's to see.

    It comes with its ``parent``, ``current.blob`` and ``collection``.
    """
    level, principals = highest_sql(actor, "n.acl_id")
    sql = (
        f"SELECT {level}, {', '.join(part.sql for part in PARTS)} FROM {TABLES} "  # noqa: S608 - our own words
        f"WHERE n.uid = %s AND n.trash_id IS {'NOT NULL' if trashed else 'NULL'}"
    )
    found = rows.select(sql, (*principals, Node._meta.get_field("uid").get_db_prep_value(uid, connection)))
    highest, *row = found[0] if found else (None,)
    if not highest:
        raise NotFound("There is nothing of that id, or it is not yours to see.")
    node = _node(row)
    node.highest, node.level = highest, capped(actor, highest)
    return node


NODE, PARENT, VERSION = Columns(Node, "n"), Columns(Node, "p"), Columns(Version, "v")
BLOB, COLLECTION = Columns(Blob, "b"), Columns(Collection, "c")
PARTS: tuple[Columns[Any], ...] = (NODE, PARENT, VERSION, BLOB, COLLECTION)
TABLES = """library_node n LEFT JOIN library_node p ON p.id = n.parent_id
    LEFT JOIN library_version v ON v.id = n.current_id LEFT JOIN blobs_blob b ON b.id = v.blob_id
    LEFT JOIN library_collection c ON c.node_id = n.id"""


def _node(row: Sequence[Any]) -> Node:
    """A node with what belongs to it, of a row of all columns of ``PARTS``."""
    own, parent, version, blob, collection = parts_of(row, PARTS)
    node = NODE.make(own)
    node.parent = PARENT.make(parent) if node.parent_id else None
    if node.current_id:
        node.current = VERSION.make(version)
        node.current.blob = BLOB.make(blob)
    if node.kind == Node.Kind.COLLECTION:
        node.collection = COLLECTION.make(collection)
    return node


def demand(actor: Actor, node: Node, level: Level) -> Node:
    """The node, if its ``level`` reaches. Raises Forbidden with a sentence."""
    if node.level < level:
        if actor.scope == Scope.READ:
            raise Forbidden("This token may only read.")
        raise Forbidden(f"You may {LEVEL_NAMES[node.level]} “{node.name}”; this needs {LEVEL_NAMES[level]}.")
    return node


def require(actor: Actor, uid: UUID, level: Level = Level.READ) -> Node:
    """The node, at that level at least. Raises NotFound (not seen), Forbidden (seen, but not allowed)."""
    return demand(actor, find(actor, uid), level)


def locked(actor: Actor, uid: UUID, level: Level, *others: UUID, trashed: bool = False) -> Node:
    """As ``require``, with the collections of the node and of ``others`` locked until the transaction ends.

    All writes to a collection are in a row behind this lock (PostgreSQL; SQLite has one writer anyhow), so that what
    was checked still holds when it is written. Locks are taken in the order of ids: no deadlock.
    """
    found = [find(actor, uid, trashed=trashed), *(find(actor, other) for other in others)]
    while True:
        wanted = {node.collection_id for node in found}
        before = transaction.savepoint()
        lock_collections(wanted)
        found = [find(actor, uid, trashed=trashed), *(find(actor, other) for other in others)]
        if {node.collection_id for node in found} <= wanted:
            transaction.savepoint_commit(before)
            return demand(actor, found[0], level)
        transaction.savepoint_rollback(before)  # moved to another collection meanwhile; this gives the locks back


def lock_collections(ids: set[int]) -> None:
    """Lock collections until the transaction ends."""
    if connection.features.has_select_for_update:  # a transaction of SQLite is alone from its beginning
        list(Node.objects.filter(id__in=ids).order_by("id").select_for_update(no_key=True).values_list("id"))


def lock_collections_of(uids: Iterable[UUID]) -> None:
    """Lock the collections of nodes before a row of writes to them, each in a savepoint of its own.

    A lock that is first taken in a savepoint ends where that is rolled back, in the middle of the transaction; two
    who do so can wait for each other.
    """
    if connection.features.has_select_for_update:
        lock_collections({node.collection_id for node in Node.objects.filter(uid__in=set(uids)).only("ancestry")})


def reaches_all(actor: Actor, nodes: Q, level: Level) -> bool:
    """Whether the actor has that level at each of the nodes, those in the trash and those they cannot see included."""
    return actor.is_system or not Node.objects.filter(nodes).exclude(within(actor, level)).exists()


def abilities(actor: Actor, node: Node) -> dict[str, bool]:
    """What buttons to show for a node that carries its ``level``."""
    is_file, is_collection = node.kind == Node.Kind.FILE, node.kind == Node.Kind.COLLECTION
    write, manage = node.level >= Level.WRITE, node.level >= Level.MANAGE
    return {
        "download": True,
        "add": write and not is_file,
        "add_folder": write and node.kind in (Node.Kind.COLLECTION, Node.Kind.FOLDER),
        "rename": write,
        "move": write and not is_collection,
        "copy": not is_collection,
        "trash": manage if is_collection else write,
        "share": manage and not is_file,
        "describe": write,
    }
