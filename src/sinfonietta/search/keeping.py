"""Documents are written here, on both databases. A document that was made of an older state never replaces a newer."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from sinfonietta.common import rows
from sinfonietta.search import spelling
from sinfonietta.search.documents import Made
from sinfonietta.search.models import Document, Number
from sinfonietta.search.words import vector

COLUMNS = [str(field.column) for field in Document._meta.concrete_fields]
NAMES = [field.attname for field in Document._meta.concrete_fields]
CAST = {"vector": "%s::tsvector"}


def keep(made: Sequence[Made]) -> None:
    """Write documents with their numbers, in the caller's transaction."""
    is_postgresql = connection.vendor == "postgresql"
    columns = [*COLUMNS, "vector"] if is_postgresql else COLUMNS
    at_once = rows.MOST_PARAMETERS // len(columns)
    for start in range(0, len(made), at_once):
        some = made[start : start + at_once]
        values = [
            value
            for one in some
            for value in (
                *(getattr(one.document, name) for name in NAMES),
                *([vector(one.document.words)] if is_postgresql else []),
            )
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_statement(columns, len(some)), values)
    spelling.learn(one.document.words for one in made)
    ids = [one.document.node_id for one in made]
    Number.objects.filter(document__in=ids).delete()
    Number.objects.bulk_create([number for one in made for number in one.numbers], batch_size=200)


def _statement(columns: list[str], count: int) -> str:
    places = ", ".join(CAST.get(column, "%s") for column in columns)
    sets = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    return (
        f"INSERT INTO search_document ({', '.join(columns)}) VALUES {', '.join([f'({places})'] * count)} "  # noqa: S608
        f"ON CONFLICT (node_id) DO UPDATE SET {sets} WHERE search_document.seen <= excluded.seen"
    )
