"""Siemens CSA headers (private, "SIEMENS CSA HEADER" in group 0029): the elements that a scanner keeps there.

The format is known from what others found out: "SV10" and an element count, or the count at once (older), then
elements of 84 bytes, each with items of a 16-byte head and a value padded to four bytes. Nothing in it is believed: the
count of elements and items, and all of their bytes, are bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

CREATOR = "SIEMENS CSA HEADER"
ELEMENTS = ("10", "20")
"""Endings of the tags that hold such a header: of the image, of the series."""
MOST_ELEMENTS, MOST_ITEMS, MOST_BYTES = 128, 4096, 4 << 20
HEAD = struct.Struct("<64sI4sIII")
ITEM = struct.Struct("<4I")


@dataclass(frozen=True)
class CsaElement:
    """An element and its values, as text."""

    name: str
    vr: str
    values: list[str]


def read(data: bytes) -> list[CsaElement]:
    """The elements of a header, as far as it can be read; none where it is none of that kind."""
    data = data[:MOST_BYTES]
    newer = data.startswith(b"SV10")
    start = 8 if newer else 0
    if len(data) < start + 8:
        return []
    count = struct.unpack_from("<I", data, start)[0]
    if not 1 <= count <= MOST_ELEMENTS:
        return []
    found: list[CsaElement] = []
    at, items_left = start + 8, MOST_ITEMS
    base = 0  # in the older format each length is too large by the number of the first element's items
    for number in range(count):
        if at + HEAD.size > len(data):
            break
        name, vm, vr, _, items, _ = HEAD.unpack_from(data, at)
        at += HEAD.size
        base = items if number == 0 else base
        items_left -= items
        if items_left < 0:
            break
        values = []
        for _ in range(items):
            if at + ITEM.size > len(data):
                return found
            lengths = ITEM.unpack_from(data, at)
            at += ITEM.size
            length = lengths[1] if newer else lengths[0] - base
            if not 0 <= length <= len(data) - at:
                return found
            values.append(_text(data[at : at + length]))
            at += (length + 3) // 4 * 4
        meant = values[: vm or None]
        found.append(CsaElement(_text(name), _text(vr), [value for value in meant if value or vm > 1]))
    return found


def _text(raw: bytes) -> str:
    """Up to the first NUL, in the character set of the consoles."""
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()
