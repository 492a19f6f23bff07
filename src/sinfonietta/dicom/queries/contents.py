"""Instances with their bytes and headers: to be sent, streamed, or looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.common.rows import marks
from sinfonietta.dicom.dataset import tags
from sinfonietta.dicom.dataset.functional import of_frame
from sinfonietta.dicom.dataset.packing import dataset_of, header_of
from sinfonietta.dicom.dataset.parse import MEDIA_TYPE, Header
from sinfonietta.dicom.image.options import presets
from sinfonietta.dicom.index import loading, selection
from sinfonietta.dicom.models import DicomHeader, DicomInstance
from sinfonietta.dicom.queries.scope import CHUNK, chosen_instances, shown_condition, visible
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.library import access
from sinfonietta.library.models import Node
from sinfonietta.library.queries import version

PIECE = 50
MOST_TEXT_BYTES = 4 << 20
"""A dataset whose JSON is longer is not made an object of in this process: it would take fifty times as much memory."""


def files(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[loading.Stored]:
    """All instances of a study, a series, or one. Raises NotFound when there are none."""
    rows = loading.files(shown_condition(actor, root, keys), selection.IN_ORDER)
    if not rows:
        raise NotFound("There is no such study, series or instance, or it is not yours to see.")
    return rows


def all_files(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[Node]:
    """Every file of a study, a series or an instance, those too that another one with the same UID stands before.

    Raises NotFound when there are none.
    """
    seen = visible(actor, root, "series__")
    uids = {"study_uid": keys.get("0020000D"), "series_uid": keys.get("0020000E"), "sop_uid": keys.get("00080018")}
    wanted = {column: uid for column, uid in uids.items() if uid}
    rows = DicomInstance.objects.filter(seen, series__isnull=False, **wanted).select_related("node").order_by("node_id")
    if not rows:
        raise NotFound("There is no such study, series or instance, or it is not yours to see.")
    return [row.node for row in rows]


def datasets(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> Iterator[loading.Dataset]:
    """The datasets of a study, a series, or one instance, streamed."""
    rows = selection.select("i.version_id", selection.INSTANCES, shown_condition(actor, root, keys), selection.IN_ORDER)
    ids = [version for (version,) in rows]
    for at in range(0, len(ids), CHUNK):
        # Piece by piece: a slow reader of a long answer holds no cursor open.
        some = tuple(ids[at : at + CHUNK])
        chosen = selection.Condition(f"i.version_id IN ({marks(some)})", some)
        found = {row.version_id: row for row in loading.datasets(chosen)}
        yield from (found[version] for version in some if version in found)


def header(row: DicomInstance) -> Header:
    """The header of an instance that the caller has been shown."""
    return header_of(DicomHeader.objects.values_list("places", flat=True).get(instance_id=row.version_id))


def dataset(row: DicomInstance) -> dict[str, Any]:
    """The DICOM JSON model of an instance that the caller has been given already. Raises Invalid for a huge one."""
    found = dataset_of(DicomHeader.objects.values_list("dataset", flat=True).get(instance=row), MOST_TEXT_BYTES)
    if found is None:
        raise Invalid(f"The header of the object is larger than {MOST_TEXT_BYTES >> 20} MiB.")
    return found


@dataclass
class Retrieval:
    """What is to be sent of a study, a series, a patient: the versions, and which classes and syntaxes they have."""

    actor: Actor
    versions: list[int]
    kinds: list[tuple[str, str]]

    def rows(self) -> Iterator[DicomInstance]:
        """The instances, with ``version.blob`` and ``series.container``; looked up piece by piece, with the rights of
        that moment, so that a right which is withdrawn meanwhile ends it.
        """
        for at in range(0, len(self.versions), PIECE):
            ids = self.versions[at : at + PIECE]
            rows = DicomInstance.objects.filter(visible(self.actor, None, "series__"), version_id__in=ids)
            found = rows.select_related("version__blob", "series__container").defer("json").in_bulk()
            yield from (found[version] for version in ids if version in found)


def retrieval(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> Retrieval:
    """All instances that match, to be sent. Raises BadRequest for a key that cannot be matched."""
    chosen = chosen_instances(actor, root, keys)
    kinds = chosen.order_by().values_list("sop_class", "transfer_syntax").distinct()
    return Retrieval(actor, list(chosen.values_list("version_id", flat=True)), list(kinds))


@dataclass(frozen=True)
class Described:
    """A DICOM file: its row in the index where it has one, its tags, and the windows to look at it by."""

    row: DicomInstance | None
    frames: int
    rows: list[tags.TagRow]
    presets: dict[str, tuple[float, float]]


def of_file(*, actor: Actor, uid: UUID, frame: int = 0) -> Described:
    """What is known of a file's current version; of an enhanced object the tags of one frame (from 0).

    What the index leaves out (a dataset that breaks off, a DICOMDIR, what lacks a UID) is read again, and so are tags
    that are too many for this process, or in a header of the scanner's maker. Raises NotFound where the file is absent
    or no DICOM that can be read, Forbidden for a quarantined one, Unavailable.
    """
    node = access.find(actor, uid)
    row = DicomInstance.objects.filter(node=node, version_id=node.current_id or 0).select_related("header").first()
    dataset = dataset_of(row.header.dataset, MOST_TEXT_BYTES) if row else None
    if row is not None and dataset is not None and not tags.has_csa(dataset):
        header = replace(header_of(row.header.places), json=dataset)
        return Described(row, row.frames, tags.rows(of_frame(dataset, frame)), presets(header))
    current = version(actor=actor, uid=uid)
    path = store.default().path(current.blob) if current.media_type == MEDIA_TYPE else None
    try:
        found = isolation.pool().parse(path) if path else None
        if path is None or found is None:
            raise NotFound("That is not a DICOM file that could be read.")
        frames = found.pixels.number_of_frames if found.pixels else 0
        return Described(row, frames, *isolation.pool().tags(path, frame))
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise NotFound(str(error)) from error
