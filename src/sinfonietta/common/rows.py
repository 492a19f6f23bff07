"""Rows in plain SQL, for the few statements that every request or every stored file makes.

Django's way to a statement costs more than the database takes to answer it (0.3 to 1.5 ms against 0.05). Here the text
is made once for each shape; the values become what the models' fields say, and the rows the models that they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Generic, TypeVar, cast

from django.db import connection
from django.db.models import CharField, Field, ForeignKey, IntegerField, Model, TextField
from django.db.models.expressions import Col

M = TypeVar("M", bound=Model)
Values = Sequence[Any]
MOST_PARAMETERS = 900
"""Of one statement; SQLite takes no more where it is old."""


class Columns(Generic[M]):
    """Columns of a model under an alias, in a statement that joins several; ``names`` are all unless given.

    Django fetches a column that was left out when it is asked for.
    """

    def __init__(self, model: type[M], alias: str, names: tuple[str, ...] = ()) -> None:
        fields = [field for field in model._meta.concrete_fields if not names or field.attname in names]
        self.model = model
        self.names = tuple(field.attname for field in fields)
        self.sql = ", ".join(f"{alias}.{field.column}" for field in fields)
        self.count = len(fields)

    def make(self, values: Values) -> M:
        """The row as a model; the values are those of its columns."""
        found = list(values)
        for at, convert in _readers(self.model, self.names, connection.vendor):
            found[at] = convert(found[at])
        return self.model.from_db(connection.alias, self.names, found)


def parts_of(row: Values, columns: Sequence[Columns[Any]]) -> list[Values]:
    """A row of several models cut into what belongs to each."""
    ends = list(accumulate(part.count for part in columns))
    return [row[end - part.count : end] for part, end in zip(columns, ends, strict=True)]


@cache
def _readers(model: type[Model], names: tuple[str, ...], vendor: str) -> list[tuple[int, Callable[[Any], Any]]]:
    """What turns a value of the database into one of Python, by position; most need nothing."""
    found = []
    for at, name in enumerate(names):
        field = cast("Field[Any, Any]", model._meta.get_field(name))
        column = Col("", field)
        steps = connection.ops.get_db_converters(column) + field.get_db_converters(connection)
        found += [(at, _reader(step, column)) for step in steps]
    return found


def _reader(step: Callable[..., Any], column: Col) -> Callable[[Any], Any]:
    return lambda value: step(value, column, connection)


def insert(model: type[Model], names: Sequence[str], rows: Sequence[Values], *, returning: bool = True) -> list[int]:
    """Insert rows of the columns ``names`` (``attname`` of the fields); their primary keys, in order.

    All columns without a default in the database are to be named. Raises IntegrityError.
    """
    keys: list[int] = []
    at_once = max(1, MOST_PARAMETERS // len(names))
    writers = _writers(model, tuple(names), connection.vendor)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            values = [write(value) for row in some for write, value in zip(writers, row, strict=True)]
            cursor.execute(_insertion(model, tuple(names), len(some), returning), values)
            keys += [key for (key,) in cursor.fetchall()] if returning else []
    return sorted(keys)  # given in the order of the rows, returned in any


@cache
def _insertion(model: type[Model], names: tuple[str, ...], count: int, returning: bool) -> str:
    columns = ", ".join(str(cast("Field[Any, Any]", model._meta.get_field(name)).column) for name in names)
    places = ", ".join([f"({', '.join(['%s'] * len(names))})"] * count)
    last = f" RETURNING {model._meta.pk.column}" if returning else ""
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES {places}{last}"  # noqa: S608 - names are ours


@cache
def _writers(model: type[Model], names: tuple[str, ...], vendor: str) -> list[Callable[[Any], Any]]:
    return [_writer(cast("Field[Any, Any]", model._meta.get_field(name))) for name in names]


def _writer(field: Field[Any, Any]) -> Callable[[Any], Any]:
    if isinstance(field, CharField | TextField | IntegerField | ForeignKey):
        return lambda value: value
    return lambda value: field.get_db_prep_save(value, connection)
