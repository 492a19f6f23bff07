"""The Native DICOM Model: datasets as XML (DICOM PS3.19 A.1), from the DICOM JSON model and back (PS3.18 F)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from sinfonietta.dicom.dataset.values import BINARY_VRS, KNOWN

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
NAMES = ("Alphabetic", "Ideographic", "Phonetic")
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
DEEPEST = 64
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_WHOLE = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "IS"})
_DECIMAL = frozenset({"FL", "FD", "DS"})


class Malformed(ValueError):
    """The text is no Native DICOM Model; the message says why, for a person."""


def to_xml(dataset: Mapping[str, Any]) -> bytes:
    """A dataset of the DICOM JSON model as an XML document, in UTF-8. What XML cannot hold becomes U+FFFD."""
    head = f'<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
    return (head + "".join(_attributes(dataset)) + "</NativeDicomModel>").encode()


def _attributes(dataset: Mapping[str, Any]) -> Iterator[str]:
    for tag in sorted(dataset):
        element = dataset[tag]
        vr = str(element.get("vr", "UN"))
        named = f" privateCreator={_quoted(creator)}" if (creator := _creator(tag, dataset)) else ""
        if keyword := _keyword(tag):
            named += f' keyword="{keyword}"'
        yield f'<DicomAttribute tag="{tag}" vr="{vr}"{named}>'
        yield from _values(element, vr)
        yield "</DicomAttribute>"


def _values(element: Mapping[str, Any], vr: str) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f"<BulkData uri={_quoted(str(element['BulkDataURI']))}/>"
    if "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(element.get("Value", ()), 1):
        if vr == "SQ":
            yield f'<Item number="{number}">'
            yield from _attributes(value or {})
            yield "</Item>"
        elif vr == "PN":
            yield f'<PersonName number="{number}">'
            yield from _name(value or {})
            yield "</PersonName>"
        elif value is None:
            yield f'<Value number="{number}"/>'
        else:
            yield f'<Value number="{number}">{_text(_plain(value))}</Value>'


def _name(value: Mapping[str, str]) -> Iterator[str]:
    for kind in NAMES:
        if kind in value:
            parts = zip(COMPONENTS, value[kind].split("^"), strict=False)
            yield (
                f"<{kind}>" + "".join(f"<{name}>{_text(part)}</{name}>" for name, part in parts if part) + f"</{kind}>"
            )


def _plain(value: object) -> str:
    """A number without the tail that a float has but nobody wrote."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text), {"\r": "&#13;"})


def _quoted(text: str) -> str:
    return quoteattr(_ILLEGAL.sub("\ufffd", text))


def _creator(tag: str, dataset: Mapping[str, Any]) -> str:
    """Who defined a private attribute (DICOM PS3.5 7.8.1)."""
    if int(tag[:4], 16) % 2 == 0 or tag[4:6] == "00":
        return ""
    values = dataset.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value") or [""]
    return values[0] if isinstance(values[0], str) else ""


def _keyword(tag: str) -> str:
    from pydicom.datadict import keyword_for_tag  # noqa: PLC0415 - half a second, and JSON needs none of it

    return keyword_for_tag(int(tag, 16))


def from_xml(text: bytes) -> dict[str, Any]:
    """The DICOM JSON model of an XML document. Raises Malformed; entities and document types are not taken."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Malformed(f"The XML is damaged ({expat.ErrorString(error.code)}).") from error
    if reader.whole is None:
        raise Malformed("The XML holds no NativeDicomModel.")
    return reader.whole


class _Reader:
    """Follows the document: a stack of datasets, each with the attribute that is being read in it."""

    def __init__(self) -> None:
        self.whole: dict[str, Any] | None = None
        self._datasets: list[dict[str, Any]] = []
        self._elements: list[dict[str, Any]] = []
        self._name: dict[str, list[str]] = {}
        self._kind = ""
        self._said: list[str] = []

    def refuse(self, *said: object) -> None:
        raise Malformed("A document type is not taken.")

    def text(self, said: str) -> None:
        self._said.append(said)

    def start(self, full: str, attributes: dict[str, str]) -> None:
        name = full.rpartition(" ")[2]
        self._said = []
        if name == "NativeDicomModel" and not self._datasets:
            self._datasets.append({})
        elif name == "Item" and self._elements and self._elements[-1]["vr"] == "SQ":
            if len(self._datasets) > DEEPEST:
                raise Malformed(f"Sequences are nested more than {DEEPEST} deep.")
            self._datasets.append({})
        elif name == "DicomAttribute" and len(self._datasets) == len(self._elements) + 1:
            self._begin(attributes)
        elif not self._elements:
            raise Malformed(f"<{name[:40]}> stands where no attribute is.")
        elif name == "BulkData":
            self._elements[-1]["BulkDataURI"] = attributes.get("uri", attributes.get("uuid", ""))
        elif name == "PersonName":
            self._name = {}
        elif name in NAMES:
            self._kind = name
            self._name[name] = [""] * len(COMPONENTS)

    def _begin(self, attributes: dict[str, str]) -> None:
        tag, vr = attributes.get("tag", "").upper(), attributes.get("vr", "UN")
        if not _TAG.fullmatch(tag) or vr.encode() not in KNOWN:
            raise Malformed("A DicomAttribute has no tag of eight hexadecimal digits, or no VR that is known.")
        creator = attributes.get("privateCreator")
        if creator and int(tag[:4], 16) % 2:
            block = f"{tag[:4]}00{tag[4:6] if tag[4:6] != '00' else '10'}"
            tag = f"{tag[:4]}{block[6:]}{tag[6:]}"
            self._datasets[-1].setdefault(block, {"vr": "LO", "Value": [creator]})
        element: dict[str, Any] = {"vr": vr}
        self._datasets[-1][tag] = element
        self._elements.append(element)

    def end(self, full: str) -> None:
        name = full.rpartition(" ")[2]
        said, self._said = "".join(self._said), []
        if name == "NativeDicomModel":
            self.whole = self._datasets.pop()
        elif name == "DicomAttribute":
            self._elements.pop()
        elif name == "Item":
            dataset = self._datasets.pop()
            self._elements[-1].setdefault("Value", []).append(dataset)
        elif name == "Value":
            self._elements[-1].setdefault("Value", []).append(_value(said, self._elements[-1]["vr"]))
        elif name == "InlineBinary":
            self._elements[-1]["InlineBinary"] = "".join(said.split())
        elif name in COMPONENTS and self._kind in self._name:
            self._name[self._kind][COMPONENTS.index(name)] = said
        elif name == "PersonName":
            joined = {kind: "^".join(parts).rstrip("^") for kind, parts in self._name.items()}
            self._elements[-1].setdefault("Value", []).append(joined)


def _value(said: str, vr: str) -> object:
    if not said:
        return None
    if vr in BINARY_VRS:
        raise Malformed(f"A value of VR {vr} is InlineBinary or BulkData.")
    try:
        if vr in _WHOLE:
            return int(said)
        return float(said) if vr in _DECIMAL else said
    except ValueError:
        return said
