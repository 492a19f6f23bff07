"""The index in plain SQL: what an actor sees of it, and what of that was asked for.

Django's way to the same statements costs more than the database takes to answer them. Conditions stay what they are
(``matching`` and ``library.access`` say them); only the statement around them is written here. In all statements ``s``
is a series row and ``n`` its container, ``i`` an instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q
from django.db.models.expressions import Col
from django.db.models.sql import Query

from sinfonietta.accounts.actor import Actor
from sinfonietta.common import rows as plain
from sinfonietta.dicom.index.inside import like
from sinfonietta.dicom.models import DicomInstance, DicomSeries
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node, base36

SERIES = "dicom_dicomseries s JOIN library_node n ON n.id = s.container_id"
INSTANCES = (
    "dicom_dicominstance i JOIN dicom_dicomseries s ON s.id = i.series_id JOIN library_node n ON n.id = s.container_id"
)

SERIES_COLUMNS = """s.id, s.study_uid, s.series_uid, s.patient_id, s.patient_name, s.birth_date, s.sex, s.study_date,
    s.study_time, s.accession_number, s.study_id, s.study_description, s.referring_physician, s.modality,
    s.series_number, s.series_description, s.series_date, s.series_time, s.body_part, s.instances, s.size_bytes,
    s.described_by, s.study_json, s.series_json, n.uid"""
INSTANCE_COLUMNS = """i.version_id, i.study_uid, i.series_uid, i.sop_uid, i.sop_class, i.modality, i.instance_number,
    i.transfer_syntax, i.frames, i.json, i.series_id"""
IN_ORDER = "ORDER BY i.study_uid, s.series_number, i.series_uid, i.instance_number, i.sop_uid"

SIGNS = {"": "=", "gte": ">=", "lte": "<="}
NOTHING = "1 = 0"
"""The condition that nothing fulfils."""


class SeriesRow(NamedTuple):
    """A ``DicomSeries`` as a search finds it; ``place`` is the uid of its container."""

    id: int
    study_uid: str
    series_uid: str
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    study_date: str
    study_time: str
    accession_number: str
    study_id: str
    study_description: str
    referring_physician: str
    modality: str
    series_number: int | None
    series_description: str
    series_date: str
    series_time: str
    body_part: str
    instances: int
    size_bytes: int
    described_by: int
    study_json: str
    series_json: str
    place: UUID | str


class InstanceRow(NamedTuple):
    """A ``DicomInstance`` as a search finds it, with its series."""

    version_id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    modality: str
    instance_number: int | None
    transfer_syntax: str
    frames: int
    json: str
    series: SeriesRow


class Condition(NamedTuple):
    """A piece of SQL with its parameters."""

    sql: str
    params: tuple[Any, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"{self.sql} AND {other.sql}", self.params + other.params)


def select(columns: str, tables: str, where: Condition, rest: str = "", more: Sequence[Any] = ()) -> list[Any]:
    """The rows of a statement; ``rest`` is what follows WHERE, with its parameters in ``more``."""
    return rows_of(statement(columns, tables, where, rest, more))


def statement(columns: str, tables: str, where: Condition, rest: str = "", more: Sequence[Any] = ()) -> Condition:
    """A SELECT, for another one to stand in; as ``select``."""
    sql = f"SELECT {columns} FROM {tables} WHERE {where.sql} {rest}"  # noqa: S608 - values are parameters
    return Condition(sql, (*where.params, *more))


def rows_of(asked: Condition) -> list[Any]:
    """The rows of a whole statement."""
    return plain.select(asked.sql, asked.params)


def visible(actor: Actor, root: Node | None, container: str = "n", level: Level = Level.READ) -> Condition:
    """That a series row is the actor's to see, below the root where there is one: as ``queries.visible``."""
    condition = Condition(f"{container}.trash_id IS NULL")
    if not actor.is_system:
        condition &= Condition(*access.within_sql(actor, f"{container}.acl_id", level))
    if root is not None:
        below = f"({container}.id = %s OR ({container}.ancestry >= %s AND {container}.ancestry < %s))"
        condition &= Condition(below, (root.id, root.below, root.ancestry + base36(root.id + 1)))
    return condition


def where(asked: Q, alias: str = "s") -> Condition:
    """A condition on columns of series rows (``s``) or instances (``i``)."""
    model = DicomInstance if alias[0] == "i" else DicomSeries
    parts = []
    params: list[Any] = []
    for child in asked.children:
        if isinstance(child, Q):
            sql, more = where(child, alias)
        else:
            key, value = child  # type: ignore[misc]
            sql, more = _leaf(model, alias, key, value)
        if sql == NOTHING and asked.connector == Q.OR and len(asked.children) > 1:
            continue  # adds nothing, and would keep the database from using an index
        parts.append(sql)
        params += more
    joined = f" {asked.connector} ".join(parts) or (NOTHING if asked.children else "1 = 1")
    return Condition(f"NOT ({joined})" if asked.negated else f"({joined})", tuple(params))


def _leaf(model: type[DicomSeries | DicomInstance], alias: str, key: str, value: Any) -> Condition:
    name, _, how = key.partition("__")
    column = f"{alias}.{name}"
    if how in SIGNS:
        return Condition(f"{column} {SIGNS[how]} %s", (value,))
    if how == "dicom_like":
        sql, params = like(connection.vendor, column, value)
        return Condition(sql, tuple(params))
    if how == "in" and isinstance(value, list | tuple | set):
        return Condition(f"{column} IN ({plain.marks(tuple(value))})", tuple(value)) if value else Condition(NOTHING)
    return _rare_leaf(model, alias, key, value)


def _rare_leaf(model: type[DicomSeries | DicomInstance], alias: str, key: str, value: Any) -> Condition:
    """A subquery or a look into the JSON, which are Django's to say."""
    name, _, how = key.partition("__")
    if hasattr(value, "resolve_expression"):
        try:
            sql, params = model._default_manager.filter(**{key: value}).values("pk").query.sql_with_params()
        except EmptyResultSet:
            return Condition(NOTHING)
        return Condition(f"{alias}.{model._meta.pk.column} IN ({sql})", tuple(params))
    field = model._meta.get_field(name)
    made = field.get_lookup(how)(Col(alias, field), value)  # type: ignore[misc, arg-type]
    sql, params = made.as_sql(_compiler(model, connection.vendor), connection)
    return Condition(sql, tuple(params))


@cache
def _compiler(model: type[DicomSeries | DicomInstance], vendor: str) -> Any:
    return Query(model).get_compiler(connection=connection)


def shown(actor: Actor, root: Node | None, matches: Q) -> Condition:
    """That an instance row is the one filed last of its UID, among all of matching series that the actor sees.

    Where the same instance lies in several places, or differs, one stands for it (``j``: any other one).
    """
    seen = visible(actor, root, "m") & where(matches, "t")
    later = (
        "NOT EXISTS (SELECT 1 FROM dicom_dicominstance j JOIN dicom_dicomseries t ON t.id = j.series_id "  # noqa: S608
        "JOIN library_node m ON m.id = t.container_id WHERE j.sop_uid = i.sop_uid AND j.study_uid = i.study_uid "
        f"AND j.series_uid = i.series_uid AND j.version_id > i.version_id AND {seen.sql})"
    )
    return visible(actor, root) & where(matches) & Condition(later, seen.params)


def series_in(page: Condition, where: Condition, rest: str) -> list[SeriesRow]:
    """As ``series_rows``, of the studies that a statement (``p``) finds."""
    found = statement(
        SERIES_COLUMNS, f"({page.sql}) p CROSS JOIN {SERIES}", Condition("s.study_uid = p.study_uid") & where, rest
    )
    return [SeriesRow._make(row) for row in rows_of(Condition(found.sql, page.params + found.params))]


def series_rows(where: Condition, rest: str = "", more: Sequence[Any] = ()) -> list[SeriesRow]:
    """Series rows with the uid of their container."""
    return [SeriesRow._make(row) for row in select(SERIES_COLUMNS, SERIES, where, rest, more)]


def instance_rows(where: Condition, rest: str = "", more: Sequence[Any] = ()) -> list[InstanceRow]:
    """Instances with their series, of which each is fetched once."""
    found = select(INSTANCE_COLUMNS, INSTANCES, where, rest, more)
    ids = tuple({row[-1] for row in found})
    rows = series_rows(Condition(f"s.id IN ({plain.marks(ids)})", ids)) if ids else []
    series = {row.id: row for row in rows}
    # One that was filed anew between the two statements is in no series any more.
    return [InstanceRow._make((*row[:-1], series[row[-1]])) for row in found if row[-1] in series]
