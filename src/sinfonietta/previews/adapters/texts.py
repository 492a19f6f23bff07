"""Text and source code: lines of coloured words."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

MOST_BYTES = 2 << 20
"""Longer texts are shown up to here."""
COLOURED_BYTES = 384 << 10
"""Beyond it the words are not told apart."""
MOST_LINES = 20_000
LONGEST_LINE = 5_000
Answer = tuple[dict[str, Any], bytes]
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decoded(data: bytes, *, is_cut: bool = False) -> tuple[str, str]:
    """The text and the name of its encoding: by its mark, else UTF-8, else Windows-1252 (as browsers do)."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=not is_cut), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def beginning(path: str, most: int = MOST_BYTES) -> tuple[str, str, bool]:
    """Text, encoding, and whether there is more."""
    with Path(path).open("rb") as stream:
        data = stream.read(most + 1)
    is_cut = len(data) > most
    return *decoded(data[:most], is_cut=is_cut), is_cut


def show(path: str, name: str) -> Answer:
    """The lines, each a list of [class, word]; ``language`` is empty for plain text."""
    text, encoding, is_cut = beginning(path)
    language, lines = coloured(text, name)
    is_cut = is_cut or len(lines) > MOST_LINES
    shown = lines[:MOST_LINES]
    return {"lines": shown, "language": language, "encoding": encoding, "is_cut": is_cut}, b""


def coloured(text: str, name: str) -> tuple[str, list[list[list[str]]]]:
    """The language by the name of the file, and the words of each line with their class (Pygments' short names)."""
    from pygments.lexers import get_lexer_for_filename  # noqa: PLC0415 - only who colours pays for it
    from pygments.token import STANDARD_TYPES  # noqa: PLC0415
    from pygments.util import ClassNotFound  # noqa: PLC0415

    try:
        lexer = get_lexer_for_filename(Path(name).name, stripnl=False) if len(text) <= COLOURED_BYTES else None
    except ClassNotFound:
        lexer = None
    if lexer is None or lexer.name == "Text only":
        return "", [[["", line[:LONGEST_LINE]]] for line in text.splitlines()]
    lines: list[list[list[str]]] = [[]]
    for token, value in lexer.get_tokens(text):
        first, *rest = value.split("\n")
        if first:
            lines[-1].append([STANDARD_TYPES.get(token, ""), first[:LONGEST_LINE]])
        lines += [[[STANDARD_TYPES.get(token, ""), word[:LONGEST_LINE]]] if word else [] for word in rest]
    return lexer.name, lines[:-1] if lines[-1] == [] else lines
