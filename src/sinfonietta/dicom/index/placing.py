"""What lies where already, asked for what arrives: the same instance, the place of its series."""

from __future__ import annotations

from typing import NamedTuple

from sinfonietta.blobs.models import Blob
from sinfonietta.common.rows import Columns, parts_of
from sinfonietta.dicom.index.selection import INSTANCES, SERIES, Condition, select
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.library.models import Node, Version

COMPARED, BYTES = Columns(DicomInstance, "i", ("version_id", "sop_uid", "transfer_syntax")), Columns(Blob, "b")
CONTAINER, PARENT = Columns(Node, "n"), Columns(Node, "p")


def instances(where: Condition) -> list[DicomInstance]:
    """Instances with ``version.blob``, to be compared with what arrives."""
    tables = f"{INSTANCES} JOIN library_version v ON v.id = i.version_id JOIN blobs_blob b ON b.id = v.blob_id"
    found = []
    for row in select(f"{COMPARED.sql}, {BYTES.sql}", tables, where):
        own, blob = parts_of(row, (COMPARED, BYTES))
        instance = COMPARED.make(own)
        instance.version = Version(id=instance.version_id, blob=BYTES.make(blob))
        found.append(instance)
    return found


class Place(NamedTuple):
    """Where a series of a study lies; ``is_own``: the series that was asked for."""

    is_own: bool
    container: Node
    parent: Node | None


def place(where: Condition, series_uid: str) -> Place | None:
    """The place of a series, else of another one that fulfils the condition."""
    tables = f"{SERIES} LEFT JOIN library_node p ON p.id = n.parent_id"
    columns = f"s.series_uid, {CONTAINER.sql}, {PARENT.sql}"
    own_first = "ORDER BY CASE WHEN s.series_uid = %s THEN 0 ELSE 1 END, s.id LIMIT 1"
    found = select(columns, tables, where, own_first, (series_uid,))
    if not found:
        return None
    uid, *row = found[0]
    container, parent = parts_of(row, (CONTAINER, PARENT))
    node = CONTAINER.make(container)
    return Place(uid == series_uid, node, PARENT.make(parent) if node.parent_id else None)
