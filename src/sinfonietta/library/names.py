"""Names of nodes: what people may write, and what would break a path, a header or an archive."""

from __future__ import annotations

import unicodedata

from sinfonietta.common.errors import Invalid

LONGEST = 255
LONGEST_ENDING = 20
"""What comes after the last dot of a name and is longer is no ending."""


def clean_name(name: str) -> str:
    """The name in NFC. Raises Invalid with a sentence when it cannot be a name."""
    name = unicodedata.normalize("NFC", name)
    problem = _problem(name)
    if problem:
        raise Invalid(problem, errors={"name": [problem]})
    return name


def _problem(name: str) -> str:
    if not name.strip():
        return "A name needs at least one character that can be seen."
    if len(name) > LONGEST:
        return f"A name has at most {LONGEST} characters; this one has {len(name)}."
    if name in (".", ".."):
        return "“.” and “..” are not names."
    if "/" in name:
        return "A name cannot hold “/”."
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return "A name cannot hold control characters or broken characters."
    return ""


def encodable(text: str) -> bool:
    """Whether a database can keep or look for a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def numbered(name: str, number: int) -> str:
    """``scan (2).dcm`` for ``scan.dcm``: the name of another thing beside one of that name."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > LONGEST_ENDING:
        stem, dot, ending = name, "", ""
    tail = f" ({number}){dot}{ending}"
    return stem[: LONGEST - len(tail)] + tail
