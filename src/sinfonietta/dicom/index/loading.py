"""Instances with what a request for their bytes needs, fetched by one statement.

They are no models: seven of them an instance would cost more than all else that a retrieval does for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from sinfonietta.blobs.models import Blob
from sinfonietta.dicom.index.selection import INSTANCES, Condition, select
from sinfonietta.library.models import STEP

TABLES = f"""{INSTANCES} JOIN dicom_dicomheader h ON h.instance_id = i.version_id
    JOIN library_version v ON v.id = i.version_id JOIN blobs_blob b ON b.id = v.blob_id
    JOIN library_node f ON f.id = i.node_id"""
BLOB = ("id", "sha256", "size_bytes", "store", "key", "damaged")
COLUMNS = ", ".join(
    [f"i.{name}" for name in ("version_id", "study_uid", "series_uid", "sop_uid", "sop_class", "transfer_syntax")]
    + ["i.frames", "v.created", "h.places", "f.id", "f.uid", "f.ancestry", "n.id", "n.uid", "n.ancestry"]
    + [f"b.{name}" for name in BLOB]
)


class Place(NamedTuple):
    """A node as the audit names it."""

    id: int
    uid: UUID
    ancestry: str

    @property
    def collection_id(self) -> int:
        """As of a ``Node``."""
        return int(self.ancestry[:STEP], 36) if self.ancestry else self.id


class Stored(NamedTuple):
    """An instance: where its bytes are, its file and what that lies in, and what its header says of pixels."""

    version_id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    transfer_syntax: str
    frames: int
    created: datetime
    places: bytes | memoryview
    node: Place
    container: Place
    blob: Blob


def files(where: Condition, rest: str = "", more: Sequence[Any] = ()) -> list[Stored]:
    """Instances with what is needed to send them."""
    return [_stored(row) for row in select(COLUMNS, TABLES, where, rest, more)]


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


def nodes(where: Condition, tables: str) -> list[Place]:
    """The different containers of what fulfils a condition."""
    return [_place(*row) for row in select("DISTINCT n.id, n.uid, n.ancestry", tables, where)]


def _stored(row: Sequence[Any]) -> Stored:
    blob = Blob.from_db(connection.alias, BLOB, (*row[15:20], _moment(row[20])))
    places = _place(*row[9:12]), _place(*row[12:15])
    return Stored._make((*row[:7], _moment(row[7]), row[8], *places, blob))


def _place(number: int, uid: UUID | str, ancestry: str) -> Place:
    return Place(number, uid if isinstance(uid, UUID) else UUID(uid), ancestry)


def _moment(value: Any) -> Any:
    """A time as the database gives it; SQLite has text, in UTC."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
