"""Pages of nodes in an order: by keyset for programs, by offset for tables that people leaf through."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.library.models import Node
from sinfonietta.library.queries.entries import Entry, entries, seen_by

CONTAINERS = [Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET]
FIELDS = {"name": "name", "created": "created", "modified": "modified", "size": "weight"}
WEIGHT = Coalesce(F("size_bytes"), 0)
"""Containers weigh nothing, so that they can be sorted among files."""


def page(
    actor: Actor,
    nodes: QuerySet[Node],
    *,
    order: str = "name",
    cursor: str | None = None,
    limit: int = 100,
    offset: int | None = None,
) -> Page[Entry]:
    """One page of entries. ``order``: name, created, modified, size; a minus before it turns it round.

    With ``offset`` containers come first and ``next`` is the next offset as text. Raises Invalid for a cursor that is
    not one of ours or an unknown order.
    """
    descending, field = order.startswith("-"), FIELDS.get(order.removeprefix("-"))
    if field is None:
        raise Invalid("That order is not known.", errors={"order": [f"one of {', '.join(FIELDS)}"]})
    nodes = seen_by(actor, nodes.annotate(weight=WEIGHT))
    sign = "-" if descending else ""
    if offset is not None:
        nodes = nodes.annotate(is_container=Q(kind__in=CONTAINERS))
        found = list(nodes.order_by("-is_container", f"{sign}{field}", f"{sign}id")[offset : offset + limit + 1])
        return Page(entries(actor, found[:limit]), str(offset + limit) if len(found) > limit else None)
    if cursor:
        nodes = nodes.filter(_after(field, descending, cursor))
    found = list(nodes.order_by(f"{sign}{field}", f"{sign}id")[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return Page(entries(actor, found[:limit]), last and encode_cursor(_text(getattr(last, field)), last.id))


def _after(field: str, descending: bool, cursor: str) -> Q:
    value: Any
    value, last_id = decode_cursor(cursor, 2)
    try:
        if field in ("created", "modified"):
            value = datetime.fromisoformat(str(value))
        elif field == "weight":
            value = int(str(value))
        last = int(str(last_id))
    except ValueError as error:
        raise Invalid("The cursor is not one of this list.", errors={"cursor": ["not valid"]}) from error
    way = "lt" if descending else "gt"
    return Q(**{f"{field}__{way}": value}) | Q(**{field: value, f"id__{way}": last})


def _text(value: Any) -> str | int:
    return value.isoformat() if isinstance(value, datetime) else value
