"""RT objects and image planes as they are asked for again and again: read once for each content, kept within bounds.

The rows come from a query that knows whose they are (``planning``); here nobody is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, Unavailable
from sinfonietta.dicom.dataset.keywords import Dataset
from sinfonietta.dicom.dataset.packing import dataset_of, header_of
from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.dataset.pixels import Pixels
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.planning.kept import Kept
from sinfonietta.dicom.rt import dose, plan, structures
from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.geometry import Plane, Unplaced, plane_of
from sinfonietta.dicom.rt.structures import StructureSet
from sinfonietta.dicom.sandbox import isolation

MOST_TEXT_BYTES = 4 << 20
"""Of a dataset as JSON that is taken apart in this process; larger structure sets are read by one that may die."""
MOST_VOXELS, MOST_DECODED_FRAMES = 64 << 20, 2000
DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
TYPES = {(16, 0): "u2", (16, 1): "i2", (32, 0): "u4", (32, 1): "i4"}

_structures: Kept[StructureSet] = Kept(64 << 20, lambda found: found.size_bytes)
_grids: Kept[DoseGrid] = Kept(128 << 20, lambda found: found.values.nbytes)
_planes: Kept[list[Plane]] = Kept(8 << 20, lambda found: 800 * len(found))


def dataset(row: DicomInstance) -> Dataset:
    """The DICOM JSON model of an instance with its ``header``. Raises Invalid where it is too large for a page."""
    found = dataset_of(row.header.dataset, MOST_TEXT_BYTES)
    if found is None:
        raise Invalid("The object is too large to be shown; download it to open it.")
    return found


def structure_set(row: DicomInstance) -> StructureSet:
    """A structure set, of a row with ``header`` and ``version.blob``. Raises Invalid, Unavailable."""
    return _structures.get(row.version.blob.sha256, lambda: _read_structures(row))


def _read_structures(row: DicomInstance) -> StructureSet:
    found = dataset_of(row.header.dataset, MOST_TEXT_BYTES)
    if found is not None:
        return structures.read(found)
    try:
        return isolation.pool().structures(_path(row))
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise Invalid(str(error)) from error


def _path(row: DicomInstance) -> Path:
    path = store.default().path(row.version.blob)
    if path is None:
        raise Unavailable("Files cannot be read from this store.")
    return path


def treatment_plan(row: DicomInstance) -> plan.Plan:
    """A plan. Raises Invalid."""
    return plan.read(dataset(row))


def dose_grid(row: DicomInstance) -> DoseGrid:
    """A dose with its values, of a row with ``header`` and ``version.blob``. Raises Unplaced, Invalid, Unavailable."""
    return _grids.get(
        row.version.blob.sha256, lambda: dose.read(dataset(row), _stored(row, header_of(bytes(row.header.places))))
    )


def plane(row: DicomInstance, frame: int) -> Plane:
    """Where a frame (from 0) lies. Raises Unplaced, Invalid, Unavailable."""
    if row.sop_class == DOSE:
        return dose_grid(row).frame(frame)
    found = planes(row)
    if not 0 <= frame < len(found):
        raise Unplaced("The image has no such frame, or it does not say where it lies.")
    return found[frame]


def planes(row: DicomInstance) -> list[Plane]:
    """Where the frames of an image with ``header`` and ``version.blob`` lie; empty where it does not say.

    Raises Invalid.
    """
    return _planes.get(row.version.blob.sha256, lambda: _read_planes(row))


def has_planes(row: DicomInstance) -> bool:
    """Whether ``planes`` would answer without the row's header."""
    return row.version.blob.sha256 in _planes


def _read_planes(row: DicomInstance) -> list[Plane]:
    found = dataset(row)
    try:
        return [plane_of(found, frame) for frame in range(min(max(row.frames, 1), 10_000))]
    except Unplaced:
        return []


def _stored(row: DicomInstance, header: Header) -> NDArray[Any]:
    """The stored values of a dose: (frames, rows, columns)."""
    pixels = header.pixels
    kind = TYPES.get((pixels.bits_allocated, pixels.pixel_representation)) if pixels else None
    if pixels is None or kind is None or pixels.samples != 1 or pixels.keyword != "PixelData":
        raise Unplaced("The dose has no values of 16 or 32 bits.")
    voxels = pixels.number_of_frames * pixels.rows * pixels.columns
    if not 0 < voxels <= MOST_VOXELS:
        raise Unplaced(f"A dose grid of {voxels:,} voxels cannot be shown.")
    in_place = header.seekable and not pixels.encapsulated
    data = _native(row, pixels) if in_place else _decoded(row, pixels)
    order = ">" if in_place and pixels.big_endian else "<"
    if len(data) < voxels * pixels.bits_allocated // 8:
        raise Unplaced("The dose holds fewer values than it says.")
    return np.frombuffer(data, order + kind, voxels).reshape(pixels.number_of_frames, pixels.rows, pixels.columns)


def _native(row: DicomInstance, pixels: Pixels) -> bytes:
    wanted = pixels.number_of_frames * pixels.rows * pixels.columns * pixels.bits_allocated // 8
    return store.default().read(row.version.blob, pixels.offset, min(wanted, pixels.length))


def _decoded(row: DicomInstance, pixels: Pixels) -> bytes:
    path = _path(row)
    if pixels.number_of_frames > MOST_DECODED_FRAMES:
        raise Unplaced(f"A compressed dose of {pixels.number_of_frames:,} frames cannot be shown.")
    try:
        frames = [isolation.pool().decode_frame(path, frame) for frame in range(pixels.number_of_frames)]
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise Unplaced(str(error)) from error
    return b"".join(frame.data for frame in frames)
