"""Frames and bulk values of an instance, in the form that a client can take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sinfonietta.blobs import store
from sinfonietta.common.errors import NotFound, Unavailable
from sinfonietta.dicom import isolation
from sinfonietta.dicom.errors import NotAcceptable
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.packing import header_of
from sinfonietta.dicom.parse import BIG_ENDIAN, DEFLATED, IMPLICIT, Header, open_dataset
from sinfonietta.dicom.pixels import Pixels, frame_bytes
from sinfonietta.dicom.source import Broken
from sinfonietta.dicom.values import little_endian
from sinfonietta.interfaces.dicomweb.media import EXPLICIT, FRAME_TYPES, OCTETS, Accepted, syntax_of

BLOCK_BYTES = 1 << 20
MOST_FRAMES = 1000
NATIVE = {"", EXPLICIT, IMPLICIT, BIG_ENDIAN, *DEFLATED}
"""Transfer syntaxes whose frames leave as explicit little endian."""


@dataclass(frozen=True)
class Frame:
    """One frame as it is sent."""

    media_type: str
    syntax: str
    data: bytes

    @property
    def content_type(self) -> str:
        """The media type with the transfer syntax that a decoder is chosen by."""
        return f"{self.media_type}; transfer-syntax={self.syntax}" if self.syntax else self.media_type


@dataclass(frozen=True)
class Values:
    """A bulk value: its size and how to get its bytes."""

    size_bytes: int
    content: Callable[[], Iterable[bytes]]
    media_type: str = OCTETS
    syntax: str = EXPLICIT

    @property
    def content_type(self) -> str:
        """The media type of a part."""
        return f"{self.media_type}; transfer-syntax={self.syntax}" if self.syntax else self.media_type


def path_of(row: DicomInstance) -> Path:
    """The file's bytes on this machine. Raises Unavailable where the store is elsewhere."""
    path = store.default().path(row.version.blob)
    if path is None:
        raise Unavailable("Pixels cannot be read from this store.")
    return path


def frames_of(row: DicomInstance, numbers: Sequence[int], wanted: Sequence[Accepted]) -> Frame | list[Frame]:
    """The frames (numbered from 1), or a lone one where the client takes no parts.

    Raises NotFound for a frame that is not there, NotAcceptable when nothing that is accepted can be made.
    """
    header = header_of(row.header.places)
    if header.pixels is None:
        raise NotFound("The instance has no frames.")
    if len(numbers) > MOST_FRAMES or not all(1 <= number <= header.pixels.number_of_frames for number in numbers):
        raise NotFound(f"The instance has {header.pixels.number_of_frames} frames, and a request {MOST_FRAMES}.")
    native = header.transfer_syntax in NATIVE or not header.pixels.encapsulated
    stored = EXPLICIT if native else syntax_of(header.transfer_syntax)
    media_type = FRAME_TYPES.get(stored, OCTETS)
    for one in wanted:
        as_stored = one.inner in {media_type, "*/*", "image/*"} or (one.inner == OCTETS and one.syntax == "*")
        if as_stored and one.syntax in {"", "*", stored}:
            frames = [Frame(media_type, stored, data) for data in _stored(row, header, numbers)]
        elif one.inner == OCTETS and one.syntax in {"", EXPLICIT}:
            frames = [Frame(OCTETS, EXPLICIT, data) for data in _decoded(row, numbers)]
        else:
            continue
        if one.is_multipart or one.media_type == "*/*":
            return frames
        if len(frames) == 1:
            return frames[0]
    raise NotAcceptable(f'Frames here are multipart/related; type="{media_type}"; transfer-syntax={stored}')


def _stored(row: DicomInstance, header: Header, numbers: Sequence[int]) -> Iterator[bytes]:
    pixels = header.pixels
    assert pixels is not None
    try:
        with open_dataset(path_of(row), header) as source:
            for number in numbers:
                data = frame_bytes(source, pixels, number - 1)
                yield _swapped(data, pixels, header) if pixels.big_endian else data
    except Broken as broken:
        raise NotFound(str(broken)) from broken


def _swapped(data: bytes, pixels: Pixels, header: Header) -> bytes:
    """Big endian pixels as little endian; 8-bit ones are swapped in pairs where they lie in words."""
    vr = header.bulk[next(uri for uri in header.bulk if uri.startswith("bulk/7FE0000") or uri == "bulk/7FE00010")][2]
    by_bits = {16: "OW", 32: "OL", 64: "OV"}
    return little_endian(by_bits.get(pixels.bits_allocated, vr), data)


def _decoded(row: DicomInstance, numbers: Sequence[int]) -> Iterator[bytes]:
    for number in numbers:
        try:
            yield isolation.pool().decode_frame(path_of(row), number - 1).data
        except isolation.Busy as error:
            raise Unavailable(str(error)) from error
        except isolation.IsolationError as error:
            raise NotAcceptable(f"The frame cannot be decoded here: {error}") from error


def bulk_of(row: DicomInstance, uri: str) -> Values:
    """The value behind a relative URI of the metadata. Raises NotFound."""
    header = header_of(row.header.places)
    if uri not in header.bulk:
        raise NotFound("The instance has no such value.")
    offset, length, vr = header.bulk[uri]
    if header.pixels is not None and header.pixels.encapsulated and offset == header.pixels.offset:
        return Values(length, partial(_range, row, offset, length), syntax=syntax_of(header.transfer_syntax))
    if header.transfer_syntax == BIG_ENDIAN or not header.seekable:
        data = _whole(row, header, offset, length)
        data = little_endian(vr, data) if header.transfer_syntax == BIG_ENDIAN else data
        return Values(len(data), partial(iter, (data,)))
    return Values(length, partial(_range, row, offset, length))


def _range(row: DicomInstance, offset: int, length: int) -> Iterable[bytes]:
    return store.default().open(row.version.blob, offset, length)


def _whole(row: DicomInstance, header: Header, offset: int, length: int) -> bytes:
    try:
        with open_dataset(path_of(row), header) as source:
            return source.read(offset, length)
    except Broken as broken:
        raise NotFound(str(broken)) from broken
