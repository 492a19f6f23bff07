"""Rows in plain SQL, for the few statements that every request or every stored file makes.

Django's way to a statement costs more than the database takes to answer it (0.3 to 1.5 ms against 0.05). Here the text
is made once for each shape; the values become what the models' fields say, and the rows the models that they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, Generic, TypeVar, cast

from django.db import connection
from django.db.models import AutoField, CharField, DateTimeField, Field, ForeignKey, IntegerField, Model, TextField
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


def select(sql: str, params: Values) -> list[Any]:
    """The rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: list[Any] = cursor.fetchall()
    return found


def marks(values: Values) -> str:
    """Places for so many parameters."""
    return ", ".join(["%s"] * len(values))


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


def create(made: Sequence[Model], *, unless_there: bool = False) -> None:
    """Insert rows of one model and give them their ids, as ``bulk_create``. Raises IntegrityError.

    With ``unless_there`` rows that offend against uniqueness are left out; where there are any, none gets an id.
    """
    if not made:
        return
    model = type(made[0])
    writers = [(field.attname, _writer(field)) for field in _inserted(model)]
    at_once = max(1, MOST_PARAMETERS // len(writers))
    for start in range(0, len(made), at_once):
        some = made[start : start + at_once]
        values = [write(getattr(one, name)) for one in some for name, write in writers]
        with connection.cursor() as cursor:
            cursor.execute(_insertion(model, len(some), unless_there), values)
            # Numbers are given in the order of the rows, and returned in any.
            keys = sorted(key for (key,) in cursor.fetchall()) if _is_numbered(model) else [one.pk for one in some]
        if len(keys) < len(some):
            continue
        for one, key in zip(some, keys, strict=True):
            one.pk, one._state.adding, one._state.db = key, False, connection.alias


def _is_numbered(model: type[Model]) -> bool:
    return isinstance(model._meta.pk, AutoField)


@cache
def _inserted(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields that are written: all, but for a number that the database gives."""
    return [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]


@cache
def _insertion(model: type[Model], count: int, unless_there: bool) -> str:
    fields = _inserted(model)
    places = ", ".join([f"({marks(fields)})"] * count)
    names = ", ".join(str(field.column) for field in fields)
    conflict = " ON CONFLICT DO NOTHING" if unless_there else ""
    returning = f" RETURNING {model._meta.pk.column}" if _is_numbered(model) else ""
    return f"INSERT INTO {model._meta.db_table} ({names}) VALUES {places}{conflict}{returning}"  # noqa: S608 - names are ours


@cache
def _writer(field: Field[Any, Any]) -> Callable[[Any], Any]:
    if isinstance(field, CharField | TextField | IntegerField | ForeignKey):
        return lambda value: value
    if isinstance(field, DateTimeField):  # many rows of one moment, which is worth more than it costs to remember
        return lru_cache(maxsize=64)(lambda value: field.get_db_prep_save(value, connection))
    return lambda value: field.get_db_prep_save(value, connection)
