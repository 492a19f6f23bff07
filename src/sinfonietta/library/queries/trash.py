"""What can be brought back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node, Trash
from sinfonietta.library.queries.entries import Entry, entries, seen_by


@dataclass(frozen=True)
class TrashEntry:
    """One act of deletion. ``entry.path`` is where it was, as far as the actor may read."""

    entry: Entry
    trashed: datetime
    trashed_by: str
    purge_after: datetime


def trash(*, actor: Actor, cursor: str | None = None, limit: int = 100) -> Page[TrashEntry]:
    """What the actor may restore (write is needed), newest first."""
    found = (
        Trash.objects.filter(access.within(actor, Level.WRITE, "node__"), restorable=True)
        .select_related("trashed_by")
        .order_by("-id")
    )
    if cursor:
        last = decode_cursor(cursor, 1)[0]
        if not isinstance(last, int):
            raise Invalid("The cursor is not one of this list.", errors={"cursor": ["not valid"]})
        found = found.filter(id__lt=last)
    rows = list(found[: limit + 1])
    nodes = {
        node.id: node for node in seen_by(actor, Node.objects.filter(id__in=[row.node_id for row in rows[:limit]]))
    }
    shown = entries(actor, [nodes[row.node_id] for row in rows[:limit]])
    items = [
        TrashEntry(entry, row.trashed_at, row.trashed_by.name if row.trashed_by else "", row.purge_after)
        for entry, row in zip(shown, rows, strict=False)
    ]
    return Page(items, encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)
