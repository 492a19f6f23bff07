"""A file in another transfer syntax, streamed: what the processes for strangers' files make, put together here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinfonietta.dicom.dataset.parse import Header, open_dataset
from sinfonietta.dicom.dataset.values import little_endian
from sinfonietta.dicom.image.options import DEFLATED_TARGET
from sinfonietta.dicom.sandbox import isolation

BLOCK_BYTES = 1 << 20
ITEM = struct.Struct("<HHI")
WORD_VRS = {2: "OW", 4: "OL", 8: "OV"}


@dataclass(frozen=True)
class Delivery:
    """A file on its way out in the transfer syntax ``target``."""

    path: Path
    header: Header
    target: str
    pieces: Sequence[Sequence[Any]]
    body: bytes

    @property
    def size_bytes(self) -> int | None:
        """How long it will be; None where only sending it tells."""
        sizes = [_size(piece) for piece in self.pieces]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) and self.target != DEFLATED_TARGET else None

    def blocks(self) -> Iterator[bytes]:
        """The file. Raises IsolationError, Broken where a frame further back cannot be had after all."""
        blocks = self._plain()
        if self.target != DEFLATED_TARGET:
            yield from blocks
            return
        yield next(blocks)  # the file meta information is never compressed (DICOM PS3.5 A.5)
        deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        total = 0
        for block in blocks:
            if packed := deflate.compress(block):
                total += len(packed)
                yield packed
        last = deflate.flush()
        yield last + bytes((total + len(last)) % 2)

    def dataset(self) -> Iterator[bytes]:
        """The file without preamble and file meta information, as DIMSE sends it. Raises as ``blocks``."""
        blocks = self.blocks()
        next(blocks)
        return blocks

    def _plain(self) -> Iterator[bytes]:
        at = 0
        for kind, *said in self.pieces:
            if kind == "bytes":
                yield self.body[at : at + said[0]]
                at += said[0]
            elif kind == "range":
                yield from self._range(*said)
            else:
                yield from self._frames(*said)

    def _range(self, offset: int, length: int, width: int) -> Iterator[bytes]:
        with open_dataset(self.path, self.header) as source:
            for start in range(offset, offset + length, BLOCK_BYTES):
                block = source.read(start, min(BLOCK_BYTES, offset + length - start))
                yield little_endian(WORD_VRS[width], block) if width > 1 else block

    def _frames(self, first: int, last: int, size: int) -> Iterator[bytes]:
        for frame in range(first, last):
            data = isolation.pool().transcoded_frame(self.path, self.target, frame)
            if size and len(data) != size:
                raise isolation.Undrawable(f"Frame {frame + 1} has another size than the first.")
            yield data if size else ITEM.pack(0xFFFE, 0xE000, len(data) + len(data) % 2) + data + bytes(len(data) % 2)


def _size(piece: Sequence[Any]) -> int | None:
    kind, *said = piece
    if kind == "bytes":
        return int(said[0])
    if kind == "range":
        return int(said[1])
    return int((said[1] - said[0]) * said[2]) if said[2] else None


def deliver(path: Path, header: Header, target: str) -> Delivery:
    """Begin to convert a file; its first frame is tried.

    Raises Undrawable where it cannot be had so, Busy, and what else ``isolation`` raises.
    """
    return Delivery(path, header, target, *isolation.pool().transcode(path, target))
