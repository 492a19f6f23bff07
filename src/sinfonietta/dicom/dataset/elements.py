"""Walks the data elements of a dataset once and makes the DICOM JSON model (DICOM PS3.5 7, PS3.18 F)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sinfonietta.dicom.dataset.charset import Charset, charset_of
from sinfonietta.dicom.dataset.dictionary import vr_of
from sinfonietta.dicom.dataset.source import Broken, Source
from sinfonietta.dicom.dataset.values import BINARY_VRS, KNOWN, LONG_VRS, NUMBERS, Element, element

UNDEFINED = 0xFFFFFFFF
SHORT_BYTES = 256
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
CHARSET = 0x00080005
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
PALETTES = frozenset({0x00281201, 0x00281202, 0x00281203, 0x00281204, 0x00281221, 0x00281222, 0x00281223})
# Never inside the JSON, however small: pixels, encapsulated document, waveform, look-up tables (and overlays).
BULKY = PIXELS | PALETTES | {0x00420011, 0x54001010, 0x00283006}

Dataset = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """How much of a stranger's file is taken.

    ``text_bytes``: a longer text or list of numbers is bulk data; so is, once all values together have
    ``header_bytes``, every further one that is not short.
    """

    depth: int = 64
    elements: int = 1_000_000
    inline_bytes: int = 1024
    text_bytes: int = 16 << 20
    header_bytes: int = 32 << 20
    inflate_bytes: int = 512 << 20


class Coding(NamedTuple):
    """How the elements are written (DICOM PS3.5 A)."""

    implicit: bool = False
    big_endian: bool = False


class Scope(NamedTuple):
    """What elements inherit from the datasets around theirs."""

    path: str = ""
    depth: int = 0
    charset: Charset = charset_of(())
    chain: tuple[Dataset, ...] = ()


class Head(NamedTuple):
    """Tag, VR (empty where implicit), length of a value and of what comes before it."""

    tag: int
    vr: str
    length: int
    size: int


@dataclass
class Walker:
    """Reads datasets from a source.

    ``bulk`` maps a relative BulkDataURI to (offset, length, VR) in the source; ``fragments`` are the items of
    encapsulated pixel data, the basic offset table first, as (offset, length) of their values.
    """

    source: Source
    limits: Limits
    bulk: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    fragments: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    taken_bytes: int = 0

    def dataset(
        self, out: Dataset, pos: int, end: int, coding: Coding, scope: Scope, *, delimited: bool = False
    ) -> int:
        """Reads elements into ``out`` from ``pos`` to ``end``, or to the item delimiter where ``delimited``.

        Returns the offset behind. Raises Broken; ``out`` then holds what was read before.
        """
        while pos < end:
            if end - pos < 8:
                if self._padding(pos, end):
                    return end
                raise Broken(f"{end - pos} bytes are left over behind the last attribute.")
            head = self.head(pos, coding)
            if head.tag == ITEM_END and delimited:
                return pos + head.size
            if head.tag >> 16 == 0xFFFE or head.tag == 0:
                if head.tag == 0 and self._padding(pos, end):
                    return end
                raise Broken(f"There is an item mark where an attribute is expected, at byte {pos:,}.")
            pos, scope = self.element(out, pos, end, head, coding, scope)
        if delimited:
            raise Broken("An item does not end before what is around it.")
        return pos

    def head(self, pos: int, coding: Coding) -> Head:
        """Tag, VR and length at ``pos``. A VR that is none means that this one element is implicit."""
        self.count += 1
        if self.count > self.limits.elements:
            raise Broken(f"There are more than {self.limits.elements:,} attributes.")
        index = self.source.at(pos, 8)
        buffer = self.source.buffer
        order = ">" if coding.big_endian else "<"
        group, number, raw, short = struct.unpack_from(order + "HH2sH", buffer, index)
        tag = group << 16 | number
        if coding.implicit or group == 0xFFFE or not (raw in KNOWN or (raw.isalpha() and raw.isupper())):
            return Head(tag, "", struct.unpack_from(order + "I", buffer, index + 4)[0], 8)
        vr = KNOWN.get(raw, "UN")
        if raw not in KNOWN or vr not in LONG_VRS:
            return Head(tag, vr, short, 8)
        index = self.source.at(pos, 12)
        return Head(tag, vr, struct.unpack_from(order + "I", self.source.buffer, index + 8)[0], 12)

    def _padding(self, pos: int, end: int) -> bool:
        """Whether nothing but NULs follows, as some writers leave behind the last attribute."""
        while pos < end:
            piece = self.source.read(pos, min(end - pos, 1 << 20))
            if piece.strip(b"\0"):
                return False
            pos += len(piece)
        return True

    def element(self, out: Dataset, pos: int, end: int, head: Head, coding: Coding, scope: Scope) -> tuple[int, Scope]:
        """Reads the value that follows ``head`` at ``pos`` into ``out``; returns the offset behind it."""
        tag, start = head.tag, pos + head.size
        vr = head.vr or vr_of(tag, out, scope.chain)
        key = f"{tag:08X}"
        if head.length == UNDEFINED:
            return self._undefined(out, key, start, end, head, vr, coding, scope), scope
        stop = start + head.length
        if stop > end:
            raise Broken(f"Attribute {name(tag)} claims {head.length:,} bytes; {end - start:,} are left.")
        if head.vr == "UN" and head.length < 0xFFFF and (known := vr_of(tag, out, scope.chain)) != "UN":
            # A writer who did not know the attribute; we may (DICOM PS3.5 6.2.2). Inside it is implicit little endian.
            vr, coding = known, Coding(implicit=True) if known == "SQ" else coding
        if tag & 0xFFFF == 0:  # group lengths have no place in the JSON (DICOM PS3.18 F.2.2)
            return stop, scope
        if vr == "SQ":
            self._known_length(out, key, start, stop, coding, scope, was_unknown=head.vr == "UN")
        else:
            out[key] = self._value(key, vr, start, head.length, coding, scope)
        if tag == CHARSET:
            terms = tuple(term if isinstance(term, str) else "" for term in out[key].get("Value", ()))
            scope = scope._replace(charset=charset_of(terms))
        return stop, scope

    def _known_length(
        self, out: Dataset, key: str, pos: int, end: int, coding: Coding, scope: Scope, *, was_unknown: bool
    ) -> None:
        items: list[Dataset] = []
        out[key] = {"vr": "SQ", "Value": items} if end > pos else {"vr": "SQ"}
        try:
            self._items(items, key, pos, end, coding, scope.charset, (out, scope), delimited=False)
        except Broken:
            if not was_unknown:
                raise
            out[key] = self._value(key, "UN", pos, end - pos, coding, scope)

    def _value(self, key: str, vr: str, start: int, length: int, coding: Coding, scope: Scope) -> Element:
        if self._is_bulk(int(key, 16), vr, length):
            uri = f"bulk/{scope.path}{key}"
            self.bulk[uri] = (start, length, vr)
            return {"vr": vr, "BulkDataURI": uri}
        self.taken_bytes += length
        index = self.source.at(start, length)
        data = self.source.buffer[index : index + length]
        return element(vr, data, scope.charset, big_endian=coding.big_endian)

    def _is_bulk(self, tag: int, vr: str, length: int) -> bool:
        if not length or tag == CHARSET:
            return False
        if vr in BINARY_VRS and length > self.limits.inline_bytes:
            return True
        if tag in BULKY or tag & 0xFF01FFFF == 0x60003000:
            return True
        if length > SHORT_BYTES and self.taken_bytes + length > self.limits.header_bytes:
            return True
        return length > self.limits.text_bytes or (vr in NUMBERS and length > self.limits.text_bytes >> 6)

    def _undefined(
        self, out: Dataset, key: str, start: int, end: int, head: Head, vr: str, coding: Coding, scope: Scope
    ) -> int:
        """An element that a delimiter ends: a sequence, or binary data in fragments (DICOM PS3.5 7.5, A.4)."""
        if vr in {"OB", "OW"}:
            first = len(self.fragments)
            stop = self._fragments(start, end, coding)
            if scope.depth or head.tag not in PIXELS:
                del self.fragments[first:]
            uri = f"bulk/{scope.path}{key}"
            self.bulk[uri] = (start, stop - start, "OB")
            out[key] = {"vr": "OB", "BulkDataURI": uri}
            return stop
        if vr not in {"SQ", "UN"}:
            raise Broken(f"Attribute {name(head.tag)} does not say how long it is.")
        items: list[Dataset] = []
        out[key] = {"vr": "SQ", "Value": items}
        if head.vr == "UN":
            coding = Coding(implicit=True)
        stop = self._items(items, key, start, end, coding, scope.charset, (out, scope), delimited=True)
        if not items:
            del out[key]["Value"]
        return stop

    def _items(
        self, items: list[Dataset], key: str, pos: int, end: int, coding: Coding, chars: Charset,
        around: tuple[Dataset, Scope], *, delimited: bool,
    ) -> int:  # fmt: skip
        out, outer = around
        if outer.depth >= self.limits.depth:
            raise Broken(f"Sequences are nested more than {self.limits.depth} deep.")
        while pos < end:
            head = self.head(pos, coding)
            if head.tag == SEQUENCE_END:
                return pos + head.size
            if head.tag != ITEM:
                raise Broken(f"There is something else than an item in the sequence {name(int(key, 16))}.")
            path = f"{outer.path}{key}/{len(items)}/"
            scope = Scope(path, outer.depth + 1, chars, (out, *outer.chain))
            item: Dataset = {}
            items.append(item)
            pos += head.size
            if head.length == UNDEFINED:
                pos = self.dataset(item, pos, end, coding, scope, delimited=True)
            elif pos + head.length > end:
                raise Broken(f"An item of {name(int(key, 16))} claims {head.length:,} bytes; {end - pos:,} are left.")
            else:
                pos = self.dataset(item, pos, pos + head.length, coding, scope)
        if delimited:
            raise Broken(f"The sequence {name(int(key, 16))} does not end.")
        return pos

    def _fragments(self, pos: int, end: int, coding: Coding) -> int:
        order = ">" if coding.big_endian else "<"
        while pos + 8 <= end:
            self.count += 1
            if self.count > self.limits.elements:
                raise Broken(f"There are more than {self.limits.elements:,} fragments.")
            group, number, length = struct.unpack(order + "HHI", self._near(pos))
            pos += 8
            if group << 16 | number == SEQUENCE_END:
                return pos
            if group << 16 | number != ITEM:
                raise Broken(f"The compressed pixel data is damaged at byte {pos:,}.")
            if pos + length > end:
                raise Broken(f"A fragment of the pixel data claims {length:,} bytes; {end - pos:,} are left.")
            self.fragments.append((pos, length))
            pos += length
        raise Broken("The compressed pixel data does not end.")

    def _near(self, pos: int) -> bytes:
        """Eight bytes without moving the window: between fragments lies nothing else worth reading."""
        index = pos - self.source.base
        if 0 <= index <= len(self.source.buffer) - 8:
            return self.source.buffer[index : index + 8]
        return self.source.read(pos, 8)


def name(tag: int) -> str:
    """``(gggg,eeee)``, as people write a tag."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
