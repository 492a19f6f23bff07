"""Frames and bulk values of an instance, in the form that a client can take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from django.http import HttpRequest

from sinfonietta.blobs import store
from sinfonietta.common.errors import NotFound, TooLarge, Unavailable
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.packing import header_of
from sinfonietta.dicom.dataset.parse import BIG_ENDIAN, DEFLATED, IMPLICIT, Header, open_dataset
from sinfonietta.dicom.dataset.pixels import Pixels, fragments, frame_bytes, frame_ranges
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.dataset.values import little_endian
from sinfonietta.dicom.errors import NotAcceptable
from sinfonietta.dicom.image.options import COMPRESSED_TARGETS
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.interfaces.dicomweb.media import (
    DEFAULT_SYNTAXES,
    EXPLICIT,
    FRAME_TYPES,
    OCTETS,
    Accepted,
    syntax_of,
)
from sinfonietta.interfaces.http.content import piece

BLOCK_BYTES = 1 << 20
MOST_FRAMES = 1000
MOST_BYTES = 256 << 20
"""What is made in memory for one answer."""
NATIVE = {"", EXPLICIT, IMPLICIT, BIG_ENDIAN, *DEFLATED}
"""Transfer syntaxes whose frames leave as explicit little endian."""


@dataclass(frozen=True)
class Values:
    """A frame or a bulk value: its size (None: not known yet), and how to get its bytes, in blocks, in its turn."""

    size_bytes: int | None
    content: Callable[[], Iterable[bytes]]
    media_type: str = OCTETS
    syntax: str = EXPLICIT

    @property
    def content_type(self) -> str:
        """The media type with the transfer syntax that a decoder is chosen by."""
        return f"{self.media_type}; transfer-syntax={self.syntax}" if self.syntax else self.media_type


def path_of(row: queries.Stored) -> Path:
    """The file's bytes on this machine. Raises Unavailable where the store is elsewhere."""
    path = store.default().path(row.blob)
    if path is None:
        raise Unavailable("Pixels cannot be read from this store.")
    return path


def frames_of(
    request: HttpRequest, row: queries.Stored, numbers: Sequence[int], wanted: Sequence[Accepted]
) -> tuple[list[Values], bool]:
    """The frames (numbered from 1), and whether they go as parts; without parts it is one.

    Raises NotFound for a frame that is not there, NotAcceptable when nothing that is accepted can be made, TooLarge.
    """
    header = header_of(row.places)
    if header.pixels is None:
        raise NotFound("The instance has no frames.")
    if len(numbers) > MOST_FRAMES or not all(1 <= number <= header.pixels.number_of_frames for number in numbers):
        raise NotFound(f"The instance has {header.pixels.number_of_frames} frames, and a request {MOST_FRAMES}.")
    native = header.transfer_syntax in NATIVE or not header.pixels.encapsulated
    stored = EXPLICIT if native else syntax_of(header.transfer_syntax)
    media_type = FRAME_TYPES.get(stored, OCTETS)
    for one in wanted:
        in_parts = one.is_multipart or one.media_type == "*/*"
        if len(numbers) > 1 and not in_parts:
            continue
        as_stored = one.inner in {media_type, "*/*", "image/*"} or (one.inner == OCTETS and one.syntax == "*")
        if as_stored and one.syntax in {"", "*", stored}:
            return _stored(request, row, header, numbers, (media_type, stored)), in_parts
        if one.inner == OCTETS and one.syntax in {"", EXPLICIT}:
            return _decoded(row, numbers), in_parts
        target = one.syntax or DEFAULT_SYNTAXES.get(one.inner, "")
        if target in COMPRESSED_TARGETS and FRAME_TYPES[target] == one.inner:
            return _encoded(row, numbers, target), in_parts
    raise NotAcceptable(f'Frames here are multipart/related; type="{media_type}"; transfer-syntax={stored}')


def _stored(
    request: HttpRequest, row: queries.Stored, header: Header, numbers: Sequence[int], form: tuple[str, str]
) -> list[Values]:
    pixels = header.pixels
    assert pixels is not None
    try:
        with open_dataset(path_of(row), header) as source:
            ranges = [frame_ranges(source, pixels, number - 1) for number in numbers]
    except Broken as broken:
        raise NotFound(str(broken)) from broken
    rewritten = not pixels.encapsulated and (pixels.big_endian or pixels.frame_bits % 8)
    if not rewritten:
        return [Values(sum(length for _, length in one), _blocks(request, row, header, one), *form) for one in ranges]
    size = (pixels.frame_bits + 7) // 8
    if size > MOST_BYTES:
        raise TooLarge(f"Frames of more than {MOST_BYTES >> 20} MiB cannot be had from such a file.")
    return [Values(size, partial(_rewritten, row, header, pixels, number - 1), *form) for number in numbers]


def _blocks(
    request: HttpRequest, row: queries.Stored, header: Header, ranges: Sequence[tuple[int, int]]
) -> Callable[[], Iterator[bytes]]:
    """Bytes of the dataset as they are, when their turn has come."""
    if header.seekable:
        blob = row.blob
        return lambda: chain.from_iterable(piece(request, blob, offset, length) for offset, length in ranges)
    return partial(_inflated, row, header, ranges)


def _inflated(row: queries.Stored, header: Header, ranges: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    with open_dataset(path_of(row), header) as source:
        for offset, length in ranges:
            for at in range(offset, offset + length, BLOCK_BYTES):
                yield source.read(at, min(BLOCK_BYTES, offset + length - at))


def _rewritten(row: queries.Stored, header: Header, pixels: Pixels, index: int) -> Iterator[bytes]:
    """A native frame that is big endian, or of bits that begin inside a byte."""
    with open_dataset(path_of(row), header) as source:
        data = frame_bytes(source, pixels, index)
    by_bits = {16: "OW", 32: "OL", 64: "OV"}
    yield little_endian(by_bits.get(pixels.bits_allocated, ""), data) if pixels.big_endian else data


def _decoded(row: queries.Stored, numbers: Sequence[int]) -> list[Values]:
    """Native frames, each decoded when its turn has come; the first one now, for it tells the size of all."""
    path = path_of(row)
    first = _made(lambda: isolation.pool().decode_frame(path, numbers[0] - 1).data)
    rest = [Values(len(first), partial(_decoded_later, path, number - 1, len(first))) for number in numbers[1:]]
    return [Values(len(first), partial(iter, (first,))), *rest]


def _decoded_later(path: Path, index: int, size: int) -> Iterator[bytes]:
    data = isolation.pool().decode_frame(path, index).data
    if len(data) != size:
        raise isolation.Undrawable(f"Frame {index + 1} has another size than the first.")
    yield data


def _encoded(row: queries.Stored, numbers: Sequence[int], target: str) -> list[Values]:
    """Compressed frames, each made when its turn has come; the first one now, to know whether it can be."""
    path = path_of(row)
    form = (FRAME_TYPES[target], target)
    first = _made(lambda: isolation.pool().transcoded_frame(path, target, numbers[0] - 1))
    rest = [Values(None, partial(_encoded_later, path, number - 1, target), *form) for number in numbers[1:]]
    return [Values(len(first), partial(iter, (first,)), *form), *rest]


def _encoded_later(path: Path, index: int, target: str) -> Iterator[bytes]:
    yield isolation.pool().transcoded_frame(path, target, index)


def _made(make: Callable[[], bytes]) -> bytes:
    """What a process for strangers' files makes. Raises NotAcceptable, Unavailable."""
    try:
        return make()
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise NotAcceptable(f"The frame cannot be decoded here: {error}") from error


def video_of(request: HttpRequest, row: queries.Stored) -> Values:
    """The stream of a video, as it is stored. Raises NotFound."""
    header = header_of(row.places)
    if header.pixels is None or not header.pixels.encapsulated:
        raise NotFound("The instance has no video.")
    try:
        with open_dataset(path_of(row), header) as source:
            ranges = fragments(source, header.pixels)
    except Broken as broken:
        raise NotFound(str(broken)) from broken
    return Values(sum(length for _, length in ranges), _blocks(request, row, header, ranges))


def bulk_of(request: HttpRequest, row: queries.Stored, uri: str) -> Values:
    """The value behind a relative URI of the metadata. Raises NotFound."""
    header = header_of(row.places)
    if uri not in header.bulk:
        raise NotFound("The instance has no such value.")
    offset, length, vr = header.bulk[uri]
    encapsulated = header.pixels is not None and header.pixels.encapsulated and offset == header.pixels.offset
    syntax = syntax_of(header.transfer_syntax) if encapsulated else EXPLICIT
    if header.transfer_syntax == BIG_ENDIAN and not encapsulated:
        return Values(length, partial(_swapped, row, offset, length, vr), syntax=syntax)
    return Values(length, _blocks(request, row, header, [(offset, length)]), syntax=syntax)


def _swapped(row: queries.Stored, offset: int, length: int, vr: str) -> Iterator[bytes]:
    """A big endian value as little endian."""
    return (little_endian(vr, block) for block in store.default().open(row.blob, offset, length))
