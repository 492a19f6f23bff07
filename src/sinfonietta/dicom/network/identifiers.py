"""Datasets of queries and answers: from bytes to the DICOM JSON model and back (DICOM PS3.4 C.4, PS3.5)."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from sinfonietta.dicom.dataset.elements import Coding, Limits, Scope, Walker
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.dataset.values import BINARY_VRS, LONG_VRS, NUMBERS, little_endian
from sinfonietta.dicom.network.negotiation import BIG_ENDIAN, IMPLICIT

Dataset = Mapping[str, Any]
TEXTS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""VRs that the character set is about."""
UTF_8 = "ISO_IR 192"
_CODECS = {
    "": "ascii", "ISO_IR 6": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859-2", "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4", "ISO_IR 126": "iso8859-7", "ISO_IR 127": "iso8859-6", "ISO_IR 138": "iso8859-8",
    "ISO_IR 144": "iso8859-5", "ISO_IR 148": "iso8859-9", "ISO_IR 166": "iso8859-11", UTF_8: "utf-8",
    "GB18030": "gb18030",
}  # fmt: skip
LIMITS = Limits(depth=16, elements=20_000, inline_bytes=1 << 20)


class _Bytes:
    """A dataset in memory, with the words of ``source.FileSource``."""

    seekable = True
    base = 0

    def __init__(self, data: bytes) -> None:
        self.buffer, self.size = data, len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self.buffer[self.at(offset, length) : offset + length]

    def at(self, offset: int, length: int) -> int:
        if offset + length > self.size:
            raise Broken("The dataset ends too early.")
        return offset


def decode(data: bytes, syntax: str) -> dict[str, Any]:
    """The DICOM JSON model of a dataset. Raises Broken."""
    found: dict[str, Any] = {}
    source: Any = _Bytes(data)
    coding = Coding(implicit=syntax == IMPLICIT, big_endian=syntax == BIG_ENDIAN)
    try:
        Walker(source, LIMITS).dataset(found, 0, len(data), coding, Scope())
    except RecursionError as error:
        raise Broken("Sequences are nested too deep.") from error
    return found


def text_of(element: Mapping[str, Any]) -> str:
    """An element's values as one text, as they were written; empty where there is none."""
    values = element.get("Value")
    if not values or element.get("vr") == "SQ":
        return ""
    return "\\".join(_text(value) for value in values).strip()


def _text(value: Any) -> str:
    if isinstance(value, dict):
        parts = [value.get(kind, "") for kind in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(parts).rstrip("=")
    return "" if value is None else str(value)


def encode(dataset: Dataset, syntax: str, charset: str = "") -> bytes:
    """The bytes of a DICOM JSON object.

    ``charset``: the Specific Character Set that the other side likes; where its letters do not do, UTF-8 is used.
    The dataset says which it is, where any of its texts needs one.
    """
    plain = {tag: element for tag, element in dataset.items() if tag != "00080005"}
    texts = _texts(plain)
    chosen = next((term for term in ("", charset) if _fits(texts, term)), UTF_8)
    if chosen:
        plain["00080005"] = {"vr": "CS", "Value": [chosen]}
    return _Writer(syntax, _CODECS[chosen]).dataset(plain)


def _texts(dataset: Dataset) -> list[str]:
    found = []
    for element in dataset.values():
        if element["vr"] == "SQ":
            for item in element.get("Value", ()):
                found += _texts(item)
        elif element["vr"] in TEXTS:
            found += [_text(value) for value in element.get("Value", ())]
    return found


def _fits(texts: list[str], term: str) -> bool:
    try:
        for text in texts:
            text.encode(_CODECS[term])
    except (KeyError, UnicodeEncodeError):
        return False
    return True


class _Writer:
    def __init__(self, syntax: str, codec: str) -> None:
        self._implicit = syntax == IMPLICIT
        self._order = ">" if syntax == BIG_ENDIAN else "<"
        self._codec = codec

    def dataset(self, dataset: Dataset) -> bytes:
        return b"".join(self._element(tag, dataset[tag]) for tag in sorted(dataset))

    def _element(self, tag: str, element: Mapping[str, Any]) -> bytes:
        vr = str(element["vr"])
        data: bytes
        if vr == "SQ":
            data = b"".join(self._item(item) for item in element.get("Value", ()))
        elif "InlineBinary" in element:
            data = b64decode(element["InlineBinary"])
            data = little_endian(vr, data) if self._order == ">" else data  # swapping is its own inverse
            data += b"\0" * (len(data) % 2)
        else:
            data = self._values(vr, element.get("Value", ()))
        head = struct.pack(self._order + "HH", int(tag[:4], 16), int(tag[4:], 16))
        if self._implicit:
            return head + struct.pack("<I", len(data)) + data
        if vr in LONG_VRS:
            return head + vr.encode() + b"\0\0" + struct.pack(self._order + "I", len(data)) + data
        if len(data) > 0xFFFF:  # too long for its VR: left out, as PS3.5 6.2.2 has no better form for short ones
            data = b""
        return head + vr.encode() + struct.pack(self._order + "H", len(data)) + data

    def _item(self, item: Dataset) -> bytes:
        data = self.dataset(item)
        return struct.pack(self._order + "HHI", 0xFFFE, 0xE000, len(data)) + data

    def _values(self, vr: str, values: Any) -> bytes:
        if vr in NUMBERS:
            code = self._order + NUMBERS[vr]
            kind = float if NUMBERS[vr] in "fd" else int
            packed = [struct.pack(code, kind(value)) for value in values if value is not None]
            return b"".join(packed)
        if vr == "AT":
            return b"".join(
                struct.pack(self._order + "HH", int(value[:4], 16), int(value[4:], 16)) for value in values if value
            )
        if vr in BINARY_VRS:
            return b""
        data: bytes = "\\".join(_text(value) for value in values).encode(
            self._codec if vr in TEXTS else "latin-1", "replace"
        )
        return data + (b"\0" if vr == "UI" else b" ") * (len(data) % 2)
