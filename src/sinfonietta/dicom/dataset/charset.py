"""Text in DICOM's character sets (DICOM PS3.5 6.1, PS3.3 C.12.1.1.2), and person names to search by."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

# The single character sets that nearly all files use; the others, and code extensions, are pydicom's.
PLAIN = {
    "": "latin-1",  # ISO_IR 6 is ASCII; bytes above it are read as Latin-1 rather than lost
    "ISO_IR 6": "latin-1",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "iso8859-11",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
_TEXT_DELIMITERS = frozenset(b"\t\n\r\x0c\\")
_NAME_DELIMITERS = frozenset(b"^=\\")


class Charset:
    """Decodes text values; what cannot be decoded becomes U+FFFD, never an error."""

    def __init__(self, terms: Sequence[str] = ()) -> None:
        self._codec = PLAIN.get(terms[0]) if len(terms) == 1 else None if terms else "latin-1"
        self._encodings: list[str] = [] if self._codec else _encodings(tuple(terms))

    def text(self, value: bytes) -> str:
        """The text of a value of VR SH, LO, ST, LT, UC, UT."""
        if self._codec and b"\x1b" not in value:
            return value.decode(self._codec, "replace")
        return self._extended(value, _TEXT_DELIMITERS)

    def name(self, value: bytes) -> str:
        """The text of a value of VR PN, its three representations still joined by ``=``."""
        if self._codec and b"\x1b" not in value:
            return value.decode(self._codec, "replace")
        return "=".join(self._extended(part, _NAME_DELIMITERS) for part in value.split(b"="))

    def _extended(self, value: bytes, delimiters: frozenset[int]) -> str:
        """Code extensions: escape sequences switch between sets within one value (DICOM PS3.5 6.1.2.4)."""
        import warnings  # noqa: PLC0415

        from pydicom import charset  # noqa: PLC0415 - half a second, and few files need it

        encodings = self._encodings or ([self._codec] if self._codec else [charset.default_encoding])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return charset.decode_bytes(value, encodings, set(delimiters))
            except (LookupError, UnicodeError):
                return value.decode("latin-1")


@lru_cache(maxsize=64)
def _encodings(terms: tuple[str, ...]) -> list[str]:
    import warnings  # noqa: PLC0415

    from pydicom import charset  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return charset.convert_encodings(list(terms))
        except (LookupError, ValueError):
            return [charset.default_encoding]


@lru_cache(maxsize=256)
def charset_of(terms: tuple[str, ...]) -> Charset:
    """The decoder for the values of Specific Character Set (0008,0005)."""
    return Charset(terms)


def search_key(name: str | Mapping[str, str]) -> str:
    """A person name in the form in which it is searched: case, width and separators folded.

    ``name`` is a DICOM string (``Yamada^Tarou=山田^太郎``) or the JSON object of PS3.18 F.2.2. The representations are
    joined by ``=`` in the order alphabetic, ideographic, phonetic; empty trailing ones are left out.
    """
    if isinstance(name, str):
        parts = name.split("=")
    else:
        parts = [name.get(kind, "") for kind in ("Alphabetic", "Ideographic", "Phonetic")]
    return "=".join(_fold(part) for part in parts[:3]).rstrip("=")


def _fold(part: str) -> str:
    components = unicodedata.normalize("NFKC", part).casefold().split("^")
    return "^".join(" ".join(component.split()) for component in components).rstrip("^")
