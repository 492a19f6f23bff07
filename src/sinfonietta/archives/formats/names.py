"""Names in archives: bytes of an encoding that nobody wrote down."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def is_japanese(raw: Sequence[bytes]) -> bool:
    """Whether names that are no UTF-8 are Shift JIS, as Japanese Windows writes them: together they must make sense."""
    try:
        letters = {letter for name in raw for letter in name.decode("cp932") if letter > "\x7f"}
    except UnicodeDecodeError:
        return False
    return bool(letters) and all(_is_japanese_letter(letter) for letter in letters)


def _is_japanese_letter(letter: str) -> bool:
    known = unicodedata.name(letter, "")
    return known.startswith(("HIRAGANA", "KATAKANA", "CJK UNIFIED", "IDEOGRAPHIC", "FULLWIDTH"))


def decoded(raw: bytes, legacy: str) -> str:
    """A name: UTF-8 where it is that, else in ``legacy`` (cp437 knows every byte)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(legacy, "replace")
