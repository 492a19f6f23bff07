"""Reads of the library. Everything takes the actor and begins with what the actor may read."""

from sinfonietta.library.queries.audit import Place, audit_of, note_read
from sinfonietta.library.queries.changes import Changes, changes
from sinfonietta.library.queries.desk import opened, starred, starred_among
from sinfonietta.library.queries.entries import Entry
from sinfonietta.library.queries.files import ManifestRow, manifest, metadata, version, versions
from sinfonietta.library.queries.news import News, news
from sinfonietta.library.queries.sharing import GrantRow, Grants, Reach, grants, owners, reach
from sinfonietta.library.queries.trash import TrashEntry, trash
from sinfonietta.library.queries.tree import (
    breadcrumb,
    children,
    collections,
    count_children,
    folders_to_move_into,
    home,
    node,
    node_at,
    nodes_by_uid,
    shared,
)

__all__ = [
    "Changes",
    "Entry",
    "GrantRow",
    "Grants",
    "ManifestRow",
    "News",
    "Place",
    "Reach",
    "TrashEntry",
    "audit_of",
    "breadcrumb",
    "changes",
    "children",
    "collections",
    "count_children",
    "folders_to_move_into",
    "grants",
    "home",
    "manifest",
    "metadata",
    "news",
    "node",
    "node_at",
    "nodes_by_uid",
    "note_read",
    "opened",
    "owners",
    "reach",
    "shared",
    "starred",
    "starred_among",
    "trash",
    "version",
    "versions",
]
