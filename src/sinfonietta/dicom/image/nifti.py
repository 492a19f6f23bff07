"""NIfTI-1 (nifti.nimh.nih.gov/nifti-1), compressed, written slice by slice: memory holds one of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.image.grid import Grid

CODES = {"uint8": (2, 8), "int16": (4, 16), "int32": (8, 32), "float32": (16, 32)}
"""Type of values -> its code and bits."""
MM, SCANNER, OFFSET = 2, 1, 352
LONGEST_AXIS = 32767
GZIP = 16 + zlib.MAX_WBITS
LEVEL = 3
"""Of zlib: images become as small as by 6, four times as fast."""


class TooLong(ValueError):
    """An axis has more voxels than the format can say."""


def compressed(found: Grid, kind: str, description: str, slices: Iterable[NDArray[np.generic]]) -> Iterator[bytes]:
    """A ``.nii.gz``, the same for the same input. ``slices``: (rows, columns) each, in the order of the grid.

    ``kind``: one of CODES; ``description``: up to 79 characters, for people. Raises TooLong.
    """
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    yield packer.compress(header(found, kind, description))
    for values in slices:
        yield packer.compress(np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes())
    yield packer.flush()


def header(found: Grid, kind: str, description: str) -> bytes:
    """The header and the mark that no extension follows. Raises TooLong."""
    if max(found.shape) > LONGEST_AXIS:
        raise TooLong(f"An axis of NIfTI has at most {LONGEST_AXIS} voxels.")
    code, bits = CODES[kind]
    affine = found.affine
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    quaternion = _quaternion(affine[:3, :3] / sizes)
    parts = [
        struct.pack("<i10x18xihBB", 348, 0, 0, ord("r"), 0),
        struct.pack("<8h", 3, *found.shape, 1, 1, 1, 1),
        struct.pack("<3fhhhh", 0, 0, 0, 0, code, bits, 0),
        struct.pack("<8f", 1.0, *sizes, 0, 0, 0, 0),
        struct.pack("<fffhBB", OFFSET, 1.0, 0.0, 0, 0, MM),
        struct.pack("<ffffii", 0, 0, 0, 0, 0, 0),
        struct.pack("<80s24s", description.encode("ascii", "replace")[:79], b""),
        struct.pack("<hh", SCANNER, SCANNER),
        struct.pack("<6f", *quaternion, *affine[:3, 3]),
        struct.pack("<12f", *affine[:3].reshape(-1)),
        struct.pack("<16s4s4x", b"", b"n+1"),
    ]
    return b"".join(parts)


def _quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """b, c and d of the unit quaternion of a rotation matrix; the fourth, a, is not negative."""
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = rotation
    squares = np.array([1 + r00 + r11 + r22, 1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22])
    largest = int(squares.argmax())
    rows = (
        (squares[0], r21 - r12, r02 - r20, r10 - r01),
        (r21 - r12, squares[1], r10 + r01, r02 + r20),
        (r02 - r20, r10 + r01, squares[2], r21 + r12),
        (r10 - r01, r02 + r20, r21 + r12, squares[3]),
    )
    found = np.array(rows[largest]) / (2 * np.sqrt(squares[largest]))
    found = -found if found[0] < 0 else found
    return float(found[1]), float(found[2]), float(found[3])
