"""What an export is made of: the frames of a series with their values, and the grid that they stand on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.functional import group
from sinfonietta.dicom.dataset.keywords import Dataset, number, tag, text, values, whole
from sinfonietta.dicom.dataset.packing import dataset_of
from sinfonietta.dicom.image.grid import Grid, grid
from sinfonietta.dicom.models import DicomHeader, DicomInstance
from sinfonietta.dicom.planning import objects
from sinfonietta.dicom.rt.geometry import Plane, Unplaced, plane_of
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.library.models import Node

CHUNK = 200
MOST_FRAMES, MOST_VOXELS = 10_000, 4 << 30
STUDY, SERIES = tag("StudyInstanceUID"), tag("SeriesInstanceUID")
UNITS = {"CT": "HU", "GY": "Gy", "BQML": "Bq/ml", "GML": "g/ml"}
NOT_INTEGERS = ("FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class Frame:
    """A frame (from 0) of an image; its values are ``slope`` times the stored ones plus ``intercept``."""

    row: DicomInstance
    frame: int
    plane: Plane
    slope: float
    intercept: float
    signed: bool
    bits: int

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest value that its bits can say; decoding keeps to them."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        ends = [self.slope * stored + self.intercept for stored in (low, low + (1 << self.bits) - 1)]
        return min(ends), max(ends)


@dataclass(frozen=True)
class Volume:
    """Frames in the order of ``grid``. ``unit``: of their values; ``dataset``: the JSON model of one of the images."""

    frames: list[Frame]
    grid: Grid
    unit: str
    dataset: Dataset = field(repr=False)

    @property
    def kind(self) -> str:
        """The smallest type that holds every value as it is."""
        if all(one.slope % 1 == 0 and one.intercept % 1 == 0 for one in self.frames):
            low, high = min(one.span[0] for one in self.frames), max(one.span[1] for one in self.frames)
            for kind in ("int16", "int32"):
                if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                    return kind
        return "float32"

    def slices(self) -> Iterator[NDArray[np.generic]]:
        """(rows, columns) of values for each frame. Raises Invalid, Unavailable."""
        kind = self.kind
        for one in self.frames:
            yield _values(one, kind)


def rows_of(actor: Actor, root: Node | None, study: str, series: str) -> list[DicomInstance]:
    """The instances of a series. Raises NotFound."""
    found = queries.placed(actor=actor, root=root, keys={STUDY: study, SERIES: series})
    if not found:
        raise NotFound("There is no such series, or it is not yours to see.")
    return found


def volume(rows: Sequence[DicomInstance], only: set[tuple[int, int]] | None = None) -> Volume:
    """The images of a series as one volume; of ``only`` some (version, frame). Raises Invalid with the reason."""
    frames, first = [], None
    for at in range(0, len(rows), CHUNK):
        some = rows[at : at + CHUNK]
        headers = DicomHeader.objects.only("dataset").in_bulk([row.version_id for row in some])
        for row in some:
            dataset = _dataset(headers.get(row.version_id))
            first = first or dataset
            frames += [
                _frame(row, dataset, frame)
                for frame in range(row.frames)
                if only is None or (row.version_id, frame) in only
            ]
            if len(frames) > MOST_FRAMES:
                raise Invalid(f"The series has more than {MOST_FRAMES:,} images.")
    if not frames or first is None:
        raise Invalid("There is no image in the series.")
    found = regular([one.plane for one in frames])
    modality = text(first, "Modality").upper()
    unit = UNITS.get(modality) or UNITS.get(text(first, "Units").upper()) or text(first, "RescaleType")
    return Volume([frames[index] for index in found.order], found, unit, first)


def regular(planes: Sequence[Plane]) -> Grid:
    """The planes as a grid. Raises Invalid with the reason where they are none, or too much."""
    try:
        found = grid(planes)
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem
    if np.prod(found.shape, dtype=np.int64) > MOST_VOXELS:
        raise Invalid(f"The series has more than {MOST_VOXELS:,} voxels.")
    return found


def dose(row: DicomInstance) -> tuple[Grid, NDArray[np.float32], str]:
    """A dose as a grid, its values and their unit. Raises Invalid, Unavailable."""
    try:
        found = objects.dose_grid(row)
        return regular([found.frame(number) for number in found.order]), found.values.astype(np.float32), found.unit
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem


def _dataset(header: DicomHeader | None) -> Dataset:
    found = dataset_of(header.dataset, queries.MOST_TEXT_BYTES) if header else None
    if found is None:
        raise Invalid("The header of an image is too large, or it has just been removed.")
    return found


def _frame(row: DicomInstance, dataset: Dataset, frame: int) -> Frame:
    if (whole(dataset, "SamplesPerPixel") or 1) != 1 or text(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        raise Invalid("The images are in colour: they have no single value for each pixel.")
    if values(dataset, "ModalityLUTSequence") or any(tag(keyword) in dataset for keyword in NOT_INTEGERS):
        raise Invalid("The values of the images are given by a table, or as floating point: that is not exported.")
    rescale = group(dataset, frame, "PixelValueTransformationSequence")
    slope, intercept = number(rescale, "RescaleSlope"), number(rescale, "RescaleIntercept")
    bits = whole(dataset, "BitsStored") or 0
    if not 1 <= bits <= 32:
        raise Invalid("An image does not say how many bits its values have.")
    try:
        plane = plane_of(dataset, frame)
    except Unplaced as problem:
        raise Invalid(str(problem)) from problem
    signed = whole(dataset, "PixelRepresentation") == 1
    return Frame(row, frame, plane, 1.0 if slope is None else slope, intercept or 0.0, signed, bits)


def _values(one: Frame, kind: str) -> NDArray[np.generic]:
    path = store.default().path(one.row.version.blob)
    if path is None:
        raise Unavailable("Pixels cannot be read from this store.")
    try:
        frame = isolation.pool().decode_frame(path, one.frame)
    except isolation.Busy as problem:
        raise Unavailable(str(problem)) from problem
    except isolation.IsolationError as problem:
        raise Invalid(f"An image cannot be decoded: {problem}") from problem
    shape = (one.plane.rows, one.plane.columns)
    if frame.samples != 1 or frame.bits_allocated > 32 or (frame.rows, frame.columns) != shape:
        raise Invalid("An image holds other pixels than it says.")
    stored = np.frombuffer(frame.data, f"<{'i' if one.signed else 'u'}{frame.bits_allocated // 8}").reshape(shape)
    found: NDArray[np.generic] = (stored * one.slope + one.intercept).astype(kind)
    return found
