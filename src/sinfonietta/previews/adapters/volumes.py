"""NIfTI-1 and NRRD volumes: one slice as a grey picture, in a window."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sinfonietta.previews.adapters import Undrawable
from sinfonietta.previews.adapters.texts import Answer

MOST_BYTES = 768 << 20
NIFTI_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
NRRD_TYPES = {
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "signed char": "i1", "int8": "i1", "short": "i2",
    "int16": "i2", "ushort": "u2", "unsigned short": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4",
    "unsigned int": "u4", "uint32": "u4", "float": "f4", "double": "f8",
}  # fmt: skip


@dataclass(frozen=True)
class Volume:
    """Voxels (x, y, z) and their edges in mm."""

    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    spacing_mm: tuple[float, float, float]


def show(
    path: str, name: str, slice_: int | None = None, axis: int = 2, low: float | None = None, high: float | None = None
) -> Answer:
    """A slice across ``axis`` (0 to 2) as PNG; without a window from the 1st to the 99th percentile."""
    found = _nrrd(path) if name.lower().endswith(".nrrd") else _nifti(path)
    count = found.values.shape[axis]
    at = count // 2 if slice_ is None else slice_
    if not 0 <= at < count:
        raise Undrawable("The volume has no such slice.")
    plane = np.nan_to_num(np.take(found.values, at, axis=axis).T[::-1])
    bottom, top = (float(one) for one in np.percentile(plane, (1, 99)))
    bottom, top = bottom if low is None else low, top if high is None else high
    grey = np.clip((plane - bottom) * (255 / max(top - bottom, 1e-9)), 0, 255).astype(np.uint8)
    image = Image.fromarray(grey)
    across, down = (found.spacing_mm[one] for one in range(3) if one != axis)
    ratio = down / across if across > 0 and down > 0 and 0.01 < down / across < 100 else 1.0
    image = image.resize((image.width, max(1, round(image.height * ratio))))
    out = io.BytesIO()
    image.save(out, "PNG")
    said = {
        "shape": list(found.values.shape), "spacing_mm": list(found.spacing_mm), "axis": axis, "slice": at,
        "slices": count, "low": bottom, "high": top,
    }  # fmt: skip
    return said, out.getvalue()


def _nifti(path: str) -> Volume:
    """NIfTI-1, single file; of several volumes the first."""
    with Path(path).open("rb") as stream:
        is_packed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_packed else Path(path).open("rb") as stream:
        try:
            head = stream.read(352)
            order = "<" if head[:4] == b"\x5c\x01\0\0" else ">"
            if len(head) < 348 or struct.unpack(f"{order}i", head[:4])[0] != 348 or head[344:347] != b"n+1":
                raise Undrawable("It is no NIfTI-1 file.")
            size = struct.unpack(f"{order}8h", head[40:56])
            kind = NIFTI_TYPES.get(struct.unpack(f"{order}h", head[70:72])[0])
            spacing = struct.unpack(f"{order}8f", head[76:108])
            offset, slope, intercept = struct.unpack(f"{order}3f", head[108:120])
            if kind is None:
                raise Undrawable("Its values are of a type that is not drawn.")
            shape = _checked(size[1 : 1 + min(size[0], 3)], kind)
            stream.seek(int(offset))
            values = _read(stream.read(int(np.prod(shape)) * int(kind[1])), order + kind, shape)
        except (EOFError, OSError, zlib.error, OverflowError, ValueError) as problem:
            raise Undrawable("The file is damaged.") from problem
    if slope not in (0.0, 1.0) or intercept:
        values = values * np.float32(slope or 1.0) + np.float32(intercept)
    return Volume(values, (spacing[1], spacing[2], spacing[3]))


def _nrrd(path: str) -> Volume:
    """NRRD with its data attached, raw or gzip."""
    with Path(path).open("rb") as stream:
        if not stream.readline(200).startswith(b"NRRD"):
            raise Undrawable("It is no NRRD file.")
        said: dict[str, str] = {}
        while (line := stream.readline(4096).decode("ascii", "replace").strip()) and len(said) < 200:
            if not line.startswith("#"):
                key, _, value = line.partition(":")
                said[key.lower()] = value.lstrip("=").strip()
        kind = NRRD_TYPES.get(said.get("type", ""))
        if kind is None or "data file" in said or said.get("encoding") not in ("raw", "gzip", "gz"):
            raise Undrawable("Only NRRD with whole or real numbers, raw or gzip, in the same file is drawn.")
        try:
            shape = _checked(tuple(int(one) for one in said["sizes"].split()), kind)
            length = int(np.prod(shape)) * int(kind[1])
            data = stream.read(length) if said["encoding"] == "raw" else gzip.GzipFile(fileobj=stream).read(length)
            values = _read(data, (">" if said.get("endian") == "big" else "<") + kind, shape)
        except (KeyError, ValueError, EOFError, OSError, zlib.error) as problem:
            raise Undrawable("The file is damaged.") from problem
    return Volume(values, _spacing(said))


def _spacing(said: dict[str, str]) -> tuple[float, float, float]:
    try:
        if "space directions" in said:
            axes = [[float(one) for one in part.strip("()").split(",")] for part in said["space directions"].split()]
            found = [float(np.linalg.norm(axis)) for axis in axes]
        else:
            found = [float(one) for one in said["spacings"].split()]
        return found[0], found[1], found[2]
    except (KeyError, ValueError, IndexError):
        return 1.0, 1.0, 1.0


def _checked(shape: tuple[int, ...], kind: str) -> tuple[int, ...]:
    shape = (*shape, 1, 1, 1)[:3] if len(shape) < 3 else shape
    if len(shape) != 3 or min(shape) < 1:
        raise Undrawable("Only volumes of one value a voxel are drawn.")
    if int(np.prod(shape, dtype=object)) * max(int(kind[1]), 4) > MOST_BYTES:
        raise Undrawable("The volume is too large to be drawn; download it to open it.")
    return shape


def _read(data: bytes, kind: str, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.frombuffer(data, kind).reshape(shape, order="F").astype(np.float32)
