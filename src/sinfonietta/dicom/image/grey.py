"""From stored grey values to those of a screen (DICOM PS3.3 C.11.1 modality LUT, C.11.2 VOI LUT)."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.dictionary import first
from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.dataset.pixels import number
from sinfonietta.dicom.dataset.source import Broken, Source

Numbers = NDArray[Any]
Lut = tuple[int, NDArray[np.uint16]]
"""The first value mapped, and the values."""

SHARED, PER_FRAME = "52009229", "52009230"


@dataclass(frozen=True)
class Grey:
    """How stored values become grey. ``padding``: the range of stored values that mean "no pixel here"."""

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: Lut | None = None
    window: tuple[float, float] | None = None
    function: str = "LINEAR"
    voi_lut: Lut | None = None
    padding: tuple[int, int] | None = None

    def with_window(self, window: tuple[float, float] | None, function: str) -> Grey:
        """The same, as a person wants it."""
        changed = self if window is None else replace(self, window=(window[0], window[1]), voi_lut=None)
        return replace(changed, function=function) if function else changed

    def apply(self, stored: Numbers, frame: Numbers) -> NDArray[np.uint8]:
        """Values 0 to 255 for ``stored``; without a window, one is taken from the values of ``frame``."""
        values = self._modality(stored)
        if self.window is None and self.voi_lut is not None:
            drawn = _look_up(self.voi_lut, values).astype(np.float32)
            return (drawn * (255 / max(float(self.voi_lut[1].max(initial=1)), 1.0))).astype(np.uint8)
        center, width = self.window or self._spread(frame)
        return _window(values, center, width, self.function if self.window else "LINEAR_EXACT")

    def _modality(self, stored: Numbers) -> Numbers:
        if self.modality_lut is not None:
            return _look_up(self.modality_lut, stored).astype(np.float32)
        values: Numbers = stored.astype(np.float64 if stored.dtype.itemsize > 2 else np.float32)
        values *= self.slope
        values += self.intercept
        return values

    def _spread(self, frame: Numbers) -> tuple[float, float]:
        """A window over nearly all values of the frame, leaving out padding and the few extremes."""
        seen = frame
        if self.padding is not None:
            inside = frame[(frame < self.padding[0]) | (frame > self.padding[1])]
            seen = inside if inside.size else frame
        step = max(1, seen.size // 1_000_000)
        values = self._modality(seen.reshape(-1)[::step])
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.5, 1.0
        low, high = (float(edge) for edge in np.percentile(values, (0.5, 99.5)))
        if high <= low:
            low, high = float(values.min()), float(values.max())
        return (low + high) / 2, max(high - low, 1e-9)


def _window(values: Numbers, center: float, width: float, function: str) -> NDArray[np.uint8]:
    """DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3; a width that makes no sense is the smallest that does."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if function == "SIGMOID":
            drawn = 255.0 / (1.0 + np.exp(-4.0 * (values - center) / max(width, 1e-9)))
        elif function == "LINEAR_EXACT":
            drawn = ((values - center) / max(width, 1e-9) + 0.5) * 255.0
        else:
            drawn = ((values - (center - 0.5)) / max(width - 1.0, 1e-9) + 0.5) * 255.0
        return np.clip(np.nan_to_num(drawn, nan=0.0, posinf=255.0, neginf=0.0), 0, 255).astype(np.uint8)


def _look_up(lut: Lut, values: Numbers) -> NDArray[np.uint16]:
    start, entries = lut
    return entries[np.clip(values.astype(np.int64) - start, 0, len(entries) - 1)]


def grey_of(source: Source, header: Header, frame: int) -> Grey:
    """What the file says of the greys of frame ``frame``, by its functional groups or else for the whole image."""
    pixels = header.pixels
    rescale = _group(header.json, frame, "00289145") or header.json
    voi = _group(header.json, frame, "00289132") or header.json
    slope, intercept = number(rescale, "00281053"), number(rescale, "00281052")
    center, width = number(voi, "00281050"), number(voi, "00281051")
    function = first(voi, "00281056")
    floating = pixels is not None and pixels.keyword != "PixelData"
    return Grey(
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        modality_lut=None if floating else _sequence_lut(source, header, "00283000"),
        window=(center, width) if center is not None and width is not None and width > 0 else None,
        function=function if isinstance(function, str) else "LINEAR",
        voi_lut=_sequence_lut(source, header, "00283010"),
        padding=_padding(header.json),
    )


def _group(dataset: dict[str, Any], frame: int, tag: str) -> dict[str, Any] | None:
    """The item of a functional group of frame ``frame``, or the one shared by all (DICOM PS3.3 C.7.6.16)."""
    for groups, index in ((PER_FRAME, frame), (SHARED, 0)):
        items = dataset.get(groups, {}).get("Value", [])
        found = items[index].get(tag, {}).get("Value") if index < len(items) else None
        if found:
            item: dict[str, Any] = found[0]
            return item
    return None


def _padding(dataset: dict[str, Any]) -> tuple[int, int] | None:
    value, limit = first(dataset, "00280120"), first(dataset, "00280121")
    if not isinstance(value, int):
        return None
    other = limit if isinstance(limit, int) else value
    return min(value, other), max(value, other)


def _sequence_lut(source: Source, header: Header, tag: str) -> Lut | None:
    item = first(header.json, tag)
    if not isinstance(item, dict):
        return None
    descriptor = item.get("00283002", {}).get("Value", [])
    values = lut_values(source, header, item, "00283006", descriptor, f"bulk/{tag}/0/00283006")
    return None if values is None else (descriptor[1], values)


def lut_values(
    source: Source, header: Header, dataset: dict[str, Any], tag: str, descriptor: list[Any], uri: str = ""
) -> NDArray[np.uint16] | None:
    """The entries of a look-up table by its (entries, first value, bits); None where it cannot be understood."""
    if len(descriptor) != 3 or not all(isinstance(part, int) for part in descriptor):
        return None
    count = descriptor[0] % 65536 or 65536
    place = header.bulk.get(uri or f"bulk/{tag}")
    found = dataset.get(tag, {})
    if place is not None:
        try:
            raw = source.read(place[0], place[1])
        except Broken:
            return None
    elif "Value" in found:
        return np.asarray(found["Value"][:count]).astype(np.uint16)
    else:
        raw = b64decode(found.get("InlineBinary", ""))
    big_endian = header.pixels is not None and header.pixels.big_endian
    if len(raw) >= 2 * count:
        return np.frombuffer(raw, ">u2" if big_endian else "<u2", count).astype(np.uint16)
    return np.frombuffer(raw, np.uint8, count).astype(np.uint16) if len(raw) >= count else None
