"""Pages of nodes in an order: by keyset for programs, by offset for tables that people leaf through."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.library.models import Node
from sinfonietta.library.names import encodable
from sinfonietta.library.queries.entries import Entry, entries, seen_by

FIELDS = {"name": "name", "created": "created", "modified": "modified", "size": "weight"}
WEIGHT: dict[str, Combinable] = {"weight": Coalesce(F("size_bytes"), 0)}
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
    nodes = nodes.annotate(**WEIGHT)
    sign = "-" if descending else ""
    if offset is not None:
        is_file = Case(When(kind=Node.Kind.FILE, then=1), default=0)
        found = _rows(actor, nodes.order_by(is_file, f"{sign}{field}", f"{sign}id")[offset : offset + limit + 1])
        return Page(entries(actor, found[:limit]), str(offset + limit) if len(found) > limit else None)
    if cursor:
        nodes = nodes.filter(_after(field, descending, cursor))
    found = _rows(actor, nodes.order_by(f"{sign}{field}", f"{sign}id")[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return Page(entries(actor, found[:limit]), encode_cursor(_text(getattr(last, field)), last.id) if last else None)


def _rows(actor: Actor, wanted: QuerySet[Node]) -> list[Node]:
    """The nodes in their order. Ids first: what is sorted is then narrow, and only the page is joined."""
    ids = list(wanted.values_list("id", flat=True))
    nodes = {node.id: node for node in seen_by(actor, Node.objects.filter(id__in=ids).annotate(**WEIGHT))}
    return [nodes[one] for one in ids if one in nodes]


def _after(field: str, descending: bool, cursor: str) -> Q:
    said, last = decode_cursor(cursor, 2)
    try:
        value = _value(field, said)
        if not isinstance(last, int):
            raise ValueError
    except ValueError as error:
        raise Invalid("The cursor is not one of this list.", errors={"cursor": ["not valid"]}) from error
    way = "lt" if descending else "gt"
    # The first part alone lets the database begin at the right place of its index.
    return Q(**{f"{field}__{way}e": value}) & (Q(**{f"{field}__{way}": value}) | Q(**{f"id__{way}": last}))


def _value(field: str, said: object) -> str | int | datetime:
    """The sort key in a cursor. Raises ValueError when it is not one for that field."""
    if field == "weight" and isinstance(said, int):
        return said
    if not isinstance(said, str) or not encodable(said) or field == "weight":
        raise ValueError
    if field == "name":
        return said
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError from error


def _text(value: str | int | datetime) -> str | int:
    return value.isoformat() if isinstance(value, datetime) else value
