"""Names in archives: bytes of an encoding that nobody wrote down."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

FOREIGN = re.compile(r"[^\x00-\x7f]+")


def is_japanese(raw: Sequence[bytes]) -> bool:
    """Whether names that are no UTF-8 are Shift JIS, as Japanese Windows writes them: together they must make sense.

    An umlaut with the letter after it often makes a Chinese character, but such stand alone; Japanese is written in
    runs of them.
    """
    try:
        runs = [run for name in raw for run in FOREIGN.findall(name.decode("cp932"))]
    except UnicodeDecodeError:
        return False
    if not all(_is_japanese_letter(letter) for letter in set("".join(runs))):
        return False
    return sum(len(run) for run in runs if len(run) > 1) * 2 > sum(map(len, runs))


def _is_japanese_letter(letter: str) -> bool:
    known = unicodedata.name(letter, "")
    return known.startswith(("HIRAGANA", "KATAKANA", "CJK UNIFIED", "IDEOGRAPHIC", "FULLWIDTH"))


def decoded(raw: bytes, legacy: str) -> str:
    """A name: UTF-8 where it is that, else in ``legacy`` (cp437 knows every byte)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(legacy, "replace")
