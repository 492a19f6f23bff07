"""Part 10 in another transfer syntax than the stored one (DICOM PS3.18 8.7.3.5.2, PS3.5 8.2 and A.4).

A file is made in pieces, so that neither a long one nor a large frame is ever whole in memory: what stands before the
pixels, then the pixels, by ranges of the source where they need no decoder and by frame where they do. Only lossless
targets are made: an image that lost something more would be another instance, with another UID (PS3.4 B.4.1, PS3.3
C.7.6.1.1.5).
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.parse import BIG_ENDIAN, EXPLICIT, IMPLICIT, Header
from sinfonietta.dicom.dataset.pixels import Pixels
from sinfonietta.dicom.dataset.source import Source
from sinfonietta.dicom.dataset.values import little_endian
from sinfonietta.dicom.image.decode import NATIVE, REFERENCED, VIDEOS, Undrawable, decode
from sinfonietta.dicom.image.options import NATIVE_TARGETS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ITEM = struct.Struct("<HHI")
LONGEST_NATIVE = 0xFFFFFFFE
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 53, 55, 81, 111))
"""Transfer syntaxes that nothing lossless is in."""
UNCOMPRESSED = NATIVE_TARGETS | {IMPLICIT}
"""Implicit VR is for DIMSE alone (DICOM PS3.18 8.7.3)."""
OFFSET_TABLES = (0x7FE00001, 0x7FE00002, 0x7FE00003)
WORDS = {16: 2, 32: 4, 64: 8}

Encoder = Callable[[NDArray[Any], Pixels], bytes]
Piece = tuple[Any, ...]
"""("bytes", count) of the body that comes along, ("range", offset, length, width) of the source, its words of ``width``
bytes exchanged where that is not 1, ("frames", first, last, size) to be asked for one by one; size 0: compressed."""


@dataclass(frozen=True)
class Plan:
    """How a file in another transfer syntax is put together; ``body`` holds all of its "bytes" pieces."""

    pieces: list[Piece]
    body: bytes


def plan(path: Path, source: Source, header: Header, target: str) -> Plan:
    """What to write for ``target``. Raises Undrawable where this file cannot be had so."""
    pixels = header.pixels
    if pixels is None:
        is_native = target in UNCOMPRESSED
        return _whole(path, header, target if is_native else EXPLICIT, {}, b"", [], b"")
    if header.transfer_syntax in VIDEOS | REFERENCED:
        raise Undrawable("Videos, and pixels that lie on another server, are only to be had as they are stored.")
    if target not in UNCOMPRESSED:
        return _encapsulated(path, source, header, pixels, target)
    if pixels.encapsulated or header.transfer_syntax not in NATIVE:
        return _decoded(path, source, header, pixels, target)
    width = _width(pixels) if pixels.big_endian else 1
    vr = "OW" if header.transfer_syntax != EXPLICIT and pixels.bits_allocated > 8 else pixels.vr
    length = pixels.length + pixels.length % 2
    pieces: list[Piece] = [("range", pixels.offset, pixels.length, width)]
    tag = {"PixelData": 0x7FE00010, "FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}[pixels.keyword]
    return _whole(path, header, target, {}, _head(tag, vr, length, target), pieces, bytes(pixels.length % 2))


def frame_of(source: Source, header: Header, target: str, frame: int) -> bytes:
    """Frame ``frame`` (from 0) in the target syntax: native and little endian, or a compressed stream.

    Raises Undrawable.
    """
    pixels = header.pixels
    array, _ = decode(source, header, frame)
    assert pixels is not None
    if target in UNCOMPRESSED:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    return _encode(array, pixels, target)


def _width(pixels: Pixels) -> int:
    """Bytes of a word that a big endian file has the other way round (DICOM PS3.5 7.3, 8.1.1)."""
    if pixels.bits_allocated in {1, 8}:
        return 2 if pixels.vr == "OW" else 1
    return WORDS.get(pixels.bits_allocated, 1)


def _decoded(path: Path, source: Source, header: Header, pixels: Pixels, target: str) -> Plan:
    array, photometric = decode(source, header, 0)
    length = array.nbytes * pixels.number_of_frames
    if length > LONGEST_NATIVE:
        raise Undrawable("The pixels are too many for a transfer syntax without compression.")
    vr = "OW" if array.dtype.itemsize > 1 else "OB"
    frames: list[Piece] = [("frames", 0, pixels.number_of_frames, array.nbytes)]
    head = _head(0x7FE00010, vr, length + length % 2, target)
    return _whole(path, header, target, _changes(array, photometric, header), head, frames, bytes(length % 2))


def _encapsulated(path: Path, source: Source, header: Header, pixels: Pixels, target: str) -> Plan:
    array, photometric = decode(source, header, 0)
    _encode(array, pixels, target)  # what its first frame cannot be encoded as, is said before anything is sent
    head = _head(0x7FE00010, "OB", 0xFFFFFFFF, target) + ITEM.pack(0xFFFE, 0xE000, 0)
    frames: list[Piece] = [("frames", 0, pixels.number_of_frames, 0)]
    changes = _changes(array, photometric, header)
    return _whole(path, header, target, changes, head, frames, ITEM.pack(0xFFFE, 0xE0DD, 0))


def _head(tag: int, vr: str, length: int, target: str) -> bytes:
    if target == IMPLICIT:
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)


def _changes(array: NDArray[Any], photometric: str, header: Header) -> dict[str, Any]:
    """Attributes that describe the pixels as they come out of the decoder (DICOM PS3.5 8.2)."""
    found: dict[str, Any] = {"PhotometricInterpretation": photometric, "BitsAllocated": array.dtype.itemsize * 8}
    if array.ndim == 3:
        found["PlanarConfiguration"] = 0
    if header.transfer_syntax in LOSSY and "00282110" not in header.json:
        found["LossyImageCompression"] = "01"
    return found


def _whole(
    path: Path, header: Header, target: str, changes: dict[str, Any], head: bytes, pixels: list[Piece], tail: bytes
) -> Plan:
    meta, dataset = _before_pixels(path, header, target, changes)
    pieces: list[Piece] = [("bytes", len(meta)), ("bytes", len(dataset) + len(head)), *pixels]
    if tail:
        pieces.append(("bytes", len(tail)))
    return Plan(pieces, meta + dataset + head + tail)


def _before_pixels(path: Path, header: Header, target: str, changes: dict[str, Any]) -> tuple[bytes, bytes]:
    """Preamble and file meta information; and the dataset up to its pixels, in explicit VR little endian."""
    import pydicom  # noqa: PLC0415 - half a second, and most files leave as they are
    from pydicom.filebase import DicomBytesIO  # noqa: PLC0415
    from pydicom.filewriter import write_file_meta_info  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        if header.transfer_syntax == BIG_ENDIAN:
            _swap(dataset)
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        for tag in OFFSET_TABLES:
            dataset.pop(tag, None)
        meta = dataset.file_meta
        meta.MediaStorageSOPClassUID = pydicom.uid.UID(header.sop_class_uid)
        meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(header.sop_instance_uid)
        meta.TransferSyntaxUID = pydicom.uid.UID(target)
        begin, rest = DicomBytesIO(), io.BytesIO()
        begin.write(bytes(128) + b"DICM")  # a preamble that is a program is not passed on
        write_file_meta_info(begin, meta)
        dataset.file_meta, dataset.preamble = pydicom.dataset.FileMetaDataset(), None
        pydicom.dcmwrite(rest, dataset, implicit_vr=target == IMPLICIT, little_endian=True)
    return begin.getvalue(), rest.getvalue()


def _swap(dataset: Dataset) -> None:
    """Binary values of a big endian file in little endian: pydicom leaves these to us."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _swap(item)
        elif isinstance(element.value, bytes):
            element.value = little_endian(str(element.VR), element.value)


def _encode(array: NDArray[Any], pixels: Pixels, target: str) -> bytes:
    encoder = ENCODERS.get(target)
    if encoder is None:
        raise Undrawable("That transfer syntax is not made here from another one.")
    if pixels.keyword != "PixelData" or pixels.bits_allocated not in {8, 16}:
        raise Undrawable(f"Images of {pixels.bits_allocated} bits per value are not compressed.")
    try:
        return bytes(encoder(np.ascontiguousarray(array), pixels))
    except (RuntimeError, ValueError, OSError) as error:
        raise Undrawable("The image could not be compressed.") from error


def _unsigned(array: NDArray[Any]) -> NDArray[Any]:
    """The same bits; how they are meant is said by Pixel Representation."""
    return array.view(f"u{array.dtype.itemsize}")


def _jpeg_lossless(array: NDArray[Any], pixels: Pixels) -> bytes:
    import imagecodecs  # noqa: PLC0415

    return bytes(imagecodecs.jpeg8_encode(_unsigned(array), lossless=True, predictor=1))


def _jpeg_ls(array: NDArray[Any], pixels: Pixels) -> bytes:
    import imagecodecs  # noqa: PLC0415

    return bytes(imagecodecs.jpegls_encode(_unsigned(array)))


def _jpeg_2000(array: NDArray[Any], pixels: Pixels) -> bytes:
    import imagecodecs  # noqa: PLC0415

    # Without the colour transform, so that the photometric interpretation stays RGB.
    return bytes(imagecodecs.jpeg2k_encode(array, codecformat="j2k", reversible=True, mct=False))


def _htj2k(array: NDArray[Any], pixels: Pixels) -> bytes:
    import imagecodecs  # noqa: PLC0415

    return bytes(imagecodecs.htj2k_encode(array, reversible=True, rgb=False))


def _rle(array: NDArray[Any], pixels: Pixels) -> bytes:
    from pydicom.pixels.encoders.base import RLELosslessEncoder  # noqa: PLC0415

    return RLELosslessEncoder.encode(
        array.astype(array.dtype.newbyteorder("<")).tobytes(),
        rows=array.shape[0],
        columns=array.shape[1],
        samples_per_pixel=array.shape[2] if array.ndim == 3 else 1,
        bits_allocated=array.dtype.itemsize * 8,
        bits_stored=array.dtype.itemsize * 8,
        pixel_representation=pixels.pixel_representation,
        photometric_interpretation="RGB" if array.ndim == 3 else "MONOCHROME2",
        planar_configuration=0,
        number_of_frames=1,
        encoding_plugin="pylibjpeg",
    )


_SYNTAX = "1.2.840.10008.1.2."
ENCODERS: dict[str, Encoder] = {
    _SYNTAX + "4.57": _jpeg_lossless,
    _SYNTAX + "4.70": _jpeg_lossless,
    _SYNTAX + "4.80": _jpeg_ls,
    _SYNTAX + "4.90": _jpeg_2000,
    _SYNTAX + "4.91": _jpeg_2000,  # may be lossless too (DICOM PS3.5 A.4.4), and is, here
    _SYNTAX + "4.201": _htj2k,
    _SYNTAX + "4.203": _htj2k,
    _SYNTAX + "5": _rle,
}
