"""Instances with what a request for their bytes needs, fetched by one statement and made into the models they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model

from sinfonietta.blobs.models import Blob
from sinfonietta.dicom.index.selection import INSTANCES, Condition, select
from sinfonietta.dicom.models import DicomHeader, DicomInstance, DicomSeries
from sinfonietta.library.models import Node, Version

Row = TypeVar("Row", bound=Model)
TABLES = f"""{INSTANCES} JOIN dicom_dicomheader h ON h.instance_id = i.version_id
    JOIN library_version v ON v.id = i.version_id JOIN blobs_blob b ON b.id = v.blob_id
    JOIN library_node f ON f.id = i.node_id"""
INSTANCE = (
    "version_id",
    "node_id",
    "series_id",
    "study_uid",
    "series_uid",
    "sop_uid",
    "sop_class",
    "transfer_syntax",
    "frames",
)
BLOB = ("id", "sha256", "size_bytes", "store", "key", "damaged")
NODE = ("id", "uid", "kind", "ancestry")
COLUMNS = ", ".join(
    [f"i.{name}" for name in INSTANCE]
    + [f"b.{name}" for name in BLOB]
    + [f"f.{name}" for name in NODE]
    + [f"n.{name}" for name in NODE]
    + ["v.created", "h.places"]
)


def files(where: Condition, rest: str = "", more: Sequence[Any] = ()) -> list[DicomInstance]:
    """Instances with ``header`` (its places), ``version.blob``, ``node`` and ``series.container``."""
    return [_file(row) for row in select(COLUMNS, TABLES, where, rest, more)]


class Dataset(NamedTuple):
    """The dataset of an instance, packed."""

    version_id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    packed: bytes | memoryview


def datasets(where: Condition) -> list[Dataset]:
    """The datasets of instances."""
    columns = "i.version_id, i.study_uid, i.series_uid, i.sop_uid, h.dataset"
    tables = "dicom_dicominstance i JOIN dicom_dicomheader h ON h.instance_id = i.version_id"
    return [Dataset._make(row) for row in select(columns, tables, where)]


def nodes(where: Condition, tables: str) -> list[Node]:
    """The different containers of what fulfils a condition."""
    rows = select("DISTINCT " + ", ".join(f"n.{name}" for name in NODE), tables, where)
    return [_node(row) for row in rows]


def _file(row: Sequence[Any]) -> DicomInstance:
    instance = _made(DicomInstance, INSTANCE, row[:9])
    blob = _made(Blob, BLOB, (*row[9:14], _moment(row[14])))
    version = _made(Version, ("id", "blob_id", "created"), (row[0], row[9], _moment(row[23])))
    series = _made(DicomSeries, ("id", "container_id"), (row[2], row[19]))
    version.blob, instance.version, instance.node = blob, version, _node(row[15:19])
    series.container, instance.series = _node(row[19:23]), series
    instance.header = _made(DicomHeader, ("instance_id", "places"), (row[0], row[24]))
    return instance


def _node(row: Sequence[Any]) -> Node:
    number, uid, *rest = row
    return _made(Node, NODE, (number, uid if isinstance(uid, UUID) else UUID(uid), *rest))


def _moment(value: Any) -> datetime | None:
    """A time as the database gives it; SQLite has text, in UTC."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def _made(model: type[Row], names: Sequence[str], values: Sequence[Any]) -> Row:
    """A row with some of its columns, in the order of the model; Django fetches others where they are asked for."""
    return model.from_db(connection.alias, names, values)
