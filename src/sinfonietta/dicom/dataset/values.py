"""The value of one data element, from bytes to the DICOM JSON model (DICOM PS3.18 F.2)."""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from sinfonietta.dicom.dataset.charset import Charset

LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
SHORT_VRS = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI"}
    | {"UL", "US"}
)
BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
KNOWN = {vr.encode(): vr for vr in LONG_VRS | SHORT_VRS}

Element = dict[str, Any]
"""One attribute of the DICOM JSON model: ``vr`` and one of ``Value``, ``InlineBinary``, ``BulkDataURI``."""


def element(vr: str, data: bytes, charset: Charset, *, big_endian: bool) -> Element:
    """The JSON of one value. A value whose length does not fit its VR is kept as bytes, with VR UN."""
    if not data:
        return {"vr": vr}
    if vr in BINARY_VRS:
        return {"vr": vr, "InlineBinary": b64encode(little_endian(vr, data) if big_endian else data).decode("ascii")}
    values: list[Any] | None
    if vr in NUMBERS:
        values = _numbers(vr, data, big_endian=big_endian)
    elif vr == "AT":
        values = _tags(data, big_endian=big_endian)
    else:
        values = _TEXTS[vr](data, charset)
    if values is None:
        return {"vr": "UN", "InlineBinary": b64encode(data).decode("ascii")}
    if not values or values == [None]:
        return {"vr": vr}
    return {"vr": vr, "Value": values}


def little_endian(vr: str, data: bytes) -> bytes:
    """Binary data leaves as little endian, whatever the file's order (DICOM PS3.18 F.2.7)."""
    width = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}.get(vr, 1)
    if width == 1 or len(data) % width:
        return data
    swapped = bytearray(len(data))
    for index in range(width):
        swapped[index::width] = data[width - 1 - index :: width]
    return bytes(swapped)


def _numbers(vr: str, data: bytes, *, big_endian: bool) -> list[Any] | None:
    code = NUMBERS[vr]
    count, rest = divmod(len(data), struct.calcsize("=" + code))
    if rest:
        return None
    found = struct.unpack(f"{'>' if big_endian else '<'}{count}{code}", data)
    if code in "fd":
        return [number if math.isfinite(number) else _not_finite(number) for number in found]
    return list(found)


def _not_finite(number: float) -> str:
    return "NaN" if math.isnan(number) else "inf" if number > 0 else "-inf"


def _tags(data: bytes, *, big_endian: bool) -> list[Any] | None:
    if len(data) % 4:
        return None
    found = struct.unpack(f"{'>' if big_endian else '<'}{len(data) // 2}H", data)
    return [f"{found[i]:04X}{found[i + 1]:04X}" for i in range(0, len(found), 2)]


def _clean(text: str) -> str:
    """Without padding; a NUL inside, which no database takes, becomes U+FFFD."""
    text = text.rstrip("\0 ")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _several(data: bytes, charset: Charset) -> list[Any]:
    return [_clean(part) or None for part in _clean(charset.text(data)).split("\\")]


def _plain(data: bytes, charset: Charset) -> list[Any]:
    return [part.strip("\0 ").replace("\0", "\ufffd") or None for part in data.decode("latin-1").split("\\")]


def _one(data: bytes, charset: Charset) -> list[Any]:
    text = _clean(charset.text(data))
    return [text] if text else []


def _names(data: bytes, charset: Charset) -> list[Any]:
    return [_name(part) for part in _clean(charset.name(data)).split("\\")]


def _name(text: str) -> dict[str, str] | None:
    kinds = ("Alphabetic", "Ideographic", "Phonetic")
    return {kind: _clean(part) for kind, part in zip(kinds, text.split("="), strict=False) if _clean(part)} or None


def _decimals(data: bytes, charset: Charset) -> list[Any]:
    return [_number(text, float) for text in _plain(data, charset)]


def _integers(data: bytes, charset: Charset) -> list[Any]:
    return [_number(text, int) for text in _plain(data, charset)]


def _number(text: str | None, kind: Callable[[str], float | int]) -> float | int | str | None:
    """A number; what is none stays the text that it is (DICOM PS3.18 F.2.3.1 allows a string)."""
    if text is None or "_" in text:  # Python would read 1_000
        return text
    try:
        number = kind(text)
    except ValueError:
        return text
    if isinstance(number, int) and not -(1 << 63) <= number < 1 << 63:
        return text
    return number if math.isfinite(number) else text


_TEXTS: dict[str, Callable[[bytes, Charset], list[Any]]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), _plain),
    **dict.fromkeys(("LO", "SH", "UC"), _several),
    **dict.fromkeys(("LT", "ST", "UR", "UT"), _one),
    "PN": _names,
    "DS": _decimals,
    "IS": _integers,
}
