"""The header of a file as rows for a person to read and search, made of the stored DICOM JSON alone."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sinfonietta.dicom.dataset import csa
from sinfonietta.dicom.dataset.charset import charset_of
from sinfonietta.dicom.dataset.values import NUMBERS
from sinfonietta.dicom.dataset.values import element as as_vr

Load = Callable[[str], bytes]
MAX_VALUE_CHARS = 256
MAX_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class TagRow:
    """One attribute, or one item of a sequence (``tag`` empty, ``name`` "Item 1").

    ``path`` names the row uniquely: ``00081140/0/00081155`` (items from 0). ``multiplicity`` counts values, for a
    sequence its items. ``value`` is text, cut where ``truncated``.
    """

    path: str
    depth: int
    tag: str
    keyword: str
    name: str
    vr: str
    multiplicity: int
    value: str
    truncated: bool
    private: bool


def rows(
    dataset: Mapping[str, Any], *, max_chars: int = MAX_VALUE_CHARS, max_rows: int = MAX_ROWS, load: Load | None = None
) -> list[TagRow]:
    """The attributes in order, sequences followed by their items, at most ``max_rows`` of them.

    With ``load``, which gives the bytes of a bulk value by its URI, Siemens CSA headers are followed by their elements.
    """
    found: list[TagRow] = []
    for row in _walk(dataset, "", 0, max_chars, load):
        found.append(row)
        if len(found) >= max_rows:
            break
    return found


def matching(found: Sequence[TagRow], text: str) -> list[TagRow]:
    """The rows whose tag, keyword, name or value contains ``text``, and the sequences and items around them."""
    wanted = text.strip().casefold()
    if not wanted:
        return list(found)
    bare = wanted.strip("()").replace(",", "")
    kept: set[str] = set()
    for row in found:
        words = f"{row.keyword}\n{row.name}\n{row.value}".casefold()
        if wanted in words or bare in row.path.rpartition("/")[2].casefold():
            parts = row.path.split("/")
            kept.update("/".join(parts[: count + 1]) for count in range(len(parts)))
    return [row for row in found if row.path in kept]


def has_csa(dataset: Mapping[str, Any]) -> bool:
    """Whether there is a Siemens CSA header, whose bytes are needed to show it."""
    return any(_creator(f"002900{block:02X}", dataset).strip() == csa.CREATOR for block in range(0x10, 0x20))


def _walk(dataset: Mapping[str, Any], path: str, depth: int, max_chars: int, load: Load | None) -> Iterator[TagRow]:
    for tag in sorted(dataset):
        creator = _creator_of(tag, dataset)
        element = _understood(dataset[tag], tag, creator)
        vr = str(element.get("vr", "UN"))
        values = element.get("Value") or []
        keyword, name = _named(tag, creator)
        text, count = ("", len(values)) if vr == "SQ" else _text(element, vr)
        private = int(tag[:4], 16) % 2 == 1
        cut = len(text) > max_chars
        shown = text[:max_chars] + "…" if cut else text
        label = f"({tag[:4]},{tag[4:]})"
        yield TagRow(f"{path}{tag}", depth, label, keyword, name, vr, count, shown, cut, private)
        if vr == "SQ":
            for index, item in enumerate(values):
                yield TagRow(f"{path}{tag}/{index}", depth + 1, "", "", f"Item {index + 1}", "", 0, "", False, private)
                yield from _walk(item or {}, f"{path}{tag}/{index}/", depth + 2, max_chars, load)
        elif load and creator == csa.CREATOR and tag[6:] in csa.ELEMENTS:
            yield from _csa(_bytes(element, f"bulk/{path}{tag}", load), f"{path}{tag}", depth, max_chars)


def _csa(data: bytes, path: str, depth: int, max_chars: int) -> Iterator[TagRow]:
    for number, one in enumerate(csa.read(data)):
        text = "\\".join(one.values)
        cut = len(text) > max_chars
        shown = text[:max_chars] + "…" if cut else text
        yield TagRow(f"{path}/csa/{number}", depth + 1, "", "", one.name, one.vr, len(one.values), shown, cut, True)


def _bytes(element: Mapping[str, Any], uri: str, load: Load) -> bytes:
    return b64decode(element["InlineBinary"]) if "InlineBinary" in element else load(uri)


def _understood(element: Mapping[str, Any], tag: str, creator: str) -> Mapping[str, Any]:
    """A private value that the file has as bytes (UN), by the VR that the dictionary of its creator knows: numbers."""
    if not creator or element.get("vr") != "UN" or "InlineBinary" not in element:
        return element
    from pydicom import datadict  # noqa: PLC0415

    try:
        vr = datadict.private_dictionary_VR(int(tag, 16), creator)
    except KeyError:
        return element
    known = vr in NUMBERS or vr in {"DS", "IS", "AT"}
    return as_vr(vr, b64decode(element["InlineBinary"]), charset_of(()), big_endian=False) if known else element


def _text(element: Mapping[str, Any], vr: str) -> tuple[str, int]:
    """The value for a person, and how many values there are."""
    if "BulkDataURI" in element:
        return "large binary value", 1
    if "InlineBinary" in element:
        data = b64decode(element["InlineBinary"])
        return _binary(data), 1
    values = element.get("Value") or []
    if vr == "PN":
        return "\\".join(person(value) for value in values), len(values)
    if vr == "AT":
        return "\\".join(f"({value[:4]},{value[4:]})" for value in values if value), len(values)
    return "\\".join("" if value is None else _plain(value) for value in values), len(values)


def _plain(value: object) -> str:
    """A number without the tail that a float has but nobody wrote."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def _binary(data: bytes) -> str:
    """Text where the bytes are text (private values of VR UN often are), else hexadecimal."""
    text = data.rstrip(b"\0 ")
    if text and all(32 <= byte < 127 for byte in text):
        return text.decode("ascii")
    return data.hex(" ")


def person(value: object) -> str:
    """A person name of the DICOM JSON model as a DICOM string."""
    if not isinstance(value, Mapping):
        return ""
    return "=".join(value.get(kind, "") for kind in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")


def _creator_of(tag: str, dataset: Mapping[str, Any]) -> str:
    """Who made a private attribute of this dataset (DICOM PS3.5 7.8); empty for standard ones, and where none says."""
    if int(tag[:4], 16) % 2 == 0 or tag[4:6] == "00":
        return ""
    return _creator(f"{tag[:4]}00{tag[4:6]}", dataset).strip()


def _named(tag: str, creator: str) -> tuple[str, str]:
    """Keyword and name of an attribute; private ones by the dictionary of their creator."""
    from pydicom import datadict  # noqa: PLC0415 - half a second, paid by the first page with tags

    number = int(tag, 16)
    group, low = number >> 16, number & 0xFFFF
    if group % 2:
        if 0x10 <= low <= 0xFF:
            return "", "Private Creator"
        try:
            return "", datadict.private_dictionary_description(number, creator)
        except KeyError:
            return "", f"Private: {creator}" if creator else "Private"
    try:
        return datadict.dictionary_keyword(number), datadict.dictionary_description(number)
    except KeyError:
        return "", "Unknown"


def _creator(tag: str, dataset: Mapping[str, Any]) -> str:
    values = dataset.get(tag, {}).get("Value") or [""]
    return values[0] if isinstance(values[0], str) else ""
