"""Part 10 files from metadata and bulk data that came apart (DICOM PS3.18 10.5.1.4: JSON, XML and bulk data parts).

The datasets are strangers' texts, so they are composed in the process that may die. Bulk data never come here: a file
is described in pieces, with places where the bulk data of a Content-Location go.
"""

from __future__ import annotations

import io
import re
import struct
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.native import Malformed, from_xml
from sinfonietta.dicom.dataset.parse import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT
from sinfonietta.dicom.dataset.values import BINARY_VRS, KNOWN, LONG_VRS, NUMBERS

UNDEFINED = 0xFFFFFFFF
LONGEST_SHORT = 0xFFFF
PIXEL_DATA = "7FE00010"
CHARSET = "00080005"
UTF_8 = {"vr": "CS", "Value": ["ISO_IR 192"]}
NATIVE = {EXPLICIT, IMPLICIT, BIG_ENDIAN, *DEFLATED, ""}
IMPLEMENTATION = "1.2.826.0.1.3680043.8.498.1"
_TAG = re.compile(r"[0-9A-F]{8}")

Piece = tuple[str, int | str, int]
"""("bytes", offset, count) of the body that comes along; ("bulk", location, index of its part)."""


class Refused(ValueError):
    """This dataset cannot be written; the message says why."""


@dataclass(frozen=True)
class Bulk:
    """The parts of one Content-Location, by their sizes in bytes, and how they are encoded."""

    sizes: tuple[int, ...]
    syntax: str = ""


@dataclass
class Composed:
    """A file in pieces of the common body; or why there is none, with the UIDs that it would have had."""

    pieces: list[Piece] = field(default_factory=list)
    problem: str = ""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""


def datasets(text: bytes, kind: str) -> list[dict[str, Any]]:
    """The datasets of a JSON or XML part. Raises Malformed."""
    if kind == "xml":
        return [from_xml(text)]
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed("The metadata is not JSON.") from error
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Malformed("The metadata is an array of DICOM JSON objects.")
    return found


def compose(found: Iterable[Mapping[str, Any]], bulk: Mapping[str, Bulk]) -> tuple[list[Composed], bytes]:
    """A file for each dataset, in explicit VR little endian or in the transfer syntax of its pixel data."""
    body, made = io.BytesIO(), []
    for dataset in found:
        writer = Writer(body, bulk)
        try:
            made.append(writer.file(dataset))
        except Refused as refused:
            uids = [text if re.fullmatch(r"[0-9.]{1,64}", text) else "" for text in _identity(dataset)]
            made.append(Composed([], str(refused), *uids))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, struct.error, RecursionError):
            made.append(Composed([], "The metadata breaks the rules of the DICOM JSON model."))
    return made, body.getvalue()


def _identity(dataset: Mapping[str, Any]) -> tuple[str, str]:
    return _first(dataset, "00080016"), _first(dataset, "00080018")


def _first(dataset: Mapping[str, Any], tag: str) -> str:
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""


class Writer:
    """Writes one dataset (DICOM PS3.5 7) behind what is in ``body`` already, noting where bulk data go."""

    def __init__(self, body: io.BytesIO, bulk: Mapping[str, Bulk]) -> None:
        self._body, self._bulk = body, bulk
        self._begun = body.tell()
        self._pieces: list[Piece] = []

    def file(self, dataset: Mapping[str, Any]) -> Composed:
        """The whole file. Raises Refused."""
        sop_class, instance = _identity(dataset)
        if not sop_class or not instance:
            raise Refused("One of the UIDs that name an instance is missing.")
        syntax = self._syntax(dataset)
        meta = {
            "00020001": {"vr": "OB", "InlineBinary": "AAE="},
            "00020002": {"vr": "UI", "Value": [sop_class]},
            "00020003": {"vr": "UI", "Value": [instance]},
            "00020010": {"vr": "UI", "Value": [syntax]},
            "00020012": {"vr": "UI", "Value": [IMPLEMENTATION]},
        }
        self._body.write(bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, 0))
        start = self._body.tell()
        self.elements(meta)
        end = self._body.tell()
        self._body.seek(start - 4)
        self._body.write(struct.pack("<I", end - start))
        self._body.seek(end)
        kept = {tag.upper(): element for tag, element in dataset.items() if not tag.startswith("0002")}
        self.elements(kept | {CHARSET: UTF_8})
        self._close()
        return Composed(self._pieces, "", sop_class, instance)

    def _syntax(self, dataset: Mapping[str, Any]) -> str:
        pixels = dataset.get(PIXEL_DATA, {})
        given = self._bulk.get(str(pixels.get("BulkDataURI", "")))
        return given.syntax if given and given.syntax not in NATIVE else EXPLICIT

    def elements(self, dataset: Mapping[str, Any], depth: int = 0) -> None:
        """A dataset, or an item so deep in one. Raises Refused."""
        if depth > Limits().depth:
            raise Refused("Sequences are nested too deep.")
        for tag in sorted(dataset):
            if not _TAG.fullmatch(tag):
                raise Refused("A name in the metadata is no tag of eight hexadecimal digits.")
            if tag[4:] != "0000":
                self._element(tag, dataset[tag], depth)

    def _element(self, tag: str, element: Mapping[str, Any], depth: int) -> None:
        vr = element["vr"]
        if not isinstance(vr, str) or vr.encode() not in KNOWN:
            raise Refused("A value of the metadata has no VR that is known.")
        if "BulkDataURI" in element:
            self._from_bulk(tag, vr, element["BulkDataURI"])
        elif vr == "SQ":
            self._sequence(tag, element.get("Value") or [], depth)
        else:
            self._head(tag, vr, len(value := encoded(vr, element)))
            self._body.write(value)

    def _head(self, tag: str, vr: str, length: int) -> None:
        self._body.write(head(tag, vr, length))

    def _sequence(self, tag: str, items: list[Mapping[str, Any] | None], depth: int) -> None:
        self._head(tag, "SQ", UNDEFINED)
        for item in items:
            self._mark(0xE000, UNDEFINED)
            self.elements({name.upper(): one for name, one in (item or {}).items()}, depth + 1)
            self._mark(0xE00D, 0)
        self._mark(0xE0DD, 0)

    def _mark(self, number: int, length: int) -> None:
        self._body.write(struct.pack("<HHI", 0xFFFE, number, length))

    def _from_bulk(self, tag: str, vr: str, location: str) -> None:
        """The value comes with the request, or not at all: no address is ever followed."""
        given = self._bulk.get(location)
        if given is None:
            raise Refused("Bulk data of the metadata did not come with it; no other place is looked at.")
        if tag == PIXEL_DATA and given.syntax not in NATIVE:
            self._head(tag, "OB", UNDEFINED)
            self._mark(0xE000, 0)
            for index, size in enumerate(given.sizes):
                self._mark(0xE000, size + size % 2)
                self._hole(location, index, size)
            self._mark(0xE0DD, 0)
            return
        if len(given.sizes) != 1:
            raise Refused("One value has bulk data in one part.")
        self._head(tag, vr, given.sizes[0] + given.sizes[0] % 2)
        self._hole(location, 0, given.sizes[0], b" " if vr not in BINARY_VRS and vr not in NUMBERS else b"\0")

    def _hole(self, location: str, index: int, size: int, padding: bytes = b"\0") -> None:
        self._close()
        self._pieces.append(("bulk", location, index))
        if size % 2:
            self._body.write(padding)

    def _close(self) -> None:
        """End the piece of the body that is being written."""
        if self._body.tell() > self._begun:
            self._pieces.append(("bytes", self._begun, self._body.tell() - self._begun))
        self._begun = self._body.tell()


def head(tag: str, vr: str, length: int) -> bytes:
    """What stands before a value of that length in explicit VR little endian (DICOM PS3.5 7.1.2). Raises Refused."""
    group, number = int(tag[:4], 16), int(tag[4:], 16)
    if vr in LONG_VRS:
        return struct.pack("<HH2sHI", group, number, vr.encode(), 0, length)
    if length > LONGEST_SHORT:
        raise Refused(f"A value of VR {vr} is longer than it may be.")
    return struct.pack("<HH2sH", group, number, vr.encode(), length)


def encode(dataset: Mapping[str, Any]) -> bytes:
    """A dataset without bulk data in explicit VR little endian, text in UTF-8. Raises as ``encoded``."""
    body = io.BytesIO()
    Writer(body, {}).elements(dataset)
    return body.getvalue()


def encoded(vr: str, element: Mapping[str, Any]) -> bytes:
    """A value of the DICOM JSON model in little endian, text in UTF-8, of even length. Raises Refused, ValueError."""
    if "InlineBinary" in element:
        value = b64decode(element["InlineBinary"], validate=True)
        return value + bytes(len(value) % 2)
    values = element.get("Value") or []
    if not isinstance(values, list) or (vr in BINARY_VRS and values):
        raise Refused(f"A value of VR {vr} is not written so.")
    if vr in NUMBERS:
        return struct.pack(f"<{len(values)}{NUMBERS[vr]}", *(_number(one, NUMBERS[vr]) for one in values))
    if vr == "AT":
        return b"".join(struct.pack("<HH", int(one[:4], 16), int(one[4:], 16)) for one in values)
    text = "\\".join(_text(vr, one) for one in values).encode()
    return text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)


def _number(value: Any, code: str) -> Any:
    return float(value) if code in "fd" else int(value)


def _text(vr: str, value: Any) -> str:
    if value is None:
        return ""
    if vr == "PN":
        kinds = [value.get(kind, "") for kind in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(kinds).rstrip("=")
    if vr == "DS" and isinstance(value, float):
        return _decimal(value)
    return str(value)


def _decimal(value: float) -> str:
    """The nearest decimal string of at most 16 characters (DICOM PS3.5 6.2)."""
    for digits in range(17, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise Refused("A number has no decimal string.")
