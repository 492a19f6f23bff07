"""Where the pixels of a file lie and how they are written (DICOM PS3.3 C.7.6.3, PS3.5 8 and A.4)."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from bisect import bisect_right
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from sinfonietta.dicom.dataset.dictionary import first
from sinfonietta.dicom.dataset.elements import Coding, Dataset, Walker
from sinfonietta.dicom.dataset.source import Broken, Source
from sinfonietta.dicom.dataset.values import little_endian

KEYWORDS = {"7FE00010": "PixelData", "7FE00008": "FloatPixelData", "7FE00009": "DoubleFloatPixelData"}
ITEM_HEAD = 8
_PLACE = struct.Struct("<QQ")

Fragment = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pixels:
    """The image of a file.

    ``offset`` and ``length`` (bytes) say where the value of the element ``keyword`` lies. Encapsulated frames are
    ranges (offset, length) from their first fragment's value to their last's end: the heads of further items lie
    inside where a frame has several fragments. ``frames`` is empty where the fragments cannot be told apart; it is kept
    as bytes, two numbers of 64 bits a frame, so that the places of a million frames cost little to read one of them.
    """

    keyword: str
    vr: str
    offset: int
    length: int
    encapsulated: bool
    big_endian: bool
    frames: bytes
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    planar_configuration: int
    photometric: str
    number_of_frames: int
    window_center: float | None
    window_width: float | None
    rescale_slope: float
    rescale_intercept: float

    @property
    def frame_bits(self) -> int:
        """The size of one native frame; YBR_FULL_422 and YBR_PARTIAL_422 leave out half of the colour."""
        samples = 2 if self.photometric.endswith("_422") else self.samples
        return self.rows * self.columns * samples * self.bits_allocated


def describe(dataset: Dataset, walker: Walker, coding: Coding) -> Pixels | None:
    """The image that ``dataset`` holds; None if it has no pixel data. Lying values are taken as they are."""
    tag = next((tag for tag in KEYWORDS if f"bulk/{tag}" in walker.bulk), None)
    if tag is None:
        return None
    offset, length, vr = walker.bulk[f"bulk/{tag}"]
    number_of_frames = max(_integer(dataset, "00280008", 1), 1)
    bits = _integer(dataset, "00280100", {"7FE00008": 32, "7FE00009": 64}.get(tag, 0))
    photometric = first(dataset, "00280004")
    return Pixels(
        keyword=KEYWORDS[tag],
        vr=vr,
        offset=offset,
        length=length,
        encapsulated=bool(walker.fragments),
        big_endian=coding.big_endian,
        frames=b"".join(_PLACE.pack(*place) for place in _frames(dataset, walker, number_of_frames)),
        rows=_integer(dataset, "00280010", 0),
        columns=_integer(dataset, "00280011", 0),
        samples=_integer(dataset, "00280002", 1),
        bits_allocated=bits,
        bits_stored=_integer(dataset, "00280101", bits),
        pixel_representation=_integer(dataset, "00280103", 0),
        planar_configuration=_integer(dataset, "00280006", 0),
        photometric=photometric if isinstance(photometric, str) else "",
        number_of_frames=number_of_frames,
        window_center=number(dataset, "00281050"),
        window_width=number(dataset, "00281051"),
        rescale_slope=_or(number(dataset, "00281053"), 1.0),
        rescale_intercept=_or(number(dataset, "00281052"), 0.0),
    )


def number(dataset: Dataset, tag: str) -> float | None:
    """The first value of an attribute as a number; None if it is none."""
    value = first(dataset, tag)
    return float(value) if isinstance(value, int | float) else None


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _integer(dataset: Dataset, tag: str, default: int) -> int:
    value = first(dataset, tag)
    return value if isinstance(value, int) else default


def _frames(dataset: Dataset, walker: Walker, count: int) -> tuple[Fragment, ...]:
    """The byte range of each frame: by the offset tables, or one fragment a frame, or by the end mark of JPEG."""
    if len(walker.fragments) < 2:
        return ()
    table, *fragments = walker.fragments
    if count == 1:
        return (_span(fragments),)
    starts = _extended_offsets(dataset, walker, count) or _basic_offsets(walker.source, table, count)
    if starts is not None:
        return _by_offsets(fragments, starts)
    if len(fragments) == count:
        return tuple(fragments)
    ends = [at for at, fragment in enumerate(fragments) if _ends_an_image(walker.source, fragment)]
    if len(ends) == count and ends[-1] == len(fragments) - 1:
        begins = [0, *(at + 1 for at in ends[:-1])]
        return tuple(_span(fragments[begin : end + 1]) for begin, end in zip(begins, ends, strict=True))
    return ()


def _span(fragments: list[Fragment]) -> Fragment:
    return fragments[0][0], fragments[-1][0] + fragments[-1][1] - fragments[0][0]


def _by_offsets(fragments: list[Fragment], starts: tuple[int, ...]) -> tuple[Fragment, ...]:
    """``starts`` count from the first item after the basic offset table (DICOM PS3.5 A.4)."""
    origin = fragments[0][0] - ITEM_HEAD
    items = [offset - ITEM_HEAD - origin for offset, _ in fragments]
    cuts = [bisect_right(items, start) - 1 for start in starts]
    if any(cut < 0 or items[cut] != start for cut, start in zip(cuts, starts, strict=True)):
        return ()
    if any(later <= earlier for earlier, later in pairwise(cuts)):
        return ()
    pairs = zip(cuts, [*cuts[1:], len(fragments)], strict=True)
    return tuple(_span(fragments[begin:end]) for begin, end in pairs)


def _basic_offsets(source: Source, table: Fragment, count: int) -> tuple[int, ...] | None:
    offset, length = table
    if length != 4 * count:
        return None
    return struct.unpack(f"<{count}I", source.read(offset, length))


def _extended_offsets(dataset: Dataset, walker: Walker, count: int) -> tuple[int, ...] | None:
    """Extended Offset Table (7FE0,0001), DICOM PS3.3 C.7.6.3.1.8."""
    place = walker.bulk.get("bulk/7FE00001")
    if place is None:
        raw = b64decode(dataset.get("7FE00001", {}).get("InlineBinary", ""))
    else:
        raw = walker.source.read(place[0], place[1])
    return struct.unpack(f"<{count}Q", raw) if len(raw) == 8 * count else None


def _ends_an_image(source: Source, fragment: Fragment) -> bool:
    offset, length = fragment
    tail = source.read(offset + max(length - 10, 0), min(length, 10))
    return b"\xff\xd9" in tail


def frame_ranges(source: Source, pixels: Pixels, index: int) -> list[Fragment]:
    """Where frame ``index`` (from 0) lies in the source: its fragments, or one range of native pixels.

    Reads no pixels. Raises Broken where the file has no such frame.
    """
    if not 0 <= index < pixels.number_of_frames:
        raise Broken(f"There is no frame {index + 1}; the image has {pixels.number_of_frames:,}.")
    if not pixels.encapsulated:
        begin, shift = divmod(index * pixels.frame_bits, 8)
        length = (shift + pixels.frame_bits + 7) // 8
        if begin + length > pixels.length:
            raise Broken(
                f"The pixel data has {pixels.length:,} bytes; {pixels.number_of_frames:,} frames of this size need "
                f"{(pixels.frame_bits * pixels.number_of_frames + 7) // 8:,}."
            )
        return [(pixels.offset + begin, length)]
    if (index + 1) * _PLACE.size > len(pixels.frames):
        raise Broken("Where the frames begin in the compressed pixel data cannot be told.")
    begin, span = _PLACE.unpack_from(pixels.frames, index * _PLACE.size)
    ranges, at = [], begin
    while at <= begin + span:
        length = struct.unpack("<I", source.read(at - 4, 4))[0]
        ranges.append((at, length))
        at += length + ITEM_HEAD
    return ranges


def fragments(source: Source, pixels: Pixels) -> list[Fragment]:
    """All fragments of encapsulated pixel data, without the basic offset table: the stream of a video."""
    found, at, end = [], pixels.offset, pixels.offset + pixels.length
    while at + ITEM_HEAD <= end:
        group, number_, length = struct.unpack("<HHI", source.read(at, ITEM_HEAD))
        if (group, number_) != (0xFFFE, 0xE000):
            break
        found.append((at + ITEM_HEAD, length))
        at += ITEM_HEAD + length
    return found[1:]


def frame_bytes(source: Source, pixels: Pixels, index: int) -> bytes:
    """One frame as stored, ``index`` from 0: a compressed stream, or native pixels.

    Reads nothing but that frame. A native frame of one-bit pixels that begins inside a byte is shifted to its start.
    Raises Broken where the file has no such frame.
    """
    ranges = frame_ranges(source, pixels, index)
    if pixels.encapsulated:
        return b"".join(source.read(offset, length) for offset, length in ranges)
    offset, length = ranges[0]
    if pixels.big_endian and pixels.bits_allocated == 8 and pixels.vr == "OW":
        return _from_words(source, pixels, offset - pixels.offset, length)
    data = source.read(offset, length)
    if shift := index * pixels.frame_bits % 8:
        whole = int.from_bytes(data, "little") >> shift
        data = whole.to_bytes(length, "little")[: (pixels.frame_bits + 7) // 8]
    return data


def _from_words(source: Source, pixels: Pixels, begin: int, length: int) -> bytes:
    """Eight-bit pixels in words of a big endian file: each two bytes are exchanged (DICOM PS3.5 8.1.1)."""
    odd = begin % 2
    stop = min(begin + length + (begin + length) % 2, pixels.length)
    words = source.read(pixels.offset + begin - odd, stop - begin + odd)
    return little_endian("OW", words)[odd : odd + length]


def to_dict(pixels: Pixels | None) -> dict[str, Any] | None:
    """A Pixels for JSON."""
    return None if pixels is None else {**asdict(pixels), "frames": b64encode(pixels.frames).decode()}


def from_dict(found: dict[str, Any] | None) -> Pixels | None:
    """What JSON made of a Pixels, back again."""
    return None if found is None else Pixels(**{**found, "frames": b64decode(found["frames"])})
