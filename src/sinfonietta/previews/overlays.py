"""Objects that are laid over images: segmentations, and PET as SUV over the CT of its frame of reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import orjson

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.keywords import whole
from sinfonietta.dicom.image import overlay, volume
from sinfonietta.dicom.image.segments import Segmentation
from sinfonietta.dicom.image.suv import Suv
from sinfonietta.dicom.image.volume import Values
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.rt.geometry import Plane, Unplaced, plane_of
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.library.models import Node
from sinfonietta.previews.objects import Opened, opened, reading
from sinfonietta.previews.slices import Slice, slices_of, stored

FRAME_OF_REFERENCE = "00200052"
TOP_SUV = 10.0
"""Of the scale of colours, where nothing else is asked."""
BACKGROUNDS = ("CT", "MR")


@dataclass(frozen=True)
class Over:
    """An object and the images that it is laid over, in their order; ``reason`` says why there are none."""

    images: list[DicomInstance]
    reason: str = ""


@dataclass(frozen=True)
class Background:
    """A series that a PET can be laid over."""

    series_uid: str
    modality: str
    description: str
    images: int


@dataclass(frozen=True)
class Pet:
    """A PET image: its SUV or why there is none, and what it can be laid over."""

    suv: Suv | None
    reason: str
    backgrounds: list[Background]
    unit: str
    own_unit: str
    size: tuple[int, int]


def segmentation(*, actor: Actor, uid: UUID) -> tuple[Segmentation, Over]:
    """A segmentation, and those of its images that the caller sees. Raises NotFound, Invalid, Unavailable."""
    found = opened(actor=actor, uid=uid)
    if found.row.modality != "SEG":
        raise NotFound("That is not a segmentation.")
    with reading():
        said = isolation.pool().segments(found.path)
    seen = _beside(actor, found, said.images)
    if not seen and said.series:
        seen = _of_series(actor, found, said.series[0])
    if not seen:
        return said, Over([], "The images that it was made on are not here, or not yours to see.")
    frames = {_frame_of_reference(row) for row in seen}
    if said.frame_of_reference not in frames:
        return said, Over([], "The images are in another frame of reference; the two do not belong together.")
    return said, Over(sorted(seen, key=lambda row: (row.series_uid, row.instance_number or 0, row.sop_uid)))


def size_of(row: DicomInstance) -> tuple[int, int]:
    """Rows and columns of an image that the caller has been given."""
    said = queries.dataset(row)
    return whole(said, "Rows") or 0, whole(said, "Columns") or 0


def _beside(actor: Actor, found: Opened, uids: Sequence[str]) -> list[DicomInstance]:
    """Images by their UIDs: those in the collection of the object, or else wherever the caller sees them."""
    collection = Node.objects.get(id=found.row.node.collection_id)
    known = queries.named(actor=actor, uids=uids, root=collection) or queries.named(actor=actor, uids=uids)
    return [row for row in known.values() if row.frames and row.study_uid == found.row.study_uid]


def _of_series(actor: Actor, found: Opened, series_uid: str) -> list[DicomInstance]:
    keys = {"0020000D": found.row.study_uid, "0020000E": series_uid}
    return [row for row in queries.placed(actor=actor, keys=keys) if row.frames]


def _frame_of_reference(row: DicomInstance) -> str:
    return _said_frame(row.series.series_json) if row.series else ""


def segments_on(*, actor: Actor, uid: UUID, image: UUID, frame: int, wanted: Sequence[int]) -> bytes:
    """A transparent PNG of the wanted segments in the plane of an image; a clear pixel where there are none.

    Raises NotFound, Invalid where the two do not belong together, Unavailable.
    """
    found, below = opened(actor=actor, uid=uid), opened(actor=actor, uid=image)
    plane = _plane(below, frame)
    with reading():
        _, picture = isolation.pool().overlay(found.path, volume.plane_as_dict(plane), wanted)
    return picture or overlay.png(np.zeros((1, 1, 4), dtype=np.uint8))


def _plane(found: Opened, frame: int) -> Plane:
    try:
        return plane_of(queries.dataset(found.row), frame)
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem


def pet(*, actor: Actor, uid: UUID) -> Pet:
    """What a PET image is in SUV. Raises NotFound where the file is no PET."""
    found = opened(actor=actor, uid=uid)
    if found.row.modality != "PT":
        raise NotFound("That is not a PET image.")
    one = slices_of([found.row])[0]
    factor, reason = (one.suv, "") if isinstance(one.suv, Suv) else (None, str(one.suv))
    return Pet(factor, reason, _backgrounds(actor, found), one.unit, one.own_unit, size_of(found.row))


def _backgrounds(actor: Actor, found: Opened) -> list[Background]:
    mine = _frame_of_reference(found.row)
    there = queries.series(actor=actor, keys={"0020000D": found.row.study_uid}).rows
    return [
        Background(one.series_uid, one.shown.modality, one.shown.series_description, one.instances)
        for one in there
        if one.shown.modality in BACKGROUNDS and mine and mine == _said_frame(one.shown.series_json)
    ]


def _said_frame(series_json: str) -> str:
    said = orjson.loads("{" + series_json + "}").get(FRAME_OF_REFERENCE, {}).get("Value") or [""]
    return str(said[0])


def fusion(*, actor: Actor, uid: UUID, series: str) -> tuple[Pet, Over]:
    """A PET image's series, and the images of the series that it is laid over. Raises NotFound."""
    found = opened(actor=actor, uid=uid)
    said = pet(actor=actor, uid=uid)
    if series not in {one.series_uid for one in said.backgrounds}:
        raise NotFound("There is no such series in the frame of reference of the PET, or it is not yours to see.")
    return said, Over(_of_series(actor, found, series))


def fused(*, actor: Actor, uid: UUID, image: UUID, frame: int, top: float = TOP_SUV) -> bytes:
    """The PET in the plane of an image as a transparent PNG, from 0 to ``top`` (SUV, or the image's own unit).

    Raises NotFound, Invalid where the two do not belong together, Unavailable.
    """
    found, below = opened(actor=actor, uid=uid), opened(actor=actor, uid=image)
    return overlay.png(overlay.heat(_sampled(actor, found, _plane(below, frame)), top))


def value(
    *, actor: Actor, uid: UUID, frame: int, row: int, column: int, image: UUID | None = None
) -> tuple[float | None, str]:
    """The value of a PET at a pixel of it, or of an image that it is laid over, and its unit; None outside of it.

    Raises NotFound, Invalid, Unavailable.
    """
    found = opened(actor=actor, uid=uid)
    if image is not None:
        plane = _plane(opened(actor=actor, uid=image), frame)
        spot = _spot(plane, row, column)
        values = _sampled(actor, found, spot)
        read = float(values[0, 0])
        return (read if np.isfinite(read) else None), _unit(found)
    mine = slices_of([found.row])
    if not 0 <= frame < len(mine):
        raise NotFound("The image has no such frame.")
    with reading():
        values = stored(mine[frame], found.path)
    if not (0 <= row < values.shape[0] and 0 <= column < values.shape[1]):
        return None, mine[frame].unit
    return float(values[row, column]), mine[frame].unit


def _unit(found: Opened) -> str:
    return slices_of([found.row])[0].unit


def _spot(plane: Plane, row: int, column: int) -> Plane:
    """One pixel of a plane as a plane."""
    origin = plane.origin_mm + plane.row * plane.column_spacing_mm * column + plane.column * plane.row_spacing_mm * row
    return Plane(
        origin, plane.row, plane.column, plane.row_spacing_mm, plane.column_spacing_mm, 1, 1, plane.frame_of_reference
    )


def _sampled(actor: Actor, found: Opened, plane: Plane) -> Values:
    """The values of the PET's series in a plane."""
    keys = {"0020000D": found.row.study_uid, "0020000E": found.row.series_uid}
    rows = [row for row in queries.placed(actor=actor, keys=keys) if row.frames]
    slices = slices_of(rows)
    try:
        together = _same_unit(slices)
        stack = volume.stack([_placed(one) for one in together])
        with reading():
            return volume.on(stack, plane, lambda key: stored(together[key]))
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem


def _placed(one: Slice) -> Plane:
    if one.plane is None:
        raise Unplaced("An image of the series does not say where in the patient it lies.")
    return one.plane


def _same_unit(slices: Iterable[Slice]) -> list[Slice]:
    found = list(slices)
    if len({one.unit for one in found}) > 1:
        raise Unplaced("Some images of the series have an SUV and others have none.")
    return found
