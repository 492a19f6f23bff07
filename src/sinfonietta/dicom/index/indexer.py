"""Keeps the DICOM index true, inside the transactions that change the tree (``library.hooks.Indexer``).

All of them hold the lock of the collection, so two of them never meet in one series row; the row is locked besides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import connection
from django.db.models import F, QuerySet

from sinfonietta.common import rows
from sinfonietta.common.rows import marks
from sinfonietta.dicom.dataset import attributes
from sinfonietta.dicom.dataset.packing import header_of, pack_places
from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.index import selection
from sinfonietta.dicom.models import DicomHeader, DicomInstance, DicomSeries
from sinfonietta.library.models import Node, Trash, Version

SERIES = rows.Columns(DicomSeries, "s")
SHOWN = (Version.State.READY, Version.State.CONFLICT)
"""States of a version that DICOMweb shows."""


class DicomIndexer:
    """One instance row for each version that is DICOM; it has a series while it is to be seen."""

    def filed(self, node: Node, version: Version, facts: Mapping[str, object]) -> None:
        """The file has a new current version, or its version a new state."""
        _leave(DicomInstance.objects.filter(node=node))
        same = cast("int | None", facts.get("same as"))
        header = facts.get("dicom")
        instance: DicomInstance | None
        if same == version.id:
            instance = DicomInstance.objects.filter(version=version).first()
        elif same is not None:
            instance = _clone(DicomInstance.objects.filter(version_id=same).first(), node, version)
        else:
            instance = _insert(node, version, header) if isinstance(header, Header) and header.is_instance else None
        if instance is not None and version.state in SHOWN:
            instance.node, instance.version = node, version
            _enter([instance])

    def filed_new(self, files: Sequence[tuple[Node, Version, Mapping[str, object]]]) -> None:
        """The files are new."""
        new = [
            (_row(node, version, header), header)
            for node, version, facts in files
            if isinstance(header := facts.get("dicom"), Header) and header.is_instance
        ]
        headers = {instance.version_id: header for instance, header in new}
        joined = [_join(members, headers) for members in _by_series([instance for instance, _ in new])]
        rows.create([instance for instance, _ in new])
        rows.create(
            [
                DicomHeader(instance_id=instance.version_id, dataset=header.packed, places=pack_places(header))
                for instance, header in new
            ]
        )
        for one in joined:
            one.settle()

    def hidden(self, node_ids: Sequence[int]) -> None:
        """The files left their container."""
        _leave(DicomInstance.objects.filter(node_id__in=node_ids))

    def shown(self, node_ids: Sequence[int]) -> None:
        """The files are in their container."""
        _enter(_current(node_ids))

    def copied(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Each second file has the bytes of the first."""
        twins = {twin.id: twin for twin in Node.objects.filter(id__in=[twin for _, twin in pairs])}
        versions = Version.objects.in_bulk([twin.current_id for twin in twins.values() if twin.current_id])
        originals = {instance.node_id: instance for instance in _current([original for original, _ in pairs])}
        made = []
        for original, twin_id in pairs:
            twin = twins[twin_id]
            clone = _clone(originals.get(original), twin, versions[twin.current_id or 0])
            if clone is not None and clone.version.state in SHOWN:
                made.append(clone)
        _enter(made)

    def purged(self, node_ids: Sequence[int]) -> None:
        """The files are about to be deleted; their rows go with them."""
        _leave(DicomInstance.objects.filter(node_id__in=node_ids))


def _current(node_ids: Sequence[int]) -> list[DicomInstance]:
    """Instance rows of the current versions of files, whatever their state."""
    found = DicomInstance.objects.filter(node_id__in=node_ids, node__current_id=F("version_id"))
    return list(found.select_related("node", "version"))


def _insert(node: Node, version: Version, header: Header) -> DicomInstance:
    instance = _row(node, version, header)
    instance.save(force_insert=True)
    DicomHeader.objects.create(instance=instance, dataset=header.packed, places=pack_places(header))
    return instance


def _row(node: Node, version: Version, header: Header) -> DicomInstance:
    return DicomInstance(version=version, node=node, **_columns(header))


def _columns(header: Header) -> dict[str, Any]:
    return {
        "study_uid": header.study_uid,
        "series_uid": header.series_uid,
        "sop_uid": header.sop_instance_uid,
        "sop_class": header.sop_class_uid,
        "modality": header.modality[: attributes.TEXT_LENGTH],
        "instance_number": attributes.number(header.json, "00200013"),
        "transfer_syntax": header.transfer_syntax[:64],
        "frames": header.pixels.number_of_frames if header.pixels else 0,
        "json": attributes.members(header.json, attributes.INSTANCE_TAGS),
    }


def renew(instance: DicomInstance, header: Header) -> None:
    """Bring the rows of a version up to date with its header, read again. The collection is locked."""
    columns = _columns(header)
    identity = ("study_uid", "series_uid", "sop_uid")
    is_other = any(getattr(instance, name) != columns[name] for name in identity)
    was_seen = instance.series_id is not None
    if is_other and was_seen:
        _leave(DicomInstance.objects.filter(version_id=instance.version_id))
        instance.series = None
    DicomInstance.objects.filter(version_id=instance.version_id).update(**columns)
    DicomHeader.objects.filter(instance=instance).update(dataset=header.packed, places=pack_places(header))
    for name, value in columns.items():
        setattr(instance, name, value)
    if is_other and was_seen:
        _enter([instance])
    elif instance.series_id is not None:
        described = DicomSeries.objects.filter(id=instance.series_id, described_by=instance.version_id)
        described.update(**attributes.series_columns(header.json))


def discover(version: Version, header: Header) -> None:
    """Rows for a version that had none: its dataset could not be read to its end before. The collection is locked."""
    node = version.node
    instance = _insert(node, version, header)
    if version.state == Version.State.INCOMPLETE:
        version.state, version.problem = Version.State.READY, ""
        version.save(update_fields=["state", "problem"])
    is_trashed = Trash.objects.filter(node=node).exists()  # itself; what is above it hides it by other means
    if node.current_id == version.id and not is_trashed:
        _enter([instance])


def _clone(original: DicomInstance | None, node: Node, version: Version) -> DicomInstance | None:
    """The row of a version that has the bytes of ``original``."""
    if original is None:
        return None
    header = DicomHeader.objects.get(instance=original)
    fields = {
        field.attname: getattr(original, field.attname)
        for field in DicomInstance._meta.concrete_fields
        if field.name not in {"version", "node", "series"}
    }
    instance = DicomInstance.objects.create(version=version, node=node, **fields)
    DicomHeader.objects.create(instance=instance, dataset=header.dataset, places=header.places)
    return instance


def _enter(instances: Sequence[DicomInstance]) -> None:
    """Give instances that are to be seen the series row of their container, and count them there."""
    for members in _by_series(instances):
        joined = _join(members, {})
        DicomInstance.objects.filter(version_id__in=[one.version_id for one in members]).update(series=joined.series)
        joined.settle()


def _by_series(instances: Sequence[DicomInstance]) -> list[list[DicomInstance]]:
    """Those that are to be seen and are not yet, by container, study and series."""
    groups: dict[tuple[int, str, str], list[DicomInstance]] = defaultdict(list)
    for instance in instances:
        if instance.series_id is None and instance.node.parent_id and instance.version.state in SHOWN:
            groups[(instance.node.parent_id, instance.study_uid, instance.series_uid)].append(instance)
    return list(groups.values())


@dataclass(frozen=True)
class _Joined:
    """Instances that were counted to a series; ``known`` are UIDs that it held before."""

    series: int
    members: list[DicomInstance]
    known: set[str]

    def settle(self) -> None:
        """Look for conflicts where a UID is there twice; the instances have their rows by now."""
        uids = {instance.sop_uid for instance in self.members}
        doubtful = self.known if len(uids) == len(self.members) else uids
        if doubtful:
            _settle(self.series, doubtful)
            states = dict(Version.objects.filter(dicom__in=self.members).values_list("id", "state"))
            for instance in self.members:
                instance.version.state = states[instance.version_id]


def _join(members: list[DicomInstance], headers: Mapping[int, Header]) -> _Joined:
    """Count instances to their series, which is made or described anew; each has its ``series_id`` then."""
    last = max(members, key=lambda instance: instance.version_id)
    header = headers.get(last.version_id)
    columns = _description(last.version_id, header.json) if header else _describe(last.version_id)
    row = _locked_series(last) or DicomSeries.objects.create(
        container_id=last.node.parent_id or 0, study_uid=last.study_uid, series_uid=last.series_uid, **columns
    )
    known = _known(row.id, {instance.sop_uid for instance in members})
    uids = {instance.sop_uid for instance in members} - known
    changes = {name: value for name, value in columns.items() if getattr(row, name) != value}
    if last.version_id < row.described_by:
        changes = {}
    size = sum(instance.version.size_bytes for instance in members)
    sets = "".join(f", {name} = %s" for name in changes)
    counts = "instances = instances + %s, size_bytes = size_bytes + %s"
    with connection.cursor() as cursor:
        sql = f"UPDATE dicom_dicomseries SET {counts}{sets} WHERE id = %s"  # noqa: S608 - names of columns
        cursor.execute(sql, (len(uids), size, *changes.values(), row.id))
    for instance in members:
        instance.series_id = row.id
    return _Joined(row.id, members, known)


def _locked_series(one: DicomInstance) -> DicomSeries | None:
    found = selection.select(
        SERIES.sql, "dicom_dicomseries s",
        selection.Condition(
            "s.container_id = %s AND s.study_uid = %s AND s.series_uid = %s",
            (one.node.parent_id, one.study_uid, one.series_uid),
        ),
        "FOR UPDATE" if connection.features.has_select_for_update else "",
    )  # fmt: skip
    return SERIES.make(found[0]) if found else None


def _known(series: int, uids: set[str]) -> set[str]:
    """Which of the UIDs a series holds."""
    among = f"i.series_id = %s AND i.sop_uid IN ({marks(list(uids))})"
    found = selection.select("i.sop_uid", "dicom_dicominstance i", selection.Condition(among, (series, *uids)))
    return {uid for (uid,) in found}


def _describe(version_id: int) -> dict[str, Any]:
    places = DicomHeader.objects.values_list("places", flat=True).get(instance_id=version_id)
    return _description(version_id, header_of(places).json)


def _description(version_id: int, dataset: Mapping[str, Any]) -> dict[str, Any]:
    return attributes.series_columns(dataset) | {"described_by": version_id}


def _leave(instances: QuerySet[DicomInstance]) -> None:
    """Take instances out of their series rows; a row that holds nothing any more goes."""
    groups: dict[int, list[tuple[int, str, int, str]]] = defaultdict(list)
    rows = instances.filter(series__isnull=False)
    for series, *values in rows.values_list(
        "series_id", "version_id", "sop_uid", "version__size_bytes", "version__state"
    ):
        groups[series or 0].append(tuple(values))  # type: ignore[arg-type]
    for series_id, members in groups.items():
        _leave_series(series_id, members)


def _leave_series(series_id: int, members: list[tuple[int, str, int, str]]) -> None:
    row = DicomSeries.objects.select_for_update().get(id=series_id)
    versions = [version for version, *_ in members]
    DicomInstance.objects.filter(version_id__in=versions).update(series=None)
    uids = {uid for _, uid, _, _ in members}
    left = set(row.files.filter(sop_uid__in=uids).values_list("sop_uid", flat=True))
    conflicts = [version for version, _, _, state in members if state == Version.State.CONFLICT]
    if conflicts:
        Version.objects.filter(id__in=conflicts).update(state=Version.State.READY)
    if left:
        _settle(series_id, left)
    if row.instances <= len(uids - left):
        row.delete()
        return
    changes = {}
    if row.described_by in versions:
        changes = _describe(row.files.order_by("-version_id").values_list("version_id", flat=True)[0])
    DicomSeries.objects.filter(id=series_id).update(
        instances=F("instances") - len(uids - left),
        size_bytes=F("size_bytes") - sum(size for _, _, size, _ in members),
        **changes,
    )


def _settle(series_id: int, uids: set[str]) -> None:
    """Mark files of one container that differ under one UID as in conflict, and only those.

    Only within a container, whose files all have the same readers: so the mark tells nobody of what they may not see.
    """
    twins: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    rows = DicomInstance.objects.filter(series_id=series_id, sop_uid__in=uids)
    for uid, *values in rows.values_list("sop_uid", "version_id", "version__blob_id", "version__state"):
        twins[uid].append(tuple(values))  # type: ignore[arg-type]
    wanted: dict[str, list[int]] = defaultdict(list)
    for group in twins.values():
        differ = len({blob for _, blob, _ in group}) > 1
        state = str(Version.State.CONFLICT if differ else Version.State.READY)
        wanted[state] += [version for version, _, now in group if now != state]
    for becomes, versions in wanted.items():
        Version.objects.filter(id__in=versions).update(state=becomes)
