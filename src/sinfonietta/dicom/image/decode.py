"""One frame as an array, by whatever decoder understands its transfer syntax.

Nothing is decoded before its size is known to be bearable, and only the frame that is asked for.
"""

from __future__ import annotations

import warnings
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.parse import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Header
from sinfonietta.dicom.dataset.pixels import Pixels, frame_bytes
from sinfonietta.dicom.dataset.source import Broken, Source

MAX_SAMPLES = 100_000_000
"""The largest frame that is decoded: rows x columns x samples."""

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN, "1.2.840.113619.5.2"}) | DEFLATED
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
VIDEOS = frozenset(f"1.2.840.10008.1.2.4.{number}{part}" for number in range(100, 109) for part in ("", ".1"))
REFERENCED = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))
JPEG_XL = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112))
OWN = frozenset({DEFLATED_FRAMES, *JPEG_XL})
"""Decoded here; pydicom has no decoder for them."""
DEPTHS = {"PixelData": {1, 8, 16, 32, 64}, "FloatPixelData": {32}, "DoubleFloatPixelData": {64}}


class Undrawable(Exception):
    """Why a frame cannot be shown, as a sentence for a person."""


def decode(source: Source, header: Header, frame: int) -> tuple[NDArray[Any], str]:
    """Frame ``frame`` (from 0) and its photometric interpretation after decoding.

    The array is (rows, columns), or (rows, columns, samples) in RGB where the file is in colour. Raises Undrawable.
    """
    pixels = header.pixels
    if pixels is None:
        raise Undrawable("The file holds no image.")
    _refuse(pixels, header)
    try:
        data = frame_bytes(source, pixels, frame)
    except Broken as broken:
        raise Undrawable(str(broken)) from broken
    if header.transfer_syntax == DEFLATED_FRAMES:
        data = _inflate(data, pixels)
    elif header.transfer_syntax not in NATIVE:
        return _compressed(data, pixels, header.transfer_syntax)
    plain = _native(data, pixels)
    return plain if plain is not None else _by_pydicom(data, pixels, EXPLICIT)


def _refuse(pixels: Pixels, header: Header) -> None:
    """Says no before anything is read."""
    if not header.complete:
        raise Undrawable(f"The file is incomplete. {header.problem}")
    if header.transfer_syntax in VIDEOS:
        raise Undrawable("The file holds a video; it can be downloaded, not drawn frame by frame.")
    if header.transfer_syntax in REFERENCED:
        raise Undrawable("The file holds only the address of its pixels on another server.")
    if pixels.encapsulated == (header.transfer_syntax in NATIVE):
        are = "compressed" if pixels.encapsulated else "not compressed"
        raise Undrawable(f"The pixels are {are}, but the file's transfer syntax says otherwise.")
    if pixels.rows < 1 or pixels.columns < 1:
        raise Undrawable("The file does not say how large its image is.")
    samples = pixels.rows * pixels.columns * max(pixels.samples, 1)
    if samples > MAX_SAMPLES:
        raise Undrawable(
            f"The image is too large to be drawn: {pixels.columns:,} x {pixels.rows:,} pixels; "
            f"the limit is {MAX_SAMPLES:,} values."
        )
    if pixels.samples not in {1, 3} or pixels.bits_allocated not in DEPTHS[pixels.keyword]:
        raise Undrawable(
            f"Images with {pixels.samples} values of {pixels.bits_allocated} bits per pixel cannot be drawn."
        )


def _native(data: bytes, pixels: Pixels) -> tuple[NDArray[Any], str] | None:
    """Uncompressed grey, palette and RGB, without pydicom's start-up; None for what is left to it."""
    shape: tuple[int, ...] = (pixels.rows, pixels.columns)
    count = pixels.rows * pixels.columns * pixels.samples
    if pixels.bits_allocated == 1 and pixels.samples == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=count)
        return bits.reshape(shape), pixels.photometric
    if pixels.samples == 3 and pixels.photometric != "RGB":
        return None
    kind = "f" if pixels.keyword != "PixelData" else "i" if pixels.pixel_representation else "u"
    width = pixels.bits_allocated // 8
    order = ">" if pixels.big_endian and width > 1 else "<"
    array = np.frombuffer(data, f"{order}{kind}{width}", count).astype(f"={kind}{width}")
    if kind != "f" and 0 < pixels.bits_stored < pixels.bits_allocated:
        array = _only_stored_bits(array, pixels)
    if pixels.samples == 1:
        return array.reshape(shape), pixels.photometric
    if pixels.planar_configuration:
        return np.ascontiguousarray(array.reshape((3, *shape)).transpose(1, 2, 0)), "RGB"
    return array.reshape((*shape, 3)), "RGB"


def _only_stored_bits(array: NDArray[Any], pixels: Pixels) -> NDArray[Any]:
    """Without what older files keep in the unused bits: overlays."""
    unused = pixels.bits_allocated - pixels.bits_stored
    return (array << unused) >> unused


def _compressed(data: bytes, pixels: Pixels, syntax: str) -> tuple[NDArray[Any], str]:
    if syntax == JPEG_EXTENDED and _jpeg_precision(data) > 8:
        import imagecodecs  # noqa: PLC0415

        try:
            array: NDArray[Any] = imagecodecs.jpeg_decode(data)
        except (RuntimeError, ValueError, OSError) as error:
            raise Undrawable("The compressed image is damaged.") from error
        if array.shape != (pixels.rows, pixels.columns):
            raise Undrawable("The compressed image has another size than the file says.")
        return array, pixels.photometric
    if syntax in JPEG_XL:
        return _jpeg_xl(data, pixels)
    return _by_pydicom(data, pixels, syntax)


def _jpeg_xl(data: bytes, pixels: Pixels) -> tuple[NDArray[Any], str]:
    import imagecodecs  # noqa: PLC0415

    try:
        array: NDArray[Any] = imagecodecs.jpegxl_decode(data)
    except (RuntimeError, ValueError, OSError) as error:
        raise Undrawable("The compressed image is damaged.") from error
    expected = (pixels.rows, pixels.columns, 3) if pixels.samples == 3 else (pixels.rows, pixels.columns)
    if array.shape != expected or array.dtype.itemsize * 8 != pixels.bits_allocated:
        raise Undrawable("The compressed image has another size than the file says.")
    if pixels.pixel_representation:
        array = array.view(f"i{array.dtype.itemsize}")
    return array, "RGB" if pixels.samples == 3 else pixels.photometric


def _jpeg_precision(data: bytes) -> int:
    """Bits per sample in the frame header (ITU-T T.81 B.2.2); 0 if there is none."""
    pos = 2
    while pos + 9 < len(data) and data[pos] == 0xFF:
        if 0xC0 <= data[pos + 1] <= 0xC3:
            return data[pos + 4]
        pos += 2 + int.from_bytes(data[pos + 2 : pos + 4], "big")
    return 0


def _inflate(data: bytes, pixels: Pixels) -> bytes:
    size = (pixels.frame_bits + 7) // 8
    try:
        native = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size)
    except zlib.error as error:
        raise Undrawable("The compressed image is damaged.") from error
    if len(native) < size:
        raise Undrawable("The compressed image has fewer pixels than the file says.")
    return native


def _by_pydicom(data: bytes, pixels: Pixels, syntax: str) -> tuple[NDArray[Any], str]:
    """pydicom with its plug-ins: gdcm, openjpeg, rle, Pillow; colour arrives as RGB."""
    from pydicom.encaps import encapsulate  # noqa: PLC0415 - half a second, and most images need none of it
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415
    from pydicom.uid import UID  # noqa: PLC0415

    try:
        decoder = get_decoder(UID(syntax))
    except NotImplementedError as error:
        raise Undrawable(f"Nothing here decodes the transfer syntax {syntax}.") from error
    if not decoder.is_available:
        raise Undrawable(f"Nothing here decodes {UID(syntax).name}.")
    described: dict[str, Any] = {
        "rows": pixels.rows,
        "columns": pixels.columns,
        "samples_per_pixel": pixels.samples,
        "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_stored,
        "pixel_representation": pixels.pixel_representation,
        "photometric_interpretation": pixels.photometric,
        "planar_configuration": pixels.planar_configuration,
        "pixel_keyword": pixels.keyword,
        "number_of_frames": 1,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wrapped = encapsulate([data]) if UID(syntax).is_encapsulated else data
            array, meta = decoder.as_array(wrapped, index=0, **described)
        except (MemoryError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # decoders raise what they like (a panic in Rust is no Exception)
            raise Undrawable(f"The image could not be decoded ({UID(syntax).name}).") from error
    return array, str(meta["photometric_interpretation"])
