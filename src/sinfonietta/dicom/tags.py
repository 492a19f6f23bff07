"""The header of a file as rows for a person to read and search, made of the stored DICOM JSON alone."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def rows(dataset: Mapping[str, Any], *, max_chars: int = MAX_VALUE_CHARS, max_rows: int = MAX_ROWS) -> list[TagRow]:
    """The attributes in order, sequences followed by their items, at most ``max_rows`` of them."""
    found: list[TagRow] = []
    for row in _walk(dataset, "", 0, max_chars):
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


def _walk(dataset: Mapping[str, Any], path: str, depth: int, max_chars: int) -> Iterator[TagRow]:
    for tag in sorted(dataset):
        element = dataset[tag]
        vr = str(element.get("vr", "UN"))
        values = element.get("Value") or []
        keyword, name = _named(tag, dataset)
        text, count = ("", len(values)) if vr == "SQ" else _text(element, vr)
        private = int(tag[:4], 16) % 2 == 1
        cut = len(text) > max_chars
        shown = text[:max_chars] + "…" if cut else text
        label = f"({tag[:4]},{tag[4:]})"
        yield TagRow(f"{path}{tag}", depth, label, keyword, name, vr, count, shown, cut, private)
        if vr == "SQ":
            for index, item in enumerate(values):
                yield TagRow(f"{path}{tag}/{index}", depth + 1, "", "", f"Item {index + 1}", "", 0, "", False, private)
                yield from _walk(item or {}, f"{path}{tag}/{index}/", depth + 2, max_chars)


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


def _named(tag: str, dataset: Mapping[str, Any]) -> tuple[str, str]:
    """Keyword and name of an attribute; private ones by their creator in this dataset (DICOM PS3.5 7.8)."""
    from pydicom import datadict  # noqa: PLC0415 - half a second, paid by the first page with tags

    number = int(tag, 16)
    group, low = number >> 16, number & 0xFFFF
    if group % 2:
        if 0x10 <= low <= 0xFF:
            return "", "Private Creator"
        creator = _creator(f"{tag[:4]}00{low >> 8:02X}", dataset)
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
