"""Planes and values of the images of a series, kept so that the next picture of it costs little."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Unavailable
from sinfonietta.dicom.dataset.functional import group
from sinfonietta.dicom.dataset.keywords import Dataset, number, text, whole
from sinfonietta.dicom.dataset.packing import dataset_of
from sinfonietta.dicom.image.suv import NoSuv, Suv, suv
from sinfonietta.dicom.image.volume import Values
from sinfonietta.dicom.models import DicomHeader, DicomInstance
from sinfonietta.dicom.planning.kept import Kept
from sinfonietta.dicom.queries import MOST_TEXT_BYTES
from sinfonietta.dicom.rt.geometry import Plane, Unplaced, plane_of
from sinfonietta.dicom.sandbox import isolation

KEPT = 20_000
UNITS = {"BQML": "Bq/ml", "GML": "g/ml", "CNTS": "counts"}


@dataclass(frozen=True)
class Slice:
    """A frame of an image: where it lies, and how its stored values become SUV (or its own unit, without one)."""

    version: int
    frame: int
    blob: Blob
    plane: Plane | None
    slope: float
    intercept: float
    signed: bool
    suv: Suv | NoSuv
    own_unit: str

    @property
    def unit(self) -> str:
        """The unit of its values: SUV where there is one."""
        return "SUV" if isinstance(self.suv, Suv) else self.own_unit


_values: Kept[Values] = Kept(24 << 20, lambda values: values.nbytes)
_known: OrderedDict[int, list[Slice]] = OrderedDict()
_lock = threading.Lock()


def slices_of(rows: Sequence[DicomInstance]) -> list[Slice]:
    """The frames of images that the caller has been given."""
    with _lock:
        found = {row.version_id: _known[row.version_id] for row in rows if row.version_id in _known}
    missing = {row.version_id: row for row in rows if row.version_id not in found}
    headers = DicomHeader.objects.filter(instance_id__in=missing).select_related("instance__version__blob")
    for header in headers.defer("places", "instance__json"):
        found[header.instance_id] = _described(header)
    with _lock:
        _known.update(found)
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return [one for row in rows for one in found.get(row.version_id, [])]


def _described(header: DicomHeader) -> list[Slice]:
    dataset = dataset_of(header.dataset, MOST_TEXT_BYTES) or {}
    blob = header.instance.version.blob
    return [_slice(dataset, header.instance_id, frame, blob) for frame in range(max(header.instance.frames, 1))]


def _slice(dataset: Dataset, version: int, frame: int, blob: Blob) -> Slice:
    rescale = group(dataset, frame, "PixelValueTransformationSequence")
    try:
        factor: Suv | NoSuv = suv(dataset)
    except NoSuv as reason:
        factor = reason
    try:
        plane: Plane | None = plane_of(dataset, frame)
    except Unplaced:
        plane = None
    slope, intercept = number(rescale, "RescaleSlope"), number(rescale, "RescaleIntercept")
    units = text(dataset, "Units").upper()
    return Slice(
        version=version,
        frame=frame,
        blob=blob,
        plane=plane,
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        signed=whole(dataset, "PixelRepresentation") == 1,
        suv=factor,
        own_unit=UNITS.get(units, units),
    )


def stored(one: Slice, path: Path | None = None) -> Values:
    """The values of a frame in its ``unit``. Raises IsolationError, Unavailable."""
    return _values.get((one.version, one.frame), lambda: _read(one, path))


def _read(one: Slice, path: Path | None) -> Values:
    path = path or store.default().path(one.blob)
    if path is None:
        raise Unavailable("Pixels cannot be read from this store.")
    frame = isolation.pool().decode_frame(path, one.frame)
    if frame.samples != 1 or frame.bits_allocated > 32:
        raise isolation.Undrawable("The image holds no single value for each pixel.")
    kind = f"<{'i' if one.signed else 'u'}{frame.bits_allocated // 8}"
    pixels = np.frombuffer(frame.data, kind).reshape(frame.rows, frame.columns)
    factor = one.suv.factor if isinstance(one.suv, Suv) else 1.0
    values: Values = pixels * np.float32(one.slope * factor) + np.float32(one.intercept * factor)
    return values.astype(np.float32)
