"""Decompressors of zip entries, each a step from some compressed bytes to at most about a mebibyte of plain ones."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from sinfonietta.archives.formats.entries import BLOCK_BYTES, Broken, Content

STORED, DEFLATED, DEFLATE64, BZIP2, LZMA, ZSTANDARD, XZ = 0, 8, 9, 12, 14, 93, 95
NAMES = {1: "Shrink", 6: "Implode", 10: "DCL Implode", 97: "WavPack", 98: "PPMd", 96: "JPEG"}
INFLATE64_STEP = 1 << 10
"""inflate64 gives all that its input makes at once: at most a thousandfold of so much."""


class Bounded(Protocol):
    """A decompressor of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def decompress(method: int, blocks: Content) -> Content:
    """The plain bytes of an entry. Raises Broken for a method that is not read here, and for bytes that are none."""
    steps = METHODS.get(method)
    if steps is None:
        raise Broken(f"It is compressed with a method that cannot be read here ({NAMES.get(method, method)}).")
    try:
        yield from steps(blocks)
    except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError, struct.error, RuntimeError) as error:
        raise Broken("Its compressed bytes are damaged.") from error


def _deflated(blocks: Content) -> Content:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    for block in blocks:
        waiting = block
        while waiting and not inflate.eof:
            yield inflate.decompress(waiting, BLOCK_BYTES)
            waiting = inflate.unconsumed_tail
        if inflate.eof:
            return
    while tail := inflate.decompress(inflate.unconsumed_tail, BLOCK_BYTES):  # what the window still holds back
        yield tail
    if not inflate.eof:
        raise Broken("Its compressed bytes end too early.")


def _deflate64(blocks: Content) -> Content:
    import inflate64  # noqa: PLC0415 - few archives need it

    inflate = inflate64.Inflater()
    for block in blocks:
        for at in range(0, len(block), INFLATE64_STEP):
            if inflate.eof:
                return
            yield inflate.inflate(block[at : at + INFLATE64_STEP])
    if not inflate.eof:
        raise Broken("Its compressed bytes end too early.")


def _bounded(decoder: Bounded, blocks: Content) -> Content:
    for block in blocks:
        yield decoder.decompress(block, BLOCK_BYTES)
        while not decoder.needs_input and not decoder.eof:
            yield decoder.decompress(b"", BLOCK_BYTES)
        if decoder.eof:
            return
    raise Broken("Its compressed bytes end too early.")


def _lzma(blocks: Content) -> Content:
    """LZMA of zip (APPNOTE 5.8.8): version, length of the properties, the properties, a raw stream without its end."""
    blocks = iter(blocks)
    head = b""
    while len(head) < 9 and (block := next(blocks, b"")):
        head += block
    length = struct.unpack_from("<H", head, 2)[0]
    code, dictionary = struct.unpack_from("<BI", head, 4)
    if length != 5 or code >= 225:
        raise Broken("Its LZMA properties are damaged.")
    filters = [
        {"id": lzma.FILTER_LZMA1, "lc": code % 9, "lp": code // 9 % 5, "pb": code // 45, "dict_size": dictionary}
    ]
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)

    def rest() -> Iterator[bytes]:
        yield head[9:]
        yield from blocks

    try:
        yield from _bounded(decoder, rest())
    except Broken:
        if decoder.eof or decoder.needs_input:
            return  # the end mark is optional: size and checksum tell whether all is there
        raise


def _zstandard(blocks: Content) -> Content:
    from backports.zstd import ZstdDecompressor, ZstdError  # noqa: PLC0415

    try:
        yield from _bounded(ZstdDecompressor(), blocks)
    except ZstdError as error:
        raise Broken("Its compressed bytes are damaged.") from error


METHODS: dict[int, Callable[[Content], Content]] = {
    STORED: lambda blocks: blocks,
    DEFLATED: _deflated,
    DEFLATE64: _deflate64,
    BZIP2: lambda blocks: _bounded(bz2.BZ2Decompressor(), blocks),
    LZMA: _lzma,
    ZSTANDARD: _zstandard,
    XZ: lambda blocks: _bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ), blocks),
}
