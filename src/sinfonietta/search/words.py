"""From text to the words that are searched: one folding for what is stored and what is asked, on every database.

A *word* is a run of letters and digits without case and accents. A *fact* is a word that begins with ``=``, which no
text can hold: ``=modality_ct``. A lone ``=`` parts what no phrase may span.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

LONGEST = 64
"""Characters of a word that count."""
MOST_WORDS, MOST_BYTES = 200_000, 600_000
"""Of one document: words, and bytes of different ones (PostgreSQL takes 1 MB)."""
BREAK = "="
EVERY = "=all"
"""A fact of every document."""
RUN = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """The text without case, accents and other ways to write the same."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(one for one in plain if not unicodedata.combining(one))


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    return [word[:LONGEST] for word in RUN.findall(fold(text))]


def joined(text: str) -> str:
    """The words of a value as one: ``tumour_size``."""
    return "_".join(words(text))[:LONGEST]


def fact(field: str, value: str) -> str:
    """The fact that a field has that value."""
    return f"={field}_{joined(value)}"


def facts(field: str, *values: str) -> Iterator[str]:
    """What a field's values can be found by: each as a whole, and by its words."""
    for value in values:
        parts = words(value)
        if parts:
            yield fact(field, value)
            yield from (f"={field}_{part}" for part in parts if len(parts) > 1)


def document(texts: Iterable[str], stated: Iterable[str]) -> str:
    """All words of a document as they are kept: its texts, parted, and then its facts."""
    found: list[str] = []
    different: set[str] = set()
    size = 0
    for text in texts:
        for word in words(text):
            if word not in different:
                size += len(word.encode()) + 4
                different.add(word)
            if size > MOST_BYTES or len(found) >= MOST_WORDS:
                break
            found.append(word)
        found.append(BREAK)
    return " ".join([*found, EVERY, *dict.fromkeys(stated)])


def vector(kept: str) -> str:
    """The kept words as a ``tsvector`` of PostgreSQL, with the same words and places."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(kept.split(" "), 1):
        if word != BREAK:
            places.setdefault(word, []).append(str(min(place, 16383)))
    return " ".join(f"'{word}':{','.join(at[:255])}" for word, at in places.items())
