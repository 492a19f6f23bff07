"""A dataset as plain little endian, for those who cannot take the stored transfer syntax (DICOM PS3.5 A.1, A.2)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from sinfonietta.dicom.decode import NATIVE, Undrawable, decode
from sinfonietta.dicom.parse import BIG_ENDIAN, EXPLICIT, IMPLICIT, Header
from sinfonietta.dicom.pixels import Pixels
from sinfonietta.dicom.source import Source
from sinfonietta.dicom.values import little_endian

TARGETS = (EXPLICIT, IMPLICIT)
MOST_BYTES = 1 << 30
OFFSET_TABLES = (0x7FE00001, 0x7FE00002, 0x7FE00003)


def dataset(path: Path, source: Source, header: Header, syntax: str) -> bytes:
    """The dataset of a file in one of ``TARGETS``, without file meta information.

    The pixels are what the stored ones decode to; all else is as it was. Raises Undrawable where they cannot be.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = dcmread(path, force=True)
        if header.transfer_syntax == BIG_ENDIAN:
            _swap(found)
        if header.transfer_syntax not in NATIVE and header.pixels is not None:
            _decompress(found, source, header, header.pixels)
        for tag in [tag for tag in found.keys() if tag.element == 0]:  # noqa: SIM118 - group lengths, now wrong
            del found[tag]
        out = DicomBytesIO()
        out.is_little_endian, out.is_implicit_VR = True, syntax == IMPLICIT
        write_dataset(out, found)
    return out.getvalue()


def _swap(found: Dataset) -> None:
    """Binary values of a big endian file in little endian: pydicom leaves these to us."""
    for element in found:
        if element.VR == "SQ":
            for item in element.value:
                _swap(item)
        elif isinstance(element.value, bytes):
            element.value = little_endian(str(element.VR), element.value)


def _decompress(found: Dataset, source: Source, header: Header, pixels: Pixels) -> None:
    count = max(pixels.number_of_frames, 1)
    if pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated // 8 * count > MOST_BYTES:
        raise Undrawable("The image is too large to be decoded as a whole.")
    data = bytearray()
    photometric, kind = pixels.photometric, np.dtype(np.uint8)
    for frame in range(count):
        array, photometric = decode(source, header, frame)
        kind = array.dtype
        data += array.astype(kind.newbyteorder("<")).tobytes()
    described: dict[str, Any] = {
        "PhotometricInterpretation": photometric,
        "BitsAllocated": kind.itemsize * 8,
    }
    if pixels.samples > 1:
        described["PlanarConfiguration"] = 0
    for keyword, value in described.items():
        setattr(found, keyword, value)
    for tag in OFFSET_TABLES:
        if tag in found:
            del found[tag]
    found.PixelData = bytes(data) + b"\0" * (len(data) % 2)
    found["PixelData"].VR = "OW" if kind.itemsize > 1 else "OB"
    found["PixelData"].is_undefined_length = False
